//! What the chat is about, apart from how it is shown: codes, names, bodies, people, rooms.
//!
//! Everything here that decides is pure; each service has its `logic`, its `server` and, in its
//! `mod.rs`, the functions that hide processes and names from the callers.

pub mod account;
mod alarm;
mod attachment;
mod body;
pub mod buffer;
mod client_id;
mod code;
pub mod coordinator;
mod direct;
mod kind;
mod login;
mod mention;
mod message;
mod name;
pub mod notification;
pub(crate) mod patience;
mod people;
pub mod presence;
pub mod room;
pub mod search;
mod text;
pub mod upload;
mod visits;
pub mod workspace;

pub use attachment::{Attachment, FileId, FileName, MAX_FILE_NAME_CHARS};
pub use body::{Body, BodyError, MAX_BODY_BYTES};
pub use client_id::{ClientId, ClientIdError};
pub use code::{ALPHABET, CODE_LENGTH, CodeError, RoomCode};
pub use direct::AddressError;
pub(crate) use direct::addressed;
pub use kind::{ChannelOf, Pair, RoomKind};
pub use login::{LoginError, LoginName, MAX_LOGIN_CHARS, MIN_LOGIN_CHARS};
pub use mention::MAX_MENTIONS;
pub(crate) use mention::{mentioned, mentions};
pub use message::{Draft, Kind, Message, MessageState, Person, PersonId, Revision, Seq, UnixMillis};
pub use name::{DisplayName, MAX_NAME_CHARS, NameError};
pub use people::People;
#[cfg(feature = "tui")]
pub(crate) use text::{Fate, fate, is_visible};
pub(crate) use visits::VisitUpdate;
pub use visits::Visits;
