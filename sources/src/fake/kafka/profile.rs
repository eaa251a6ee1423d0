//! [`Profile`]: which release a fake cluster behaves as. The ranges are those that the release itself tells (of 0.8.2.2
//! and 0.9.0.1, which tell nothing, those of their sources), as far as the fake serves them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::requests::answerable;
use super::{ApiKey, ErrorCode};

/// A release of Kafka that the fake behaves as: the request versions it answers, what it does with others, and the
/// format in which it stores records.
///
/// ```
/// use batchmill_sources::fake::kafka::Profile;
///
/// assert_eq!("0.9".parse(), Ok(Profile::V0_9));
/// assert_eq!(Profile::V0_9.release(), "0.9.0.1");
/// assert!(Profile::V0_9 < Profile::V2_4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// 0.8.2.2: closes the connection on ApiVersions; records of format 0.
    V0_8,
    /// 0.9.0.1: never answers ApiVersions, and goes on with the next request; records of format 0.
    V0_9,
    /// 0.10.2.2: the first that tells its versions; records of format 1, which have timestamps.
    V0_10,
    /// 0.11.0.3: records of format 2, which have headers and transactions.
    V0_11,
    /// 1.1.1.
    V1_1,
    /// 2.4.1: zstd, rack-aware fetches, leader epochs that can be relied on.
    V2_4,
    /// 2.8.2: topic ids.
    V2_8,
    /// 3.9.1: the last that knows the old versions of requests.
    V3_9,
    /// 4.1.1: without the old versions.
    V4_1,
    /// 4.3.0.
    #[default]
    V4_3,
}

/// An api and its lowest and highest version in each release, from 0.8.2.2 to 4.3.0; -1 is none. A 4.x broker tells
/// that it knew Produce from version 0 on, for old clients' sake, and closes the connection on what is below 3.
type Row = (ApiKey, [(i16, i16); 10]);

const NONE: (i16, i16) = (-1, -1);

