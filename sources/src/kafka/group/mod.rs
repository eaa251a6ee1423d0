//! Membership in a consumer group: who of the group reads which partitions, and under which right offsets are committed.
//!
//! A stream sees two traits. It holds a [`Membership`], which works on threads of its own until it is left, and it is a
//! [`RebalanceListener`], which those threads tell what is assigned and what is taken away. Brokers coordinate a group
//! ([`ClassicGroup`]), or ZooKeeper does.

mod assignor;
mod classic;
mod error;
#[cfg(test)]
pub(in crate::kafka) mod heard;
pub(in crate::kafka) mod inbox;
pub(in crate::kafka) mod member;
mod membership;
mod params;
mod subscription;
mod threads;

pub use self::assignor::{Assignor, share_among_strangers};
#[cfg(feature = "fake")]
#[doc(hidden)]
pub use self::classic::rehearse_membership;
pub(crate) use self::classic::{ClassicGroup, GroupSettings};
pub use self::error::GroupError;
pub(crate) use self::membership::{Later, Membership, Offsets, RebalanceListener};
pub(in crate::kafka) use self::params::GroupParams;
pub(crate) use self::subscription::Subscription;
