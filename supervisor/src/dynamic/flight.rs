//! One start per name: the first caller makes the child, the others wait for what comes of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::state::{Crowd, Shared};
use crate::error::StartChildError;

type Outcome = Result<(), StartChildError>;

/// The names that are being started, and who waits for each.
#[derive(Default)]
pub(super) struct Flights(Crowd<oneshot::Sender<Outcome>>);

/// What a caller is to do.
pub(super) enum Boarding {
    /// Start the child.
    First(Flight),
    /// Wait for this.
    Next(oneshot::Receiver<Outcome>),
}

/// The right and the duty to start a name. Dropped without landing, it leaves both to the next caller.
pub(super) struct Flight {
    shared: Arc<Shared>,
    name: Option<(String, String)>,
}

impl Flight {
    pub(super) fn board(shared: &Arc<Shared>, namespace: &str, name: &str) -> Boarding {
        let name = (namespace.to_owned(), name.to_owned());
        let mut state = shared.state();
        if let Some(waiting) = state.flights.0.get_mut(&name) {
            let (sender, receiver) = oneshot::channel();
            // Those who have gone leave room to those who come, so that the queue is no longer than the crowd.
            while waiting.front().is_some_and(oneshot::Sender::is_closed) {
                waiting.pop_front();
            }
            waiting.push_back(sender);
            return Boarding::Next(receiver);
        }
        state.flights.0.insert(name.clone(), std::collections::VecDeque::new());
        Boarding::First(Self { shared: Arc::clone(shared), name: Some(name) })
    }

    /// Tells all who wait.
    pub(super) fn land(mut self, outcome: &Outcome) {
        for waiting in self.clear() {
            drop(waiting.send(outcome.clone()));
        }
    }

    fn clear(&mut self) -> impl Iterator<Item = oneshot::Sender<Outcome>> + use<> {
        let waiting = self.name.take().and_then(|name| self.shared.state().flights.0.remove(&name));
        waiting.into_iter().flatten()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Their receivers see it, and they try again.
        self.clear().for_each(drop);
    }
}
