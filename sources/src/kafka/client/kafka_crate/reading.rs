//! One fetch by the crate: what came for each partition, copied into blocks, with a guard against gaps. Runs on the crate's
//! thread.
//!
//! Where plain messages stand before a compressed one, the crate gives the latter and loses the former. So what begins
//! behind the offset that was asked for is fetched again, smaller and smaller, until it is known which record is the first:
//! the crate loses nothing of an answer that ends before the compressed message. Whatever gap is left then is in the log.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use kafka_rust::Error;
use kafka_rust::client::FetchPartition;
use kafka_rust::client::fetch::{Message, Response};

use super::failure::{code_of, of_crate};
use super::session::Session;
use crate::kafka::client::deadline::Deadline;
use crate::kafka::client::fetch::block::FetchedBlock;
use crate::kafka::client::settings::Gaps;
use crate::kafka::client::transport::Want;
use crate::kafka::wire::ErrorCode;
use crate::kafka::wire::records::{Codec, Limits, RawRecord, RecordError, Span};
use crate::kafka::{KafkaError, TopicPartition};

/// A block is cut at about this many bytes, so that a large fetch makes several tasks.
const BLOCK_BYTES: usize = 1 << 20;

/// The first size that is tried for a single message; the next ones are four times as large.
const SMALLEST: u32 = 128;

/// What is asked of one broker.
pub(super) struct Question {
    pub(super) node: i32,
    pub(super) wants: Vec<(TopicPartition, Want)>,
    /// How long the broker may wait for records.
    pub(super) wait: Duration,
    pub(super) gaps: Gaps,
    /// The most that a fetch may grow to, in bytes.
    pub(super) most_bytes: u32,
    /// The search for the first record ends with it.
    pub(super) deadline: Deadline,
}

/// What became of a partition.
pub(super) enum Outcome {
    Came(Came),
    /// The broker's answer.
    Refused(ErrorCode),
    /// It cannot be read.
    Bad(KafkaError),
}

/// What came for a partition.
pub(super) struct Came {
    pub(super) blocks: Vec<FetchedBlock>,
    pub(super) next_offset: i64,
    pub(super) high_watermark: i64,
    /// Nothing came, though there is something: a fetch of so many bytes may bring it.
    pub(super) needs: Option<u32>,
}

/// Asks once; where records do not follow each other, again about that partition.
pub(super) fn fetch(
    session: &mut Session,
    question: &Question,
) -> Result<Vec<(TopicPartition, Outcome)>, KafkaError> {
    let mut outcomes = Vec::new();
    let mut asked = Vec::new();
    know_leaders(session, question)?;
    for (name, want) in &question.wants {
        if session.is_led_by(name, question.node) {
            asked.push((name, want));
        } else {
            outcomes.push((name.clone(), Outcome::Refused(ErrorCode::NOT_LEADER_OR_FOLLOWER)));
        }
    }
    let answers = match ask(session, &asked, question.wait) {
        Ok(answers) => answers,
        // The crate fails the whole answer for one bad partition. Alone it has a name.
        Err(error @ KafkaError::KafkaCrate { .. }) if asked.len() == 1 => {
            outcomes.push((asked[0].0.clone(), Outcome::Bad(naming(error, asked[0].0))));
            return Ok(outcomes);
        }
        Err(error) => return Err(error),
    };
    let answers: Vec<_> = asked.iter().zip(answers).collect();
    for (&(name, want), answer) in answers {
        let Some(answer) = answer else { continue };
        let outcome = match answer {
            Ok(slice) => settle(session, question, name, want, slice)?,
            Err(code) => Outcome::Refused(code),
        };
        if matches!(outcome, Outcome::Refused(code) if code.is_stale_metadata()) {
            session.forget();
        }
        outcomes.push((name.clone(), outcome));
    }
    Ok(outcomes)
}

/// The error with the partition that it is about.
fn naming(mut error: KafkaError, partition: &TopicPartition) -> KafkaError {
    if let KafkaError::KafkaCrate { about, .. } = &mut error {
        about.get_or_insert_with(|| partition.to_string().into());
    }
    error
}

/// Who leads may have changed since the crate has asked.
fn know_leaders(session: &mut Session, question: &Question) -> Result<(), KafkaError> {
    session.know()?;
    if question.wants.iter().any(|(name, _)| !session.is_led_by(name, question.node)) {
        session.forget();
        session.know()?;
    }
    Ok(())
}

/// What an answer has of a partition, in the answer.
struct Slice {
    responses: Rc<Vec<Response>>,
    /// Which response, which of its topics, which of that topic's partitions.
    place: (usize, usize, usize),
    high_watermark: i64,
}

impl Slice {
    fn messages(&self) -> &[Message<'_>] {
        let (response, topic, partition) = self.place;
        let data = self.responses[response].topics()[topic].partitions()[partition].data();
        data.map_or(&[], |data| data.messages())
    }

    fn first(&self) -> Option<i64> {
        self.messages().first().map(|message| message.offset)
    }
}

type Answer = Result<Slice, ErrorCode>;

