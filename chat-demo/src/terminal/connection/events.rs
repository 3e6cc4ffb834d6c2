//! What happens to a connection, what is to be done then, and how it is.

use super::super::outbox::Ended;
use crate::web::socket::protocol::{ClientFrame, Past, ServerFrame};

/// What happens to a connection. All but the first belong to a try.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The past was asked for and has come, or not.
    Past(Result<Past<'static>, Trouble>),
    /// The socket is open.
    Opened,
    /// The server has said something.
    Frame(ServerFrame<'static>),
    /// The server has said something that cannot be understood.
    Nonsense,
    /// A sign of life.
    Alive,
    /// The socket is closed, by this code if the server has said one.
    Closed(Option<u16>, String),
    /// The socket could not be opened.
    Unopened(Trouble),
}

/// Why something that was asked of the server has not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server has answered by this status.
    Status(u16),
    /// The server has refused it in these words.
    Refused(String),
    /// It has not answered, for this reason.
    Network(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Ask for the newest page of the past.
    Fetch,
    /// Open a socket.
    Dial,
    /// Say this.
    Send(ClientFrame),
    /// Close the socket, or stop opening it.
    HangUp,
    /// Show the past in the place of all that was shown.
    Past(Past<'static>),
    /// Show what has happened.
    Show(ServerFrame<'static>),
    /// A wish has ended.
    Ended(Ended),
}

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Connecting {
        again: bool,
    },
    Live,
    /// It is tried again in so many seconds.
    Waiting {
        why: String,
        seconds: u64,
    },
    /// It is not tried again by itself.
    Over(Over),
}

/// Why no other try is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The session has ended, or there is none.
    Session,
    /// There is no such room.
    NoRoom,
    /// It was left.
    Left,
    /// For this reason, in words.
    Other(String),
}
