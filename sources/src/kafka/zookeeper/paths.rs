//! Where Kafka has its nodes, below the chroot of the connect string (`kafka.utils.ZkUtils`). Pure.

use crate::kafka::TopicPartition;

/// The parent of all brokers.
pub(super) const BROKERS: &str = "/brokers/ids";

/// A broker that is alive.
pub(super) fn broker(id: &str) -> String {
    format!("{BROKERS}/{id}")
}

/// A topic.
pub(super) fn topic(name: &str) -> String {
    format!("/brokers/topics/{name}")
}

/// The nodes of a group.
#[derive(Clone, Debug)]
pub(super) struct GroupPaths {
    root: String,
}

impl GroupPaths {
    /// Those of a group whose name is [good](check_group).
    pub(super) fn new(group: &str) -> Self {
        Self { root: format!("/consumers/{group}") }
    }

    /// The parent of all members.
    pub(super) fn members(&self) -> String {
        format!("{}/ids", self.root)
    }

    /// A member.
    pub(super) fn member(&self, id: &str) -> String {
        format!("{}/ids/{id}", self.root)
    }

    /// Who reads a partition.
    pub(super) fn owner(&self, of: &TopicPartition) -> String {
        format!("{}/owners/{}/{}", self.root, of.topic, of.partition)
    }

    /// The next offset to read of a partition.
    pub(super) fn offset(&self, of: &TopicPartition) -> String {
        format!("{}/offsets/{}/{}", self.root, of.topic, of.partition)
    }
}

/// What is wrong with a group's name, which is a part of paths; as old consumers check it (`kafka.common.Config`).
pub(crate) fn check_group(name: &str) -> Result<(), String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.chars().all(is_good) && !matches!(name, "" | "." | "..") {
        return Ok(());
    }
    Err(format!("the group {name:?} cannot be kept in ZooKeeper: use letters, digits, '.', '_' and '-'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_where_old_consumers_have_them() {
        let (group, of) = (GroupPaths::new("g"), TopicPartition::new("t", 3));
        assert_eq!(group.member("g_host-1-a"), "/consumers/g/ids/g_host-1-a");
        assert_eq!(group.owner(&of), "/consumers/g/owners/t/3");
        assert_eq!(group.offset(&of), "/consumers/g/offsets/t/3");
        assert_eq!((topic("t"), broker("1")), ("/brokers/topics/t".into(), "/brokers/ids/1".into()));
    }

    #[test]
    fn a_name_that_is_no_part_of_a_path_is_refused() {
        assert_eq!(check_group("word-count_2.b"), Ok(()));
        for bad in ["", ".", "..", "a/b", "a b", "é"] {
            assert!(check_group(bad).unwrap_err().contains(&format!("{bad:?}")), "{bad}");
        }
    }
}
