//! Children that are started after others of their choice, and not before those are up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use tokio::time::Instant;

use super::entry::{Entry, State};
use super::machine::{Key, Machine};

/// Who needs whom, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    needs: BTreeMap<Key, Vec<Key>>,
    gated: BTreeSet<Key>,
}

/// In which order to start children of which each needs those with these numbers: as they are listed, but behind what they
/// need. `Err` is a cycle.
pub(crate) fn start_order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (who, needed) in needs.iter().enumerate() {
        for &whom in needed {
            needed_by[whom].push(who);
        }
    }
    let mut free: BinaryHeap<_> = (0..needs.len()).filter(|&who| missing[who] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(next)) = free.pop() {
        order.push(next);
        for &who in &needed_by[next] {
            missing[who] -= 1;
            if missing[who] == 0 {
                free.push(Reverse(who));
            }
        }
    }
    let Some(stuck) = (0..needs.len()).find(|&who| missing[who] > 0) else { return Ok(order) };
    // Each that is stuck needs another one that is, so this comes back to where it has been.
    let mut path = vec![stuck];
    loop {
        let last = path[path.len() - 1];
        let Some(&next) = needs[last].iter().find(|&&whom| missing[whom] > 0) else { return Err(path) };
        if let Some(begin) = path.iter().position(|&who| who == next) {
            path.drain(..begin);
            path.push(next);
            return Err(path);
        }
        path.push(next);
    }
}

impl Machine {
    /// Has a child wait for these, from its next start on. They come before it.
    pub(crate) fn depend(&mut self, key: Key, on: Vec<Key>) {
        debug_assert!(on.iter().all(|&other| other < key), "{key:?} needs one that comes after it");
        if on.is_empty() {
            self.dependencies.needs.remove(&key);
        } else {
            self.dependencies.needs.insert(key, on);
        }
    }

    /// Whose inits have to be over before a child that needs these is started, if that is added now.
    pub(crate) fn inits_before_added(&self, needs: &[Key]) -> Vec<Key> {
        let mut waits_for = needs.to_vec();
        if let Some(sweep) = self.sweep {
            // It is the last that the sweep comes to.
            let rest = self.children.range(sweep.from()..);
            waits_for
                .extend(rest.filter(|&(&key, entry)| self.is_swept(key) || entry.is_in_turn()).map(|(&key, _)| key));
            waits_for.extend(sweep.current());
        }
        self.inits_before(waits_for)
    }

    /// Whose inits have to be over before this child, which is down, is started by hand.
    pub(crate) fn inits_before_restart(&self, key: Key) -> Vec<Key> {
        match self.dependencies.needs.get(&key) {
            _ if self.is_swept(key) => self.inits_before_added(&[]),
            None => Vec::new(),
            Some(needs) => self.inits_before(needs.clone()),
        }
    }

    /// The inits that are under way among these and all that these wait for.
    fn inits_before(&self, mut waits_for: Vec<Key>) -> Vec<Key> {
        let (mut seen, mut inits) = (BTreeSet::new(), Vec::new());
        while let Some(key) = waits_for.pop() {
            let Some(entry) = self.children.get(&key).filter(|_| seen.insert(key)) else { continue };
            // One that is taken down does not go on with its init.
            if self.is_swept(key) || entry.is_in_turn() {
                waits_for.extend(self.dependencies.needs.get(&key).into_iter().flatten());
            } else if entry.state == State::Starting {
                inits.push(key);
            }
        }
        inits
    }

