//! Hooks: what starts and stops is told to whoever listens in this program, and by the coordinator, a process of its own, to the
//! operator's programs.

mod backlog;
mod hook;
mod process;

pub use hook::{Hook, Hooks};
pub(crate) use process::Coordinator;
