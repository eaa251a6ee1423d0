//! Which partition a key belongs to: as in the Java client, so that topics which other programs write by the same keys can be
//! joined. Runs on the thread that sends.

/// The partition, of so many, for a key. There is at least one.
pub(super) fn partition_of(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % partitions.max(1)
}

/// Austin Appleby's MurmurHash2 with the seed that the Java client uses.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_java_client() {
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        let found = known.map(|(key, _)| murmur2(key.as_bytes()) as i32);
        assert_eq!(found, known.map(|(_, hash)| hash));
    }

    #[test]
    fn a_key_keeps_its_partition() {
        // -973932308 without its sign bit is 1173551340.
        assert_eq!([1, 3, 10].map(|partitions| partition_of(b"21", partitions)), [0, 0, 0]);
        assert_eq!(partition_of(b"foobar", 7), (-790_332_482_i32 & 0x7fff_ffff) as usize % 7);
        assert_eq!(partition_of(b"", 1), 0);
    }
}
