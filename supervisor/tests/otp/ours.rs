//! A scenario on the supervisors of this crate.

use std::collections::HashMap;
use std::time::Duration;

use supervisor::testing::settle;
use supervisor::{
    AutoShutdown, ChildInfo, ChildRef, ChildSpec, ChildState, DeleteChildError, DynamicSupervisor,
    DynamicSupervisorRef, NotRunning, ReplaceChildSpecError, RestartChildError, StartChildError, StartError,
    StartFailure, Supervisor, SupervisorRef, TerminateChildError, Tree,
};

use super::acting::{Acting, World, class, restart, worker};
use super::scenario::{Auto, Child, Kind, Node, Restart, Scenario, Step, Strategy, Why, Worker};

fn strategy(strategy: Strategy) -> supervisor::Strategy {
    match strategy {
        Strategy::OneForOne => supervisor::Strategy::OneForOne,
        Strategy::OneForAll => supervisor::Strategy::OneForAll,
        Strategy::RestForOne => supervisor::Strategy::RestForOne,
    }
}

const PERIOD: Duration = Duration::from_secs(3_600);

fn fixed(node: &Node, together: Strategy, children: &[Child], world: &World) -> Supervisor {
    let auto = match node.auto {
        Auto::Never => AutoShutdown::Never,
        Auto::AnySignificant => AutoShutdown::AnySignificant,
        Auto::AllSignificant => AutoShutdown::AllSignificant,
    };
    let tree = Supervisor::new(strategy(together)).id(node.id.clone()).budget(node.budget, PERIOD);
    let mut tree = tree.auto_shutdown(auto);
    for child in children {
        tree = match child {
            Child::Worker(spec) => tree.child(worker(spec, world)),
            Child::Supervisor(node) => match &node.kind {
                Kind::Static { strategy, children } => {
                    tree.child(nested(node, ChildSpec::supervisor(fixed(node, *strategy, children, world))))
                }
                Kind::Dynamic { .. } => tree.child(nested(node, ChildSpec::supervisor(dynamic(node)))),
            },
        };
    }
    tree
}

fn nested<H: Clone + Send + Sync + 'static>(node: &Node, spec: ChildSpec<H>) -> ChildSpec<H> {
    let spec = spec.restart(restart(node.restart));
    if node.significant { spec.significant() } else { spec }
}

fn dynamic(node: &Node) -> DynamicSupervisor {
    DynamicSupervisor::new().id(node.id.clone()).budget(node.budget, PERIOD)
}

/// A supervisor of either kind.
#[derive(Clone)]
enum Any {
    Static(SupervisorRef),
    Dynamic(DynamicSupervisorRef),
}

impl Any {
    fn of(child: &ChildRef) -> Option<Self> {
        child.supervisor().map(Self::Static).or_else(|| child.dynamic_supervisor().map(Self::Dynamic))
    }

    fn child(&self) -> ChildRef {
        match self {
            Self::Static(supervisor) => supervisor.child(),
            Self::Dynamic(supervisor) => supervisor.child(),
        }
    }

    async fn kill(&self, child: &ChildRef) {
        let killed = match self {
            Self::Static(supervisor) => supervisor.kill_child(child.id().clone()).await,
            Self::Dynamic(supervisor) => supervisor.kill_child(child.clone()),
        };
        killed.expect("it is up");
    }
}

/// Keeps the tree until the scenario is over.
#[expect(dead_code, reason = "held, not read")]
enum Root {
    Static(Tree<SupervisorRef>),
    Dynamic(Tree<DynamicSupervisorRef>),
}

/// A child that is up, and its supervisor.
struct Living {
    child: ChildRef,
    parent: Option<Any>,
}

struct Stage {
    root: Any,
    world: World,
    living: HashMap<String, Living>,
    /// The incarnations of the supervisors, when they were last seen.
    known: HashMap<String, u32>,
}

/// The observations of the start, of each step and of the stop, as the other side prints them.
pub(crate) fn run(scenario: &Scenario) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(act(scenario))
}

