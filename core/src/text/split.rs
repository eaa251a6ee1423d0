//! [`Text`] cut into pieces and searched: the methods users call on lines, and the iterators they return.
//!
//! The iterators own the text they cut, so that they may leave the closure that made them.

use std::fmt;
use std::iter::FusedIterator;

use super::pattern::search::{Search, Seek};
use super::pattern::{ByteSeek, SpaceSeek};
use super::pieces::{All, NotEmpty, Pieces, WithoutReturn};
use super::{Pattern, Text, View, chars};

impl Text {
    /// The pieces between matches of `separator`, as [`str::split`] gives them: a text without a match is one piece,
    /// and there is an empty piece before a match at the start, between two neighbours, and after one at the end.
    ///
    /// ```
    /// use batchmill::Text;
    ///
    /// let line = Text::from("GET /index.html 200");
    /// assert_eq!(line.split(' ').nth(1).unwrap(), "/index.html");
    /// assert_eq!(line.split(|c: char| !c.is_alphanumeric()).count(), 5);
    /// assert_eq!(line.split(" /").last().unwrap(), "index.html 200");
    /// ```
    #[inline]
    pub fn split<P: Pattern>(&self, separator: P) -> Split<P> {
        let seek = separator.seek_from(self.view().start);
        Split { pieces: Pieces::new(self, seek) }
    }

    /// The pieces between runs of white space, none of them empty, as [`str::split_whitespace`] gives them.
    ///
    /// ```
    /// let line = batchmill::Text::from("  to\tbe ");
    /// assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["to", "be"]);
    /// ```
    #[inline]
    pub fn split_whitespace(&self) -> SplitWhitespace {
        SplitWhitespace { pieces: Pieces::new(self, SpaceSeek::new(self.view().start)) }
    }

    /// Its lines without their ends, which are `\n` or `\r\n`, as [`str::lines`] gives them.
    ///
    /// ```
    /// let text = batchmill::Text::from("one\r\ntwo\n");
    /// assert_eq!(text.lines().collect::<Vec<_>>(), ["one", "two"]);
    /// ```
    #[inline]
    pub fn lines(&self) -> Lines {
        Lines { pieces: Pieces::new(self, ByteSeek::new(b'\n', self.view().start)) }
    }

    /// It without the white space at both ends.
    pub fn trim(&self) -> Text {
        let view = self.view();
        let start = skip_start(&view);
        view.piece(start, skip_end(&view, start))
    }

    /// It without the white space at its start.
    pub fn trim_start(&self) -> Text {
        let view = self.view();
        view.piece(skip_start(&view), view.end)
    }

    /// It without the white space at its end.
    pub fn trim_end(&self) -> Text {
        let view = self.view();
        view.piece(view.start, skip_end(&view, view.start))
    }

    /// Whether it starts with a match of `pattern`.
    pub fn starts_with<P: Pattern>(&self, pattern: P) -> bool {
        pattern.starts(self.as_bytes())
    }

    /// Whether it ends with a match of `pattern`.
    pub fn ends_with<P: Pattern>(&self, pattern: P) -> bool {
        pattern.ends(self.as_bytes())
    }

    /// Whether there is a match of `pattern` in it.
    pub fn contains<P: Pattern>(&self, pattern: P) -> bool {
        let view = self.view();
        pattern.seek_from(view.start).next_match(view.all, view.end).is_some()
    }
}

fn skip_start(view: &View<'_>) -> usize {
    let mut start = view.start;
    while start < view.end {
        let (char, len) = chars::first(view.all, start);
        if !char.is_whitespace() {
            break;
        }
        start += len;
    }
    start
}

fn skip_end(view: &View<'_>, start: usize) -> usize {
    let mut end = view.end;
    while end > start {
        let (char, len) = chars::last(view.all, end);
        if !char.is_whitespace() {
            break;
        }
        end -= len;
    }
    end
}

/// The public iterators: a walk each, with its own name.
macro_rules! pieces {
    ($([$($generic:tt)*] $name:ty;)*) => {$(
        impl<$($generic)*> Iterator for $name {
            type Item = Text;

            #[inline]
            fn next(&mut self) -> Option<Text> {
                self.pieces.next()
            }

            #[inline]
            fn fold<A, F: FnMut(A, Text) -> A>(self, first: A, f: F) -> A {
                self.pieces.fold(first, f)
            }
        }

        impl<$($generic)*> FusedIterator for $name {}

        impl<$($generic)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("text", &self.pieces.text).finish_non_exhaustive()
            }
        }
    )*};
}

/// The pieces of a text between separators; made by [`Text::split`].
pub struct Split<P: Pattern> {
    pieces: Pieces<<P as Search>::Seek, All>,
}

