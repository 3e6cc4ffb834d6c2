//! Who was mentioned where, and what of it they have not seen.

use super::request::{Answer, Request};
use super::{ChannelTitle, Store, StoreError};
use crate::domain::{Body, Person, PersonId, RoomCode, Seq, UnixMillis};

/// A message that mentions somebody, in one of their rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where.
    pub room: RoomCode,
    /// What that is called, if it is a channel.
    pub channel: Option<ChannelTitle>,
    /// Whether it is the room between the two.
    pub direct: bool,
    /// Which message.
    pub seq: Seq,
    /// By whom.
    pub author: Person,
    /// When.
    pub at: UnixMillis,
    /// What it says.
    pub body: Body,
    /// Whether they have neither read it nor seen it among their notifications.
    pub unseen: bool,
}

/// Which of somebody's notifications, in the order in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeKey {
    /// When the message was said.
    pub at: UnixMillis,
    /// Where.
    pub room: RoomCode,
    /// Its number there.
    pub seq: Seq,
}

impl Notice {
    /// Which it is.
    pub fn key(&self) -> NoticeKey {
        NoticeKey { at: self.at, room: self.room, seq: self.seq }
    }

    /// Where it was said, as one goes on after the name of its author.
    pub fn place(&self) -> String {
        match &self.channel {
            Some(title) => format!("in {} of {}", title.channel, title.workspace),
            None if self.direct => "to you".to_owned(),
            None => format!("in room {}", self.room.grouped()),
        }
    }
}

/// What the store can be asked about notifications.
#[derive(Debug)]
pub(crate) enum NoticeRequest {
    List { person: PersonId, before: Option<NoticeKey>, limit: u32, reply: Answer<Vec<Notice>> },
    Unseen { person: PersonId, except: Option<RoomCode>, reply: Answer<u64> },
    See { person: PersonId, upto: UnixMillis, reply: Answer<bool> },
    Hush { person: PersonId, room: RoomCode, quiet: bool, reply: Answer<bool> },
}

impl NoticeRequest {
    pub(super) fn writes(&self) -> bool {
        matches!(self, Self::See { .. } | Self::Hush { .. })
    }
}

impl Store {
    /// The messages that mention somebody in their rooms, but for the quiet ones, the newest first: the last `limit`, or those before one.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn notices(
        &self,
        person: PersonId,
        before: Option<NoticeKey>,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        self.ask(|reply| Request::Notice(NoticeRequest::List { person, before, limit, reply })).await
    }

    /// How many of these somebody has not seen, those in one room left out; counted up to 100.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn unseen(&self, person: PersonId, except: Option<RoomCode>) -> Result<u64, StoreError> {
        self.ask(|reply| Request::Notice(NoticeRequest::Unseen { person, except, reply })).await
    }

    /// Somebody has seen all of them up to this moment; whether that was new.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn see(&self, person: PersonId, upto: UnixMillis) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Notice(NoticeRequest::See { person, upto, reply })).await
    }

    /// Somebody wants no notifications from a room of theirs, or wants them again; whether it is one of theirs.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn hush(&self, person: PersonId, room: RoomCode, quiet: bool) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Notice(NoticeRequest::Hush { person, room, quiet, reply })).await
    }
}