/// Fetches; what came for each, in the order of `wants`. `None`: the answer says nothing of it.
fn ask(
    session: &mut Session,
    wants: &[(&TopicPartition, &Want)],
    wait: Duration,
) -> Result<Vec<Option<Answer>>, KafkaError> {
    if wants.is_empty() {
        return Ok(Vec::new());
    }
    let requests: Vec<_> = wants
        .iter()
        .map(|(name, want)| {
            let bytes = i32::try_from(want.max_bytes.max(1)).unwrap_or(i32::MAX);
            FetchPartition::new(&name.topic, name.partition, want.offset).with_max_bytes(bytes)
        })
        .collect();
    let responses = Rc::new(session.fetch(&requests, wait)?);
    let mut places = BTreeMap::new();
    for (r, response) in responses.iter().enumerate() {
        for (t, topic) in response.topics().iter().enumerate() {
            for (p, partition) in topic.partitions().iter().enumerate() {
                places.entry((topic.topic(), partition.partition())).or_insert((r, t, p));
            }
        }
    }
    let answer = |(name, _): &(&TopicPartition, &Want)| {
        let place = *places.get(&(&*name.topic, name.partition))?;
        Some(read(name, &responses, place))
    };
    wants.iter().map(|want| answer(want).transpose()).collect()
}

/// Fetches from one partition, which does not wait for records.
fn alone(session: &mut Session, name: &TopicPartition, want: &Want) -> Result<Option<Answer>, KafkaError> {
    Ok(ask(session, &[(name, want)], Duration::ZERO)?.pop().flatten())
}

fn read(
    name: &TopicPartition,
    responses: &Rc<Vec<Response>>,
    place: (usize, usize, usize),
) -> Result<Answer, KafkaError> {
    let partition = &responses[place.0].topics()[place.1].partitions()[place.2];
    match partition.data() {
        Ok(data) => {
            let high_watermark = data.highwatermark_offset();
            Ok(Ok(Slice { responses: Rc::clone(responses), place, high_watermark }))
        }
        Err(error) => match &*error {
            Error::Kafka(code) => Ok(Err(code_of(*code))),
            other => Err(of_crate("Fetch", Some(name), other.to_string())),
        },
    }
}

/// Makes blocks of what came for a partition, or says what is the matter with it.
fn settle(
    session: &mut Session,
    question: &Question,
    name: &TopicPartition,
    want: &Want,
    slice: Slice,
) -> Result<Outcome, KafkaError> {
    let slice = if is_empty_at_most(question, want, &slice) {
        // Brokers of 0.8 to 0.10 look where the log ends after they have read it: records may have come in between.
        match alone(session, name, want) {
            Ok(Some(Ok(again))) => again,
            Ok(Some(Err(code))) => return Ok(Outcome::Refused(code)),
            Ok(None) => slice,
            Err(error @ KafkaError::KafkaCrate { .. }) => return Ok(Outcome::Bad(naming(error, name))),
            Err(error) => return Err(error),
        }
    } else {
        slice
    };
    let high_watermark = slice.high_watermark;
    let Some(first) = slice.first() else {
        return Ok(nothing(question, name, want, &slice));
    };
    let slice = if first == want.offset { slice } else { true_first(session, question, name, want, slice)? };
    let messages = ascending(slice.messages());
    let limit = Limits::default().max_bytes.max(want.max_bytes as usize);
    if let Some(cause) = misfit(messages, want.offset, high_watermark, limit) {
        return Ok(Outcome::Bad(KafkaError::Records { partition: name.clone(), offset: want.offset, cause }));
    }
    let kept = match question.gaps {
        Gaps::Expected => messages.len(),
        Gaps::Refused => messages.iter().zip(want.offset..).take_while(|(m, at)| m.offset == *at).count(),
    };
    let Some(last) = kept.checked_sub(1) else {
        let to = messages.first().map_or(want.offset, |message| message.offset);
        return Ok(Outcome::Bad(KafkaError::Gap { partition: name.clone(), from: want.offset, to }));
    };
    let next_offset = messages[last].offset + 1;
    let blocks = blocks(name, &messages[..kept], want.offset);
    Ok(Outcome::Came(Came { blocks, next_offset, high_watermark, needs: None }))
}

/// Whether the largest fetch has brought nothing, though there is something.
fn is_empty_at_most(question: &Question, want: &Want, slice: &Slice) -> bool {
    let is_missing = slice.messages().is_empty() && slice.high_watermark > want.offset;
    is_missing && want.max_bytes >= question.most_bytes
}

/// Nothing came: it is the end of the log, or a larger fetch is needed, or the largest has brought nothing.
fn nothing(question: &Question, name: &TopicPartition, want: &Want, slice: &Slice) -> Outcome {
    let high_watermark = slice.high_watermark;
    if is_empty_at_most(question, want, slice) {
        return Outcome::Bad(KafkaError::Gap {
            partition: name.clone(),
            from: want.offset,
            to: high_watermark,
        });
    }
    let needs =
        (high_watermark > want.offset).then(|| want.max_bytes.saturating_mul(2).min(question.most_bytes));
    Outcome::Came(Came { blocks: Vec::new(), next_offset: want.offset, high_watermark, needs })
}

