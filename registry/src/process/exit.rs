//! Why a process ended.

use std::fmt;
use std::sync::Arc;

use super::identity::ProcessId;
use super::panic::Panic;

/// Why a process ended. Data, not an error: the end of a process is nobody's refused request.
///
/// The reasons are those of Erlang/OTP (`normal`, `shutdown`, `{shutdown, Term}`, an error term, `killed`), with what a
/// tokio program has besides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReason {
    /// It had done its work.
    Normal,
    /// It was asked to stop, and did.
    Shutdown,
    /// It stopped in order, and says why.
    ShutdownWith(Arc<str>),
    /// It gave up with this error.
    Error(Arc<str>),
    /// It panicked.
    Panic(Panic),
    /// It was ended from outside: its task aborted, its future or its [`Process`](super::Process) dropped.
    Killed,
    /// It did not stop within the time it had, and was aborted.
    Timeout,
    /// It did not stop even when aborted: its thread never came back to the runtime.
    Abandoned,
}

impl ExitReason {
    /// An [`Error`](Self::Error) with the text of `error`.
    pub fn error(error: impl fmt::Display) -> Self {
        Self::Error(error.to_string().into())
    }

    /// A [`ShutdownWith`](Self::ShutdownWith) with this reason.
    pub fn shutdown_with(reason: impl Into<Arc<str>>) -> Self {
        Self::ShutdownWith(reason.into())
    }

    /// Why a process ended that was [linked](crate::ProcessRef::link) with one that ended for `reason`: an
    /// [`Error`](Self::Error) that says whose end it was.
    pub fn of_linked(process: ProcessId, reason: &Self) -> Self {
        Self::error(format_args!("linked process {process} ended: {reason}"))
    }

    /// Whether a transient child stays down after it (OTP: `normal`, `shutdown` and `{shutdown, _}`).
    pub const fn is_clean(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }

    /// The value of the metric label `reason`: one of seven words.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown | Self::ShutdownWith(_) => "shutdown",
            Self::Error(_) => "error",
            Self::Panic(_) => "panic",
            Self::Killed => "killed",
            Self::Timeout => "timeout",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShutdownWith(reason) => write!(f, "shutdown: {reason}"),
            Self::Error(error) => write!(f, "error: {error}"),
            Self::Panic(panic) => write!(f, "panic: {panic}"),
            other => f.write_str(other.as_str()),
        }
    }
}

/// What a task may return, and the exit reason that it stands for.
pub trait IntoExitReason {
    /// The reason to record.
    fn into_exit_reason(self) -> ExitReason;
}

impl IntoExitReason for () {
    fn into_exit_reason(self) -> ExitReason {
        ExitReason::Normal
    }
}

impl IntoExitReason for ExitReason {
    fn into_exit_reason(self) -> ExitReason {
        self
    }
}

impl<T: IntoExitReason, E: fmt::Display> IntoExitReason for Result<T, E> {
    fn into_exit_reason(self) -> ExitReason {
        match self {
            Ok(value) => value.into_exit_reason(),
            Err(error) => ExitReason::error(error),
        }
    }
}