#[rustfmt::skip]
const VERSIONS: [Row; 20] = [
    (ApiKey::PRODUCE,              [(0, 0), (0, 1), (0, 2), (0, 3), (0, 5), (0, 8), (0, 9), (0, 11), (0, 13), (0, 13)]),
    (ApiKey::FETCH,                [(0, 0), (0, 1), (0, 3), (0, 5), (0, 7), (0, 11), (0, 12), (0, 17), (4, 18), (4, 18)]),
    (ApiKey::LIST_OFFSETS,          [(0, 0), (0, 0), (0, 1), (0, 2), (0, 2), (0, 5), (0, 6), (0, 9), (1, 10), (1, 11)]),
    (ApiKey::METADATA,             [(0, 0), (0, 0), (0, 2), (0, 4), (0, 5), (0, 9), (0, 11), (0, 12), (0, 13), (0, 13)]),
    (ApiKey::OFFSET_COMMIT,         [(0, 1), (0, 2), (0, 2), (0, 3), (0, 3), (0, 8), (0, 8), (0, 9), (2, 9), (2, 10)]),
    (ApiKey::OFFSET_FETCH,          [(0, 1), (0, 1), (0, 2), (0, 3), (0, 3), (0, 6), (0, 7), (0, 9), (1, 9), (1, 10)]),
    (ApiKey::FIND_COORDINATOR,      [(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 3), (0, 3), (0, 6), (0, 6), (0, 6)]),
    (ApiKey::JOIN_GROUP,            [NONE, (0, 0), (0, 1), (0, 2), (0, 2), (0, 6), (0, 7), (0, 9), (0, 9), (0, 9)]),
    (ApiKey::HEARTBEAT,            [NONE, (0, 0), (0, 0), (0, 1), (0, 1), (0, 4), (0, 4), (0, 4), (0, 4), (0, 4)]),
    (ApiKey::LEAVE_GROUP,           [NONE, (0, 0), (0, 0), (0, 1), (0, 1), (0, 4), (0, 4), (0, 5), (0, 5), (0, 5)]),
    (ApiKey::SYNC_GROUP,            [NONE, (0, 0), (0, 0), (0, 1), (0, 1), (0, 4), (0, 5), (0, 5), (0, 5), (0, 5)]),
    (ApiKey::DESCRIBE_GROUPS,       [NONE, (0, 0), (0, 0), (0, 1), (0, 1), (0, 5), (0, 5), (0, 5), (0, 6), (0, 6)]),
    (ApiKey::LIST_GROUPS,           [NONE, (0, 0), (0, 0), (0, 1), (0, 1), (0, 3), (0, 4), (0, 5), (0, 5), (0, 5)]),
    (ApiKey::SASL_HANDSHAKE,        [NONE, NONE, (0, 0), (0, 0), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1)]),
    (ApiKey::API_VERSIONS,          [NONE, NONE, (0, 0), (0, 1), (0, 1), (0, 3), (0, 3), (0, 4), (0, 4), (0, 4)]),
    (ApiKey::CREATE_TOPICS,         [NONE, NONE, (0, 1), (0, 2), (0, 2), (0, 5), (0, 7), (0, 7), (2, 7), (2, 7)]),
    (ApiKey::DELETE_TOPICS,         [NONE, NONE, (0, 0), (0, 1), (0, 1), (0, 4), (0, 6), (0, 6), (1, 6), (1, 6)]),
    (ApiKey::INIT_PRODUCER_ID,       [NONE, NONE, NONE, (0, 0), (0, 0), (0, 2), (0, 4), (0, 5), (0, 5), (0, 5)]),
    (ApiKey::OFFSET_FOR_LEADER_EPOCH, [NONE, NONE, NONE, (0, 0), (0, 0), (0, 3), (0, 4), (0, 4), (2, 4), (2, 4)]),
    (ApiKey::SASL_AUTHENTICATE,     [NONE, NONE, NONE, NONE, (0, 0), (0, 1), (0, 2), (0, 2), (0, 2), (0, 2)]),
];

const RELEASES: [(Profile, &str, &str); 10] = [
    (Profile::V0_8, "0.8", "0.8.2.2"),
    (Profile::V0_9, "0.9", "0.9.0.1"),
    (Profile::V0_10, "0.10", "0.10.2.2"),
    (Profile::V0_11, "0.11", "0.11.0.3"),
    (Profile::V1_1, "1.1", "1.1.1"),
    (Profile::V2_4, "2.4", "2.4.1"),
    (Profile::V2_8, "2.8", "2.8.2"),
    (Profile::V3_9, "3.9", "3.9.1"),
    (Profile::V4_1, "4.1", "4.1.1"),
    (Profile::V4_3, "4.3", "4.3.0"),
];

impl Profile {
    /// All of them, from the oldest to the newest.
    pub fn all() -> impl Iterator<Item = Self> {
        RELEASES.iter().map(|(profile, _, _)| *profile)
    }

