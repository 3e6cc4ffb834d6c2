//! Section 8.4: links and monitors of any process.

mod support;

use supervisor::testing::settle;
use supervisor::{
    ChildSpec, Context, Down, ExitReason, Exited, Failure, Flow, MonitorId, ProcessRef, Reply, Restart, Server,
    ServerRef, Strategy, Supervisor, SupervisorRef, Tree,
};

use registry::Process;
use support::{Ask, Journal, Probe, probe, tell};

/// Monitors and links what it is told to, and notes what it hears.
struct Watcher<const TRAPS: bool> {
    journal: Journal,
}

enum Order {
    Monitor(ProcessRef, Reply<MonitorId>),
    Demonitor(MonitorId, Reply<bool>),
    /// Has the process end while this is handled, and takes the monitor and the link back before it can hear of it.
    TakeBack(Process, Reply<()>),
    Link(ProcessRef, Reply<()>),
    Unlink(ProcessRef, Reply<bool>),
    Stop(ExitReason),
    Panic,
}

impl<const TRAPS: bool> Server for Watcher<TRAPS> {
    type Message = Order;

    async fn handle(&mut self, order: Order, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match order {
            Order::Monitor(process, reply) => reply.send(cx.monitor(&process)),
            Order::Demonitor(monitor, reply) => reply.send(cx.demonitor(monitor)),
            Order::TakeBack(process, reply) => {
                let reference = process.reference();
                let monitor = cx.monitor(&reference);
                cx.link(&reference);
                process.end(ExitReason::error("told to"));
                assert!(cx.demonitor(monitor));
                assert!(!cx.unlink(&reference));
                reply.send(());
            }
            Order::Link(process, reply) => {
                cx.link(&process);
                reply.send(());
            }
            Order::Unlink(process, reply) => reply.send(cx.unlink(&process)),
            Order::Stop(reason) => return Ok(Flow::Stop(reason)),
            Order::Panic => panic!("told to"),
        }
        Ok(Flow::Continue)
    }

    async fn handle_down(&mut self, down: Down, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        self.journal.note(format!("down:{}:{}", down.process.id(), down.reason));
        Ok(Flow::Continue)
    }

    async fn handle_exit(&mut self, exited: Exited, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
        if TRAPS {
            self.journal.note(format!("exit:{}:{}", exited.process.id(), exited.reason));
            return Ok(Flow::Continue);
        }
        Ok(if exited.reason.is_clean() { Flow::Continue } else { Flow::Stop(exited.as_reason()) })
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.journal.note("terminate");
    }
}

/// Links, and leaves the rest as it is.
struct Plain;

impl Server for Plain {
    type Message = (ProcessRef, Reply<()>);

    async fn handle(&mut self, (process, reply): Self::Message, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        cx.link(&process);
        reply.send(());
        Ok(Flow::Continue)
    }
}

struct Setup<const TRAPS: bool> {
    tree: Tree<SupervisorRef>,
    watcher: ServerRef<Watcher<TRAPS>>,
    probe: ServerRef<Probe>,
    plain: ServerRef<Plain>,
    journal: Journal,
}

async fn setup<const TRAPS: bool>() -> Setup<TRAPS> {
    let (journal, quiet) = (Journal::default(), Journal::default());
    let noted = journal.clone();
    let mut watcher = ChildSpec::server(move || Watcher::<TRAPS> { journal: noted.clone() }).id("watcher");
    let (mut probe, mut plain) = (probe("probe", &quiet), ChildSpec::server(|| Plain));
    let (w, pr, pl) = (watcher.reference(), probe.reference(), plain.reference());
    let tree =
        Supervisor::new(Strategy::OneForOne).budget(100, support::SECOND).child(watcher).child(probe).child(plain);
    Setup { tree: tree.start().await.unwrap(), watcher: w, probe: pr, plain: pl, journal }
}

impl<const TRAPS: bool> Setup<TRAPS> {
    async fn monitor(&self, process: &ProcessRef) -> MonitorId {
        self.watcher.call(|reply| Order::Monitor(process.clone(), reply)).await.unwrap()
    }

    async fn link(&self, process: &ProcessRef) {
        self.watcher.call(|reply| Order::Link(process.clone(), reply)).await.unwrap();
    }

