//! Requests from bytes to answers: one file for each kind, and here what they have in common. Called by the threads of
//! connections.
//!
//! A request of a version that is not served closes the connection, as at a real broker. What the brokers before 0.10 do
//! with ApiVersions and with a Metadata that is too new is in `old.rs`.

mod api_versions;
mod create_topics;
mod delete_topics;
mod describe_groups;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod membership;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod offset_for_leader_epoch;
mod old;
mod produce;
#[cfg(feature = "sasl")]
mod sasl_authenticate;
#[cfg(feature = "sasl")]
mod sasl_handshake;
mod sync_group;

use std::time::Duration;

use super::cluster::Shared;
use super::connection::Connection;
use super::faults::{Action, Befallen};
use super::seen::{Named, Seen};
use super::slices::Reply;
use super::{ApiKey, ErrorCode};
use crate::kafka::wire::frame::RequestHeader;
use crate::kafka::wire::messages::{Message, Request};
use crate::kafka::wire::{Reader, WireError, Writer};

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    Reply(Reply),
    /// So many bytes of the reply, and then the end of the connection.
    Cut(Reply, usize),
    /// The reply, with such a pause before each of its bytes.
    Trickle(Reply, Duration),
    /// These bytes, without a length before them.
    Raw(Vec<u8>),
    Nothing,
    Close,
}

/// A kind of request.
trait Handler {
    /// Its lowest and highest version that the fake can answer.
    const VERSIONS: (i16, i16);
    type Request<'a>: Request<'a>;

