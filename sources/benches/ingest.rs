//! Megabytes a second from loopback into blocks: 10 ms batches, the default budget of 64 MiB, whole lines found by the
//! receiver, an output that only counts bytes. The sender is a process of its own. Prints MB/s; the last line is the
//! median. In the same run, alternating: a plain loop of reads, which is what the machine can do, and the same text as lines
//! that are checked and cut.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod peer;

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use batchmill::{DStream, StreamingContext, decode_with};
use batchmill_sources::prelude::*;
use crossbeam_channel as channel;
use parking_lot::Mutex;
use peer::{LINE, Send, Sender, quantile, seconds_of};

const LIMIT_MB_S: f64 = 800.0;
const AIM_MB_S: f64 = 2_000.0;
const MEGABYTES: u64 = 1_500;
const ROUNDS: usize = 7;

/// All text is whole lines, so this much less arrives than was asked for.
const BYTES: u64 = MEGABYTES * 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    peer::serve_if_asked()?;
    let sender = Sender::start(Send::Blast { megabytes: MEGABYTES })?;
    let (mut plain, mut blocks, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let rate = |seconds: f64| BYTES as f64 / 1e6 / seconds;
        plain.push(rate(seconds_of(|| read_plainly(sender.addr()).expect("the sender sends"))));
        blocks.push(rate(seconds_of(|| into_blocks(sender.addr()).expect("the sender sends"))));
        lines.push(rate(seconds_of(|| into_lines(sender.addr()).expect("the sender sends"))));
    }
    println!("plain loop of reads, MB/s         {:.0}", quantile(&mut plain, 0.5));
    println!("lines checked and cut, MB/s       {:.0}", quantile(&mut lines, 0.5));
    let blocks_rate = quantile(&mut blocks, 0.5);
    println!("worst and best of {ROUNDS}, MB/s        {:.0} {:.0}", blocks[0], blocks[ROUNDS - 1]);
    println!("of the plain loop                 {:.2}", blocks_rate / quantile(&mut plain, 0.5));
    println!("into blocks, MB/s (10 ms batches, 64 MiB budget; limit {LIMIT_MB_S}, aim {AIM_MB_S}):");
    println!("{blocks_rate:.0}");
    Ok(())
}

fn read_plainly(addr: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr)?;
    let (mut buffer, mut left) = (vec![0; 256 << 10], BYTES);
    while left > 0 {
        left = left.saturating_sub(stream.read(&mut buffer)? as u64);
    }
    Ok(())
}

/// Blocks of whole lines, of which the tasks only say how long they are.
fn into_blocks(addr: &str) -> Result<(), batchmill::Error> {
    let ssc = StreamingContext::new(Duration::from_millis(10))?;
    let last_end = |bytes: &[u8]| Ok(memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1));
    let length = decode_with(|bytes: &[u8], out: &mut Vec<u64>| {
        out.push(bytes.len() as u64);
        Ok(())
    });
    let done = when_all_came(ssc.socket_records_stream(addr, last_end, length));
    run(ssc, &done)
}

fn into_lines(addr: &str) -> Result<(), batchmill::Error> {
    let ssc = StreamingContext::new(Duration::from_millis(10))?;
    let done = when_all_came(ssc.socket_text_stream(addr).map(|line| line.len() as u64 + 1));
    run(ssc, &done)
}

/// Counts bytes until all that are whole lines have come.
fn when_all_came(bytes: DStream<'_, u64>) -> channel::Receiver<()> {
    let (done, wait) = channel::bounded(1);
    let all = BYTES - BYTES % LINE as u64;
    let came = Arc::new(Mutex::new(0));
    bytes.reduce(|a, b| a + b).for_each_batch(move |batch| {
        let mut came = came.lock();
        *came += batch.first()?.unwrap_or(0);
        if *came >= all {
            let _ = done.try_send(());
        }
        Ok::<(), batchmill::Error>(())
    });
    wait
}

fn run(ssc: StreamingContext, done: &channel::Receiver<()>) -> Result<(), batchmill::Error> {
    let running = ssc.start()?;
    let came = done.recv_timeout(Duration::from_secs(60));
    running.stop()?;
    came.expect("all bytes come within a minute");
    Ok(())
}
