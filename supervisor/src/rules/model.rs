//! The machine against a naive model, and against a world that does anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use registry::ExitReason;
use tokio::time::Instant;

use super::auto_shutdown::AutoShutdown;
use super::backoff::Backoff;
use super::budget::Budget;
use super::entry::{Policy, Standing};
use super::machine::{Action, Down, Ending, Key, Machine};
use super::stop::Shutdown;
use super::strategy::{Restart, Strategy as Together};

const GRACE: Duration = Duration::from_secs(1);

fn together() -> impl Strategy<Value = Together> {
    prop_oneof![Just(Together::OneForOne), Just(Together::OneForAll), Just(Together::RestForOne)]
}

fn restart() -> impl Strategy<Value = Restart> {
    prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)]
}

fn shutdown() -> impl Strategy<Value = Shutdown> {
    prop_oneof![
        Just(Shutdown::BrutalKill),
        Just(Shutdown::Infinity),
        (0_u64..5).prop_map(|seconds| Shutdown::Timeout(Duration::from_secs(seconds))),
    ]
}

fn backoff() -> impl Strategy<Value = Option<Backoff>> {
    let some = (0_u64..4, 0_u64..6, 1_u32..8).prop_map(|(base, stable, max)| {
        let backoff = Backoff::exponential().base(Duration::from_secs(base)).ceiling(Duration::from_secs(7));
        Some(backoff.stable(Duration::from_secs(stable)).max_consecutive(max))
    });
    prop_oneof![Just(None), some]
}

fn auto_shutdown() -> impl Strategy<Value = AutoShutdown> {
    prop_oneof![Just(AutoShutdown::Never), Just(AutoShutdown::AnySignificant), Just(AutoShutdown::AllSignificant)]
}

/// A worker without options.
fn plain(restart: Restart, shutdown: Shutdown) -> Policy {
    Policy { restart, shutdown, backoff: None, start_timeout: None, is_supervisor: false, significant: false }
}

/// Starts and stops, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Start(u64),
    Stop(u64),
}

/// What OTP's documentation says, in so many words: the whole of a restart done at once.
///
/// A replaced spec is what it says from then on, as in OTP's `code_change`.
struct Naive {
    together: Together,
    auto_shutdown: AutoShutdown,
    children: Vec<(u64, Restart, bool)>,
    significant: BTreeSet<u64>,
    log: Vec<Deed>,
}

impl Naive {
    fn end(&mut self, id: u64, clean: bool) {
        let Some(at) = self.children.iter().position(|&(child, _, up)| child == id && up) else { return };
        self.children[at].2 = false;
        let again = match self.children[at].1 {
            Restart::Permanent => true,
            Restart::Transient => !clean,
            Restart::Temporary => {
                self.children.remove(at);
                return self.lose(id);
            }
        };
        if !again {
            return self.lose(id);
        }
        let range = match self.together {
            Together::OneForOne => at..at + 1,
            Together::OneForAll => 0..self.children.len(),
            Together::RestForOne => at..self.children.len(),
        };
        let (first, last) = (range.start, range.end);
        self.stop(first, last);
        let gone: Vec<_> =
            self.children.extract_if(first..last, |(_, restart, _)| *restart == Restart::Temporary).collect();
        drop(gone);
        for child in &mut self.children[first..] {
            if self.together != Together::OneForOne || child.0 == id {
                child.2 = true;
                self.log.push(Deed::Start(child.0));
            }
        }
    }

    fn replace(&mut self, id: u64, restart: Restart, significant: bool) {
        let Some(child) = self.children.iter_mut().find(|child| child.0 == id) else { return };
        child.1 = restart;
        self.significant.remove(&id);
        self.significant.extend(significant.then_some(id));
    }

    /// A child has ended by itself, for good.
    fn lose(&mut self, id: u64) {
        let left = self.children.iter().any(|&(child, _, up)| up && self.significant.contains(&child));
        let over = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !left,
        };
        if over && self.significant.contains(&id) {
            self.stop(0, self.children.len());
        }
    }

    fn stop(&mut self, first: usize, last: usize) {
        for child in self.children[first..last].iter_mut().rev() {
            if std::mem::take(&mut child.2) {
                self.log.push(Deed::Stop(child.0));
            }
        }
    }
}

