//! Which rooms are somebody's, and what they have read there.

use super::request::Request;
use super::{Store, StoreError};
use crate::domain::workspace::ChannelName;
use crate::domain::{DisplayName, Person, PersonId, RoomCode, Seq, UnixMillis};

/// How many of somebody's rooms are told of: those that became theirs last.
pub(super) const LISTED: u32 = 50;

/// How many people of a room are told of and can be mentioned: those who came last.
pub(super) const KNOWN: u32 = 1000;

/// How far mentions are counted.
pub(super) const COUNTED: u32 = 100;

/// What a channel is called, and the workspace that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTitle {
    /// The channel.
    pub channel: ChannelName,
    /// What its workspace is called.
    pub workspace: DisplayName,
}

/// One of somebody's rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which.
    pub room: RoomCode,
    /// What it is called, if it is a channel.
    pub channel: Option<ChannelTitle>,
    /// The number of the last message that they have read.
    pub read: Seq,
    /// The number of the last message there is.
    pub last: Seq,
    /// How many of those in between mention them, counted up to 100.
    pub mentions: u64,
    /// Whether they want no notifications from it.
    pub quiet: bool,
    /// With whom, by the name of now, if it is a room between two: themselves, if nobody else is in it.
    pub with: Option<Person>,
}

impl Visit {
    /// What the room is called by those who know it: its name if it has one, or else its code.
    pub fn title(&self) -> String {
        self.channel.as_ref().map_or_else(|| self.room.grouped(), |title| title.channel.to_string())
    }

    /// How many messages they have not read.
    pub fn unread(&self) -> u64 {
        self.last.0.saturating_sub(self.read.0)
    }
}

impl Store {
    /// Makes a room one of somebody's, with all read that there is; false if it was before, or is a channel of a workspace that they
    /// do not belong to.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn visit(&self, person: PersonId, room: RoomCode) -> Result<bool, StoreError> {
        let at = UnixMillis::now();
        self.ask(|reply| Request::Visit { person, room, at, reply }).await
    }

    /// Somebody has read a room of theirs up to this message; whether that was new.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn read(&self, person: PersonId, room: RoomCode, seq: Seq) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Read { person, room, seq, reply }).await
    }

    /// A room is no longer one of somebody's; whether it was.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn leave(&self, person: PersonId, room: RoomCode) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Leave { person, room, reply }).await
    }

    /// The rooms that became somebody's last, at most 50, in the order in which they did.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn visits(&self, person: PersonId) -> Result<Vec<Visit>, StoreError> {
        self.ask(|reply| Request::Visits { person, reply }).await
    }

    /// Whose room this is: those who came last, at most 1000.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as for everything here.
    pub async fn visitors(&self, room: RoomCode) -> Result<Vec<PersonId>, StoreError> {
        self.ask(|reply| Request::Visitors { room, reply }).await
    }
}

/// The title, from what the database has of it.
pub(super) fn title(
    channel: Option<&str>,
    workspace: Option<&str>,
) -> Result<Option<ChannelTitle>, Box<dyn std::error::Error + Send + Sync>> {
    let Some((channel, workspace)) = channel.zip(workspace) else { return Ok(None) };
    Ok(Some(ChannelTitle { channel: ChannelName::parse(channel)?, workspace: DisplayName::parse(workspace)? }))
}