    /// What a child that is to be started waits for.
    pub(crate) fn waits_for(&self, key: Key) -> impl Iterator<Item = Key> + '_ {
        let state = self.children.get(&key).map(|entry| entry.state);
        let waits = matches!(state, Some(State::Gated | State::Pending));
        let needs = self.dependencies.needs.get(&key).filter(|_| waits);
        needs.into_iter().flatten().copied().filter(|&other| self.is_on_its_way(other))
    }

    #[cfg(test)]
    pub(super) fn is_gated(&self, key: Key) -> bool {
        self.children.get(&key).is_some_and(|entry| entry.state == State::Gated)
    }

    pub(super) fn has_to_wait(&self, key: Key) -> bool {
        self.dependencies.needs.get(&key).is_some_and(|needs| needs.iter().any(|&other| self.is_on_its_way(other)))
    }

    /// Neither up nor down for good.
    fn is_on_its_way(&self, key: Key) -> bool {
        self.children.get(&key).is_some_and(|entry| match entry.state {
            State::Pending | State::Waiting | State::Gated | State::Starting => true,
            State::Stopping(_) | State::Overdue(_) => true,
            State::Idle | State::Running | State::Abandoned => false,
        })
    }

    /// Keeps a child from its start until what it needs is up.
    pub(super) fn hold(&mut self, key: Key) {
        self.edit(key, |entry| entry.state = State::Gated);
        self.dependencies.gated.insert(key);
    }

    /// Starts those who have waited for what is up now.
    pub(super) fn release(&mut self, now: Instant) {
        let gated: Vec<Key> = self.dependencies.gated.iter().copied().collect();
        for key in gated {
            let Some(entry) = self.children.get(&key).filter(|entry| entry.state == State::Gated) else {
                self.dependencies.gated.remove(&key);
                continue;
            };
            let by_hand = entry.by_hand;
            if self.has_to_wait(key) {
                continue;
            }
            self.dependencies.gated.remove(&key);
            if by_hand {
                self.start(key, now);
            } else {
                self.restart_in_turn(key, now);
            }
        }
    }
}

impl Entry {
    /// Whether it is down until others have come up.
    fn is_in_turn(&self) -> bool {
        matches!(self.state, State::Pending | State::Gated)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use registry::ExitReason;
    use tokio::time::Instant;

    use super::start_order;
    use crate::rules::{
        Action, Budget, Down, Ending, Key, Machine, Policy, Restart, Shutdown, Standing, Strategy as Together,
    };

    #[test]
    fn s6_a_child_that_is_added_waits_for_the_inits_that_the_sweep_and_its_needs_wait_for_and_for_no_others() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let machine = |together| Machine::new(together, Budget { max: 9, within: second }, second, 9);
        let (restart, shutdown) = (Restart::Permanent, Shutdown::Infinity);
        let policy =
            Policy { restart, shutdown, backoff: None, start_timeout: None, is_supervisor: false, significant: false };
        let crash = || Down::Exited(ExitReason::Killed);

        let mut boot = machine(Together::OneForOne);
        let [a, b, c, d] = std::array::from_fn(|_| boot.add(policy));
        boot.depend(d, vec![a]);
        boot.boot(now);
        boot.up(a, 1, now);
        boot.up(b, 1, now);
        boot.down(a, 1, crash(), now);
        boot.down(b, 1, crash(), now);
        let mut inits = boot.inits_before_added(&[]);
        inits.sort_unstable();
        assert_eq!(inits, [a, c], "c is at its first init, and d will need a; nobody needs b");
        boot.up(c, 1, now);
        assert_eq!(boot.inits_before_added(&[]), [a]);
        boot.up(a, 2, now);
        assert_eq!(boot.inits_before_added(&[]), [d]);
        boot.up(d, 1, now);
        assert_eq!((boot.inits_before_added(&[]), boot.inits_before_added(&[b])), (vec![], vec![b]));
        boot.depend(c, vec![b]);
        boot.down(c, 1, crash(), now);
        assert_eq!(boot.inits_before_added(&[c]), [b], "c is held until b is up");
        assert!(boot.terminate(c, now) == Some(true) && boot.inits_before_restart(c) == [b]);

        let mut group = machine(Together::RestForOne);
        let [a, b, c] = std::array::from_fn(|_| group.add(policy));
        group.boot(now);
        for key in [a, b, c] {
            group.up(key, 1, now);
        }
        assert_eq!(group.terminate(a, now), Some(false));
        group.down(a, 1, crash(), now);
        group.restart(a, now);
        group.down(b, 1, crash(), now);
        assert_eq!(group.inits_before_added(&[]), [], "c is on its way down, and a was started by hand");
        group.depend(b, vec![a]);
        assert_eq!(group.inits_before_added(&[]), [a], "b is started behind it");
    }

