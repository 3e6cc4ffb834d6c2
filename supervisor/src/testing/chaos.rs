//! Crashes on purpose, the same ones each time.

use std::sync::Arc;

use crate::child::{ChildRef, Seat};

/// Kills incarnations in a tree, by name or by chance.
///
/// What is killed ends as [`Killed`](crate::ExitReason::Killed) without its supervisor having meant it: as if it had crashed. It is
/// restarted if its restart type says so, and charges the budget. What is chosen depends on the seed and on which children are up, in
/// the order of a [`Snapshot`](crate::Snapshot): under paused time and on one thread, a test that does the same kills the same.
///
/// Children on threads of their own cannot be killed, and are never chosen.
#[derive(Debug)]
pub struct Chaos {
    root: ChildRef,
    state: u64,
}

/// Nothing of this name is up that can be killed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing called `{0}` is up that can be killed")]
pub struct NotUp(pub String);

impl Chaos {
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
        let found = self.children().into_iter().find(|child| child.is_called(name));
        if found.is_some_and(|child| child.seat.core().crash()) { Ok(()) } else { Err(NotUp(name.to_owned())) }
    }

    /// Kills one worker by chance, all of them being as likely. Returns its path; `None` when there is none.
    pub fn kill_one(&mut self) -> Option<String> {
        let workers = self.workers();
        let count = workers.len() as u128;
        // The high half of the product: as good as a remainder, without a division that favours the first.
        let at = (u128::from(self.random()) * count) >> 64;
        let chosen = workers.into_iter().nth(usize::try_from(at).unwrap_or(usize::MAX))?;
        chosen.seat.core().crash().then_some(chosen.path)
    }

    /// Kills each worker with this probability. Returns the paths of those.
    ///
    /// # Panics
    ///
    /// When the probability is not from 0 to 1.
    pub fn kill_each(&mut self, probability: f64) -> Vec<String> {
        assert!((0.0..=1.0).contains(&probability), "a probability is from 0 to 1, not {probability}");
        let workers = self.workers();
        let mut killed = Vec::new();
        for worker in workers {
            // 53 bits are what a f64 holds exactly.
            #[allow(clippy::cast_precision_loss, reason = "it has 53 bits")]
            let drawn = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
            if drawn < probability && worker.seat.core().crash() {
                killed.push(worker.path);
            }
        }
        killed
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
