//! The supervisor's mind: what to do about each event, as a state machine without effects.
//!
//! # Invariants
//!
//! 1. A child has at most one living incarnation: it is started only from a state in which the last one is known dead.
//! 2. Events carry the generation they are about; those of another generation are dropped.
//! 3. At most one sweep (the start, a group restart, the stop) is under way. It works on all children from a key on, one
//!    at a time: down in reverse order, then up in order.
//! 4. Only `trouble` charges the budget, and each automatic attempt passes through it exactly once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use registry::ExitReason;
use tokio::time::Instant;

use super::auto_shutdown::AutoShutdown;
use super::budget::{Budget, Window};
use super::dependencies::Dependencies;
use super::entry::{Entry, Policy, Standing, State};
use super::gate::Gate;
use super::strategy::{Restart, Strategy};
use super::sweep::Sweep;

/// Which child: its place in the start order, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    pub(crate) const FIRST: Self = Self(0);
}

/// What the owner of the machine has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start {
        key: Key,
        generation: u32,
    },
    /// Ask it to stop; `returns` when another incarnation will follow.
    Ask {
        key: Key,
        returns: bool,
    },
    Abort {
        key: Key,
        timed_out: bool,
        returns: bool,
    },
    Abandon {
        key: Key,
    },
    /// Its init takes too long: ask it to stop, or abort it.
    Overdue {
        key: Key,
        ask: bool,
        returns: bool,
    },
    /// An automatic restart has been decided on, because of this.
    Restarting {
        key: Key,
        cause: ExitReason,
    },
    /// It is down, and its spec stays.
    Rested {
        key: Key,
    },
    /// Its spec is gone.
    Removed {
        key: Key,
    },
    /// Every child is up for the first time.
    Booted,
    /// Every child is down, for good.
    Finished(Ending),
}

/// Why a supervisor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was told to.
    Asked(ExitReason),
    /// This child did not come up at the first start.
    Boot(Key),
    /// Restarting this child would have exceeded the budget.
    Meltdown { key: Key, cause: ExitReason },
}

/// How an incarnation came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// It ended, after its init was acknowledged or before.
    Exited(ExitReason),
    /// Its init asked to be left out.
    Ignored,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Booting,
    Running,
    Stopping(Ending),
    Done,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) strategy: Strategy,
    pub(super) grace: Duration,
    window: Window,
    pub(super) auto_shutdown: AutoShutdown,
    /// A significant child has ended during the start.
    pub(super) lost_significant: bool,
    pub(super) phase: Phase,
    pub(super) children: BTreeMap<Key, Entry>,
    next: u64,
    pub(super) sweep: Option<Sweep>,
    /// Restarts that are not part of a sweep, by child and generation.
    pub(super) gate: Gate<(Key, u32)>,
    /// When the stop has to be over.
    pub(super) limit: Option<Instant>,
    pub(super) dependencies: Dependencies,
    pub(super) deadlines: BinaryHeap<Reverse<(Instant, Key, u32)>>,
    pub(super) actions: Vec<Action>,
}

impl Machine {
    pub(crate) fn new(strategy: Strategy, budget: Budget, grace: Duration, max_inits: usize) -> Self {
        Self {
            strategy,
            grace,
            window: Window::new(budget),
            auto_shutdown: AutoShutdown::default(),
            lost_significant: false,
            phase: Phase::Booting,
            children: BTreeMap::new(),
            next: Key::FIRST.0,
            sweep: None,
            gate: Gate::new(max_inits),
            limit: None,
            dependencies: Dependencies::default(),
            deadlines: BinaryHeap::new(),
            actions: Vec::new(),
        }
    }