async fn act(Scenario { root: node, scripts, steps }: &Scenario) -> Vec<String> {
    let world = World::default();
    scripts.iter().for_each(|script| world.script(script));
    let started = match &node.kind {
        Kind::Static { strategy, children } => fixed(node, *strategy, children, &world)
            .start()
            .await
            .map(|tree| (Any::Static(tree.reference()), Root::Static(tree))),
        Kind::Dynamic { .. } => {
            dynamic(node).start().await.map(|tree| (Any::Dynamic(tree.reference()), Root::Dynamic(tree)))
        }
    };
    let (root, _tree) = match started {
        Ok(started) => started,
        Err(error) => return vec![format!("failed:{}|{}|-", path(&error), world.take())],
    };
    let mut stage = Stage { root, world, living: HashMap::new(), known: HashMap::new() };
    let mut lines = vec![stage.observe("ok").await];
    for step in steps {
        if lines.last().is_some_and(|line| line.contains("|ended:")) {
            return lines;
        }
        if let Step::Script(script) = step {
            stage.world.script(script);
            continue;
        }
        let result = stage.play(step).await;
        lines.push(stage.observe(result).await);
    }
    if lines.last().is_some_and(|line| !line.contains("|ended:")) {
        match &stage.root {
            Any::Static(root) => root.stop().await,
            Any::Dynamic(root) => root.stop().await,
        };
        lines.push(stage.observe("ok").await);
    }
    lines
}

/// The child that did not start, below the root.
fn path(error: &StartError) -> String {
    match error {
        StartError::Child { child, cause: StartFailure::Supervisor(below) } => format!("{child}/{}", path(below)),
        StartError::Child { child, .. } => child.to_string(),
        other => other.to_string(),
    }
}

impl Stage {
    async fn play(&self, step: &Step) -> &'static str {
        match step {
            Step::Script(_) => unreachable!("no step of its own"),
            Step::Crash { id, why } => self.crash(id, *why).await,
            Step::Burst { supervisor, victims } => {
                self.world.forget_scripts();
                if !self.living.contains_key(supervisor) {
                    return "skip";
                }
                // Nothing else runs before the last of them has been told.
                for (id, why) in victims {
                    self.tell(id, *why);
                }
                "ok"
            }
            Step::Start { supervisor, worker: spec } => self.start(supervisor, spec).await,
            Step::Terminate { supervisor, id } => self.terminate(supervisor, id).await,
            Step::Restart { supervisor, id } => match self.supervisor(supervisor) {
                Some(Any::Static(supervisor)) => restarted(&supervisor.restart_child(id.clone()).await),
                _ => "not_running",
            },
            Step::Delete { supervisor, id } => match self.supervisor(supervisor) {
                Some(Any::Static(supervisor)) => deleted(&supervisor.delete_child(id.clone()).await),
                _ => "not_running",
            },
            Step::Replace { supervisor, worker } => self.replace(supervisor, worker).await,
        }
    }

    fn supervisor(&self, id: &str) -> Option<Any> {
        self.living.get(id).and_then(|living| Any::of(&living.child))
    }

    fn tell(&self, id: &str, why: Why) -> bool {
        let worker = self.living.get(id).and_then(|living| living.child.server::<Acting>());
        worker.is_some_and(|worker| worker.try_cast(why).is_ok())
    }

    async fn crash(&self, id: &str, why: Why) -> &'static str {
        let Some(Living { child, parent }) = self.living.get(id) else { return "skip" };
        match (why, parent) {
            (Why::Kill, Some(parent)) => parent.kill(child).await,
            _ => assert!(self.tell(id, why), "it is up"),
        }
        "ok"
    }

    async fn start(&self, supervisor: &str, spec: &Worker) -> &'static str {
        let started = match self.supervisor(supervisor) {
            None => return "not_running",
            Some(Any::Dynamic(_)) if self.living.contains_key(&spec.id) => return "skip",
            Some(Any::Static(supervisor)) => supervisor.start_child(worker(spec, &self.world)).await,
            Some(Any::Dynamic(supervisor)) => supervisor.start_child(worker(spec, &self.world)).await,
        };
        match started {
            Ok(_) => "ok",
            Err(StartChildError::AlreadyStarted(_)) => "already_started",
            Err(StartChildError::AlreadyPresent(_)) => "already_present",
            Err(StartChildError::Failed { cause: StartFailure::Ignored, .. }) => "ignored",
            Err(StartChildError::NotRunning) => "not_running",
            Err(_) => "failed",
        }
    }

    async fn replace(&self, supervisor: &str, spec: &Worker) -> &'static str {
        let Some(Any::Static(supervisor)) = self.supervisor(supervisor) else { return "not_running" };
        if spec.restart == Restart::Temporary && !self.living.contains_key(&spec.id) {
            return "skip";
        }
        match supervisor.replace_child_spec(worker(spec, &self.world)).await {
            Ok(()) => "ok",
            Err(ReplaceChildSpecError::NotFound(_)) => "not_found",
            Err(ReplaceChildSpecError::NotRunning) => "not_running",
            Err(_) => "failed",
        }
    }

    async fn terminate(&self, supervisor: &str, id: &str) -> &'static str {
        let ended = match (self.supervisor(supervisor), self.living.get(id)) {
            (None, _) => return "not_running",
            (Some(Any::Dynamic(_)), None) => return "skip",
            (Some(Any::Dynamic(supervisor)), Some(living)) => supervisor.terminate_child(living.child.clone()).await,
            (Some(Any::Static(supervisor)), _) => supervisor.terminate_child(id.to_owned()).await,
        };
        match ended {
            Ok(()) => "ok",
            Err(TerminateChildError::NotFound) => "not_found",
            Err(_) => "not_running",
        }
    }

    /// What there is, once the whole tree is quiet: it looks the same twice. While one supervisor is asked, another may
    /// have gone on.
    async fn observe(&mut self, result: &str) -> String {
        let mut before = None;
        for _ in 0..10_000 {
            settle().await;
            let root = self.root.child();
            if !root.is_running() {
                let reason = root.gone().await.expect("it has been there");
                // It says more than Erlang's: which child was too much.
                let reason = class(&reason).trim_end_matches("_with");
                return format!("{result}|{}|ended:{reason}", self.world.take());
            }
            let mut living = HashMap::new();
            let text = look(&self.root, None, &mut living).await.ok().flatten();
            let now = text.map(|text| (text, incarnations(&living)));
            if now.is_none() || now != before {
                before = now;
                continue;
            }
            if let Some((text, _)) = now {
                self.living = living;
                let renewed = self.renewed();
                return format!("{result}|{}|{text} renewed:{renewed}", self.world.take());
            }
        }
        panic!("it is never quiet");
    }

    fn renewed(&mut self) -> String {
        let mut renewed = Vec::new();
        for (id, Living { child, .. }) in &self.living {
            if Any::of(child).is_some() {
                let now = child.incarnation();
                if self.known.insert(id.clone(), now).is_some_and(|before| before != now) {
                    renewed.push(format!("{id} "));
                }
            }
        }
        renewed.sort();
        renewed.concat()
    }
}

