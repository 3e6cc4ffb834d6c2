//! The supervisor of tasks that give a result.

mod exit;
mod handle;
mod link;
mod once;
mod plan;
mod reference;
mod stream;

pub use exit::TaskExit;
pub use handle::TaskHandle;
pub use link::Owner;
pub use plan::TaskSupervisor;
pub use reference::TaskSupervisorRef;
pub use stream::{OnTimeout, TaskStream};
