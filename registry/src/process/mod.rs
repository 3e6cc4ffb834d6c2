//! Processes: who an entry belongs to, how long they live and why they ended.

mod bonds;
#[cfg(all(test, feature = "shuttle"))]
mod bonds_model;
mod exit;
mod identity;
mod life;
mod names;
mod panic;
mod spawn;

pub use bonds::ExitMonitor;
pub use exit::{ExitReason, IntoExitReason};
pub(crate) use identity::Sequence;
pub use identity::{MembershipId, ProcessId, RegistrationId};
pub use life::{Process, ProcessRef};
pub(crate) use names::Held;
pub use panic::{Panic, catch_panic};
pub(crate) use panic::{catch, contain, discard_payload};
pub use spawn::spawn;
