//! What Kafka's nodes hold. Reading is pure and bounded by the size of a packet; what cannot be read is described.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// The most threads of one member, more than which no consumer can mean.
const THREADS_MAX: u64 = 10_000;

/// What is wrong with a node's contents.
pub type Problem = String;

/// Which topics a member reads.
#[derive(Clone, Debug)]
pub enum Registration {
    /// These, each with so many threads.
    Named(BTreeMap<Arc<str>, u32>),
    /// All that match, or all that do not, but for the brokers' own, each with so many threads.
    Pattern {
        /// The pattern, of whole names.
        pattern: Regex,
        /// Whether it names what is read.
        matches: bool,
        /// How many threads a topic.
        threads: u32,
    },
}

impl Registration {
    /// With how many threads the member reads a topic.
    pub fn threads(&self, topic: &str) -> u32 {
        match self {
            Self::Named(topics) => topics.get(topic).copied().unwrap_or(0),
            // `exclude.internal.topics` of old consumers, which is on unless a program says otherwise.
            Self::Pattern { .. } if matches!(topic, "__consumer_offsets" | "__transaction_state") => 0,
            Self::Pattern { pattern, matches, threads } => {
                if pattern.is_match(topic) == *matches {
                    *threads
                } else {
                    0
                }
            }
        }
    }

    /// Reads the node of a member.
    ///
    /// # Errors
    /// When it holds something else.
    pub fn read(data: &[u8]) -> Result<Self, Problem> {
        let node = object(data)?;
        let pattern = text(&node, "pattern")?;
        let subscription = match node.get("subscription") {
            Some(Value::Object(topics)) => topics,
            _ => return Err(lacks("subscription", "an object")),
        };
        let mut topics = BTreeMap::new();
        for (topic, threads) in subscription {
            let threads = threads
                .as_u64()
                .filter(|threads| (1..=THREADS_MAX).contains(threads))
                .and_then(|threads| u32::try_from(threads).ok())
                .ok_or_else(|| format!("has {threads} threads for {topic:?}"))?;
            topics.insert(Arc::from(topic.as_str()), threads);
        }
        let is_white = pattern == "white_list";
        match topics.first_key_value() {
            Some((regex, threads)) if is_white || pattern == "black_list" => {
                let pattern = topic_filter(regex)?;
                Ok(Self::Pattern { pattern, matches: is_white, threads: *threads })
            }
            _ => Ok(Self::Named(topics)),
        }
    }

    /// What the node of a member holds that reads these topics.
    pub(super) fn write(topics: &BTreeMap<Arc<str>, u32>, now_ms: i64) -> Vec<u8> {
        let topics: Map<String, Value> =
            topics.iter().map(|(topic, threads)| (topic.to_string(), Value::from(*threads))).collect();
        let (topics, now) = (Value::Object(topics), Value::from(now_ms.to_string()));
        let node = [
            ("version", Value::from(1)),
            ("subscription", topics),
            ("pattern", Value::from("static")),
            ("timestamp", now),
        ];
        let node = node.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Value::Object(node).to_string().into_bytes()
    }
}

/// A pattern of topics as old consumers read it: `kafka.consumer.TopicFilter`, where a comma means "or".
fn topic_filter(text: &str) -> Result<Regex, Problem> {
    let is_quote = |c: char| matches!(c, '"' | '\'');
    let regex = text.trim().replace(',', "|").replace(' ', "");
    let regex = regex.trim_matches(is_quote);
    Regex::new(&format!("^(?:{regex})$"))
        .map_err(|error| format!("has a pattern that cannot be read: {error}"))
}

/// Reads the node of a topic: the numbers of its partitions.
///
/// # Errors
/// When it holds something else.
pub fn read_topic(data: &[u8]) -> Result<BTreeSet<i32>, Problem> {
    let node = object(data)?;
    let Some(Value::Object(partitions)) = node.get("partitions") else {
        return Err(lacks("partitions", "an object"));
    };
    let number = |name: &String| {
        name.parse::<i32>()
            .ok()
            .filter(|number| *number >= 0)
            .ok_or_else(|| format!("has a partition {name:?}"))
    };
    partitions.keys().map(number).collect()
}

