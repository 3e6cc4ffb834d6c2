//! Section 7.2 and 7.3: monitors and heartbeats.

mod support;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use registry::{
    ErrorKind, ExitReason, Failure, MonitorBuilder, Namespace, Probe, ProbeHealth, Process, Schedule, Service,
    ServiceRegistry, Standing,
};
use support::{Drops, namespaces};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep};

const KEY: Service<u32> = Service::new("key");
const SECOND: Duration = Duration::from_secs(1);

/// A check that gives the answers it was told, the last one for ever, and notes when it was asked.
#[derive(Clone)]
struct Script(Arc<Mutex<(Vec<bool>, Vec<Instant>)>>);

impl Script {
    fn new(answers: &[bool]) -> Self {
        Self(Arc::new(Mutex::new((answers.to_vec(), Vec::new()))))
    }

    fn set(&self, answers: &[bool]) {
        *self.0.lock() = (answers.to_vec(), Vec::new());
    }

    /// When it was asked, in seconds after `begin`.
    fn asked(&self, begin: Instant) -> Vec<f64> {
        self.0.lock().1.iter().map(|at| (*at - begin).as_secs_f64()).collect()
    }
}

impl registry::HealthCheck<u32> for Script {
    async fn check(&self, _: u32) -> Result<(), Failure> {
        let mut script = self.0.lock();
        script.1.push(Instant::now());
        let healthy = if script.0.len() > 1 { script.0.remove(0) } else { script.0[0] };
        if healthy { Ok(()) } else { Err(Failure::new("told so")) }
    }
}

type Changes = UnboundedReceiver<(Standing, Duration)>;

/// Where the changes of a monitor come out, with the time since now.
fn watched(builder: MonitorBuilder<u32>) -> (MonitorBuilder<u32>, Changes) {
    let (sender, changes) = unbounded_channel();
    let begin = Instant::now();
    let handler = move |health: &ProbeHealth| sender.send((health.standing, begin.elapsed())).unwrap();
    (builder.on_change(handler), changes)
}

