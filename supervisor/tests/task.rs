//! Section 7.3: tasks that give a result.

mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use registry::ServiceRegistry;
use supervisor::testing::settle;
use supervisor::{
    CallError, ChildRef, ChildSpec, Context, DynamicSupervisor, ExitReason, Failure, Flow, OnTimeout,
    PartitionSupervisor, Reply, Restart, Server, Shutdown, StartChildError, Strategy, Supervisor, TaskExit, TaskStream,
    TaskSupervisor, TaskSupervisorRef,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use support::SECOND;

/// Counts those that are there.
#[derive(Clone, Default)]
struct Gauge(Arc<AtomicUsize>);

struct Present(Gauge);

impl Gauge {
    fn enter(&self) -> Present {
        self.0.fetch_add(1, SeqCst);
        Present(self.clone())
    }

    fn now(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

fn exited(finished: Result<impl Sized, TaskExit>) -> ExitReason {
    match finished {
        Err(TaskExit::Exited(reason)) => reason,
        Err(refused) => panic!("{refused:?}"),
        Ok(_) => panic!("a result"),
    }
}

/// All that comes of a stream; the word of the reason where there is no result.
async fn all<I, W, F>(mut stream: TaskStream<I, W, F>) -> Vec<Result<u64, String>>
where
    I: Iterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output = u64> + Send + 'static,
{
    let mut results = Vec::new();
    while let Some(result) = stream.next().await {
        results.push(result.map_err(|exit| exit.reason().map_or_else(|| exit.to_string(), |why| why.as_str().into())));
    }
    results
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_task_gives_its_result_once_it_has_ended_and_its_place_is_free() {
    let tasks = TaskSupervisor::new().max_children(1).start().await.unwrap();
    for n in 0..100 {
        let task = tasks.async_nolink(async move { n * 2 }).unwrap();
        let child = task.child();
        assert!(matches!(tasks.async_nolink(async {}), Err(StartChildError::MaxChildren(1))));
        assert_eq!(task.await.unwrap(), n * 2);
        assert_eq!(child.last_exit(), Some(ExitReason::Normal));
    }
    assert_eq!(tasks.count_children().specs, 0);
    tasks.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_3_on_many_threads_too_the_place_is_free_when_the_result_is_there() {
    let tasks = TaskSupervisor::new().max_children(1).start().await.unwrap();
    for n in 0..2_000 {
        assert_eq!(tasks.async_nolink(async move { n }).unwrap().await.unwrap(), n);
    }
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_crashing_nolink_task_leaves_the_caller_alone_and_is_data() {
    let tasks = TaskSupervisor::new().budget(0, SECOND).start().await.unwrap();
    let other = tasks.async_nolink(async { sleep(SECOND).await }).unwrap();
    for _ in 0..10 {
        let crashed = tasks.async_nolink(async { panic!("no paper") }).unwrap();
        let exit: TaskExit = crashed.await.map(|(): ()| ()).unwrap_err();
        assert!(exit.is_panic());
        let Some(ExitReason::Panic(panic)) = exit.reason() else { panic!("{exit:?}") };
        assert_eq!(panic.message(), "no paper");
        assert!(panic.location().is_some_and(|at| at.contains("task.rs")));
    }
    assert!(tasks.is_running(), "it counts against no budget");
    other.await.unwrap();
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_an_error_that_a_task_returns_is_its_result() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let task = tasks.async_nolink(async { Err::<(), _>("no paper") }).unwrap();
    assert_eq!(task.await.unwrap(), Err("no paper"));
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_nolink_task_goes_on_when_its_caller_has_gone() {
    let tasks = Arc::new(TaskSupervisor::new().start().await.unwrap());
    let (say, done) = oneshot::channel();
    let starter = Arc::clone(&tasks);
    let caller = tokio::spawn(async move {
        let task = starter.async_nolink(async {
            sleep(SECOND).await;
            say.send(7).unwrap();
        });
        task.unwrap().await.unwrap();
    });
    settle().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(done.await, Ok(7));

    let (say, done) = oneshot::channel();
    drop(tasks.async_nolink(async { say.send(8).unwrap() }).unwrap());
    assert_eq!(done.await, Ok(8));
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_yield_for_gives_the_handle_back_when_the_time_is_over() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let task = tasks.async_nolink(async { sleep(SECOND * 3).await }).unwrap();
    let begun = Instant::now();
    let task = task.yield_for(SECOND).await.unwrap_err();
    assert_eq!((begun.elapsed().as_secs(), task.is_finished()), (1, false));
    assert!(task.yield_for(SECOND * 10).await.unwrap().is_ok());
    assert_eq!(begun.elapsed().as_secs(), 3);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_shutdown_drops_a_task_at_its_await_and_gives_a_result_that_was_there() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let gauge = Gauge::default();
    let inside = gauge.enter();
    let task = tasks.async_nolink(async move {
        let _inside = inside;
        pending::<()>().await;
    });
    settle().await;
    let begun = Instant::now();
    assert_eq!(exited(task.unwrap().shutdown().await), ExitReason::Shutdown);
    assert_eq!((begun.elapsed(), gauge.now()), (Duration::ZERO, 0));

    let task = tasks.async_nolink(async { 7 }).unwrap();
    settle().await;
    assert!(task.is_finished());
    assert_eq!(task.shutdown().await.unwrap(), 7);

    let crashed = tasks.async_nolink(async { panic!("before") }).unwrap();
    settle().await;
    let told: Result<(), _> = crashed.shutdown().await;
    assert!(told.unwrap_err().is_panic());
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_ignore_leaves_the_task_to_itself() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let child = tasks.async_nolink(async { sleep(SECOND).await }).unwrap().ignore();
    assert!(child.is_running());
    assert_eq!(child.gone().await, Some(ExitReason::Normal));
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_start_child_is_never_restarted_and_tells_how_it_ended() {
    let tasks = TaskSupervisor::new().budget(0, SECOND).start().await.unwrap();
    let done = tasks.start_child(async { 7 }).unwrap();
    let crashed = tasks.start_child(async { panic!("once") }).unwrap();
    assert_eq!(done.gone().await, Some(ExitReason::Normal));
    assert!(matches!(crashed.gone().await, Some(ExitReason::Panic(_))));
    assert_eq!((crashed.incarnation(), tasks.count_children().specs), (1, 0));

    let stopped = tasks.start_child(pending::<()>()).unwrap();
    tasks.terminate_child(stopped.clone()).await.unwrap();
    assert_eq!(stopped.last_exit(), Some(ExitReason::Shutdown));
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_start_restarted_restarts_within_the_supervisors_budget() {
    let tasks = TaskSupervisor::new().budget(2, SECOND).start().await.unwrap();
    let upload = tasks.start_restarted(Restart::Transient, |cx| async move {
        if cx.incarnation() < 3 { Err("no connection") } else { Ok(()) }
    });
    let upload = upload.unwrap();
    assert_eq!(upload.gone().await, Some(ExitReason::Normal));
    assert_eq!(upload.incarnation(), 3);
    let other = tasks.async_nolink(pending::<()>()).unwrap();
    tasks.start_restarted(Restart::Permanent, |_| async {}).unwrap();
    assert_eq!(exited(other.await), ExitReason::Shutdown);
    assert_eq!(tasks.exited().await.as_str(), "shutdown");
    assert_eq!(tasks.meltdown().unwrap().child, "task");
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_task_that_is_restarted_has_the_supervisors_shutdown_time() {
    let tasks = TaskSupervisor::new().shutdown(Shutdown::Timeout(SECOND * 2)).start().await.unwrap();
    let deaf = tasks.start_restarted(Restart::Permanent, |_| pending::<()>()).unwrap();
    settle().await;
    let begun = Instant::now();
    assert_eq!(tasks.stop().await, ExitReason::Shutdown);
    assert_eq!((begun.elapsed().as_secs(), deaf.last_exit()), (2, Some(ExitReason::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_stop_drops_all_tasks_at_once_and_tells_who_awaits_them() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let gauge = Gauge::default();
    let mut handles = Vec::new();
    for _ in 0..1_000 {
        let inside = gauge.enter();
        handles.push(tasks.async_nolink(async move {
            let _inside = inside;
            pending::<()>().await;
        }));
    }
    settle().await;
    let begun = Instant::now();
    assert_eq!(tasks.stop().await, ExitReason::Shutdown);
    assert_eq!((begun.elapsed(), gauge.now()), (Duration::ZERO, 0));
    for handle in handles {
        assert_eq!(exited(handle.unwrap().await), ExitReason::Shutdown);
    }
    assert!(matches!(tasks.async_nolink(async {}), Err(StartChildError::NotRunning)));
    assert!(matches!(tasks.start_child(async {}), Err(StartChildError::NotRunning)));
    let refused = all(tasks.stream(0..100, |n| async move { n })).await;
    assert_eq!(refused, [Err("the task was not started".to_owned())], "once, and not a hundred times");
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_task_that_starts_another_during_the_stop_is_told_so() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let (say, told) = oneshot::channel();
    struct Asks(TaskSupervisorRef, Option<oneshot::Sender<bool>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            let refused = matches!(self.0.start_child(async {}), Err(StartChildError::ShuttingDown));
            self.1.take().unwrap().send(refused).unwrap();
        }
    }
    let asks = Asks(tasks.reference(), Some(say));
    tasks
        .start_child(async move {
            let _asks = asks;
            pending::<()>().await;
        })
        .unwrap();
    settle().await;
    tasks.stop().await;
    assert_eq!(told.await, Ok(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_3_a_task_that_keeps_its_thread_is_left_behind_after_its_shutdown_time() {
    let short = Duration::from_millis(20);
    let tasks = TaskSupervisor::new().shutdown(Shutdown::Timeout(short)).grace(short).start().await.unwrap();
    let (begin, begun) = oneshot::channel();
    let (free, held) = std::sync::mpsc::channel::<()>();
    let task = tasks.async_nolink(async move {
        begin.send(()).unwrap();
        held.recv().unwrap();
        7
    });
    begun.await.unwrap();
    assert_eq!(exited(task.unwrap().shutdown().await), ExitReason::Abandoned);
    assert_eq!(tasks.count_children().specs, 0);
    free.send(()).unwrap();
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_killed_supervisor_takes_its_tasks_along_and_starts_empty() {
    let namespace = ServiceRegistry::new().namespace("test").unwrap();
    let spec = ChildSpec::supervisor(TaskSupervisor::new().id("tasks")).name(&namespace, "tasks");
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    let tasks: TaskSupervisorRef = namespace.lookup("tasks").unwrap();
    let task = tasks.async_nolink(pending::<()>()).unwrap();
    settle().await;
    tree.kill_child("tasks").await.unwrap();
    assert_eq!(exited(task.await), ExitReason::Killed);
    assert!(tasks.child().running().await);
    assert_eq!(tasks.count_children().specs, 0);
    assert_eq!(tasks.async_nolink(async { 7 }).unwrap().await.unwrap(), 7);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_result_whose_drop_panics_is_survived() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a result that nobody has");
        }
    }
    let tasks = TaskSupervisor::new().start().await.unwrap();
    drop(tasks.async_nolink(async { Bomb }).unwrap());
    settle().await;
    assert!(tasks.is_running());
    assert_eq!(tasks.count_children().specs, 0);
    assert_eq!(tasks.async_nolink(async { 7 }).unwrap().await.unwrap(), 7);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_tasks_and_partitions_are_in_the_snapshot_of_their_tree() {
    let workers = PartitionSupervisor::new(|_| ChildSpec::supervisor(TaskSupervisor::new())).partitions(2);
    let mut spec = ChildSpec::supervisor(workers).id("workers");
    let workers = spec.reference();
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await.unwrap();
    workers.resize(3).await.unwrap();
    let task = workers.partition(2).unwrap().async_nolink(pending::<()>()).unwrap();
    settle().await;
    let text = tree.snapshot().to_string();
    assert!(text.contains("   └─ 2  supervisor") && text.contains("      └─ task  task  running"), "{text}");
    assert_eq!(workers.partition(2).unwrap().snapshot().to_string().lines().count(), 2);
    drop(task);
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_stream_gives_results_in_the_order_of_its_inputs() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let slow_first = |n: u64| async move {
        sleep(SECOND * (4 - n as u32 % 4)).await;
        n
    };
    let begun = Instant::now();
    let results = all(tasks.stream(0..8, slow_first).max_concurrency(4)).await;
    assert_eq!(results, (0..8).map(Ok).collect::<Vec<_>>());
    assert_eq!(begun.elapsed().as_secs(), 8);

    let results = all(tasks.stream(0..4, slow_first).max_concurrency(4).unordered()).await;
    assert_eq!(results, [Ok(3), Ok(2), Ok(1), Ok(0)]);
    assert_eq!(all(tasks.stream(0..0, |_: u64| async { 1 })).await, []);
    assert_eq!(tasks.count_children().specs, 0);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_stream_takes_inputs_only_as_there_is_room() {
    for ordered in [true, false] {
        let tasks = TaskSupervisor::new().max_children(3).start().await.unwrap();
        let (pulled, gauge, most) = (Arc::new(AtomicUsize::new(0)), Gauge::default(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&pulled);
        let inputs = std::iter::from_fn(move || Some(counter.fetch_add(1, SeqCst) as u64));
        let (inner, peak) = (gauge.clone(), Arc::clone(&most));
        let mut stream = tasks.stream(inputs, move |n| {
            let (gauge, peak) = (inner.clone(), Arc::clone(&peak));
            async move {
                let _present = gauge.enter();
                peak.fetch_max(gauge.now(), SeqCst);
                sleep(Duration::from_millis(10 * (n * 7 % 5 + 1))).await;
                n
            }
        });
        stream = stream.max_concurrency(3);
        if !ordered {
            stream = stream.unordered();
        }
        settle().await;
        assert_eq!(pulled.load(SeqCst), 0, "nothing before it is polled");
        for taken in 0..50 {
            assert!(stream.next().await.unwrap().is_ok(), "never refused by a supervisor with as much room");
            assert!(pulled.load(SeqCst) <= taken + 4, "three at a time");
        }
        assert_eq!(most.load(SeqCst), 3);
        // Nobody polls: those that run end, and nothing follows.
        let before = pulled.load(SeqCst);
        sleep(SECOND * 10).await;
        assert_eq!((pulled.load(SeqCst), gauge.now()), (before, 0));
        drop(stream);
        tasks.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_crash_in_a_stream_is_an_error_in_its_place() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let work = |n: u64| async move {
        assert!(n != 2, "two");
        n
    };
    let results = all(tasks.stream(0..5, work).max_concurrency(2)).await;
    assert_eq!(results, [Ok(0), Ok(1), Err("panic".to_owned()), Ok(3), Ok(4)]);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_on_timeout_kill_task_gives_a_timeout_in_its_place_and_goes_on() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let work = |n: u64| async move {
        sleep(if n == 1 { SECOND * 100 } else { SECOND }).await;
        n
    };
    let begun = Instant::now();
    let stream = tasks.stream(0..4, work).max_concurrency(2).timeout(SECOND * 3).on_timeout(OnTimeout::KillTask);
    assert_eq!(all(stream).await, [Ok(0), Err("timeout".to_owned()), Ok(2), Ok(3)]);
    assert_eq!((begun.elapsed().as_secs(), tasks.count_children().specs), (4, 0));

    let begun = Instant::now();
    let stream = tasks.stream(0..2, work).timeout(Duration::MAX);
    assert_eq!(all(stream.max_concurrency(2)).await, [Ok(0), Ok(1)], "without a limit");
    assert_eq!(begun.elapsed().as_secs(), 100);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_on_timeout_exit_ends_the_stream_and_its_tasks() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let gauge = Gauge::default();
    let inner = gauge.clone();
    let stream = tasks.stream(0..100, move |n: u64| {
        let present = inner.enter();
        async move {
            let _present = present;
            if n == 0 {
                sleep(SECOND * 3).await;
                return n;
            }
            pending().await
        }
    });
    let begun = Instant::now();
    assert_eq!(all(stream.max_concurrency(10)).await, [Ok(0), Err("timeout".to_owned())]);
    assert_eq!(begun.elapsed().as_secs(), 5, "the default");
    settle().await;
    assert_eq!((gauge.now(), tasks.count_children().specs), (0, 0), "also the one that took the place of the first");
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_dropping_a_stream_stops_its_tasks_and_no_others() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let other = tasks.async_nolink(async { sleep(SECOND * 2).await }).unwrap();
    let gauge = Gauge::default();
    let inner = gauge.clone();
    let mut stream = tasks.stream(0..100, move |n: u64| {
        let present = inner.enter();
        async move {
            let _present = present;
            if n > 0 {
                pending::<()>().await;
            }
            n
        }
    });
    stream = stream.max_concurrency(8);
    assert_eq!(stream.next().await.unwrap().unwrap(), 0);
    assert!(tokio::time::timeout(SECOND, stream.next()).await.is_err(), "a dropped next loses nothing");
    assert_eq!(gauge.now(), 8);
    drop(stream);
    settle().await;
    assert_eq!((gauge.now(), tasks.count_children().specs), (0, 1));
    other.await.unwrap();
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_stream_tells_what_the_supervisor_has_no_room_for() {
    let tasks = TaskSupervisor::new().max_children(1).start().await.unwrap();
    let work = |n: u64| async move {
        sleep(SECOND).await;
        n
    };
    let results = all(tasks.stream(0..4, work).max_concurrency(2)).await;
    let refused = Err("the task was not started".to_owned());
    assert_eq!(results, [Ok(0), refused.clone(), Ok(2), refused]);
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_stream_over_a_supervisor_that_stops_ends() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let results = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&results);
    let reference = tasks.reference();
    let consumer = tokio::spawn(async move {
        let work = |n: u64| async move {
            sleep(SECOND * (n as u32 + 1)).await;
            n
        };
        let found = all(reference.stream(0.., work).max_concurrency(2)).await;
        *told.lock().unwrap() = found;
    });
    sleep(SECOND * 3 / 2).await;
    tasks.stop().await;
    consumer.await.unwrap();
    let refused = Err("the task was not started".to_owned());
    let stopped = Err("shutdown".to_owned());
    assert_eq!(*results.lock().unwrap(), [Ok(0), stopped.clone(), stopped, refused]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s7_3_a_stream_over_many_inputs_gives_each_result_once() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let inputs = 20_000_u64;
    let work = |n: u64| async move {
        if n.is_multiple_of(3) {
            tokio::task::yield_now().await;
        }
        n
    };
    let ordered = all(tasks.stream(0..inputs, work).max_concurrency(64)).await;
    assert_eq!(ordered, (0..inputs).map(Ok).collect::<Vec<_>>());
    let mut unordered = all(tasks.stream(0..inputs, work).max_concurrency(64).unordered()).await;
    unordered.sort();
    assert_eq!(unordered, ordered);
    assert_eq!(tasks.count_children().specs, 0);
    tasks.stop().await;
}

/// A task that starts what it is linked to, once, and then waits.
fn owner<F>(
    tasks: &TaskSupervisorRef,
    ignored: bool,
    work: impl Fn() -> F + Send + Sync + 'static,
) -> ChildSpec<ChildRef>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (tasks, work) = (tasks.clone(), Arc::new(work));
    ChildSpec::task("owner", move |cx| {
        let (tasks, work) = (tasks.clone(), Arc::clone(&work));
        async move {
            if cx.incarnation() == 1 {
                let linked = tasks.async_task(&cx, work()).unwrap();
                if ignored {
                    linked.ignore();
                }
            }
            pending::<()>().await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn s7_3_the_crash_of_a_linked_task_ends_its_owner_for_the_same_reason() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let spec = owner(&tasks, false, || async { panic!("no paper") });
    let owners = DynamicSupervisor::new().budget(1, SECOND).start().await.unwrap();
    let owner = owners.start_child(spec).await.unwrap();
    owner.ended(1).await;
    let Some(ExitReason::Panic(panic)) = owner.last_exit() else { panic!("{:?}", owner.last_exit()) };
    assert_eq!(panic.message(), "no paper");
    assert!(owner.running().await, "its restart type says what follows");
    assert_eq!((owner.incarnation(), owners.count_children().active), (2, 1));
    owners.stop().await;
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_the_crash_of_a_linked_task_ends_a_server_in_the_middle_of_a_message() {
    struct Busy(TaskSupervisorRef);
    impl Server for Busy {
        type Message = Reply<()>;

        async fn handle(&mut self, _reply: Reply<()>, cx: &mut Context<Self>) -> Result<Flow, Failure> {
            let _linked = self.0.async_task(cx, async {
                sleep(SECOND).await;
                panic!("no paper");
            })?;
            pending().await
        }
    }
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let reference = tasks.reference();
    let servers = DynamicSupervisor::new().start().await.unwrap();
    let server = servers.start_child(ChildSpec::server(move || Busy(reference.clone()))).await.unwrap();
    let begun = Instant::now();
    let died = server.call(|reply| reply).await.unwrap_err();
    assert!(matches!(&died, CallError::Died(ExitReason::Panic(_))), "{died:?}");
    assert_eq!(begun.elapsed().as_secs(), 1);
    servers.stop().await;
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_the_end_of_the_owner_stops_a_linked_task() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let owners = DynamicSupervisor::new().start().await.unwrap();
    for kill in [true, false] {
        let owner = owners.start_child(owner(&tasks, false, pending)).await.unwrap();
        settle().await;
        let task = tasks.which_children().pop().unwrap().child;
        if kill {
            owners.kill_child(&owner).unwrap();
        } else {
            owners.terminate_child(&owner).await.unwrap();
        }
        assert_eq!(task.gone().await, Some(ExitReason::Shutdown));
        assert_eq!(tasks.count_children().specs, 0);
    }
    owners.stop().await;
    tasks.stop().await;
}

#[tokio::test(start_paused = true)]
async fn s7_3_an_owner_outlives_linked_tasks_that_end_in_order_or_that_it_ignores() {
    let tasks = TaskSupervisor::new().start().await.unwrap();
    let owners = DynamicSupervisor::new().start().await.unwrap();
    let done = owners.start_child(owner(&tasks, false, || async {})).await.unwrap();
    let ignoring = owners.start_child(owner(&tasks, true, || async { panic!("ignored") })).await.unwrap();
    let stopped = owners.start_child(owner(&tasks, false, pending)).await.unwrap();
    settle().await;
    tasks.stop().await;
    settle().await;
    for owner in [&done, &ignoring, &stopped] {
        assert_eq!((owner.is_running(), owner.incarnation(), owner.last_exit()), (true, 1, None));
    }
    owners.stop().await;
}
