//! The first question on the first connection to a broker: what it speaks. Brokers before 0.10 do not know it: 0.8.2 closes
//! the connection, 0.9 stays silent. But so does one that is killed just then, which must not count as old.

use super::cluster::{Cluster, Target};
use super::connection::Connection;
use super::deadline::Deadline;
use super::settings::OldVersion;
use super::versions::Versions;
use super::way_out::WayOut;
use crate::kafka::KafkaError;
use crate::kafka::wire::messages::{
    ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse,
};

/// Connects to a broker, knows what it speaks, and has said who the program is.
pub(crate) fn open(
    cluster: &Cluster,
    target: &Target,
    way_out: &WayOut,
    deadline: Deadline,
) -> Result<Connection, KafkaError> {
    let connection = negotiate(cluster, target, way_out, deadline)?;
    #[cfg(feature = "sasl")]
    if let Some(credentials) = &cluster.settings().secured.sasl {
        let mut connection = connection;
        let until = deadline.min(Deadline::after(cluster.settings().request_timeout));
        return match super::authentication::authenticate(&mut connection, credentials, until) {
            Ok(()) => Ok(connection),
            Err(_) if way_out.is_closed() => Err(KafkaError::Stopped),
            Err(error) => Err(error),
        };
    }
    Ok(connection)
}

/// Connects to a broker and knows what it speaks.
///
/// A broker that does not answer counts as old only if another connection to it answers Metadata 0, only in a cluster none of
/// whose brokers has answered, and only until a connection to it is lost.
fn negotiate(
    cluster: &Cluster,
    target: &Target,
    way_out: &WayOut,
    deadline: Deadline,
) -> Result<Connection, KafkaError> {
    let mut connection = cluster.dial(target, way_out, deadline)?;
    if let Some(old) = cluster.settings().broker_version {
        connection.versions = cluster.has_versions(&target.address, Versions::old(old));
        connection.is_trusted();
        return Ok(connection);
    }
    if let Some(known) = cluster.versions(&target.address) {
        connection.versions = known;
        connection.is_trusted();
        return Ok(connection);
    }
    let until = deadline.min(Deadline::after(cluster.settings().versions_timeout));
    let failure = match ask_versions(&mut connection, until) {
        Ok(versions) => {
            connection.versions = cluster.has_versions(&target.address, versions);
            return Ok(connection);
        }
        Err(_) if way_out.is_closed() => return Err(KafkaError::Stopped),
        Err(failure) => failure,
    };
    let looks_like = match &failure {
        KafkaError::Closed { .. } => OldVersion::V0_8_2,
        KafkaError::Timeout { .. } => OldVersion::V0_9,
        _ => return Err(failure),
    };
    drop(connection);
    if !cluster.may_be_old() {
        return Err(failure);
    }
    let mut connection = cluster.dial(target, way_out, deadline)?;
    let until = deadline.min(Deadline::after(cluster.settings().request_timeout));
    // For all topics: a name might create one.
    let request = MetadataRequest::default();
    match connection.call::<_, MetadataResponse>(0, &request, until) {
        Ok(_) => {
            connection.versions = cluster.has_versions(&target.address, Versions::old(looks_like));
            Ok(connection)
        }
        Err(KafkaError::Closed { .. }) => {
            drop(connection);
            Err(super::probe::name_peer(cluster, target, way_out, failure))
        }
        Err(second) => Err(second),
    }
}

fn ask_versions(connection: &mut Connection, deadline: Deadline) -> Result<Versions, KafkaError> {
    let answer: ApiVersionsResponse = connection.call(0, &ApiVersionsRequest::default(), deadline)?;
    if !answer.error_code.is_ok() {
        return Err(KafkaError::Broker {
            broker: std::sync::Arc::clone(connection.broker()),
            request: "ApiVersions",
            about: None,
            code: answer.error_code,
        });
    }
    Ok(Versions::listed(answer.api_keys.iter().map(|api| (api.api_key.0, api.min_version, api.max_version))))
}
