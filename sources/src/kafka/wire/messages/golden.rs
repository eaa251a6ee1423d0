//! What real brokers of ten releases answered (`golden/kafka`, whose README tells how it came about): every answer is read
//! to its last byte, says what another client found in it, holds the records that were sent, and comes out of the encoder,
//! which the fake cluster uses, as it came in.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::super::frame::{decode_response_header, encode_response};
use super::layout::Layout;
use super::told::{Told, escaped};
use super::*;
use crate::kafka::wire::records::{
    AbortedFilter, BatchSpan, BatchWalk, Limits, OpenBatch, Payload, RawRecord, Span, open,
};

/// How many answers there are, and of how many of them the records are told.
const ANSWERS: usize = 995;
const TEXTS: usize = 322;

/// One answer of a broker.
struct Golden {
    path: PathBuf,
    api: String,
    version: i16,
    what: String,
    bytes: Vec<u8>,
}

/// All of them, sorted.
fn goldens() -> Vec<Golden> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/kafka");
    let listed = |folder: &Path| {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let files = listed(&root).into_iter().flat_map(|broker| listed(&broker));
    files.filter(|path| path.extension().is_some_and(|kind| kind == "bin")).map(Golden::new).collect()
}

impl Golden {
    fn new(path: PathBuf) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // The version is the first number behind `-v`: `api-versions-v0-all` has another one before it.
        let versions = name.match_indices("-v").filter_map(|(at, mark)| {
            let (version, what) = name[at + mark.len()..].split_once('-')?;
            Some((&name[..at], version.parse().ok()?, what))
        });
        let (api, version, what) =
            versions.into_iter().next().unwrap_or_else(|| panic!("{name} has no version"));
        let bytes = std::fs::read(&path).unwrap();
        Self { api: api.to_owned(), version, what: what.to_owned(), bytes, path }
    }

    /// Its broker and name, for messages of failed tests.
    fn name(&self) -> String {
        let broker = self.path.parent().and_then(Path::file_name).unwrap();
        format!("{}/{}", broker.to_str().unwrap(), self.path.file_name().unwrap().to_str().unwrap())
    }

    fn read(&self) -> Read {
        match self.api.as_str() {
            "api-versions" => self.read_as::<ApiVersionsResponse>(),
            "fetch" => self.read_as::<FetchResponse<'_>>(),
            "find-coordinator" => self.read_as::<FindCoordinatorResponse>(),
            "init-producer-id" => self.read_as::<InitProducerIdResponse>(),
            "list-offsets" => self.read_as::<ListOffsetsResponse>(),
            "metadata" => self.read_as::<MetadataResponse>(),
            "offset-commit" => self.read_as::<OffsetCommitResponse>(),
            "offset-fetch" => self.read_as::<OffsetFetchResponse>(),
            "offset-for-leader-epoch" => self.read_as::<OffsetForLeaderEpochResponse>(),
            "produce" => self.read_as::<ProduceResponse>(),
            other => panic!("{}: what is {other}?", self.name()),
        }
    }

    fn read_as<'a, M: Message<'a> + Told>(&'a self) -> Read {
        let (correlation_id, message, left) = self.decode::<M>();
        let layout = Layout::of(M::KEY, M::VERSIONS, self.version).unwrap();
        let mut told = Vec::new();
        message.tell(layout, "", &mut told);
        let encoded = encode_response(&message, self.version, correlation_id).unwrap();
        Read { correlation_id, left, told, encoded: encoded[4..].to_vec() }
    }

    /// The correlation id, the message, and how many bytes are left.
    fn decode<'a, M: Message<'a>>(&'a self) -> (i32, M, usize) {
        let mut input = Reader::new(&self.bytes);
        let correlation_id = decode_response_header(M::KEY, self.version, &mut input).unwrap();
        let message = M::decode(self.version, &mut input).unwrap_or_else(|e| panic!("{}: {e}", self.name()));
        (correlation_id, message, input.remaining())
    }
}

/// An answer as the codec sees it.
struct Read {
    correlation_id: i32,
    left: usize,
    told: Vec<(String, String)>,
    encoded: Vec<u8>,
}

#[test]
fn every_answer_is_read_to_its_last_byte() {
    let goldens = goldens();
    assert_eq!(goldens.len(), ANSWERS);
    for golden in goldens {
        let read = golden.read();
        assert_eq!((read.correlation_id, read.left), (7, 0), "{}", golden.name());
    }
}

/// What another client found: for each file the paths of its fields with their values.
fn expected(folder: &Path) -> HashMap<String, BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut files: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    let mut file = String::new();
    for line in text.lines() {
        match line.strip_prefix("= ") {
            Some(name) => name.clone_into(&mut file),
            None => {
                let (path, value) = line.split_once('\t').unwrap();
                let known = files.entry(file.clone()).or_default();
                match value.split(' ').collect::<Vec<_>>()[..] {
                    [key, low, high] if path.starts_with("api_keys[") => {
                        for (field, value) in [("api_key", key), ("min_version", low), ("max_version", high)]
                        {
                            known.insert(format!("{path}.{field}"), value.to_owned());
                        }
                    }
                    _ => {
                        _ = known
                            .insert(path.to_owned(), in_our_words(path, value).unwrap_or(value).to_owned())
                    }
                }
            }
        }
    }
    files
}

