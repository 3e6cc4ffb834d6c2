//! The code by which people come into a workspace.

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use crate::domain::{CodeError, RoomCode};

/// The name of a workspace, and what invites into it: written, drawn and read aloud as that of a room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceCode(RoomCode);

impl WorkspaceCode {
    /// A code drawn at random.
    pub fn random(rng: &mut impl Rng) -> Self {
        Self(RoomCode::random(rng))
    }

    /// The code in its canonical form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The code in two groups of four, as it is shown and read aloud.
    pub fn grouped(&self) -> String {
        self.0.grouped()
    }
}

impl FromStr for WorkspaceCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for WorkspaceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WorkspaceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkspaceCode({self})")
    }
}
