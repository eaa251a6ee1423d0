//! Targets for Kafka's requests and responses: what comes from a broker is read as the client reads it, what comes from a
//! client as the fake cluster does. Nothing makes a decoder panic, and what it takes is encoded and decoded to the same.

use batchmill_sources::kafka::wire::frame::{
    LENGTH_BYTES, RequestHeader, decode_request, decode_response, decode_response_header, encode_request,
    encode_response, frame_length,
};
use batchmill_sources::kafka::wire::messages::{
    ApiVersionsRequest, DescribeGroupsRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest,
    MetadataRequest, OffsetCommitRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    SaslAuthenticateRequest, SaslHandshakeRequest, SyncGroupRequest,
};
use batchmill_sources::kafka::wire::{ApiKey, Reader};

/// Calls a macro with the type of the request that a key stands for; returns for a key without one.
macro_rules! of_key {
    ($key:expr, $then:ident) => {
        match $key {
            ApiKey::PRODUCE => $then!(ProduceRequest),
            ApiKey::FETCH => $then!(FetchRequest),
            ApiKey::LIST_OFFSETS => $then!(ListOffsetsRequest),
            ApiKey::METADATA => $then!(MetadataRequest),
            ApiKey::OFFSET_COMMIT => $then!(OffsetCommitRequest),
            ApiKey::OFFSET_FETCH => $then!(OffsetFetchRequest),
            ApiKey::FIND_COORDINATOR => $then!(FindCoordinatorRequest),
            ApiKey::JOIN_GROUP => $then!(JoinGroupRequest),
            ApiKey::HEARTBEAT => $then!(HeartbeatRequest),
            ApiKey::LEAVE_GROUP => $then!(LeaveGroupRequest),
            ApiKey::SYNC_GROUP => $then!(SyncGroupRequest),
            ApiKey::DESCRIBE_GROUPS => $then!(DescribeGroupsRequest),
            ApiKey::LIST_GROUPS => $then!(ListGroupsRequest),
            ApiKey::SASL_HANDSHAKE => $then!(SaslHandshakeRequest),
            ApiKey::API_VERSIONS => $then!(ApiVersionsRequest),
            ApiKey::INIT_PRODUCER_ID => $then!(InitProducerIdRequest),
            ApiKey::OFFSET_FOR_LEADER_EPOCH => $then!(OffsetForLeaderEpochRequest),
            ApiKey::SASL_AUTHENTICATE => $then!(SaslAuthenticateRequest),
            _ => return,
        }
    };
}

/// A response, as it comes from a broker.
///
/// The first byte is the key of the request that it answers, the second the version; the rest is a frame with its length.
pub fn kafka_response(data: &[u8]) {
    let [key, version, bytes @ ..] = data else { return };
    let (key, version) = (ApiKey(i16::from(*key)), i16::from(*version as i8));
    let Some(frame) = frame(bytes) else { return };
    let Ok(id) = decode_response_header(key, version, &mut Reader::new(frame)) else { return };

    macro_rules! comes_back {
        ($request:ident) => {{
            let Ok(response) = decode_response::<$request>(frame, version, id) else { return };
            let again = encode_response(&response, version, id).expect("what was read can be written");
            assert_eq!(
                decode_response::<$request>(&again[LENGTH_BYTES..], version, id).as_ref(),
                Ok(&response)
            );
        }};
    }
    of_key!(key, comes_back);
}

/// A request, as it comes from a client: a frame with its length. Key and version are in its header.
pub fn kafka_request(data: &[u8]) {
    let Some(frame) = frame(data) else { return };
    let mut input = Reader::new(frame);
    let Ok(header) = RequestHeader::decode(&mut input) else { return };
    let RequestHeader { key, version, correlation_id, ref client_id } = header;

    macro_rules! comes_back {
        ($request:ident) => {{
            let Ok(request) = decode_request::<$request>(version, &mut input) else { return };
            let again = encode_request(&request, version, correlation_id, client_id.as_deref())
                .expect("what was read can be written");
            let mut input = Reader::new(&again[LENGTH_BYTES..]);
            assert_eq!(RequestHeader::decode(&mut input).as_ref(), Ok(&header));
            assert_eq!(decode_request::<$request>(version, &mut input).as_ref(), Ok(&request));
        }};
    }
    of_key!(key, comes_back);
}

/// What follows a length. The length is checked, but need not be right: otherwise few inputs would come any further.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    const LIMIT: usize = 1 << 20;
    let (length, frame) = bytes.split_first_chunk()?;
    if let Ok(length) = frame_length(*length, LIMIT) {
        assert!(length <= LIMIT, "a frame of {length} bytes");
    }
    Some(frame)
}
