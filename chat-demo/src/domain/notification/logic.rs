//! Which notification goes out next, and what comes of one that did not arrive.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::Priority;

/// The notifications that wait, and those that are on their way: urgent ones first, in the order in which they came among
/// those of one priority. One that is to wait lets others pass meanwhile.
#[derive(Debug)]
pub(super) struct Queue {
    /// So many are on their way at once.
    batch: usize,
    /// So many are taken in.
    limit: usize,
    entries: HashMap<i64, (Priority, Place)>,
    due: BTreeSet<(Priority, i64)>,
    later: BTreeSet<(Instant, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Due,
    Later(Instant),
    Running,
}

/// How many notifications are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// They wait for their turn or their time.
    pub waiting: usize,
    /// They are on their way.
    pub running: usize,
}

impl Queue {
    pub(super) fn new(batch: usize, limit: usize) -> Self {
        Self { batch, limit, entries: HashMap::new(), due: BTreeSet::new(), later: BTreeSet::new() }
    }

    /// Takes one in that is due at `at`; false if it is here already, or there is no room.
    pub(super) fn insert(&mut self, number: i64, priority: Priority, at: Instant) -> bool {
        if self.free() == 0 || self.entries.contains_key(&number) {
            return false;
        }
        self.entries.insert(number, (priority, Place::Later(at)));
        self.later.insert((at, number));
        true
    }

    /// The next to go out, if one is due and there is a place for it.
    pub(super) fn next(&mut self, now: Instant) -> Option<i64> {
        while let Some(&(at, number)) = self.later.first().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, number));
            if let Some((priority, place)) = self.entries.get_mut(&number) {
                *place = Place::Due;
                self.due.insert((*priority, number));
            }
        }
        if self.load().running >= self.batch {
            return None;
        }
        let (_, number) = self.due.pop_first()?;
        self.entries.get_mut(&number)?.1 = Place::Running;
        Some(number)
    }

    /// One that was on its way is over, or is due again at `again`.
    pub(super) fn ended(&mut self, number: i64, again: Option<Instant>) {
        let Some((_, place @ Place::Running)) = self.entries.get_mut(&number) else { return };
        match again {
            Some(at) => {
                *place = Place::Later(at);
                self.later.insert((at, number));
            }
            None => drop(self.entries.remove(&number)),
        }
    }

    /// When `next` is to be asked again though nothing has ended: something is due then.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first().map(|&(at, _)| at)
    }

    /// How many more can be taken in.
    pub(super) fn free(&self) -> usize {
        self.limit - self.entries.len()
    }

    pub(super) fn load(&self) -> Load {
        let waiting = self.due.len() + self.later.len();
        Load { waiting, running: self.entries.len() - waiting }
    }
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Whoever is to receive it has it.
    Delivered,
    /// It is wanted no more: read, or switched off.
    Withdrawn,
    /// Its time has not come; that is no failure.
    Early(Duration),
    /// It may work another time, not before `retry_after` if the receiver said so.
    Failed { why: String, retry_after: Option<Duration> },
    /// It will never work.
    Refused(String),
    /// It will never work, and nothing else will that goes there.
    Gone(String),
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is over.
    Over,
    /// It is tried again after so long.
    Again { after: Duration, tries: u32, why: String },
    /// It is put aside, for the operator to look at.
    Dead(String),
}

/// How often and how fast it is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    /// Tries altogether.
    pub(super) tries: u32,
    /// The wait after the first, doubled after each further one.
    pub(super) first: Duration,
    /// The longest wait, whatever the receiver asks for.
    pub(super) longest: Duration,
}

impl Retries {
    /// What becomes of a notification after a try, before which there were `tries`. `chance`, from 0 to 1, spreads the
    /// waits over their second half, so that what failed together does not come back together.
    pub(super) fn after(&self, outcome: Outcome, tries: u32, chance: f64) -> Decision {
        match outcome {
            Outcome::Delivered | Outcome::Withdrawn => Decision::Over,
            Outcome::Early(after) => Decision::Again { after, tries, why: String::new() },
            Outcome::Refused(why) | Outcome::Gone(why) => Decision::Dead(why),
            Outcome::Failed { why, .. } if tries + 1 >= self.tries => Decision::Dead(why),
            Outcome::Failed { why, retry_after } => {
                let full = self.first.saturating_mul(1 << tries.min(20)).min(self.longest);
                let wait = full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0));
                let asked = retry_after.unwrap_or_default().min(self.longest);
                Decision::Again { after: wait.max(asked), tries: tries + 1, why }
            }
        }
    }
}

