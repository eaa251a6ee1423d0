//! The word count over 10 MB batches of Zipf text, by the public operators and by hand, alternating in one run.
//!
//! batchmill runs twice: as operators on a `Batch`, and as the same operators on a stream, from the tick of the clock to
//! the result, on the threads of a running context. Every round of every contestant is checked against the true counts.
//! The last line is the ratio of batchmill's speed to that of the plain loop with words, the smallest one of both forms
//! and of 1 and 2 threads; the lines above it name their limits.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod corpus;
mod streamed;

use std::hash::Hash;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use batchmill::text::TextLines;
use batchmill::{BatchContext, Block, ByteBlock, Data, RayonExecutor, Text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use streamed::Streamed;

const BATCH_BYTES: usize = 10_000_000;
const BLOCK_BYTES: usize = 1 << 20;
const ROUNDS: usize = 31;

type Counts<K> = HashMap<K, u64, RandomState>;

fn main() {
    let text = corpus::zipf_text(BATCH_BYTES, 7);
    let blocks = cut_blocks(&text);
    let words = text.iter().filter(|b| **b == b' ' || **b == b'\n').count();
    println!("{} bytes, {words} words, {} blocks; medians of {ROUNDS} rounds", text.len(), blocks.len());
    let ratios = [1, 2].map(|threads| {
        let ratio = words_with(threads, &blocks, words);
        keys_with(threads, "u64", words, |rank| rank.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        keys_with(threads, "(u32, u32)", words, |rank| (rank as u32 % 1_000, rank as u32 / 1_000));
        let vocabulary = corpus::vocabulary(corpus::WORDS);
        keys_with(threads, "String", words, |rank| vocabulary[rank as usize].clone());
        ratio
    });
    println!("{:.3}", ratios[0].min(ratios[1]));
}

/// The ratio to the plain loop.
fn words_with(threads: usize, blocks: &[Vec<u8>], words: usize) -> f64 {
    let context = context(threads);
    let truth = by_hand(1, blocks, count_plain);
    let check = |result: Vec<(Text, u64)>| {
        assert_eq!(result.len(), truth.len());
        assert!(result.iter().all(|(word, count)| truth[word.as_bytes()] == *count));
    };
    let stream = Streamed::start(threads);
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(time(|| by_hand(threads, blocks, count_plain), |counts| assert_eq!(counts, truth)));
        let fresh: Vec<_> = blocks.iter().map(|block| text_block(block)).collect();
        times[1].push(time(|| operators(&context, fresh), check));
        times[2].push(time(|| by_hand(threads, blocks, count_memchr), |counts| assert_eq!(counts, truth)));
        stream.offer(blocks.iter().map(|block| text_block(block)).collect());
        times[3].push(time(|| stream.run_batch(), check));
    }
    let [plain, ours, memchr, streamed] = times.map(median);
    let rate = |time: Duration| words as f64 / time.as_secs_f64() / 1e6 / threads as f64;
    println!(
        "{threads} thread(s): batch {:.1}, stream {:.1}, plain loop {:.1}, memchr loop {:.1} million words/s a core (aim: 40)",
        rate(ours),
        rate(streamed),
        rate(plain),
        rate(memchr)
    );
    println!(
        "  ratios to the memchr loop {:.3}, {:.3} (aim: 1.0)",
        ratio(memchr, ours),
        ratio(memchr, streamed)
    );
    println!(
        "  ratios to the plain loop {:.3}, {:.3} (limit: 0.8)",
        ratio(plain, ours),
        ratio(plain, streamed)
    );
    ratio(plain, ours.max(streamed))
}

/// The ten lines' operators.
fn operators(context: &BatchContext, blocks: Vec<Block<Text>>) -> Vec<(Text, u64)> {
    let lines = context.from_blocks(blocks);
    let counts = lines.flat_map(|line| line.split(' ')).map(|word| (word, 1_u64)).reduce_by_key(|a, b| a + b);
    counts.into_vec().expect("nothing fails")
}

fn count_plain<'t>(block: &'t [u8], counts: &mut Counts<&'t [u8]>) {
    for line in block.strip_suffix(b"\n").unwrap_or(block).split(|b| *b == b'\n') {
        for word in line.split(|b| *b == b' ') {
            *counts.entry(word).or_default() += 1;
        }
    }
}

