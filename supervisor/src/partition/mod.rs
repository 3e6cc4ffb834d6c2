//! The supervisor of identical children, one of which each key belongs to.

mod plan;
mod reference;
mod resize;
mod routes;

pub use plan::PartitionSupervisor;
pub use reference::PartitionSupervisorRef;
