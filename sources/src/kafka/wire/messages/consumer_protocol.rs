//! What consumers tell each other through their group's coordinator, to which it is bytes: what a member subscribes to, in
//! its JoinGroup, and which partitions it gets, in the leader's SyncGroup. Both begin with a version of their own; fields
//! are only ever added at the end, so that a newer one is read as the newest that is known here.

use super::layout::{Field, Layout, structures};
use super::{Reader, WireError, Writer};

structures! {
    /// What a member subscribes to.
    pub struct ConsumerProtocolSubscription<'a> {
        /// The topics.
        pub topics: Vec<String> => 0..,
        /// What an assignor of its own may add.
        pub user_data: &'a [u8] => 0..,
        /// What the member holds from the last generation.
        pub owned_partitions: Vec<ConsumerProtocolTopic> => 1..,
        /// The generation that it holds them from, or -1.
        pub generation_id: i32 = -1 => 2..,
        /// Where the member is, if it says so.
        pub rack_id: Option<String> => 3..,
    }

    /// Which partitions a member gets.
    pub struct ConsumerProtocolAssignment<'a> {
        /// The partitions.
        pub assigned_partitions: Vec<ConsumerProtocolTopic> => 0..,
        /// What an assignor of its own may add.
        pub user_data: &'a [u8] => 0..,
    }

    /// Partitions of one topic.
    pub struct ConsumerProtocolTopic {
        /// Its name.
        pub topic: String => 0..,
        /// The numbers of the partitions.
        pub partitions: Vec<i32> => 0..,
    }
}

impl<'a> ConsumerProtocolSubscription<'a> {
    /// The newest version that is known here.
    pub const VERSION: i16 = 3;

    /// The bytes of this version.
    ///
    /// # Errors
    /// When a text or a list is too long.
    pub fn to_bytes(&self, version: i16) -> Result<Vec<u8>, WireError> {
        to_bytes(self, version.clamp(0, Self::VERSION))
    }

    /// Reads it from what a member sent.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, WireError> {
        from_bytes(bytes, Self::VERSION)
    }
}

impl<'a> ConsumerProtocolAssignment<'a> {
    /// The newest version that is known here. It says the same as version 0.
    pub const VERSION: i16 = 3;

    /// The bytes of this version.
    ///
    /// # Errors
    /// When a text or a list is too long.
    pub fn to_bytes(&self, version: i16) -> Result<Vec<u8>, WireError> {
        to_bytes(self, version.clamp(0, Self::VERSION))
    }

    /// Reads it from what a leader sent.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, WireError> {
        from_bytes(bytes, Self::VERSION)
    }
}

fn to_bytes<'a>(message: &impl Field<'a>, version: i16) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    out.i16(version);
    message.write(Layout { version, flexible: false }, &mut out);
    out.into_bytes()
}

fn from_bytes<'a, T: Field<'a>>(bytes: &'a [u8], newest: i16) -> Result<T, WireError> {
    let mut input = Reader::new(bytes);
    input.field("the version of a consumer's message");
    let version = input.i16()?.clamp(0, newest);
    T::read(Layout { version, flexible: false }, &mut input)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::{Sample, Source, bytes, take_reserved};
    use super::*;

    #[test]
    fn a_subscription_is_laid_out_as_other_clients_do() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["words".to_owned()],
            owned_partitions: vec![ConsumerProtocolTopic { topic: "words".to_owned(), partitions: vec![1] }],
            ..Default::default()
        };
        let first = bytes(r#"0000 00000001 0005 "words" 00000000"#);
        assert_eq!(subscription.to_bytes(0), Ok(first));
        let owned = bytes(
            r#"0001 00000001 0005 "words" 00000000 | version, topics, data
               00000001 0005 "words"               | owned
               00000001 00000001                   | partitions"#,
        );
        assert_eq!(subscription.to_bytes(1).as_ref(), Ok(&owned));
        assert_eq!(ConsumerProtocolSubscription::from_bytes(&owned), Ok(subscription));
    }

    #[test]
    fn what_is_newer_is_read_as_far_as_it_is_known() {
        let newer = bytes(
            r#"0009 00000001 0005 "words"          | version, partitions
               00000002 00000000 00000003          | numbers
               ffffffff 0004 "more""#,
        );
        let assignment = ConsumerProtocolAssignment::from_bytes(&newer).unwrap();
        let topic = ConsumerProtocolTopic { topic: "words".to_owned(), partitions: vec![0, 3] };
        assert_eq!(assignment.assigned_partitions, [topic]);
        assert!(ConsumerProtocolAssignment::from_bytes(b"").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn both_come_back_as_they_were(seed: u64, version in 0..=3i16) {
            let layout = Layout { version, flexible: false };
            let subscription = ConsumerProtocolSubscription::sample(layout, &mut Source::new(seed));
            let bytes = subscription.to_bytes(version).unwrap();
            prop_assert_eq!(ConsumerProtocolSubscription::from_bytes(&bytes), Ok(subscription));
            let assignment = ConsumerProtocolAssignment::sample(layout, &mut Source::new(seed));
            let bytes = assignment.to_bytes(version).unwrap();
            prop_assert_eq!(ConsumerProtocolAssignment::from_bytes(&bytes), Ok(assignment));
        }

        #[test]
        fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            take_reserved();
            let _ = ConsumerProtocolSubscription::from_bytes(&bytes);
            let _ = ConsumerProtocolAssignment::from_bytes(&bytes);
            prop_assert!(take_reserved() <= 64 * bytes.len());
        }
    }
}
