//! What a batch reads of a cluster: the direct stream, the receiver stream, and single ranges as batches.
//!
//! | file | what | runs on |
//! |---|---|---|
//! | `decoder` | records into what a program wants | tasks |
//! | `read_ahead` | blocks between the fetch threads and the tasks, within a budget | both, behind a lock |
//! | `fetching` | the fetch threads, as long as they are needed | the caller |
//! | `logs`, `begin` | where logs begin and end, and where in them reading begins | whoever asks |
//! | `cut`, `rates` | what a batch takes of its partitions | generate thread |
//! | `held_back` | tells of open transactions | generate thread |
//! | `lost_range` | what becomes of an offset that is gone | a thread of the stream's |
//! | `feed`, `piece` | the blocks of a batch's ranges, as the engine asks for them | job thread, tasks |
//! | `direct` | the stream: positions, ranges of batches, commits | generate thread, a thread of its own |
//! | `receiver` | the stream of a group's member: assignments, ranges of batches, commits | generate thread, threads of its own |
//! | `range` | one fixed set of ranges as a batch | the caller |

mod begin;
mod cut;
mod decoder;
mod direct;
mod feed;
mod fetching;
mod held_back;
mod logs;
mod lost_range;
mod piece;
mod range;
mod rates;
mod read_ahead;
mod receiver;

pub use self::decoder::{RecordDecoder, decode_records, text_values, text_values_with};
pub(super) use self::direct::unknown_topic;
pub use self::direct::{
    ConsumerStrategy, DirectStream, OffsetCommitter, create_direct_stream, create_direct_stream_with,
};
pub use self::piece::RecordRefs;
pub use self::range::{RangeProgress, RangeRequest, read_range};
pub use self::receiver::{
    KafkaServers, create_reliable_stream, create_reliable_stream_with, create_stream, create_stream_with,
};
