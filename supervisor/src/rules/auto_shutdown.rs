//! A supervisor that ends when what it is there for has ended.

use registry::ExitReason;

use super::entry::State;
use super::machine::{Ending, Machine};

/// Whether a supervisor ends when its significant children have, as in OTP 24 and later.
///
/// It then stops its other children in reverse order and ends as [`Shutdown`](ExitReason::Shutdown): a parent restarts it when it
/// is permanent, and not when it is transient or temporary.
///
/// What counts is the end of a [significant](crate::ChildSpec::significant) child by itself that no restart follows: a
/// temporary one that ends, a transient one that ends cleanly. One that is stopped by its supervisor or terminated by a
/// caller, whose init asks to be left out, or that does not come up does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// No child is significant.
    #[default]
    Never,
    /// It ends with the first significant child that does.
    AnySignificant,
    /// It ends with the last significant child: when one does and no other is up or about to be.
    AllSignificant,
}

impl Machine {
    pub(crate) fn with_auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// A significant child has ended by itself, and stays down.
    pub(super) fn lose_significant(&mut self) {
        if self.is_booting() {
            // A start is first brought to its end.
            self.lost_significant = true;
            return;
        }
        let over = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self.has_significant(),
        };
        if over && !self.is_stopping() {
            self.finish(Ending::Asked(ExitReason::Shutdown));
        }
    }

    /// Whether a significant child is up, or will be without anybody's doing.
    fn has_significant(&self) -> bool {
        self.children.iter().any(|(&key, entry)| {
            let returns = self.sweep.is_some_and(|sweep| sweep.is_taking_down(key)) && !entry.held;
            entry.policy.significant
                && match entry.state {
                    State::Idle => returns,
                    State::Abandoned => false,
                    _ => true,
                }
        })
    }
}
