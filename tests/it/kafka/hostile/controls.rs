//! Nothing is wrong: what every reader comes to then, so that an error in another table is one of what is spoilt there.

use batchmill_sources::fake::kafka::Profile;

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let control = |name, release| {
        let case = case(name, |_| {}).release(release).control().memory_mib(32);
        case.reads_all().group_reads_all().cluster_answers().sink_writes_all()
    };
    vec![
        control("nothing is spoilt", Profile::V3_9),
        // To ask for the version would take seconds.
        control("nothing is spoilt in 0.9", Profile::V0_9).params(|params| params.broker_version("0.9")),
    ]
}
