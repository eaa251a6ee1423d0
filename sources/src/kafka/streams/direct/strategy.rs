//! Which partitions a direct stream reads, and where it begins: [`ConsumerStrategy`].

use std::fmt;
use std::sync::Arc;

use regex_lite::Regex;

use crate::kafka::TopicPartition;

/// Which partitions are read.
///
/// ```
/// use batchmill_sources::kafka::{ConsumerStrategy, TopicPartition};
///
/// let two_topics = ConsumerStrategy::subscribe(["clicks", "views"]);
/// let every_log = ConsumerStrategy::subscribe_pattern("log-.*");
/// // The offsets that a sink stored together with its results, as Spark's guide has it for exactly-once output:
/// let one_partition = ConsumerStrategy::assign([TopicPartition::new("clicks", 0)])
///     .starting_at([(TopicPartition::new("clicks", 0), 4_711)]);
/// # let _ = (two_topics, every_log, one_partition);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ConsumerStrategy {
    pub(super) choice: Choice,
    pub(super) starting_at: Vec<(TopicPartition, i64)>,
    mistake: Option<String>,
}

/// What is read, as the stream asks for it.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    Topics(Vec<String>),
    Pattern(TopicPattern),
    Partitions(Vec<TopicPartition>),
}

/// A pattern that a topic's whole name must match.
#[derive(Clone)]
pub(super) struct TopicPattern {
    regex: Arc<Regex>,
    text: String,
}

impl ConsumerStrategy {
    /// All partitions of the named topics, those too that are added later. A topic that does not exist is an error at the
    /// start, and is not created by asking for it.
    #[doc(alias = "Subscribe")]
    pub fn subscribe<S: Into<String>>(topics: impl IntoIterator<Item = S>) -> Self {
        let topics: Vec<String> = topics.into_iter().map(Into::into).collect();
        let mistake = if topics.is_empty() {
            Some("there is no topic to read".to_owned())
        } else {
            topics.iter().find_map(|topic| invalid_name(topic))
        };
        Self { choice: Choice::Topics(topics), starting_at: Vec::new(), mistake }
    }

    /// All partitions of all topics whose whole name matches the regular expression, those too that appear later. There
    /// need be none at the start. Topics of the brokers' own (`__consumer_offsets`) never match.
    #[doc(alias = "SubscribePattern")]
    pub fn subscribe_pattern(pattern: &str) -> Self {
        // With the groups a pattern such as `a|b` must match whole too.
        let (regex, mistake) = match Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) => (Some(regex), None),
            Err(error) => (None, Some(format!("{pattern} is no pattern: {error}"))),
        };
        let choice = match regex {
            Some(regex) => Choice::Pattern(TopicPattern { regex: Arc::new(regex), text: pattern.to_owned() }),
            None => Choice::Topics(Vec::new()),
        };
        Self { choice, starting_at: Vec::new(), mistake }
    }

    /// These partitions and no others.
    #[doc(alias = "Assign")]
    pub fn assign(partitions: impl IntoIterator<Item = TopicPartition>) -> Self {
        let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
        let mistake = if partitions.is_empty() {
            Some("there is no partition to read".to_owned())
        } else {
            partitions.iter().find_map(|p| {
                let negative = (p.partition < 0).then(|| format!("{p} is no partition"));
                negative.or_else(|| invalid_name(&p.topic))
            })
        };
        Self { choice: Choice::Partitions(partitions), starting_at: Vec::new(), mistake }
    }

    /// Begins at these offsets: they go before what the group has committed, and before the reset. Partitions that are
    /// not named begin as without this. An offset of a partition that is not read is an error at the start.
    pub fn starting_at(mut self, offsets: impl IntoIterator<Item = (TopicPartition, i64)>) -> Self {
        self.starting_at.extend(offsets);
        if let Some((partition, offset)) = self.starting_at.iter().find(|(_, offset)| *offset < 0) {
            self.mistake.get_or_insert_with(|| format!("{partition} cannot begin at offset {offset}"));
        }
        self
    }

    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        self.mistake.clone().map_or(Ok(()), Err)
    }
}

impl TopicPattern {
    pub(super) fn matches(&self, topic: &str) -> bool {
        self.regex.is_match(topic)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is wrong with the name of a topic; the rule is that of Kafka's `Topic.validate`.
fn invalid_name(topic: &str) -> Option<String> {
    const LONGEST: usize = 249;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if topic.is_empty() || topic == "." || topic == ".." {
        Some(format!("{topic:?} is no name of a topic"))
    } else if topic.len() > LONGEST {
        Some(format!("{topic:?} is no name of a topic: it is longer than {LONGEST} characters"))
    } else if !topic.bytes().all(fits) {
        Some(format!("{topic:?} is no name of a topic: only letters, digits, '.', '_' and '-' are"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_only() {
        let strategy = ConsumerStrategy::subscribe_pattern("log|trace-.*");
        let Choice::Pattern(pattern) = strategy.choice else { panic!("{:?}", strategy.choice) };
        assert!(pattern.matches("log") && pattern.matches("trace-1"));
        assert!(!pattern.matches("log-1") && !pattern.matches("a-trace-1"));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let wrong = |strategy: ConsumerStrategy| strategy.check().unwrap_err();
        assert_eq!(wrong(ConsumerStrategy::subscribe(Vec::<String>::new())), "there is no topic to read");
        assert!(wrong(ConsumerStrategy::subscribe(["a b"])).starts_with("\"a b\" is no name of a topic"));
        assert!(wrong(ConsumerStrategy::subscribe_pattern("(")).starts_with("( is no pattern"));
        let partition = TopicPartition::new("a", -1);
        assert_eq!(wrong(ConsumerStrategy::assign([partition])), "a--1 is no partition");
        let offset = (TopicPartition::new("a", 0), -2);
        let strategy = ConsumerStrategy::subscribe(["a"]).starting_at([offset]);
        assert_eq!(wrong(strategy), "a-0 cannot begin at offset -2");
    }

    #[test]
    fn names_of_topics_are_those_kafka_allows() {
        for name in ["a", "A.b_c-9", "__x"] {
            assert_eq!(invalid_name(name), None);
        }
        for name in ["", ".", "..", "a/b", "ä", "a b", &"x".repeat(250)] {
            assert!(invalid_name(name).is_some(), "{name}");
        }
    }
}
