//! The rules of a room: plain data and functions, with no task, no clock and no channel in them.

mod changes;
mod log;
mod members;
mod outgoing;
mod typing;

pub(crate) use changes::Changes;
pub(crate) use log::{Applied, Gap, Log};
pub(crate) use members::{ConnectionId, MemberChange, Members};
pub(crate) use outgoing::{Offer, Outgoing};
pub(crate) use typing::Typing;
