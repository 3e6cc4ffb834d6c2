//! The supervisor of children that come and go.

mod ending;
mod engine;
mod flight;
mod plan;
mod reference;
mod start;
mod starter;
mod state;

pub use plan::DynamicSupervisor;
pub use reference::DynamicSupervisorRef;
