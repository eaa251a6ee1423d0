//! The fake cluster as a program.

use std::net::TcpStream;

use crate::child::{Child, Ended};

#[test]
fn the_fake_cluster_tells_its_addresses_and_runs_until_ctrl_c() {
    let program = Child::start("fake_kafka", &["--brokers", "2", "--profile", "0.9", "--topic", "lines:3"]);
    let addresses = program.stdout_line();
    for address in addresses.split(',') {
        assert!(TcpStream::connect(address).is_ok(), "{address}");
    }
    assert_eq!(addresses.split(',').count(), 2);
    program.interrupt();
    assert_eq!(program.end(), Ended { code: Some(0), stdout: Vec::new(), stderr: Vec::new() });
}
