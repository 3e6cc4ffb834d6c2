//! The supervisor of a fixed list of children.

mod answer;
mod command;
mod deadlock;
mod effects;
mod engine;
mod info;
mod order;
mod plan;
mod reference;
mod replace;
mod root;
mod roster;
mod shared;
mod starter;
mod subtree;

pub use info::{ChildCount, ChildInfo, ChildSpecInfo, ChildState};
pub use plan::Supervisor;
pub use reference::SupervisorRef;
pub use root::Tree;
pub(crate) use root::start;
pub(crate) use roster::Roster;
pub use subtree::Subtree;
pub(crate) use subtree::sealed;
