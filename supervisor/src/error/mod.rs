//! Refused requests. Exit reasons are data, and live with the children.

mod administration;
mod message;
mod replace;
mod resize;
mod start;

pub use administration::{DeleteChildError, NotRunning, RestartChildError, StartChildError, TerminateChildError};
pub use message::{CallError, SendError};
pub use replace::ReplaceChildSpecError;
pub(crate) use resize::MAX_PARTITIONS;
pub use resize::ResizeError;
pub use start::{StartError, StartFailure};
