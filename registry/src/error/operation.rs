//! The errors of the single operations.

use std::time::Duration;

use super::kind::{Category, Error, ErrorKind, Severity, answers};
use super::subject::{NameProblem, NameState, Subject, TopicProblem};
use crate::health::ScheduleProblem;
use crate::process::ProcessId;

/// An error of one operation: its cases with their kinds and texts, and what every error answers.
macro_rules! operation_error {
    (
        $(#[$doc:meta])* $name:ident {
            $( $(#[$case_doc:meta])*
               $case:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty ),* $(,)? } => [ $($text:tt)+ ] ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, thiserror::Error)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$case_doc])*
               #[error($($text)+)]
               #[non_exhaustive]
               $case {
                   /// Namespace and service.
                   at: Subject,
                   $( $(#[$field_doc])* $field: $type ),*
               } ),*
        }

        impl $name {
            /// Namespace and service.
            pub fn subject(&self) -> &Subject {
                match self { $( Self::$case { at, .. } => at ),* }
            }

            /// What went wrong.
            pub fn kind(&self) -> ErrorKind {
                match self { $( Self::$case { .. } => ErrorKind::$case ),* }
            }
        }

        answers!($name);

        impl From<$name> for Error {
            fn from(error: $name) -> Self {
                let at = error.subject().clone();
                Self::new(error.kind(), at.namespace(), at.service(), error)
            }
        }
    };
}

operation_error! {
    /// Why a lookup has no answer.
    LookupError {
        /// Nothing has this name.
        NotFound {} => ["no service {at:#}"],
        /// The name is reserved and its first incarnation is not ready yet: wait for it.
        Starting {} => ["service {at} is starting"],
        /// The name is reserved and its next incarnation is not ready yet: wait for it.
        Restarting {} => ["service {at} is restarting"],
        /// The service is on its way out and takes no new callers.
        Draining {} => ["service {at} is draining"],
        /// The service has another type: ask for the one it was registered with.
        TypeMismatch {
            /// The name of the type asked for.
            expected: &'static str,
            /// The name of the type registered.
            found: &'static str,
        } => ["service {at} is a `{found}`, not a `{expected}`"],
        /// The namespace was closed.
        NamespaceClosed {} => ["no service {at}: the namespace is closed"],
        /// The name itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: NameProblem,
        } => ["no service {at}: {problem}"],
    }
}

operation_error! {
    /// Why a wait ended without the service.
    WaitError {
        /// The service did not appear in time.
        Timeout {
            /// The time that was given.
            waited: Duration,
        } => ["service {at} did not appear within {waited:?}"],
        /// The service was there, and its monitors did not call it up in time.
        Unhealthy {
            /// The time that was given.
            waited: Duration,
        } => ["service {at} was not healthy within {waited:?}"],
        /// The service has another type: ask for the one it was registered with.
        TypeMismatch {
            /// The name of the type asked for.
            expected: &'static str,
            /// The name of the type registered.
            found: &'static str,
        } => ["service {at} is a `{found}`, not a `{expected}`"],
        /// The namespace was closed, before the wait or during it.
        NamespaceClosed {} => ["no service {at}: the namespace is closed"],
        /// The name itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: NameProblem,
        } => ["cannot wait for {at}: {problem}"],
    }
}

impl WaitError {
    /// The same, for a wait of several parts.
    pub(crate) fn waiting_since(self, whole: Duration) -> Self {
        match self {
            Self::Timeout { at, .. } => Self::Timeout { at, waited: whole },
            other => other,
        }
    }
}

operation_error! {
    /// Why a value was not updated. The closure did not run, or what it made was dropped.
    UpdateError {
        /// Nothing has this name.
        NotFound {} => ["cannot update {at}: there is no such service"],
        /// The name belongs to another process: only its holder updates it.
        NotOwner {
            /// Who holds it.
            holder: ProcessId,
        } => ["cannot update {at}: it belongs to {holder}"],
        /// The service has another type.
        TypeMismatch {
            /// The name of the type asked for.
            expected: &'static str,
            /// The name of the type registered.
            found: &'static str,
        } => ["cannot update {at}: it is a `{found}`, not a `{expected}`"],
    }
}

operation_error! {
    /// Why a service is not monitored.
    MonitorError {
        /// The schedule makes no sense.
        InvalidSchedule {
            /// What is wrong with it.
            problem: ScheduleProblem,
        } => ["cannot monitor {at}: {problem}"],
        /// The namespace was closed.
        NamespaceClosed {} => ["cannot monitor {at}: the namespace is closed"],
        /// The name itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: NameProblem,
        } => ["cannot monitor {at}: {problem}"],
    }
}

