//! Taking children down in reverse order and up in order, one at a time.

use registry::ExitReason;
use tokio::time::Instant;

use super::entry::State;
use super::machine::{Action, Ending, Key, Machine, Phase};
use super::strategy::Strategy;

/// A pass over all children from a key on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    from: Key,
    direction: Direction,
    /// Where it has come to: everything beyond, in its direction, is done.
    cursor: Key,
    /// The child whose init it waits for.
    current: Option<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Down,
    Up,
}

impl Sweep {
    pub(super) const fn up(from: Key) -> Self {
        Self { from, direction: Direction::Up, cursor: from, current: None }
    }

    pub(super) const fn down(from: Key) -> Self {
        Self { from, direction: Direction::Down, cursor: Key(u64::MAX), current: None }
    }

    pub(super) const fn from(self) -> Key {
        self.from
    }

    /// The child whose init it waits for, or has waited for last.
    pub(super) const fn current(self) -> Option<Key> {
        self.current
    }

    /// Whether this child is to be down before the sweep goes on.
    pub(super) fn is_taking_down(self, key: Key) -> bool {
        self.direction == Direction::Down && self.from <= key
    }
}

impl Machine {
    /// Carries the sweep on as far as it gets without waiting.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(sweep) = self.sweep {
            let goes_on = match sweep.direction {
                Direction::Down => self.sweep_down(sweep, now),
                Direction::Up => self.sweep_up(sweep, now),
            };
            if !goes_on {
                break;
            }
        }
        self.release(now);
    }

    fn sweep_down(&mut self, sweep: Sweep, now: Instant) -> bool {
        let mut rest = self.children.range(sweep.from..=sweep.cursor).rev();
        let last = rest.find(|(_, entry)| entry.state.is_alive());
        let Some((&key, entry)) = last else { return self.turn(sweep) };
        if matches!(entry.state, State::Starting | State::Running) {
            let returns = !self.is_stopping();
            self.take_down(key, returns, now);
        }
        self.sweep = Some(Sweep { cursor: key, ..sweep });
        false
    }

    /// All of them are down.
    fn turn(&mut self, sweep: Sweep) -> bool {
        if let Phase::Stopping(ending) = &self.phase {
            self.actions.push(Action::Finished(ending.clone()));
            self.phase = Phase::Done;
            self.sweep = None;
            return false;
        }
        // Down before it was made temporary: it is removed as one that is taken down is.
        let spent = self.children.range(sweep.from..).filter(|(_, entry)| entry.is_spent());
        for key in spent.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.delete(key);
        }
        for entry in self.children.range_mut(sweep.from..).map(|(_, entry)| entry) {
            if entry.state == State::Gated || (entry.state == State::Idle && !entry.held) {
                entry.state = State::Pending;
            }
        }
        self.sweep = Some(Sweep::up(sweep.from));
        true
    }

    /// Whether this child has to wait for a delay: its own, or with all for one, that of any.
    fn is_held_back(&self, sweep: Sweep, key: Key, now: Instant) -> bool {
        let last = match self.strategy {
            // Once one of them has come up, the delay is over.
            Strategy::OneForAll if sweep.current.is_none() => self.children.last_key_value().map(|(&key, _)| key),
            _ => None,
        };
        let mut delayed = self.children.range(key..=last.unwrap_or(key)).map(|(_, entry)| entry);
        delayed.any(|entry| entry.due().is_some_and(|due| due > now))
    }

    fn sweep_up(&mut self, sweep: Sweep, now: Instant) -> bool {
        let next = self.children.range(sweep.cursor..).find(|&(&key, entry)| match entry.state {
            State::Pending => true,
            State::Starting | State::Stopping(_) | State::Overdue(_) => sweep.current == Some(key),
            State::Abandoned => !entry.held,
            State::Idle | State::Waiting | State::Gated | State::Running => false,
        });
        let Some((&key, entry)) = next else {
            self.sweep = None;
            self.children.range_mut(sweep.from..).for_each(|(_, entry)| entry.held = false);
            if self.phase == Phase::Booting {
                self.phase = Phase::Running;
                self.actions.push(Action::Booted);
                if self.lost_significant {
                    self.lose_significant();
                    return true;
                }
            }
            return false;
        };
        match entry.state {
            State::Pending if self.is_held_back(sweep, key, now) || self.has_to_wait(key) => false,
            State::Pending => {
                self.sweep = Some(Sweep { cursor: key, current: Some(key), ..sweep });
                self.start(key, now);
                false
            }
            // What cannot be killed cannot be replaced: the parent has to deal with it.
            State::Abandoned => {
                self.finish(Ending::Meltdown { key, cause: ExitReason::Abandoned });
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use registry::ExitReason;
    use tokio::time::Instant;

    use crate::rules::{Action, Budget, Down, Ending, Machine, Policy, Restart, Shutdown, Strategy};

    #[test]
    fn s5_3_a_group_with_a_child_that_cannot_be_killed_gives_up_at_once_whatever_is_left_of_the_budget() {
        let (now, grace) = (Instant::now(), Duration::from_secs(1));
        let budget = Budget { max: 100, within: Duration::from_secs(60) };
        let mut machine = Machine::new(Strategy::OneForAll, budget, grace, 1);
        let (restart, shutdown) = (Restart::Permanent, Shutdown::BrutalKill);
        let policy =
            Policy { restart, shutdown, backoff: None, start_timeout: None, is_supervisor: false, significant: false };
        let (a, b) = (machine.add(policy), machine.add(policy));
        machine.boot(now);
        machine.up(a, 1, now);
        machine.up(b, 1, now);
        machine.down(a, 1, Down::Exited(ExitReason::Killed), now);
        assert!(machine.take_actions().contains(&Action::Restarting { key: a, cause: ExitReason::Killed }));

        machine.tick(now + grace);
        machine.up(a, 2, now + grace);
        machine.down(a, 2, Down::Exited(ExitReason::Killed), now + grace);
        let actions = machine.take_actions();
        let ending = Ending::Meltdown { key: b, cause: ExitReason::Abandoned };
        assert!(actions.contains(&Action::Abandon { key: b }), "{actions:?}");
        assert_eq!(actions.last(), Some(&Action::Finished(ending)), "{actions:?}");
        assert!(!actions.iter().any(|action| matches!(action, Action::Restarting { .. })), "{actions:?}");
    }
}
