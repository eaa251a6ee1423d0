//! What is made of the bytes of files: lines of large files, records, formats of the program's own.

use std::io::{BufRead, BufReader};

use batchmill::decode_with;
use proptest::prelude::*;

use super::*;
use crate::file::FileFormat;

/// How many partitions the batches had.
fn partitions<T: Data>(stream: DStream<'_, T>) -> Collected<usize> {
    stream.glom().map(|partition| partition.len()).collect()
}

#[test]
fn a_large_file_is_cut_into_partitions_and_small_ones_share_one() {
    let dir = TempDir::new().unwrap();
    let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect();
    write(&dir, "large", &text, 1);
    for n in 0..1_000 {
        write(&dir, &n.to_string(), "x\n", 2);
    }
    let ssc = builder().build().unwrap();
    let stream = ssc.text_file_stream(dir.path(), Existing::Read);
    let (sizes, lines) = (partitions(stream), stream.collect());
    let mut test = ssc.start_stepped().unwrap();
    test.step_batch().unwrap();
    let sizes = sizes.take_all();
    assert!((4..=6).contains(&sizes.len()), "{sizes:?}");
    let lines = lines.take_all();
    assert_eq!(lines.len(), 51_000);
    assert!(text.lines().zip(&lines).all(|(expected, line)| line == expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn a_large_file_gives_each_line_once(
        lengths in proptest::collection::vec(0usize..4_000, 150..300),
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        last_has_an_end: bool,
    ) {
        let dir = TempDir::new().unwrap();
        let expected: Vec<String> = lengths.iter().enumerate().map(|(i, len)| format!("{i}{}", "x".repeat(*len))).collect();
        let mut text = expected.join(end);
        if last_has_an_end {
            text.push_str(end);
        }
        write(&dir, "a", &text, 1);
        let ssc = builder().build().unwrap();
        let stream = ssc.text_file_stream(dir.path(), Existing::Read);
        let (sizes, lines) = (partitions(stream), stream.collect());
        let mut test = ssc.start_stepped().unwrap();
        test.step_batch().unwrap();
        prop_assert!(sizes.take_all().len() >= 4);
        let lines: Vec<String> = lines.take_all().iter().map(Text::to_string).collect();
        prop_assert_eq!(lines, expected);
    }
}

#[test]
fn the_last_line_needs_no_end_and_files_are_not_joined() {
    let dir = TempDir::new().unwrap();
    for (i, text) in ["one\ntwo", "three", "", "\n", "four\r\n"].into_iter().enumerate() {
        write(&dir, &i.to_string(), text, i as u64);
    }
    assert_eq!(lines(at_once(&dir)).step(), ["one", "two", "three", "", "four"]);
}

#[test]
fn binary_records_are_cut_by_their_length_and_a_file_of_a_wrong_size_is_told() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", b"aabbcc", 1);
    write(&dir, "b", b"dde", 2);
    write(&dir, "c", b"ff", 3);
    let mut kit =
        Kit::start(ErrorPolicy::stop(), |ssc| ssc.binary_records_stream(dir.path(), 2, Existing::Read))
            .unwrap();
    assert_eq!(kit.step(), [b"aa", b"bb", b"cc", b"ff"]);
    let events = kit.events.take();
    assert!(events.len() == 1 && events[0].0 == "file_skipped", "{events:?}");
    assert!(events[0].1.ends_with("b has 3 bytes, which are no whole records of 2 bytes"), "{events:?}");
    // It was half written after all.
    write(&dir, "b", b"ddee", 4);
    assert!(kit.step().is_empty());
    assert_eq!(kit.step(), [b"dd", b"ee"]);
}

#[test]
fn large_binary_files_are_cut_between_records() {
    let dir = TempDir::new().unwrap();
    let records: Vec<u8> =
        (0..100_000_u32).flat_map(|n| [n.to_le_bytes(), [7; 4], [9; 4]]).flatten().collect();
    write(&dir, "a", &records, 1);
    let mut kit =
        Kit::start(ErrorPolicy::stop(), |ssc| ssc.binary_records_stream(dir.path(), 12, Existing::Read))
            .unwrap();
    assert_eq!(kit.step().concat(), records);
}

#[test]
fn a_decoder_gets_whole_files_and_one_that_is_too_large_is_told() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "to be", 1);
    write(&dir, "b", "x".repeat(11), 2);
    write(&dir, "c", "or not", 3);
    let whole = FileFormat::whole(decode_with(|file, out| {
        out.push(String::from_utf8(file.to_vec())?);
        Ok(())
    }));
    let options = at_once(&dir).max_bytes_per_batch(10);
    let mut kit = Kit::start(ErrorPolicy::stop(), |ssc| ssc.file_stream(options, whole)).unwrap();
    assert_eq!(kit.step(), ["to be"]);
    assert_eq!(kit.step(), ["or not"]);
    assert_eq!(kit.events.kinds(), ["file_skipped"]);
}

