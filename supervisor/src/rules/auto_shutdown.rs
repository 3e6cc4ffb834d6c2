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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::rules::{Budget, Down, Key, Policy, Restart, Shutdown, Standing, Strategy};

    const SECOND: Duration = Duration::from_secs(1);

    /// The first and the third are significant; all of them are up, and the third has done its work.
    fn rest_for_one(now: Instant) -> (Machine, [Key; 4]) {
        let machine = Machine::new(Strategy::RestForOne, Budget { max: 9, within: SECOND }, SECOND, 9);
        let mut machine = machine.with_auto_shutdown(AutoShutdown::AllSignificant);
        let keys = std::array::from_fn(|at| {
            let significant = at % 2 == 0;
            let restart = if significant { Restart::Transient } else { Restart::Permanent };
            let shutdown = Shutdown::BrutalKill;
            machine.add(Policy {
                restart,
                shutdown,
                backoff: None,
                start_timeout: None,
                is_supervisor: false,
                significant,
            })
        });
        machine.boot(now);
        keys.into_iter().for_each(|key| machine.up(key, 1, now));
        (machine, keys)
    }

    fn end(machine: &mut Machine, key: Key, reason: ExitReason, now: Instant) {
        machine.down(key, 1, Down::Exited(reason), now);
    }

    #[test]
    fn s7_4_one_that_is_down_and_comes_back_with_its_group_keeps_the_supervisor_up() {
        for held in [false, true] {
            let now = Instant::now();
            let (mut machine, [first, second, third, fourth]) = rest_for_one(now);
            end(&mut machine, third, ExitReason::Normal, now);
            assert!(!machine.is_stopping(), "the first is up");
            // The group goes down, and the fourth takes its time.
            end(&mut machine, second, ExitReason::Killed, now);
            assert_eq!(machine.standing(fourth), Some(Standing::Stopping));
            if held {
                assert_eq!(machine.terminate(third, now), Some(true), "so it does not come back");
            }
            end(&mut machine, first, ExitReason::Normal, now);
            assert_eq!(machine.is_stopping(), held);
        }
    }

    #[test]
    fn s7_4_one_that_was_left_behind_does_not_keep_the_supervisor_up() {
        let now = Instant::now();
        let (mut machine, [first, _, third, _]) = rest_for_one(now);
        assert_eq!(machine.terminate(third, now), Some(false));
        machine.tick(now + SECOND);
        assert_eq!((machine.standing(third), machine.is_stopping()), (Some(Standing::Abandoned), false));
        end(&mut machine, first, ExitReason::Normal, now + SECOND);
        assert!(machine.is_stopping());
    }
}
