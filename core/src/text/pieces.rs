//! The walk through a text that makes its pieces, behind all the iterators of `split`.
//!
//! `fold`, and with it `for_each` and `count`, looks at the text's form once for all pieces and hands each on in
//! registers; `next` has to look each time and to return through memory. The engine passes pieces on by `for_each`.

use std::marker::PhantomData;

use super::Text;
use super::pattern::search::Seek;

/// Which pieces there are, of all that lie between matches.
pub(super) trait Rule {
    /// What becomes of the piece `all[start..end]`; `last` says that no match follows it.
    fn keep(all: &[u8], start: usize, end: usize, last: bool) -> Option<(usize, usize)>;
}

/// All of them.
#[derive(Clone)]
pub(super) struct All;

impl Rule for All {
    #[inline(always)]
    fn keep(_: &[u8], start: usize, end: usize, _: bool) -> Option<(usize, usize)> {
        Some((start, end))
    }
}

/// Those that are not empty.
#[derive(Clone)]
pub(super) struct NotEmpty;

impl Rule for NotEmpty {
    #[inline(always)]
    fn keep(_: &[u8], start: usize, end: usize, _: bool) -> Option<(usize, usize)> {
        (start < end).then_some((start, end))
    }
}

/// Lines: without a `\r` before the `\n`, and none behind the last `\n` if nothing is there.
#[derive(Clone)]
pub(super) struct WithoutReturn;

impl Rule for WithoutReturn {
    #[inline(always)]
    fn keep(all: &[u8], start: usize, end: usize, last: bool) -> Option<(usize, usize)> {
        if last {
            return (start < end).then_some((start, end));
        }
        Some((start, end - usize::from(all[start..end].ends_with(b"\r"))))
    }
}

/// A walk through the pieces of a text.
#[derive(Clone)]
pub(super) struct Pieces<S, R> {
    pub(super) text: Text,
    seek: S,
    /// Where the next piece starts.
    start: usize,
    done: bool,
    rule: PhantomData<R>,
}

impl<S: Seek, R: Rule> Pieces<S, R> {
    #[inline(always)]
    pub(super) fn new(text: &Text, seek: S) -> Self {
        Self { text: text.clone(), seek, start: text.view().start, done: false, rule: PhantomData }
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<Text> {
        let view = self.text.view();
        while !self.done {
            let found = self.seek.next_match(view.all, view.end);
            let (end, next) = found.unwrap_or((view.end, view.end));
            let start = std::mem::replace(&mut self.start, next);
            self.done = found.is_none();
            if let Some((start, end)) = R::keep(view.all, start, end, self.done) {
                return Some(view.piece(start, end));
            }
        }
        None
    }

    #[inline(always)]
    pub(super) fn fold<A>(self, first: A, mut f: impl FnMut(A, Text) -> A) -> A {
        let Self { text, mut seek, mut start, done, .. } = self;
        let mut folded = first;
        if done {
            return folded;
        }
        let view = text.view();
        while let Some((end, next)) = seek.next_match(view.all, view.end) {
            if let Some((start, end)) = R::keep(view.all, start, end, false) {
                folded = f(folded, view.piece(start, end));
            }
            start = next;
        }
        match R::keep(view.all, start, view.end, true) {
            Some((start, end)) => f(folded, view.piece(start, end)),
            None => folded,
        }
    }
}
