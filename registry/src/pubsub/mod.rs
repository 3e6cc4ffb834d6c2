//! Publishing to topics, within one program.
//!
//! A subscription is a member of a group: of the one of its topic, or, with wildcards, of the one of the segments before
//! the first wildcard. A message is dispatched to the group of its topic and to those of what the topic begins with.

mod bus;
mod delivery;
mod queue;
mod subscription;
mod topic;

#[cfg(all(test, feature = "shuttle"))]
mod model;

pub use bus::PubSub;
pub use delivery::Published;
pub use queue::Overflow;
pub use subscription::{RecvError, Subscription};
