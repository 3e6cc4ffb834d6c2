//! Everything at once: what is killed and panics by chance, in a tree of all kinds, comes back, and leaves nothing when it is stopped.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use registry::{Namespace, ServiceRegistry};
use supervisor::testing::{Chaos, settle};
use supervisor::{
    ChildId, ChildRef, ChildSnapshot, ChildSpec, ChildState, Context, DynamicSupervisor, DynamicSupervisorRef, Failure,
    Flow, PartitionSupervisor, Server, ServerRef, Strategy, Supervisor, TaskSupervisor, TaskSupervisorRef,
};
use tokio::runtime::Handle;

use support::SECOND;

/// What there may be no trace of in the end.
#[derive(Clone)]
struct Traces {
    values: Arc<AtomicUsize>,
    names: Namespace,
}

struct Counted(Arc<AtomicUsize>);

impl Traces {
    fn value(&self) -> Counted {
        self.values.fetch_add(1, SeqCst);
        Counted(Arc::clone(&self.values))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Keeps a task of its scope, and a timer.
struct Keeper {
    traces: Traces,
    _value: Counted,
}

impl Server for Keeper {
    type Message = ();

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<supervisor::Init, Failure> {
        let value = self.traces.value();
        cx.spawn(async move {
            let _value = value;
            std::future::pending::<()>().await;
        });
        cx.send_interval(SECOND, || ());
        Ok(supervisor::Init::Ready)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> {
        Ok(Flow::Continue)
    }
}

fn keeper(id: impl Into<ChildId>, traces: &Traces) -> ChildSpec<ServerRef<Keeper>> {
    let here = traces.clone();
    ChildSpec::server(move || Keeper { traces: here.clone(), _value: here.value() }).id(id)
}

fn holder(id: impl Into<ChildId>, traces: &Traces) -> ChildSpec<ChildRef> {
    let here = traces.clone();
    ChildSpec::task(id, move |cx| {
        let value = here.value();
        async move {
            let _value = value;
            cx.stopped().await;
        }
    })
}

/// A group of this strategy: a server with a name, a task, a server with a name.
fn group(id: &'static str, strategy: Strategy, traces: &Traces) -> ChildSpec<supervisor::SupervisorRef> {
    let named =
        |which: &str| keeper(format!("{id}-{which}"), traces).name(&traces.names, format!("{id}-{which}").as_str());
    let plan = Supervisor::new(strategy).budget(u32::MAX, SECOND);
    let plan = plan.child(named("first")).child(holder("middle", traces)).child(named("last"));
    ChildSpec::supervisor(plan).id(id)
}

/// As many children as there are to be, whatever has become of those before.
async fn fill(rooms: &DynamicSupervisorRef, tasks: &TaskSupervisorRef, traces: &Traces) {
    while rooms.count_children().specs < 8 {
        rooms.start_child(keeper("room", traces)).await.unwrap();
    }
    while tasks.count_children().specs < 4 {
        let value = traces.value();
        tasks
            .start_child(async move {
                let _value = value;
                std::future::pending::<()>().await;
            })
            .unwrap();
    }
}

fn down<'a>(child: &'a ChildSnapshot, found: &mut Vec<&'a ChildSnapshot>) {
    if child.state != ChildState::Running {
        found.push(child);
    }
    child.children.iter().for_each(|child| down(child, found));
}

async fn storm(seed: u64) {
    let traces = Traces { values: Arc::default(), names: ServiceRegistry::new().namespace("storm").unwrap() };
    let mut rooms = ChildSpec::supervisor(DynamicSupervisor::new().budget(u32::MAX, SECOND)).id("rooms");
    let mut tasks = ChildSpec::supervisor(TaskSupervisor::new().budget(u32::MAX, SECOND)).id("tasks");
    let (rooms_ref, tasks_ref) = (rooms.reference(), tasks.reference());
    let here = traces.clone();
    let parts = PartitionSupervisor::new(move |_| keeper("part", &here)).partitions(3).budget(u32::MAX, SECOND);
    let tree = Supervisor::new(Strategy::OneForOne)
        .budget(u32::MAX, SECOND)
        .child(group("one", Strategy::OneForOne, &traces))
        .child(group("all", Strategy::OneForAll, &traces))
        .child(group("rest", Strategy::RestForOne, &traces))
        .child(rooms)
        .child(tasks)
        .child(ChildSpec::supervisor(parts).id("parts"))
        .start()
        .await
        .unwrap();
    let mut chaos = Chaos::of(&*tree, seed);
    let supervisors = ["one", "all", "rest", "rooms", "tasks", "parts"];
    let inits = ["one-first", "all/middle", "all-last", "rest/middle", "rest-last", "parts/1", "all", "rooms", "parts"];
    for round in 0..30 {
        fill(&rooms_ref, &tasks_ref, &traces).await;
        chaos.panic_init(inits[round % inits.len()]).unwrap();
        chaos.panic_each(0.2);
        // In the middle of what comes of it, too.
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        chaos.kill_each(0.2);
        let supervisor = supervisors[round % supervisors.len()];
        // It may have ended in the moment before.
        let _ = if round % 3 == 0 { chaos.panic(supervisor) } else { chaos.kill(supervisor) };
        settle().await;
        let snapshot = tree.snapshot();
        let mut found = Vec::new();
        down(&snapshot.root, &mut found);
        assert!(found.is_empty(), "seed {seed}, round {round}: {found:?}");
        assert_eq!(traces.names.count(), 6, "seed {seed}, round {round}: {:?}", traces.names.names());
    }
    tree.stop().await;
    drop((tree, chaos, rooms_ref, tasks_ref));
    settle().await;
    assert_eq!(traces.values.load(SeqCst), 0, "seed {seed}: values are left");
    assert_eq!(traces.names.names(), Vec::<String>::new(), "seed {seed}: names are left");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "seed {seed}: tasks are left");
}

#[tokio::test(start_paused = true)]
async fn s5_6_a_tree_of_all_kinds_comes_back_from_panics_and_kills_by_chance_and_leaves_nothing() {
    for seed in 0..20 {
        storm(seed).await;
    }
}
