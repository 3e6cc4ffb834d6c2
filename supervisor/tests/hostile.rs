//! Children and surroundings that do their worst. Each ends within a bound, and leaves no task, no value and no name.

mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use registry::{Namespace, ServiceRegistry};
use supervisor::testing::settle;
use supervisor::{
    ChildRef, ChildSpec, Context, DynamicSupervisor, DynamicSupervisorRef, ExitReason, Failure, Flow, Init, Overflow,
    Server, ServerRef, Shutdown, StartChildError, StartFailure, Strategy, Supervisor, SupervisorRef, Tree,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use support::SECOND;

/// What there may be no trace of in the end.
#[derive(Clone)]
struct Traces {
    values: Arc<AtomicUsize>,
    names: Namespace,
}

/// Counted as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Traces {
    fn new() -> Self {
        Self { values: Arc::default(), names: ServiceRegistry::new().namespace("hostile").unwrap() }
    }

    fn value(&self) -> Counted {
        self.values.fetch_add(1, SeqCst);
        Counted(Arc::clone(&self.values))
    }

    fn assert_none(&self, of: &str) {
        assert_eq!(self.values.load(SeqCst), 0, "values are left of {of}");
        assert_eq!(self.names.names(), Vec::<String>::new(), "names are left of {of}");
    }
}

/// A supervisor of either kind.
enum Host {
    Static(Tree<SupervisorRef>),
    Dynamic(Tree<DynamicSupervisorRef>),
}

impl Host {
    async fn new(dynamic: bool) -> Self {
        if dynamic {
            Self::Dynamic(DynamicSupervisor::new().budget(2, SECOND * 3_600).start().await.unwrap())
        } else {
            Self::Static(Supervisor::new(Strategy::OneForAll).budget(2, SECOND * 3_600).start().await.unwrap())
        }
    }

    async fn start<H: Clone + Send + Sync + 'static>(&self, spec: ChildSpec<H>) -> Result<H, StartChildError> {
        match self {
            Self::Static(tree) => tree.start_child(spec).await,
            Self::Dynamic(tree) => tree.start_child(spec).await,
        }
    }

    async fn kill(&self, child: &ChildRef) {
        match self {
            Self::Static(tree) => tree.kill_child(child.id().clone()).await.unwrap(),
            Self::Dynamic(tree) => tree.kill_child(child.clone()).unwrap(),
        }
    }

    async fn stop(&self) -> ExitReason {
        match self {
            Self::Static(tree) => tree.stop().await,
            Self::Dynamic(tree) => tree.stop().await,
        }
    }

    async fn exited(&self) -> ExitReason {
        match self {
            Self::Static(tree) => tree.exited().await,
            Self::Dynamic(tree) => tree.exited().await,
        }
    }

    fn is_running(&self) -> bool {
        match self {
            Self::Static(tree) => tree.is_running(),
            Self::Dynamic(tree) => tree.is_running(),
        }
    }
}

/// Does not hang: no later than this, on the clock of the test, it is over.
async fn bounded<T>(work: impl Future<Output = T>) -> T {
    timeout(SECOND * 60, work).await.expect("it hangs")
}

/// Stops it, and looks for what is left.
async fn stop_clean(host: Host, traces: &Traces, of: &str) {
    bounded(host.stop()).await;
    traces.assert_none(of);
    drop(host);
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are left of {of}");
}

/// Where a server does its worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Init,
    /// In the init of all incarnations but the first.
    LaterInit,
    Handle,
    Terminate,
    Drop,
    HangInHandle,
    HangInTerminate,
    HangInLaterInit,
}

struct Hostile {
    place: Place,
    _value: Counted,
}

