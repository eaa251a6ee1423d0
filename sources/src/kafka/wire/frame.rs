//! Frames: a message with its header behind a length of four bytes. The client and the fake read and write them; what is
//! read is checked before memory is taken for it.

use std::error::Error;
use std::fmt;

use super::messages::{Message, Request};
use super::{ApiKey, Reader, WireError, Writer};
use crate::net::strangers::looks_like;

/// The bytes of the length before a frame.
pub const LENGTH_BYTES: usize = 4;

/// Why a length cannot be that of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// It is below zero.
    Negative {
        /// The length.
        length: i32,
    },
    /// It is above what is allowed.
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The greatest length allowed.
        limit: usize,
    },
    /// These bytes are the first of another protocol.
    NotKafka {
        /// Which one.
        looks_like: &'static str,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Negative { length } => write!(f, "the frame has length {length}"),
            Self::TooLong { length, limit } => {
                write!(f, "the frame has {length} bytes, more than the {limit} allowed")
            }
            Self::NotKafka { looks_like } => {
                write!(f, "the peer does not speak Kafka's protocol but {looks_like}")
            }
        }
    }
}

impl Error for FrameError {}

/// How many bytes the frame has of which `length` are the first four.
///
/// # Errors
/// When there can be no such frame, or not one of at most `limit` bytes.
pub fn frame_length(length: [u8; LENGTH_BYTES], limit: usize) -> Result<usize, FrameError> {
    let value = i32::from_be_bytes(length);
    match usize::try_from(value) {
        Ok(value) if value <= limit => Ok(value),
        Ok(value) => match looks_like(length) {
            Some(looks_like) => Err(FrameError::NotKafka { looks_like }),
            None => Err(FrameError::TooLong { length: value, limit }),
        },
        Err(_) => Err(FrameError::Negative { length: value }),
    }
}

/// What stands before the body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// What is asked for.
    pub key: ApiKey,
    /// In which version.
    pub version: i16,
    /// What the response shall begin with.
    pub correlation_id: i32,
    /// The name of the client, if it has one.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// Writes it in the form that goes with its key and version.
    pub fn encode(&self, out: &mut Writer) {
        let client_id = self.client_id.as_deref();
        encode_header(self.key, self.version, self.correlation_id, client_id, out);
    }

    /// Reads it. The body is what follows in `input`.
    ///
    /// # Errors
    /// When the bytes are no header.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.field("the request header");
        let key = ApiKey(input.i16()?);
        let version = input.i16()?;
        let correlation_id = input.i32()?;
        let form = key.request_header_version(version);
        // The client id has the old form in every header, so that it can be read before the versions are agreed.
        let client_id = if form >= 1 { input.nullable_string()?.map(str::to_owned) } else { None };
        if form >= 2 {
            input.tagged_fields()?;
        }
        Ok(Self { key, version, correlation_id, client_id })
    }
}

fn encode_header(key: ApiKey, version: i16, correlation_id: i32, client_id: Option<&str>, out: &mut Writer) {
    out.field("the client id");
    out.i16(key.0);
    out.i16(version);
    out.i32(correlation_id);
    let form = key.request_header_version(version);
    if form >= 1 {
        out.nullable_string(client_id);
    }
    if form >= 2 {
        out.no_tagged_fields();
    }
}

/// A request as a frame, with its length.
///
/// # Errors
/// When something in it has no form on the wire: a text of more than 32767 bytes, a version without a layout here.
pub fn encode_request<'a, R: Request<'a>>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    out.i32(0);
    encode_header(R::KEY, version, correlation_id, client_id, &mut out);
    request.encode(version, &mut out);
    finish_frame(out)
}

/// A response as a frame, with its length.
///
/// # Errors
/// As of [`encode_request`].
pub fn encode_response<'a, M: Message<'a>>(
    response: &M,
    version: i16,
    correlation_id: i32,
) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    out.i32(0);
    out.i32(correlation_id);
    if M::KEY.response_header_version(version) >= 1 {
        out.no_tagged_fields();
    }
    response.encode(version, &mut out);
    finish_frame(out)
}

/// Puts the length where a placeholder stands.
fn finish_frame(mut out: Writer) -> Result<Vec<u8>, WireError> {
    let length = out.len() - LENGTH_BYTES;
    match i32::try_from(length) {
        Ok(length) => out.set_i32(0, length),
        Err(_) => {
            return Err(WireError::TooLong { what: "the frame", length, limit: i32::MAX as usize });
        }
    }
    out.into_bytes()
}

/// Reads what stands before the body of a response: the id of the request that it answers.
///
/// # Errors
/// When the bytes are no header.
pub fn decode_response_header(key: ApiKey, version: i16, input: &mut Reader<'_>) -> Result<i32, WireError> {
    input.field("the response header");
    let correlation_id = input.i32()?;
    if key.response_header_version(version) >= 1 {
        input.tagged_fields()?;
    }
    Ok(correlation_id)
}

