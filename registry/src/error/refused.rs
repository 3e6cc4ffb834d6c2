//! Errors that hand something back.

use std::error::Error as StdError;
use std::fmt;

use super::kind::{Category, Error, ErrorKind, Severity, answers};
use super::operation::{RegisterRefusal, WaitError};
use super::subject::{NameState, Subject};
use crate::process::ProcessId;

/// A refused registration: why, and the handle that was not registered.
pub struct RegisterError<T> {
    refusal: Box<RegisterRefusal>,
    handle: T,
}

impl<T> RegisterError<T> {
    pub(crate) fn new(refusal: RegisterRefusal, handle: T) -> Self {
        Self { refusal: Box::new(refusal), handle }
    }

    /// Why it was refused.
    pub fn refusal(&self) -> &RegisterRefusal {
        &self.refusal
    }

    /// Namespace and service.
    pub fn subject(&self) -> &Subject {
        self.refusal.subject()
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.refusal.kind()
    }

    /// Whether the name is this process's own by now.
    pub(crate) fn is_held_by(&self, process: ProcessId) -> bool {
        matches!(&*self.refusal, RegisterRefusal::Taken { holder, state: NameState::Ready | NameState::Draining, .. }
            if *holder == process)
    }

    /// The handle, to be used otherwise or registered again.
    pub fn into_handle(self) -> T {
        self.handle
    }

    /// The refusal without the handle, which is dropped.
    pub fn into_refusal(self) -> RegisterRefusal {
        *self.refusal
    }

    /// Both.
    pub fn into_parts(self) -> (RegisterRefusal, T) {
        (*self.refusal, self.handle)
    }
}

impl<T> fmt::Debug for RegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterError").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for RegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.refusal, f)
    }
}

impl<T> StdError for RegisterError<T> {}

impl<T> From<RegisterError<T>> for Error {
    fn from(error: RegisterError<T>) -> Self {
        error.into_refusal().into()
    }
}

/// Why get-or-register has no service to give.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GetOrRegisterError<E> {
    /// The factory of this caller failed. Of those who wait, one runs its own factory next.
    #[non_exhaustive]
    Factory {
        /// Namespace and service.
        at: Subject,
        /// What the factory failed with.
        error: E,
    },
    /// What the factory made could not be registered, and nobody else had registered either.
    Register(RegisterRefusal),
    /// The name cannot be waited for: closed namespace, wrong type, invalid name.
    Wait(WaitError),
}

impl<E> GetOrRegisterError<E> {
    /// Namespace and service.
    pub fn subject(&self) -> &Subject {
        match self {
            Self::Factory { at, .. } => at,
            Self::Register(refusal) => refusal.subject(),
            Self::Wait(error) => error.subject(),
        }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Factory { .. } => ErrorKind::Factory,
            Self::Register(refusal) => refusal.kind(),
            Self::Wait(error) => error.kind(),
        }
    }
}

impl<E> fmt::Display for GetOrRegisterError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factory { at, .. } => write!(f, "the factory of {at} failed"),
            Self::Register(refusal) => fmt::Display::fmt(refusal, f),
            Self::Wait(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<E: StdError + 'static> StdError for GetOrRegisterError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Factory { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<GetOrRegisterError<E>> for Error {
    fn from(error: GetOrRegisterError<E>) -> Self {
        match error {
            GetOrRegisterError::Register(refusal) => refusal.into(),
            GetOrRegisterError::Wait(error) => error.into(),
            GetOrRegisterError::Factory { .. } => {
                let at = error.subject().clone();
                Self::new(error.kind(), at.namespace(), at.service(), error)
            }
        }
    }
}

answers!(RegisterError<T>);
answers!(GetOrRegisterError<E>);