    /// The release that was looked at, as "0.8.2.2".
    pub fn release(self) -> &'static str {
        RELEASES[self as usize].2
    }

    /// The format in which records are stored: 0, 1 or 2.
    pub fn magic(self) -> u8 {
        match self {
            Self::V0_8 | Self::V0_9 => 0,
            Self::V0_10 => 1,
            _ => 2,
        }
    }

    /// The versions of a request that the fake answers as this release; none if the request is unknown to it.
    pub fn versions(self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let (_, columns) = VERSIONS.iter().find(|(key, _)| *key == api)?;
        let (low, high) = columns[self as usize];
        let (lowest, highest) = answerable(api)?;
        let low = if self.has_zookeeper() || api != ApiKey::PRODUCE { low } else { 3 };
        let range = low.max(lowest)..=high.min(highest);
        (low >= 0 && !range.is_empty()).then_some(range)
    }

    /// Knows ApiVersions.
    pub(super) fn tells_versions(self) -> bool {
        self >= Self::V0_10
    }

    /// An answer to a too new ApiVersions names the range of that request (2.4 on) instead of nothing.
    pub(super) fn names_range_of_api_versions(self) -> bool {
        self >= Self::V2_4
    }

    pub(super) fn has_zookeeper(self) -> bool {
        self < Self::V4_1
    }

    pub(super) fn has_zstd(self) -> bool {
        self >= Self::V2_4
    }

    /// What an idempotent producer is told that the broker has forgotten; from 2.5 on its records are taken.
    pub(super) fn unknown_producer(self) -> Option<ErrorCode> {
        match self {
            Self::V1_1 | Self::V2_4 => Some(ErrorCode::UNKNOWN_PRODUCER_ID),
            _ => (self < Self::V1_1).then_some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        }
    }

    /// How many batches of an idempotent producer a broker remembers, to know one that comes again (KAFKA-5494).
    pub(super) fn remembered_batches(self) -> usize {
        if self < Self::V1_1 { 1 } else { 5 }
    }

    /// The longest session of a group's member (`group.max.session.timeout.ms`), in milliseconds.
    pub(super) fn session_ms_max(self) -> i32 {
        match self {
            Self::V0_8 | Self::V0_9 => 30_000,
            Self::V0_10 | Self::V0_11 | Self::V1_1 => 300_000,
            _ => 1_800_000,
        }
    }

    /// What a member is told that gives a sign of life while the leader of its group shares out.
    pub(super) fn heartbeat_while_sharing(self) -> ErrorCode {
        if self <= Self::V2_4 { ErrorCode::REBALANCE_IN_PROGRESS } else { ErrorCode::NONE }
    }

    /// Consumers may fetch from followers.
    pub(super) fn has_rack_aware_fetch(self) -> bool {
        self >= Self::V2_4
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RELEASES[*self as usize].1)
    }
}

/// A text that names no [`Profile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProfile(String);

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = RELEASES.iter().map(|(_, short, _)| *short).collect();
        write!(f, "no profile {:?}: there are {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownProfile {}

impl FromStr for Profile {
    type Err = UnknownProfile;

    /// Of "3.9" or "3.9.1".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = RELEASES.iter().find(|(_, short, release)| [*short, *release].contains(&text));
        found.map(|(profile, _, _)| *profile).ok_or_else(|| UnknownProfile(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_in_the_order_of_the_variants() {
        for (at, (profile, short, release)) in RELEASES.iter().enumerate() {
            assert_eq!((*profile as usize, profile.release()), (at, *release));
            assert_eq!((short.parse(), profile.to_string()), (Ok(*profile), (*short).to_owned()));
        }
        assert_eq!(Profile::default().release(), "4.3.0");
        assert!("5.0".parse::<Profile>().is_err());
    }

    #[test]
    fn each_release_has_versions_that_a_client_needs() {
        for profile in Profile::all() {
            for api in [
                ApiKey::PRODUCE,
                ApiKey::FETCH,
                ApiKey::LIST_OFFSETS,
                ApiKey::METADATA,
                ApiKey::OFFSET_COMMIT,
            ] {
                assert!(profile.versions(api).is_some(), "{profile}: {api:?}");
            }
        }
        assert_eq!(Profile::V0_9.versions(ApiKey::FETCH), Some(0..=1));
        assert_eq!(Profile::V4_3.versions(ApiKey::FETCH), Some(4..=11));
        assert_eq!(Profile::V4_3.versions(ApiKey::PRODUCE), Some(3..=8));
        assert_eq!(Profile::V0_9.versions(ApiKey::INIT_PRODUCER_ID), None);
        assert_eq!(Profile::V0_8.versions(ApiKey::JOIN_GROUP), None);
        assert_eq!(Profile::V1_1.versions(ApiKey::JOIN_GROUP), Some(0..=2));
        assert_eq!(Profile::V4_3.versions(ApiKey::JOIN_GROUP), Some(0..=5));
    }
}
