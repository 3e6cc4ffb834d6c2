//! Refused requests: one error for each operation, and one that all of them convert into.

mod kind;
mod operation;
mod refused;
mod subject;

pub use kind::{Category, Error, ErrorKind, Severity};
pub use operation::{
    GroupError, LookupError, MonitorError, NamespaceError, PublishError, RegisterRefusal, ReserveError, SubscribeError,
    TransferError, UnregisterError, UpdateError, WaitError,
};
pub use refused::{GetOrRegisterError, RegisterError};
pub(crate) use subject::{Directory, LONGEST_NAME};
pub use subject::{NameProblem, NameState, Subject, TopicProblem};
