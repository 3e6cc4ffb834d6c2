//! Section 8: servers and their references.

mod support;

use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    Backoff, CallError, ChildSpec, Context, ExitReason, Failure, Flow, Init, Reply, SendError, Server, ServerRef,
    Strategy, Supervisor, SupervisorRef, TimerId, Tree,
};
use tokio::time::Instant;

use support::{Ask, Journal, Probe, SECOND, Script, probe, scripted, tell};

async fn start<S: Server>(mut spec: ChildSpec<ServerRef<S>>) -> (Tree<SupervisorRef>, ServerRef<S>) {
    let reference = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    (tree, reference)
}

/// Writes down the order of what it handles.
struct Order(Journal, Option<TimerId>);

#[derive(Debug)]
enum Step {
    Mail(u32),
    Ahead(&'static str),
    Tick,
    Arm { after: Duration },
    Repeat { every: Duration },
    Cancel(Reply<bool>),
}

impl Server for Order {
    type Message = Step;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        // Mail that is there before the init is done.
        cx.this().try_cast(Step::Mail(0))?;
        cx.handle_next(Step::Ahead("first"));
        cx.handle_next(Step::Ahead("second"));
        self.0.note("init");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, step: Step, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match step {
            Step::Mail(n) => self.0.note(format!("mail{n}")),
            Step::Ahead(what) => self.0.note(what),
            Step::Tick => self.0.note("tick"),
            Step::Arm { after } => self.1 = Some(cx.send_after(after, Step::Tick)),
            Step::Repeat { every } => self.1 = Some(cx.send_interval(every, || Step::Tick)),
            Step::Cancel(reply) => reply.send(self.1.take().is_some_and(|timer| cx.cancel_timer(timer))),
        }
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, reason: &ExitReason) {
        self.0.note(format!("terminate:{reason}"));
    }
}

fn order(journal: &Journal) -> ChildSpec<ServerRef<Order>> {
    let journal = journal.clone();
    ChildSpec::server(move || Order(journal.clone(), None))
}

#[tokio::test(start_paused = true)]
async fn s8_1_what_is_put_ahead_is_handled_before_any_mail() {
    let journal = Journal::default();
    let (tree, server) = start(order(&journal)).await;
    settle().await;
    assert_eq!(journal.take(), "init first second mail0");
    assert_eq!(server.mailbox_len(), 0);
    tree.stop().await;
    assert_eq!(journal.take(), "terminate:shutdown");
}

