//! [`Text`]: the string that streams of text carry, cut from a block without a copy.
//!
//! Decoders make lines of it inside a batch's tasks, on whatever thread runs them; user closures split and compare
//! it; keyed operators hash it. `inline` holds the short form, `pattern` and `window` find
//! separators, `pieces` and `split` cut at them, `traits` are the usual impls, `lines` decodes blocks and `cutter` cuts
//! what a reader reads.

mod chars;
mod chunk;
mod cutter;
mod inline;
mod lines;
#[cfg(test)]
mod oracle;
mod pattern;
mod pieces;
mod split;
mod traits;
mod window;

use std::sync::Arc;

pub use chunk::{InvalidPiece, TextChunk};
pub use cutter::{Cut, LineCutter, LineTooLong, LongLine};
use inline::{INLINE, Inline};
pub use lines::{LineCount, LineError, TextLines, Utf8Policy};
pub use pattern::Pattern;
pub use split::{Lines, Split, SplitWhitespace};

use crate::buffer::{BlockBytes, Home};

/// UTF-8 that was checked as a whole, shared by the texts cut from it.
pub(crate) struct TextBlock {
    text: String,
    /// Where the memory goes afterwards.
    home: Option<Arc<dyn Home>>,
    /// Whether there is a `\r` in it. Looked up when it is made, not when it is asked for: clippy takes a cell in here
    /// for a text that may change as the key of a map, and would say so to every user.
    returns: bool,
}

impl TextBlock {
    /// A block of at most 4 GiB.
    fn new(text: String) -> Self {
        let returns = memchr::memchr(b'\r', text.as_bytes()).is_some();
        Self { text, home: None, returns }
    }

    /// Checks `bytes` in place. Gives them back when they are not UTF-8, or too long for a text's offsets.
    pub(crate) fn from_utf8(bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(bytes);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(text)),
            Err(error) => Err(error.into_bytes()),
        }
    }

    /// As [`from_utf8`](Self::from_utf8), for the bytes of a block.
    pub(crate) fn from_block(bytes: BlockBytes) -> Result<Self, BlockBytes> {
        let (bytes, home) = bytes.take_apart();
        match Self::from_utf8(bytes) {
            Ok(mut text) => {
                text.home = home;
                Ok(text)
            }
            Err(bytes) => Err(BlockBytes::put_together(bytes, home)),
        }
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether there is a `\r` in it.
    fn has_returns(&self) -> bool {
        self.returns
    }
}

impl Drop for TextBlock {
    fn drop(&mut self) {
        drop(BlockBytes::put_together(std::mem::take(&mut self.text).into_bytes(), self.home.take()));
    }
}

/// A piece of UTF-8 text, cheap to cut, clone, compare and hash; the records of every text source.
///
/// It is 24 bytes long. Up to 23 bytes of text lie inside it; a longer one is a reference-counted slice of the block
/// it was cut from, so that cutting a line or a word copies no text. There is one form for each content: equal texts
/// look the same, comparing short ones takes a few instructions and hashing them two or three words.
///
/// It derefs to `str` for everything `str` can do. What a stream does most - [`split`](Text::split),
/// [`trim`](Text::trim), [`lines`](Text::lines), `==` - it does itself, and gives `Text` that owns what it needs: it may
/// leave the closure and outlive the line. (`str`'s own methods cost a little more here: a short text proves that it
/// is UTF-8 each time it becomes a `str`.)
///
/// ```
/// use batchmill::Text;
///
/// let words = |line: Text| line.split(' ');
/// let line = Text::from("to be or not to be");
/// let words: Vec<Text> = words(line.clone()).collect();
/// assert_eq!(words.len(), 6);
/// assert_eq!(words[0], words[4]);
/// assert_eq!(line.to_uppercase(), "TO BE OR NOT TO BE");
/// ```
///
/// A long text keeps its whole block alive. One that is kept for longer than its batch should be
/// [detached](Text::detach); state and retained batches do that themselves.
///
/// Its hash is its own, not that of `str`; so it is no `Borrow<str>`, and a map with `Text` keys is asked with a `Text`:
///
/// ```compile_fail
/// let counts = std::collections::HashMap::from([(batchmill::Text::from("to"), 2)]);
/// counts.get("to");
/// ```
#[derive(Clone)]
pub struct Text {
    repr: Repr,
}

/// On every target, 32-bit ones too: the form lies in the niche of the inline length.
const _: () = assert!(size_of::<Text>() == 24 && size_of::<Option<Text>>() == 24);

/// At most [`INLINE`] bytes are always inline, more are always a slice.
#[derive(Clone)]
enum Repr {
    Inline(Inline),
    Slice(Slice),
}

#[derive(Clone)]
struct Slice {
    start: u32,
    len: u32,
    block: Arc<TextBlock>,
}

impl Slice {
    #[inline(always)]
    fn start(&self) -> usize {
        self.start as usize
    }

    #[inline(always)]
    fn end(&self) -> usize {
        self.start as usize + self.len as usize
    }

    #[inline(always)]
    fn as_str(&self) -> &str {
        &self.block.as_str()[self.start()..self.end()]
    }

    #[inline(always)]
    fn as_bytes(&self) -> &[u8] {
        &self.block.as_str().as_bytes()[self.start()..self.end()]
    }
}

