//! Section 10.1 and 9.1: panics that a test injects are panics to everyone.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;
use supervisor::testing::{Chaos, NotUp, Recorder, exited, meltdown, panicked, restarting, settle, started};
use supervisor::{
    ChildId, ChildRef, ChildSpec, Context, Down, DynamicSupervisor, ExitReason, Failure, Flow, Init, Panic, ProcessRef,
    Restart, Server, ServerRef, Strategy, Supervisor, TaskExit, TaskSupervisor, describe_metrics,
};

use support::{Journal, SECOND, Script, scripted};

fn idle(id: impl Into<ChildId>) -> ChildSpec<ChildRef> {
    ChildSpec::task(id, |cx| async move { cx.stopped().await })
}

#[track_caller]
fn injected(reason: Option<ExitReason>) -> Panic {
    match reason {
        Some(ExitReason::Panic(panic)) if panic.message() == Chaos::MESSAGE => panic,
        other => panic!("no injected panic: {other:?}"),
    }
}

/// Notes in which way it is dropped.
struct Witness(&'static str, Journal);

impl Drop for Witness {
    fn drop(&mut self) {
        let how = if std::thread::panicking() { "unwound" } else { "dropped" };
        self.1.note(format!("{}:{how}", self.0));
    }
}

fn holding(id: &'static str, journal: &Journal) -> ChildSpec<ChildRef> {
    let journal = journal.clone();
    ChildSpec::task(id, move |cx| {
        let witness = Witness(id, journal.clone());
        async move {
            let _witness = witness;
            cx.stopped().await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn s10_1_an_injected_panic_unwinds_what_a_waiting_task_holds() {
    let journal = Journal::default();
    let task = holding("task", &journal);
    let tree = Supervisor::new(Strategy::OneForOne).child(task).start().await.unwrap();
    let child = tree.find_child("task").await.unwrap().unwrap();
    settle().await;
    Chaos::of(&*tree, 0).panic("task").unwrap();
    settle().await;
    assert_eq!(journal.take(), "task:unwound");
    let panic = injected(child.last_exit());
    assert!(panic.location().is_some_and(|at| at.contains("inject.rs")), "{panic}");
    Chaos::of(&*tree, 0).kill("task").unwrap();
    settle().await;
    assert_eq!(journal.take(), "task:dropped");
    tree.stop().await;
    assert_eq!(journal.take(), "task:dropped");
}

/// Waits in its init, a message or its terminate, with a witness in hand.
struct Waiter(Journal, Option<&'static str>);

impl Waiter {
    async fn wait_in(&self, place: &'static str) {
        if self.1 == Some(place) {
            let _witness = Witness(place, self.0.clone());
            std::future::pending::<()>().await;
        }
    }
}

impl Server for Waiter {
    type Message = ();

    async fn init(&mut self, _: &mut Context<Self>) -> Result<Init, Failure> {
        self.wait_in("init").await;
        Ok(Init::Ready)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> {
        self.wait_in("handle").await;
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _: &ExitReason) {
        self.wait_in("terminate").await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        drop(Witness("server", self.0.clone()));
    }
}

fn waiter(journal: &Journal, place: Option<&'static str>) -> ChildSpec<ServerRef<Waiter>> {
    let journal = journal.clone();
    ChildSpec::server(move || Waiter(journal.clone(), place)).id("waiter").restart(Restart::Temporary)
}

#[tokio::test(start_paused = true)]
async fn s10_1_an_injected_panic_finds_a_server_wherever_it_waits() {
    let journal = Journal::default();
    for place in [None, Some("init"), Some("handle"), Some("terminate")] {
        let mut spec = waiter(&journal, place);
        let server = spec.reference();
        let tree = Supervisor::new(Strategy::OneForOne).start().await.unwrap();
        let mut chaos = Chaos::of(&*tree, 0);
        let inject = async {
            settle().await;
            if place == Some("handle") {
                server.try_cast(()).unwrap();
            }
            let inject = async {
                settle().await;
                chaos.panic("waiter").unwrap();
            };
            if place == Some("terminate") {
                let (terminated, ()) = tokio::join!(tree.terminate_child("waiter"), inject);
                terminated.unwrap();
            } else {
                inject.await;
            }
        };
        let (started, ()) = tokio::join!(tree.start_child(spec), inject);
        settle().await;
        injected(server.last_exit());
        let expected = place.map(|place| format!("{place}:unwound ")).unwrap_or_default();
        assert_eq!(journal.take(), format!("{expected}server:unwound"));
        assert_eq!(started.is_err(), place == Some("init"));
        tree.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s10_1_an_injected_panic_finds_a_task_that_has_not_run_yet() {
    let jobs = DynamicSupervisor::new().start().await.unwrap();
    let job = jobs.start_child(idle("job").restart(Restart::Temporary)).await.unwrap();
    Chaos::of(&*jobs, 0).panic("job").unwrap();
    injected(job.gone().await);
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let task = tasks.async_nolink(std::future::pending::<()>()).unwrap();
    Chaos::of(&*tasks, 0).panic_one().unwrap();
    let Err(TaskExit::Exited(reason)) = task.await else { panic!("it never ends") };
    injected(Some(reason));
    tasks.stop().await;
    jobs.stop().await;
}

/// Links with one process and monitors another, and notes what it hears.
struct Watcher(Journal);

enum Watch {
    Link(ProcessRef),
    Monitor(ProcessRef),
}

impl Server for Watcher {
    type Message = Watch;

    async fn handle(&mut self, watch: Watch, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match watch {
            Watch::Link(process) => cx.link(&process),
            Watch::Monitor(process) => drop(cx.monitor(&process)),
        }
        Ok(Flow::Continue)
    }

    async fn handle_down(&mut self, down: Down, _: &mut Context<Self>) -> Result<Flow, Failure> {
        injected(Some(down.reason));
        self.0.note("down");
        Ok(Flow::Continue)
    }
}

#[tokio::test(start_paused = true)]
async fn s10_1_budget_links_monitors_events_and_metrics_see_an_injected_panic() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let prometheus = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    describe_metrics();
    let journal = Journal::default();
    let victim = idle("victim").restart(Restart::Transient);
    let watcher = |id: &'static str, journal: &Journal| {
        let journal = journal.clone();
        ChildSpec::server(move || Watcher(journal.clone())).id(id).restart(Restart::Temporary)
    };
    let (mut linked, mut monitoring) = (watcher("linked", &journal), watcher("monitoring", &journal));
    let (link, monitor) = (linked.reference(), monitoring.reference());
    let plan = Supervisor::new(Strategy::OneForOne).id("shop").budget(1, SECOND);
    let (tree, mut events) = Recorder::start(plan.child(victim).child(linked).child(monitoring)).await;
    let tree = tree.unwrap();
    let child = tree.find_child("victim").await.unwrap().unwrap();
    let process = child.process().unwrap();
    link.try_cast(Watch::Link(process.clone())).unwrap();
    monitor.try_cast(Watch::Monitor(process)).unwrap();
    settle().await;
    events.take();
    let mut chaos = Chaos::of(&*tree, 0);
    chaos.panic("victim").unwrap();
    settle().await;
    let reason = child.last_exit().unwrap();
    injected(Some(reason.clone()));
    events.expect_among([exited("victim", reason.clone()), restarting("victim", reason), started("victim")]);
    assert_eq!(journal.take(), "down");
    assert!(link.last_exit().is_some_and(|exit| !exit.is_clean()), "its link took it along: {:?}", link.last_exit());
    chaos.panic("victim").unwrap();
    tree.exited().await;
    events.expect_among([panicked("victim").incarnation(2), meltdown("shop")]);
    let text = prometheus.render();
    for line in [
        "supervisor_exits_total{reason=\"panic\"} 2",
        "supervisor_exits_total{reason=\"killed\"} 0",
        "supervisor_restarts_total{supervisor=\"shop\",reason=\"panic\"} 1",
        "supervisor_meltdowns_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_supervisor_that_is_made_to_panic_takes_its_children_along() {
    let journal = Journal::default();
    let inner = || Supervisor::new(Strategy::OneForOne).child(holding("a", &journal));
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(10, SECOND)
        .child(ChildSpec::supervisor(inner()).id("static"))
        .child(ChildSpec::supervisor(DynamicSupervisor::new()).id("dynamic"))
        .start()
        .await
        .unwrap();
    let mut events = Recorder::of(&*tree);
    let mut chaos = Chaos::of(&*tree, 0);
    chaos.panic("static").unwrap();
    settle().await;
    events.expect_among([panicked("static"), started("static/a").incarnation(2), started("static").incarnation(2)]);
    assert_eq!(journal.take(), "a:dropped", "it is not the one that panicked");
    chaos.panic("dynamic").unwrap();
    settle().await;
    events.expect_among([panicked("dynamic"), started("dynamic").incarnation(2)]);
    for name in ["static", "dynamic"] {
        chaos.panic_init(name).unwrap();
        chaos.kill(name).unwrap();
        settle().await;
        events.expect_among([exited(name, ExitReason::Killed), panicked(name), started(name).incarnation(4)]);
    }
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_panic_injected_into_an_init_is_a_start_that_failed_once() {
    let journal = Journal::default();
    let script = Script::default();
    let server = scripted("server", &journal, &script);
    let (tree, mut events) =
        Recorder::start(Supervisor::new(Strategy::OneForOne).budget(10, SECOND).child(server).child(idle("task")))
            .await;
    let tree = tree.unwrap();
    let mut chaos = Chaos::of(&*tree, 0);
    events.take();
    chaos.panic_init("server").unwrap();
    settle().await;
    events.expect([]);
    tree.terminate_child("server").await.unwrap();
    let Err(failed) = tree.restart_child("server").await else { panic!("its init panics") };
    assert!(format!("{failed:?}").contains(Chaos::MESSAGE), "{failed:?}");
    tree.restart_child("server").await.unwrap();
    assert_eq!(script.inits.load(SeqCst), 2, "the init that panicked did not begin");
    events.take();
    // A task is up before it runs.
    chaos.panic_init("task").unwrap();
    chaos.kill("task").unwrap();
    settle().await;
    events.expect_among([exited("task", ExitReason::Killed), panicked("task"), started("task").incarnation(3)]);
    assert_eq!(chaos.panic_init("nobody"), Err(NotUp("nobody".into())));
    tree.stop().await;
}

/// Under a running clock, as a thread does not stop a paused one.
#[tokio::test]
async fn s10_1_a_thread_can_only_be_made_to_panic_when_it_begins() {
    let thread = ChildSpec::blocking("thread", |cx| cx.wait_until_stopping());
    let tree = Supervisor::new(Strategy::OneForOne).child(idle("a")).start().await.unwrap();
    let thread = tree.start_child(thread.restart(Restart::Transient)).await.unwrap();
    let mut chaos = Chaos::of(&*tree, 0);
    assert_eq!(chaos.panic("thread"), Err(NotUp("thread".into())));
    tree.terminate_child("thread").await.unwrap();
    chaos.panic_init("thread").unwrap();
    tree.restart_child("thread").await.unwrap();
    thread.ended(2).await;
    injected(thread.last_exit());
    tree.stop().await;
}

/// Which ones panic in three rounds of each kind.
async fn panics(seed: u64) -> Vec<String> {
    let jobs = DynamicSupervisor::new().budget(u32::MAX, SECOND).start().await.unwrap();
    for n in 0..100 {
        jobs.start_child(idle(format!("job-{n}"))).await.unwrap();
    }
    let mut events = Recorder::of(&*jobs);
    let mut chaos = Chaos::of(&*jobs, seed);
    let mut chosen = Vec::new();
    for _ in 0..3 {
        chosen.extend(chaos.panic_one());
        settle().await;
        chosen.extend(chaos.panic_each(0.2));
        settle().await;
    }
    let told: Vec<_> = events.take().iter().map(ToString::to_string).collect();
    let panicked = told.iter().filter(|event| event.contains(&format!("exited (panic: {}", Chaos::MESSAGE)));
    assert_eq!(panicked.count(), chosen.len(), "each that was chosen has panicked");
    assert_eq!(told.len(), 3 * chosen.len(), "and was restarted");
    jobs.stop().await;
    chosen
}

#[tokio::test(start_paused = true)]
async fn s10_1_panics_by_chance_are_the_same_each_time_for_the_same_seed() {
    let chosen = panics(42).await;
    assert_eq!(panics(42).await, chosen);
    assert_ne!(panics(43).await, chosen);
    // As for those that are killed.
    assert!((38..=88).contains(&chosen.len()), "{}", chosen.len());
}

#[tokio::test(start_paused = true)]
async fn s10_1_an_injected_panic_that_comes_too_late_is_not_the_next_incarnations() {
    let jobs = DynamicSupervisor::new().start().await.unwrap();
    let mut events = Recorder::of(&*jobs);
    let mut chaos = Chaos::of(&*jobs, 0);
    let hasty = {
        let chaos = Arc::new(Mutex::new(Chaos::of(&*jobs, 0)));
        let inject = move || chaos.lock().unwrap().panic("hasty").unwrap();
        ChildSpec::task("hasty", move |cx| {
            let inject = inject.clone();
            async move {
                if cx.incarnation() > 1 {
                    return cx.stopped().await;
                }
                tokio::task::yield_now().await;
                // It ends before it waits again.
                inject();
            }
        })
    };
    jobs.start_child(hasty).await.unwrap();
    settle().await;
    chaos.kill("hasty").unwrap();
    settle().await;
    events.expect_among([
        exited("hasty", ExitReason::Normal),
        started("hasty").incarnation(2),
        exited("hasty", ExitReason::Killed),
        started("hasty").incarnation(3),
    ]);
    jobs.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s10_1_injected_panics_on_many_threads_are_all_panics() {
    let jobs = DynamicSupervisor::new().budget(u32::MAX, SECOND).start().await.unwrap();
    let mut all = Vec::new();
    for n in 0..300 {
        let job = ChildSpec::task(format!("job-{n}"), |cx| async move {
            while !cx.is_stopping() {
                tokio::task::yield_now().await;
            }
        });
        all.push(jobs.start_child(job.restart(Restart::Temporary)).await.unwrap());
    }
    let chosen: BTreeSet<_> = Chaos::of(&*jobs, 7).panic_each(1.0).into_iter().collect();
    assert_eq!(chosen.len(), 300);
    for job in &all {
        injected(job.gone().await);
    }
    jobs.stop().await;
}
