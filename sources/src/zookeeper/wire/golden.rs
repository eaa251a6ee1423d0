//! Messages as bytes that other programs write: laid out by hand from jute's definition of ZooKeeper 3.8.

use super::*;

fn bytes(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    frame(write)
}

#[test]
fn a_connect_request_has_45_bytes() {
    let request = ConnectRequest {
        body: ConnectRequestBody {
            timeout_ms: 6_000,
            last_zxid: 5,
            session_id: 0x0102,
            password: vec![7; 16],
            ..ConnectRequestBody::default()
        },
        read_only: Some(false),
    };
    let mut expected = vec![0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x17, 0x70];
    expected.extend([0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 16]);
    expected.extend([7; 16]);
    expected.push(0);
    assert_eq!(bytes(|out| request.encode(out)), expected);
    assert_eq!(decode_whole(&expected[4..]), Ok(request));
}

#[test]
fn a_connect_response_may_end_before_read_only() {
    let mut old = vec![0, 0, 0, 0, 0, 0, 0x17, 0x70, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 16];
    old.extend([1; 16]);
    let found: ConnectResponse = decode_whole(&old).unwrap();
    assert_eq!((found.body.timeout_ms, found.body.session_id, found.read_only), (6_000, 9, None));
}

#[test]
fn a_create_request_is_header_and_body() {
    let open = AclEntry { permissions: Permissions::ALL, scheme: "world".into(), id: "anyone".into() };
    let create = CreateRequest { path: "/a".into(), data: b"x".to_vec(), acl: vec![open], flags: 1 };
    let found = bytes(|out| {
        RequestHeader::new(7, OpCode::CREATE).encode(out);
        create.encode(out);
    });
    let mut expected = vec![0, 0, 0, 50, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2];
    expected.extend(b"/a\0\0\0\x01x\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone\0\0\0\x01");
    assert_eq!(found, expected);
}

#[test]
fn an_event_is_told_under_the_number_minus_one() {
    let mut told = vec![0xff; 12];
    told.extend([0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2]);
    told.extend(b"/a");
    let mut input = Reader::new(&told);
    let header = ReplyHeader::decode(&mut input).unwrap();
    let event = WatcherEvent::decode(&mut input).unwrap();
    assert_eq!((header.xid, header.code(), input.finish()), (XID_EVENT, ErrorCode::OK, Ok(())));
    let kind = EventKind::CHILDREN_CHANGED;
    assert_eq!(event, WatcherEvent { kind, state: KeeperState::SYNC_CONNECTED, path: "/a".into() });
}

#[test]
fn a_stat_has_68_bytes() {
    let mut out = Writer::new();
    Stat::default().encode(&mut out);
    assert_eq!((out.into_bytes().len(), Stat::SMALLEST), (68, 68));
}

#[test]
fn null_data_and_null_lists_are_empty_and_a_null_string_is_an_error() {
    let null = [0xff; 4];
    assert_eq!(decode_whole::<Vec<u8>>(&null), Ok(vec![]));
    assert_eq!(decode_whole::<Vec<String>>(&null), Ok(vec![]));
    let what = "the input";
    assert_eq!(decode_whole::<String>(&null), Err(WireError::NegativeLength { what, at: 0, length: -1 }));
}

#[test]
fn an_acl_may_have_a_null_id_as_kazoo_writes_it() {
    let entry = [&[0, 0, 0, 31, 0, 0, 0, 4][..], b"auth", &[0xff; 4]].concat();
    let found: AclEntry = decode_whole(&entry).unwrap();
    assert_eq!((found.permissions, &*found.scheme, &*found.id), (Permissions::ALL, "auth", ""));
}

#[test]
fn a_list_that_claims_more_than_there_is_reserves_nothing() {
    let hostile = [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let found = decode_whole::<ChildrenReply>(&hostile);
    let what = "ChildrenReply.children";
    assert_eq!(found, Err(WireError::TooManyElements { what, at: 0, count: 0x7fff_ffff, limit: 1 }));
    // As many as have room, but more than any node may have.
    let mut many = vec![0, 2, 0, 0];
    many.resize(4 * (2 << 16) + 4, 0);
    let limited = decode_whole::<Vec<String>>(&many).unwrap_err();
    assert!(matches!(limited, WireError::TooManyElements { limit: ELEMENTS_MAX, .. }), "{limited}");
}

#[test]
fn a_length_is_within_the_limit() {
    assert_eq!(read_length([0, 0x0f, 0xff, 0xff], REQUEST_BYTES_MAX), Ok(REQUEST_BYTES_MAX));
    assert_eq!(read_length([0, 0x10, 0, 0], REQUEST_BYTES_MAX), Err(0x10_0000));
    assert_eq!(read_length([0xff; 4], REQUEST_BYTES_MAX), Err(-1));
}

#[test]
fn secrets_are_not_shown() {
    let auth = AuthRequest { kind: 0, scheme: "digest".into(), auth: b"ann:secret".to_vec() };
    assert_eq!(format!("{auth:?}"), r#"AuthRequest { scheme: "digest", .. }"#);
}
