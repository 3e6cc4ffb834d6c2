//! Taking children down: asked, then aborted, then counted out.

use std::cmp::Reverse;

use registry::ExitReason;
use tokio::time::Instant;

use super::entry::{Standing, State};
use super::machine::{Action, Ending, Key, Machine, Phase};
use super::stop::{Stage, Step};
use super::sweep::Sweep;

impl Machine {
    /// Stops all children and ends, unless it is already at it; by then, if there is a limit.
    pub(crate) fn stop(&mut self, reason: ExitReason, limit: Option<Instant>, now: Instant) {
        if let Some(limit) = limit {
            self.bring_forward(limit);
        }
        if !self.is_stopping() {
            self.finish(Ending::Asked(reason));
            self.advance(now);
        }
    }

    /// Stops a child, whose spec stays unless it is temporary. `None` for an unknown child; `true` when it is down already.
    pub(crate) fn terminate(&mut self, key: Key, now: Instant) -> Option<bool> {
        let swept = self.sweep.is_some();
        let entry = self.children.get_mut(&key)?;
        entry.held = swept;
        match entry.state {
            State::Idle if entry.is_spent() => self.rest(key),
            State::Idle | State::Abandoned => {}
            State::Pending | State::Waiting | State::Gated => self.rest(key),
            State::Starting | State::Running => self.take_down(key, false, now),
            State::Stopping(_) => return Some(false),
            State::Overdue(stage) => {
                entry.state = State::Stopping(stage);
                return Some(false);
            }
        }
        self.advance(now);
        Some(!matches!(self.standing(key), Some(Standing::Stopping)))
    }

    pub(super) fn take_down(&mut self, key: Key, returns: bool, now: Instant) {
        let grace = self.grace;
        let Some(entry) = self.children.get_mut(&key) else { return };
        let limit = self.limit.filter(|_| !entry.policy.is_supervisor);
        let (stage, step) = Stage::begin(entry.policy.shutdown, limit, grace, now);
        entry.state = State::Stopping(stage);
        let generation = entry.generation;
        self.deadlines.extend(stage.deadline().map(|at| Reverse((at, key, generation))));
        self.actions.push(match step {
            Step::Ask => Action::Ask { key, returns },
            Step::Abort | Step::Abandon => Action::Abort { key, timed_out: false, returns },
        });
    }

    /// The time of a child for its stop, its start or its delay is over.
    pub(super) fn expire(&mut self, key: Key, generation: u32, now: Instant) {
        let grace = self.grace;
        let returns = self.sweep.is_some_and(|sweep| sweep.is_taking_down(key)) && !self.is_stopping();
        let Some(entry) = self.children.get_mut(&key).filter(|entry| entry.generation == generation) else { return };
        let stage = match entry.state {
            State::Stopping(stage) => stage,
            State::Starting | State::Overdue(_) => return self.expire_start(key, now),
            // Not when its last start would have been late.
            State::Waiting if entry.due().is_some_and(|due| due <= now) => return self.restart_in_turn(key, now),
            _ => return,
        };
        let Some((stage, step)) = stage.next(grace, now) else { return };
        entry.state = State::Stopping(stage);
        if step == Step::Abandon {
            entry.state = State::Abandoned;
            self.actions.push(Action::Abandon { key });
            self.rest(key);
            self.leave_gate(key, generation, now);
        } else {
            self.deadlines.extend(stage.deadline().map(|at| Reverse((at, key, generation))));
            self.actions.push(Action::Abort { key, timed_out: true, returns });
        }
    }

    /// Whether a sweep, or the end, takes this child down.
    pub(super) fn is_swept(&self, key: Key) -> bool {
        matches!(self.phase, Phase::Stopping(_)) || self.sweep.is_some_and(|sweep| sweep.is_taking_down(key))
    }

    pub(super) fn finish(&mut self, ending: Ending) {
        self.phase = Phase::Stopping(ending);
        self.sweep = Some(Sweep::down(Key::FIRST));
        let waiting = self.children.iter().filter(|(_, entry)| matches!(entry.state, State::Waiting | State::Gated));
        for key in waiting.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.rest(key);
        }
    }
}
