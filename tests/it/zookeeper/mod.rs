//! The ZooKeeper client against the fake: what becomes of servers that do not follow the protocol.

mod hostile;
