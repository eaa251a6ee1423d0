//! Which versions of which requests a broker offers, and which of them is spoken with it.

use super::settings::OldVersion;
use crate::kafka::wire::{self, ApiKey};

/// What a broker offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The number of a request, its lowest and its highest version; in the order of the numbers.
    offered: Vec<(i16, i16, i16)>,
    /// A broker that could not be asked.
    old: Option<OldVersion>,
}

impl Versions {
    /// As a broker has listed them: number, lowest, highest.
    pub(crate) fn listed(offered: impl IntoIterator<Item = (i16, i16, i16)>) -> Self {
        let mut offered: Vec<_> = offered.into_iter().collect();
        offered.sort_unstable();
        Self { offered, old: None }
    }

    /// What a broker without an answer to the question has.
    pub(crate) fn old(version: OldVersion) -> Self {
        let mut offered = vec![(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), (8, 0, 1), (9, 0, 1), (10, 0, 0)];
        if version == OldVersion::V0_9 {
            // The group protocol, which 0.8.2 does not know.
            offered.extend([(11, 0, 0), (12, 0, 0), (13, 0, 0), (14, 0, 0)]);
            offered[0].2 = 1;
            offered[1].2 = 1;
            offered[4].2 = 2;
        }
        Self { offered, old: Some(version) }
    }

    /// The lowest and the highest version of a request; `None` where the broker does not know it.
    pub(crate) fn offered(&self, api: ApiKey) -> Option<(i16, i16)> {
        let at = self.offered.binary_search_by_key(&api.0, |(key, _, _)| *key).ok()?;
        let (_, lowest, highest) = self.offered[at];
        Some((lowest, highest))
    }

    /// The highest version of a request that both sides speak.
    pub(crate) fn common(&self, api: ApiKey) -> Option<i16> {
        let (lowest, highest) = self.offered(api)?;
        wire::negotiate_client(api, wire::Versions::new(lowest, highest))
    }

    /// Whether the epochs of leaders that this broker tells can be relied on: from 2.4 on, where it offers Metadata 9.
    pub(crate) fn has_epochs(&self) -> bool {
        self.offered(ApiKey::METADATA).is_some_and(|(_, highest)| highest >= 9)
    }

    /// Set where the broker could not be asked.
    pub(crate) fn is_old(&self) -> Option<OldVersion> {
        self.old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_spoken() {
        let versions = Versions::listed([(3, 0, 13), (1, 4, 18)]);
        assert_eq!(versions.common(ApiKey::FETCH), Some(11));
        assert_eq!(versions.common(ApiKey::METADATA), Some(12));
        assert_eq!(versions.common(ApiKey::PRODUCE), None);
        assert!(versions.has_epochs());
    }

    #[test]
    fn an_old_broker_has_offsets_of_groups_but_only_0_9_has_members() {
        let (older, newer) = (Versions::old(OldVersion::V0_8_2), Versions::old(OldVersion::V0_9));
        let found = [&older, &newer].map(|versions| {
            (versions.offered(ApiKey::FETCH), versions.offered(ApiKey::OFFSET_COMMIT), versions.has_epochs())
        });
        assert_eq!(found, [(Some((0, 0)), Some((0, 1)), false), (Some((0, 1)), Some((0, 2)), false)]);
    }
}