/// Numbers, a line each.
fn numbers() -> FileFormat<u32> {
    FileFormat::lines(decode_with(|lines, out| {
        for line in std::str::from_utf8(lines)?.lines() {
            out.push(line.parse()?);
        }
        Ok(())
    }))
}

/// The same by a reader.
fn numbers_read() -> FileFormat<u32> {
    FileFormat::reader(|file| Ok(BufReader::new(file).lines().map(|line| Ok(line?.parse()?))))
}

#[test]
fn decoders_and_readers_give_the_same_records() {
    let dir = TempDir::new().unwrap();
    let all: Vec<u32> = (0..100_000).collect();
    for (i, part) in all.chunks(30_000).enumerate() {
        write(&dir, &i.to_string(), part.iter().map(|n| format!("{n}\n")).collect::<String>(), i as u64);
    }
    write(&dir, "empty", "", 9);
    for format in [numbers(), numbers_read()] {
        let mut kit = Kit::start(ErrorPolicy::stop(), |ssc| ssc.file_stream(at_once(&dir), format)).unwrap();
        assert_eq!(kit.step(), all);
        assert!(kit.events.take().is_empty());
    }
}

#[test]
fn what_a_decoder_or_reader_refuses_is_told_with_its_file() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "1\n", 1);
    write(&dir, "b", "2\nthree\n", 2);
    for (format, place) in [(numbers(), Some(0)), (numbers_read(), None)] {
        let mut kit = Kit::start(ErrorPolicy::stop(), |ssc| ssc.file_stream(at_once(&dir), format)).unwrap();
        let error = kit.test.step_batch().unwrap_err();
        assert!(
            matches!(file_error(&error), FileError::Undecodable { path, offset, .. }
                if *path == dir.path().join("b") && *offset == place),
            "{error}"
        );
        assert!(error.to_string().ends_with("b: invalid digit found in string"), "{error}");
    }
}

#[test]
fn a_file_that_is_cut_under_a_reader_is_told_and_fails_no_batch() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a", "1\n".repeat(20_000), 1);
    write(&dir, "b", "2\n", 2);
    let path = dir.path().join("a");
    let mut kit = Kit::start(ErrorPolicy::stop(), |ssc| {
        ssc.file_stream(at_once(&dir), numbers_read()).map(move |n| {
            if n == 1 {
                File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
            }
            n
        })
    })
    .unwrap();
    let read = kit.step();
    assert!(read.len() < 20_001 && read.last() == Some(&2), "{}", read.len());
    assert_eq!(kit.events.kinds(), ["file_changed"]);
}

#[test]
fn a_running_context_reads_on_all_its_workers() {
    let dir = TempDir::new().unwrap();
    let (text, words) = (0..200_000).fold((String::new(), 0_u64), |(mut text, words), n| {
        let line = "word ".repeat(n % 7);
        text.push_str(line.trim_end());
        text.push('\n');
        (text, words + (n % 7) as u64)
    });
    write(&dir, "a", &text, 1);
    let ssc =
        StreamingContext::builder().batch_interval(Duration::from_millis(10)).workers(2).build().unwrap();
    let counts = ssc
        .text_file_stream(dir.path(), Existing::Read)
        .flat_map(|line: Text| line.split_whitespace())
        .count()
        .filter(|n| *n > 0)
        .collect();
    let running = ssc.start().unwrap();
    let deadline = Duration::from_secs(60);
    let found = std::iter::from_fn(|| counts.take_timeout(deadline)).find(|(_, counts)| !counts.is_empty());
    assert_eq!(found.map(|(_, counts)| counts), Some(vec![words]));
    running.stop().unwrap();
}
