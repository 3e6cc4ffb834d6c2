//! Random scenarios. What is generated here has a defined outcome in both worlds; the differences are listed in
//! `main.rs`.

use proptest::prelude::*;

use super::scenario::{
    Auto, Child, Kind, Node, Outcome, Restart, Scenario, Script, Shutdown, Step, Stop, Strategy as Together, Why,
    Worker,
};

/// A tree whose nodes have no ids yet.
#[derive(Clone, Debug)]
enum Sketch {
    Worker(Manner),
    Static { budget: u32, restart: Restart, significant: bool, strategy: Together, auto: Auto, children: Vec<Sketch> },
    Dynamic { budget: u32, restart: Restart, significant: bool, manner: Manner },
}

/// How a worker is restarted and stopped.
#[derive(Clone, Copy, Debug)]
struct Manner {
    restart: Restart,
    significant: bool,
    shutdown: Shutdown,
    stop: Stop,
}

/// A step whose targets are picked among what there is.
#[derive(Clone, Debug)]
enum Deed {
    Script(usize, Vec<Outcome>),
    Crash(usize, Why),
    KillSupervisor(usize),
    Burst(usize, Vec<(usize, Why)>),
    Start(usize, usize, Manner),
    Terminate(usize, usize),
    Restart(usize, usize),
    Delete(usize, usize),
    Replace(usize, usize, Manner),
}

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let scripts = proptest::collection::vec((pick(), outcomes()), 0..3);
    (root(), scripts, proptest::collection::vec(deed(), 0..14)).prop_map(|(root, scripts, deeds)| {
        let root = named(root, Auto::Never, &mut 0);
        let scripts = scripts.into_iter().map(|(at, outcomes)| script(&root, at, outcomes)).collect();
        let mut steps: Vec<Step> = deeds.into_iter().filter_map(|deed| step(&root, deed)).collect();
        let stubborn = |step: &Step| match step {
            Step::Start { worker, .. } | Step::Replace { worker, .. } => worker.stop == Stop::Stubborn,
            _ => false,
        };
        if !root.is_tame() || steps.iter().any(stubborn) {
            // Nobody knows whom the new spec finds running: who never stops has to be killed.
            for step in &mut steps {
                if let Step::Replace { worker, .. } = step {
                    worker.shutdown = Shutdown::BrutalKill;
                }
            }
        }
        Scenario { root, scripts, steps }
    })
}

fn pick() -> impl Strategy<Value = usize> {
    0_usize..1_000
}

fn root() -> impl Strategy<Value = Sketch> {
    let leaf = prop_oneof![
        8 => manner().prop_map(Sketch::Worker),
        1 => (budget(), restart(), any::<bool>(), manner()).prop_map(|(budget, restart, significant, manner)| {
            Sketch::Dynamic { budget, restart, significant, manner }
        }),
    ];
    let inner = leaf.prop_recursive(2, 12, 4, |child| {
        let children = proptest::collection::vec(child, 0..5);
        (budget(), restart(), any::<bool>(), strategy(), auto(), children).prop_map(
            |(budget, restart, significant, strategy, auto, children)| Sketch::Static {
                budget,
                restart,
                significant,
                strategy,
                auto,
                children,
            },
        )
    });
    let root = (budget(), strategy(), auto(), proptest::collection::vec(inner, 0..6)).prop_map(
        |(budget, strategy, auto, children)| {
            let restart = Restart::Permanent;
            Sketch::Static { budget, restart, significant: false, strategy, auto, children }
        },
    );
    let dynamic = (budget(), manner()).prop_map(|(budget, manner)| Sketch::Dynamic {
        budget,
        restart: Restart::Permanent,
        significant: false,
        manner,
    });
    prop_oneof![9 => root, 1 => dynamic]
}

fn budget() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..4, 4_u32..20]
}

fn strategy() -> impl Strategy<Value = Together> {
    prop_oneof![Just(Together::OneForOne), Just(Together::OneForAll), Just(Together::RestForOne)]
}