#[tokio::test(start_paused = true)]
async fn s8_1_timers_fire_in_time_and_can_be_cancelled() {
    let journal = Journal::default();
    let (tree, server) = start(order(&journal)).await;
    settle().await;
    journal.take();

    server.cast(Step::Arm { after: SECOND * 10 }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(9_900)).await;
    assert_eq!(journal.take(), "");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(journal.take(), "tick");
    assert_eq!(server.call(Step::Cancel).await, Ok(false), "it has fired");

    server.cast(Step::Arm { after: SECOND }).await.unwrap();
    assert_eq!(server.call(Step::Cancel).await, Ok(true));
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "");

    server.cast(Step::Repeat { every: SECOND }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(journal.take(), "tick tick tick");
    assert_eq!(server.call(Step::Cancel).await, Ok(true));
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(journal.take(), "");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_timers_end_with_their_incarnation() {
    let journal = Journal::default();
    let (tree, server) = start(order(&journal)).await;
    server.cast(Step::Repeat { every: SECOND }).await.unwrap();
    settle().await;
    journal.take();
    tree.kill_child("Order").await.unwrap();
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(server.incarnation(), 2);
    assert_eq!(journal.take(), "init first second mail0");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_1_terminate_runs_on_a_stop_and_an_error_and_not_on_a_kill_or_a_panic() {
    let journal = Journal::default();
    let (tree, a) = start(probe("a", &journal)).await;
    tell(&a, Ask::Stop(ExitReason::Normal));
    settle().await;
    assert_eq!(journal.take(), "+a -a +a");
    tell(&a, Ask::Fail);
    settle().await;
    assert_eq!(journal.take(), "-a +a");
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(journal.take(), "+a");
    tree.stop().await;
    assert_eq!(journal.take(), "-a");

    let (tree, _) = start(probe("a", &journal)).await;
    tree.kill_child("a").await.unwrap();
    settle().await;
    assert_eq!(journal.take(), "+a +a");
    drop(tree);
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_reference_finds_the_next_incarnation() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    for incarnation in 1..=3 {
        assert_eq!(a.call(Ask::Ping).await, Ok(incarnation));
        tell(&a, Ask::Panic);
        a.child().ended(incarnation).await;
        assert!(a.running().await);
    }
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_call_times_out_after_five_seconds_and_its_late_reply_is_dropped() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    let begun = Instant::now();
    assert_eq!(a.call(|reply| Ask::Wait(SECOND * 6, reply)).await, Err(CallError::Timeout));
    assert_eq!(begun.elapsed().as_secs(), 5);
    // The answer comes at six seconds, to nobody. The next call gets its own.
    assert_eq!(a.call(Ask::Ping).await, Ok(1));
    assert_eq!(a.call_timeout(SECOND, |reply| Ask::Wait(SECOND * 2, reply)).await, Err(CallError::Timeout));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_call_to_a_restarting_server_says_so() {
    let slow = Script { init_time: SECOND, ..Script::default() };
    let delay = Backoff::exponential().base(SECOND).jitter(0.0);
    let (tree, a) = start(scripted("a", &Journal::default(), &slow).backoff(delay)).await;
    tell(&a, Ask::Panic);
    settle().await;
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::Restarting), "down, and about to be started");
    assert!(matches!(a.cast(Ask::Fail).await, Err(SendError::Restarting(Ask::Fail))), "the message comes back");
    assert!(matches!(a.try_cast(Ask::Fail), Err(SendError::Restarting(Ask::Fail))));
    tokio::time::sleep(SECOND).await;
    assert_eq!((a.incarnation(), a.is_running()), (2, false), "in its init");
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::Restarting));
    a.cast(Ask::Fail).await.unwrap();
    a.child().ended(2).await;
    assert_eq!(
        a.last_exit(),
        Some(ExitReason::error("told to fail")),
        "what is cast during the init is handled after it"
    );
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_call_to_a_server_that_is_not_running_says_so() {
    let mut spec = probe("a", &Journal::default());
    let a = spec.reference();
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::NotRunning), "before the start");
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    tree.terminate_child("a").await.unwrap();
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::NotRunning), "terminated");
    tree.restart_child("a").await.unwrap();
    assert_eq!(a.call(Ask::Ping).await, Ok(2));
    tree.stop().await;
    tree.exited().await;
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::NotRunning), "ended");
    assert!(matches!(a.cast(Ask::Panic).await, Err(SendError::NotRunning(Ask::Panic))), "the message comes back");
}

