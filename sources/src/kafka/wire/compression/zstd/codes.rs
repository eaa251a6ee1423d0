//! What the codes of sequences stand for, and how often they are expected where a block says nothing (RFC 8878,
//! 3.1.1.3.2.1.1 and 3.1.1.3.2.2).

use super::Fault;
use super::bits::Forward;
use super::fse::{Distribution, Table};

/// What the codes of a table stand for, and where its states come from.
pub(super) struct Kind {
    max_log: u32,
    /// The lowest value of each code, and how many bits are added to it (3.1.1.3.2.1.1).
    meanings: &'static [(u32, u8)],
    predefined: Distribution,
}

impl Kind {
    /// Reads a table in the mode that was given (3.1.1.3.2.1).
    pub(super) fn read(
        &self,
        mode: u8,
        is_known: bool,
        input: &mut Forward<'_>,
        table: &mut Table,
    ) -> Result<(), Fault> {
        match mode {
            0 => table.build(&self.predefined, |code| self.meanings[code]),
            1 => {
                let code = input.byte().ok_or(Fault::Damaged("a table is cut off"))?;
                let meaning = self.meanings.get(usize::from(code));
                table.constant(*meaning.ok_or(Fault::Damaged("a table has symbols that there are not"))?);
            }
            2 => {
                let distribution = Distribution::read(input, self.max_log, self.meanings.len())?;
                table.build(&distribution, |code| self.meanings[code]);
            }
            _ if is_known => {}
            _ => return Err(Fault::Damaged("there is no table before to be used again")),
        }
        Ok(())
    }
}

pub(super) static LITERAL_LENGTHS: Kind = Kind {
    max_log: 9,
    meanings: &meanings::<36>(0, 16, &[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    predefined: Distribution::new(
        6,
        &[
            4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
            -1, -1, -1, -1,
        ],
    ),
};

pub(super) static MATCH_LENGTHS: Kind = Kind {
    max_log: 9,
    meanings: &meanings::<53>(3, 32, &[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    predefined: Distribution::new(
        6,
        &[
            1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
        ],
    ),
};

pub(super) static OFFSETS: Kind = Kind {
    max_log: 8,
    meanings: &offset_meanings(),
    predefined: Distribution::new(
        5,
        &[1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    ),
};

/// Codes from `least` on: `single` ones that stand for one value each, then each for as many as its bits tell apart.
const fn meanings<const N: usize>(least: u32, single: usize, bits: &[u8]) -> [(u32, u8); N] {
    let mut meanings = [(0, 0); N];
    let (mut base, mut code) = (least, 0);
    while code < N {
        let extra = if code < single { 0 } else { bits[code - single] };
        meanings[code] = (base, extra);
        base += 1 << extra;
        code += 1;
    }
    meanings
}

const fn offset_meanings() -> [(u32, u8); 32] {
    let mut meanings = [(0, 0); 32];
    let mut code = 0;
    while code < 32 {
        meanings[code] = (1 << code, code as u8);
        code += 1;
    }
    meanings
}
