//! What holds for every message in every version: it comes back as it was, no prefix of it is taken for it, and no bytes
//! make a decoder panic or reserve much more than they are.

use proptest::prelude::*;

use super::super::{Reader, Writer};
use super::layout::Layout;
use super::sample::{Sample, Source, take_reserved};
use super::*;

/// No structure takes more than this many times the memory of its smallest form on the wire, all arrays around it included.
const MEMORY_PER_BYTE: usize = 32;

fn sample<'a, M: Message<'a> + Sample>(version: i16, source: &mut Source) -> M {
    M::sample(Layout::of(M::KEY, M::VERSIONS, version).unwrap(), source)
}

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let mut out = Writer::new();
    message.encode(version, &mut out);
    out.into_bytes().unwrap()
}

/// Sets some bytes to values that lengths should fear.
fn damage(bytes: &mut [u8], source: &mut Source) {
    for _ in 0..=source.below(3) {
        let at = source.below(bytes.len());
        bytes[at] = [0, 1, 0x7f, 0x80, 0xff, source.next() as u8][source.below(6)];
    }
}

macro_rules! properties {
    ($($module:ident $message:ident)*) => {$(
        mod $module {
            use super::*;

            fn versions() -> std::ops::RangeInclusive<i16> {
                $message::VERSIONS.min..=$message::VERSIONS.max
            }

            /// A decode that must not panic; what it gives must be encoded to what it was read from, more or less.
            fn decode_hostile(version: i16, bytes: &[u8]) {
                take_reserved();
                let decoded = $message::decode(version, &mut Reader::new(bytes));
                assert_bounded(take_reserved(), bytes.len());
                if let Ok(message) = decoded {
                    let again = encoded(&message, version);
                    assert_eq!($message::decode(version, &mut Reader::new(&again)).as_ref(), Ok(&message));
                }
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(128))]

                #[test]
                fn comes_back_as_it_was(seed: u64, version in versions()) {
                    let message: $message = sample(version, &mut Source::new(seed));
                    let bytes = encoded(&message, version);
                    let mut input = Reader::new(&bytes);
                    prop_assert_eq!($message::decode(version, &mut input), Ok(message));
                    prop_assert_eq!(input.finish(), Ok(()));
                }

                #[test]
                fn no_prefix_is_taken_for_the_whole(seed: u64, version in versions()) {
                    let bytes = encoded(&sample::<$message>(version, &mut Source::new(seed)), version);
                    for end in 0..bytes.len() {
                        let mut input = Reader::new(&bytes[..end]);
                        prop_assert!($message::decode(version, &mut input).is_err(), "the first {} bytes", end);
                    }
                }

                #[test]
                fn damaged_bytes_do_no_harm(seed: u64, version in versions()) {
                    let mut source = Source::new(seed);
                    let intact = encoded(&sample::<$message>(version, &mut source), version);
                    for _ in 0..if intact.is_empty() { 0 } else { 16 } {
                        let mut bytes = intact.clone();
                        damage(&mut bytes, &mut source);
                        decode_hostile(version, &bytes);
                    }
                }

                #[test]
                fn random_bytes_do_no_harm(
                    bytes in prop::collection::vec(any::<u8>(), 0..400),
                    version in versions(),
                ) {
                    decode_hostile(version, &bytes);
                }
            }
        }
    )*};
}

fn assert_bounded(reserved: usize, input: usize) {
    assert!(reserved <= MEMORY_PER_BYTE * input, "{reserved} bytes reserved for {input}");
}

properties! {
    api_versions_request ApiVersionsRequest
    api_versions_response ApiVersionsResponse
    describe_groups_request DescribeGroupsRequest
    describe_groups_response DescribeGroupsResponse
    fetch_request FetchRequest
    fetch_response FetchResponse
    find_coordinator_request FindCoordinatorRequest
    find_coordinator_response FindCoordinatorResponse
    heartbeat_request HeartbeatRequest
    heartbeat_response HeartbeatResponse
    init_producer_id_request InitProducerIdRequest
    init_producer_id_response InitProducerIdResponse
    join_group_request JoinGroupRequest
    join_group_response JoinGroupResponse
    leave_group_request LeaveGroupRequest
    leave_group_response LeaveGroupResponse
    list_groups_request ListGroupsRequest
    list_groups_response ListGroupsResponse
    list_offsets_request ListOffsetsRequest
    list_offsets_response ListOffsetsResponse
    metadata_request MetadataRequest
    metadata_response MetadataResponse
    offset_commit_request OffsetCommitRequest
    offset_commit_response OffsetCommitResponse
    offset_fetch_request OffsetFetchRequest
    offset_fetch_response OffsetFetchResponse
    offset_for_leader_epoch_request OffsetForLeaderEpochRequest
    offset_for_leader_epoch_response OffsetForLeaderEpochResponse
    produce_request ProduceRequest
    produce_response ProduceResponse
    sasl_authenticate_request SaslAuthenticateRequest
    sasl_authenticate_response SaslAuthenticateResponse
    sasl_handshake_request SaslHandshakeRequest
    sasl_handshake_response SaslHandshakeResponse
    sync_group_request SyncGroupRequest
    sync_group_response SyncGroupResponse
}
