//! What a node of the tree has beside its data.

use std::ops::BitOr;

use super::{Jute, Reader, WireError, Writer, records};

records! {
    /// The figures of a node.
    Stat {
        /// The change that created it.
        czxid: i64,
        /// The last change of its data.
        mzxid: i64,
        /// When it was created, in milliseconds since 1970 by the server's clock.
        ctime: i64,
        /// When its data was changed last, in milliseconds since 1970.
        mtime: i64,
        /// How often its data was changed.
        version: i32,
        /// How often its children were changed.
        cversion: i32,
        /// How often its ACL was changed.
        aversion: i32,
        /// The session of an ephemeral node; 0 of others.
        ephemeral_owner: i64,
        /// The length of its data in bytes.
        data_length: i32,
        /// How many children it has.
        num_children: i32,
        /// The last change of its children.
        pzxid: i64,
    }
}

/// Who may do what with a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclEntry {
    /// What: see [`Permissions`].
    pub permissions: Permissions,
    /// The kind of the id: `world`, `auth`, `digest`.
    pub scheme: String,
    /// Who. Null, which some clients write for `auth`, is nobody's name.
    pub id: String,
}

impl Jute for AclEntry {
    const SMALLEST: usize = 12;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.field("AclEntry.permissions");
        let permissions = Permissions::decode(input)?;
        input.field("AclEntry.scheme");
        let scheme = String::decode(input)?;
        input.field("AclEntry.id");
        Ok(Self { permissions, scheme, id: input.string()?.unwrap_or_default() })
    }

    fn encode(&self, out: &mut Writer) {
        self.permissions.encode(out);
        self.scheme.encode(out);
        self.id.encode(out);
    }
}

impl Stat {
    /// Whether the node is deleted when a session ends.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral_owner != 0
    }
}

/// What may be done with a node, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(
    /// The bits.
    pub i32,
);

impl Permissions {
    /// Read its data and the names of its children.
    pub const READ: Self = Self(1);
    /// Set its data.
    pub const WRITE: Self = Self(2);
    /// Create children.
    pub const CREATE: Self = Self(4);
    /// Delete children.
    pub const DELETE: Self = Self(8);
    /// Set who may do what.
    pub const ADMIN: Self = Self(16);
    /// Everything.
    pub const ALL: Self = Self(31);

    /// Whether one of these is among them.
    #[must_use]
    pub fn has_any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Jute for Permissions {
    const SMALLEST: usize = 4;

    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        i32::decode(input).map(Self)
    }

    fn encode(&self, out: &mut Writer) {
        self.0.encode(out);
    }
}
