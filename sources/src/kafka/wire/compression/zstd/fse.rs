//! Tables of finite state entropy (RFC 8878, 4.1).

use super::Fault;
use super::bits::Forward;

/// The largest table, of nine bits.
const MAX_STATES: usize = 512;

/// More symbols than these has no table: lengths of matches.
const MAX_SYMBOLS: usize = 53;

/// How often each symbol is expected: a share of `1 << log`, or -1 for less than one.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    pub(super) log: u32,
    counts: [i16; MAX_SYMBOLS],
}

impl Distribution {
    pub(super) const fn new(log: u32, known: &[i16]) -> Self {
        let mut counts = [0; MAX_SYMBOLS];
        let mut symbol = 0;
        while symbol < known.len() {
            counts[symbol] = known[symbol];
            symbol += 1;
        }
        Self { log, counts }
    }

    /// Reads a distribution (4.1.1) of at most `symbols` symbols and a share of at most `max_log` bits.
    pub(super) fn read(input: &mut Forward<'_>, max_log: u32, symbols: usize) -> Result<Self, Fault> {
        const CUT: Fault = Fault::Damaged("a table is cut off");
        let mut bits = ForwardBits { bytes: input.rest(), at: 0 };
        let log = bits.read(4) + 5;
        if log > max_log {
            return Err(Fault::Damaged("a table is larger than it may be"));
        }
        let mut distribution = Self::new(log, &[]);
        let (mut symbol, mut left) = (0, 1_i32 << log);
        while left > 0 {
            // A value from 0 to left + 1; the lowest ones take a bit less.
            let width = (left + 1).ilog2() + 1;
            let short = (1 << width) - 1 - (left + 1);
            let low = bits.peek(width - 1) as i32;
            let value = if low < short {
                bits.at += width as usize - 1;
                low
            } else {
                let value = bits.read(width) as i32;
                if value < 1 << (width - 1) { value } else { value - short }
            };
            let count = value - 1;
            if count == 1 << log {
                return Err(Fault::Damaged("a table has one symbol only"));
            }
            let place = distribution.counts[..symbols].get_mut(symbol);
            *place.ok_or(Fault::Damaged("a table has symbols that there are not"))? = count as i16;
            left -= count.abs();
            symbol += 1;
            if count == 0 {
                loop {
                    let zeros = bits.read(2) as usize;
                    symbol += zeros;
                    if zeros < 3 || symbol > symbols {
                        break;
                    }
                }
            }
        }
        input.take(bits.at.div_ceil(8)).ok_or(CUT)?;
        Ok(distribution)
    }
}

/// Bits from the lowest of the first byte on. Those behind the last byte are zero.
struct ForwardBits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl ForwardBits<'_> {
    fn peek(&self, n: u32) -> u32 {
        let byte = |at| u32::from(self.bytes.get(at).copied().unwrap_or(0));
        let at = self.at / 8;
        let bits = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
        bits >> (self.at % 8) & ((1 << n) - 1)
    }

    fn read(&mut self, n: u32) -> u32 {
        let bits = self.peek(n);
        self.at += n as usize;
        bits
    }
}

/// A state: what it stands for, and where to go from it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State(u64);

impl State {
    const fn new(base: u32, extra: u8, next: u16, bits: u8) -> Self {
        Self(base as u64 | (bits as u64) << 32 | (extra as u64) << 40 | (next as u64) << 48)
    }

    /// The lowest value that it stands for.
    #[inline(always)]
    pub(super) fn base(self) -> u32 {
        self.0 as u32
    }

    /// How many bits are to be added to the value.
    #[inline(always)]
    pub(super) fn extra(self) -> u32 {
        u32::from((self.0 >> 40) as u8)
    }

    /// The state to go to, before the bits are added that lead there.
    #[inline(always)]
    pub(super) fn next(self) -> usize {
        (self.0 >> 48) as usize
    }

    /// How many bits these are.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        u32::from((self.0 >> 32) as u8)
    }

    /// The sums of [`Self::bits`] and of [`Self::extra`].
    #[inline(always)]
    pub(super) fn sums(states: [Self; 3]) -> (u32, u32) {
        let [a, b, c] = states.map(|state| (state.0 >> 32) as u16);
        let sum = a.wrapping_add(b).wrapping_add(c);
        (u32::from(sum as u8), u32::from(sum >> 8))
    }
}

/// The states of a table, of which the first `1 << log` are used.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) log: u32,
    states: [State; MAX_STATES],
}

impl Default for Table {
    fn default() -> Self {
        Self { log: 0, states: [State::default(); MAX_STATES] }
    }
}

impl Table {
    #[inline(always)]
    pub(super) fn state(&self, number: usize) -> State {
        self.states[number % MAX_STATES]
    }

    /// One state, which leads to itself.
    pub(super) fn constant(&mut self, (base, extra): (u32, u8)) {
        self.log = 0;
        self.states[0] = State::new(base, extra, 0, 0);
    }

    /// Builds the states of a distribution (4.1.1), whose symbols stand for the values and extra bits given.
    pub(super) fn build(&mut self, distribution: &Distribution, meaning: impl Fn(usize) -> (u32, u8)) {
        let log = distribution.log;
        let size = 1_usize << log;
        let mut symbols = [0_u8; MAX_STATES];
        let mut counts = [0_u32; MAX_SYMBOLS];
        let mut high = size;
        for (symbol, &count) in distribution.counts.iter().enumerate() {
            counts[symbol] = u32::from(count.unsigned_abs());
            if count < 0 {
                high -= 1;
                symbols[high] = symbol as u8;
            }
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut at = 0;
        for (symbol, &count) in distribution.counts.iter().enumerate() {
            for _ in 0..count {
                symbols[at] = symbol as u8;
                at = (at + step) & (size - 1);
                while at >= high {
                    at = (at + step) & (size - 1);
                }
            }
        }
        for (state, &symbol) in self.states.iter_mut().zip(&symbols[..size]) {
            let count = &mut counts[usize::from(symbol)];
            let bits = log - count.ilog2();
            let (base, extra) = meaning(usize::from(symbol));
            *state = State::new(base, extra, ((*count << bits) - size as u32) as u16, bits as u8);
            *count += 1;
        }
        self.log = log;
    }
}
