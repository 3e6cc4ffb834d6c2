//! What is still to be told: it outlives whoever tells it.

use std::sync::{Arc, Mutex, PoisonError};

use registry::{RecvError, Subscription};

use super::hook::{Hook, Hooks};
use crate::domain::notification::Announcement;
use crate::telemetry;

/// What waits while the coordinator is restarted or the store takes nothing. Of more than that the oldest are lost, which is counted.
const WAITING: usize = 16_384;

/// How many are kept by one transaction, at most.
const TOGETHER: usize = 64;

/// Where the backlog lies between two incarnations.
#[derive(Clone, Debug)]
pub(super) struct Shelf(Arc<Mutex<Option<Backlog>>>);

/// Hooks that were told, in their order, from before the first of them.
#[derive(Debug)]
pub(super) struct Backlog {
    hooks: Subscription<Hook>,
    /// Those that are being kept. They have their ids: whoever comes next keeps the same, not others that say the same.
    at_hand: Vec<Announcement>,
}

/// The backlog, in the hands of one incarnation. Dropped, it lies on the shelf again.
#[derive(Debug)]
pub(super) struct Loan {
    shelf: Shelf,
    backlog: Option<Backlog>,
}

impl Shelf {
    /// Hears of all hooks from now on.
    pub(super) fn new(hooks: &Hooks) -> Self {
        let backlog = hooks.listen_with(WAITING).map(|hooks| Backlog { hooks, at_hand: Vec::new() });
        Self(Arc::new(Mutex::new(backlog)))
    }

    /// Takes it; none while another has it.
    pub(super) fn take(&self) -> Option<Loan> {
        let backlog = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Loan { shelf: self.clone(), backlog: Some(backlog) })
    }
}

impl Loan {
    /// What is to be kept now, when there is something. The same again until it [is kept](Self::kept). None when no more hooks come.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Option<&[Announcement]> {
        let backlog = self.backlog.as_mut()?;
        while backlog.at_hand.is_empty() {
            match backlog.hooks.recv().await {
                Ok(hook) => backlog.at_hand.push(hook.announced()),
                Err(RecvError::Lagged(missed)) => lost(missed),
                Err(_) => return None,
            }
            while backlog.at_hand.len() < TOGETHER {
                match backlog.hooks.try_recv() {
                    Ok(hook) => backlog.at_hand.push(hook.announced()),
                    Err(RecvError::Lagged(missed)) => lost(missed),
                    Err(_) => break,
                }
            }
        }
        Some(&backlog.at_hand)
    }

    /// What was to be kept is.
    pub(super) fn kept(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.at_hand.clear();
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        *self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner) = self.backlog.take();
    }
}

fn lost(missed: u64) {
    telemetry::hooks_lost(missed);
    tracing::error!(missed, "too much has started and stopped; the operator's programs are not told of all");
}