fn auto() -> impl Strategy<Value = Auto> {
    prop_oneof![3 => Just(Auto::Never), 1 => Just(Auto::AnySignificant), 1 => Just(Auto::AllSignificant)]
}

fn restart() -> impl Strategy<Value = Restart> {
    prop_oneof![3 => Just(Restart::Permanent), 2 => Just(Restart::Transient), 1 => Just(Restart::Temporary)]
}

fn manner() -> impl Strategy<Value = Manner> {
    let shutdown = prop_oneof![
        Just(Shutdown::BrutalKill),
        Just(Shutdown::Infinity),
        // Time enough for whoever stops at all.
        Just(Shutdown::Millis(5_000)),
    ];
    let stop = prop_oneof![
        8 => (shutdown.clone(), Just(Stop::Obey)),
        1 => (shutdown, Just(Stop::Crash)),
        1 => (prop_oneof![Just(Shutdown::BrutalKill), Just(Shutdown::Millis(3))], Just(Stop::Stubborn)),
    ];
    (restart(), any::<bool>(), stop).prop_map(|(restart, significant, (shutdown, stop))| Manner {
        restart,
        significant,
        shutdown,
        stop,
    })
}

fn outcomes() -> impl Strategy<Value = Vec<Outcome>> {
    let outcome = prop_oneof![
        2 => Just(Outcome::Ok),
        3 => Just(Outcome::Fail),
        1 => Just(Outcome::Panic),
        2 => Just(Outcome::Ignore),
    ];
    proptest::collection::vec(outcome, 1..4)
}