fn drain(changes: &mut Changes) -> Vec<(Standing, u64)> {
    std::iter::from_fn(|| changes.try_recv().ok()).map(|(standing, at)| (standing, at.as_secs())).collect()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_two_failures_and_a_success_stay_up_and_three_failures_go_down_once() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let script = Script::new(&[true, false, false, true, false, false, false, false, false, true]);
        let (builder, mut changes) = watched(production.monitor(KEY).check(script));
        let monitor = builder.every(Schedule::new(10 * SECOND)).unwrap();
        sleep(85 * SECOND).await;
        assert_eq!(monitor.standing(), Standing::Down);
        let status = monitor.status();
        assert_eq!((status.lasting, status.verdicts), (25 * SECOND, 9), "since the third failure");
        assert_eq!(status.last.unwrap().to_string(), "failed: told so");
        sleep(10 * SECOND).await;
        assert_eq!(drain(&mut changes), [(Standing::Up, 0), (Standing::Down, 60), (Standing::Up, 90)]);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_the_initial_delay_and_the_period_are_kept_and_jitter_only_lengthens() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let begin = Instant::now();
        let even = Script::new(&[true]);
        let schedule = Schedule::new(2 * SECOND).initial_delay(5 * SECOND);
        let _even = production.monitor(KEY).check(even.clone()).every(schedule).unwrap();
        let spread = [Script::new(&[true]), Script::new(&[true])];
        let _spread = spread
            .clone()
            .map(|script| production.monitor(KEY).check(script).every(schedule.jitter(0.5).seed(1)).unwrap());
        sleep(60 * SECOND).await;
        let expected: Vec<_> = (0..28).map(|n| 5.0 + 2.0 * f64::from(n)).collect();
        assert_eq!(even.asked(begin), expected);
        let spread = spread.map(|script| script.asked(begin));
        assert_eq!(spread[0], spread[1], "the seed decides");
        let gaps: Vec<_> = spread[0].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (2.0..=3.002).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap > 2.1) && gaps.iter().any(|gap| *gap < 2.9), "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_runs_never_overlap_and_each_hung_one_is_one_failure() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let (drops, begun, most) = (Drops::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (inside, counted, peak) = (drops.clone(), Arc::clone(&begun), Arc::clone(&most));
        let hang = move |_| {
            let under_way = counted.fetch_add(1, SeqCst) + 1 - inside.count();
            peak.fetch_max(under_way, SeqCst);
            let tracked = inside.tracked();
            async move {
                let _tracked = tracked;
                std::future::pending::<Result<(), Failure>>().await
            }
        };
        let (builder, mut changes) = watched(production.monitor(KEY).check(hang));
        let monitor = builder.every(Schedule::new(SECOND).timeout(3 * SECOND)).unwrap();
        sleep(Duration::from_millis(14_500)).await;
        assert_eq!((begun.load(SeqCst), most.load(SeqCst)), (5, 1), "at 0, 3, 6, 9 and 12 s");
        assert_eq!((monitor.status().verdicts, drain(&mut changes)), (4, vec![(Standing::Down, 9)]));
        drop(monitor);
        until(|| drops.count() == 5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_nonsense_is_refused_with_what_is_wrong() {
    for production in namespaces() {
        let refused = |schedule: Schedule| production.monitor(KEY).every(schedule).map(drop).unwrap_err();
        let second = Schedule::new(SECOND);
        for (schedule, text) in [
            (Schedule::new(Duration::ZERO), "the period must be longer than 0"),
            (second.timeout(Duration::ZERO), "the timeout must be longer than 0"),
            (second.thresholds(0, 1), "a threshold is at least 1"),
            (second.jitter(f64::NAN), "the jitter is a fraction from 0 to 1"),
        ] {
            let error = refused(schedule);
            assert_eq!((error.kind(), error.service()), (ErrorKind::InvalidSchedule, "key"));
            assert_eq!(error.to_string(), format!("cannot monitor `key` in namespace `production`: {text}"));
        }
        let error = production.monitor(KEY).heartbeat(Duration::ZERO).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSchedule);
        let error = production.monitor::<u32>("").every(SECOND).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName);
        production.close();
        assert_eq!(refused(second).kind(), ErrorKind::NamespaceClosed);
        assert!(production.health_report().probes().is_empty());
        assert_eq!(tasks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_neither_a_panicking_check_nor_a_panicking_handler_ends_a_monitor() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let monitor = production
            .monitor(KEY)
            .check(async |_: u32| -> Result<(), Failure> { panic!("no") })
            .on_change(move |_| {
                counted.fetch_add(1, SeqCst);
                panic!("no more");
            })
            .every(SECOND)
            .unwrap();
        sleep(SECOND * 21 / 2).await;
        let status = monitor.status();
        assert_eq!((status.standing, status.verdicts), (Standing::Down, 11));
        assert_eq!(status.last.unwrap().as_str(), "panicked");
        assert_eq!(calls.load(SeqCst), 1, "it is detached");
    }
}

#[tokio::test]
async fn s7_2_a_monitor_outlives_a_check_that_said_ok_too_late() {
    let production = &namespaces()[0];
    let _registration = production.register(KEY, 7).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // On one thread nobody looks at the clock before the check is over: it ends by itself, and late.
    let blocks_once = move |_| {
        if counted.fetch_add(1, SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(30));
        }
        std::future::ready(Ok::<_, Failure>(()))
    };
    let schedule = Schedule::new(Duration::from_millis(10)).timeout(Duration::from_millis(5)).thresholds(1, 1);
    let (builder, mut changes) = watched(production.monitor(KEY).check(blocks_once));
    let _monitor = builder.every(schedule).unwrap();
    let standings = [changes.recv().await.unwrap().0, changes.recv().await.unwrap().0];
    assert_eq!(standings, [Standing::Down, Standing::Up]);
    assert!(asked.load(SeqCst) >= 2);
}