    const SECOND: Duration = Duration::from_secs(1);

    const WORKER: Policy = Policy {
        restart: Restart::Permanent,
        shutdown: Shutdown::Infinity,
        backoff: None,
        start_timeout: None,
        is_supervisor: false,
        significant: false,
    };

    /// So many workers, all of them up.
    fn workers<const N: usize>(together: Together, now: Instant) -> (Machine, [Key; N]) {
        let mut machine = Machine::new(together, Budget { max: 9, within: SECOND }, SECOND, 9);
        let keys = std::array::from_fn(|_| machine.add(WORKER));
        machine.boot(now);
        keys.into_iter().for_each(|key| machine.up(key, 1, now));
        drop(machine.take_actions());
        (machine, keys)
    }

    fn crash(machine: &mut Machine, key: Key, generation: u32, now: Instant) {
        machine.down(key, generation, Down::Exited(ExitReason::Killed), now);
    }

    #[test]
    fn s1_7_a_start_by_hand_waits_for_all_that_it_needs_and_not_for_the_first_of_them() {
        let now = Instant::now();
        let (mut machine, [store, cache]) = workers(Together::OneForOne, now);
        crash(&mut machine, store, 1, now);
        crash(&mut machine, cache, 1, now);
        drop(machine.take_actions());
        let web = machine.add_by_hand(WORKER, vec![store, cache], now);
        assert_eq!(machine.take_actions(), [], "as it is added");
        machine.up(store, 2, now);
        assert_eq!(machine.take_actions(), [], "when the first of them is up");
        assert_eq!(machine.waits_for(web).collect::<Vec<_>>(), [cache]);
        machine.up(cache, 2, now);
        assert_eq!(machine.take_actions(), [Action::Start { key: web, generation: 1 }]);
        machine.up(web, 1, now);

        assert_eq!(machine.terminate(web, now), Some(false));
        crash(&mut machine, web, 1, now);
        crash(&mut machine, store, 2, now);
        drop(machine.take_actions());
        machine.restart(web, now);
        assert_eq!(machine.take_actions(), [], "as it is restarted");
        machine.up(store, 3, now);
        assert_eq!(machine.take_actions(), [Action::Start { key: web, generation: 2 }]);
    }

    #[test]
    fn s1_7_a_restart_waits_for_one_that_takes_too_long_and_not_for_one_that_was_left_behind() {
        let now = Instant::now();
        let (mut machine, [_]) = workers(Together::OneForOne, now);
        let store = machine.add_by_hand(Policy { start_timeout: Some(SECOND), ..WORKER }, Vec::new(), now);
        let web = machine.add_by_hand(WORKER, vec![store], now);
        machine.up(store, 1, now);
        machine.up(web, 1, now);
        crash(&mut machine, store, 1, now);
        drop(machine.take_actions());
        machine.tick(now + SECOND);
        crash(&mut machine, web, 1, now + SECOND);
        let started = |machine: &mut Machine| {
            let actions = machine.take_actions();
            actions.into_iter().filter(|action| matches!(action, Action::Start { .. })).collect::<Vec<_>>()
        };
        assert_eq!(started(&mut machine), [], "it is being aborted, and will be started again");
        crash(&mut machine, store, 2, now + SECOND);
        assert_eq!(started(&mut machine), [Action::Start { key: store, generation: 3 }]);
        machine.up(store, 3, now + SECOND);
        assert_eq!(started(&mut machine), [Action::Start { key: web, generation: 2 }]);
        machine.up(web, 2, now + SECOND);

        // Terminated, it does not end even when it is aborted.
        machine.replace(store, Policy { shutdown: Shutdown::BrutalKill, ..WORKER }, Vec::new(), now + SECOND);
        assert_eq!(machine.terminate(store, now + SECOND), Some(false));
        machine.tick(now + SECOND * 2);
        assert_eq!(machine.standing(store), Some(Standing::Abandoned));
        crash(&mut machine, web, 2, now + SECOND * 2);
        assert_eq!(started(&mut machine), [Action::Start { key: web, generation: 3 }]);
    }