/// Reads the node of an offset.
///
/// # Errors
/// When it holds something else.
pub fn read_offset(data: &[u8]) -> Result<i64, Problem> {
    let text = utf8(data)?;
    match text.trim().parse::<i64>() {
        Ok(offset) => Ok(offset),
        Err(_) => Err(format!("holds {} instead of an offset", shown(text))),
    }
}

/// Reads the node of a broker: where it listens by a protocol, as `host:port`; `None` where it does not.
///
/// # Errors
/// When it holds something else.
pub fn read_broker(data: &[u8], protocol: &str) -> Result<Option<String>, Problem> {
    let node = object(data)?;
    if let Some(endpoints) = node.get("endpoints") {
        let Value::Array(endpoints) = endpoints else { return Err(lacks("endpoints", "a list")) };
        let protocols = node.get("listener_security_protocol_map");
        for endpoint in endpoints {
            let parts = endpoint.as_str().and_then(|endpoint| endpoint.split_once("://"));
            let (listener, address) = parts.ok_or_else(|| format!("has an endpoint {endpoint}"))?;
            // Before 0.10.2 a listener has no name but its protocol.
            let by = protocols.and_then(|all| all.get(listener)).and_then(Value::as_str).unwrap_or(listener);
            if by == protocol {
                return Ok(Some(address.to_owned()));
            }
        }
        return Ok(None);
    }
    // Before 0.9 there is one, without a protocol.
    let host = text(&node, "host")?;
    let port = node.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| lacks("port", "a port"))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Ok((protocol == "PLAINTEXT").then(|| format!("{host}:{port}")))
}

fn object(data: &[u8]) -> Result<Map<String, Value>, Problem> {
    let text = utf8(data)?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(format!("holds {} instead of an object", shown(text))),
        Err(error) => Err(format!("holds {}, which is no JSON: {error}", shown(text))),
    }
}

fn text<'a>(node: &'a Map<String, Value>, name: &str) -> Result<&'a str, Problem> {
    node.get(name).and_then(Value::as_str).ok_or_else(|| lacks(name, "a text"))
}

fn lacks(name: &str, what: &str) -> Problem {
    format!("has no {name:?} that is {what}")
}

fn utf8(data: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(data).map_err(|_| "holds no text".to_owned())
}

