//! Who is started again when a child ends.

use registry::ExitReason;

use super::machine::Key;

/// Which children get a new incarnation when one of them has to be restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// The one that ended, and no other.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// The one that ended, and those that were started after it.
    RestForOne,
}

/// Whether a child is restarted when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Only after an abnormal end: an error, a panic, a kill or a timeout. `Normal`, `Shutdown` and `ShutdownWith` are
    /// clean ([`ExitReason::is_clean`]); the child stays down and its spec is kept.
    Transient,
    /// Never. Its spec goes with it, and its siblings are left alone whatever the strategy.
    Temporary,
}

impl Strategy {
    /// Where a group restart begins when `victim` has to be restarted; `None` when only the victim is.
    pub(crate) const fn group(self, victim: Key) -> Option<Key> {
        match self {
            Self::OneForOne => None,
            Self::OneForAll => Some(Key::FIRST),
            Self::RestForOne => Some(victim),
        }
    }
}

impl Restart {
    /// Whether a child of this type that ended by itself for `reason` is started again.
    pub(crate) const fn after(self, reason: &ExitReason) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !reason.is_clean(),
            Self::Temporary => false,
        }
    }
}
