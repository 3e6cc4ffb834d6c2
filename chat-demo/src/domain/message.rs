//! People and what they say.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Attachment, Body, ClientId, DisplayName};

/// The number of a message in its room: 1, 2, 3 … without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who somebody is to the others; it stays the same over visits and changes of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub i64);

/// Somebody who has given a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    /// Who it is.
    pub id: PersonId,
    /// What the others see.
    pub name: DisplayName,
}

/// Milliseconds since the beginning of 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The time on this machine's clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A message on its way to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who says it.
    pub author: Person,
    /// What its author's client calls it.
    pub client_id: ClientId,
    /// How it is meant.
    pub kind: Kind,
    /// What it says.
    pub body: Body,
    /// The file that comes with it.
    pub attachment: Option<Box<Attachment>>,
    /// When it reached the room.
    pub at: UnixMillis,
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Its author says it.
    #[default]
    Text,
    /// Its author does it: “Ada waves”.
    Action,
}

impl Draft {
    /// The message that this is once it has a number.
    pub fn numbered(self, seq: Seq) -> Message {
        let Self { author, client_id, kind, body, attachment, at } = self;
        Message {
            seq,
            author,
            client_id,
            kind,
            body,
            attachment,
            mentions: Vec::new(),
            at,
            revision: Revision::default(),
            state: MessageState::Said,
        }
    }
}

/// The number of a change in its room: 1, 2, 3 … for every message that is edited or deleted; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// What became of a message since it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageState {
    /// It is as it was said.
    Said,
    /// Its author has edited it.
    Edited,
    /// Its author has deleted it: its body is empty.
    Deleted,
}

impl MessageState {
    /// One word for what became of it, as pages and frames say it; nothing for a message that is as it was said.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Said => None,
            Self::Edited => Some("edited"),
            Self::Deleted => Some("deleted"),
        }
    }
}

/// A message that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the room.
    pub seq: Seq,
    /// Who said it, by the name of that time.
    pub author: Person,
    /// What its author's client calls it.
    pub client_id: ClientId,
    /// How it is meant.
    pub kind: Kind,
    /// What it says.
    pub body: Body,
    /// The file that came with it; a deleted message has none.
    pub attachment: Option<Box<Attachment>>,
    /// Whom it mentions, by the names that it says.
    pub mentions: Vec<Person>,
    /// When it reached the room.
    pub at: UnixMillis,
    /// The change by which it became what it is.
    pub revision: Revision,
    /// What became of it.
    pub state: MessageState,
}
