//! A tree at one moment.

use std::sync::Arc;
use std::time::Duration;

use registry::ExitReason;

use crate::child::{ChildKind, Seat};
use crate::supervisor::ChildState;

/// How many children of each supervisor are shown unless told otherwise.
const CHILDREN: usize = 100;
/// How many children are shown in all.
const NODES: usize = 10_000;
/// How many supervisors below each other are shown.
const DEPTH: usize = 64;

/// A supervisor with everything below it, at one moment.
///
/// - It is made from what the children share with the outside: no supervisor is asked, so nothing that is busy or hangs
///   makes it wait. Each child is shown as it was when it was looked at, one after the other.
/// - It is bounded: of each supervisor the first 100 children are shown (see `snapshot_with`), 10,000 in all, over 64 levels. All
///   of them are counted in [`states`](ChildSnapshot::states), and how many are not shown is said.
///
/// It is printed as text by `Display`; see [`to_dot`](Self::to_dot), [`to_mermaid`](Self::to_mermaid), and with the feature
/// `serde` `to_json`.
///
/// ```
/// # use supervisor::{ChildSpec, ChildState, Strategy, Supervisor};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tree = Supervisor::new(Strategy::OneForOne)
///     .id("app")
///     .child(ChildSpec::task("poller", |cx| async move { cx.stopped().await }))
///     .start()
///     .await?;
/// println!("{}", tree.snapshot());
///
/// let snapshot = tree.snapshot();
/// assert_eq!(snapshot.find("app/poller").map(|poller| poller.state), Some(ChildState::Running));
/// # tree.stop().await; Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The supervisor that was asked.
    pub root: ChildSnapshot,
}

/// A child at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChildSnapshot {
    /// Its id.
    pub id: String,
    /// What kind of child it is.
    pub kind: ChildKind,
    /// What it is doing.
    pub state: ChildState,
    /// Whether it is handling a message: one whose mailbox fills up meanwhile hangs, or has too much to do.
    pub busy: bool,
    /// Which incarnation is alive, or was the last to be, counted from 1; 0 before the first.
    pub incarnation: u32,
    /// How many of its incarnations came from automatic restarts, those of its siblings included.
    pub restarts: u32,
    /// How its last incarnation ended that did.
    pub last_exit: Option<LastExit>,
    /// How long its incarnation has been up.
    pub uptime: Option<Duration>,
    /// What waits in its mailbox, if it has one. That of a supervisor has questions in it.
    pub mailbox: Option<MailboxDepth>,
    /// The bytes that its state, its mail and its task take: what is known of its memory, which is all but what these own on
    /// the heap.
    pub memory: usize,
    /// The name that it holds in a registry, or will.
    pub name: Option<RegisteredName>,
    /// How many children it has in each state, when it is a supervisor; those in no state are left out.
    pub states: Vec<StateCount>,
    /// The children that are shown.
    pub children: Vec<ChildSnapshot>,
    /// How many children are not shown.
    pub omitted: usize,
}

/// How an incarnation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastExit {
    /// Why.
    pub reason: ExitReason,
    /// How long ago.
    pub ago: Duration,
}

/// How full a mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxDepth {
    /// How many messages wait.
    pub len: usize,
    /// How many it holds.
    pub capacity: usize,
}

/// A name in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredName {
    /// The namespace.
    pub namespace: String,
    /// The name within it.
    pub name: String,
}

/// How many children are in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateCount {
    /// The state.
    pub state: ChildState,
    /// How many are in it.
    pub children: usize,
}

impl Snapshot {
    /// What is found by going down these ids, with slashes between them and the root's first. Of children with the same id it is
    /// the first that is shown.
    pub fn find(&self, path: &str) -> Option<&ChildSnapshot> {
        self.root.find(path)
    }
}

impl ChildSnapshot {
    fn find(&self, path: &str) -> Option<&Self> {
        // Ids may have slashes themselves.
        let rest = path.strip_prefix(self.id.as_str())?;
        match rest.strip_prefix('/') {
            None => rest.is_empty().then_some(self),
            Some(rest) => self.children.iter().find_map(|child| child.find(rest)),
        }
    }

    /// How many children it has, shown or not.
    pub fn count(&self) -> usize {
        self.states.iter().map(|count| count.children).sum()
    }
}

/// Looks at a child and all that is below it.
pub(crate) fn capture(seat: &dyn Seat, children: Option<usize>) -> Snapshot {
    let mut room = Room { children: children.unwrap_or(CHILDREN), nodes: NODES };
    Snapshot { root: room.node(seat, 0) }
}

/// How much more can be shown.
struct Room {
    children: usize,
    nodes: usize,
}

impl Room {
    fn node(&mut self, seat: &dyn Seat, depth: usize) -> ChildSnapshot {
        let mut node = seat.core().portrait();
        node.mailbox = seat.depth().map(|(len, capacity)| MailboxDepth { len, capacity });
        node.memory += seat.bytes();
        let Some(branch) = seat.branch() else { return node };
        let mut states: Vec<StateCount> = Vec::new();
        let mut shown: Vec<Arc<dyn Seat>> = Vec::new();
        branch.visit(|child| {
            let state = child.core().state();
            match states.iter_mut().find(|count| count.state == state) {
                Some(count) => count.children += 1,
                None => states.push(StateCount { state, children: 1 }),
            }
            if shown.len() < self.children && self.nodes > 0 && depth < DEPTH {
                self.nodes -= 1;
                shown.push(child);
            } else {
                node.omitted += 1;
            }
            true
        });
        states.sort_by_key(|count| count.state.as_str());
        node.states = states;
        node.children = shown.iter().map(|child| self.node(&**child, depth + 1)).collect();
        node
    }
}
