//! What all errors have in common.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, over all operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing has this name.
    NotFound,
    /// The name is reserved and its first incarnation is not ready yet.
    Starting,
    /// The name is reserved and its next incarnation is not ready yet.
    Restarting,
    /// The service is on its way out.
    Draining,
    /// The service has another type than was asked for.
    TypeMismatch,
    /// The namespace was closed.
    NamespaceClosed,
    /// The name itself is not allowed.
    InvalidName,
    /// Somebody else holds the name.
    Taken,
    /// The process that was to hold the name has ended.
    NotAlive,
    /// The name belongs to another process.
    NotOwner,
    /// The time given for it ran out.
    Timeout,
    /// The service is there, and its monitors do not call it up.
    Unhealthy,
    /// The schedule of a monitor makes no sense.
    InvalidSchedule,
    /// The factory of a service failed.
    Factory,
}

/// Which part of the program an error points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// What was asked for is not there, or not yet.
    Discovery,
    /// Somebody else has it.
    Ownership,
    /// Something has ended, or is ending.
    Lifecycle,
    /// The request itself is wrong and will be the next time.
    Input,
}

/// How loud to be about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Part of normal work: starts, restarts, races.
    Low,
    /// Something that should be there is not.
    Medium,
    /// A mistake in the program.
    High,
}

impl ErrorKind {
    /// Which part of the program it points to.
    pub const fn category(self) -> Category {
        match self {
            Self::NotFound | Self::Starting | Self::Restarting | Self::Timeout => Category::Discovery,
            Self::Taken | Self::NotOwner => Category::Ownership,
            Self::NamespaceClosed | Self::NotAlive | Self::Draining | Self::Factory | Self::Unhealthy => {
                Category::Lifecycle
            }
            Self::InvalidName | Self::TypeMismatch | Self::InvalidSchedule => Category::Input,
        }
    }

    /// How loud to be about it.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Starting | Self::Restarting | Self::Draining | Self::Taken => Severity::Low,
            Self::NotFound
            | Self::Timeout
            | Self::NamespaceClosed
            | Self::NotAlive
            | Self::Factory
            | Self::Unhealthy => Severity::Medium,
            Self::InvalidName | Self::TypeMismatch | Self::NotOwner | Self::InvalidSchedule => Severity::High,
        }
    }

    /// Whether the same request can succeed a little later with nothing done about it.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Starting | Self::Restarting | Self::Draining | Self::Timeout | Self::Unhealthy)
    }
}

/// Any error of this crate: for callers who pass on errors of several operations.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    namespace: String,
    service: String,
    source: Box<dyn StdError + Send + Sync>,
}

impl Error {
    pub(super) fn new(
        kind: ErrorKind,
        namespace: &str,
        service: &str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, namespace: namespace.to_owned(), service: service.to_owned(), source: source.into() }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the service; empty when the error is about a namespace.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Which part of the program it points to.
    pub fn category(&self) -> Category {
        self.kind.category()
    }

    /// How loud to be about it.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// Whether the same request can succeed a little later with nothing done about it.
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

/// The text of the operation's own error, which [`source`](StdError::source) hands out.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// What every error answers that has a kind and a subject.
macro_rules! answers {
    ($name:ident $(<$parameter:ident>)?) => {
        impl$(<$parameter>)? $name$(<$parameter>)? {
            /// The name of the namespace.
            pub fn namespace(&self) -> &str {
                self.subject().namespace()
            }

            /// The name of the service.
            pub fn service(&self) -> &str {
                self.subject().service()
            }

            /// Which part of the program it points to.
            pub fn category(&self) -> Category {
                self.kind().category()
            }

            /// How loud to be about it.
            pub fn severity(&self) -> Severity {
                self.kind().severity()
            }

            /// Whether the same request can succeed a little later with nothing done about it.
            pub fn is_retryable(&self) -> bool {
                self.kind().is_retryable()
            }
        }
    };
}

pub(super) use answers;
