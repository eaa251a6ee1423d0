//! Deterministic text for benches: words with Zipf frequencies, the same on every machine and in every run.
//!
//! A bench includes it with `mod corpus;`. Nothing here is timed. The shape is that of the peers' corpora: 100,000
//! different words of `a` to `z`, the word of rank `r` as often as `1 / r`, 5 to 15 words a line, one space between
//! them, about 6.4 bytes a word with what follows it.
#![allow(dead_code, reason = "each bench uses its part")]

use std::collections::HashSet;

/// How many different words there are.
pub(crate) const WORDS: usize = 100_000;

/// The first rank of each length: ranks 1 and 2 have two letters, from 3 on three, and so on.
const RANK_OF_LENGTH: [usize; 7] = [3, 11, 54, 260, 1_270, 6_200, 30_400];

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough for a corpus.
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator; the same seed gives the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

/// Draws ranks with the probability `1 / rank`, by bisection of the running sums.
pub(crate) struct Zipf {
    /// The probability of this rank or a lower one, as a fraction of 2^64.
    up_to: Vec<u64>,
}

impl Zipf {
    /// Ranks from 0 to `n - 1`.
    pub(crate) fn new(n: usize) -> Self {
        let total: f64 = (1..=n).map(|rank| 1.0 / rank as f64).sum();
        let mut sum = 0.0;
        let scale = u64::MAX as f64 / total;
        let mut up_to: Vec<u64> = (1..=n)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                (sum * scale) as u64
            })
            .collect();
        *up_to.last_mut().expect("there is at least one rank") = u64::MAX;
        Self { up_to }
    }

    /// The next rank.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let point = rng.next();
        self.up_to.partition_point(|&end| end < point)
    }
}

/// `n` different words, the most frequent first.
pub(crate) fn vocabulary(n: usize) -> Vec<String> {
    let mut rng = Rng::new(42);
    let mut known = HashSet::with_capacity(n);
    (1..=n)
        .map(|rank| {
            let mut length = 2 + RANK_OF_LENGTH.partition_point(|&first| first <= rank);
            for attempt in 1.. {
                let word: String = (0..length).map(|_| char::from(b'a' + rng.below(26) as u8)).collect();
                if known.insert(word.clone()) {
                    return word;
                }
                // Short words run out; after a few misses take longer ones.
                length += usize::from(attempt % 8 == 0);
            }
            unreachable!("a long enough word is new")
        })
        .collect()
}

/// Whole lines of Zipf words, `bytes` or a little more.
pub(crate) fn zipf_text(bytes: usize, seed: u64) -> Vec<u8> {
    let words = vocabulary(WORDS);
    let zipf = Zipf::new(words.len());
    let mut rng = Rng::new(seed);
    let mut text = Vec::with_capacity(bytes + 256);
    while text.len() < bytes {
        for i in 0..5 + rng.below(11) {
            if i > 0 {
                text.push(b' ');
            }
            text.extend_from_slice(words[zipf.draw(&mut rng)].as_bytes());
        }
        text.push(b'\n');
    }
    text
}