    /// The topics and partitions that it names.
    fn names(request: &Self::Request<'_>) -> Vec<Named>;

    /// Does what is asked.
    fn answer(context: &Context<'_>, request: Self::Request<'_>) -> Outcome;
}

/// Where a request is taken to, with the versions that can be answered.
type Route = (ApiKey, (i16, i16), fn(Incoming<'_>) -> Result<Outcome, WireError>);

const fn route<H: Handler>(key: ApiKey) -> Route {
    (key, H::VERSIONS, run::<H>)
}

const ROUTES: &[Route] = &[
    route::<produce::Produce>(ApiKey::PRODUCE),
    route::<fetch::Fetch>(ApiKey::FETCH),
    route::<list_offsets::ListOffsets>(ApiKey::LIST_OFFSETS),
    route::<metadata::Metadata>(ApiKey::METADATA),
    route::<offset_commit::OffsetCommit>(ApiKey::OFFSET_COMMIT),
    route::<offset_fetch::OffsetFetch>(ApiKey::OFFSET_FETCH),
    route::<find_coordinator::FindCoordinator>(ApiKey::FIND_COORDINATOR),
    route::<join_group::JoinGroup>(ApiKey::JOIN_GROUP),
    route::<heartbeat::Heartbeat>(ApiKey::HEARTBEAT),
    route::<leave_group::LeaveGroup>(ApiKey::LEAVE_GROUP),
    route::<sync_group::SyncGroup>(ApiKey::SYNC_GROUP),
    route::<describe_groups::DescribeGroups>(ApiKey::DESCRIBE_GROUPS),
    route::<list_groups::ListGroups>(ApiKey::LIST_GROUPS),
    route::<api_versions::ApiVersions>(ApiKey::API_VERSIONS),
    route::<create_topics::CreateTopics>(ApiKey::CREATE_TOPICS),
    route::<delete_topics::DeleteTopics>(ApiKey::DELETE_TOPICS),
    route::<init_producer_id::InitProducerId>(ApiKey::INIT_PRODUCER_ID),
    route::<offset_for_leader_epoch::OffsetForLeaderEpoch>(ApiKey::OFFSET_FOR_LEADER_EPOCH),
    #[cfg(feature = "sasl")]
    route::<sasl_handshake::SaslHandshake>(ApiKey::SASL_HANDSHAKE),
    #[cfg(feature = "sasl")]
    route::<sasl_authenticate::SaslAuthenticate>(ApiKey::SASL_AUTHENTICATE),
];

/// The requests that are known here.
pub(super) fn known() -> impl Iterator<Item = ApiKey> {
    ROUTES.iter().map(|(key, _, _)| *key)
}

/// The versions of a request that can be answered at all.
pub(super) fn answerable(api: ApiKey) -> Option<(i16, i16)> {
    ROUTES.iter().find(|(key, _, _)| *key == api).map(|(_, versions, _)| *versions)
}

/// A request on its way to its handler.
struct Incoming<'a> {
    connection: &'a Connection,
    header: RequestHeader,
    /// The version that the body is read and answered as.
    version: i16,
    body: Reader<'a>,
}

/// Takes a request (without its length) to what becomes of it.
///
/// # Errors
/// When it cannot be read; the connection is to be closed.
pub(super) fn dispatch(connection: &Connection, frame: &[u8]) -> Result<Outcome, WireError> {
    let mut body = Reader::new(frame);
    let header = RequestHeader::decode(&mut body)?;
    let version = header.version;
    let (served, profile) = {
        let state = connection.shared.state.lock();
        (state.served(connection.broker, header.key), state.profile_of(connection.broker))
    };
    let says_who =
        [ApiKey::API_VERSIONS, ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE].contains(&header.key);
    if !says_who && !connection.is_known() {
        return Ok(Outcome::Close);
    }
    let incoming = Incoming { connection, header, version, body };
    match served {
        Some((low, high)) if (low..=high).contains(&version) => {}
        _ if !profile.tells_versions() => return old::unserved(incoming, profile),
        Some((_, high)) if incoming.header.key == ApiKey::API_VERSIONS && version > high => {
            return note_and_answer(&incoming, &[], Vec::new(), api_versions::too_new);
        }
        _ => return note_and_answer(&incoming, &[], Vec::new(), |_| Outcome::Close),
    }
    let route = ROUTES.iter().find(|(key, _, _)| *key == incoming.header.key);
    route.map_or(Ok(Outcome::Close), |(_, _, run)| run(incoming))
}

fn run<H: Handler>(mut incoming: Incoming<'_>) -> Result<Outcome, WireError> {
    let body = incoming.body.rest();
    let request = H::Request::decode(incoming.version, &mut incoming.body)?;
    note_and_answer(&incoming, body, H::names(&request), |context| H::answer(context, request))
}

/// Writes the request down, lets what is scripted befall it, and answers it otherwise.
fn note_and_answer(
    incoming: &Incoming<'_>,
    body: &[u8],
    names: Vec<Named>,
    answer: impl FnOnce(&Context<'_>) -> Outcome,
) -> Result<Outcome, WireError> {
    let Incoming { connection, header, version, .. } = incoming;
    let seen = Seen::new(connection, header, names, body);
    let befallen = connection.shared.change(|state| {
        let befallen = state.faults.take(&seen);
        state.requests.push(seen.clone());
        befallen
    });
    if !connection.pause(befallen.delay) {
        return Ok(Outcome::Close);
    }
    let before = match befallen.action() {
        Some(Action::Disconnect) => Some(Outcome::Close),
        Some(Action::Silence) => Some(Outcome::Nothing),
        Some(Action::ReplyRaw(bytes)) => Some(Outcome::Raw(bytes.clone())),
        _ => None,
    };
    Ok(before.unwrap_or_else(|| {
        let context = Context { connection, header, version: *version, befallen: &befallen };
        befallen.change(&seen, answer(&context))
    }))
}

/// What a handler knows besides the request.
#[derive(Debug)]
pub(super) struct Context<'a> {
    connection: &'a Connection,
    header: &'a RequestHeader,
    version: i16,
    befallen: &'a Befallen,
}

impl Context<'_> {
    fn shared(&self) -> &Shared {
        &self.connection.shared
    }

    fn broker(&self) -> i32 {
        self.connection.broker
    }

    /// The error that a fault has for a partition.
    fn scripted(&self, topic: &str, partition: i32) -> Option<ErrorCode> {
        self.befallen.error(topic, Some(partition))
    }

    /// Nothing, or the error that a fault has for a partition.
    fn unless_scripted(&self, topic: &str, partition: i32) -> Result<(), ErrorCode> {
        self.scripted(topic, partition).map_or(Ok(()), Err)
    }

    /// A reply with this response.
    fn reply<'a>(&self, response: &impl Message<'a>) -> Outcome {
        self.reply_as(self.version, response)
    }

    /// A reply in the layout of another version than was asked for.
    fn reply_as<'a>(&self, version: i16, response: &impl Message<'a>) -> Outcome {
        let mut out = self.begin(version);
        response.encode(version, &mut out);
        finish(out)
    }

    /// The header of a reply.
    fn begin(&self, version: i16) -> Writer {
        let mut out = Writer::new();
        out.i32(self.header.correlation_id);
        if self.header.key.response_header_version(version) > 0 {
            out.no_tagged_fields();
        }
        out
    }
}

/// The reply that was written. One that cannot be (a text is too long) closes the connection.
fn finish(out: Writer) -> Outcome {
    match out.into_bytes() {
        Ok(bytes) => Outcome::Reply(Reply::of(bytes)),
        Err(error) => {
            log::warn!("the fake broker has no form for its answer: {error}");
            Outcome::Close
        }
    }
}
