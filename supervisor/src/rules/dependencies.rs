//! Children that are started after others of their choice, and not before those are up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use tokio::time::Instant;

use super::machine::{Key, Machine, State};

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

    /// What a child depends on.
    pub(crate) fn needs(&self, key: Key) -> Vec<Key> {
        self.dependencies.needs.get(&key).cloned().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::start_order;

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
