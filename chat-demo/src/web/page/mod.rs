//! What is shown: complete pages that can be read, and used, without a script.

mod account;
mod body;
mod calendar;
mod home;
mod layout;
mod notice;
mod notifications;
mod room;
mod search;
mod visits;
mod workspace;

pub(crate) use account::{account, log_in, register};
pub(crate) use home::home;
#[cfg(feature = "email")]
pub(crate) use notice::one_button;
pub(crate) use notice::{malformed_code, notice, reserved_code, sentence, unknown_room};
pub(crate) use notifications::{NoticesView, Settings, notification_settings, notifications};
pub(crate) use room::{Reply, RoomView, room};
pub(crate) use search::{SearchView, search};
pub(crate) use workspace::{Outcome, WorkspaceView, invitation, unknown_channel, workspace};
