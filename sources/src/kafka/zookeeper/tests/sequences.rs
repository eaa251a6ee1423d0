//! The machine on its own, under random sequences of events.

use proptest::prelude::*;

use crate::kafka::zookeeper::machine::rehearsal::{Step, Trouble, rehearse};

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_000_u16).prop_map(Step::Pass),
        4 => Just(Step::Changed),
        1 => Just(Step::Expired),
        2 => any::<bool>().prop_map(Step::Other),
        1 => (0..6).prop_map(Step::Grow),
        2 => ((0..6), any::<bool>()).prop_map(|(partition, is)| Step::Take(partition, is)),
        4 => (0..6).prop_map(Step::Commit),
        4 => (0..6).prop_map(Step::Done),
        1 => any::<bool>().prop_map(Step::Progress),
        1 => any::<bool>().prop_map(Step::Slow),
        3 => Just(Step::Answer),
        2 => prop_oneof![
            6 => Just(None),
            4 => Just(Some(Trouble::Passing)),
            2 => Just(Some(Trouble::Session)),
        ].prop_map(Step::Trouble),
    ]
}

/// What ends a membership, or may.
fn last_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Pass(1)),
        1 => Just(Step::Leave),
        1 => Just(Step::Abandon),
        1 => Just(Step::Trouble(Some(Trouble::Final))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_listener_and_the_nodes_agree_whatever_happens(
        steps in prop::collection::vec(step(), 1..80),
        last in last_step(),
        after in prop::collection::vec(step(), 0..10),
    ) {
        rehearse(steps.into_iter().chain([last]).chain(after));
    }
}