/// What we say where the other client says it in its own way: operations that somebody may do as a set, and of records that
/// are null that they are.
fn in_our_words(path: &str, value: &str) -> Option<&'static str> {
    let is_of_operations = path.ends_with("authorized_operations");
    match value {
        "\\N" if is_of_operations => Some("-2147483648"),
        "set()" if is_of_operations => Some("0"),
        "\\N" if path.ends_with(".records") => Some("0 bytes"),
        _ => None,
    }
}

#[test]
fn every_field_has_the_value_that_another_client_found() {
    let mut folders = HashMap::new();
    for golden in goldens() {
        let folder = golden.path.parent().unwrap().to_owned();
        let files = folders.entry(folder).or_insert_with_key(|folder| expected(folder));
        let found: BTreeMap<_, _> = golden.read().told.into_iter().collect();
        let name = golden.path.file_name().unwrap().to_str().unwrap();
        let expected = files.remove(name).unwrap_or_else(|| panic!("nothing is known of {}", golden.name()));
        assert_eq!(found, expected, "{}", golden.name());
    }
    for (folder, files) in folders {
        assert!(files.is_empty(), "{}: there is no {:?}", folder.display(), files.keys());
    }
}

#[test]
fn every_answer_comes_out_of_the_encoder_as_it_came_in() {
    for golden in goldens() {
        let encoded = golden.read().encoded;
        let is_same = |(ours, theirs): (&u8, &u8)| match golden.api.as_str() {
            // Records that are null, of length -1, are read as none, of length 0.
            "fetch" => ours == theirs || (*ours, *theirs) == (0, 0xFF),
            _ => ours == theirs,
        };
        let is_whole = encoded.len() == golden.bytes.len();
        assert!(is_whole && encoded.iter().zip(&golden.bytes).all(is_same), "{}", golden.name());
    }
}

#[test]
fn the_records_are_those_that_were_sent() {
    let has_text = |golden: &&Golden| golden.path.with_extension("txt").exists();
    let goldens = goldens();
    let with_text: Vec<_> = goldens.iter().filter(has_text).collect();
    assert_eq!(with_text.len(), TEXTS);
    for golden in with_text {
        let expected = std::fs::read_to_string(golden.path.with_extension("txt")).unwrap();
        assert_eq!(records(golden), expected, "{}", golden.name());
    }
}

/// The records of an answer as a reader of committed ones gets them, one a line.
fn records(golden: &Golden) -> String {
    let (_, answer, _) = golden.decode::<FetchResponse<'_>>();
    let is_committed = golden.what.contains("-committed") || golden.what.contains("-open");
    let mut lines = String::new();
    for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
        let aborted = data.aborted_transactions.iter().flatten().filter(|_| is_committed);
        let mut filter = AbortedFilter::new(aborted.map(|one| (one.producer_id, one.first_offset)));
        for span in BatchWalk::new(data.records) {
            let span = span.unwrap_or_else(|error| panic!("{}: {error}", golden.name()));
            if !filter.keep(data.records, &span).unwrap() {
                continue;
            }
            let opened = open(data.records, &span, &Limits::default());
            let opened = opened.unwrap_or_else(|error| panic!("{}: {error}", golden.name()));
            of_batch(data.records, &span, opened, &mut lines);
        }
    }
    lines
}

fn of_batch(set: &[u8], span: &BatchSpan, mut opened: OpenBatch, lines: &mut String) {
    let bytes = match &opened.payload {
        Payload::InPlace(_) => set,
        Payload::Inflated(bytes) => bytes,
    };
    while let Some(record) = opened.records.next(bytes).unwrap() {
        let text = |part: Span| part.of(bytes).map_or("\\N".to_owned(), escaped);
        let kind = match (record.timestamp, span.log_append_time) {
            (None, _) => "none",
            (_, true) => "append",
            (_, false) => "create",
        };
        let fields = [
            record.offset.to_string(),
            kind.to_owned(),
            record.timestamp.unwrap_or(-1).to_string(),
            text(record.key),
            text(record.value),
            headers(&record, bytes),
        ];
        lines.push_str(&fields.join("\t"));
        lines.push('\n');
    }
}

fn headers(record: &RawRecord, bytes: &[u8]) -> String {
    let mut input = Reader::new(record.headers.of(bytes).unwrap());
    let header = |_| {
        let key = input.varint().unwrap() as usize;
        let key = escaped(input.take(key).unwrap());
        match input.varint().unwrap() {
            -1 => format!("{key}=\\N"),
            length => format!("{key}={}", escaped(input.take(length as usize).unwrap())),
        }
    };
    (0..record.header_count).map(header).collect::<Vec<_>>().join(";")
}
