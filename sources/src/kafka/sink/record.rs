//! [`ProducerRecord`], a record on its way to a topic. It is made by the program, borrows what it can, and lives until the
//! producer has copied it.

use std::fmt;

use batchmill::Text;

use crate::kafka::wire::records::NewHeader;

/// A record to be written to a topic.
///
/// ```
/// use batchmill_sources::kafka::ProducerRecord;
///
/// let count = ProducerRecord::to("counts").key("to").value(2.to_string());
/// let gone = ProducerRecord::to("counts").key("be"); // no value deletes the key in a compacted topic
/// # let _ = (count, gone);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct ProducerRecord<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<RecordData<'a>>,
    pub(super) value: Option<RecordData<'a>>,
    pub(super) headers: &'a [NewHeader<'a>],
    pub(super) timestamp_ms: Option<i64>,
}

impl<'a> ProducerRecord<'a> {
    /// A record without key and value for the topic that the output names. Sent by a [`Producer`](super::Producer) itself,
    /// it needs a [topic](Self::topic).
    pub fn new() -> Self {
        Self::default()
    }

    /// A record without key and value for a topic.
    pub fn to(topic: &'a str) -> Self {
        Self::new().topic(topic)
    }

    /// The topic, whatever the output names.
    pub fn topic(mut self, topic: &'a str) -> Self {
        self.topic = topic;
        self
    }

    /// The partition. Without one the key says where the record goes, as in the Java client; a record without key goes where
    /// the last one went, until a batch is full.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The key. Without one it is null.
    pub fn key(mut self, key: impl Into<RecordData<'a>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The value. Without one it is null, which in a compacted topic deletes the key.
    pub fn value(mut self, value: impl Into<RecordData<'a>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The headers, in this order; a key may come twice and a value may be null. Brokers before 0.11 have none, and headers
    /// for them are left out.
    pub fn headers(mut self, headers: &'a [(&'a str, Option<&'a [u8]>)]) -> Self {
        self.headers = headers;
        self
    }

    /// The time in milliseconds since the epoch. Without one it is the time at which it is sent. A topic may be set to keep
    /// the broker's time instead; brokers before 0.10 keep none.
    pub fn timestamp_ms(mut self, ms: i64) -> Self {
        self.timestamp_ms = Some(ms);
        self
    }

    /// About how many bytes it has in a batch, and never fewer.
    pub(super) fn size_bound(&self, more: &[NewHeader<'_>]) -> usize {
        let part = |data: &Option<RecordData<'_>>| data.as_ref().map_or(0, |data| data.bytes().len());
        let headers = self.headers.iter().chain(more);
        let headers: usize = headers.map(|(key, value)| 10 + key.len() + value.map_or(0, <[u8]>::len)).sum();
        40 + part(&self.key) + part(&self.value) + headers
    }
}

impl fmt::Debug for ProducerRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("key", &self.key)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// The bytes of a key or value: borrowed, or brought along. Made of texts, strings, slices and vectors.
#[derive(Clone)]
pub struct RecordData<'a>(Data<'a>);

#[derive(Clone)]
enum Data<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

impl RecordData<'_> {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Data::Borrowed(bytes) => bytes,
            Data::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for RecordData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

impl<'a> From<&'a [u8]> for RecordData<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Data::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for RecordData<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Data::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for RecordData<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self(Data::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for RecordData<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Data::Owned(bytes))
    }
}

impl<'a> From<&'a str> for RecordData<'a> {
    fn from(text: &'a str) -> Self {
        Self(Data::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a String> for RecordData<'a> {
    fn from(text: &'a String) -> Self {
        Self(Data::Borrowed(text.as_bytes()))
    }
}

impl From<String> for RecordData<'_> {
    fn from(text: String) -> Self {
        Self(Data::Owned(text.into_bytes()))
    }
}

impl<'a> From<&'a Text> for RecordData<'a> {
    fn from(text: &'a Text) -> Self {
        Self(Data::Borrowed(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_made_of_what_programs_have() {
        let text = Text::from("text");
        let data: [RecordData<'_>; 6] = [
            (&text).into(),
            "str".into(),
            String::from("string").into(),
            b"array".into(),
            vec![1, 2].into(),
            (&b"slice"[..]).into(),
        ];
        let bytes = data.map(|data| data.bytes().to_vec());
        assert_eq!(bytes, [&b"text"[..], b"str", b"string", b"array", &[1, 2], b"slice"]);
    }
}
