//! What members of the sticky assignors say beside their topics: what they had, and the generation that it is from. Readable
//! by the Java client and librdkafka, and written as they do.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::kafka::TopicPartition;
use crate::kafka::group::assignor::{Held, by_topic};
use crate::kafka::wire::{Reader, WireError, Writer};

/// For the eager one: what the member had, and the generation; nothing for one that had nothing.
pub(in crate::kafka::group::assignor) fn previous_data(held: Held<'_>) -> Result<Vec<u8>, WireError> {
    if held.partitions.is_empty() {
        return Ok(Vec::new());
    }
    let mut out = Writer::new();
    let topics = by_topic(held.partitions);
    out.field("the topics of a previous assignment");
    out.array_len(topics.len());
    for topic in topics {
        out.string(&topic.topic);
        out.array_len(topic.partitions.len());
        topic.partitions.iter().for_each(|partition| out.i32(*partition));
    }
    out.i32(held.generation);
    out.into_bytes()
}

/// What a member had, and the generation that it names: -1 for none, as in the first version. What cannot be read counts as
/// nothing, as in Java.
pub(in crate::kafka::group::assignor) fn previous_assignment(data: &[u8]) -> (BTreeSet<TopicPartition>, i32) {
    let read = |has_generation: bool| -> Result<_, WireError> {
        let mut input = Reader::new(data);
        let mut partitions = BTreeSet::new();
        input.field("a previous assignment");
        // A topic has two lengths at least.
        for _ in 0..input.array_len(6)? {
            let topic: Arc<str> = input.string()?.into();
            for _ in 0..input.array_len(4)? {
                partitions.insert(TopicPartition::new(Arc::clone(&topic), input.i32()?));
            }
        }
        Ok((partitions, if has_generation { input.i32()? } else { -1 }))
    };
    read(true).or_else(|_| read(false)).unwrap_or((BTreeSet::new(), -1))
}

/// For the cooperative one: the generation.
pub(in crate::kafka::group::assignor) fn cooperative_data(generation: i32) -> Vec<u8> {
    generation.to_be_bytes().to_vec()
}

/// The generation that a member of the cooperative one names, or -1. Early releases of librdkafka write as for the eager one.
pub(in crate::kafka::group::assignor) fn cooperative_generation(data: &[u8]) -> i32 {
    match <[u8; 4]>::try_from(data) {
        Ok(bytes) => i32::from_be_bytes(bytes),
        Err(_) => previous_assignment(data).1,
    }
}
