//! When what waits is written, and what becomes of it: plain data and functions, with no task and no clock in them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the wait after a failed write is at first and at most, before jitter.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often a part is tried that fails while others of the same write do not.
const TRIES: u32 = 3;

/// The figures of a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// A write begins beside another one when so many messages wait.
    pub(crate) enough: usize,
    /// A write has so many messages at most, unless one part has more.
    pub(crate) most: usize,
    /// It begins beside another one, too, when the first message has waited for so long.
    pub(crate) wait: Duration,
    /// Writes that are under way at once.
    pub(crate) writes: usize,
    /// How long a store that takes nothing is tried, before what waits is given back.
    pub(crate) patience: Duration,
}

/// Parts from many keys (`K`, a room each) on their way to a store, each of them with its content (`T`).
///
/// **Invariants:** parts of one key are stored in the order in which they came; at most one of them is in the store's hands
/// at a time. Each part is handed out by [`written`](Self::written) exactly once.
#[derive(Debug)]
pub(crate) struct Batches<K, T> {
    rules: Rules,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Part<K, T>>,
    writing: BTreeMap<u64, BTreeMap<u64, Part<K, T>>>,
    failing: Option<Failing>,
    next_part: u64,
    next_write: u64,
}

#[derive(Debug)]
struct Part<K, T> {
    key: K,
    messages: usize,
    came: Instant,
    failed: u32,
    content: T,
}

/// The store takes nothing.
#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    wait: Duration,
    again_at: Instant,
}

impl Failing {
    fn new(since: Instant, wait: Duration, now: Instant, jitter: f64) -> Self {
        Self { since, wait, again_at: now + wait.mul_f64(jitter) }
    }
}

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written<T, S, E> {
    /// Those that are over.
    pub(crate) done: Vec<(T, Result<S, E>)>,
    /// How many will be written again.
    pub(crate) again: usize,
}

impl<K: Copy + Ord, T> Batches<K, T> {
    pub(crate) fn new(rules: Rules) -> Self {
        let (waiting, writing) = (BTreeMap::new(), BTreeMap::new());
        Self { rules, waiting, writing, failing: None, next_part: 0, next_write: 0 }
    }

    /// Takes in a part of so many messages.
    pub(crate) fn offer(&mut self, key: K, messages: usize, content: T, now: Instant) {
        self.waiting.insert(self.next_part, Part { key, messages, came: now, failed: 0, content });
        self.next_part += 1;
    }

    /// The next write, if one is due: its number. An idle store is written at once; what comes while a write is under way
    /// is gathered, until there is enough of it or it has waited for long enough. A store that takes nothing is tried
    /// again after a while, with one write at a time.
    pub(crate) fn next(&mut self, now: Instant) -> Option<u64> {
        let due = match self.failing {
            Some(failing) => self.writing.is_empty() && now >= failing.again_at,
            None => self.writing.len() < self.rules.writes,
        };
        if !due {
            return None;
        }
        let (mut batch, mut messages) = (Vec::new(), 0);
        let mut enough = self.writing.is_empty();
        for (number, part) in self.free() {
            if !batch.is_empty() && messages + part.messages > self.rules.most {
                enough = true;
                break;
            }
            enough |= now >= part.came + self.rules.wait;
            batch.push(number);
            messages += part.messages;
        }
        if batch.is_empty() || !(enough || messages >= self.rules.enough) {
            return None;
        }
        let batch = batch.into_iter().filter_map(|number| Some((number, self.waiting.remove(&number)?))).collect();
        self.next_write += 1;
        self.writing.insert(self.next_write, batch);
        Some(self.next_write)
    }

    /// What a write consists of, in order.
    pub(crate) fn write(&self, write: u64) -> impl Iterator<Item = (K, &T)> {
        self.writing.get(&write).into_iter().flatten().map(|(_, part)| (part.key, &part.content))
    }

