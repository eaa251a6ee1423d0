//! What holds for every message: it comes back as it was, no prefix of it is taken for it (where nothing in it may be
//! absent), and no bytes make a decoder panic.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    "(/[a-zé0-9]{0,6}){0,3}"
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..5)
}

fn acl() -> impl Strategy<Value = Vec<AclEntry>> {
    let entry = (any::<i32>(), text(), text()).prop_map(|(permissions, scheme, id)| AclEntry {
        permissions: Permissions(permissions),
        scheme,
        id,
    });
    vec(entry, 0..4)
}

fn stat() -> impl Strategy<Value = Stat> {
    any::<([i64; 6], [i32; 5])>().prop_map(|(long, short)| Stat {
        czxid: long[0],
        mzxid: long[1],
        ctime: long[2],
        mtime: long[3],
        version: short[0],
        cversion: short[1],
        aversion: short[2],
        ephemeral_owner: long[4],
        data_length: short[3],
        num_children: short[4],
        pzxid: long[5],
    })
}

fn encoded(message: &impl Jute) -> Vec<u8> {
    let mut out = Writer::new();
    message.encode(&mut out);
    out.into_bytes()
}

/// A decode that must not panic; what it gives must come back.
fn survives<M: Jute + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(found) = decode_whole::<M>(bytes) {
        assert_eq!(decode_whole::<M>(&encoded(&found)).as_ref(), Ok(&found));
    }
}

macro_rules! properties {
    ($($module:ident $message:ident $($field:ident: $strategy:expr),*;)*) => {$(
        mod $module {
            use super::*;

            fn message() -> impl Strategy<Value = $message> {
                ($($strategy,)*).prop_map(|($($field,)*)| $message { $($field),* })
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(64))]

                #[test]
                fn comes_back_as_it_was(message in message()) {
                    prop_assert!(encoded(&message).len() >= $message::SMALLEST);
                    prop_assert_eq!(decode_whole::<$message>(&encoded(&message)), Ok(message));
                }

                #[test]
                fn no_prefix_of_it_is_one(message in message(), cut in any::<prop::sample::Index>()) {
                    let bytes = encoded(&message);
                    let cut = cut.index(bytes.len());
                    prop_assert!(decode_whole::<$message>(&bytes[..cut]).is_err());
                }

                #[test]
                fn nothing_makes_its_decoder_panic(
                    message in message(),
                    at in any::<prop::sample::Index>(),
                    hostile in prop::sample::select(&[0_u8, 1, 0x7f, 0x80, 0xff]),
                    noise in data(),
                ) {
                    survives::<$message>(&noise);
                    let mut bytes = encoded(&message);
                    let at = at.index(bytes.len());
                    bytes[at] = hostile;
                    survives::<$message>(&bytes);
                }
            }
        }
    )*};
}

properties! {
    create CreateRequest path: text(), data: data(), acl: acl(), flags: any::<i32>();
    created CreatedReply path: text();
    create_stat CreateStatReply path: text(), stat: stat();
    delete DeleteRequest path: text(), version: any::<i32>();
    path_watch PathWatchRequest path: text(), watch: any::<bool>();
    path PathRequest path: text();
    path_reply PathReply path: text();
    stat_reply StatReply stat: stat();
    data_reply DataReply data: data(), stat: stat();
    set_data SetDataRequest path: text(), data: data(), version: any::<i32>();
    set_acl SetAclRequest path: text(), acl: acl(), version: any::<i32>();
    acl_reply AclReply acl: acl(), stat: stat();
    children_reply ChildrenReply children: texts();
    children_stat ChildrenStatReply children: texts(), stat: stat();
    auth AuthRequest kind: any::<i32>(), scheme: text(), auth: data();
    set_watches SetWatchesRequest relative_zxid: any::<i64>(), data: texts(), exists: texts(), children: texts();
    request_header RequestHeader xid: any::<i32>(), op: any::<i32>();
    reply_header ReplyHeader xid: any::<i32>(), zxid: any::<i64>(), error: any::<i32>();
    connect_request ConnectRequestBody protocol_version: any::<i32>(), last_zxid: any::<i64>(),
        timeout_ms: any::<i32>(), session_id: any::<i64>(), password: data();
    connect_response ConnectResponseBody protocol_version: any::<i32>(), timeout_ms: any::<i32>(),
        session_id: any::<i64>(), password: data();
    event WatcherEvent kind: any::<i32>().prop_map(EventKind), state: any::<i32>().prop_map(KeeperState),
        path: text();
}
