//! How fast words are made of Zipf text: a block decoded into lines, each line split into words, both through vectors
//! that are used again, as the engine does it. One thread. The last line is the figure: million words a second.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod corpus;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use batchmill::text::TextLines;
use batchmill::{BlockDecoder, ByteBlock, Text};

/// What a chunk of the engine holds.
const CHUNK: usize = 1024;
const BLOCK: usize = 1 << 20;
const ROUNDS: usize = 15;

fn main() {
    let text = corpus::zipf_text(10 << 20, 7);
    let blocks = cut_blocks(&text);
    let words = text.iter().filter(|&&byte| byte == b' ' || byte == b'\n').count();
    println!("{} bytes, {words} words, {:.2} bytes a word", text.len(), text.len() as f64 / words as f64);

    let borrowed = measure(|| borrowed_loop(&text, words));
    report("borrowed slices, memchr over the whole block", words, borrowed);
    let lines = measure(|| {
        each_line(&blocks, |line, _| drop(black_box(line)));
    });
    report("lines alone", words, lines);
    let by_next = measure(|| check(words, each_line(&blocks, push_by_next)));
    report("lines, split(' ') piece by piece", words, by_next);
    let whitespace = measure(|| {
        check(words, each_line(&blocks, |line, out| line.split_whitespace().for_each(|word| out.push(word))));
    });
    report("lines, split_whitespace", words, whitespace);
    let closure = measure(|| {
        let split = |line: Text| line.split(|char: char| char == ' ');
        check(words, each_line(&blocks, |line, out| split(line).for_each(|word| out.push(word))));
    });
    report("lines, split by a closure", words, closure);
    let split = measure(|| {
        check(words, each_line(&blocks, |line, out| line.split(' ').for_each(|word| out.push(word))));
    });
    report("lines, split(' ')", words, split);
    println!("{:.1}", rate(words, split));
}

fn push_by_next(line: Text, out: &mut Vec<Text>) {
    for word in line.split(' ') {
        out.push(word);
    }
}

/// Blocks as a receiver seals them: about a mebibyte of whole lines.
fn cut_blocks(text: &[u8]) -> Vec<Arc<ByteBlock>> {
    let (mut blocks, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let end = match rest.get(BLOCK..).and_then(|tail| tail.iter().position(|&byte| byte == b'\n')) {
            Some(feed) => BLOCK + feed + 1,
            None => rest.len(),
        };
        blocks.push(Arc::new(ByteBlock::new(rest[..end].to_vec())));
        rest = &rest[end..];
    }
    blocks
}

/// Decodes all blocks into a vector of lines, hands each line on, and empties the words when a chunk is full.
fn each_line(blocks: &[Arc<ByteBlock>], mut split: impl FnMut(Text, &mut Vec<Text>)) -> usize {
    let decoder = TextLines::default();
    let (mut lines, mut words, mut total) = (Vec::with_capacity(CHUNK), Vec::with_capacity(2 * CHUNK), 0);
    for block in blocks {
        let mut at = 0;
        while at < block.len() {
            decoder.decode(block, &mut at, CHUNK, &mut lines).expect("the corpus is UTF-8");
            for line in lines.drain(..) {
                split(line, &mut words);
                if words.len() >= CHUNK {
                    total += black_box(&words).len();
                    words.clear();
                }
            }
        }
    }
    total + black_box(&words).len()
}

fn borrowed_loop(text: &[u8], words: usize) {
    let mut out: Vec<&[u8]> = Vec::with_capacity(CHUNK);
    let (mut total, mut start) = (0, 0);
    for end in memchr::memchr2_iter(b' ', b'\n', text) {
        out.push(&text[start..end]);
        start = end + 1;
        if out.len() == CHUNK {
            total += black_box(&out).len();
            out.clear();
        }
    }
    check(words, total + out.len());
}

fn check(expected: usize, words: usize) {
    assert_eq!(words, expected);
}

/// The fastest of some rounds: what the machine can do when nobody else is at it.
fn measure(mut run: impl FnMut()) -> Duration {
    let round = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..ROUNDS).map(round).min().expect("there is a round")
}

fn rate(words: usize, time: Duration) -> f64 {
    words as f64 / time.as_secs_f64() / 1e6
}

fn report(what: &str, words: usize, time: Duration) {
    println!("{:>7.1} M words/s  {what}", rate(words, time));
}
