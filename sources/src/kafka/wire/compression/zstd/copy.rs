//! Copies within the buffer. Most are short, so that they copy more than they are asked for.

/// So many bytes are copied at once.
pub(super) const CHUNK: usize = 16;
/// Copies `n` literals, behind which there have to be as many bytes as one copy takes.
#[inline(always)]
pub(super) fn copy_literals(buffer: &mut [u8], at: usize, literals: &[u8], n: usize) {
    buffer[at..at + CHUNK].copy_from_slice(&literals[..CHUNK]);
    if n > CHUNK {
        buffer[at + CHUNK..at + n].copy_from_slice(&literals[CHUNK..n]);
    }
}

/// Copies `n` bytes from `offset` bytes back, which repeats what lies there if they are more.
#[inline(always)]
pub(super) fn copy_match(buffer: &mut [u8], at: usize, offset: usize, n: usize) {
    let from = at - offset;
    if offset < CHUNK {
        return repeat(buffer, at, offset, n);
    }
    copy_chunk(buffer, from, at);
    if n <= CHUNK {
        return;
    }
    if offset >= n {
        buffer.copy_within(from + CHUNK..from + n, at + CHUNK);
    } else {
        for done in (CHUNK..n).step_by(CHUNK) {
            copy_chunk(buffer, from + done, at + done);
        }
    }
}

#[inline(always)]
fn copy_chunk(buffer: &mut [u8], from: usize, to: usize) {
    let mut chunk = [0; CHUNK];
    chunk.copy_from_slice(&buffer[from..from + CHUNK]);
    buffer[to..to + CHUNK].copy_from_slice(&chunk);
}

/// Repeats fewer bytes than a chunk has.
fn repeat(buffer: &mut [u8], at: usize, offset: usize, n: usize) {
    let mut chunk = [0; CHUNK];
    chunk.copy_from_slice(&buffer[at - offset..][..CHUNK]);
    let mut pattern = u128::from_le_bytes(chunk) & ((1 << (offset * 8)) - 1);
    let mut known = offset;
    while known < CHUNK {
        pattern |= pattern << (known * 8);
        known *= 2;
    }
    let whole = CHUNK - CHUNK % offset;
    for done in (0..n).step_by(whole) {
        buffer[at + done..][..CHUNK].copy_from_slice(&pattern.to_le_bytes());
    }
}
