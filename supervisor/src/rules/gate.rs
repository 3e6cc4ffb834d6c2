//! How many children may be in their init at the same time.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use tokio::time::Instant;

use super::entry::State;
use super::machine::{Key, Machine};

/// How many automatic restarts may be in their init, unless a supervisor is told otherwise.
pub(crate) const MAX_CONCURRENT_INITS: usize = 100;

/// Lets in so many at a time, in the order in which they came.
///
/// Whoever is in line and no longer wants to go in stays in line: its turn is passed over. So the line is no longer than
/// the number of restarts that were decided on, which the budget bounds.
#[derive(Debug)]
pub(crate) struct Gate<K> {
    limit: usize,
    inside: HashSet<K>,
    line: VecDeque<K>,
}

impl<K: Copy + Eq + Hash> Gate<K> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, inside: HashSet::new(), line: VecDeque::new() }
    }

    pub(crate) fn line_up(&mut self, who: K) {
        self.line.push_back(who);
    }

    /// Whose turn it is now.
    pub(crate) fn next(&mut self) -> Option<K> {
        if self.inside.len() < self.limit { self.line.pop_front() } else { None }
    }

    pub(crate) fn enter(&mut self, who: K) {
        self.inside.insert(who);
    }

    /// Somebody's init is done, or it has ended. Says whether it was inside.
    pub(crate) fn leave(&mut self, who: K) -> bool {
        !self.inside.is_empty() && self.inside.remove(&who)
    }
}

impl Machine {
    /// Restarts a child as soon as there is room for its init.
    pub(super) fn restart_in_turn(&mut self, key: Key, now: Instant) {
        if self.has_to_wait(key) {
            return self.hold(key);
        }
        let Some(entry) = self.children.get_mut(&key) else { return };
        entry.state = State::Waiting;
        entry.retries.iter_mut().for_each(|retries| retries.clear());
        self.gate.line_up((key, entry.generation));
        self.let_in(now);
    }

    /// The init of this incarnation is over, one way or the other.
    pub(super) fn leave_gate(&mut self, key: Key, generation: u32, now: Instant) {
        if self.gate.leave((key, generation)) {
            self.let_in(now);
        }
    }

    fn let_in(&mut self, now: Instant) {
        while let Some((key, last)) = self.gate.next() {
            let waits =
                self.children.get(&key).filter(|entry| entry.state == State::Waiting && entry.generation == last);
            if waits.is_some() && self.has_to_wait(key) {
                // What it needs has left while it was in line, or is needed only since.
                self.hold(key);
            } else if waits.is_some() {
                let generation = self.start(key, now);
                self.gate.enter((key, generation));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use registry::ExitReason;

    use super::*;
    use crate::rules::{Action, Backoff, Budget, Down, Policy, Restart, Shutdown, Strategy};

    #[test]
    fn s1_7_a_restart_in_line_for_room_waits_for_what_it_needs_when_its_turn_comes() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut machine = Machine::new(Strategy::OneForOne, Budget { max: 9, within: second }, second, 1);
        let (restart, shutdown) = (Restart::Permanent, Shutdown::Infinity);
        let policy =
            Policy { restart, shutdown, backoff: None, start_timeout: None, is_supervisor: false, significant: false };
        let backoff = Some(Backoff::exponential().base(second).jitter(0.0));
        let (store, other, web) = (machine.add(Policy { backoff, ..policy }), machine.add(policy), machine.add(policy));
        machine.depend(web, vec![store]);
        machine.boot(now);
        for key in [store, other, web] {
            machine.up(key, 1, now);
        }
        // The other one takes the room that there is, and the web is behind it when its store goes.
        for key in [other, web, store] {
            machine.down(key, 1, Down::Exited(ExitReason::Killed), now);
        }
        drop(machine.take_actions());
        machine.up(other, 2, now);
        assert_eq!((machine.take_actions(), machine.waits_for(web).collect::<Vec<_>>()), (vec![], vec![store]));
        machine.tick(now + second);
        machine.up(store, 2, now + second);
        let started = [store, web].map(|key| Action::Start { key, generation: 2 });
        assert_eq!(machine.take_actions(), started);
    }

    #[test]
    fn s1_7_a_restart_for_which_there_is_no_room_tells_what_it_needs_all_the_same() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut machine = Machine::new(Strategy::OneForOne, Budget { max: 9, within: second }, second, 1);
        let (restart, shutdown) = (Restart::Permanent, Shutdown::Infinity);
        let policy =
            Policy { restart, shutdown, backoff: None, start_timeout: None, is_supervisor: false, significant: false };
        let (other, store, web) = (machine.add(policy), machine.add(policy), machine.add(policy));
        machine.depend(web, vec![store]);
        machine.boot(now);
        for key in [other, store, web] {
            machine.up(key, 1, now);
        }
        // The other one takes the room that there is.
        for key in [other, store, web] {
            machine.down(key, 1, Down::Exited(ExitReason::Killed), now);
        }
        assert_eq!(machine.waits_for(web).collect::<Vec<_>>(), [store]);
    }

    #[test]
    fn as_many_as_there_is_room_for_in_the_order_in_which_they_came() {
        let mut gate = Gate::new(2);
        let let_in = |gate: &mut Gate<u32>| {
            let mut names = Vec::new();
            while let Some(who) = gate.next() {
                gate.enter(who);
                names.push(who);
            }
            names
        };
        for who in 1..=5 {
            gate.line_up(who);
        }
        assert_eq!(let_in(&mut gate), [1, 2]);
        assert!(gate.leave(2) && !gate.leave(2) && !gate.leave(4), "only who is inside can leave, and once");
        assert_eq!(let_in(&mut gate), [3]);
        assert!(gate.leave(1) && gate.leave(3));
        assert_eq!(let_in(&mut gate), [4, 5]);
    }
}
