//! The other end of the benches: this program again, as a process of its own that sends. A bench includes it with
//! `mod peer;` and calls [`serve_if_asked`] first.
#![allow(dead_code, reason = "each bench uses its part")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time and paces what it sends by it")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a sender does with every connection. It keeps it open until the other end closes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Send {
    /// So many megabytes of text, as fast as they go.
    Blast { megabytes: u64 },
    /// So many megabytes of text a second, for so many seconds.
    Pace { megabytes: u64, seconds: u64 },
    /// So many lines a second, for so many seconds, each written alone, each with a probe.
    Probe { lines: u64, seconds: u64 },
}

/// A sender that runs; dropping it ends it.
pub(crate) struct Sender {
    child: Child,
    addr: String,
}

impl Sender {
    pub(crate) fn start(what: Send) -> io::Result<Self> {
        let (mode, a, b) = match what {
            Send::Blast { megabytes } => ("blast", megabytes, 0),
            Send::Pace { megabytes, seconds } => ("pace", megabytes, seconds),
            Send::Probe { lines, seconds } => ("probe", lines, seconds),
        };
        let mut child = this_program(&["send", mode, &a.to_string(), &b.to_string()]).spawn()?;
        let mut addr = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut addr)?;
        Ok(Self { child, addr: addr.trim_end().to_owned() })
    }

    pub(crate) fn addr(&self) -> &str {
        &self.addr
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program with other arguments, its output piped.
pub(crate) fn this_program(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// In the process of a [`Sender`]: serves connections until it is killed. In all others: returns.
pub(crate) fn serve_if_asked() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [send, mode, a, b] = &arguments[..] else { return Ok(()) };
    if send != "send" {
        return Ok(());
    }
    let number = |text: &String| text.parse().expect("the bench passes numbers");
    let (a, b): (u64, u64) = (number(a), number(b));
    let text = text(10_000_000);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept()?;
        client.set_nodelay(true)?;
        let sent = match mode.as_str() {
            "blast" => blast(&client, &text, a),
            "pace" => pace(&client, &text, a, b),
            _ => probe(&client, a, b),
        };
        if sent.is_ok() {
            // Clients do not speak: this waits until they go.
            let _ = io::copy(&mut &client, &mut io::sink());
        }
    }
}

fn blast(mut client: &TcpStream, text: &[u8], megabytes: u64) -> io::Result<()> {
    let mut left = megabytes * 1_000_000;
    while left > 0 {
        let now = text.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        for piece in text[..now].chunks(256 << 10) {
            client.write_all(piece)?;
        }
        left -= now as u64;
    }
    Ok(())
}

fn pace(mut client: &TcpStream, text: &[u8], megabytes: u64, seconds: u64) -> io::Result<()> {
    let (begin, mut sent) = (Instant::now(), 0);
    let (total, a_second) = (megabytes * seconds * 1_000_000, megabytes as f64 * 1e6);
    while sent < total {
        let due = ((begin.elapsed().as_secs_f64() * a_second) as u64).min(total);
        while sent < due {
            let at = (sent % text.len() as u64) as usize;
            let end = text.len().min(at + (due - sent) as usize);
            client.write_all(&text[at..end])?;
            sent += (end - at) as u64;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn probe(mut client: &TcpStream, lines: u64, seconds: u64) -> io::Result<()> {
    let begin = Instant::now();
    let mut sent = 0;
    while sent < lines * seconds {
        let due = ((begin.elapsed().as_secs_f64() * lines as f64) as u64).min(lines * seconds);
        while sent < due {
            let mut line = (0..9).map(|n| word(sent * 9 + n) + " ").collect::<String>();
            line += &format!("@{}\n", nanos());
            client.write_all(line.as_bytes())?;
            sent += 1;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
    Ok(())
}

/// Nanoseconds since the epoch: the one clock that two processes share.
pub(crate) fn nanos() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_nanos()).expect("it is before 2554")
}

pub(crate) fn seconds_of(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

/// How many different words there are.
pub(crate) const WORDS: u64 = 100_000;

/// The bytes of a line: ten words of five letters, nine spaces and a `\n`.
pub(crate) const LINE: usize = 60;

/// The n-th word of the text. A hundred thousand in a row are all different, in an order that suits no cache.
pub(crate) fn word(n: u64) -> String {
    let mut rank = n * 76_543 % WORDS;
    let mut letters = [b'a'; 5];
    for letter in &mut letters {
        *letter += (rank % 26) as u8;
        rank /= 26;
    }
    String::from_utf8_lossy(&letters).into_owned()
}

/// Whole lines, so many bytes of them or a little less. A hundred thousand words are 600,000 bytes.
fn text(bytes: usize) -> Vec<u8> {
    let mut words = (0..).map(word);
    let mut text = Vec::with_capacity(bytes);
    while text.len() + LINE <= bytes {
        let line: Vec<String> = words.by_ref().take(10).collect();
        text.extend_from_slice(line.join(" ").as_bytes());
        text.push(b'\n');
    }
    text
}

/// The figure that so large a part of all lie below; sorts them.
pub(crate) fn quantile(figures: &mut [f64], part: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[((figures.len() - 1) as f64 * part) as usize]
}
