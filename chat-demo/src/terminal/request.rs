//! What is asked of the server beside the sockets, and what it answers.

use super::connection::Trouble;
use crate::domain::{RoomCode, Seq, UnixMillis};
use crate::web::socket::protocol::{FoundPage, NoticePage, Past, Team};

/// A question, or something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The messages before this one.
    Earlier(RoomCode, Seq),
    /// Those around it.
    Around(RoomCode, Seq),
    /// The room is no longer one of theirs.
    Leave(RoomCode),
    /// Make the room of this code.
    Create(RoomCode),
    /// Which messages have these words, in one room or in all of theirs; before a place that an answer gave.
    Search(Option<RoomCode>, String, Option<u64>),
    /// What mentions them; before that of a moment, a room and a number.
    Notices(Option<(UnixMillis, String, Seq)>),
    /// They have seen all of that up to this moment.
    See(UnixMillis),
    /// No notifications from this room, or again.
    Quiet(RoomCode, bool),
    /// Make a room, of whatever code.
    NewRoom,
    /// Who and what is in a workspace.
    Team(String),
    /// Belong to it, under this name.
    JoinTeam(String, String),
    /// Belong to it no more.
    LeaveTeam(String),
    /// Make one that is called this, under this name.
    NewTeam(String, String),
    /// Open the channel of this name in a workspace, or make it.
    OpenChannel(String, String),
    /// Tell all who are in a channel of a workspace.
    Announce(String, String),
}

/// What was answered to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It is done, and led to this path.
    Done(String),
    /// It is done, in words.
    Said(String),
    Team(Team<'static>),
    Past(Past<'static>),
    Found(FoundPage<'static>),
    Notices(NoticePage<'static>),
}

impl Answer {
    /// The last part of the path that it led to, if that is a code.
    pub(crate) fn code<T: std::str::FromStr>(&self) -> Option<T> {
        match self {
            Self::Done(path) => path.rsplit('/').next()?.parse().ok(),
            _ => None,
        }
    }
}

impl Trouble {
    /// What is said of it: `what` could not be done.
    pub(crate) fn said(&self, what: &str) -> String {
        match self {
            Self::Refused(text) => text.clone(),
            Self::Status(401) => format!("{what}: your session has ended"),
            Self::Status(404) => format!("{what}: there is none, or not for you"),
            Self::Status(429) => format!("{what}: you are doing much at once, wait a moment"),
            Self::Status(status) => format!("{what}: the server answers {status}. Please try again"),
            Self::Network(why) => format!("{what}: {why}"),
        }
    }
}