    /// The actions decided on since the last call.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// When [`tick`](Self::tick) has to be called next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping(_) | Phase::Done)
    }

    pub(crate) fn is_booting(&self) -> bool {
        self.phase == Phase::Booting
    }

    pub(crate) fn standing(&self, key: Key) -> Option<Standing> {
        self.children.get(&key).map(Entry::standing)
    }

    /// Whether an incarnation is there that has not been asked to stop.
    pub(crate) fn is_alive(&self, key: Key) -> bool {
        self.children.get(&key).is_some_and(|entry| matches!(entry.state, State::Starting | State::Running))
    }

    /// When a child that waits out its backoff is due.
    pub(crate) fn due(&self, key: Key) -> Option<Instant> {
        self.children.get(&key)?.due()
    }

    /// Adds a child of the first start, after all others.
    pub(crate) fn add(&mut self, policy: Policy) -> Key {
        let key = Key(self.next);
        self.next += 1;
        self.children.insert(key, Entry::new(policy));
        key
    }

    /// Starts all children that were added, in order.
    pub(crate) fn boot(&mut self, now: Instant) {
        self.sweep = Some(Sweep::up(Key::FIRST));
        self.advance(now);
    }

    /// Adds a child and starts it: at once, or when the sweep comes to it.
    pub(crate) fn add_by_hand(&mut self, policy: Policy, needs: Vec<Key>, now: Instant) -> Key {
        let key = self.add(policy);
        self.depend(key, needs);
        self.edit(key, |entry| entry.by_hand = true);
        match self.sweep {
            Some(_) => self.advance(now),
            None if self.has_to_wait(key) => self.hold(key),
            None => drop(self.start(key, now)),
        }
        key
    }

    /// An incarnation's init has succeeded.
    pub(crate) fn up(&mut self, key: Key, generation: u32, now: Instant) {
        let Some(entry) = self.children.get_mut(&key).filter(|entry| entry.generation == generation) else { return };
        // Already asked to stop: it was too late for that init to count.
        if entry.state == State::Starting {
            entry.state = State::Running;
            entry.seasoned = true;
            entry.by_hand = false;
            entry.retries.iter_mut().for_each(|retries| retries.up(now));
            self.leave_gate(key, generation, now);
            self.advance(now);
        }
    }

    /// An incarnation is gone with its whole scope.
    pub(crate) fn down(&mut self, key: Key, generation: u32, how: Down, now: Instant) {
        let swept = self.is_swept(key);
        let Some(entry) = self.children.get_mut(&key).filter(|entry| entry.generation == generation) else { return };
        let before = std::mem::replace(&mut entry.state, State::Idle);
        entry.retries.iter_mut().for_each(|retries| retries.down(now));
        let (restart, significant) = (entry.policy.restart, entry.policy.significant);
        match (before, how) {
            (State::Idle | State::Pending | State::Waiting | State::Gated, _) => {
                debug_assert!(false, "{key:?} ended twice");
                entry.state = before;
                return;
            }
            (State::Abandoned, _) => self.rest(key),
            (State::Stopping(_), _) => self.pause(key),
            (State::Starting, Down::Ignored) => {
                entry.by_hand = false;
                entry.seasoned = true;
                self.rest(key);
            }
            (State::Starting, Down::Exited(reason)) => self.fail(key, reason, now),
            (State::Overdue(_), _) => self.fail(key, ExitReason::Timeout, now),
            (State::Running, Down::Exited(_)) if swept => self.pause(key),
            (State::Running, Down::Exited(reason)) if !restart.after(&reason) => {
                self.rest(key);
                if significant {
                    self.lose_significant();
                }
            }
            (State::Running, Down::Exited(reason)) => self.trouble(key, reason, now),
            (State::Running, Down::Ignored) => debug_assert!(false, "{key:?} ignored its start after it"),
        }
        self.leave_gate(key, generation, now);
        self.advance(now);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(&Reverse((at, key, generation))) = self.deadlines.peek() {
            if at > now {
                break;
            }
            self.deadlines.pop();
            self.expire(key, generation, now);
        }
        self.advance(now);
    }

    /// Starts a child that is down. The caller has looked at its [`standing`](Self::standing).
    pub(crate) fn restart(&mut self, key: Key, now: Instant) {
        let swept = self.sweep.is_some_and(|sweep| sweep.is_taking_down(key));
        self.edit(key, |entry| {
            entry.by_hand = true;
            entry.held = false;
            entry.retries.iter_mut().for_each(|retries| retries.forgive());
        });
        if swept {
            self.edit(key, |entry| entry.state = State::Pending);
        } else if self.has_to_wait(key) {
            self.hold(key);
        } else {
            self.start(key, now);
        }
    }

    /// Removes the spec of a child that is down. The caller has looked at its [`standing`](Self::standing).
    pub(crate) fn delete(&mut self, key: Key) {
        self.children.remove(&key);
        self.actions.push(Action::Removed { key });
    }

    pub(super) fn edit(&mut self, key: Key, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.children.get_mut(&key) {
            change(entry);
        }
    }

    /// A child has to be restarted: charges the budget, and decides who goes down and up with it.
    pub(super) fn trouble(&mut self, key: Key, cause: ExitReason, now: Instant) {
        let due = if self.window.charge(now) { self.due_after(key, now) } else { Err(()) };
        let Ok(due) = due else {
            self.actions.push(Action::Rested { key });
            return self.finish(Ending::Meltdown { key, cause });
        };
        self.actions.push(Action::Restarting { key, cause });
        match (self.strategy.group(key), due) {
            (None, None) => self.restart_in_turn(key, now),
            (None, Some(_)) => self.edit(key, |entry| entry.state = State::Waiting),
            (Some(from), _) => {
                self.edit(key, |entry| {
                    if entry.state == State::Idle {
                        entry.state = State::Pending;
                    }
                });
                self.sweep = Some(Sweep::down(from));
            }
        }
    }

    /// When a child that has to be restarted is due; `Err` when it was restarted too often in a row.
    fn due_after(&mut self, key: Key, now: Instant) -> Result<Option<Instant>, ()> {
        let Some(entry) = self.children.get_mut(&key) else { return Ok(None) };
        // What could not be killed is not started again anyway.
        let Some(retries) = entry.retries.as_mut().filter(|_| entry.state != State::Abandoned) else { return Ok(None) };
        let due = retries.restart(now).ok_or(())?;
        self.deadlines.push(Reverse((due, key, entry.generation)));
        Ok(Some(due))
    }

    /// Returns the generation of the new incarnation.
    pub(super) fn start(&mut self, key: Key, now: Instant) -> u32 {
        let Some(entry) = self.children.get_mut(&key) else { return 0 };
        entry.generation = entry.generation.wrapping_add(1);
        entry.state = State::Starting;
        entry.retries.iter_mut().for_each(|retries| retries.clear());
        let generation = entry.generation;
        let until = entry.policy.start_timeout.and_then(|limit| now.checked_add(limit));
        self.deadlines.extend(until.map(|until| Reverse((until, key, generation))));
        self.actions.push(Action::Start { key, generation });
        generation
    }

    /// The child is down: a group restart that has taken it along starts it again, but for a temporary one that nobody waits
    /// for. Else it rests.
    pub(super) fn pause(&mut self, key: Key) {
        let returns = self.is_swept(key) && !self.is_stopping();
        let Some(entry) = self.children.get_mut(&key) else { return };
        if !returns || entry.held || (entry.policy.restart == Restart::Temporary && !entry.by_hand) {
            return self.rest(key);
        }
        entry.state = State::Pending;
        entry.retries.iter_mut().for_each(|retries| retries.clear());
    }

    /// The child is down and no restart of its own will follow.
    pub(super) fn rest(&mut self, key: Key) {
        let Some(entry) = self.children.get_mut(&key) else { return };
        let refused = entry.by_hand && !entry.seasoned;
        entry.by_hand = false;
        entry.retries.iter_mut().for_each(|retries| retries.clear());
        if entry.state != State::Abandoned {
            entry.state = State::Idle;
        }
        if entry.policy.restart == Restart::Temporary || refused {
            self.delete(key);
        } else {
            self.actions.push(Action::Rested { key });
        }
    }
}
