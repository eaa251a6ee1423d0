//! Brokers that answer what no broker should: lengths that lie, counts of billions, offsets from nowhere, bombs. For each
//! case the client either reads all records, each once, or fails with an error that names the place; within so many
//! requests, so much memory and a deadline.
//!
//! Each case runs over the crate `kafka` too, which bounds less: there it may come to any error of this library's, if it does
//! not read all records, each once; what nobody has spoilt it reads. Its memory is not measured, and what ends the process says
//! so in its table.
//!
//! The tables are in the files, one for each kind of request.

mod batches;
mod bombs;
mod child;
mod controls;
mod coordinator;
mod fetch;
mod frames;
mod metadata;
mod offsets;
mod read;
mod sink;
mod spoil;
mod versions;

use batchmill_sources::fake::kafka::{FakeKafka, FakeKafkaBuilder, Profile};
use batchmill_sources::kafka::KafkaParams;

use crate::hostile::Limits;

use self::read::{CLUSTER, GROUP, RANGE, RUNNING, Reader, SINK, STREAM};

/// What a case may take, all readers together, if it does not say more.
const LIMITS: Limits = Limits { memory_mib: 16, requests: 400, may_panic: None };

/// How many records the topic `lines` has, in its only partition: two batches of five.
const RECORDS: i64 = 10;

type Change<T> = Box<dyn Fn(T) -> T>;

/// One line of a table.
struct Case {
    name: &'static str,
    cluster: Change<FakeKafkaBuilder>,
    params: Change<KafkaParams>,
    spoil: Box<dyn Fn(&FakeKafka)>,
    expected: Vec<(Reader, Expected)>,
    limits: Limits,
    over_the_crate: bool,
    /// Over the crate the readers come to what is expected, too.
    is_control: bool,
}

/// What a reader must come to.
enum Expected {
    /// All records, each once, in their order.
    All,
    /// All from this offset on.
    From(i64),
    /// An error of this kind, in which these words are.
    Fails(&'static str, &'static [&'static str]),
}

/// A case in which what `spoil` scripts befalls the answers.
fn case(name: &'static str, spoil: impl Fn(&FakeKafka) + 'static) -> Case {
    Case {
        name,
        cluster: Box::new(|builder| builder),
        params: Box::new(|params| params),
        spoil: Box::new(spoil),
        expected: Vec::new(),
        limits: LIMITS,
        over_the_crate: true,
        is_control: false,
    }
}

impl Case {
    /// The readers of records get all of them.
    fn reads_all(self) -> Self {
        self.expect(RANGE, Expected::All).expect(STREAM, Expected::All)
    }

    /// The readers of records get those from this offset on.
    fn reads_from(self, offset: i64) -> Self {
        self.expect(RANGE, Expected::From(offset)).expect(STREAM, Expected::From(offset))
    }

    /// The readers of records fail.
    fn fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.range_fails(kind, says).stream_fails(kind, says)
    }

    fn stream_reads_all(self) -> Self {
        self.expect(STREAM, Expected::All)
    }

    fn range_fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.expect(RANGE, Expected::Fails(kind, says))
    }

    fn stream_fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.expect(STREAM, Expected::Fails(kind, says))
    }

    /// A stream that goes on fails in the end.
    fn running_stream_fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.expect(RUNNING, Expected::Fails(kind, says))
    }

    /// A stream of a group, which commits what it has read.
    fn group_reads_all(self) -> Self {
        self.expect(GROUP, Expected::All)
    }

    fn group_fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.expect(GROUP, Expected::Fails(kind, says))
    }

    /// Questions about the cluster, outside of a stream.
    fn cluster_answers(self) -> Self {
        self.expect(CLUSTER, Expected::All)
    }

    fn cluster_fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.expect(CLUSTER, Expected::Fails(kind, says))
    }

    /// A producer, whose records are all written, each once.
    fn sink_writes_all(self) -> Self {
        self.expect(SINK, Expected::All)
    }

    fn sink_fails(self, kind: &'static str, says: &'static [&'static str]) -> Self {
        self.expect(SINK, Expected::Fails(kind, says))
    }

    fn expect(mut self, reader: Reader, expected: Expected) -> Self {
        self.expected.push((reader, expected));
        self
    }

    /// At a broker of this release.
    fn release(self, profile: Profile) -> Self {
        self.cluster(move |builder| builder.profile(profile))
    }

    fn cluster(mut self, change: impl Fn(FakeKafkaBuilder) -> FakeKafkaBuilder + 'static) -> Self {
        self.cluster = Box::new(change);
        self
    }

    fn params(mut self, change: impl Fn(KafkaParams) -> KafkaParams + 'static) -> Self {
        self.params = Box::new(change);
        self
    }

    /// It may make so many requests.
    fn requests(mut self, requests: usize) -> Self {
        self.limits.requests = requests;
        self
    }

    /// The crate reserves what a length says, or overflows its stack: the process ends. It is one of its documented limits.
    fn ends_the_crate(mut self) -> Self {
        self.over_the_crate = false;
        self
    }

    /// The crate does not see what is spoilt, and takes it for the truth.
    fn deceives_the_crate(mut self) -> Self {
        self.over_the_crate = false;
        self
    }

    /// Over the crate the readers come to what is expected, too.
    fn control(mut self) -> Self {
        self.is_control = true;
        self
    }

    /// It may take more memory.
    fn memory_mib(mut self, mib: u64) -> Self {
        self.limits.memory_mib = mib;
        self
    }
}

/// The name of a test, and its table.
type Table = (&'static str, fn() -> Vec<Case>);

/// All tables.
fn tables() -> [Table; 10] {
    [
        ("batches", batches::cases),
        ("bombs", bombs::cases),
        ("controls", controls::cases),
        ("coordinator", coordinator::cases),
        ("fetch", fetch::cases),
        ("frames", frames::cases),
        ("metadata", metadata::cases),
        ("offsets", offsets::cases),
        ("sink", sink::cases),
        ("versions", versions::cases),
    ]
}

#[test]
fn there_are_enough_cases_and_each_has_a_name_of_its_own() {
    let names: Vec<_> = tables().iter().flat_map(|(_, table)| table()).map(|case| case.name).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert!(names.len() >= 60 && names.len() == different.len(), "{} cases", names.len());
}

/// Makes each table a test.
macro_rules! tests {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            child::run_table(stringify!($name), TURN);
        }
    )*};
}

/// Whatever is wrong with what the name of the test says.
mod answers {
    use super::child::{self, Turn};

    const TURN: Turn = Turn::Native;

    tests! { batches bombs controls coordinator fetch frames metadata offsets sink versions }
}

/// The same over the crate, which has no producer here.
mod over_the_crate {
    use super::child::{self, Turn};

    const TURN: Turn = Turn::KafkaCrate;

    tests! { batches bombs controls coordinator fetch frames metadata offsets versions }
}
