//! Servers on loopback that speak a source's real protocol, for tests: no network, nothing to install. Feature `fake`.
//!
//! A program that tests its own job names this feature under its dev-dependencies only.

#[cfg(any(feature = "kafka", feature = "zookeeper"))]
mod faults;
#[cfg(feature = "kafka")]
pub mod kafka;
mod kept_port;
mod line_server;
mod outlet;
mod pace;
#[cfg(any(feature = "kafka", feature = "zookeeper"))]
mod timer;
#[cfg(feature = "zookeeper")]
pub mod zookeeper;

pub use line_server::LineServer;
