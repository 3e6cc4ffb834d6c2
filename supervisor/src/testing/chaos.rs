//! Crashes on purpose, the same ones each time.

use std::sync::Arc;

use crate::child::{ChildRef, Core, INJECTED, Seat};

/// Kills incarnations in a tree, or has them panic, by name or by chance.
///
/// What is killed ends as [`Killed`](crate::ExitReason::Killed) without its supervisor having meant it: as if it had crashed. What is
/// made to panic ends as [`Panic`](crate::ExitReason::Panic), by a panic of its own task that says [`MESSAGE`](Self::MESSAGE):
/// the panic hook runs, and what its future holds is dropped while the thread unwinds. Both happen where the task waits, or when it
/// next does; a server that is idle, and one in the middle of a message, a timer or its init. Each is restarted if its restart type says
/// so, and charges the budget; links, monitors, events and metrics see it as any other end.
///
/// What is chosen depends on the seed and on which children are up, in the order of a [`Snapshot`](crate::Snapshot): under paused
/// time and on one thread, a test that does the same chooses the same.
///
/// Children on threads of their own cannot be ended from outside, and are never chosen. In a program that is built with
/// `panic = "abort"` an injected panic is its end, as any other is; so is a Drop that panics while it unwinds.
///
/// ```
/// # use supervisor::{ChildSpec, ExitReason, Strategy, Supervisor, testing::{Chaos, settle}};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tree = Supervisor::new(Strategy::OneForOne)
///     .child(ChildSpec::task("poller", |cx| async move { cx.stopped().await }))
///     .start()
///     .await?;
/// Chaos::of(&*tree, 0).panic("poller")?;
/// settle().await;
/// let poller = tree.find_child("poller").await?.expect("it has been restarted");
/// assert_eq!(poller.incarnation(), 2);
/// assert!(matches!(poller.last_exit(), Some(ExitReason::Panic(panic)) if panic.message() == Chaos::MESSAGE));
/// # tree.stop().await; Ok(()) }
/// ```
#[derive(Debug)]
pub struct Chaos {
    root: ChildRef,
    state: u64,
}

/// Nothing of this name is there that can be ended so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing called `{0}` is up that can be ended from outside")]
pub struct NotUp(pub String);

impl Chaos {
    /// What an injected panic says.
    pub const MESSAGE: &str = INJECTED;

    /// For the children of this supervisor, and all below it.
    pub fn of(root: impl Into<ChildRef>, seed: u64) -> Self {
        Self { root: root.into(), state: seed }
    }

    /// Kills the child of this id, or with this path from the supervisor's children down, ids with slashes between them. Of several
    /// that are called so, the first.
    ///
    /// # Errors
    ///
    /// There is none that is up, or it cannot be killed.
    pub fn kill(&mut self, name: &str) -> Result<(), NotUp> {
        self.end(name, Core::crash)
    }

    /// Kills one worker by chance, all of them being as likely. Returns its path; `None` when there is none.
    pub fn kill_one(&mut self) -> Option<String> {
        self.end_one(Core::crash)
    }

    /// Kills each worker with this probability. Returns the paths of those.
    ///
    /// # Panics
    ///
    /// When the probability is not from 0 to 1.
    pub fn kill_each(&mut self, probability: f64) -> Vec<String> {
        self.end_each(probability, Core::crash)
    }

    /// Has the child of this id or path panic, as [`kill`](Self::kill) finds it.
    ///
    /// # Errors
    ///
    /// There is none that is up, or it cannot be ended from outside.
    pub fn panic(&mut self, name: &str) -> Result<(), NotUp> {
        self.end(name, Core::inject_panic)
    }

    /// Has one worker panic by chance, all of them being as likely. Returns its path; `None` when there is none.
    pub fn panic_one(&mut self) -> Option<String> {
        self.end_one(Core::inject_panic)
    }

    /// Has each worker panic with this probability. Returns the paths of those.
    ///
    /// # Panics
    ///
    /// When the probability is not from 0 to 1.
    pub fn panic_each(&mut self, probability: f64) -> Vec<String> {
        self.end_each(probability, Core::inject_panic)
    }

    /// Has the next incarnation of this child panic in place of its init; the one that is up, if any, goes on. For a task, or a function
    /// on a thread of its own, that is the first moment of what it runs.
    ///
    /// ```
    /// # use supervisor::{ChildSpec, Context, Failure, Flow, Server, Strategy, Supervisor, testing::{Chaos, settle}};
    /// # struct Cache;
    /// # impl Server for Cache { type Message = (); async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> { Ok(Flow::Continue) } }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tree = Supervisor::new(Strategy::OneForOne).child(ChildSpec::server(|| Cache).id("cache")).start().await?;
    /// let mut chaos = Chaos::of(&*tree, 0);
    /// chaos.panic_init("cache")?;
    /// chaos.kill("cache")?;
    /// settle().await;
    /// let cache = tree.find_child("cache").await?.expect("it is tried once more");
    /// assert_eq!(cache.incarnation(), 3);
    /// # tree.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such child.
    pub fn panic_init(&mut self, name: &str) -> Result<(), NotUp> {
        self.end(name, |core| {
            core.inject_init_panic();
            true
        })
    }

    fn end(&self, name: &str, how: fn(&Core) -> bool) -> Result<(), NotUp> {
        let found = self.children().into_iter().find(|child| child.is_called(name));
        if found.is_some_and(|child| how(child.seat.core())) { Ok(()) } else { Err(NotUp(name.to_owned())) }
    }

    fn end_one(&mut self, how: fn(&Core) -> bool) -> Option<String> {
        let workers = self.workers();
        let count = workers.len() as u128;
        // The high half of the product: as good as a remainder, without a division that favours the first.
        let at = (u128::from(self.random()) * count) >> 64;
        let chosen = workers.into_iter().nth(usize::try_from(at).unwrap_or(usize::MAX))?;
        how(chosen.seat.core()).then_some(chosen.path)
    }

    fn end_each(&mut self, probability: f64, how: fn(&Core) -> bool) -> Vec<String> {
        assert!((0.0..=1.0).contains(&probability), "a probability is from 0 to 1, not {probability}");
        let workers = self.workers();
        let mut ended = Vec::new();
        for worker in workers {
            // 53 bits are what a f64 holds exactly.
            #[allow(clippy::cast_precision_loss, reason = "it has 53 bits")]
            let drawn = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
            if drawn < probability && how(worker.seat.core()) {
                ended.push(worker.path);
            }
        }
        ended
    }

    fn workers(&self) -> Vec<Found> {
        let mut children = self.children();
        children.retain(|child| child.seat.branch().is_none() && child.seat.core().can_crash());
        children
    }

    fn children(&self) -> Vec<Found> {
        let mut found = Vec::new();
        walk(self.root.seat(), "", &mut found);
        found
    }

    /// SplitMix64, by Steele, Lea and Flood (2014).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

struct Found {
    path: String,
    seat: Arc<dyn Seat>,
}

impl Found {
    fn is_called(&self, name: &str) -> bool {
        self.path == name || self.seat.core().id().as_str() == name
    }
}

fn walk(seat: &dyn Seat, above: &str, found: &mut Vec<Found>) {
    let Some(branch) = seat.branch() else { return };
    let mut children = Vec::new();
    branch.visit(|child| {
        children.push(child);
        true
    });
    for child in children {
        let path = format!("{above}{}", child.core().id());
        let below = format!("{path}/");
        found.push(Found { path, seat: Arc::clone(&child) });
        walk(&*child, &below, found);
    }
}
