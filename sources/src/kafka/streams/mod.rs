//! What a batch reads of a cluster: the direct stream, and single ranges as batches.
//!
//! | file | what | runs on |
//! |---|---|---|
//! | `decoder` | records into what a program wants | tasks |
//! | `read_ahead` | blocks between the fetch threads and the tasks, within a budget | both, behind a lock |
//! | `fetching` | the fetch threads, as long as they are needed | the caller |
//! | `logs` | where logs begin and end | whoever asks |
//! | `feed`, `piece` | the blocks of a batch's ranges, as the engine asks for them | job thread, tasks |
//! | `direct` | the stream: positions, ranges of batches, commits | generate thread, a thread of its own |
//! | `range` | one fixed set of ranges as a batch | the caller |

mod decoder;
mod direct;
mod feed;
mod fetching;
mod logs;
mod piece;
mod range;
mod read_ahead;

pub use self::decoder::{RecordDecoder, decode_records, text_values, text_values_with};
pub(super) use self::direct::unknown_topic;
pub use self::direct::{
    ConsumerStrategy, DirectStream, OffsetCommitter, create_direct_stream, create_direct_stream_with,
};
pub use self::piece::RecordRefs;
pub use self::range::{RangeProgress, RangeRequest, read_range};
