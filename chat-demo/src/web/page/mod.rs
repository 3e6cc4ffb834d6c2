//! What is shown: complete pages that can be read, and used, without a script.

mod calendar;
mod home;
mod layout;
mod notice;
mod room;

pub(crate) use home::home;
pub(crate) use notice::{malformed_code, notice, sentence, unknown_room};
pub(crate) use room::{RoomView, room};
