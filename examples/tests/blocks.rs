//! Spark's blocks as the programs print them, taken apart again.

/// The records of a batch as they were printed, and the batch's time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) time_ms: u64,
    pub(crate) records: Vec<String>,
}

/// Takes a whole output apart; anything but blocks is a failure.
pub(crate) fn blocks(output: &[String]) -> Vec<Block> {
    let dashes = "-".repeat(43);
    let mut lines = output.iter();
    let mut blocks = Vec::new();
    while let Some(first) = lines.next() {
        assert_eq!(*first, dashes, "{output:#?}");
        let time = lines.next().and_then(|line| line.strip_prefix("Time: ")?.strip_suffix(" ms"));
        let time_ms = time.and_then(|ms| ms.parse().ok()).unwrap_or_else(|| panic!("no time: {output:#?}"));
        assert_eq!(lines.next(), Some(&dashes), "{output:#?}");
        let records = lines.by_ref().take_while(|line| !line.is_empty()).cloned().collect();
        blocks.push(Block { time_ms, records });
    }
    assert_eq!(output.last().map(String::as_str), Some(""), "the last block has no end: {output:#?}");
    blocks
}

/// The blocks that have records, in their order.
pub(crate) fn records(output: &[String]) -> Vec<Vec<String>> {
    let blocks = blocks(output).into_iter().map(|block| block.records);
    blocks.filter(|records| !records.is_empty()).collect()
}

/// As [`records`], each block sorted: counts have no order.
pub(crate) fn sorted_records(output: &[String]) -> Vec<Vec<String>> {
    let mut blocks = records(output);
    blocks.iter_mut().for_each(|records| records.sort());
    blocks
}
