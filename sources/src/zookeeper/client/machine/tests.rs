//! The machine by itself: frames in, replies and events out.

use super::*;
use crate::zookeeper::wire::{KeeperState, Writer};

fn bytes(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::new();
    write(&mut out);
    out.into_bytes()
}

fn reply(xid: i32, zxid: i64, code: ErrorCode) -> Vec<u8> {
    bytes(|out| ReplyHeader { xid, zxid, error: code.0 }.encode(out))
}

fn event(kind: EventKind, path: &str) -> Vec<u8> {
    bytes(|out| {
        ReplyHeader { xid: XID_EVENT, zxid: -1, error: 0 }.encode(out);
        WatcherEvent { kind, state: KeeperState::SYNC_CONNECTED, path: path.into() }.encode(out);
    })
}

fn hear(machine: &mut Machine, frame: &[u8]) -> Result<Heard, Broken> {
    machine.hear(frame, &"a:1".into(), &"a:1,b:2".into())
}

fn ask(machine: &mut Machine, op: OpCode, watch: Option<&str>) -> channel::Receiver<Answer> {
    let (answer, answered) = channel::bounded(1);
    let asked = Asked { op, path: "/a".into(), version: -1 };
    machine.ask(asked, watch.map(str::to_owned), answer);
    answered
}

#[test]
fn a_reply_goes_to_the_request_that_was_next() {
    let mut machine = Machine::default();
    let (first, second) = (ask(&mut machine, OpCode::SYNC, None), ask(&mut machine, OpCode::DELETE, None));
    assert_eq!(hear(&mut machine, &reply(1, 5, ErrorCode::OK)), Ok(Heard::Nothing));
    assert_eq!(hear(&mut machine, &reply(2, 6, ErrorCode::NOT_EMPTY)), Ok(Heard::Nothing));
    assert_eq!(first.recv().unwrap().unwrap(), b"");
    assert!(matches!(second.recv().unwrap(), Err(ZooKeeperError::NotEmpty { .. })));
    assert_eq!(machine.connect_request(1).body.last_zxid, 6);
}

#[test]
fn a_reply_out_of_turn_breaks_the_connection() {
    let mut machine = Machine::default();
    assert_eq!(
        hear(&mut machine, &reply(1, 5, ErrorCode::OK)),
        Err(Broken::WrongReply { expected: None, found: 1 })
    );
    let asked = ask(&mut machine, OpCode::SYNC, None);
    assert_eq!(
        hear(&mut machine, &reply(9, 5, ErrorCode::OK)),
        Err(Broken::WrongReply { expected: Some(1), found: 9 })
    );
    machine.lose(&"a:1".into(), None);
    assert!(matches!(asked.recv().unwrap(), Err(ZooKeeperError::ConnectionLoss { .. })));
}

#[test]
fn a_watch_is_told_once_and_only_if_it_was_set() {
    let mut machine = Machine::default();
    let _get = ask(&mut machine, OpCode::GET_DATA, Some("/a"));
    let _gone = ask(&mut machine, OpCode::GET_DATA, Some("/gone"));
    let _exists = ask(&mut machine, OpCode::EXISTS, Some("/later"));
    for (xid, code) in [(1, ErrorCode::OK), (2, ErrorCode::NO_NODE), (3, ErrorCode::NO_NODE)] {
        hear(&mut machine, &reply(xid, 7, code)).unwrap();
    }
    let again = machine.set_watches();
    assert_eq!((&again[0].data, &again[0].exists), (&vec!["/a".to_owned()], &vec!["/later".to_owned()]));
    assert_eq!(again[0].relative_zxid, 7);
    let told = |path: &str, change| Ok(Heard::Node(path.to_owned(), change));
    let changed = event(EventKind::DATA_CHANGED, "/a");
    assert_eq!(hear(&mut machine, &changed), told("/a", NodeChange::DataChanged));
    assert_eq!(hear(&mut machine, &changed), Ok(Heard::Nothing));
    assert_eq!(hear(&mut machine, &event(EventKind::CREATED, "/later")), told("/later", NodeChange::Created));
    assert_eq!(machine.set_watches(), []);
}

#[test]
fn many_watches_are_set_in_several_messages() {
    let mut machine = Machine::default();
    for n in 0..3_000 {
        machine.watches.children.insert(format!("/{n:0100}"));
    }
    let messages = machine.set_watches();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages.iter().map(|message| message.children.len()).sum::<usize>(), 3_000);
}

#[test]
fn an_event_of_an_unknown_kind_breaks_the_connection() {
    let found = hear(&mut Machine::default(), &event(EventKind(99), "/a"));
    assert!(matches!(found, Err(Broken::Wire(WireError::InvalidValue { value: 99, .. }))), "{found:?}");
}
