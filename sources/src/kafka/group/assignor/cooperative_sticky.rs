//! As the sticky assignor, but a partition that somebody has to give up first is left out of this share: it is shared out when
//! that member joins again without it. Java's `CooperativeStickyAssignor`. Pure; runs on the thread of the member that leads.

use super::sticky::Claims;
use super::{Counts, GroupMember, Shares};

/// Shares out.
pub(super) fn assign(counts: &Counts, members: &[GroupMember]) -> Shares {
    let claims = Claims::of(counts, members);
    let mut shares = claims.assign();
    for (member, share) in &mut shares {
        share.retain(|partition| !claims.is_held_by_another(partition, member));
    }
    shares
}