impl Text {
    /// The empty text.
    pub const fn new() -> Self {
        Self { repr: Repr::Inline(Inline::EMPTY) }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Inline(inline) => inline.len(),
            Repr::Slice(slice) => slice.len as usize,
        }
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes: UTF-8, and nothing is checked again.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.repr {
            Repr::Inline(inline) => inline.as_bytes(),
            Repr::Slice(slice) => slice.as_bytes(),
        }
    }

    /// It as a `str`.
    ///
    /// A text of up to 23 bytes is checked for UTF-8 each time (5 to 10 ns); a longer one was checked with its block.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.repr {
            Repr::Inline(inline) => {
                std::str::from_utf8(inline.as_bytes()).expect("a text is cut at the ends of characters only")
            }
            Repr::Slice(slice) => slice.as_str(),
        }
    }

    /// The same text in memory of its own, so that it does not keep the block alive that it was cut from.
    ///
    /// Call it on a long text that outlives its batch: a line of 36 bytes kept in a map of your own would otherwise
    /// hold on to a megabyte. A text of up to 23 bytes, or one that fills its block, is cloned.
    ///
    /// ```
    /// use batchmill::Text;
    ///
    /// let page = Text::from("x ".repeat(1_000_000) + "and a last word of more than 23 bytes");
    /// let kept = page.split("x ").last().unwrap().detach();
    /// drop(page); // two megabytes less
    /// assert_eq!(kept, "and a last word of more than 23 bytes");
    /// ```
    pub fn detach(&self) -> Text {
        match &self.repr {
            Repr::Slice(slice) if slice.block.text.capacity() != slice.len as usize => {
                Text::from(slice.as_str().to_owned())
            }
            Repr::Inline(_) | Repr::Slice(_) => self.clone(),
        }
    }

    /// Bytes `start..end` of `block`, which must be the ends of characters.
    #[inline(always)]
    pub(crate) fn cut(block: &Arc<TextBlock>, start: usize, end: usize) -> Text {
        View { all: block.as_str().as_bytes(), start: 0, end: block.text.len(), block: Some(block) }
            .piece(start, end)
    }

    /// Its bytes with all those around them that may be read along.
    #[inline(always)]
    fn view(&self) -> View<'_> {
        match &self.repr {
            Repr::Inline(inline) => View { all: inline.padded(), start: 0, end: inline.len(), block: None },
            Repr::Slice(slice) => View {
                all: slice.block.as_str().as_bytes(),
                start: slice.start(),
                end: slice.end(),
                block: Some(&slice.block),
            },
        }
    }
}

/// A text laid open for a search: pieces are cut from it without looking at its form again.
#[derive(Clone, Copy)]
struct View<'a> {
    /// The whole block, or the padded bytes of a short text.
    all: &'a [u8],
    /// Where in `all` the text starts and ends.
    start: usize,
    end: usize,
    block: Option<&'a Arc<TextBlock>>,
}

impl View<'_> {
    /// The text of `all[start..end]`: places in the block, at ends of characters.
    #[inline(always)]
    fn piece(&self, start: usize, end: usize) -> Text {
        let len = end - start;
        if len <= INLINE {
            return Text { repr: Repr::Inline(Inline::load(self.all, start, len)) };
        }
        // A block is at most 4 GiB long, see `TextBlock::from_utf8`.
        Text { repr: Repr::Slice(Slice { start: start as u32, len: len as u32, block: self.share() }) }
    }

    /// Out of line for its size; and it returns a pointer, not a text, so that a text is put together in registers.
    #[inline(never)]
    fn share(&self) -> Arc<TextBlock> {
        Arc::clone(self.block.expect("a text without a block has at most 23 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_is_inline_and_long_is_a_slice() {
        for len in 0..64 {
            let content = "x".repeat(len);
            let text = Text::from(content.as_str());
            assert_eq!(matches!(text.repr, Repr::Inline(_)), len <= INLINE);
            assert_eq!(text.len(), len);
            assert_eq!(text.as_bytes(), content.as_bytes());
            assert_eq!(text.as_str(), content);
        }
    }

    #[test]
    fn detached_text_does_not_pin_its_block() {
        let block = Arc::new(TextBlock::new("x".repeat(1000)));
        let text = Text::cut(&block, 10, 46);
        assert_eq!(Arc::strong_count(&block), 2);
        let kept = text.detach();
        drop(text);
        assert_eq!(Arc::strong_count(&block), 1);
        assert_eq!(kept, "x".repeat(36));
    }

    #[test]
    fn text_that_fills_its_block_is_not_copied_by_detach() {
        let text = Text::from("x".repeat(36).as_str());
        assert_eq!(text.as_bytes().as_ptr(), text.detach().as_bytes().as_ptr());
    }

    #[test]
    fn string_with_room_to_spare_is_copied_by_detach() {
        let mut roomy = String::with_capacity(1_000_000);
        roomy.push_str("thirty-six bytes that pin a megabyte");
        let text = Text::from(roomy).detach();
        let Repr::Slice(slice) = &text.repr else { panic!("36 bytes are a slice") };
        assert_eq!(slice.block.text.capacity(), 36);
    }
}
