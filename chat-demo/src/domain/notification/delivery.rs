//! What goes out, and by which way.

use std::fmt;

use crate::domain::{PersonId, RoomCode, Seq, UnixMillis};

/// How a notification leaves the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Way {
    /// A mail.
    Email,
    /// A signed POST to an address that a person has given.
    Webhook,
    /// A message of the browser's push service.
    Push,
    /// A signed POST to an address that the operator has given.
    Hook,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Email, Self::Webhook, Self::Push, Self::Hook];

    /// Its name in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Push => "push",
            Self::Hook => "hook",
        }
    }

    /// The way of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What goes out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// Somebody waits for it.
    Urgent,
    /// As most things.
    Normal,
    /// When nothing else is to be done.
    Low,
}

impl Priority {
    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    pub(crate) fn of(code: i16) -> Self {
        match code {
            0 => Self::Urgent,
            1 => Self::Normal,
            _ => Self::Low,
        }
    }
}

/// A notification that is to go out, before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// What the receiver can know it by when it comes twice. Storing it twice is storing it once.
    pub id: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How it leaves.
    pub way: Way,
    /// The number of the setting that it goes by; none for the operator's.
    pub target: Option<i64>,
    /// Where it goes; empty if the setting says so.
    pub address: String,
    /// What it says; empty if that is to be made when it leaves.
    pub payload: String,
}

/// A notification that waits to go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in the order in which they came.
    pub number: i64,
    /// The message that it tells of, and to whom; none if it tells of something else.
    pub mention: Option<(PersonId, RoomCode, Seq)>,
    /// When it came.
    pub created_at: UnixMillis,
    /// Before that it is not to be tried.
    pub due_at: UnixMillis,
    /// How often it was tried.
    pub tries: u32,
    /// Everything else.
    pub new: NewDelivery,
}

/// A notification that did not arrive, and is not tried again unless the operator says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub number: i64,
    /// What the receiver would have known it by.
    pub id: String,
    /// How it was to leave.
    pub way: Way,
    /// Since when it is not tried any more.
    pub dead_at: UnixMillis,
    /// How often it was tried.
    pub tries: u32,
    /// Why it did not arrive.
    pub error: String,
}

/// A way by which somebody wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaySetting {
    /// Its number.
    pub number: i64,
    /// Whose it is.
    pub person: PersonId,
    /// Which way.
    pub way: Way,
    /// Where it leads: a mail address, or a URL.
    pub address: String,
    /// What else the way needs, as JSON.
    pub details: String,
    /// Whether it is known to be theirs.
    pub confirmed: bool,
    /// Whether they want it now.
    pub enabled: bool,
}
