//! Targets for Kafka's records: record sets as they come from a broker, the codecs, and batches that are written and read.

use batchmill_sources::kafka::wire::Reader;
use batchmill_sources::kafka::wire::compression::{compress, inflate};
use batchmill_sources::kafka::wire::records::{
    BatchBuilder, BatchFlags, BatchSpan, BatchWalk, Codec, Limits, NewRecord, OpenBatch, Payload, RawRecord,
    RecordError, Span, control_kind, message_set, open,
};

const LIMITS: Limits = Limits { max_bytes: 64 << 10, max_ratio: 1000 };

/// The walk over a record set never leaves it, its batches follow each other, and whatever is opened is within the limits.
///
/// Checksums are mended first if the first byte is odd: no fuzzer guesses them. The rest is the set.
pub fn kafka_records(data: &[u8]) {
    let [mend, set @ ..] = data else { return };
    let mut set = set.to_vec();
    if mend % 2 == 1 {
        mend_checksums(&mut set);
    }
    let (mut walk, mut end) = (BatchWalk::new(&set), 0);
    while let Some(Ok(span)) = walk.next() {
        assert_eq!(span.range.start, end, "the batches meet");
        assert!(span.range.start < span.range.end && span.range.end <= set.len(), "{span:?}");
        assert!(0 <= span.base_offset && span.base_offset <= span.last_offset, "{span:?}");
        end = span.range.end;
        let _ = control_kind(&set, &span);
        if let Ok(opened) = open(&set, &span, &LIMITS) {
            read_to_the_end(&set, &span, opened);
        }
    }
    assert!(walk.next().is_none(), "the walk has ended");
}

