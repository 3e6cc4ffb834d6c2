//! Servers: one task, one mailbox, one typed message.

mod body;
mod bonds;
mod call;
mod context;
mod contract;
mod envelope;
mod line;
mod mailbox;
#[cfg(all(test, feature = "shuttle"))]
mod mailbox_model;
mod overflow;
mod queue;
mod reference;
mod reply;
mod serve;
mod state_machine;
mod timers;
mod watchdog;

pub(crate) use body::ServerBody;
pub use bonds::{Down, Exited, MonitorId};
pub(crate) use call::{current_task, is_current};
pub use context::Context;
pub use contract::{Failure, Flow, Init, Server};
pub(crate) use mailbox::Slot;
pub use overflow::{MailboxStats, Overflow};
pub use reference::ServerRef;
pub use reply::Reply;
pub use state_machine::StateMachine;
pub use timers::TimerId;