operation_error! {
    /// Why a registration was refused. [`RegisterError`](super::RegisterError) carries it together with the handle.
    RegisterRefusal {
        /// Somebody holds the name, perhaps the caller itself.
        Taken {
            /// Who holds it.
            holder: ProcessId,
            /// What the name is doing.
            state: NameState,
        } => ["name {at} is taken by {holder} ({state})"],
        /// The process that was to hold the name has ended.
        NotAlive {
            /// That process.
            process: ProcessId,
        } => ["cannot register {at}: process {process} has ended"],
        /// The name is the caller's, or a group's, with values of another type.
        TypeMismatch {
            /// The name of the type given.
            expected: &'static str,
            /// The name of the type registered.
            found: &'static str,
        } => ["cannot register {at} as a `{expected}`: it is a `{found}`"],
        /// The namespace was closed.
        NamespaceClosed {} => ["cannot register {at}: the namespace is closed"],
        /// The name itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: NameProblem,
        } => ["cannot register {at}: {problem}"],
    }
}

operation_error! {
    /// Why a name cannot be reserved.
    ReserveError {
        /// Somebody holds the name.
        Taken {
            /// Who holds it.
            holder: ProcessId,
            /// What the name is doing.
            state: NameState,
        } => ["name {at} is taken by {holder} ({state})"],
        /// The namespace was closed.
        NamespaceClosed {} => ["cannot reserve {at}: the namespace is closed"],
        /// The name itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: NameProblem,
        } => ["cannot reserve {at}: {problem}"],
    }
}

operation_error! {
    /// Why a name was not unregistered.
    UnregisterError {
        /// The name belongs to another process: only its holder frees it.
        NotOwner {
            /// Who holds it.
            holder: ProcessId,
        } => ["cannot unregister {at}: it belongs to {holder}"],
    }
}

operation_error! {
    /// Why a name was not handed on. Nothing was changed.
    TransferError {
        /// Nothing has this name.
        NotFound {} => ["cannot transfer {at}: there is no such service"],
        /// The name belongs to another process: only its holder hands it on.
        NotOwner {
            /// Who holds it.
            holder: ProcessId,
        } => ["cannot transfer {at}: it belongs to {holder}"],
        /// The process that was to get the name has ended.
        NotAlive {
            /// That process.
            process: ProcessId,
        } => ["cannot transfer {at}: process {process} has ended"],
    }
}

operation_error! {
    /// Why the members of a group could not be visited.
    GroupError {
        /// The members have values of another type: ask for the one they joined with.
        TypeMismatch {
            /// The name of the type asked for.
            expected: &'static str,
            /// The name of the type that they joined with.
            found: &'static str,
        } => ["the members of group {at} are `{found}`, not `{expected}`"],
        /// The namespace was closed.
        NamespaceClosed {} => ["no group {at}: the namespace is closed"],
        /// The name itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: NameProblem,
        } => ["no group {at}: {problem}"],
    }
}

operation_error! {
    /// Why a subscription was refused.
    SubscribeError {
        /// The topic has subscribers for messages of another type.
        TypeMismatch {
            /// The name of the type of messages asked for.
            expected: &'static str,
            /// The name of the type of messages it has.
            found: &'static str,
        } => ["topic {at} has messages of `{found}`, not of `{expected}`"],
        /// The namespace was closed.
        NamespaceClosed {} => ["cannot subscribe to {at}: the namespace is closed"],
        /// The pattern itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: TopicProblem,
        } => ["cannot subscribe to {at}: {problem}"],
    }
}

operation_error! {
    /// Why a message was not published. Nobody got it.
    PublishError {
        /// Some of the topic's subscribers wait for messages of another type.
        TypeMismatch {
            /// The name of the type of the message.
            expected: &'static str,
            /// The name of the type of messages that they wait for.
            found: &'static str,
        } => ["topic {at} has subscribers for `{found}`, not for `{expected}`"],
        /// The namespace was closed.
        NamespaceClosed {} => ["cannot publish to {at}: the namespace is closed"],
        /// The topic itself is not allowed.
        InvalidName {
            /// What is wrong with it.
            problem: TopicProblem,
        } => ["cannot publish to {at}: {problem}"],
    }
}

/// Why there is no such namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// The name is not allowed.
    #[error("no namespace `{}`: {problem}", .name.escape_debug())]
    #[non_exhaustive]
    InvalidName {
        /// The name, as asked for.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
}

impl NamespaceError {
    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidName { .. } => ErrorKind::InvalidName,
        }
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

impl From<NamespaceError> for Error {
    fn from(error: NamespaceError) -> Self {
        let NamespaceError::InvalidName { name, .. } = &error;
        let name = name.clone();
        Self::new(error.kind(), &name, "", error)
    }
}