fn incarnations(living: &HashMap<String, Living>) -> HashMap<String, u32> {
    living.iter().map(|(id, living)| (id.clone(), living.child.incarnation())).collect()
}

/// The text of a supervisor that is up; `None` if anything below it is on its way.
async fn look(
    supervisor: &Any,
    parent: Option<Any>,
    living: &mut HashMap<String, Living>,
) -> Result<Option<String>, NotRunning> {
    let (infos, count) = match supervisor {
        Any::Static(supervisor) => (supervisor.which_children().await?, supervisor.count_children().await?),
        Any::Dynamic(supervisor) => (supervisor.which_children(), supervisor.count_children()),
    };
    let mut texts = Vec::new();
    for ChildInfo { id, state, child, .. } in infos {
        match (state, Any::of(&child)) {
            (ChildState::Stopped, _) => texts.push(format!("{id}-")),
            (ChildState::Running, None) => {
                texts.push(format!("{id}+"));
                living.insert(id.to_string(), Living { child, parent: Some(supervisor.clone()) });
            }
            (ChildState::Running, Some(inner)) => {
                let Some(text) = Box::pin(look(&inner, Some(supervisor.clone()), living)).await? else {
                    return Ok(None);
                };
                texts.push(text);
            }
            _ => return Ok(None),
        }
    }
    if matches!(supervisor, Any::Dynamic(_)) {
        texts.sort();
    }
    let child = supervisor.child();
    let text = format!("{}+{}/{}/{}[{}]", child.id(), count.specs, count.active, count.supervisors, texts.join(" "));
    living.insert(child.id().to_string(), Living { child, parent });
    Ok(Some(text))
}

fn restarted(result: &Result<(), RestartChildError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(RestartChildError::NotFound) => "not_found",
        Err(RestartChildError::Running) => "running",
        Err(RestartChildError::Restarting) => "restarting",
        Err(RestartChildError::Failed(StartFailure::Ignored)) => "ignored",
        Err(RestartChildError::NotRunning) => "not_running",
        Err(_) => "failed",
    }
}

fn deleted(result: &Result<(), DeleteChildError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(DeleteChildError::NotFound) => "not_found",
        Err(DeleteChildError::Running) => "running",
        Err(DeleteChildError::Restarting) => "restarting",
        Err(_) => "not_running",
    }
}