    /// What the watcher has noted, once all is quiet.
    async fn noted(&self) -> String {
        settle().await;
        self.journal.take()
    }
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_monitor_hears_of_the_end_of_any_process() {
    let setup = setup::<false>().await;
    let server = setup.probe.process().unwrap();
    setup.monitor(&server).await;
    tell(&setup.probe, Ask::Fail);
    assert_eq!(setup.noted().await, format!("down:{}:error: told to fail", server.id()));

    let task = registry::spawn(async { Err::<(), _>("out of paper") });
    setup.monitor(&task).await;
    assert_eq!(setup.noted().await, format!("down:{}:error: out of paper", task.id()));

    let by_hand = Process::new();
    let id = by_hand.id();
    setup.monitor(&by_hand.reference()).await;
    setup.monitor(&by_hand.reference()).await;
    assert_eq!(setup.noted().await, "");
    drop(by_hand);
    assert_eq!(setup.noted().await, format!("down:{id}:killed down:{id}:killed"), "each monitor for itself");
    assert_eq!(setup.watcher.incarnation(), 1, "and it goes on");
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_monitor_of_an_ended_process_hears_of_it_at_once() {
    let setup = setup::<false>().await;
    let server = setup.probe.process().unwrap();
    tell(&setup.probe, Ask::Stop(ExitReason::Normal));
    server.exited().await;
    setup.monitor(&server).await;
    assert_eq!(setup.noted().await, format!("down:{}:normal", server.id()));
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_monitor_that_was_taken_back_hears_nothing() {
    let setup = setup::<true>().await;
    let process = Process::new();
    let monitor = setup.monitor(&process.reference()).await;
    assert_eq!(setup.watcher.call(|reply| Order::Demonitor(monitor, reply)).await, Ok(true));
    assert_eq!(setup.watcher.call(|reply| Order::Demonitor(monitor, reply)).await, Ok(false));
    drop(process);
    assert_eq!(setup.noted().await, "");
    // Not even what was on its way already.
    setup.watcher.call(|reply| Order::TakeBack(Process::new(), reply)).await.unwrap();
    assert_eq!(setup.noted().await, "");
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_monitors_and_links_end_with_their_incarnation() {
    let setup = setup::<true>().await;
    let process = Process::new();
    setup.monitor(&process.reference()).await;
    setup.link(&process.reference()).await;
    let _ = setup.watcher.cast(Order::Panic).await;
    settle().await;
    assert_eq!(setup.watcher.incarnation(), 2);
    drop(process);
    assert_eq!(setup.noted().await, "");
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_an_abnormal_end_ends_what_is_linked_and_says_whose_end_it_was() {
    let setup = setup::<false>().await;
    let (server, other) = (setup.probe.process().unwrap(), setup.plain.process().unwrap());
    setup.link(&server).await;
    setup.plain.call(|reply| (server.clone(), reply)).await.unwrap();
    tell(&setup.probe, Ask::Fail);
    settle().await;
    let linked = ExitReason::error(format!("linked process {} ended: error: told to fail", server.id()));
    assert_eq!(setup.watcher.last_exit(), Some(linked.clone()));
    assert_eq!(setup.plain.last_exit(), Some(linked), "also with what a server does by default");
    assert_eq!(other.exit_reason(), setup.plain.last_exit());
    assert_eq!((setup.watcher.incarnation(), setup.plain.incarnation()), (2, 2), "restarted, as after an error");
    assert_eq!(setup.noted().await, "terminate");
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_link_works_in_both_directions_whoever_made_it() {
    let setup = setup::<true>().await;
    let (mine, server) = (setup.watcher.process().unwrap(), setup.probe.process().unwrap());
    setup.link(&server).await;
    setup.watcher.cast(Order::Panic).await.unwrap();
    settle().await;
    let Some(ExitReason::Error(reason)) = setup.probe.last_exit() else { panic!("{:?}", setup.probe.last_exit()) };
    assert!(reason.starts_with(&format!("linked process {} ended: panic: told to", mine.id())), "{reason}");
    assert_eq!(setup.probe.incarnation(), 2);
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_who_traps_exits_hears_of_all_of_them_and_goes_on() {
    let setup = setup::<true>().await;
    let server = setup.probe.process().unwrap();
    setup.link(&server).await;
    tell(&setup.probe, Ask::Fail);
    assert_eq!(setup.noted().await, format!("exit:{}:error: told to fail", server.id()));
    let server = setup.probe.process().unwrap();
    setup.link(&server).await;
    tell(&setup.probe, Ask::Stop(ExitReason::Normal));
    assert_eq!(setup.noted().await, format!("exit:{}:normal", server.id()), "clean ones as well");
    assert_eq!(setup.watcher.incarnation(), 1);
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_clean_end_ends_nobody() {
    let setup = setup::<false>().await;
    for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("done")] {
        setup.link(&setup.probe.process().unwrap()).await;
        tell(&setup.probe, Ask::Stop(reason.clone()));
        settle().await;
        setup.link(&setup.probe.process().unwrap()).await;
        setup.watcher.cast(Order::Stop(reason)).await.unwrap();
        assert_eq!(setup.noted().await, "terminate");
    }
    assert_eq!((setup.watcher.incarnation(), setup.probe.incarnation()), (4, 4), "each by its own end alone");
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_link_is_undone_from_either_side() {
    let setup = setup::<false>().await;
    let server = setup.probe.process().unwrap();
    setup.link(&server).await;
    assert_eq!(setup.watcher.call(|reply| Order::Unlink(server.clone(), reply)).await, Ok(true));
    assert_eq!(setup.watcher.call(|reply| Order::Unlink(server.clone(), reply)).await, Ok(false));
    setup.link(&server).await;
    assert!(server.unlink(&setup.watcher.process().unwrap()));
    tell(&setup.probe, Ask::Fail);
    assert_eq!(setup.noted().await, "");
    assert_eq!(setup.watcher.incarnation(), 1);
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_link_with_an_ended_process_is_told_at_once() {
    let setup = setup::<false>().await;
    let process = Process::new();
    let (id, ended) = (process.id(), process.reference());
    drop(process);
    setup.link(&ended).await;
    settle().await;
    assert_eq!(setup.watcher.last_exit(), Some(ExitReason::of_linked(id, &ExitReason::Killed)));
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_tasks_and_threads_can_be_linked_with() {
    let setup = setup::<false>().await;
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(ChildSpec::task("task", |cx| async move { cx.stopped().await }).restart(Restart::Transient))
        .child(
            ChildSpec::blocking("thread", |cx| {
                cx.wait_until_stopping();
            })
            .restart(Restart::Transient),
        )
        .child(ChildSpec::supervisor(Supervisor::new(Strategy::OneForOne)).id("supervisor"))
        .start()
        .await
        .unwrap();
    let mut children = Vec::new();
    for child in ["task", "thread", "supervisor"] {
        children.push(tree.find_child(child).await.unwrap().unwrap());
    }
    let mine = setup.watcher.process().unwrap();
    for child in &children {
        setup.link(&child.process().unwrap()).await;
    }
    setup.watcher.cast(Order::Panic).await.unwrap();
    for child in &children[..2] {
        child.ended(1).await;
        let reason = child.last_exit();
        let Some(ExitReason::Error(text)) = &reason else { panic!("{}: {reason:?}", child.id()) };
        assert!(text.starts_with(&format!("linked process {} ended: panic", mine.id())), "{text}");
        assert!(child.running().await, "an abnormal end, after which a transient child is restarted");
    }
    assert!(children[2].is_running() && children[2].incarnation() == 1, "a supervisor is not ended by a link");

    // And the other way round.
    let task = children[0].process().unwrap();
    setup.link(&task).await;
    tree.kill_child("task").await.unwrap();
    settle().await;
    assert_eq!(setup.watcher.last_exit(), Some(ExitReason::of_linked(task.id(), &ExitReason::Killed)));
    tree.stop().await;
    setup.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_4_a_process_made_by_hand_is_left_alone_by_the_end_of_what_it_is_linked_with() {
    let setup = setup::<false>().await;
    let by_hand = Process::new();
    setup.link(&by_hand.reference()).await;
    setup.watcher.cast(Order::Panic).await.unwrap();
    settle().await;
    assert!(by_hand.reference().is_alive());
    setup.tree.stop().await;
}
