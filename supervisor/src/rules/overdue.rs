//! Starts that fail, and those that are made to because they take too long.

use std::cmp::Reverse;

use registry::ExitReason;
use tokio::time::Instant;

use super::entry::State;
use super::machine::{Action, Ending, Key, Machine};
use super::stop::{Shutdown, Stage, Step};

impl Machine {
    /// An incarnation did not come up, for this reason.
    pub(super) fn fail(&mut self, key: Key, reason: ExitReason, now: Instant) {
        let Some(entry) = self.children.get(&key) else { return };
        if entry.by_hand || entry.state == State::Abandoned && self.is_swept(key) {
            self.rest(key);
        } else if self.is_swept(key) {
            self.pause(key);
        } else if !entry.seasoned && self.is_booting() {
            self.actions.push(Action::Rested { key });
            self.finish(Ending::Boot(key));
        } else if entry.state == State::Abandoned {
            // What cannot be killed cannot be replaced: the parent has to deal with it.
            self.finish(Ending::Meltdown { key, cause: reason });
        } else {
            self.trouble(key, reason, now);
        }
    }

    /// The time for the start is over, or that for its end after it.
    pub(super) fn expire_start(&mut self, key: Key, now: Instant) {
        let (grace, kept, booting) = (self.grace, !self.is_swept(key), self.is_booting());
        let Some(entry) = self.children.get_mut(&key) else { return };
        let returns = kept && !entry.by_hand && (entry.seasoned || !booting);
        let (stage, step) = match entry.state {
            State::Starting if entry.policy.is_supervisor => Stage::begin(entry.policy.shutdown, None, grace, now),
            State::Starting => Stage::begin(Shutdown::BrutalKill, None, grace, now),
            State::Overdue(stage) => match stage.next(grace, now) {
                Some(next) => next,
                None => return,
            },
            _ => return,
        };
        if step == Step::Abandon {
            entry.state = State::Abandoned;
            self.actions.push(Action::Abandon { key });
            let generation = entry.generation;
            self.fail(key, ExitReason::Abandoned, now);
            return self.leave_gate(key, generation, now);
        }
        entry.state = State::Overdue(stage);
        let generation = entry.generation;
        self.deadlines.extend(stage.deadline().map(|at| Reverse((at, key, generation))));
        self.actions.push(Action::Overdue { key, ask: step == Step::Ask, returns });
    }
}