impl Server for Hostile {
    type Message = ();

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        match self.place {
            Place::Init => panic!("in init"),
            Place::LaterInit if cx.incarnation() > 1 => panic!("in a later init"),
            Place::HangInLaterInit if cx.incarnation() > 1 => pending().await,
            _ => Ok(Init::Ready),
        }
    }

    async fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match self.place {
            Place::HangInHandle => pending().await,
            Place::Terminate | Place::Drop | Place::HangInTerminate => Ok(Flow::Stop(ExitReason::Normal)),
            _ => panic!("in handle"),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        match self.place {
            Place::Terminate => panic!("in terminate"),
            Place::HangInTerminate => pending().await,
            _ => {}
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        if self.place == Place::Drop && !std::thread::panicking() {
            panic!("in Drop");
        }
    }
}

fn hostile(place: Place, traces: &Traces) -> ChildSpec<ServerRef<Hostile>> {
    let here = traces.clone();
    ChildSpec::server(move || Hostile { place, _value: here.value() }).id("hostile").name(&traces.names, "hostile")
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_panic_in_init_is_told_to_the_caller_and_leaves_nothing() {
    for dynamic in [false, true] {
        let host = Host::new(dynamic).await;
        let traces = Traces::new();
        let refused = bounded(host.start(hostile(Place::Init, &traces))).await.unwrap_err();
        let StartChildError::Failed { cause: StartFailure::Exited(ExitReason::Panic(panic)), .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(panic.message(), "in init");
        assert!(host.is_running());
        traces.assert_none("a panic in init");
        stop_clean(host, &traces, "a panic in init").await;
    }
}

#[tokio::test(start_paused = true)]
async fn s9_1_panics_anywhere_end_in_a_meltdown_and_leave_nothing() {
    for place in [Place::LaterInit, Place::Handle, Place::Terminate, Place::Drop] {
        for dynamic in [false, true] {
            let host = Host::new(dynamic).await;
            let traces = Traces::new();
            let server = bounded(host.start(hostile(place, &traces))).await.unwrap();
            while host.is_running() {
                // It may be between two incarnations.
                let _ = server.try_cast(());
                settle().await;
            }
            assert_eq!(bounded(host.exited()).await.as_str(), "shutdown", "{place:?}");
            assert!(matches!(server.last_exit(), Some(ExitReason::Panic(_))), "{place:?}: {:?}", server.last_exit());
            assert_eq!(server.incarnation(), 3, "{place:?}");
            stop_clean(host, &traces, "a meltdown").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s9_1_panics_while_being_stopped_do_not_keep_the_stop() {
    for place in [Place::Terminate, Place::Drop] {
        for dynamic in [false, true] {
            let host = Host::new(dynamic).await;
            let traces = Traces::new();
            let server = host.start(hostile(place, &traces)).await.unwrap();
            let begun = Instant::now();
            bounded(host.stop()).await;
            assert!(begun.elapsed() < SECOND, "{place:?}");
            assert!(matches!(server.last_exit(), Some(ExitReason::Panic(_))), "{place:?}");
            stop_clean(host, &traces, "a panic in a stop").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s5_1_who_ignores_the_stop_is_aborted_when_its_time_is_over() {
    for place in [Place::HangInHandle, Place::HangInTerminate] {
        for dynamic in [false, true] {
            let host = Host::new(dynamic).await;
            let traces = Traces::new();
            let server = host.start(hostile(place, &traces).shutdown(Shutdown::Timeout(SECOND * 2))).await.unwrap();
            server.try_cast(()).unwrap();
            settle().await;
            let begun = Instant::now();
            bounded(host.stop()).await;
            assert!(begun.elapsed() <= SECOND * 2, "{place:?}");
            assert_eq!(server.last_exit(), Some(ExitReason::Timeout), "{place:?}");
            stop_clean(host, &traces, "one that ignores its stop").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s1_6_a_stop_during_a_restart_that_hangs_in_its_init_leaves_nothing() {
    for dynamic in [false, true] {
        let host = Host::new(dynamic).await;
        let traces = Traces::new();
        let server = host.start(hostile(Place::HangInLaterInit, &traces)).await.unwrap();
        server.try_cast(()).unwrap();
        settle().await;
        assert!(!server.is_running());
        assert_eq!(server.incarnation(), 2);
        let begun = Instant::now();
        bounded(host.stop()).await;
        assert!(begun.elapsed() < SECOND);
        stop_clean(host, &traces, "an init that hangs").await;
    }
}

#[tokio::test(start_paused = true)]
async fn s5_2_tasks_that_would_outlive_their_child_do_not() {
    for kill in [false, true] {
        for dynamic in [false, true] {
            let host = Host::new(dynamic).await;
            let traces = Traces::new();
            let here = traces.clone();
            let spec = ChildSpec::task("parent", move |cx| {
                for _ in 0..10 {
                    let value = here.value();
                    cx.spawn(async move {
                        let _value = value;
                        pending::<()>().await;
                    });
                }
                async move {
                    cx.stopped().await;
                }
            });
            let child = host.start(spec.name(&traces.names, "parent")).await.unwrap();
            settle().await;
            assert_eq!(traces.values.load(SeqCst), 10);
            if kill {
                host.kill(&child).await;
                bounded(child.ended(1)).await;
                settle().await;
                assert_eq!(traces.values.load(SeqCst), 10, "those of the next incarnation, and no other");
            }
            stop_clean(host, &traces, "tasks in a scope").await;
        }
    }
}

/// Ends by itself in the moment in which it is asked to stop, in different ways.
fn quitter(way: usize, traces: &Traces) -> ChildSpec<ChildRef> {
    let here = traces.clone();
    let spec = ChildSpec::task("quitter", move |cx| {
        let value = here.value();
        async move {
            let _value = value;
            cx.stopped().await;
            match way {
                0 => Ok(()),
                1 => Err("at the last moment"),
                2 => panic!("at the last moment"),
                _ => pending().await,
            }
        }
    });
    spec.shutdown(Shutdown::Timeout(SECOND)).name(&traces.names, "quitter")
}

#[tokio::test(start_paused = true)]
async fn s5_1_who_ends_while_being_stopped_is_not_started_again() {
    for way in 0..4 {
        for dynamic in [false, true] {
            let host = Host::new(dynamic).await;
            let traces = Traces::new();
            let child = host.start(quitter(way, &traces)).await.unwrap();
            settle().await;
            bounded(host.stop()).await;
            assert_eq!(child.incarnation(), 1, "way {way}");
            let exit = child.last_exit().unwrap();
            match way {
                0 => assert_eq!(exit, ExitReason::Shutdown),
                1 => assert_eq!(exit, ExitReason::error("at the last moment")),
                2 => assert!(matches!(exit, ExitReason::Panic(_))),
                _ => assert_eq!(exit, ExitReason::Timeout),
            }
            stop_clean(host, &traces, "one that quits").await;
        }
    }
}

/// Calls its own supervisor from its init and from its terminate.
struct Caller {
    supervisor: watch::Receiver<Option<SupervisorRef>>,
    traces: Traces,
    _value: Counted,
}

impl Caller {
    async fn ask(&self) {
        let supervisor = self.supervisor.borrow().clone();
        if let Some(supervisor) = supervisor {
            assert!(!supervisor.which_children().await.unwrap().is_empty());
            assert!(supervisor.delete_child("caller").await.is_err());
            assert!(supervisor.restart_child("caller").await.is_err());
            // Its own start or stop has to be over first: this is for ever, as far as it goes.
            let value = self.traces.value();
            let other = ChildSpec::task("other", move |_| {
                let _ = &value;
                pending::<()>()
            });
            let _ = supervisor.start_child(other).await;
            let _ = supervisor.terminate_child("caller").await;
        }
    }
}

impl Server for Caller {
    type Message = ();

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        self.ask().await;
        Ok(Init::Ready)
    }

    async fn handle(&mut self, (): (), _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        Err("told to".into())
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.ask().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s5_5_a_child_that_calls_its_own_supervisor_from_init_and_terminate_is_bounded() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let traces = Traces::new();
        let (sender, receiver) = watch::channel(None);
        let here = traces.clone();
        let mut caller = ChildSpec::server(move || Caller {
            supervisor: receiver.clone(),
            traces: here.clone(),
            _value: here.value(),
        })
        .id("caller")
        .shutdown(Shutdown::Timeout(SECOND))
        .start_timeout(SECOND * 2)
        .name(&traces.names, "caller");
        let child = caller.reference();
        let sibling = hostile(Place::Handle, &traces).id("sibling").name(&traces.names, "sibling");
        let tree = Supervisor::new(strategy).budget(2, SECOND * 3_600).child(sibling).child(caller);
        let tree = bounded(tree.start()).await.unwrap();
        sender.send(Some(tree.reference())).unwrap();
        let begun = Instant::now();
        child.try_cast(()).unwrap();
        settle().await;
        // Whatever it has brought about, the supervisor answers, and stops.
        if let Ok(children) = tree.which_children().await {
            assert!(children.len() >= 2, "{children:?}");
        }
        bounded(tree.stop()).await;
        assert!(begun.elapsed() < SECOND * 10, "{:?}", begun.elapsed());
        sender.send_replace(None);
        stop_clean(Host::Static(tree), &traces, "one that calls its supervisor").await;
    }
}

#[tokio::test(start_paused = true)]
async fn s5_6_a_supervisor_that_is_aborted_in_the_middle_of_a_restart_leaves_nothing() {
    for nested in [false, true] {
        for dynamic in [false, true] {
            let host = Host::new(dynamic).await;
            let traces = Traces::new();
            let server = host.start(hostile(Place::HangInLaterInit, &traces)).await.unwrap();
            let mut inner = ChildSpec::supervisor(
                Supervisor::new(Strategy::OneForAll)
                    .child(hostile(Place::HangInTerminate, &traces).name(&traces.names, "a"))
                    .child(hostile(Place::HangInLaterInit, &traces).id("b").name(&traces.names, "b")),
            )
            .id("inner");
            let below = inner.reference();
            host.start(inner).await.unwrap();
            // One is restarting for ever, and below, a group is being taken down.
            server.try_cast(()).unwrap();
            below.kill_child("b").await.unwrap();
            settle().await;
            if nested {
                let inner = below.child();
                match &host {
                    // A group restart: the other child is taken along, and hangs.
                    Host::Static(tree) => drop(tree.kill_child("inner").await),
                    Host::Dynamic(tree) => tree.kill_child(inner.clone()).unwrap(),
                }
                bounded(inner.ended(1)).await;
                stop_clean(host, &traces, "an aborted subtree").await;
            } else {
                let root = match &host {
                    Host::Static(tree) => tree.child(),
                    Host::Dynamic(tree) => tree.child(),
                };
                drop(host);
                assert_eq!(bounded(root.gone()).await, Some(ExitReason::Killed));
                traces.assert_none("an aborted supervisor");
                settle().await;
                assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
            }
        }
    }
}

#[test]
fn s5_6_a_runtime_that_is_shut_down_under_its_supervisors_leaves_nothing() {
    for (threads, dynamic, restarting) in (0..8).map(|case| (case & 1, case & 2 != 0, case & 4 != 0)) {
        let traces = Traces::new();
        let mut builder = if threads == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        let runtime = builder.worker_threads(2).enable_time().build().unwrap();
        let host = runtime.block_on(async {
            let host = Host::new(dynamic).await;
            let server = host.start(hostile(Place::HangInLaterInit, &traces)).await.unwrap();
            host.start(quitter(0, &traces)).await.unwrap();
            let here = traces.clone();
            let waiting = ChildSpec::blocking("thread", move |cx| {
                let _value = here.value();
                cx.wait_until_stopping();
            });
            host.start(waiting.name(&traces.names, "thread")).await.unwrap();
            if restarting {
                server.try_cast(()).unwrap();
                server.child().ended(1).await;
            }
            host
        });
        runtime.shutdown_timeout(SECOND * 10);
        drop(host);
        // A thread is no task: it is asked to stop, and its end is awaited by nobody.
        let begun = std::time::Instant::now();
        while (traces.names.count() > 0 || traces.values.load(SeqCst) > 0) && begun.elapsed() < SECOND * 10 {
            std::thread::yield_now();
        }
        traces.assert_none(&format!("a runtime ({threads}, {dynamic}, {restarting})"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s5_3_a_child_that_blocks_its_thread_is_left_behind_without_its_name() {
    for dynamic in [false, true] {
        let host = Host::new(dynamic).await;
        let traces = Traces::new();
        let (release, gate) = sync_channel::<()>(0);
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let (here, (dropped, gone)) = (traces.clone(), tokio::sync::oneshot::channel::<()>());
        let dropped = Arc::new(std::sync::Mutex::new(Some(dropped)));
        let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
        let spec = ChildSpec::task("blocking", move |_| {
            let (gate, value, entered) = (Arc::clone(&gate), here.value(), entered.clone());
            let dropped = dropped.lock().unwrap().take();
            async move {
                let _held = (dropped, value);
                entered.send(()).unwrap();
                let _ = gate.lock().unwrap().recv();
            }
        });
        let spec = spec.shutdown(Shutdown::Timeout(Duration::from_millis(20))).name(&traces.names, "blocking");
        let child = host.start(spec).await.unwrap();
        inside.recv().await.unwrap();
        // 20 ms to stop, and a second of grace.
        timeout(SECOND * 30, host.stop()).await.expect("it hangs");
        assert_eq!(child.last_exit(), Some(ExitReason::Abandoned));
        drop(host);
        assert_eq!(traces.names.names(), Vec::<String>::new());
        assert_eq!(traces.values.load(SeqCst), 1, "it is still there");
        drop(release);
        assert!(timeout(SECOND * 30, gone).await.expect("it ends when it can").is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn s1_2_a_supervisor_whose_name_is_lost_while_it_starts_says_so_at_once_and_stops_its_children() {
    let traces = Traces::new();
    let (names, value) = (traces.names.clone(), traces.value());
    let value = Arc::new(value);
    // Nobody can have a name in a namespace that is closed.
    let child = ChildSpec::task("child", move |cx| {
        names.close();
        let value = Arc::clone(&value);
        async move {
            cx.stopped().await;
            drop(value);
        }
    });
    let last = ChildSpec::server(|| Patient);
    let inner = Supervisor::new(Strategy::OneForOne).id("inner").child(child).child(last);
    let inner = ChildSpec::supervisor(inner).name(&traces.names, "inner");
    let begun = Instant::now();
    let started = bounded(Supervisor::new(Strategy::OneForOne).child(inner).start()).await;
    assert!(started.is_err(), "{started:?}");
    assert!(begun.elapsed() < SECOND, "{:?}: not a shutdown time later", begun.elapsed());
    drop(started);
    traces.assert_none("a supervisor without its name");
}

/// Comes up after its siblings have run for a while.
struct Patient;

impl Server for Patient {
    type Message = Explosive;

    async fn init(&mut self, _cx: &mut Context<Self>) -> Result<Init, Failure> {
        settle().await;
        Ok(Init::Ready)
    }

    async fn handle(&mut self, _: Explosive, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        pending().await
    }
}

/// Panics in its Drop, with a payload that does as well.
struct Explosive(Arc<AtomicUsize>);

struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("once more");
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        std::panic::panic_any(Payload);
    }
}

#[tokio::test(start_paused = true)]
async fn s9_1_messages_that_panic_twice_when_they_are_dropped_hurt_nobody() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut spec =
        ChildSpec::server(|| Patient).mailbox(2).overflow(Overflow::DropOldest).shutdown(Shutdown::BrutalKill);
    let server = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    for _ in 0..4 {
        assert!(server.try_cast(Explosive(Arc::clone(&dropped))).is_ok());
    }
    assert_eq!(dropped.load(SeqCst), 2, "the oldest");
    assert_eq!(bounded(tree.stop()).await, ExitReason::Shutdown);
    assert_eq!(dropped.load(SeqCst), 4, "all of them");
}
