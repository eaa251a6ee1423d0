//! The brokers that are registered in a ZooKeeper: the ones that a stream asks first. On the generate thread, at the start.

use super::failure::Failure;
use super::nodes::read_broker;
use super::paths::{BROKERS, broker};
use crate::kafka::GroupError;
use crate::zookeeper::{Session, ZooKeeperError};

/// The addresses at which the registered brokers listen by a protocol (`PLAINTEXT`, `SSL`, ...), as a list `host:port,host:port`.
pub(crate) fn registered_brokers(session: &Session, protocol: &str) -> Result<String, Failure> {
    let ids = match session.children(BROKERS) {
        Ok((ids, _)) => ids,
        Err(ZooKeeperError::NoNode { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut addresses = Vec::new();
    for id in ids {
        let path = broker(&id);
        match session.get(&path) {
            Ok((data, _)) => match read_broker(&data, protocol) {
                Ok(address) => addresses.extend(address),
                Err(problem) => return Err(Failure::foreign(path, problem)),
            },
            // It has just gone.
            Err(ZooKeeperError::NoNode { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if addresses.is_empty() {
        return Err(Failure::Group(GroupError::NoBrokers { protocol: protocol.to_owned() }));
    }
    Ok(addresses.join(","))
}
