//! Which topics a member of a group wants partitions of. Part of what it is told at its start.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex_lite::Regex;

/// Topics by their names, or by a pattern.
#[derive(Clone, Debug)]
pub(crate) enum Subscription {
    /// These, whether they exist yet or not.
    Names(BTreeSet<Arc<str>>),
    /// All whose whole name matches, but for the brokers' own.
    #[cfg_attr(not(test), allow(dead_code, reason = "no stream subscribes to a pattern yet"))]
    Pattern(Regex),
}

impl Subscription {
    /// To these topics.
    pub(crate) fn names<S: Into<Arc<str>>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Names(names.into_iter().map(Into::into).collect())
    }

    /// To all topics that match.
    #[cfg_attr(not(test), allow(dead_code, reason = "no stream subscribes to a pattern yet"))]
    pub(crate) fn pattern(pattern: &str) -> Result<Self, String> {
        // With the groups a pattern such as `a|b` must match whole too.
        let regex = Regex::new(&format!("^(?:{pattern})$"));
        regex.map(Self::Pattern).map_err(|error| format!("{pattern} is no pattern: {error}"))
    }

    /// Whether a topic is meant.
    pub(crate) fn means(&self, topic: &str) -> bool {
        match self {
            Self::Names(names) => names.contains(topic),
            Self::Pattern(pattern) => pattern.is_match(topic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        let either = Subscription::pattern("log|log-.*").unwrap();
        assert_eq!(
            ["log", "log-a", "blog", "logs"].map(|name| either.means(name)),
            [true, true, false, false]
        );
        assert!(Subscription::pattern("(").unwrap_err().contains("no pattern"));
        let names = Subscription::names(["a", "b"]);
        assert_eq!(["a", "ab"].map(|name| names.means(name)), [true, false]);
    }
}
