//! Requests and the bodies of their replies.

use super::{AclEntry, Jute, Stat, records};

records! {
    /// [`CREATE`](super::OpCode::CREATE) and [`CREATE_2`](super::OpCode::CREATE_2).
    CreateRequest {
        /// The node.
        path: String,
        /// What is in it.
        data: Vec<u8>,
        /// Who may do what with it.
        acl: Vec<AclEntry>,
        /// Bit 0: ephemeral, bit 1: the server adds a number to the name.
        flags: i32,
    }

    /// Reply to [`CREATE`](super::OpCode::CREATE).
    CreatedReply {
        /// The node that was created.
        path: String,
    }

    /// Reply to [`CREATE_2`](super::OpCode::CREATE_2).
    CreateStatReply {
        /// The node that was created.
        path: String,
        /// Its figures.
        stat: Stat,
    }

    /// [`DELETE`](super::OpCode::DELETE).
    DeleteRequest {
        /// The node.
        path: String,
        /// The version that it must have; -1 for any.
        version: i32,
    }

    /// [`EXISTS`](super::OpCode::EXISTS), [`GET_DATA`](super::OpCode::GET_DATA), [`GET_CHILDREN`](super::OpCode::GET_CHILDREN) and [`GET_CHILDREN_2`](super::OpCode::GET_CHILDREN_2).
    PathWatchRequest {
        /// The node.
        path: String,
        /// Whether to tell of the next change.
        watch: bool,
    }

    /// [`GET_ACL`](super::OpCode::GET_ACL) and [`SYNC`](super::OpCode::SYNC).
    PathRequest {
        /// The node.
        path: String,
    }

    /// Reply to [`SYNC`](super::OpCode::SYNC).
    PathReply {
        /// The node.
        path: String,
    }

    /// Reply to [`EXISTS`](super::OpCode::EXISTS), [`SET_DATA`](super::OpCode::SET_DATA) and [`SET_ACL`](super::OpCode::SET_ACL).
    StatReply {
        /// The node's figures.
        stat: Stat,
    }

    /// Reply to [`GET_DATA`](super::OpCode::GET_DATA).
    DataReply {
        /// What is in the node.
        data: Vec<u8>,
        /// Its figures.
        stat: Stat,
    }

    /// [`SET_DATA`](super::OpCode::SET_DATA).
    SetDataRequest {
        /// The node.
        path: String,
        /// What shall be in it.
        data: Vec<u8>,
        /// The version that it must have; -1 for any.
        version: i32,
    }

    /// [`SET_ACL`](super::OpCode::SET_ACL).
    SetAclRequest {
        /// The node.
        path: String,
        /// Who may do what with it.
        acl: Vec<AclEntry>,
        /// The version that its ACL must have; -1 for any.
        version: i32,
    }

    /// Reply to [`GET_ACL`](super::OpCode::GET_ACL).
    AclReply {
        /// Who may do what with the node.
        acl: Vec<AclEntry>,
        /// Its figures.
        stat: Stat,
    }

    /// Reply to [`GET_CHILDREN`](super::OpCode::GET_CHILDREN).
    ChildrenReply {
        /// The names of the children, in no order.
        children: Vec<String>,
    }

    /// Reply to [`GET_CHILDREN_2`](super::OpCode::GET_CHILDREN_2).
    ChildrenStatReply {
        /// The names of the children, in no order.
        children: Vec<String>,
        /// The node's figures.
        stat: Stat,
    }
}

/// [`AUTH`](super::OpCode::AUTH): says who the client is. Its `Debug` does not show the secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthRequest {
    /// 0.
    pub kind: i32,
    /// The kind of the id: `digest`.
    pub scheme: String,
    /// `user:password`.
    pub auth: Vec<u8>,
}

impl Jute for AuthRequest {
    const SMALLEST: usize = 12;

    fn decode(input: &mut super::Reader<'_>) -> Result<Self, super::WireError> {
        input.field("AuthRequest.kind");
        let kind = i32::decode(input)?;
        input.field("AuthRequest.scheme");
        let scheme = String::decode(input)?;
        input.field("AuthRequest.auth");
        Ok(Self { kind, scheme, auth: Vec::decode(input)? })
    }

    fn encode(&self, out: &mut super::Writer) {
        self.kind.encode(out);
        self.scheme.encode(out);
        self.auth.encode(out);
    }
}

impl std::fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthRequest").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
