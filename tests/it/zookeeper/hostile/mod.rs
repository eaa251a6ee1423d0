//! Servers that answer what no ZooKeeper should: lengths that lie, counts of billions, replies to nobody. For each case the
//! client gets an error that names the server and what is wrong, closes the connection, and goes on once the server does;
//! within so many requests, so much memory and a deadline. The tables are in the files, one for each kind of message.

mod connect;
mod events;
mod frames;
mod replies;
mod spoil;

use std::time::Duration;

use batchmill_sources::fake::zookeeper::FakeZooKeeper;
use batchmill_sources::zookeeper::{Acl, CreateMode, ZooKeeper, ZooKeeperError};
use batchmill_tests::wait_until;

use crate::hostile::{CASE_DEADLINE, Limits, check_error, in_time, run_cases, run_within, this_case};

/// What a case may take, if it does not say more.
const LIMITS: Limits = Limits { memory_mib: 16, requests: 200, may_panic: None };

/// How long a session is watched in which nothing is wrong but too much is done, perhaps.
const LIFE: Duration = Duration::from_secs(1);

/// One line of a table.
struct Case {
    name: &'static str,
    spoil: Box<dyn Fn(&FakeZooKeeper) + Sync>,
    expected: Expected,
    limits: Limits,
}

/// What a client must come to.
enum Expected {
    /// A session that begins, and all that is asked for, on one connection.
    Fine,
    /// The same, on however many connections.
    Restless,
    /// No session, for this reason.
    NoSession(&'static str, &'static [&'static str]),
    /// An error of a request, and another connection of the same session: nothing more is read from the first, at the latest
    /// once a reply is missing.
    Broken(&'static str, &'static [&'static str]),
    /// An error of a request, and the same connection.
    Refused(&'static str, &'static [&'static str]),
    /// The end of the session.
    Ended(&'static str, &'static [&'static str]),
}

/// A case in which what `spoil` scripts befalls the answers.
fn case(name: &'static str, spoil: impl Fn(&FakeZooKeeper) + Sync + 'static, expected: Expected) -> Case {
    Case { name, spoil: Box::new(spoil), expected, limits: LIMITS }
}

impl Case {
    /// It may take more memory.
    fn memory_mib(mut self, mib: u64) -> Self {
        self.limits.memory_mib = mib;
        self
    }
}

fn no_session(kind: &'static str, says: &'static [&'static str]) -> Expected {
    Expected::NoSession(kind, says)
}

fn broken(kind: &'static str, says: &'static [&'static str]) -> Expected {
    Expected::Broken(kind, says)
}

fn refused(kind: &'static str, says: &'static [&'static str]) -> Expected {
    Expected::Refused(kind, says)
}

fn ended(kind: &'static str, says: &'static [&'static str]) -> Expected {
    Expected::Ended(kind, says)
}

/// The name of a test, and its table.
type Table = (&'static str, fn() -> Vec<Case>);

/// All tables.
fn tables() -> [Table; 4] {
    [
        ("connect", connect::cases),
        ("events", events::cases),
        ("frames", frames::cases),
        ("replies", replies::cases),
    ]
}

#[test]
fn there_are_enough_cases_and_each_has_a_name_of_its_own() {
    let names: Vec<_> = tables().iter().flat_map(|(_, table)| table()).map(|case| case.name).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert!(names.len() >= 60 && names.len() == different.len(), "{} cases", names.len());
}

fn run_table(name: &str) {
    let table = tables().into_iter().find(|(known, _)| *known == name).unwrap().1;
    let names: Vec<_> = table().iter().map(|case| case.name).collect();
    run_cases("zookeeper::hostile::one_case", &names);
}

#[test]
fn one_case() {
    let Some(name) = this_case() else { return };
    let case = tables().iter().flat_map(|(_, table)| table()).find(|case| case.name == name).unwrap();
    run_within(case.limits, || {
        let server = FakeZooKeeper::builder().node("/node/child", "data").start().unwrap();
        (case.spoil)(&server);
        let last = || format!("{:?}", server.requests().iter().rev().take(5).collect::<Vec<_>>());
        in_time(case.name, last, || judge(&case, &server));
        server.requests().len()
    });
}

fn judge(case: &Case, server: &FakeZooKeeper) {
    let connected = connect(server, case.expected.timeouts());
    let zookeeper = match (connected, &case.expected) {
        (Ok(zookeeper), _) => zookeeper,
        (Err(error), Expected::NoSession(kind, says) | Expected::Ended(kind, says)) => {
            check_error(case.name, &error, kind, says);
            server.clear_faults();
            return ask_all(&connect(server, AMPLE).unwrap()).unwrap();
        }
        (Err(error), _) => panic!("no session: {error}"),
    };
    let (id, mut asked) = (zookeeper.id(), ask_all(&zookeeper));
    while matches!((&asked, &case.expected), (Err(error), Expected::Restless) if error.may_be_done()) {
        asked = ask_all(&zookeeper);
    }
    let connections = match (asked, &case.expected) {
        (Ok(()), Expected::Restless) => {
            server.wait_until(LIFE, |_| false);
            return zookeeper.close();
        }
        (Ok(()), Expected::Fine) => {
            assert_eq!(server.connections(), 1);
            return zookeeper.close();
        }
        (Err(error), Expected::Broken(kind, says)) => {
            check_error(case.name, &error, kind, says);
            2
        }
        (Err(error), Expected::Refused(kind, says)) => {
            check_error(case.name, &error, kind, says);
            1
        }
        (Err(error), Expected::Ended(kind, says)) => {
            check_error(case.name, &error, kind, says);
            assert!(error.is_final());
            return assert!(zookeeper.get("/node").unwrap_err().is_final());
        }
        (Err(error), Expected::Fine | Expected::Restless | Expected::NoSession(..)) => panic!("{error}"),
        (Ok(()), _) => panic!("nothing has failed"),
    };
    server.clear_faults();
    wait_until("a connection", || zookeeper.exists("/node").is_ok());
    ask_all(&zookeeper).unwrap();
    assert_eq!((zookeeper.id(), server.connections()), (id, connections));
}

/// How long a session lives, and how long its connections and its requests may take.
type Timeouts = [Duration; 2];

/// For cases in which an answer comes, however busy the machine is.
const AMPLE: Timeouts = [CASE_DEADLINE, CASE_DEADLINE];

impl Expected {
    /// What a case waits for in vain is waited for briefly.
    fn timeouts(&self) -> Timeouts {
        let (session, brief) = (Duration::from_secs(4), Duration::from_millis(600));
        match self {
            // It is tried again until then.
            Self::NoSession(..) => [session, 3 * brief],
            Self::Broken("Timeout", _) | Self::Restless => [session, brief],
            Self::Fine | Self::Broken(..) | Self::Refused(..) | Self::Ended(..) => AMPLE,
        }
    }
}

fn connect(server: &FakeZooKeeper, [session, other]: Timeouts) -> Result<ZooKeeper, ZooKeeperError> {
    ZooKeeper::builder()
        .session_timeout(session)
        .connect_timeout(other)
        .request_timeout(other)
        .connect(&server.connect_string())
}

/// Asks for all that can be asked for.
fn ask_all(zookeeper: &ZooKeeper) -> Result<(), ZooKeeperError> {
    zookeeper.watch_exists("/node")?;
    zookeeper.watch_get("/node")?;
    zookeeper.watch_children("/node")?;
    zookeeper.acl("/node")?;
    zookeeper.sync("/node")?;
    let path = zookeeper.create("/node/n-", b"", CreateMode::EphemeralSequential, &Acl::Open)?;
    zookeeper.set(&path, b"more", None)?;
    zookeeper.delete(&path, Some(1))
}

/// Makes each table a test.
macro_rules! tests {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            super::run_table(stringify!($name));
        }
    )*};
}

/// Whatever is wrong with what the name of the test says.
mod answers {
    tests! { connect events frames replies }
}