/// Finds what truly comes first where an answer begins behind what was asked for: the smallest fetch that brings anything.
/// Returns the largest answer seen that begins there.
fn true_first(
    session: &mut Session,
    question: &Question,
    name: &TopicPartition,
    want: &Want,
    seen: Slice,
) -> Result<Slice, KafkaError> {
    // A fetch of `none` bytes brings nothing, one of `some` bytes `best` or a smaller answer that begins no later.
    let (mut none, mut some, mut best) = (0, want.max_bytes.max(1), seen);
    let mut size = SMALLEST;
    while some - none > 1 && !question.deadline.is_over() {
        if size >= some {
            size = none + (some - none) / 2;
        }
        let smaller = Want { max_bytes: size, ..*want };
        let first = match alone(session, name, &smaller) {
            Ok(Some(Ok(slice))) => slice.first().map(|first| (first, slice)),
            // Brokers before 2.0 send a marker with nothing behind it as it is, in a format that the crate does not know.
            Err(KafkaError::KafkaCrate { .. }) => None,
            Err(error) => return Err(error),
            Ok(_) => {
                let problem = "another fetch of the same was refused".to_owned();
                return Err(of_crate("Fetch", Some(name), problem));
            }
        };
        match first {
            None => {
                none = size;
                size = size.saturating_mul(4);
            }
            Some((first, slice)) => {
                some = size;
                if best.first().is_none_or(|known| first < known) {
                    best = slice;
                }
                if first == want.offset {
                    break;
                }
            }
        }
    }
    if some - none > 1 && best.first() != Some(want.offset) {
        return Err(of_crate(
            "Fetch",
            Some(name),
            "which record is the first was not found in time".to_owned(),
        ));
    }
    Ok(best)
}

/// Messages up to the first whose offset does not go up. Brokers from 2.0 on fill an answer whose converted records became
/// fewer, for a marker was left out, with the same records once more (seen on 2.4.1 and 3.9.1).
fn ascending<'a, 'm>(messages: &'a [Message<'m>]) -> &'a [Message<'m>] {
    let repeat = messages.windows(2).position(|two| two[1].offset <= two[0].offset);
    repeat.map_or(messages, |last| &messages[..=last])
}

/// What is wrong with messages, if anything: their offsets are below the end of the log, and together they have so many bytes at
/// most.
fn misfit(messages: &[Message<'_>], asked: i64, high_watermark: i64, limit: usize) -> Option<RecordError> {
    let (first, last) = (messages.first()?.offset, messages.last()?.offset);
    // What is behind the end was appended while the answer was put together.
    let is_plausible = first >= asked && (last < high_watermark || last - first < messages.len() as i64);
    if !is_plausible || last == i64::MAX {
        return Some(RecordError::BadOffsets { first, last });
    }
    let bytes: usize = messages.iter().map(size).sum();
    (bytes > limit).then_some(RecordError::TooLarge { codec: Codec::None, limit })
}

fn size(message: &Message<'_>) -> usize {
    message.key.len() + message.value.len()
}

/// Copies messages into blocks, from the offset that was asked for on.
fn blocks(name: &TopicPartition, messages: &[Message<'_>], asked: i64) -> Vec<FetchedBlock> {
    let mut blocks = Vec::new();
    let (mut begin, mut left) = (asked, messages);
    while !left.is_empty() {
        let mut bytes = 0;
        let fits = |message: &&Message<'_>| {
            let has_room = bytes < BLOCK_BYTES;
            bytes += size(message) + size_of::<RawRecord>();
            has_room
        };
        let (block, rest) = left.split_at(left.iter().take_while(fits).count());
        let mut own = Vec::with_capacity(block.iter().map(size).sum());
        let records: Vec<_> = block.iter().map(|message| copy(message, &mut own)).collect();
        let end = block.last().map_or(begin, |message| message.offset + 1);
        blocks.push(FetchedBlock::of_read(name.clone(), own, records, begin..end));
        (begin, left) = (end, rest);
    }
    blocks
}

fn copy(message: &Message<'_>, bytes: &mut Vec<u8>) -> RawRecord {
    // The crate does not tell what is empty from what is null.
    let mut part = |part: &[u8]| {
        if part.is_empty() {
            return Span::NULL;
        }
        bytes.extend_from_slice(part);
        Span::new(bytes.len() - part.len(), part.len())
    };
    let (key, value) = (part(message.key), part(message.value));
    RawRecord { offset: message.offset, timestamp: None, key, value, headers: Span::NULL, header_count: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_a_broker_repeats_are_taken_once() {
        let message = |offset| Message { offset, key: b"", value: b"v" };
        let offsets = |messages: &[Message<'_>]| -> Vec<i64> {
            ascending(messages).iter().map(|message| message.offset).collect()
        };
        assert_eq!(offsets(&[11, 12, 13, 11, 12].map(message)), [11, 12, 13]);
        assert_eq!(offsets(&[11, 11].map(message)), [11]);
        assert_eq!(offsets(&[11, 13].map(message)), [11, 13]);
        assert_eq!(offsets(&[]), Vec::<i64>::new());
    }
}
