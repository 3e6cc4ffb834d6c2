//! What a supervisor decides, apart from what it does: pure functions and state machines over a list of children, an event
//! and an instant. Nothing in here spawns, waits or reads a clock.

mod auto_shutdown;
mod backoff;
mod budget;
mod dependencies;
mod ending;
mod entry;
mod gate;
mod limit;
mod machine;
#[cfg(test)]
mod model;
mod overdue;
mod replace;
mod stop;
mod strategy;
mod sweep;

pub use auto_shutdown::AutoShutdown;
pub use backoff::Backoff;
pub(crate) use backoff::Retries;
pub(crate) use budget::{Budget, Window};
pub(crate) use dependencies::start_order;
pub(crate) use entry::{Policy, Standing};
pub(crate) use gate::{Gate, MAX_CONCURRENT_INITS};
pub(crate) use machine::{Action, Down, Ending, Key, Machine};
pub use stop::Shutdown;
pub(crate) use stop::{Stage, Step};
pub use strategy::{Restart, Strategy};
