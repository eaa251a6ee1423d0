//! [`Frame`]: the record of frame streams, a piece of its block. Made by the decoder in a batch's tasks.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

use batchmill::ByteBlock;

/// The bytes of one frame, without its length. Cheap to clone: it is a reference-counted piece of the block it came in.
///
/// Compared and hashed by its bytes, as `[u8]` is. A frame that is kept beyond its batch keeps all of its block, a mebibyte
/// or so; [`detach`](Self::detach) gives one that stands alone.
///
/// ```
/// use batchmill_sources::socket::Frame;
///
/// let frame = Frame::from(vec![1, 2, 3]);
/// assert_eq!(frame[1..], [2, 3]);
/// assert_eq!(frame, [1, 2, 3]);
/// ```
#[derive(Clone)]
pub struct Frame {
    block: Arc<ByteBlock>,
    range: Range<usize>,
}

impl Frame {
    pub(super) fn cut(block: &Arc<ByteBlock>, start: usize, end: usize) -> Self {
        Self { block: Arc::clone(block), range: start..end }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.block.bytes()[self.range.clone()]
    }

    /// A copy that keeps no block alive.
    pub fn detach(&self) -> Self {
        Self::from(self.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { block: Arc::new(ByteBlock::new(bytes)), range }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl std::borrow::Borrow<[u8]> for Frame {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Frame {}

impl<const N: usize> PartialEq<[u8; N]> for Frame {
    fn eq(&self, other: &[u8; N]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialEq<[u8]> for Frame {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Frame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::mutable_key_type, reason = "what the hash looks at never changes")]
    fn a_frame_is_its_bytes() {
        let block = Arc::new(ByteBlock::new(b"abcdef".to_vec()));
        let frame = Frame::cut(&block, 1, 3);
        assert_eq!(frame, *b"bc");
        assert_eq!(frame, Frame::from(b"bc".to_vec()));
        assert_eq!(format!("{:?}", Frame::from(b"a\"\xFF".to_vec())), r#"b"a\"\xff""#);
        let counts = std::collections::HashMap::from([(frame, 1)]);
        assert_eq!(counts.get(&b"bc"[..]), Some(&1));
    }

    #[test]
    fn a_detached_frame_lets_its_block_go() {
        let block = Arc::new(ByteBlock::new(b"abcdef".to_vec()));
        let detached = Frame::cut(&block, 1, 3).detach();
        assert_eq!(Arc::strong_count(&block), 1);
        assert_eq!(detached, *b"bc");
    }
}
