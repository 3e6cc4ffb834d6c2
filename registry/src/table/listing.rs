//! An entry, written down.

use std::fmt;

use super::entry::{EntryRef, State};
use crate::error::NameState;
use crate::process::{ProcessId, RegistrationId};

/// One name, as it was when it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The name of its namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Who holds it.
    pub holder: ProcessId,
    /// Which registration it is.
    pub registration: RegistrationId,
    /// What it is doing.
    pub state: NameState,
    /// The name of its value's type.
    pub type_name: &'static str,
}

impl Listing {
    /// `None` for an entry that is not held any more.
    pub(crate) fn of(entry: &EntryRef) -> Option<Self> {
        let status = entry.status();
        let state = name_state(status.state)?;
        Some(Self {
            namespace: entry.scope().name().to_owned(),
            name: entry.name().to_owned(),
            holder: entry.owner_id(),
            registration: status.id,
            state,
            type_name: entry.cell().type_name(),
        })
    }

    /// Whether it is a service and not only a reserved name.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self.state, NameState::Ready | NameState::Draining)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {} {}", self.namespace, self.name, self.holder, self.state)
    }
}

/// `None` for [`State::Gone`].
pub(crate) fn name_state(state: State) -> Option<NameState> {
    match state {
        State::Starting => Some(NameState::Starting),
        State::Restarting => Some(NameState::Restarting),
        State::Draining => Some(NameState::Draining),
        State::Ready => Some(NameState::Ready),
        State::Gone => None,
    }
}
