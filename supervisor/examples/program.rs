//! A whole program: children that wait for each other, one that is restarted with a backoff, health, the tree as text, and an
//! end with an exit code.
//!
//! ```sh
//! cargo run -p supervisor --example program 2>/dev/null
//! ```
//!
//! Its clock is paused: it jumps to the next timer whenever all tasks wait. Leave `start_paused` out and it takes 2 seconds.
//! The sizes in the tree, here left out, differ from one build to another.
//!
//! ```text
//! database: connects
//! database: ready
//! web: open
//! uplink: attempt 1 after 1s
//! started after 1s
//! uplink: attempt 2 after 1.25s
//! uplink: attempt 3 after 1.75s
//! operator: healthy: 1 of 1 probes in order
//! program  supervisor  running  #1  up 1s  mailbox 0/64  … B
//! ├─ database  server  running  #1  up 1s  mailbox 0/1024  … B  name production:database
//! ├─ web  task  running  #1  up 1s  … B
//! ├─ uplink  task  running  #3  up 250ms  restarts 2  … B  last exit 750ms ago: error: nobody answers
//! └─ operator  task  running  #1  up 1s  … B
//! operator: that is enough
//! uplink: closed
//! web: closed
//! ended after 2s: exit code 0 is true
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use registry::{Namespace, Service, ServiceRegistry};
use supervisor::{
    AutoShutdown, Backoff, ChildSpec, Context, Failure, Flow, Init, Reply, Restart, Run, Server, ServerRef, Strategy,
    Supervisor, SupervisorRef, TaskContext,
};
use tokio::time::{Instant, sleep};

const DATABASE: Service<ServerRef<Database>> = Service::new("database");
const SECOND: Duration = Duration::from_secs(1);

struct Database;

struct IsConnected(Reply<bool>);

impl Server for Database {
    type Message = IsConnected;

    /// Whoever depends on it is started when this is done.
    async fn init(&mut self, _: &mut Context<Self>) -> Result<Init, Failure> {
        println!("database: connects");
        sleep(SECOND).await;
        println!("database: ready");
        Ok(Init::Ready)
    }

    async fn handle(&mut self, IsConnected(reply): IsConnected, _: &mut Context<Self>) -> Result<Flow, Failure> {
        reply.send(true);
        Ok(Flow::Continue)
    }
}

/// Fails twice, and is tried again after 250 and 500 milliseconds.
async fn uplink(cx: TaskContext, started: Instant) -> Result<(), &'static str> {
    println!("uplink: attempt {} after {:?}", cx.incarnation(), started.elapsed());
    if cx.incarnation() < 3 {
        return Err("nobody answers");
    }
    cx.stopped().await;
    println!("uplink: closed");
    Ok(())
}

async fn web(cx: TaskContext, production: Namespace) -> Result<(), registry::Error> {
    let _database = production.lookup(DATABASE)?; // it is there: `depends_on`
    println!("web: open");
    cx.stopped().await;
    println!("web: closed");
    Ok(())
}

/// Looks at the program while it runs, and ends it: the supervisor ends with it, as it is significant.
async fn operator(registry: ServiceRegistry, production: Namespace, root: SupervisorRef) {
    sleep(SECOND).await;
    let monitor = production.monitor(DATABASE).check(is_connected).every(SECOND);
    let _monitor = monitor.expect("its schedule makes sense");
    production.wait_healthy(DATABASE, SECOND).await.expect("it is connected");
    println!("operator: {}", registry.health());
    println!("{}", root.snapshot());
    println!("operator: that is enough");
}

async fn is_connected(database: ServerRef<Database>) -> Result<(), &'static str> {
    match database.call(IsConnected).await {
        Ok(true) => Ok(()),
        _ => Err("not connected"),
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let started = Instant::now();
    let registry = ServiceRegistry::new();
    let production = registry.namespace("production")?;

    let supervisor = Supervisor::new(Strategy::OneForOne).id("program").auto_shutdown(AutoShutdown::AnySignificant);
    let namespace = production.clone();
    let tree = supervisor
        .child(ChildSpec::task("web", move |cx| web(cx, namespace.clone())).depends_on("database"))
        .child(ChildSpec::server(|| Database).id("database").name(&production, DATABASE).start_timeout(5 * SECOND))
        .child(
            ChildSpec::task("uplink", move |cx| uplink(cx, started))
                .backoff(Backoff::exponential().base(SECOND / 4).jitter(0.0)),
        )
        .start()
        .await?;
    println!("started after {:?}", started.elapsed());
    let root = tree.reference();
    tree.start_child(
        ChildSpec::task("operator", move |_| operator(registry.clone(), production.clone(), root.clone()))
            .restart(Restart::Temporary)
            .significant(),
    )
    .await?;
    let code = Run::new(tree).deadline(10 * SECOND).run().await;
    println!("ended after {:?}: exit code 0 is {}", started.elapsed(), code == ExitCode::SUCCESS);
    Ok(code)
}