fn count_memchr<'t>(block: &'t [u8], counts: &mut Counts<&'t [u8]>) {
    let mut start = 0;
    for end in memchr::memchr2_iter(b' ', b'\n', block) {
        *counts.entry(&block[start..end]).or_default() += 1;
        start = end + 1;
    }
}

/// Other keys than words: items in memory, owned, the same key counts as the words have.
fn keys_with<K: Data + Hash + Eq + std::fmt::Debug>(
    threads: usize,
    name: &str,
    n: usize,
    key: impl Fn(u64) -> K,
) {
    let context = context(threads);
    let zipf = corpus::Zipf::new(corpus::WORDS);
    let mut rng = corpus::Rng::new(3);
    let keys: Vec<K> = (0..n).map(|_| key(zipf.draw(&mut rng) as u64)).collect();
    let parts = || keys.chunks(n.div_ceil(10)).map(<[K]>::to_vec).collect::<Vec<_>>();
    let count = |part: Vec<K>, counts: &mut Counts<K>| {
        part.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    };
    let truth = by_hand_owned(1, parts(), count);
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..ROUNDS {
        let input = parts();
        times[0].push(time(|| by_hand_owned(threads, input, count), |counts| assert_eq!(counts, truth)));
        let input = context.batch_of(parts());
        let ours = || {
            let counts = input.map(|key| (key, 1_u64)).reduce_by_key(|a, b| a + b);
            counts.into_vec().expect("nothing fails")
        };
        times[1].push(time(ours, |result| {
            assert_eq!(result.len(), truth.len());
            assert!(result.iter().all(|(key, count)| truth[key] == *count));
        }));
    }
    let [hand, ours] = times.map(median);
    let rate = |time: Duration| n as f64 / time.as_secs_f64() / 1e6 / threads as f64;
    println!(
        "  {name} keys: batchmill {:.1}, by hand {:.1} million/s a core, ratio {:.3} (limit: 0.8)",
        rate(ours),
        rate(hand),
        ratio(hand, ours)
    );
}

/// A map per thread, merged into one.
fn by_hand<'t>(
    threads: usize,
    blocks: &'t [Vec<u8>],
    count: impl Fn(&'t [u8], &mut Counts<&'t [u8]>) + Sync,
) -> Counts<&'t [u8]> {
    share(threads, blocks.iter().map(Vec::as_slice).collect(), count)
}

fn by_hand_owned<K: Data + Hash + Eq>(
    threads: usize,
    parts: Vec<Vec<K>>,
    count: impl Fn(Vec<K>, &mut Counts<K>) + Sync,
) -> Counts<K> {
    share(threads, parts, count)
}

fn share<P: Send, K: Hash + Eq + Send>(
    threads: usize,
    mut parts: Vec<P>,
    count: impl Fn(P, &mut Counts<K>) + Sync,
) -> Counts<K> {
    let all = |parts: Vec<P>| {
        let mut counts = Counts::default();
        parts.into_iter().for_each(|part| count(part, &mut counts));
        counts
    };
    if threads == 1 {
        return all(parts);
    }
    let second = parts.split_off(parts.len() / 2);
    let (mut counts, other) = thread::scope(|scope| {
        let other = scope.spawn(|| all(second));
        (all(parts), other.join().expect("counting does not panic"))
    });
    other.into_iter().for_each(|(key, n)| *counts.entry(key).or_default() += n);
    counts
}

fn context(threads: usize) -> BatchContext {
    if threads == 1 {
        return BatchContext::sequential();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    BatchContext::new(Arc::new(RayonExecutor::on(Arc::new(pool))))
}

/// About a mebibyte each, ending at line ends, as a receiver seals them.
fn cut_blocks(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut blocks, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let full =
            memchr::memrchr(b'\n', &rest[..rest.len().min(BLOCK_BYTES)]).map_or(rest.len(), |end| end + 1);
        let (block, left) = rest.split_at(full);
        blocks.push(block.to_vec());
        rest = left;
    }
    blocks
}

fn text_block(bytes: &[u8]) -> Block<Text> {
    Block::Bytes(Arc::new(ByteBlock::new(bytes.to_vec())), Arc::new(TextLines::default()))
}

/// How long `run` takes; `check` looks at its result afterwards.
fn time<R>(run: impl FnOnce() -> R, check: impl FnOnce(R)) -> Duration {
    let start = Instant::now();
    let result = run();
    let taken = start.elapsed();
    check(result);
    taken
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(hand: Duration, ours: Duration) -> f64 {
    hand.as_secs_f64() / ours.as_secs_f64()
}
