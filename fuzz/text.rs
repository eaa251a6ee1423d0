//! Targets for what reads text: lines of a block, and the pieces of a `Text`, each against plain std.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use batchmill::text::{LineError, TextLines, Utf8Policy};
use batchmill::{BlockDecoder, ByteBlock, Text};

/// The lines of a block are those of a byte-by-byte reader, for every policy and however few are asked for at a time.
///
/// The first byte chooses the policy, the second how many lines to ask for; the rest is the block.
pub fn text_lines(data: &[u8]) {
    let [policy, limit, bytes @ ..] = data else { return };
    let policy = [Utf8Policy::Lossy, Utf8Policy::Strict, Utf8Policy::Skip][usize::from(policy % 3)];
    let limit = usize::from(limit % 16) + 1;
    let book = lines_by_the_book(bytes);
    let wrong = book.iter().filter(|(_, line)| std::str::from_utf8(line).is_err()).count();

    let decoder = TextLines::new(policy);
    let block = Arc::new(ByteBlock::new(bytes.to_vec()));
    let (lines, error) = decode(&decoder, &block, limit);
    assert_eq!((lines, error), expected(&book, policy), "{policy:?}, {limit} at a time");
    assert_eq!(decoder.count(bytes), Some(book.len() as u64), "lines counted without decoding");

    // The batch may run again, with another limit: the same lines, and nothing is counted twice.
    let again = decode(&decoder, &block, 1024);
    assert_eq!(again, expected(&book, policy), "{policy:?}, second run");
    let counted = (decoder.replaced().get(), decoder.skipped().get());
    let wrong = wrong as u64;
    assert_eq!(
        counted,
        match policy {
            Utf8Policy::Lossy => (wrong, 0),
            Utf8Policy::Skip => (0, wrong),
            Utf8Policy::Strict => (0, 0),
        }
    );
}

/// All lines of a block, asked for `limit` at a time, and the error that ended them.
fn decode(decoder: &TextLines, block: &Arc<ByteBlock>, limit: usize) -> (Vec<String>, Option<LineError>) {
    let (mut at, mut lines, mut error) = (0, Vec::new(), None);
    while at < block.len() && error.is_none() {
        let before = (at, lines.len());
        match decoder.decode(block, &mut at, limit, &mut lines) {
            Ok(()) => assert!(at > before.0, "no progress at byte {at}"),
            Err(other) => {
                error = Some(*other.downcast::<LineError>().expect("lines fail with their own error"))
            }
        }
        assert!(lines.len() - before.1 <= limit, "more lines than were asked for");
        assert!(at <= block.len(), "beyond the block");
    }
    // After an error the lines before it in the same call may or may not have been handed out: they do not count.
    if error.is_some() {
        lines.clear();
    }
    (lines.iter().map(Text::to_string).collect(), error)
}

fn expected(book: &[(usize, &[u8])], policy: Utf8Policy) -> (Vec<String>, Option<LineError>) {
    let mut lines = Vec::new();
    for (offset, line) in book {
        match (std::str::from_utf8(line), policy) {
            (Ok(line), _) => lines.push(line.to_owned()),
            (Err(_), Utf8Policy::Lossy) => lines.push(String::from_utf8_lossy(line).into_owned()),
            (Err(_), Utf8Policy::Skip) => {}
            (Err(error), Utf8Policy::Strict) => {
                return (Vec::new(), Some(LineError::InvalidUtf8 { offset: offset + error.valid_up_to() }));
            }
        }
    }
    (lines, None)
}

/// Each line with its offset: `\n`, `\r\n` and `\r` end one, and what follows the last end is one if it is not empty.
pub(crate) fn lines_by_the_book(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let end = at;
        at += match &bytes[at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => {
                at += 1;
                continue;
            }
        };
        lines.push((start, &bytes[start..end]));
        start = at;
    }
    if start < bytes.len() {
        lines.push((start, &bytes[start..]));
    }
    lines
}

/// A `Text` is cut, trimmed and searched as the `str` with the same content.
///
/// The first byte says how many characters at the start are the separator; the rest, made UTF-8, is the text.
pub fn text_split(data: &[u8]) {
    let [separator, bytes @ ..] = data else { return };
    let content = String::from_utf8_lossy(bytes);
    let at = content.char_indices().nth(usize::from(separator % 5)).map_or(content.len(), |(at, _)| at);
    let (separator, plain) = content.split_at(at);
    let text = Text::from(plain);

    same(text.split(separator), plain.split(separator));
    for c in separator.chars() {
        same(text.split(c), plain.split(c));
        assert_eq!(text.starts_with(c), plain.starts_with(c));
        assert_eq!(text.ends_with(c), plain.ends_with(c));
    }
    same(text.split(char::is_numeric), plain.split(char::is_numeric));
    same(text.split_whitespace(), plain.split_whitespace());
    same(text.lines(), plain.lines());
    same(
        [text.trim(), text.trim_start(), text.trim_end()],
        [plain.trim(), plain.trim_start(), plain.trim_end()],
    );
    assert_eq!(text.contains(separator), plain.contains(separator));
    assert_eq!(text.starts_with(separator), plain.starts_with(separator));
    assert_eq!(text.ends_with(separator), plain.ends_with(separator));

    // A piece of a piece lies in the middle of the block.
    for (piece, plain) in text.split(' ').zip(plain.split(' ')) {
        same(piece.split(separator), plain.split(separator));
        same(piece.split_whitespace(), plain.split_whitespace());
    }
}

/// The pieces have the same content, and each is the same value, with the same hash, as one that was made alone.
fn same<'s>(pieces: impl IntoIterator<Item = Text>, plain: impl IntoIterator<Item = &'s str>) {
    let (pieces, plain) = (Vec::from_iter(pieces), Vec::from_iter(plain));
    assert_eq!(pieces.iter().map(Text::as_str).collect::<Vec<_>>(), plain);
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    for (piece, plain) in pieces.iter().zip(plain) {
        let alone = Text::from(plain);
        assert_eq!(*piece, alone);
        assert_eq!(hasher.hash_one(piece), hasher.hash_one(&alone), "{plain:?}");
        assert_eq!((piece.len(), piece.as_bytes()), (plain.len(), plain.as_bytes()));
        assert_eq!(piece.detach(), alone);
    }
}
