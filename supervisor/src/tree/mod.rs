//! What a tree shows of itself: what it is (snapshots) and what happens in it (events).
//!
//! A supervisor of any kind is seen through [`Branch`], which its seat implements; everything else is told by the cores of
//! the children. Nothing here asks a loop or waits for one.

mod branch;
mod dot;
mod event;
mod family;
mod feed;
#[cfg(feature = "serde")]
mod json;
mod mermaid;
mod queue;
mod snapshot;
mod text;

pub(crate) use branch::{BATCH, Branch, adopt, plant};
pub use event::{Event, EventKind};
pub(crate) use family::Family;
pub(crate) use feed::Feed;
pub use queue::{Events, Lagged};
pub(crate) use snapshot::capture;
pub use snapshot::{ChildSnapshot, LastExit, MailboxDepth, RegisteredName, Snapshot, StateCount};
