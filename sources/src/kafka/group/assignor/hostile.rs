//! What must hold of a group whose members say anything: the body of a fuzz target, which panics where it does not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Assignor, Counts, NAMES, decode_share, encode_share};

/// Shares out among members that say what `data` holds, and reads a share of it.
///
/// The first byte chooses the assignor, the second how many partitions topics have. Then each member: a byte with the length
/// of what it says, and that.
#[doc(hidden)]
pub fn share_among_strangers(data: &[u8]) {
    let [assignor, size, rest @ ..] = data else { return };
    let mut rest = rest;
    let _ = decode_share(rest);
    let (assignor, _, _) = NAMES[usize::from(*assignor) % NAMES.len()];
    let mut members = Vec::new();
    while let [length, more @ ..] = rest {
        let (said, left) = more.split_at(usize::from(*length).min(more.len()));
        let id = format!("m{}", members.len());
        let instance = (length % 3 == 0).then(|| format!("i{}", length / 3));
        members.extend(assignor.member(&id, instance.as_deref(), said));
        rest = left;
    }
    let topics: BTreeSet<Arc<str>> =
        members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
    let count = |at: usize| i32::from(size >> (at % 4)) % 16;
    let counts: Counts = topics.into_iter().enumerate().map(|(at, topic)| (topic, count(at))).collect();

    let shares = assignor.assign(&counts, &members);
    assert_eq!(shares.len(), members.len(), "every member is in it");
    let mut given = BTreeSet::new();
    for member in &members {
        let share = &shares[&member.id];
        for partition in share {
            assert!(member.topics.contains(&partition.topic), "{partition} goes to a subscriber");
            assert!((0..counts[&partition.topic]).contains(&partition.partition), "{partition} exists");
            assert!(given.insert(partition.clone()), "{partition} is given once");
        }
        let bytes = encode_share(share).expect("names that were read can be written");
        assert_eq!(decode_share(&bytes), Ok(share.iter().cloned().collect()));
    }
    let all: i32 = counts.values().sum();
    if assignor != Assignor::CooperativeSticky {
        assert_eq!(given.len(), usize::try_from(all).unwrap_or(0), "all are given");
    }
}