/// An end that a worker can bring about itself.
fn own_end() -> impl Strategy<Value = Why> {
    prop_oneof![
        5 => Just(Why::Crash),
        1 => Just(Why::Panic),
        1 => Just(Why::Normal),
        1 => Just(Why::Shutdown),
        1 => Just(Why::ShutdownWith),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let end = prop_oneof![4 => own_end(), 1 => Just(Why::Kill)];
    prop_oneof![
        4 => (pick(), outcomes()).prop_map(|(at, outcomes)| Deed::Script(at, outcomes)),
        6 => (pick(), end).prop_map(|(at, why)| Deed::Crash(at, why)),
        1 => pick().prop_map(Deed::KillSupervisor),
        3 => (pick(), proptest::collection::vec((pick(), own_end()), 2..5))
            .prop_map(|(at, victims)| Deed::Burst(at, victims)),
        4 => (pick(), pick(), manner()).prop_map(|(at, id, manner)| Deed::Start(at, id, manner)),
        3 => (pick(), pick()).prop_map(|(at, id)| Deed::Terminate(at, id)),
        2 => (pick(), pick()).prop_map(|(at, id)| Deed::Restart(at, id)),
        1 => (pick(), pick()).prop_map(|(at, id)| Deed::Delete(at, id)),
        3 => (pick(), pick(), manner()).prop_map(|(at, id, manner)| Deed::Replace(at, id, manner)),
    ]
}

/// Names a sketch whose parent has this auto shutdown.
fn named(sketch: Sketch, parent: Auto, next: &mut u32) -> Node {
    let id = format!("s{next}");
    *next += 1;
    let (budget, restart, significant, auto, kind) = match sketch {
        Sketch::Static { budget, restart, significant, strategy, auto, children } => {
            let child = |sketch| match sketch {
                Sketch::Worker(manner) => {
                    *next += 1;
                    Child::Worker(worker(format!("w{}", *next - 1), auto, manner))
                }
                node => Child::Supervisor(named(node, auto, next)),
            };
            let children = children.into_iter().map(child).collect();
            (budget, restart, significant, auto, Kind::Static { strategy, children })
        }
        Sketch::Dynamic { budget, restart, significant, manner } => {
            let Manner { restart: each, shutdown, .. } = manner;
            (budget, restart, significant, Auto::Never, Kind::Dynamic { restart: each, shutdown })
        }
        Sketch::Worker(_) => unreachable!("no worker is the root"),
    };
    Node { id, budget, restart, significant: may_be(significant, restart, parent), auto, kind }
}

fn worker(id: String, parent: Auto, Manner { restart, significant, shutdown, stop }: Manner) -> Worker {
    Worker { id, restart, significant: may_be(significant, restart, parent), shutdown, stop }
}

/// Other combinations are refused, by both.
fn may_be(significant: bool, restart: Restart, parent: Auto) -> bool {
    significant && restart != Restart::Permanent && parent != Auto::Never
}

fn at<T: Clone>(all: &[T], at: usize) -> Option<T> {
    all.get(at.checked_rem(all.len())?).cloned()
}

fn all_workers(root: &Node) -> Vec<String> {
    root.supervisors().into_iter().flat_map(Node::workers).collect()
}

fn script(root: &Node, pick: usize, mut outcomes: Vec<Outcome>) -> Script {
    let id = at(&all_workers(root), pick).unwrap_or_default();
    if root.supervisors().iter().any(|node| node.is_dynamic() && node.workers().contains(&id)) {
        outcomes.retain(|outcome| !matches!(outcome, Outcome::Ignore));
    }
    Script { id, outcomes }
}

/// The id of a child of this supervisor: a worker, or a supervisor.
fn child(node: &Node, pick: usize) -> Option<String> {
    let mut ids = node.workers();
    if let Kind::Static { children, .. } = &node.kind {
        ids.extend(children.iter().filter_map(|child| match child {
            Child::Supervisor(node) => Some(node.id.clone()),
            Child::Worker(_) => None,
        }));
    }
    at(&ids, pick)
}

fn step(root: &Node, deed: Deed) -> Option<Step> {
    let supervisors = root.supervisors();
    let supervisor = |pick: usize| at(&supervisors, pick);
    let fixed = |pick: usize| supervisor(pick).filter(|node| !node.is_dynamic());
    Some(match deed {
        Deed::Script(pick, outcomes) => Step::Script(script(root, pick, outcomes)),
        Deed::Crash(pick, why) => Step::Crash { id: at(&all_workers(root), pick)?, why },
        Deed::KillSupervisor(pick) => Step::Crash { id: at(supervisors.get(1..)?, pick)?.id.clone(), why: Why::Kill },
        Deed::Burst(pick, victims) => {
            let node = supervisor(pick)?;
            let mut ends: Vec<(String, Why)> = Vec::new();
            for (pick, why) in victims {
                let id = at(&node.workers(), pick)?;
                if ends.iter().all(|(other, _)| *other != id) {
                    ends.push((id, why));
                }
            }
            Step::Burst { supervisor: node.id.clone(), victims: ends }
        }
        Deed::Start(pick, id, manner) => {
            let node = supervisor(pick)?;
            let manner = match node.kind {
                Kind::Static { .. } => manner,
                // Who never stops has to be killed, and soon.
                Kind::Dynamic { restart, shutdown } => {
                    let stop = match (manner.stop, shutdown) {
                        (Stop::Stubborn, Shutdown::Infinity | Shutdown::Millis(5_000)) => Stop::Obey,
                        (Stop::Obey | Stop::Crash, Shutdown::Millis(3)) => Stop::Stubborn,
                        (stop, _) => stop,
                    };
                    Manner { restart, significant: false, shutdown, stop }
                }
            };
            Step::Start { supervisor: node.id.clone(), worker: worker(at(&node.workers(), id)?, node.auto, manner) }
        }
        Deed::Terminate(pick, id) => {
            let node = supervisor(pick)?;
            Step::Terminate { supervisor: node.id.clone(), id: child(node, id)? }
        }
        Deed::Restart(pick, id) => {
            let node = fixed(pick)?;
            Step::Restart { supervisor: node.id.clone(), id: child(node, id)? }
        }
        Deed::Delete(pick, id) => {
            let node = fixed(pick)?;
            Step::Delete { supervisor: node.id.clone(), id: child(node, id)? }
        }
        Deed::Replace(pick, id, manner) => {
            let node = fixed(pick)?;
            Step::Replace { supervisor: node.id.clone(), worker: worker(at(&node.workers(), id)?, node.auto, manner) }
        }
    })
}
