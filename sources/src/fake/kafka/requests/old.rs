//! What brokers before 0.10 do with a request they do not know: 0.8.2 closes the connection, 0.9 never answers and goes on.
//! Both answer a Metadata that is too new in the layout of version 0, which they take it for; the fake closes the connection
//! on other requests that are too new.

use super::metadata::Metadata;
use super::{Incoming, Outcome, answerable, note_and_answer, run};
use crate::fake::kafka::ApiKey;
use crate::fake::kafka::profile::Profile;
use crate::kafka::wire::WireError;

/// Answers a request of which a broker without ApiVersions has no such version.
pub(super) fn unserved(mut incoming: Incoming<'_>, profile: Profile) -> Result<Outcome, WireError> {
    if incoming.header.key == ApiKey::METADATA && profile.versions(ApiKey::METADATA).is_some() {
        incoming.version = 0;
        return run::<Metadata>(incoming);
    }
    let is_unknown =
        answerable(incoming.header.key).is_none() || profile.versions(incoming.header.key).is_none();
    let silent = is_unknown && profile == Profile::V0_9;
    note_and_answer(&incoming, &[], Vec::new(), |_| if silent { Outcome::Nothing } else { Outcome::Close })
}