    #[test]
    fn s1_7_a_stop_ends_a_wait_for_good() {
        let now = Instant::now();
        let (mut machine, [store, web]) = workers(Together::OneForOne, now);
        machine.depend(web, vec![store]);
        crash(&mut machine, store, 1, now);
        crash(&mut machine, web, 1, now);
        drop(machine.take_actions());
        machine.stop(ExitReason::Shutdown, None, now);
        let rested = Action::Rested { key: web };
        assert_eq!(machine.take_actions(), [rested, Action::Ask { key: store, returns: false }]);
        crash(&mut machine, store, 2, now);
        let ending = Action::Finished(Ending::Asked(ExitReason::Shutdown));
        assert_eq!(machine.take_actions(), [Action::Rested { key: store }, ending]);
    }

    #[test]
    fn s1_7_a_group_waits_for_one_before_it_that_comes_up_by_itself() {
        let now = Instant::now();
        let (mut machine, [store, cache, web]) = workers(Together::RestForOne, now);
        machine.depend(web, vec![store]);
        assert_eq!(machine.terminate(store, now), Some(false));
        crash(&mut machine, store, 1, now);
        machine.restart(store, now);
        crash(&mut machine, cache, 1, now);
        crash(&mut machine, web, 1, now);
        drop(machine.take_actions());
        machine.up(cache, 2, now);
        assert_eq!((machine.take_actions(), machine.waits_for(web).collect::<Vec<_>>()), (vec![], vec![store]));
        machine.up(store, 2, now);
        assert_eq!(machine.take_actions(), [Action::Start { key: web, generation: 2 }]);
    }

    #[test]
    fn the_order_is_that_of_the_list_where_nobody_needs_another() {
        assert_eq!(start_order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(start_order(&[vec![2], vec![], vec![]]), Ok(vec![1, 2, 0]), "only the one that needs it moves");
    }

    #[test]
    fn a_cycle_is_told_from_where_it_begins() {
        assert_eq!(start_order(&[vec![0]]), Err(vec![0, 0]));
        assert_eq!(start_order(&[vec![1], vec![2], vec![3], vec![1]]), Err(vec![1, 2, 3, 1]));
    }

    proptest! {
        #[test]
        fn everybody_is_behind_what_it_needs_or_there_is_a_cycle(
            needs in (1_usize..8).prop_flat_map(|len| {
                proptest::collection::vec(proptest::collection::vec(0..len, 0..3), len)
            }),
        ) {
            match start_order(&needs) {
                Ok(order) => {
                    let mut sorted = order.clone();
                    sorted.sort_unstable();
                    prop_assert_eq!(sorted, (0..needs.len()).collect::<Vec<_>>());
                    let place = |who: usize| order.iter().position(|&other| other == who);
                    for (who, needed) in needs.iter().enumerate() {
                        prop_assert!(needed.iter().all(|&whom| place(whom) < place(who)));
                    }
                }
                Err(cycle) => {
                    prop_assert!(cycle.len() > 1 && cycle.first() == cycle.last());
                    prop_assert!(cycle.windows(2).all(|pair| needs[pair[0]].contains(&pair[1])));
                }
            }
        }
    }
}
