//! What the crate cannot do of what a program asks for. On the program's thread, before the start.

use crate::kafka::SecurityProtocol;
use crate::kafka::client::settings::Isolation;
use crate::kafka::params::{KafkaParams, OnBadRecord};

/// # Errors
/// All that it cannot do.
pub(crate) fn check(params: &KafkaParams) -> Result<(), String> {
    let cannot = [
        (
            params.isolation == Isolation::ReadCommitted,
            "tell which transactions were committed: set isolation.level = read_uncommitted",
        ),
        (params.security.protocol() != SecurityProtocol::Plaintext, "speak TLS or SASL"),
        (params.rack.is_some(), "read from followers, so that client.rack has no use"),
        (
            params.on_bad_record == OnBadRecord::Skip,
            "read behind a damaged batch, so that none can be skipped",
        ),
    ];
    let cannot: Vec<_> = cannot.iter().filter(|(is_asked, _)| *is_asked).map(|(_, what)| *what).collect();
    if cannot.is_empty() {
        Ok(())
    } else {
        Err(format!("the kafka crate cannot {}", cannot.join("; nor can it ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{Security, Transport};

    #[test]
    fn what_the_crate_cannot_do_is_said_with_the_setting() {
        let params = || KafkaParams::new().transport(Transport::KafkaCrate);
        let uncommitted = || params().isolation(Isolation::ReadUncommitted);
        assert_eq!(uncommitted().check(), Ok(()));
        for (params, says) in [
            (params(), "isolation.level = read_uncommitted"),
            (uncommitted().rack("near"), "client.rack"),
            (uncommitted().on_bad_record(OnBadRecord::Skip), "damaged batch"),
            (uncommitted().security(Security::new(SecurityProtocol::Ssl)), "TLS"),
        ] {
            let mistake = params.check().unwrap_err();
            assert!(mistake.starts_with("the kafka crate cannot ") && mistake.contains(says), "{mistake}");
        }
    }
}