/// Reads the records of a batch, each within its payload, until there are no more or one is damaged.
fn read_to_the_end(set: &[u8], span: &BatchSpan, opened: OpenBatch) {
    let OpenBatch { payload, mut records } = opened;
    let bytes = match &payload {
        Payload::InPlace(range) => {
            assert!(span.range.start <= range.start && range.end <= span.range.end, "{range:?} of {span:?}");
            set
        }
        Payload::Inflated(bytes) => {
            assert!(bytes.len() <= LIMITS.max_bytes, "{} bytes", bytes.len());
            bytes
        }
    };
    let mut found = 0;
    let whole = loop {
        match records.next(bytes) {
            Ok(Some(record)) => {
                found += 1;
                for part in [record.key, record.value, record.headers] {
                    assert!(part == Span::NULL || part.of(bytes).is_some());
                }
                headers_of(&record, bytes);
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert_eq!(records.next(bytes), Ok(None), "nothing follows the end");
    if let (true, Some(claimed)) = (whole, span.records) {
        assert_eq!(found, claimed);
    }
}

/// The headers of a record; that they can be read was checked with it.
fn headers_of(record: &RawRecord, bytes: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut input = Reader::new(record.headers.of(bytes).expect("headers are never null"));
    let mut part = || {
        let length = input.varint().expect("a header has lengths");
        usize::try_from(length).ok().map(|length| input.take(length).expect("a header is whole").to_vec())
    };
    let headers = (0..record.header_count).map(|_| (part().expect("a header has a key"), part())).collect();
    input.finish().expect("nothing follows the headers");
    headers
}

/// Puts the right checksum into every batch and every plain message.
fn mend_checksums(set: &mut [u8]) {
    const MAGIC_AT: usize = 16;
    let mut at = 0;
    while let Some(header) = set.get(at..at + MAGIC_AT + 1) {
        let length = i32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let Some(end) = usize::try_from(length).ok().and_then(|length| length.checked_add(at + 12)) else {
            return;
        };
        let crc_at = at + if header[MAGIC_AT] == 2 { 17 } else { 12 };
        let Some(batch) = set.get(at..end) else { return };
        let Some(Ok(span)) = BatchWalk::new(batch).next() else { return };
        if let Err(RecordError::BadCrc { computed, .. }) = open(batch, &span, &LIMITS) {
            set[crc_at..crc_at + 4].copy_from_slice(&computed.to_be_bytes());
        }
        at = end;
    }
}

/// No codec gives more than it may, whatever it is given, and what one gives can be compressed and comes back.
///
/// The first byte chooses the codec and whether little or much is allowed; the rest is compressed data.
pub fn kafka_inflate(data: &[u8]) {
    let [choice, compressed @ ..] = data else { return };
    let codec = codec(choice % 5);
    let limit = if choice / 5 % 2 == 0 { 64 << 10 } else { 100 };
    let mut out = b"before".to_vec();
    let result = inflate(codec, compressed, limit, &mut out);
    assert!(out.starts_with(b"before"));
    let inflated = out.len() - 6;
    assert!(inflated <= limit + 1, "{codec:?}: {inflated} bytes of {limit} allowed");
    assert!(out.capacity() <= 4 * (limit + 1024), "{codec:?}: room for {} bytes", out.capacity());
    if result.is_ok() {
        assert!(inflated <= limit, "{codec:?}: {inflated} bytes of {limit} allowed");
        let mut again = Vec::new();
        inflate(codec, &compress(codec, &out[6..]), limit, &mut again).expect("what it made itself");
        assert_eq!(again, &out[6..]);
    }
}

fn codec(number: u8) -> Codec {
    Codec::from_attributes(number.into())
}

/// Records that are written in any format come back as they were.
///
/// The first byte chooses format, codec and flags. Each record takes a byte that says what it has, then what that is.
pub fn kafka_round_trip(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    let (magic, appended) = (choice % 3, choice & 0x80 != 0);
    let codec = codec(choice / 3 % if magic == 2 { 5 } else { 4 });
    let written = Written::all(rest);
    let flags = BatchFlags { base_offset: 7, log_append_time: appended, ..BatchFlags::default() };
    let set = if magic == 2 { batch(&written, codec, &flags) } else { messages(&written, magic, codec) };

    let most = written.iter().map(|record| record.timestamp).max().unwrap_or(-1).max(-1);
    let expected: Vec<_> = written
        .into_iter()
        .map(|mut record| {
            match magic {
                2 if appended => record.timestamp = most,
                2 => {}
                0 => record.timestamp = -1,
                _ => {}
            }
            record.timestamp = record.timestamp.max(-1);
            if magic < 2 {
                record.headers.clear();
            }
            record
        })
        .collect();
    assert_eq!(read(&set), expected, "magic {magic}, {codec:?}");
}

/// A record, with its offset counted from the first.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Written {
    /// Takes records from the input until it ends.
    fn all(input: &[u8]) -> Vec<Self> {
        let (mut input, mut next, mut all) = (input, 7, Vec::new());
        while let [has, rest @ ..] = input {
            input = rest;
            let offset = next + i64::from(has >> 6);
            next = offset + 1;
            let timestamp = match has & 16 {
                0 => i64::from(byte(&mut input)) - 1,
                _ => i64::from_be_bytes([0; 8].map(|_: u8| byte(&mut input))),
            };
            let key = (has & 1 != 0).then(|| bytes(&mut input));
            let value = (has & 2 != 0).then(|| bytes(&mut input));
            let header = |_| {
                (b"h".repeat(usize::from(byte(&mut input) % 3)), (has & 32 != 0).then(|| bytes(&mut input)))
            };
            let headers = (0..has >> 2 & 3).map(header).collect();
            all.push(Self { offset, timestamp, key, value, headers });
        }
        all
    }
}

fn byte(input: &mut &[u8]) -> u8 {
    let Some((first, rest)) = input.split_first() else { return 0 };
    *input = rest;
    *first
}

/// As many bytes as the next one says, or as there are.
fn bytes(input: &mut &[u8]) -> Vec<u8> {
    let length = usize::from(byte(input)).min(input.len());
    let (taken, rest) = input.split_at(length);
    *input = rest;
    taken.to_vec()
}

fn batch(records: &[Written], codec: Codec, flags: &BatchFlags) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for record in records {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(key, value)| (std::str::from_utf8(key).expect("letters"), value.as_deref()))
            .collect();
        let new = NewRecord { headers: &headers, ..plain(record) };
        let delta = record.offset - flags.base_offset;
        builder.push_at(i32::try_from(delta).expect("few records"), &new);
    }
    builder.build(codec, flags)
}

fn messages(records: &[Written], magic: u8, codec: Codec) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|record| (record.offset, plain(record))).collect();
    message_set(magic, codec, &records).expect("short records")
}

fn plain(record: &Written) -> NewRecord<'_> {
    NewRecord {
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        timestamp: record.timestamp,
        ..NewRecord::default()
    }
}

/// All records of a set that is as it should be.
fn read(set: &[u8]) -> Vec<Written> {
    let mut read = Vec::new();
    let mut walk = BatchWalk::new(set);
    for span in &mut walk {
        let span = span.expect("a batch");
        let OpenBatch { payload, mut records } = open(set, &span, &Limits::default()).expect("a good batch");
        let bytes = match &payload {
            Payload::InPlace(_) => set,
            Payload::Inflated(bytes) => bytes,
        };
        while let Some(record) = records.next(bytes).expect("a record") {
            let owned = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
            read.push(Written {
                offset: record.offset,
                timestamp: record.timestamp.unwrap_or(-1),
                key: owned(record.key.of(bytes)),
                value: owned(record.value.of(bytes)),
                headers: headers_of(&record, bytes),
            });
        }
        if let Some(last) = read.last() {
            assert_eq!(span.last_offset, last.offset);
        }
    }
    assert_eq!(walk.partial(), None);
    read
}
