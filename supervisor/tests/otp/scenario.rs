//! Scenarios: what there is, and what is done to it. Printed as the Erlang term that the other side reads.

use std::fmt;

/// How an init turns out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Ok,
    Fail,
    Panic,
    Ignore,
}

/// How a worker ends by itself, or is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Crash,
    Panic,
    Normal,
    Shutdown,
    ShutdownWith,
    Kill,
}

/// What a worker does when it is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Obey,
    Crash,
    /// Nothing.
    Stubborn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Permanent,
    Transient,
    Temporary,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Shutdown {
    BrutalKill,
    Infinity,
    Millis(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    OneForOne,
    OneForAll,
    RestForOne,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auto {
    Never,
    AnySignificant,
    AllSignificant,
}

#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) shutdown: Shutdown,
    pub(crate) stop: Stop,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) budget: u32,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) auto: Auto,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Static {
        strategy: Strategy,
        children: Vec<Child>,
    },
    /// All of its children are restarted and stopped alike.
    Dynamic {
        restart: Restart,
        shutdown: Shutdown,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Child {
    Worker(Worker),
    Supervisor(Node),
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) id: String,
    /// Of the next inits; those after them are fine.
    pub(crate) outcomes: Vec<Outcome>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Script(Script),
    Crash {
        id: String,
        why: Why,
    },
    /// Children of one supervisor end before it has heard of any of them; it hears in this order.
    Burst {
        supervisor: String,
        victims: Vec<(String, Why)>,
    },
    Start {
        supervisor: String,
        worker: Worker,
    },
    Terminate {
        supervisor: String,
        id: String,
    },
    Restart {
        supervisor: String,
        id: String,
    },
    Delete {
        supervisor: String,
        id: String,
    },
    /// Another spec for a worker.
    Replace {
        supervisor: String,
        worker: Worker,
    },
}

/// A tree, the scripts of its first start, and what follows. At the end the root is stopped.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) root: Node,
    pub(crate) scripts: Vec<Script>,
    pub(crate) steps: Vec<Step>,
}

impl Node {
    /// It and all supervisors below it.
    pub(crate) fn supervisors(&self) -> Vec<&Self> {
        let mut found = vec![self];
        if let Kind::Static { children, .. } = &self.kind {
            for child in children {
                if let Child::Supervisor(node) = child {
                    found.extend(node.supervisors());
                }
            }
        }
        found
    }

    /// Whether all of its workers, as they are at first, stop when they are asked to.
    pub(crate) fn is_tame(&self) -> bool {
        self.supervisors().iter().all(|node| match &node.kind {
            Kind::Dynamic { .. } => true,
            Kind::Static { children, .. } => children.iter().all(|child| match child {
                Child::Worker(worker) => worker.stop != Stop::Stubborn,
                Child::Supervisor(_) => true,
            }),
        })
    }

    pub(crate) fn is_dynamic(&self) -> bool {
        matches!(self.kind, Kind::Dynamic { .. })
    }

    /// The ids of its workers, whether they are there from the beginning or may be started later.
    pub(crate) fn workers(&self) -> Vec<String> {
        let mut ids: Vec<_> = (0..2).map(|extra| format!("{}x{extra}", self.id)).collect();
        if let Kind::Static { children, .. } = &self.kind {
            ids.extend(children.iter().filter_map(|child| match child {
                Child::Worker(worker) => Some(worker.id.clone()),
                Child::Supervisor(_) => None,
            }));
        }
        ids
    }
}

/// The items of an Erlang list.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if at == 0 { "" } else { "," })?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{},{},{}}}.", self.root, List(&self.scripts), List(&self.steps))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, budget, restart, significant, auto, kind } = self;
        match kind {
            Kind::Static { strategy, children } => {
                let children = List(children);
                write!(f, "{{supervisor,{id},{budget},{restart},{significant},{strategy},{auto},{children}}}")
            }
            Kind::Dynamic { restart: each, shutdown } => {
                write!(f, "{{dynamic,{id},{budget},{restart},{significant},{each},{shutdown}}}")
            }
        }
    }
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(worker) => worker.fmt(f),
            Self::Supervisor(node) => node.fmt(f),
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, restart, significant, shutdown, stop } = self;
        write!(f, "{{worker,{id},{restart},{significant},{shutdown},{stop}}}")
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{script,{},{}}}", self.id, List(&self.outcomes))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(script) => script.fmt(f),
            Self::Crash { id, why } => write!(f, "{{crash,{id},{why}}}"),
            Self::Burst { supervisor, victims } => {
                let victims: Vec<_> = victims.iter().map(|(id, why)| format!("{{{id},{why}}}")).collect();
                write!(f, "{{burst,{supervisor},{}}}", List(&victims))
            }
            Self::Start { supervisor, worker } => write!(f, "{{start,{supervisor},{worker}}}"),
            Self::Terminate { supervisor, id } => write!(f, "{{terminate,{supervisor},{id}}}"),
            Self::Restart { supervisor, id } => write!(f, "{{restart,{supervisor},{id}}}"),
            Self::Delete { supervisor, id } => write!(f, "{{delete,{supervisor},{id}}}"),
            Self::Replace { supervisor, worker } => write!(f, "{{replace,{supervisor},{worker}}}"),
        }
    }
}

/// Atoms, one for each variant.
macro_rules! atoms {
    ($($type:ident { $($variant:ident => $atom:literal),+ $(,)? })+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $atom),+ })
            }
        }
    )+};
}

atoms! {
    Outcome { Ok => "ok", Fail => "fail", Panic => "panic", Ignore => "ignore" }
    Why {
        Crash => "crash", Panic => "panic", Normal => "normal", Shutdown => "shutdown",
        ShutdownWith => "shutdown_with", Kill => "kill",
    }
    Stop { Obey => "obey", Crash => "crash", Stubborn => "stubborn" }
    Restart { Permanent => "permanent", Transient => "transient", Temporary => "temporary" }
    Strategy { OneForOne => "one_for_one", OneForAll => "one_for_all", RestForOne => "rest_for_one" }
    Auto { Never => "never", AnySignificant => "any_significant", AllSignificant => "all_significant" }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrutalKill => f.write_str("brutal_kill"),
            Self::Infinity => f.write_str("infinity"),
            Self::Millis(millis) => millis.fmt(f),
        }
    }
}
