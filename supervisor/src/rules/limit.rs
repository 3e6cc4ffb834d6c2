//! When the stop of the whole tree has to be over.

use std::cmp::Reverse;

use tokio::time::Instant;

use super::entry::State;
use super::machine::{Action, Machine};

impl Machine {
    /// When the stop has to be over, if that is limited. Supervisors among the children are to be told: they see to it
    /// themselves.
    pub(crate) const fn limit(&self) -> Option<Instant> {
        self.limit
    }

    /// The stop has to be over by then, also for those that are at it already.
    pub(super) fn bring_forward(&mut self, limit: Instant) {
        if self.limit.is_some_and(|before| before <= limit) {
            return;
        }
        self.limit = Some(limit);
        for (&key, entry) in &mut self.children {
            let (State::Stopping(stage) | State::Overdue(stage)) = entry.state else { continue };
            if entry.policy.is_supervisor {
                self.actions.push(Action::Ask { key, returns: false });
            } else if let Some(stage) = stage.bring_forward(limit) {
                entry.state = match entry.state {
                    State::Overdue(_) => State::Overdue(stage),
                    _ => State::Stopping(stage),
                };
                self.deadlines.push(Reverse((limit, key, entry.generation)));
            }
        }
    }
}
