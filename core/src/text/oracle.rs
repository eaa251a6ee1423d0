//! What lines are, said as plainly as possible: tests of the decoder and of the cutter compare with it.

/// Each end (`\n`, `\r\n` or `\r`) ends a line, and what follows the last end is one if it is not empty.
pub(super) fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut line, mut rest) = (Vec::new(), Vec::new(), bytes);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\r' if tail.first() == Some(&b'\n') => {}
            b'\r' | b'\n' => lines.push(std::mem::take(&mut line)),
            _ => line.push(byte),
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