    /// When another write may be due although nothing happens until then.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        match self.failing {
            Some(failing) if self.writing.is_empty() && !self.waiting.is_empty() => Some(failing.again_at),
            Some(_) => None,
            None if self.writing.len() >= self.rules.writes => None,
            None => self.free().next().map(|(_, part)| part.came + self.rules.wait),
        }
    }

    /// A write is over, with a result for each of its parts, or with an error for all of them. `jitter` is from 0.5 to 1.
    pub(crate) fn written<S, E: Clone>(
        &mut self,
        write: u64,
        result: Result<Vec<Result<S, E>>, E>,
        now: Instant,
        jitter: f64,
    ) -> Written<T, S, E> {
        let parts = self.writing.remove(&write).unwrap_or_default();
        let results = result.unwrap_or_else(|error| parts.values().map(|_| Err(error.clone())).collect());
        let works = results.iter().any(Result::is_ok);
        let last_error = results.iter().find_map(|result| result.as_ref().err()).cloned();
        if works {
            self.failing = None;
        }
        let mut written = Written { done: Vec::new(), again: 0 };
        for ((number, mut part), result) in parts.into_iter().zip(results) {
            part.failed += u32::from(works && result.is_err());
            match result {
                Err(_) if part.failed < TRIES => {
                    written.again += 1;
                    self.waiting.insert(number, part);
                }
                result => written.done.push((part.content, result)),
            }
        }
        if let Some(error) = last_error.filter(|_| !works) {
            let failing = match self.failing {
                // It was under way already when another one failed.
                Some(failing) if now < failing.again_at => failing,
                Some(Failing { since, wait, .. }) => Failing::new(since, (wait * 2).min(LONGEST_WAIT), now, jitter),
                None => Failing::new(now, FIRST_WAIT, now, jitter),
            };
            self.failing = Some(failing);
            if now >= failing.since + self.rules.patience {
                let parts = std::mem::take(&mut self.waiting).into_values();
                written.done.extend(parts.map(|part| (part.content, Err(error.clone()))));
                written.again = 0;
            }
        }
        written
    }

    /// Gives back everything that is not known to be stored, in the order in which it came.
    pub(crate) fn drain(&mut self) -> Vec<(K, T)> {
        let mut all = std::mem::take(&mut self.waiting);
        all.extend(std::mem::take(&mut self.writing).into_values().flatten());
        all.into_values().map(|part| (part.key, part.content)).collect()
    }

    /// Messages that wait, and messages that the store has in its hands.
    pub(crate) fn load(&self) -> (usize, usize) {
        let messages = |parts: &BTreeMap<u64, Part<K, T>>| parts.values().map(|part| part.messages).sum::<usize>();
        (messages(&self.waiting), self.writing.values().map(messages).sum())
    }

    /// Since when the store takes nothing.
    pub(crate) fn failing_since(&self) -> Option<Instant> {
        self.failing.map(|failing| failing.since)
    }

    /// The parts that may be written now: the first of each key, unless one of it is in the store's hands.
    fn free(&self) -> impl Iterator<Item = (u64, &Part<K, T>)> {
        let mut held: Vec<K> = self.writing.values().flatten().map(|(_, part)| part.key).collect();
        self.waiting.iter().filter_map(move |(&number, part)| {
            let free = !held.contains(&part.key);
            if free {
                held.push(part.key);
            }
            free.then_some((number, part))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const RULES: Rules =
        Rules { enough: 10, most: 10, wait: Duration::from_secs(5), writes: 4, patience: Duration::from_secs(12) };

    type Result2 = Result<Vec<Result<(), &'static str>>, &'static str>;

    fn parts(batches: &Batches<char, usize>, write: u64) -> Vec<usize> {
        batches.write(write).map(|(_, &part)| part).collect()
    }

    fn stored(count: usize) -> Result2 {
        Ok(vec![Ok(()); count])
    }

    #[test]
    fn an_idle_store_is_written_at_once_and_what_comes_meanwhile_is_gathered() {
        let now = Instant::now();
        let mut batches = Batches::new(RULES);
        assert_eq!(batches.next(now), None, "nothing to write");
        batches.offer('a', 1, 1, now);
        let first = batches.next(now).unwrap();
        for part in 2..=9 {
            batches.offer(char::from(b'a' + u8::try_from(part).unwrap()), 1, part, now);
            assert_eq!(batches.next(now), None);
        }
        assert_eq!(batches.load(), (8, 1));
        let _ = batches.written(first, stored(1), now, 1.0);
        let second = batches.next(now).unwrap();
        assert_eq!(parts(&batches, second), [2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn ten_messages_or_five_seconds_are_written_beside_a_write_under_way() {
        let now = Instant::now();
        let mut batches = Batches::new(RULES);
        batches.offer('a', 1, 1, now);
        assert!(batches.next(now).is_some());
        batches.offer('b', 9, 2, now);
        assert_eq!(batches.next(now), None);
        batches.offer('c', 1, 3, now);
        let full = batches.next(now).unwrap();
        assert_eq!(parts(&batches, full), [2, 3]);
        batches.offer('d', 1, 4, now);
        let due = now + Duration::from_secs(5);
        assert_eq!((batches.next(now), batches.next_due()), (None, Some(due)));
        let late = batches.next(due).unwrap();
        assert_eq!(parts(&batches, late), [4]);
        batches.offer('a', 10, 5, now);
        assert_eq!((batches.next(due), batches.next_due()), (None, None), "its room is in the store's hands");
        for part in 6..=7 {
            batches.offer('e', 10, part, now);
        }
        assert!(batches.next(due).is_some());
        batches.offer('f', 10, 8, now);
        assert_eq!((batches.next(due), batches.next_due()), (None, None), "four at once are enough");
    }

    #[test]
    fn all_that_gathered_is_one_write_up_to_a_bound() {
        let now = Instant::now();
        let mut batches = Batches::new(Rules { most: 25, ..RULES });
        batches.offer('a', 30, 1, now);
        let first = batches.next(now).unwrap();
        assert_eq!(parts(&batches, first), [1], "more than a write has, and not to be divided");
        batches.offer('a', 12, 2, now);
        for (key, part) in [('b', 3), ('c', 4)] {
            batches.offer(key, 5, part, now);
        }
        let second = batches.next(now).unwrap();
        assert_eq!(parts(&batches, second), [3, 4]);
        for (key, part) in [('d', 5), ('e', 6)] {
            batches.offer(key, 9, part, now);
        }
        let _ = batches.written(first, stored(1), now, 1.0);
        let third = batches.next(now).unwrap();
        assert_eq!(parts(&batches, third), [2, 5], "the next one would be too much");
    }

    #[test]
    fn a_store_that_takes_nothing_is_asked_more_and_more_seldom_and_then_given_up() {
        let begun = Instant::now();
        let mut now = begun;
        let mut batches = Batches::new(RULES);
        for part in 0..30 {
            batches.offer(char::from(b'a' + part), 1, usize::from(part), now);
        }
        let all: Vec<u64> = std::iter::from_fn(|| batches.next(now)).collect();
        assert_eq!(all.len(), 3);
        for write in all {
            let written: Written<_, (), _> = batches.written(write, Err("away"), now, 1.0);
            assert_eq!((written.done.len(), written.again), (0, 10));
        }
        let mut waits = Vec::new();
        let given_up = loop {
            let due = batches.next_due().expect("it will be tried again");
            assert_eq!(batches.next(due - Duration::from_millis(1)), None);
            waits.push((due - now).as_millis());
            now = due;
            let write = batches.next(now).unwrap();
            assert_eq!(batches.next(now), None, "one at a time");
            let written: Written<_, (), _> = batches.written(write, Err("away"), now, 1.0);
            if !written.done.is_empty() {
                break written.done;
            }
        };
        assert_eq!(waits[..7], [50, 100, 200, 400, 800, 1600, 2000]);
        assert!(now - begun >= RULES.patience && now - begun < RULES.patience + LONGEST_WAIT);
        assert_eq!(given_up.iter().map(|(part, _)| *part).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
        // What comes now is tried once, when that is due, and given back as soon.
        batches.offer('a', 1, 30, now);
        assert_eq!(batches.next(now), None);
        now = batches.next_due().unwrap();
        let write = batches.next(now).unwrap();
        let written: Written<_, (), _> = batches.written(write, Err("away"), now, 1.0);
        assert_eq!(written.done, [(30, Err("away"))]);
        // And what comes when it is back is stored.
        batches.offer('a', 1, 31, now);
        let write = batches.next(now + LONGEST_WAIT).unwrap();
        assert_eq!(batches.written(write, stored(1), now, 1.0).done, [(31, Ok(()))]);
        assert_eq!(batches.failing_since(), None);
    }

    #[test]
    fn what_fails_alone_is_given_back_and_holds_up_nobody() {
        let now = Instant::now();
        let mut batches = Batches::new(RULES);
        batches.offer('x', 1, 0, now);
        for (part, again) in [(1, 1), (2, 1), (3, 0)] {
            batches.offer('a', 1, part, now);
            let write = batches.next(now).unwrap();
            let one_fails = Ok(vec![Err("not this one"), Ok(())]);
            let written = batches.written(write, one_fails, now, 1.0);
            assert_eq!(written.again, again);
            assert!(written.done.contains(&(part, Ok(()))));
            assert_eq!(written.done.contains(&(0, Err("not this one"))), again == 0);
        }
    }

    /// A part as the naive model knows it.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum State {
        Waits,
        Written(u64),
        Over,
    }

    #[derive(Debug, Default)]
    struct Model {
        parts: Vec<(char, usize, Instant, State, u32)>,
        failing: Option<(Instant, Duration, Instant)>,
    }

    impl Model {
        fn under_way(&self) -> usize {
            let mut writes: Vec<u64> = self
                .parts
                .iter()
                .filter_map(|part| if let State::Written(n) = part.3 { Some(n) } else { None })
                .collect();
            writes.dedup();
            writes.sort_unstable();
            writes.dedup();
            writes.len()
        }

        /// Whether no part of the same key is before this one.
        fn is_first(&self, part: usize) -> bool {
            let (key, .., state, _) = self.parts[part];
            let elsewhere = self.parts.iter().any(|other| other.0 == key && matches!(other.3, State::Written(_)));
            let earlier = self.parts[..part].iter().any(|other| other.0 == key && other.3 == State::Waits);
            state == State::Waits && !elsewhere && !earlier
        }

        fn next(&self, rules: Rules, now: Instant) -> Option<Vec<usize>> {
            let under_way = self.under_way();
            match self.failing {
                Some((_, _, again_at)) if under_way > 0 || now < again_at => return None,
                None if under_way >= rules.writes => return None,
                _ => {}
            }
            let first: Vec<usize> = (0..self.parts.len()).filter(|&part| self.is_first(part)).collect();
            let sum = |parts: &[usize]| parts.iter().map(|&part| self.parts[part].1).sum::<usize>();
            let longest = (1..=first.len()).filter(|&n| n == 1 || sum(&first[..n]) <= rules.most).max()?;
            let batch = &first[..longest];
            let overdue = batch.iter().any(|&part| now >= self.parts[part].2 + rules.wait);
            let full = sum(batch) >= rules.enough || longest < first.len();
            (under_way == 0 || overdue || full).then(|| batch.to_vec())
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Offer(char, usize),
        Pass(u64),
        /// Which of the writes under way ends, whether anything of it can have been stored, and which parts are not.
        End(usize, bool, u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (prop::char::range('a', 'f'), 1usize..5).prop_map(|(key, messages)| Step::Offer(key, messages)),
            2 => (0u64..3000).prop_map(Step::Pass),
            3 => (any::<usize>(), prop::bool::weighted(0.7), any::<u16>())
                .prop_map(|(which, works, fails)| Step::End(which, works, fails & 0x1111)),
        ]
    }

    proptest! {
        #[test]
        fn it_writes_what_the_naive_model_says(steps in prop::collection::vec(step(), 0..150), enough in 1usize..12, more in 0usize..20, writes in 1usize..4) {
            let rules = Rules { enough, most: enough + more, writes, ..RULES };
            let mut now = Instant::now();
            let (mut batches, mut model) = (Batches::new(rules), Model::default());
            let mut under_way: Vec<(u64, Vec<usize>)> = Vec::new();
            let mut stored_of: HashMap<char, Vec<usize>> = HashMap::new();
            // In the end everything is written.
            let last = std::iter::repeat_n([Step::Pass(2000), Step::End(0, true, 0)], 160).flatten();
            for step in steps.into_iter().chain(last) {
                match step {
                    Step::Offer(key, messages) => {
                        batches.offer(key, messages, model.parts.len(), now);
                        model.parts.push((key, messages, now, State::Waits, 0));
                    }
                    Step::Pass(milliseconds) => now += Duration::from_millis(milliseconds),
                    Step::End(_, _, _) if under_way.is_empty() => {}
                    Step::End(which, works, fails) => {
                        let (write, parts) = under_way.remove(which % under_way.len());
                        let stored = |n: usize| works && fails & (1 << (n % 16)) == 0;
                        let results: Vec<Result<(), &str>> = (0..parts.len()).map(|n| if stored(n) { Ok(()) } else { Err("no") }).collect();
                        let works = results.iter().any(Result::is_ok);
                        let result = if works { Ok(results) } else { Err("away") };
                        let mut over: Vec<(usize, bool)> = Vec::new();
                        for (n, &part) in parts.iter().enumerate() {
                            model.parts[part].4 += u32::from(works && !stored(n));
                            let again = !stored(n) && model.parts[part].4 < TRIES;
                            model.parts[part].3 = if again { State::Waits } else { State::Over };
                            if !again {
                                over.push((part, stored(n)));
                            }
                        }
                        if works {
                            model.failing = None;
                        } else {
                            let (since, wait, again_at) = model.failing.map_or((now, FIRST_WAIT, now + FIRST_WAIT), |(since, wait, again_at)| {
                                let longer = (wait * 2).min(LONGEST_WAIT);
                                if now < again_at { (since, wait, again_at) } else { (since, longer, now + longer) }
                            });
                            model.failing = Some((since, wait, again_at));
                            if now >= since + rules.patience {
                                for (n, part) in model.parts.iter_mut().enumerate().filter(|(_, part)| part.3 == State::Waits) {
                                    part.3 = State::Over;
                                    over.push((n, false));
                                }
                            }
                        }
                        let written = batches.written(write, result, now, 1.0);
                        let mut done: Vec<(usize, bool)> = written.done.into_iter().map(|(part, result)| (part, result.is_ok())).collect();
                        for &(part, ok) in &done {
                            if ok {
                                stored_of.entry(model.parts[part].0).or_default().push(part);
                            }
                        }
                        done.sort_unstable();
                        over.sort_unstable();
                        prop_assert_eq!(done, over);
                    }
                }
                loop {
                    let expected = model.next(rules, now);
                    let write = batches.next(now);
                    prop_assert_eq!(write.map(|write| parts(&batches, write)), expected.clone());
                    let (Some(write), Some(parts)) = (write, expected) else { break };
                    for &part in &parts {
                        model.parts[part].3 = State::Written(write);
                    }
                    under_way.push((write, parts));
                }
                // Nothing is forgotten: if a write will be due without anything happening, it is known when.
                if let Some(due) = batches.next_due() {
                    prop_assert_eq!(model.next(rules, due.max(now)).is_some(), true);
                } else if under_way.is_empty() {
                    prop_assert!(model.parts.iter().all(|part| part.3 == State::Over));
                }
            }
            prop_assert!(model.parts.iter().all(|part| part.3 == State::Over), "all of it is over");
            prop_assert_eq!(batches.load(), (0, 0));
            for stored in stored_of.values() {
                prop_assert!(stored.is_sorted(), "in order: {:?}", stored);
            }
        }
    }
}
