//! [`TextChunk`]: texts out of many small pieces of bytes, such as the values of messages. Inside the tasks of a batch.

use std::sync::Arc;

use super::{Text, TextBlock, Utf8Policy};

/// Pieces of bytes that become texts together: they are copied one behind the other into one block, which is checked for
/// UTF-8 once and which the longer texts then share. So a text costs no allocation of its own.
///
/// ```
/// use batchmill::text::{TextChunk, Utf8Policy};
///
/// let mut chunk = TextChunk::new();
/// for value in [&b"to be"[..], b"or not \xFF", b""] {
///     chunk.push(value);
/// }
/// let mut texts = Vec::new();
/// chunk.finish(Utf8Policy::Lossy, &mut texts).unwrap();
/// assert_eq!(texts, ["to be", "or not \u{FFFD}", ""]);
/// ```
#[derive(Debug, Default)]
pub struct TextChunk {
    bytes: Vec<u8>,
    /// Where each piece ends.
    ends: Vec<usize>,
}

/// A piece is not UTF-8, and the policy is [`Utf8Policy::Strict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidPiece {
    /// Which piece, counted from 0.
    pub piece: usize,
    /// Where in it the first wrong byte is.
    pub offset: usize,
}

impl std::fmt::Display for InvalidPiece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {} of piece {} is not UTF-8", self.offset, self.piece)
    }
}

impl std::error::Error for InvalidPiece {}

impl TextChunk {
    /// No pieces yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies a piece behind those before it.
    #[inline]
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len());
    }

    /// How many pieces there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Pushes the texts onto `out`, in the order of the pieces, and is empty afterwards. What is not UTF-8 is treated by
    /// `policy`; returns how many pieces had something replaced or were dropped.
    ///
    /// # Errors
    /// [`InvalidPiece`] under [`Utf8Policy::Strict`]; then nothing is pushed.
    pub fn finish(&mut self, policy: Utf8Policy, out: &mut Vec<Text>) -> Result<u64, InvalidPiece> {
        let size = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(size));
        let result = match TextBlock::from_utf8(bytes) {
            // A character that lies across two pieces is in neither of them.
            Ok(block) if self.ends.iter().all(|end| block.as_str().is_char_boundary(*end)) => {
                let block = Arc::new(block);
                let mut start = 0;
                out.extend(self.ends.iter().map(|&end| {
                    let text = Text::cut(&block, start, end);
                    start = end;
                    text
                }));
                Ok(0)
            }
            Ok(block) => one_by_one(block.as_str().as_bytes(), &self.ends, policy, out),
            Err(bytes) => one_by_one(&bytes, &self.ends, policy, out),
        };
        self.ends.clear();
        result
    }
}

/// The texts of pieces of which one at least is not UTF-8, or which are too long together.
#[cold]
fn one_by_one(
    bytes: &[u8],
    ends: &[usize],
    policy: Utf8Policy,
    out: &mut Vec<Text>,
) -> Result<u64, InvalidPiece> {
    let before = out.len();
    let (mut start, mut wrong) = (0, 0);
    for (number, &end) in ends.iter().enumerate() {
        let piece = &bytes[start..end];
        start = end;
        match (std::str::from_utf8(piece), policy) {
            (Ok(text), _) => out.push(Text::from(text)),
            (Err(_), Utf8Policy::Lossy) => {
                out.push(Text::from(&*String::from_utf8_lossy(piece)));
                wrong += 1;
            }
            (Err(_), Utf8Policy::Skip) => wrong += 1,
            (Err(error), Utf8Policy::Strict) => {
                out.truncate(before);
                return Err(InvalidPiece { piece: number, offset: error.valid_up_to() });
            }
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(pieces: &[&[u8]], policy: Utf8Policy) -> (Result<u64, InvalidPiece>, Vec<Text>) {
        let mut chunk = TextChunk::new();
        pieces.iter().for_each(|piece| chunk.push(piece));
        let mut out = vec![Text::from("before")];
        let result = chunk.finish(policy, &mut out);
        assert!(chunk.is_empty());
        (result, out.split_off(1))
    }

    #[test]
    fn long_texts_share_one_block() {
        let long = "x".repeat(40);
        let (result, texts) = finish(&[long.as_bytes(), b"short", long.as_bytes()], Utf8Policy::Strict);
        assert_eq!(result, Ok(0));
        assert_eq!(texts, [long.as_str(), "short", long.as_str()]);
        let distance = texts[2].as_bytes().as_ptr() as usize - texts[0].as_bytes().as_ptr() as usize;
        assert_eq!(distance, 45);
    }

    #[test]
    fn a_character_across_two_pieces_is_in_neither() {
        let (start, end) = ("ä".as_bytes()[0], "ä".as_bytes()[1]);
        let pieces: [&[u8]; 3] = [&[b'a', start], &[end, b'b'], b"ok"];
        assert_eq!(
            finish(&pieces, Utf8Policy::Lossy),
            (Ok(2), vec!["a\u{FFFD}".into(), "\u{FFFD}b".into(), "ok".into()])
        );
        assert_eq!(finish(&pieces, Utf8Policy::Skip), (Ok(2), vec!["ok".into()]));
        let wrong = InvalidPiece { piece: 0, offset: 1 };
        assert_eq!(finish(&pieces, Utf8Policy::Strict), (Err(wrong), vec![]));
    }

    #[test]
    fn a_chunk_is_used_again() {
        let mut chunk = TextChunk::new();
        let mut out = Vec::new();
        for round in ["one", "two"] {
            chunk.push(round.as_bytes());
            chunk.finish(Utf8Policy::Strict, &mut out).unwrap();
        }
        assert_eq!(out, ["one", "two"]);
    }
}
