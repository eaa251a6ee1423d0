//! Kafka's protocol as bytes, without I/O: requests, responses and records, from bytes and to bytes. Used by the client,
//! by the fake cluster and by the fuzz targets, on whatever thread calls it.

mod api;
pub mod compression;
mod error;
mod error_code;
pub mod frame;
pub mod messages;
mod reader;
pub mod records;
mod uuid;
mod writer;

pub use self::api::{ApiKey, Versions, client_versions, negotiate, negotiate_client};
pub use self::error::WireError;
pub use self::error_code::ErrorCode;
pub use self::reader::{MAX_ELEMENTS, Reader};
pub use self::uuid::Uuid;
pub use self::writer::Writer;