/// Reads the response to a request of type `R` from a frame, which is without its length.
///
/// # Errors
/// When it answers another request, or is not such a response and nothing else.
pub fn decode_response<'a, R: Request<'a>>(
    frame: &'a [u8],
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, WireError> {
    let mut input = Reader::new(frame);
    let found = decode_response_header(R::KEY, version, &mut input)?;
    if found != correlation_id {
        return Err(WireError::BadCorrelation { expected: correlation_id, found });
    }
    let response = R::Response::decode(version, &mut input)?;
    input.finish()?;
    Ok(response)
}

/// Reads the body of a request, behind its header, to its end.
///
/// # Errors
/// When it is not such a request and nothing else.
pub fn decode_request<'a, R: Request<'a>>(version: i16, input: &mut Reader<'a>) -> Result<R, WireError> {
    let request = R::decode(version, input)?;
    input.finish()?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::super::ErrorCode;
    use super::super::messages::{
        ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
        MetadataRequest, MetadataResponse,
    };
    use super::*;

    fn asks_for_group(key: &str) -> FindCoordinatorRequest {
        FindCoordinatorRequest { key: key.to_owned(), key_type: 0 }
    }

    #[test]
    fn a_request_is_length_header_and_body() {
        let frame = encode_request(&asks_for_group("g"), 1, 7, Some("me")).unwrap();
        let header = [&[0, 0, 0, 16], &[0, 10, 0, 1, 0, 0, 0, 7][..], &[0, 2], b"me"].concat();
        assert_eq!(frame, [&header[..], &[0, 1], b"g", &[0]].concat());
    }

    #[test]
    fn a_flexible_request_has_tagged_fields_in_its_header() {
        let frame = encode_request(&MetadataRequest::default(), 12, 7, None).unwrap();
        let header = [&[0, 0, 0, 15], &[0, 3, 0, 12, 0, 0, 0, 7][..], &[0xff, 0xff, 0]].concat();
        assert_eq!(frame, [&header[..], &[0, 1, 0, 0]].concat());
    }

    #[test]
    fn a_request_comes_back() {
        for version in [8, 12] {
            let frame = encode_request(&MetadataRequest::default(), version, 7, Some("me")).unwrap();
            let mut input = Reader::new(&frame[LENGTH_BYTES..]);
            let header = RequestHeader::decode(&mut input).unwrap();
            let client_id = Some("me".to_owned());
            assert_eq!(
                header,
                RequestHeader { key: ApiKey::METADATA, version, correlation_id: 7, client_id }
            );
            assert_eq!(decode_request(version, &mut input), Ok(MetadataRequest::default()));

            let mut again = Writer::new();
            header.encode(&mut again);
            assert!(frame[LENGTH_BYTES..].starts_with(again.as_slice()));
        }
    }

    #[test]
    fn a_header_is_read_whatever_the_version_behind_it() {
        let frame = encode_request(&ApiVersionsRequest::default(), 4, 7, Some("me")).unwrap();
        let mut frame = frame[LENGTH_BYTES..].to_vec();
        frame[3] = 99;
        let mut input = Reader::new(&frame);
        assert_eq!(RequestHeader::decode(&mut input).unwrap().version, 99);
        assert_eq!(
            decode_request::<ApiVersionsRequest>(99, &mut input),
            Err(WireError::UnknownVersion { key: ApiKey::API_VERSIONS, version: 99 })
        );
    }

    #[test]
    fn a_response_comes_back_to_its_request_only() {
        let response =
            FindCoordinatorResponse { error_code: ErrorCode::NOT_COORDINATOR, ..Default::default() };
        let frame = encode_response(&response, 2, 7).unwrap();
        let frame = &frame[LENGTH_BYTES..];
        let decode = |frame: &[u8], id| decode_response::<FindCoordinatorRequest>(frame, 2, id);
        assert_eq!(decode(frame, 7), Ok(response));
        assert_eq!(decode(frame, 8), Err(WireError::BadCorrelation { expected: 8, found: 7 }));
        let longer = [frame, &[0]].concat();
        assert_eq!(
            decode(&longer, 7),
            Err(WireError::TrailingBytes { at: frame.len(), left: 1 }),
            "a broker sends nothing else"
        );
    }

    #[test]
    fn only_api_versions_has_the_old_response_header_in_flexible_versions() {
        let frame = encode_response(&MetadataResponse::default(), 12, 7).unwrap();
        assert_eq!(frame[4..9], [0, 0, 0, 7, 0]);
        assert_eq!(
            decode_response::<MetadataRequest>(&frame[LENGTH_BYTES..], 12, 7),
            Ok(MetadataResponse::default())
        );
        let frame = encode_response(&ApiVersionsResponse::default(), 3, 7).unwrap();
        assert_eq!(frame, [0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_has_no_form_is_not_sent() {
        let request = asks_for_group(&"g".repeat(40_000));
        assert_eq!(
            encode_request(&request, 1, 7, None),
            Err(WireError::TooLong { what: "FindCoordinatorRequest.key", length: 40_000, limit: 32_767 })
        );
        assert_eq!(
            encode_request(&asks_for_group("g"), 3, 7, None),
            Err(WireError::UnknownVersion { key: ApiKey::FIND_COORDINATOR, version: 3 })
        );
    }

    #[test]
    fn a_length_is_within_the_limit() {
        assert_eq!(frame_length([0, 0, 4, 0], 1024), Ok(1024));
        assert_eq!(frame_length([0, 0, 4, 1], 1024), Err(FrameError::TooLong { length: 1025, limit: 1024 }));
        assert_eq!(frame_length([0xff; 4], 1024), Err(FrameError::Negative { length: -1 }));
    }

    #[test]
    fn another_protocol_is_named() {
        let name = |first: &[u8; 4]| frame_length(*first, 64 << 20).unwrap_err().to_string();
        assert_eq!(name(b"HTTP"), "the peer does not speak Kafka's protocol but HTTP");
        assert_eq!(name(&[0x15, 3, 3, 0]), "the peer does not speak Kafka's protocol but TLS");
    }
}
