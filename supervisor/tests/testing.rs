//! Section 9.2 and 10.1: what tests of supervised programs are helped by.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use supervisor::testing::{Chaos, NotUp, Recorder, exited, meltdown, panicked, restarting, settle, started};
use supervisor::{ChildRef, ChildSpec, DynamicSupervisor, ExitReason, Restart, Strategy, Supervisor};

use support::{Ask, Journal, SECOND, probe, tell};

fn idle(id: impl Into<supervisor::ChildId>) -> ChildSpec<ChildRef> {
    ChildSpec::task(id, |cx| async move { cx.stopped().await })
}

fn killed() -> ExitReason {
    ExitReason::Killed
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_recorder_compares_everything_from_the_first_start_on() {
    let journal = Journal::default();
    let mut a = probe("a", &journal);
    let server = a.reference();
    let (tree, mut recorder) = Recorder::start(Supervisor::new(Strategy::OneForOne).budget(1, SECOND).child(a)).await;
    let tree = tree.unwrap();
    recorder.expect([started("a"), started("supervisor")]);
    recorder.expect([]);
    tell(&server, Ask::Panic);
    settle().await;
    let event = recorder.take().remove(0);
    assert!(event.to_string().starts_with("supervisor/a #1 exited (panic: a panicked"), "{event}");
    tell(&server, Ask::Panic);
    tree.exited().await;
    recorder.expect([panicked("a").incarnation(2), meltdown("supervisor"), exited("supervisor", tree.exited().await)]);
}

#[tokio::test(start_paused = true)]
async fn s10_1_a_recorder_that_is_surprised_says_where() {
    let tree = Supervisor::new(Strategy::OneForAll).child(idle("a")).child(idle("b")).start().await.unwrap();
    let mut recorder = Recorder::of(&*tree);
    Chaos::of(&*tree, 1).kill("a").unwrap();
    settle().await;
    let surprised = |work: &mut dyn FnMut()| {
        let payload = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
        *payload.downcast::<String>().unwrap()
    };
    let said = surprised(&mut || recorder.expect([exited("a", killed()), started("a").incarnation(3), started("b")]));
    let expected = "\
something else happened (- is missing, + is too much):
  supervisor/a #1 exited (killed)
- a #3 started
+ supervisor/a #1 restarting (killed)
+ supervisor/b #1 exited (shutdown)
+ supervisor/a #2 started
  supervisor/b #2 started";
    assert_eq!(said, expected);

    tree.kill_child("b").await.unwrap();
    settle().await;
    recorder.expect_among([restarting("b", killed()), started("b").incarnation(3)]);
    tree.kill_child("b").await.unwrap();
    settle().await;
    let said = surprised(&mut || recorder.expect_among([started("b"), restarting("b", killed())]));
    assert!(said.starts_with("`b restarting (killed)` did not happen"), "{said}");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s9_2_chaos_kills_by_id_and_by_path_as_if_it_had_crashed() {
    let inner = || Supervisor::new(Strategy::OneForOne).child(idle("a"));
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(ChildSpec::supervisor(inner()).id("first"))
        .child(ChildSpec::supervisor(inner()).id("second"))
        .child(idle("once").restart(Restart::Temporary))
        .child(ChildSpec::blocking("thread", |cx| cx.wait_until_stopping()))
        .start()
        .await
        .unwrap();
    let mut recorder = Recorder::of(&*tree);
    let mut chaos = Chaos::of(&*tree, 0);
    let again = |path: &str| [exited(path, killed()), restarting(path, killed()), started(path).incarnation(2)];
    chaos.kill("second/a").unwrap();
    settle().await;
    recorder.expect(again("second/a"));
    chaos.kill("a").unwrap();
    settle().await;
    recorder.expect(again("first/a"));
    chaos.kill("once").unwrap();
    settle().await;
    recorder.expect([exited("once", killed())]);
    chaos.kill("second").unwrap();
    settle().await;
    recorder.expect([
        exited("second/a", killed()),
        exited("second", killed()),
        restarting("second", killed()),
        started("second/a").incarnation(3),
        started("second").incarnation(2),
    ]);
    for name in ["once", "nobody", "thread"] {
        assert_eq!(chaos.kill(name), Err(NotUp(name.to_owned())));
    }
    tree.stop().await;
    assert_eq!(chaos.kill("a"), Err(NotUp("a".to_owned())));
}

/// What is killed in three rounds of each kind, and all that came of it.
async fn massacre(seed: u64) -> (Vec<String>, Vec<String>) {
    let jobs = DynamicSupervisor::new().budget(u32::MAX, SECOND).start().await.unwrap();
    for n in 0..100 {
        jobs.start_child(idle(format!("job-{n}"))).await.unwrap();
    }
    let mut recorder = Recorder::of(&*jobs);
    let mut chaos = Chaos::of(&*jobs, seed);
    let mut killed = Vec::new();
    for _ in 0..3 {
        killed.extend(chaos.kill_one());
        settle().await;
        killed.extend(chaos.kill_each(0.2));
        settle().await;
    }
    let events = recorder.take().iter().map(ToString::to_string).collect();
    jobs.stop().await;
    (killed, events)
}

#[tokio::test(start_paused = true)]
async fn s9_2_chaos_by_chance_is_the_same_each_time_for_the_same_seed() {
    let (killed, events) = massacre(42).await;
    assert_eq!(massacre(42).await, (killed.clone(), events.clone()));
    assert_ne!(massacre(43).await.0, killed);
    // 63 are to be expected; 25 is more than five standard deviations from it.
    assert!((38..=88).contains(&killed.len()), "{}", killed.len());
    assert_eq!(events.len(), 3 * killed.len(), "each exits, is restarted, and is up again");
}

#[tokio::test(start_paused = true)]
async fn s9_2_chaos_kills_all_or_none_at_the_ends_of_the_scale() {
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(100, SECOND)
        .child(idle("a"))
        .child(ChildSpec::supervisor(Supervisor::new(Strategy::OneForOne).child(idle("b"))).id("inner"))
        .start()
        .await
        .unwrap();
    let mut chaos = Chaos::of(&*tree, 9);
    assert_eq!(chaos.kill_each(0.0), Vec::<String>::new());
    assert_eq!(chaos.kill_each(1.0), ["a", "inner/b"], "workers only");
    assert!(catch_unwind(AssertUnwindSafe(|| chaos.kill_each(1.5))).is_err());
    settle().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        seen.extend(chaos.kill_one());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "inner/b"]);
    tree.stop().await;
    assert_eq!(chaos.kill_one(), None);
}