#[tokio::test(start_paused = true)]
async fn s8_2_the_callers_of_a_server_that_dies_are_told_why() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    // One is being handled, one waits in the mailbox.
    let (handled, waiting) = tokio::join!(a.call(Ask::ForgetAndFail), a.call(Ask::Ping));
    let died = Err(CallError::Died(ExitReason::error("told to fail")));
    assert_eq!(handled, died, "also when the reply was dropped a second before the failure");
    assert_eq!(waiting, died);

    tell(&a, Ask::Panic);
    let Err(CallError::Died(ExitReason::Panic(panic))) = a.call(Ask::Ping).await else { panic!() };
    assert_eq!(panic.message(), "a panicked");

    settle().await;
    let hung = tokio::spawn({
        let a = a.clone();
        async move { a.call(Ask::Ping).await }
    });
    tell(&a, Ask::Hang);
    let kept = tokio::spawn({
        let a = a.clone();
        async move { a.call(Ask::Keep).await }
    });
    settle().await;
    tree.kill_child("a").await.unwrap();
    let killed = Err(CallError::Died(ExitReason::Killed));
    assert_eq!(kept.await.unwrap(), killed);
    assert_eq!(hung.await.unwrap(), killed, "it was behind the one that hung");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_reply_that_is_kept_dies_with_the_server() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    let kept = tokio::spawn({
        let a = a.clone();
        async move { a.call(Ask::Keep).await }
    });
    settle().await;
    tree.kill_child("a").await.unwrap();
    assert_eq!(kept.await.unwrap(), Err(CallError::Died(ExitReason::Killed)));

    settle().await;
    let kept = tokio::spawn({
        let a = a.clone();
        async move { a.call(Ask::Keep).await }
    });
    settle().await;
    tell(&a, Ask::Answer);
    assert_eq!(kept.await.unwrap(), Ok(7), "or is answered later");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_reply_that_is_dropped_by_a_server_that_goes_on_is_no_reply() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    let begun = Instant::now();
    assert_eq!(a.call(Ask::Forget).await, Err(CallError::NoReply));
    assert!(begun.elapsed() < SECOND, "and is told at once");
    assert_eq!(a.call(Ask::Ping).await, Ok(1));
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_call_to_oneself_would_deadlock_and_says_so() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    assert_eq!(a.call(Ask::CallYourself).await, Ok(Err(CallError::WouldDeadlock)));
    assert_eq!(a.call(Ask::Ping).await, Ok(1), "others are not mistaken for it");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s8_2_a_call_into_a_mailbox_that_stays_full_is_overloaded() {
    let (tree, a) = start(probe("a", &Journal::default()).mailbox(2)).await;
    tell(&a, Ask::Hang);
    settle().await;
    for _ in 0..2 {
        tell(&a, Ask::Answer);
    }
    assert_eq!((a.mailbox_len(), a.mailbox_capacity()), (2, 2), "the depth is visible");
    assert!(matches!(a.try_cast(Ask::Answer), Err(SendError::Full(Ask::Answer))));
    let begun = Instant::now();
    assert_eq!(a.call(Ask::Ping).await, Err(CallError::Overloaded));
    assert_eq!(begun.elapsed().as_secs(), 5);
    drop(tree);
}

#[tokio::test(start_paused = true)]
async fn s8_3_a_call_that_finds_room_in_time_is_answered() {
    let (tree, a) = start(probe("a", &Journal::default()).mailbox(1)).await;
    let calls = (0..20).map(|_| {
        let a = a.clone();
        tokio::spawn(async move { a.call(|reply| Ask::Wait(Duration::from_millis(10), reply)).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), Ok(1));
    }
    tree.stop().await;
}

/// Lets a call and a cast wait behind a crash, and says what came of the call, and whether the next incarnation got the cast.
async fn mail_over_a_crash(spec: ChildSpec<ServerRef<Probe>>) -> (Result<u32, CallError>, bool) {
    let (tree, a) = start(spec).await;
    tell(&a, Ask::Panic);
    let (outcome, ()) = tokio::join!(a.call(Ask::Ping), async { tell(&a, Ask::Hang) });
    settle().await;
    // A server that has the Hang is busy with it for ever.
    let busy = a.call_timeout(SECOND, Ask::Ping).await.is_err();
    drop(tree);
    (outcome, busy)
}

#[tokio::test(start_paused = true)]
async fn s8_3_mail_that_was_not_handled_is_dropped_unless_the_spec_keeps_it() {
    let journal = Journal::default();
    let (call, handled) = mail_over_a_crash(probe("a", &journal)).await;
    assert!(matches!(call, Err(CallError::Died(ExitReason::Panic(_)))), "{call:?}");
    assert!(!handled);

    let (call, handled) = mail_over_a_crash(probe("a", &journal).keep_mail()).await;
    assert_eq!(call, Ok(2), "answered by the next incarnation");
    assert!(handled);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_asked_for_as_what_it_is_not_is_none() {
    let (tree, a) = start(probe("a", &Journal::default())).await;
    let child = tree.find_child("a").await.unwrap().unwrap();
    assert_eq!(child.server::<Probe>(), Some(a));
    assert!(child.server::<Order>().is_none());
    assert!(child.supervisor().is_none());
    assert_eq!(tree.child().supervisor().unwrap().id(), tree.id());
    tree.stop().await;
}