/// The pieces of a text between runs of white space; made by [`Text::split_whitespace`].
#[derive(Clone)]
pub struct SplitWhitespace {
    pieces: Pieces<SpaceSeek, NotEmpty>,
}

/// The lines of a text; made by [`Text::lines`].
#[derive(Clone)]
pub struct Lines {
    pieces: Pieces<ByteSeek, WithoutReturn>,
}

pieces! {
    [P: Pattern] Split<P>;
    [] SplitWhitespace;
    [] Lines;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text itself, and the same cut out of a longer one, where bytes lie around it.
    fn both(content: &str) -> [Text; 2] {
        let whole = Text::from(format!("{0}\u{10FFFF}{0}\u{10FFFF}{0}", content));
        let cut = whole.split('\u{10FFFF}').nth(1).expect("there are three pieces");
        [Text::from(content), cut]
    }

    /// Every way to go through an iterator gives the same pieces.
    fn pieces<I: Iterator<Item = Text>>(make: impl Fn() -> I) -> Vec<String> {
        let mut by_next = Vec::new();
        let mut iter = make();
        for piece in iter.by_ref() {
            by_next.push(piece.to_string());
        }
        assert!(iter.next().is_none());
        let mut by_fold = Vec::new();
        make().for_each(|piece| by_fold.push(piece.to_string()));
        assert_eq!(by_next, by_fold);
        // And the rest after the first.
        let mut rest = make();
        let mut mixed: Vec<String> = rest.next().iter().map(ToString::to_string).collect();
        rest.for_each(|piece| mixed.push(piece.to_string()));
        assert_eq!(by_next, mixed);
        by_next
    }

    fn owned<'a>(pieces: impl Iterator<Item = &'a str>) -> Vec<String> {
        pieces.map(str::to_owned).collect()
    }

    fn check(content: &str, needle: &str, char: char) {
        for text in both(content) {
            assert_eq!(pieces(|| text.split(char)), owned(content.split(char)));
            assert_eq!(pieces(|| text.split(needle)), owned(content.split(needle)));
            assert_eq!(pieces(|| text.split([char, '\n'])), owned(content.split([char, '\n'])));
            let test = |c: char| c == char || c.is_uppercase();
            assert_eq!(pieces(|| text.split(test)), owned(content.split(test)));
            assert_eq!(pieces(|| text.split_whitespace()), owned(content.split_whitespace()));
            assert_eq!(pieces(|| text.lines()), owned(content.lines()));
            assert_eq!(text.trim(), content.trim());
            assert_eq!(text.trim_start(), content.trim_start());
            assert_eq!(text.trim_end(), content.trim_end());
            assert_eq!(text.contains(needle), content.contains(needle));
            assert_eq!(text.contains(char), content.contains(char));
            assert_eq!(text.starts_with(needle), content.starts_with(needle));
            assert_eq!(text.starts_with(char), content.starts_with(char));
            assert_eq!(text.starts_with(test), content.starts_with(test));
            assert_eq!(text.ends_with(needle), content.ends_with(needle));
            assert_eq!(text.ends_with(char), content.ends_with(char));
            assert_eq!(text.ends_with(test), content.ends_with(test));
        }
    }

    #[test]
    fn edges_of_split_are_those_of_str() {
        for content in
            ["", " ", "  ", "a", " a", "a ", " a  b ", "\r\n", "a\r\nb\r", "\n\na", "é é", "\u{85}a\u{3000}"]
        {
            for needle in ["", " ", "  ", "a", "é", "a "] {
                check(content, needle, ' ');
                check(content, needle, 'é');
            }
        }
    }

    #[test]
    fn a_split_outlives_its_line() {
        let words = |line: Text| line.split(' ');
        let pieces: Vec<Text> = words(Text::from("a line that is longer than twenty-three bytes")).collect();
        assert_eq!(pieces.len(), 8);
        assert_eq!(pieces[7], "bytes");
    }

    #[test]
    fn a_text_is_a_pattern() {
        let line = Text::from("key=value");
        assert!(
            line.contains(&Text::from("=v"))
                && line.starts_with(&"key".to_owned())
                && line.ends_with(['e', 'x'])
        );
    }

    proptest! {
        #[test]
        fn split_is_the_same_as_that_of_str(
            content in "[ab \t\r\n\u{85}\u{2003}\u{3000}éÉ中🦀]{0,200}",
            needle in "[ab é中]{0,3}",
            char in "[a é中🦀]",
        ) {
            check(&content, &needle, char.chars().next().expect("it has one"));
        }

        #[test]
        fn words_are_the_same_as_those_of_str(content in "([a-z]{0,30} {0,2}){0,60}") {
            check(&content, "a ", ' ');
        }
    }
}