/// Does what the machine says, at once and without a failure.
fn obey(machine: &mut Machine, generations: &mut BTreeMap<Key, u32>, log: &mut Vec<Deed>, now: Instant) {
    loop {
        let actions = machine.take_actions();
        if actions.is_empty() {
            break;
        }
        for action in actions {
            match action {
                Action::Start { key, generation } => {
                    log.push(Deed::Start(key.0));
                    generations.insert(key, generation);
                    machine.up(key, generation, now);
                }
                Action::Ask { key, .. } | Action::Abort { key, .. } => {
                    log.push(Deed::Stop(key.0));
                    machine.down(key, generations[&key], Down::Exited(ExitReason::Shutdown), now);
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn who_is_started_and_stopped_is_what_the_naive_model_says(
        together in together(),
        auto_shutdown in auto_shutdown(),
        restarts in proptest::collection::vec((restart(), any::<bool>()), 1..7),
        steps in proptest::collection::vec((0_u64..7, any::<bool>(), proptest::option::weighted(0.3, restart())), 0..16),
    ) {
        let now = Instant::now();
        let mut machine = Machine::new(together, Budget { max: u32::MAX, within: GRACE }, GRACE, 1).with_auto_shutdown(auto_shutdown);
        let mut naive = Naive { together, auto_shutdown, children: Vec::new(), significant: BTreeSet::new(), log: Vec::new() };
        for &(restart, significant) in &restarts {
            let significant = significant && restart != Restart::Permanent;
            let key = machine.add(Policy { significant, ..plain(restart, Shutdown::Infinity) });
            naive.significant.extend(significant.then_some(key.0));
            naive.children.push((key.0, restart, true));
            naive.log.push(Deed::Start(key.0));
        }
        let (mut generations, mut log) = (BTreeMap::new(), Vec::new());
        machine.boot(now);
        obey(&mut machine, &mut generations, &mut log, now);
        for (id, clean, replaced) in steps {
            let key = Key(id);
            if let Some(restart) = replaced {
                let significant = clean && restart != Restart::Permanent;
                machine.replace(key, Policy { significant, ..plain(restart, Shutdown::Infinity) }, Vec::new(), now);
                naive.replace(id, restart, significant);
                continue;
            }
            if machine.standing(key) == Some(Standing::Running) {
                let reason = if clean { ExitReason::Normal } else { ExitReason::Killed };
                machine.down(key, generations[&key], Down::Exited(reason), now);
                obey(&mut machine, &mut generations, &mut log, now);
            }
            naive.end(id, clean);
            prop_assert_eq!(&log, &naive.log);
        }
        machine.stop(ExitReason::Shutdown, None, now);
        obey(&mut machine, &mut generations, &mut log, now);
        naive.stop(0, naive.children.len());
        prop_assert_eq!(&log, &naive.log);
        prop_assert!(machine.standing(Key(99)).is_none());
    }
}

/// What may happen next in a world that owes nobody anything.
#[derive(Clone, Copy, Debug)]
enum Event {
    Up(u8),
    Crash(u8),
    /// One that another needs, and that other one.
    Topple(u8),
    Leave(u8),
    Ignore(u8),
    /// Something about an incarnation that was before.
    Stale(u8),
    Pass(u16),
    /// One that may need another.
    Add(Restart, Option<u8>),
    Terminate(u8),
    Restart(u8),
    Delete(u8),
    /// Another spec, that needs one of those before.
    Replace(u8, Change),
    Stop,
    StopWithin(u16),
}

#[derive(Clone, Copy, Debug)]
struct Change {
    restart: Restart,
    shutdown: Shutdown,
    backoff: Option<Backoff>,
    limit: u64,
    significant: bool,
    needs: Option<u8>,
}

fn change() -> impl Strategy<Value = Change> {
    (restart(), shutdown(), backoff(), 0_u64..2_000, any::<bool>(), proptest::option::of(any::<u8>())).prop_map(
        |(restart, shutdown, backoff, limit, significant, needs)| Change {
            restart,
            shutdown,
            backoff,
            limit,
            significant,
            needs,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => any::<u8>().prop_map(Event::Up),
        4 => any::<u8>().prop_map(Event::Crash),
        3 => any::<u8>().prop_map(Event::Topple),
        2 => any::<u8>().prop_map(Event::Leave),
        1 => any::<u8>().prop_map(Event::Ignore),
        1 => any::<u8>().prop_map(Event::Stale),
        2 => (0_u16..3_000).prop_map(Event::Pass),
        1 => (restart(), proptest::option::of(any::<u8>())).prop_map(|(restart, needs)| Event::Add(restart, needs)),
        1 => any::<u8>().prop_map(Event::Terminate),
        1 => any::<u8>().prop_map(Event::Restart),
        1 => any::<u8>().prop_map(Event::Delete),
        1 => (any::<u8>(), change()).prop_map(|(at, change)| Event::Replace(at, change)),
        1 => Just(Event::Stop),
        1 => (0_u16..3_000).prop_map(Event::StopWithin),
    ]
}

/// What there really is, whatever the machine thinks.
#[derive(Default)]
struct World {
    /// Living incarnations, and whether their init was acknowledged.
    alive: BTreeMap<Key, (u32, bool)>,
    aborted: BTreeSet<Key>,
    /// Those that have been asked to end, or made to.
    leaving: BTreeSet<Key>,
    /// Whom each needs.
    needs: BTreeMap<Key, Vec<Key>>,
    abandoned: BTreeSet<Key>,
    /// When those that wait may be started.
    due: BTreeMap<Key, Instant>,
    /// Down, and nobody's business but a caller's.
    rested: BTreeSet<Key>,
    /// Started by a caller.
    by_hand: BTreeSet<Key>,
    /// Siblings are never taken along.
    alone: bool,
    /// How long a start may take; 0 without a limit.
    limits: BTreeMap<Key, u64>,
    /// When the time for the present start of each is over.
    until: BTreeMap<Key, Instant>,
    /// Those whose present start was too slow.
    late: BTreeSet<Key>,
    attempts: Vec<Instant>,
    finished: Option<Ending>,
}

impl World {
    fn carry_out(&mut self, machine: &mut Machine, now: Instant) {
        for action in machine.take_actions() {
            assert!(self.finished.is_none(), "{action:?} after the end");
            match action {
                Action::Start { key, generation } => {
                    assert!(!self.abandoned.contains(&key), "{key:?} is replaced while it is there");
                    assert!(self.due.remove(&key).is_none_or(|due| due <= now), "{key:?} is started too early");
                    assert!(!self.rested.remove(&key) || !self.alone, "{key:?} is resurrected");
                    assert!(self.alive.insert(key, (generation, false)).is_none(), "{key:?} overlaps with itself");
                    let needs = self.needs.get(&key).into_iter().flatten();
                    for other in needs {
                        let halfway = |&(_, up): &(u32, bool)| !up || self.leaving.contains(other);
                        let on_its_way = self.alive.get(other).is_some_and(halfway) || self.due.contains_key(other);
                        assert!(!on_its_way, "{key:?} is started before {other:?}, which it needs");
                    }
                    self.until.remove(&key);
                    if let Some(&limit) = self.limits.get(&key).filter(|&&limit| limit > 0) {
                        self.until.insert(key, now + Duration::from_millis(limit));
                    }
                    self.late.remove(&key);
                    self.aborted.remove(&key);
                    self.leaving.remove(&key);
                }
                Action::Ask { key, .. } => {
                    assert!(self.alive.contains_key(&key), "{key:?} is asked and is not there");
                    self.leaving.insert(key);
                }
                Action::Abort { key, .. } => {
                    assert!(self.alive.contains_key(&key), "{key:?} is aborted and is not there");
                    self.aborted.insert(key);
                    self.leaving.insert(key);
                }
                Action::Overdue { key, ask, .. } => {
                    self.leaving.insert(key);
                    if !ask {
                        self.aborted.insert(key);
                    }
                    let (_, up) = self.alive[&key];
                    assert!(!self.late.insert(key) || !up, "{key:?} was in time");
                }
                Action::Abandon { key } => {
                    assert!(self.alive.remove(&key).is_some());
                    self.abandoned.insert(key);
                }
                Action::Restarting { key, .. } => {
                    self.attempts.push(now);
                    self.by_hand.remove(&key);
                    self.due.extend(machine.due(key).map(|due| (key, due)));
                }
                Action::Removed { key } | Action::Rested { key } => {
                    assert!(!self.alive.contains_key(&key), "{key:?} is said to be down");
                    self.due.remove(&key);
                    self.rested.insert(key);
                }
                Action::Booted => {}
                Action::Finished(ending) => {
                    assert!(self.alive.is_empty(), "left behind: {:?}", self.alive);
                    self.finished = Some(ending);
                }
            }
        }
    }

    fn pick(&self, at: u8) -> Option<(Key, u32, bool)> {
        let at = usize::from(at).checked_rem(self.alive.len())?;
        self.alive.iter().nth(at).map(|(&key, &(generation, up))| (key, generation, up))
    }

    /// One of those that are in their init.
    fn pick_starting(&self, at: u8) -> Option<(Key, u32)> {
        let starting: Vec<_> = self.alive.iter().filter(|(_, alive)| !alive.1).collect();
        let at = usize::from(at).checked_rem(starting.len())?;
        Some((*starting[at].0, starting[at].1.0))
    }

    /// One of those that are up and need one that is, and that one.
    fn pick_pair(&self, at: u8) -> Option<[Key; 2]> {
        let is_up = |key: &Key| self.alive.get(key).is_some_and(|&(_, up)| up);
        let pairs = self.needs.iter().flat_map(|(&key, needs)| needs.iter().map(move |&other| [other, key]));
        let pairs: Vec<_> = pairs.filter(|pair| pair.iter().all(is_up)).collect();
        Some(pairs[usize::from(at).checked_rem(pairs.len())?])
    }

    fn end(&mut self, machine: &mut Machine, at: u8, how: impl FnOnce(bool) -> Down, now: Instant) {
        if let Some((key, ..)) = self.pick(at) {
            self.end_one(machine, key, how, now);
        }
    }

    fn end_one(&mut self, machine: &mut Machine, key: Key, how: impl FnOnce(bool) -> Down, now: Instant) {
        if let Some((generation, up)) = self.alive.remove(&key) {
            machine.down(key, generation, how(up), now);
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_overlaps_and_the_end_is_the_end(
        together in together(),
        (max, within, max_inits, auto_shutdown) in
            (prop_oneof![0_u32..6, Just(100)], 1_u64..5_000, 1_usize..4, auto_shutdown()),
        children in proptest::collection::vec((restart(), shutdown(), backoff(), 0_u64..2_000, any::<bool>()), 0..6),
        needs in proptest::collection::vec(proptest::option::weighted(0.75, 1_usize..4), 6),
        events in proptest::collection::vec(event(), 0..80),
    ) {
        let mut now = Instant::now();
        let within = Duration::from_millis(within);
        let mut machine = Machine::new(together, Budget { max, within }, GRACE, max_inits).with_auto_shutdown(auto_shutdown);
        let mut limit = None::<Instant>;
        let mut world = World { alone: together == Together::OneForOne, ..World::default() };
        for (at, &(restart, shutdown, backoff, limit, is_supervisor)) in children.iter().enumerate() {
            let start_timeout = (limit > 0).then(|| Duration::from_millis(limit));
            let significant = is_supervisor;
            let key = machine.add(Policy { backoff, start_timeout, is_supervisor, significant, ..plain(restart, shutdown) });
            world.limits.insert(key, limit);
            // Each may need the one before it, or the first.
            let needs = needs.get(at).into_iter().flatten();
            world.needs.insert(key, needs.map(|back| Key((at - (at.min(*back))) as u64)).filter(|&other| other < key).collect());
            machine.depend(key, world.needs[&key].clone());
        }
        machine.boot(now);
        world.carry_out(&mut machine, now);
        for event in events {
            let key = |at: u8| Key(u64::from(at) % 8);
            let ticked = matches!(event, Event::Pass(_));
            match event {
                Event::Up(at) => if let Some((key, generation)) = world.pick_starting(at) {
                    world.alive.insert(key, (generation, true));
                    machine.up(key, generation, now);
                },
                Event::Crash(at) => world.end(&mut machine, at, |_| Down::Exited(ExitReason::Killed), now),
                Event::Topple(at) => for key in world.pick_pair(at).into_iter().flatten() {
                    world.end_one(&mut machine, key, |_| Down::Exited(ExitReason::Killed), now);
                    world.carry_out(&mut machine, now);
                },
                Event::Leave(at) => world.end(&mut machine, at, |_| Down::Exited(ExitReason::Normal), now),
                Event::Ignore(at) => world.end(&mut machine, at, |up| {
                    if up { Down::Exited(ExitReason::Normal) } else { Down::Ignored }
                }, now),
                Event::Stale(at) => if let Some((key, generation, _)) = world.pick(at) {
                    machine.down(key, generation.wrapping_sub(1), Down::Exited(ExitReason::Killed), now);
                    machine.up(key, generation.wrapping_sub(1), now);
                },
                Event::Pass(millis) => {
                    now += Duration::from_millis(millis.into());
                    machine.tick(now);
                    while machine.deadline().is_some_and(|at| at <= now) {
                        world.carry_out(&mut machine, now);
                        machine.tick(now);
                    }
                }
                Event::StopWithin(millis) => {
                    let until = now + Duration::from_millis(millis.into());
                    limit = Some(limit.map_or(until, |limit| until.min(limit)));
                    machine.stop(ExitReason::Shutdown, Some(until), now);
                }
                _ if machine.is_stopping() => {}
                Event::Add(restart, needs) => {
                    let needs: Vec<Key> = needs.map(key).filter(|&on| machine.standing(on).is_some()).into_iter().collect();
                    let key = machine.add_by_hand(plain(restart, Shutdown::BrutalKill), needs.clone(), now);
                    world.needs.insert(key, needs);
                    world.by_hand.insert(key);
                }
                Event::Terminate(at) => {
                    machine.terminate(key(at), now);
                }
                Event::Restart(at) => if machine.standing(key(at)) == Some(Standing::Down) {
                    world.rested.remove(&key(at));
                    world.by_hand.insert(key(at));
                    machine.restart(key(at), now);
                },
                Event::Delete(at) => if machine.standing(key(at)) == Some(Standing::Down) {
                    machine.delete(key(at));
                },
                Event::Replace(at, change) => {
                    let key = key(at);
                    if machine.standing(key).is_some() {
                        let Change { restart, shutdown, backoff, limit, significant, needs } = change;
                        let start_timeout = (limit > 0).then(|| Duration::from_millis(limit));
                        let is_supervisor = children.get(key.0 as usize).is_some_and(|child| child.4);
                        let needs: Vec<Key> =
                            needs.and_then(|on| u64::from(on).checked_rem(key.0)).map(Key).into_iter().collect();
                        world.limits.insert(key, limit);
                        world.needs.insert(key, needs.clone());
                        // It waits for nothing that was another policy's.
                        world.due.remove(&key);
                        let policy = Policy { restart, shutdown, backoff, start_timeout, is_supervisor, significant };
                        machine.replace(key, policy, needs, now);
                        prop_assert!(machine.due(key).is_none(), "{key:?} waits for what is not said any more");
                    }
                }
                Event::Stop => machine.stop(ExitReason::Shutdown, None, now),
            }
            world.carry_out(&mut machine, now);
            for (&key, &(_, up)) in &world.alive {
                let standing = machine.standing(key).expect("what is alive is known");
                let waits = children.get(key.0 as usize).is_some_and(|child| child.4);
                let late = ticked && !waits && standing == Standing::Stopping && limit.is_some_and(|limit| limit <= now);
                prop_assert!(!late || world.aborted.contains(&key), "{key:?} has more time than there is");
                prop_assert!(up || standing != Standing::Running, "{key:?} is not up");
                let late = world.until.get(&key).is_some_and(|&until| now >= until);
                prop_assert!(up || !late || standing == Standing::Stopping, "{key:?} has no more time to start");
                prop_assert!(!matches!(standing, Standing::Down | Standing::Abandoned), "{key:?} is alive");
            }
            for key in (0..8).map(Key).filter(|&key| machine.standing(key) == Some(Standing::Down)) {
                prop_assert!(world.rested.contains(&key), "{key:?} is down, and nobody was told");
            }
            for key in (0..8).map(Key).filter(|&key| machine.is_gated(key)) {
                prop_assert!(machine.waits_for(key).next().is_some(), "{key:?} waits for nobody");
            }
            let inits = world.alive.iter().filter(|&(key, &(_, up))| !up && !world.by_hand.contains(key)).count();
            prop_assert!(inits <= max_inits + 1, "{inits} inits, that of a sweep included");
            let counted = world.attempts.iter().filter(|&&then| then + within >= now).count();
            prop_assert!(counted <= max as usize, "{counted} attempts within the period");
        }

        // And then it is stopped, and everything ends that is asked to, some of it not before it is given up.
        machine.stop(ExitReason::Shutdown, None, now);
        world.carry_out(&mut machine, now);
        for round in 0..2_000_u32 {
            if world.finished.is_some() {
                break;
            }
            if round % 3 == 0 {
                world.end(&mut machine, 0, |_| Down::Exited(ExitReason::Shutdown), now);
            }
            now += Duration::from_millis(500);
            machine.tick(now);
            world.carry_out(&mut machine, now);
        }
        prop_assert!(world.finished.is_some(), "it never ended");
        prop_assert!(world.alive.is_empty());
    }
}