/// The beginning of a node's contents, as errors show it.
fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(60).collect();
    if beginning.len() < text.len() { format!("{beginning:?}...") } else { format!("{beginning:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(topics: &[(&str, u32)]) -> BTreeMap<Arc<str>, u32> {
        topics.iter().map(|(topic, threads)| (Arc::from(*topic), *threads)).collect()
    }

    #[test]
    fn a_member_reads_what_a_member_writes() {
        let topics = named(&[("a", 1), ("b", 12)]);
        let data = Registration::write(&topics, 1_700_000_000_123);
        let text = std::str::from_utf8(&data).unwrap();
        assert!(text.contains(r#""timestamp":"1700000000123""#) && text.contains(r#""version":1"#), "{text}");
        let found = Registration::read(&data).unwrap();
        assert_eq!(["a", "b", "c"].map(|topic| found.threads(topic)), [1, 12, 0]);
    }

    /// As a consumer of 0.8.2.2 and of 1.1.1 wrote them.
    #[test]
    fn registrations_of_old_consumers_are_read() {
        let old =
            br#"{"version":1,"subscription":{"words":2},"pattern":"static","timestamp":"1764201600000"}"#;
        assert_eq!(Registration::read(old).unwrap().threads("words"), 2);
        let white =
            br#"{"version":1,"subscription":{"log-.*,audit":3},"pattern":"white_list","timestamp":"1"}"#;
        let white = Registration::read(white).unwrap();
        let threads = ["log-a", "audit", "audits", "__consumer_offsets"].map(|topic| white.threads(topic));
        assert_eq!(threads, [3, 3, 0, 0]);
        let black = br#"{"version":1,"subscription":{"log-.*":1},"pattern":"black_list","timestamp":"1"}"#;
        let black = Registration::read(black).unwrap();
        let threads = ["log-a", "audit", "__consumer_offsets"].map(|topic| black.threads(topic));
        assert_eq!(threads, [0, 1, 0]);
    }

    #[test]
    fn an_escaped_pattern_is_read_as_it_was_meant() {
        let node =
            br#"{"version":1,"subscription":{" \"log\\.a\" ":1},"pattern":"white_list","timestamp":"1"}"#;
        let found = Registration::read(node).unwrap();
        assert_eq!(["log.a", "log-a"].map(|topic| found.threads(topic)), [1, 0]);
    }

    #[test]
    fn a_foreign_member_is_described() {
        let problem = |data: &[u8]| Registration::read(data).unwrap_err();
        assert!(problem(b"hello").contains("no JSON"));
        assert!(problem(b"\xff").contains("no text"));
        assert!(problem(b"[1]").contains("instead of an object"));
        assert!(problem(br#"{"subscription":{}}"#).contains("pattern"));
        assert!(problem(br#"{"pattern":"static"}"#).contains("subscription"));
        for threads in ["0", "-1", "10001", "1.5", "\"1\"", "99999999999999999999"] {
            let node = format!(r#"{{"pattern":"static","subscription":{{"a":{threads}}}}}"#);
            assert!(problem(node.as_bytes()).contains("threads for"), "{threads}");
        }
        let look_ahead = br#"{"pattern":"white_list","subscription":{"(?!a)b":1}}"#;
        assert!(problem(look_ahead).contains("pattern that cannot be read"));
        let deep = "[".repeat(100_000);
        assert!(problem(deep.as_bytes()).contains("no JSON"));
    }

    #[test]
    fn a_topic_has_numbers_of_partitions() {
        let node = br#"{"version":1,"partitions":{"2":[0],"0":[0,1],"10":[]}}"#;
        assert_eq!(read_topic(node).unwrap(), BTreeSet::from([0, 2, 10]));
        let newer = br#"{"partitions":{"0":[1]},"topic_id":"x","adding_replicas":{},"version":3}"#;
        assert_eq!(read_topic(newer).unwrap(), BTreeSet::from([0]));
        assert!(read_topic(br#"{"partitions":{"-1":[]}}"#).unwrap_err().contains("-1"));
        assert!(read_topic(br#"{"partitions":[]}"#).unwrap_err().contains("partitions"));
    }

    #[test]
    fn an_offset_is_a_decimal_number() {
        assert_eq!((read_offset(b"42"), read_offset(b" 7\n")), (Ok(42), Ok(7)));
        assert_eq!(read_offset(b"-1"), Ok(-1));
        for bad in ["", "x", "1.0", "9223372036854775808"] {
            assert!(read_offset(bad.as_bytes()).unwrap_err().contains("instead of an offset"), "{bad}");
        }
    }

    #[test]
    fn a_broker_is_found_by_its_protocol() {
        let at = |node: &str, protocol| read_broker(node.as_bytes(), protocol).unwrap();
        let v0_8 = r#"{"jmx_port":-1,"timestamp":"1","host":"a","version":1,"port":9092}"#;
        assert_eq!(at(v0_8, "PLAINTEXT").as_deref(), Some("a:9092"));
        assert_eq!(at(v0_8, "SSL"), None);
        let v0_9 =
            r#"{"jmx_port":-1,"endpoints":["PLAINTEXT://b:1","SSL://b:2"],"host":"b","port":1,"version":2}"#;
        assert_eq!(at(v0_9, "SSL").as_deref(), Some("b:2"));
        let v3_9 = r#"{"listener_security_protocol_map":{"IN":"SASL_SSL","EX":"PLAINTEXT"},
            "endpoints":["IN://c:1","EX://c:2"],"host":null,"port":-1,"version":5,"features":{}}"#;
        assert_eq!(at(v3_9, "PLAINTEXT").as_deref(), Some("c:2"));
        assert_eq!(at(v3_9, "SASL_SSL").as_deref(), Some("c:1"));
        assert_eq!(at(v3_9, "SSL"), None);
        assert_eq!(at(r#"{"host":"::1","port":9}"#, "PLAINTEXT").as_deref(), Some("[::1]:9"));
        let problem = |node: &str| read_broker(node.as_bytes(), "SSL").unwrap_err();
        assert!(problem(r#"{"host":"a","port":70000}"#).contains("port"));
        assert!(problem(r#"{"endpoints":["a:1"]}"#).contains("a:1"));
        assert!(problem(r#"{"endpoints":{}}"#).contains("endpoints"));
    }
}
