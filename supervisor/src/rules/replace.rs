//! Another policy for a child, while it is there.

use tokio::time::Instant;

use super::backoff::Retries;
use super::entry::{Policy, State};
use super::machine::{Key, Machine};

impl Machine {
    /// From now on a child is stopped, restarted and held back by these. What is under way stays: an incarnation, its
    /// stop, the time of its start; but for a delay that the child waits out, which was another policy's.
    pub(crate) fn replace(&mut self, key: Key, policy: Policy, needs: Vec<Key>, now: Instant) {
        self.depend(key, needs);
        let Some(entry) = self.children.get_mut(&key) else { return };
        debug_assert_eq!(entry.policy.is_supervisor, policy.is_supervisor, "{key:?} is of another kind");
        let delayed = entry.state == State::Waiting && entry.due().is_some();
        entry.policy = policy;
        entry.retries = policy.backoff.map(|backoff| Box::new(Retries::new(backoff)));
        if delayed {
            self.restart_in_turn(key, now);
        }
        self.advance(now);
    }
}
