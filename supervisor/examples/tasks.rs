//! Tasks with results: linked to their owner or not, and a stream of them with bounds.
//!
//! ```sh
//! cargo run -p supervisor --example tasks 2>/dev/null
//! ```
//!
//! ```text
//! nolink: the length is 5
//! nolink: a panic is data: no paper
//! owner 1: starts a task that will panic
//! owner 2: the task gave 7
//! stream: 1 squared is 1
//! stream: 2 squared is 4
//! stream: 3: the task ended without a result: timeout
//! stream: 4 squared is 16
//! stream: 5 panicked: 5 is too much
//! stream: at most 2 ran at once
//! left: 0 tasks
//! ```

use std::error::Error;
use std::future::pending;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use supervisor::{
    ChildSpec, ExitReason, OnTimeout, Restart, Strategy, Supervisor, TaskContext, TaskExit, TaskSupervisor,
    TaskSupervisorRef,
};

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Takes a moment for its answer, and has its troubles with 3 and 5.
async fn square(n: u32) -> u32 {
    MOST.fetch_max(RUNNING.fetch_add(1, Relaxed) + 1, Relaxed);
    tokio::task::yield_now().await;
    RUNNING.fetch_sub(1, Relaxed);
    match n {
        3 => pending().await,
        5 => panic!("5 is too much"),
        n => n * n,
    }
}

/// Neither outlives a crash of the other: the first task takes its owner along, and both begin anew.
async fn owner(cx: TaskContext, tasks: TaskSupervisorRef) -> Result<(), Box<dyn Error + Send + Sync>> {
    let incarnation = cx.incarnation();
    if incarnation == 1 {
        println!("owner 1: starts a task that will panic");
        let task = tasks.async_task(&cx, async { panic!("no paper") })?;
        let () = task.await?;
    }
    let task = tasks.async_task(&cx, async { 7 })?;
    println!("owner {incarnation}: the task gave {}", task.await?);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut spec = ChildSpec::supervisor(TaskSupervisor::new());
    let tasks = spec.reference();
    let helpers = tasks.clone();
    let owner = ChildSpec::task("owner", move |cx| owner(cx, helpers.clone())).restart(Restart::Transient);
    let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await?;

    let length = tasks.async_nolink(async { "paper".len() })?;
    println!("nolink: the length is {}", length.await?);
    let crashed = tasks.async_nolink(async { panic!("no paper") })?;
    let told: Result<(), TaskExit> = crashed.await;
    if let Err(TaskExit::Exited(ExitReason::Panic(panic))) = told {
        println!("nolink: a panic is data: {}", panic.message());
    }

    tree.start_child(owner).await?.ended(2).await;

    let mut squares = tasks
        .stream(1..=5, square)
        .max_concurrency(2)
        .timeout(Duration::from_millis(50))
        .on_timeout(OnTimeout::KillTask);
    let mut n = 0;
    while let Some(result) = squares.next().await {
        n += 1;
        match result {
            Ok(square) => println!("stream: {n} squared is {square}"),
            Err(TaskExit::Exited(ExitReason::Panic(panic))) => println!("stream: {n} panicked: {}", panic.message()),
            Err(error) => println!("stream: {n}: {error}"),
        }
    }
    println!("stream: at most {} ran at once", MOST.load(Relaxed));
    println!("left: {} tasks", tasks.count_children().active);
    tree.stop().await;
    Ok(())
}
