//! What stands in the way of messages to be stored or changed, for tests: a store that is slow, or takes nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::store::request::Request;

/// Open, unless it is closed.
#[derive(Debug)]
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    refuses: AtomicBool,
    passed: Mutex<Vec<usize>>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { open: watch::Sender::new(true), refuses: AtomicBool::new(false), passed: Mutex::default() }
    }

    /// Lets messages through, or lets them wait.
    pub(crate) fn open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// Lets whatever comes to it fail, or not.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }

    /// How many new messages there were in each write that went through.
    pub(crate) fn passed(&self) -> Vec<usize> {
        self.passed.lock().unwrap().clone()
    }

    /// Whether the request may go on, once it may come to it.
    pub(super) async fn pass(&self, request: &Request) -> bool {
        let messages = match request {
            Request::Append { batch, .. } => Some(batch.iter().map(|(_, drafts)| drafts.len()).sum()),
            Request::Change { .. } => None,
            _ => return true,
        };
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        let refuses = self.refuses.load(Ordering::Relaxed);
        if let Some(messages) = messages.filter(|_| !refuses) {
            self.passed.lock().unwrap().push(messages);
        }
        !refuses
    }
}