#[test]
fn s7_2_a_check_that_blocks_its_thread_is_not_started_a_second_time() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let production = ServiceRegistry::new().namespace("production").unwrap();
    let _registration = production.register(KEY, 7).unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    runtime.block_on(async {
        let (sender, mut changes) = unbounded_channel();
        let _monitor = production
            .monitor(KEY)
            .check(move |_| {
                counted.fetch_add(1, SeqCst);
                let _ = blocked.lock().recv();
                std::future::ready(Ok::<(), Failure>(()))
            })
            .on_change(move |health| sender.send(health.standing).unwrap())
            .every(Schedule::new(Duration::from_millis(5)).timeout(Duration::from_millis(10)))
            .unwrap();
        let mut change = async || tokio::time::timeout(10 * SECOND, changes.recv()).await.expect("the monitor goes on");
        assert_eq!(change().await, Some(Standing::Down));
        assert_eq!(begun.load(SeqCst), 1);
        drop(release);
        assert_eq!(change().await, Some(Standing::Up), "once the thread is back");
    });
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_heartbeat_is_up_from_its_first_beat_and_down_once_its_time_has_passed() {
    for production in namespaces() {
        let (builder, mut changes) = watched(production.monitor(KEY));
        let (monitor, heartbeat) = builder.heartbeat(10 * SECOND).unwrap();
        sleep(SECOND).await;
        assert_eq!(monitor.standing(), Standing::Pending);
        for _ in 0..20 {
            heartbeat.beat();
            sleep(9 * SECOND).await;
        }
        assert_eq!(monitor.standing(), Standing::Up);
        sleep(60 * SECOND).await;
        assert_eq!(monitor.status().last.unwrap().as_str(), "timed_out");
        heartbeat.clone().beat();
        drop(heartbeat);
        sleep(5 * SECOND).await;
        assert_eq!(monitor.standing(), Standing::Up);
        sleep(60 * SECOND).await;
        let expected = [(Standing::Up, 1), (Standing::Down, 182), (Standing::Up, 241), (Standing::Down, 251)];
        assert_eq!(drain(&mut changes), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_heartbeat_that_never_came_is_told_after_its_time() {
    for production in namespaces() {
        let (builder, mut changes) = watched(production.monitor(KEY));
        let (_monitor, _heartbeat) = builder.heartbeat(10 * SECOND).unwrap();
        sleep(100 * SECOND).await;
        assert_eq!(drain(&mut changes), [(Standing::Down, 10)]);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_3_absent_differs_from_dead_and_one_that_comes_is_checked_at_once() {
    for production in namespaces() {
        let script = Script::new(&[false]);
        let (builder, mut changes) = watched(production.monitor(KEY).check(script.clone()));
        let monitor = builder.every(10 * SECOND).unwrap();
        sleep(25 * SECOND).await;
        assert!(monitor.status().is_absent());
        assert_eq!(monitor.standing(), Standing::Down);
        let registration = production.register(KEY, 7).unwrap();
        sleep(SECOND).await;
        assert_eq!((monitor.standing(), monitor.status().is_absent()), (Standing::Down, false), "there, and dead");
        script.set(&[true]);
        sleep(10 * SECOND).await;
        drop(registration);
        let _next = production.register(KEY, 8).unwrap();
        sleep(10 * SECOND).await;
        assert_eq!(drain(&mut changes), [(Standing::Down, 20), (Standing::Up, 35)], "a restart goes unnoticed");
    }
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_service_of_another_type_is_no_success_and_no_reason_to_hurry() {
    for production in namespaces() {
        let _registration = production.register("key", "text").unwrap();
        let monitor = production.monitor(KEY).every(SECOND).unwrap();
        sleep(SECOND * 7 / 2).await;
        let status = monitor.status();
        assert_eq!((status.standing, status.is_absent(), status.verdicts), (Standing::Down, false, 4));
    }
}

/// The three probes of one service; start-up is checked every second, the others every 5 s.
fn three_probes(production: &Namespace, startup: &Script, others: &Script) -> [registry::Monitor; 3] {
    let probe = |probe, script: &Script, period| {
        production.monitor(KEY).probe(probe).check(script.clone()).every(period).unwrap()
    };
    [
        probe(Probe::Startup, startup, SECOND),
        probe(Probe::Liveness, others, 5 * SECOND),
        probe(Probe::Readiness, others, 5 * SECOND),
    ]
}

#[tokio::test(start_paused = true)]
async fn s7_3_start_up_gates_liveness_and_readiness_of_each_incarnation() {
    for production in namespaces() {
        let name = production.reserve(KEY).unwrap();
        let (startup, others) = (Script::new(&[false]), Script::new(&[true]));
        let monitors = three_probes(&production, &startup, &others);
        let standings = || [0, 1, 2].map(|at: usize| monitors[at].standing());
        let first = Process::new();
        name.publish(&first.reference(), 7).unwrap();
        sleep(SECOND * 21 / 2).await;
        assert_eq!(standings(), [Standing::Down, Standing::Pending, Standing::Pending]);
        assert!(others.asked(Instant::now()).is_empty(), "not asked while it starts");
        let report = production.health_report();
        assert!(report.is_live() && !report.is_started() && !report.is_ready());

        startup.set(&[true]);
        sleep(SECOND).await;
        assert_eq!(standings(), [Standing::Up; 3]);
        sleep(20 * SECOND).await;
        assert_eq!(startup.0.lock().1.len(), 1, "it is passed once");
        assert_eq!(others.0.lock().1.len(), 10);
        let report = production.health_report();
        assert!(report.is_live() && report.is_started() && report.is_ready());

        startup.set(&[false, false, true]);
        first.end(ExitReason::Killed);
        others.set(&[true]);
        let second = Process::new();
        name.publish(&second.reference(), 8).unwrap();
        sleep(SECOND / 2).await;
        assert_eq!(standings(), [Standing::Pending; 3], "the next incarnation begins anew");
        assert!(others.asked(Instant::now()).is_empty());
        sleep(SECOND * 2).await;
        assert_eq!(standings(), [Standing::Up; 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_3_without_its_start_up_monitor_the_others_go_on() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let [startup, liveness, readiness] = three_probes(&production, &Script::new(&[false]), &Script::new(&[true]));
        sleep(60 * SECOND).await;
        assert_eq!(liveness.standing(), Standing::Pending);
        drop(startup);
        sleep(SECOND).await;
        assert_eq!([liveness.standing(), readiness.standing()], [Standing::Up; 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_heartbeat_waits_for_the_start_up_too() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let startup = Script::new(&[false]);
        let _startup = production.monitor(KEY).probe(Probe::Startup).check(startup.clone()).every(SECOND).unwrap();
        let (monitor, _heartbeat) = production.monitor(KEY).heartbeat(5 * SECOND).unwrap();
        sleep(SECOND * 41 / 2).await;
        assert_eq!(monitor.standing(), Standing::Pending, "its time has not begun");
        startup.set(&[true]);
        sleep(5 * SECOND).await;
        assert_eq!(monitor.standing(), Standing::Pending);
        sleep(SECOND).await;
        assert_eq!(monitor.standing(), Standing::Down);
    }
}

#[tokio::test(start_paused = true)]
async fn s7_2_monitors_end_with_their_guard_their_namespace_and_their_registry() {
    for partitions in [1, 8] {
        let registry = ServiceRegistry::with_partitions(std::num::NonZeroUsize::new(partitions).unwrap());
        let drops = Drops::default();
        let start = |namespace: &Namespace| {
            let drops = drops.clone();
            let check = move |_: u32| {
                let tracked = drops.tracked();
                async move {
                    let _tracked = tracked;
                    std::future::pending::<Result<(), Failure>>().await
                }
            };
            let polling = namespace.monitor(KEY).check(check).every(Schedule::new(SECOND).timeout(Duration::MAX));
            (polling.unwrap(), namespace.monitor(KEY).heartbeat(SECOND).unwrap())
        };
        let open = ["guard", "closed", "ended"].map(|name| registry.namespace(name).unwrap());
        let values = Drops::default();
        let _names = open.clone().map(|namespace| namespace.register(KEY, 7).unwrap());
        let _value = open[2].register("value", values.tracked()).unwrap();
        let [by_guard, by_close, by_end] = [0, 1, 2].map(|at: usize| start(&open[at]));
        until(|| tasks() == 9).await; // two for each monitor with a check under way
        assert_eq!(registry.health().probes().len(), 6);

        drop(by_guard);
        assert_eq!(registry.health().probes().len(), 4, "out of the report at once");
        open[1].close();
        assert_eq!(registry.health().probes().len(), 2);
        until(|| tasks() == 3 && drops.count() == 2).await;

        let (detached, (also, heartbeat)) = by_end;
        detached.detach();
        also.detach();
        tokio::task::yield_now().await;
        assert_eq!(tasks(), 3);
        assert_eq!(registry.stats().slots, 2, "one for the monitors that go on, one for the guard of a closed one");
        drop((registry, open));
        assert_eq!(values.count(), 1, "monitors do not keep a registry alive");
        until(|| tasks() == 0 && drops.count() == 3).await;
        heartbeat.beat();
        assert!(by_close.0.status().verdicts == 0);
    }
}
