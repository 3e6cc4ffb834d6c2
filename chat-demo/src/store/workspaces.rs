//! Workspaces: who belongs to them, and which rooms are their channels.

use super::request::Answer;
use super::{Store, StoreError};
use crate::domain::workspace::{Channel, ChannelName, WorkspaceCode};
use crate::domain::{DisplayName, Person, PersonId, UnixMillis};

/// How many of somebody's workspaces are told of: those that they joined last.
pub(super) const LISTED: u32 = 50;

/// A workspace, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workspace {
    /// Its code.
    pub code: WorkspaceCode,
    /// What it is called.
    pub name: DisplayName,
    /// Who belongs to it, in the order of their numbers.
    pub members: Vec<Person>,
    /// Its channels, in the order of their names.
    pub channels: Vec<Channel>,
}

/// What became of the wish to belong to a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// They belong to it: since now, if it is `fresh`.
    Member {
        /// Whether they did not before.
        fresh: bool,
    },
    /// It has as many members as it may.
    Full,
    /// There is no such workspace.
    Unknown,
}

/// What became of the wish to have another channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// There is one of this name: since now, if it is in the room that was meant for it.
    Channel(Channel),
    /// Whoever wants it does not belong to the workspace.
    NotMember,
    /// It has as many channels as it may.
    Full,
    /// There is a room of this code already.
    RoomTaken,
}

/// One question about workspaces, with the port for its answer.
#[derive(Debug)]
pub(crate) enum WorkspaceRequest {
    Create {
        code: WorkspaceCode,
        name: DisplayName,
        founder: PersonId,
        first: Channel,
        at: UnixMillis,
        reply: Answer<bool>,
    },
    Join {
        workspace: WorkspaceCode,
        person: PersonId,
        limit: u32,
        at: UnixMillis,
        reply: Answer<Admission>,
    },
    Leave {
        workspace: WorkspaceCode,
        person: PersonId,
        reply: Answer<bool>,
    },
    OpenChannel {
        workspace: WorkspaceCode,
        channel: Channel,
        by: PersonId,
        limit: u32,
        at: UnixMillis,
        reply: Answer<Opening>,
    },
    Exists {
        workspace: WorkspaceCode,
        reply: Answer<bool>,
    },
    IsMember {
        workspace: WorkspaceCode,
        person: PersonId,
        reply: Answer<bool>,
    },
    Find {
        workspace: WorkspaceCode,
        reply: Answer<Option<Workspace>>,
    },
    Of {
        person: PersonId,
        reply: Answer<Vec<(WorkspaceCode, DisplayName)>>,
    },
}

impl WorkspaceRequest {
    pub(super) fn writes(&self) -> bool {
        !matches!(self, Self::Exists { .. } | Self::IsMember { .. } | Self::Find { .. } | Self::Of { .. })
    }
}

impl Store {
    /// Makes a workspace of which `founder` is the one member, with one channel; false if there is another one of this code, or a
    /// room of the code of the channel.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn create_workspace(
        &self,
        code: WorkspaceCode,
        name: DisplayName,
        founder: PersonId,
        first: Channel,
    ) -> Result<bool, StoreError> {
        let at = UnixMillis::now();
        let create =
            |reply| WorkspaceRequest::Create { code, name: name.clone(), founder, first: first.clone(), at, reply };
        self.ask(|reply| create(reply).into()).await
    }

    /// Makes somebody a member of a workspace of at most `limit` members.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn join_workspace(
        &self,
        workspace: WorkspaceCode,
        person: PersonId,
        limit: usize,
    ) -> Result<Admission, StoreError> {
        let (at, limit) = (UnixMillis::now(), u32::try_from(limit).unwrap_or(u32::MAX));
        self.ask(|reply| WorkspaceRequest::Join { workspace, person, limit, at, reply }.into()).await
    }

    /// Somebody is no longer a member of a workspace, and its channels are no longer theirs; whether they were.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn leave_workspace(&self, workspace: WorkspaceCode, person: PersonId) -> Result<bool, StoreError> {
        self.ask(|reply| WorkspaceRequest::Leave { workspace, person, reply }.into()).await
    }

    /// The channel of this name in a workspace of at most `limit` channels, made in this room if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn open_channel(
        &self,
        workspace: WorkspaceCode,
        channel: Channel,
        by: PersonId,
        limit: usize,
    ) -> Result<Opening, StoreError> {
        let (at, limit) = (UnixMillis::now(), u32::try_from(limit).unwrap_or(u32::MAX));
        let open = |reply| WorkspaceRequest::OpenChannel { workspace, channel: channel.clone(), by, limit, at, reply };
        self.ask(|reply| open(reply).into()).await
    }

    /// Whether there is a workspace of this code.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn workspace_exists(&self, workspace: WorkspaceCode) -> Result<bool, StoreError> {
        self.ask(|reply| WorkspaceRequest::Exists { workspace, reply }.into()).await
    }

    /// Whether somebody belongs to a workspace.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn is_member(&self, workspace: WorkspaceCode, person: PersonId) -> Result<bool, StoreError> {
        self.ask(|reply| WorkspaceRequest::IsMember { workspace, person, reply }.into()).await
    }

    /// A workspace, with its members and channels.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn workspace(&self, workspace: WorkspaceCode) -> Result<Option<Workspace>, StoreError> {
        self.ask(|reply| WorkspaceRequest::Find { workspace, reply }.into()).await
    }

    /// The workspaces that somebody joined last, at most 50, in the order in which they did.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn workspaces_of(&self, person: PersonId) -> Result<Vec<(WorkspaceCode, DisplayName)>, StoreError> {
        self.ask(|reply| WorkspaceRequest::Of { person, reply }.into()).await
    }
}

/// The channel, from what the database has of it.
pub(super) fn channel(room: &str, name: &str) -> Result<Channel, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Channel { room: room.parse()?, name: ChannelName::parse(name)? })
}
