//! The verbs of a [`FakeKafka`] for groups: to look at one, and to make trouble in it. They run on the test's thread.

use std::collections::BTreeMap;

use super::{FakeGroup, Group};
use crate::fake::kafka::{FakeError, FakeKafka};

impl FakeKafka {
    /// The names of all groups: those that have, or had, members or offsets.
    pub fn groups(&self) -> Vec<String> {
        self.shared.state.lock().groups.keys().cloned().collect()
    }

    /// A group as it is now; none if nobody has joined it or committed for it. To wait for a state of it, use
    /// [`wait_until`](Self::wait_until).
    ///
    /// ```
    /// use batchmill_sources::fake::kafka::{FakeKafka, GroupState};
    ///
    /// let kafka = FakeKafka::builder().topic("lines", 2).start()?;
    /// assert_eq!(kafka.group("counters"), None);
    /// // Consumers would join it; a commit makes one without members.
    /// kafka.commit("counters", "lines", 0, 7, None);
    /// let group = kafka.group("counters").expect("there is one now");
    /// assert_eq!((group.state, group.members.len()), (GroupState::Empty, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group(&self, name: &str) -> Option<FakeGroup> {
        self.shared.pass_time();
        self.shared.state.lock().groups.get(name).map(FakeGroup::of)
    }

    /// Puts a member out of its group, as if its session had ended: the others have to join again, and it is told that it
    /// is unknown. `member` is its id or the name that it keeps when it starts anew.
    ///
    /// ```
    /// use batchmill_sources::fake::kafka::{FakeError, FakeKafka};
    ///
    /// let kafka = FakeKafka::start()?;
    /// let unknown = kafka.expire_member("counters", "me");
    /// assert!(matches!(unknown, Err(FakeError::UnknownGroup(group)) if group == "counters"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such group, or no such member in it.
    pub fn expire_member(&self, group: &str, member: &str) -> Result<(), FakeError> {
        self.shared.change_groups(|state, now| {
            let found = find(&mut state.groups, group)?;
            let unknown = || FakeError::UnknownMember(group.to_owned(), member.to_owned());
            let id = found.of_instance(member).map_or_else(|| member.to_owned(), |found| found.id.clone());
            found.expire(&id, now).then_some(()).ok_or_else(unknown)
        })
    }

    /// Has all members of a group join again, as a change of its topics does. Nothing happens to a group without members.
    ///
    /// ```
    /// use batchmill_sources::fake::kafka::FakeKafka;
    ///
    /// let kafka = FakeKafka::builder().topic("lines", 2).start()?;
    /// kafka.commit("counters", "lines", 0, 7, None);
    /// kafka.rebalance("counters")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such group.
    pub fn rebalance(&self, group: &str) -> Result<(), FakeError> {
        self.shared.change_groups(|state, now| {
            find(&mut state.groups, group)?.rebalance(now);
            Ok(())
        })
    }
}

fn find<'a>(groups: &'a mut BTreeMap<String, Group>, name: &str) -> Result<&'a mut Group, FakeError> {
    groups.get_mut(name).ok_or_else(|| FakeError::UnknownGroup(name.to_owned()))
}