/// How long to wait until somebody who has done nothing for `idle` is to be told elsewhere; none if it is time.
pub(super) fn too_early(idle: Duration, after: Duration) -> Option<Duration> {
    after.checked_sub(idle).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const RETRIES: Retries = Retries { tries: 5, first: Duration::from_secs(10), longest: Duration::from_secs(60) };

    fn failed(retry_after: Option<u64>) -> Outcome {
        Outcome::Failed { why: "451".into(), retry_after: retry_after.map(Duration::from_secs) }
    }

    fn wait(outcome: Outcome, tries: u32, chance: f64) -> Option<Duration> {
        match RETRIES.after(outcome, tries, chance) {
            Decision::Again { after, .. } => Some(after),
            _ => None,
        }
    }

    #[test]
    fn urgent_before_normal_before_low_and_in_order_among_equals() {
        let now = Instant::now();
        let mut queue = Queue::new(1, 100);
        let all = [
            (1, Priority::Low),
            (2, Priority::Normal),
            (3, Priority::Urgent),
            (4, Priority::Normal),
            (5, Priority::Urgent),
        ];
        for (number, priority) in all {
            assert!(queue.insert(number, priority, now));
        }
        assert!(!queue.insert(3, Priority::Low, now), "it is here already");
        let mut order = Vec::new();
        while let Some(number) = queue.next(now) {
            assert_eq!(queue.next(now), None, "one at once");
            order.push(number);
            queue.ended(number, None);
        }
        assert_eq!(order, [3, 5, 2, 4, 1]);
    }

    #[test]
    fn waits_grow_twofold_up_to_their_longest_and_are_spread() {
        let waits: Vec<_> = (0..5).map(|tries| wait(failed(None), tries, 1.0).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(10), Some(20), Some(40), Some(60), None], "five tries are enough");
        assert_eq!(wait(failed(None), 0, 0.0), Some(5 * SECOND));
    }

    #[test]
    fn what_the_receiver_asks_for_is_honoured_within_bounds() {
        assert_eq!(wait(failed(Some(30)), 0, 0.0), Some(30 * SECOND));
        assert_eq!(wait(failed(Some(1)), 0, 1.0), Some(10 * SECOND), "no sooner than without");
        assert_eq!(wait(failed(Some(86_400)), 0, 0.0), Some(60 * SECOND), "not for ever");
    }

    #[test]
    fn what_will_never_work_is_not_tried_again_and_what_is_early_costs_no_try() {
        assert_eq!(RETRIES.after(Outcome::Refused("550".into()), 0, 0.5), Decision::Dead("550".into()));
        let early = RETRIES.after(Outcome::Early(SECOND), 4, 0.5);
        assert_eq!(early, Decision::Again { after: SECOND, tries: 4, why: String::new() });
    }

    #[test]
    fn nobody_is_told_before_they_have_done_nothing_for_long_enough() {
        assert_eq!(too_early(SECOND, 3 * SECOND), Some(2 * SECOND));
        assert_eq!((too_early(3 * SECOND, 3 * SECOND), too_early(4 * SECOND, 3 * SECOND)), (None, None));
    }

    proptest! {
        /// Against the naive model: a list that is looked through for the best each time.
        #[test]
        fn the_best_of_those_that_are_due_is_next(steps in prop::collection::vec((0u8..4, 0i64..12, 0u64..3, 0u64..4), 0..200)) {
            let start = Instant::now();
            let mut queue = Queue::new(3, 8);
            // Number, priority, when it is due; and those on their way.
            let mut waiting: Vec<(i64, Priority, u64)> = Vec::new();
            let mut running: Vec<(i64, Priority)> = Vec::new();
            let mut second = 0;
            for (step, number, priority, time) in steps {
                let at = start + Duration::from_secs(second + time);
                match step {
                    0 => second += time,
                    1 => {
                        let priority = [Priority::Urgent, Priority::Normal, Priority::Low][usize::try_from(priority).unwrap()];
                        let known = waiting.iter().any(|one| one.0 == number) || running.iter().any(|one| one.0 == number);
                        let taken = !known && waiting.len() + running.len() < 8;
                        prop_assert_eq!(queue.insert(number, priority, at), taken);
                        if taken {
                            waiting.push((number, priority, second + time));
                        }
                    }
                    2 => {
                        let due = waiting.iter().filter(|one| one.2 <= second).map(|one| (one.1, one.0)).min();
                        let expected = due.filter(|_| running.len() < 3).map(|(_, number)| number);
                        prop_assert_eq!(queue.next(start + Duration::from_secs(second)), expected);
                        let sleeps = queue.next_due().is_none_or(|at| at > start + Duration::from_secs(second));
                        prop_assert!(sleeps, "there is nothing to wake up for before");
                        if let Some(at) = waiting.iter().position(|one| Some(one.0) == expected) {
                            let (number, priority, _) = waiting.remove(at);
                            running.push((number, priority));
                        }
                    }
                    _ => {
                        let again = (priority > 0).then_some(at);
                        queue.ended(number, again);
                        if let Some(found) = running.iter().position(|one| one.0 == number) {
                            let (number, priority) = running.remove(found);
                            if again.is_some() {
                                waiting.push((number, priority, second + time));
                            }
                        }
                    }
                }
                prop_assert_eq!(queue.load(), Load { waiting: waiting.len(), running: running.len() });
                prop_assert_eq!(queue.free(), 8 - waiting.len() - running.len());
                // Whatever is not due is not overslept.
                let later = waiting.iter().map(|one| start + Duration::from_secs(one.2)).filter(|at| *at > start + Duration::from_secs(second)).min();
                prop_assert!(later.is_none_or(|at| queue.next_due().is_some_and(|due| due <= at)));
            }
        }
    }
}
