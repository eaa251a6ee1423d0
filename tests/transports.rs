//! Whose client a scenario reads with, and what a scenario needs of it. A scenario that needs nothing special runs twice: over
//! this library's client, and over the crate `kafka`.

use std::cell::Cell;

use batchmill_sources::fake::kafka::Profile;
use batchmill_sources::kafka::{Isolation, KafkaParams, Transport};

thread_local! {
    static TURN: Cell<Transport> = const { Cell::new(Transport::Native) };
}

/// What the crate lacks; a scenario that names one of them runs over this library's client only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The times and headers of records, or null apart from empty.
    WholeRecords,
    /// Codecs beside gzip and Snappy.
    Codecs,
    /// Transactions and their isolation.
    Transactions,
    /// Brokers from 4.0 on.
    Kafka4,
    /// A batch that cannot be read is known by its place, so that it can be left out.
    BadBatches,
    /// The size of a record that does not fit.
    RecordSizes,
    /// Epochs of leaders and ids of topics: a log that was cut back or begun anew is known.
    Epochs,
    /// A member of a group that brokers coordinate.
    Group,
    /// TLS or SASL.
    Security,
    /// Nothing of the transport: the scenario is about something else.
    Nothing,
}

/// Runs a scenario over the crate: the parameters of its streams say so, see [`over_the_turn`].
pub fn over_the_crate(scenario: impl FnOnce()) {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            TURN.set(Transport::Native);
        }
    }
    TURN.set(Transport::KafkaCrate);
    let _back = Back;
    scenario();
}

/// The parameters for whose turn it is on this thread.
pub fn over_the_turn(params: KafkaParams) -> KafkaParams {
    match TURN.get() {
        Transport::KafkaCrate => {
            params.transport(Transport::KafkaCrate).isolation(Isolation::ReadUncommitted)
        }
        _ => params,
    }
}

/// Whether it is the crate's turn on this thread.
pub fn is_the_crates_turn() -> bool {
    TURN.get() == Transport::KafkaCrate
}

/// Those of the releases that can be read: for one that the crate cannot, the last that it can.
pub fn releases(wanted: impl IntoIterator<Item = Profile>) -> Vec<Profile> {
    let last = if is_the_crates_turn() { Profile::V3_9 } else { Profile::V4_3 };
    let mut releases: Vec<_> = wanted.into_iter().map(|profile| profile.min(last)).collect();
    releases.dedup();
    releases
}

/// Makes tests of scenarios: `name` runs over both transports, `name needs Need, Need` over this library's only.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident $(needs $($need:ident),+)?;)*) => {
        mod native {
            $(#[test]
            fn $name() {
                super::$name();
            })*
        }

        $crate::over_the_crate! { $($name $(needs $($need),+)?;)* }
    };
}

/// The part of [`scenarios`] that is about the crate.
#[macro_export]
macro_rules! over_the_crate {
    (@list [$($ready:ident)*] $name:ident; $($rest:tt)*) => {
        $crate::over_the_crate! { @list [$($ready)* $name] $($rest)* }
    };
    (@list [$($ready:ident)*] $name:ident needs $($need:ident),+; $($rest:tt)*) => {
        // What is needed has to be one of the things that the crate lacks.
        const _: &[$crate::Need] = &[$($crate::Need::$need),+];
        $crate::over_the_crate! { @list [$($ready)*] $($rest)* }
    };
    (@list []) => {};
    (@list [$($ready:ident)+]) => {
        mod kafka_crate {
            $(#[test]
            fn $ready() {
                $crate::over_the_crate(super::$ready);
            })+
        }
    };
    ($($all:tt)*) => { $crate::over_the_crate! { @list [] $($all)* } };
}
