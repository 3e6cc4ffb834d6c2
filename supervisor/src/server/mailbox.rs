//! A mailbox that outlives the incarnations that read it.
//!
//! # Invariants
//!
//! 1. The receiver is in exactly one place: parked here between incarnations, or in the one that is alive.
//! 2. Mail that an ended incarnation leaves is dropped, unless the spec keeps it, before the end is told; and once more before
//!    the next one is up, for what was sent in between. So a sender never waits for a reply from a message that nobody
//!    will read.
//! 3. Once the spec is gone the receiver is dropped wherever it is, and sends fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::child::{Core, Seat, Settings};

pub(crate) struct Slot<M> {
    pub(super) core: Core,
    pub(super) sender: mpsc::Sender<M>,
    pub(super) keep_mail: bool,
    parked: Mutex<Parked<M>>,
}

struct Parked<M> {
    receiver: Option<mpsc::Receiver<M>>,
    closed: bool,
}

impl<M: Send + 'static> Slot<M> {
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        let (sender, receiver) = mpsc::channel(settings.mailbox);
        Arc::new(Self {
            core: Core::new(settings.id.clone(), settings.restart),
            sender,
            keep_mail: settings.keep_mail,
            parked: Mutex::new(Parked { receiver: Some(receiver), closed: false }),
        })
    }

    /// The spec is gone.
    pub(crate) fn close(&self) {
        self.core.close();
        let receiver = {
            let mut parked = self.parked.lock();
            parked.closed = true;
            parked.receiver.take()
        };
        discard(receiver);
    }

    /// Sends whatever the phase, waiting for room. `None` once the spec is gone.
    pub(crate) async fn send(&self, message: M) -> Option<()> {
        self.sender.send(message).await.ok()
    }

    fn park(&self, receiver: mpsc::Receiver<M>) {
        let mut parked = self.parked.lock();
        if parked.closed {
            drop(parked);
            discard(receiver);
        } else {
            parked.receiver = Some(receiver);
        }
    }
}

impl<M: Send + 'static> Seat for Slot<M> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn vacate(&self) {
        if self.keep_mail {
            return;
        }
        let receiver = self.parked.lock().receiver.take();
        if let Some(mut receiver) = receiver {
            while let Ok(message) = receiver.try_recv() {
                discard(message);
            }
            self.park(receiver);
        }
    }
}

/// Drops a user's value, whose Drop may panic.
fn discard<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        tracing::error!("a message panicked while it was dropped");
    }
}

/// The receiver while an incarnation has it; put back when that ends.
pub(crate) struct Mail<M: Send + 'static> {
    receiver: Option<mpsc::Receiver<M>>,
    slot: Arc<Slot<M>>,
}

impl<M: Send + 'static> Mail<M> {
    /// The mailbox of a new incarnation, without what was sent to the last one. `None` once the spec is gone.
    pub(crate) fn take(slot: &Arc<Slot<M>>) -> Option<Self> {
        slot.vacate();
        let receiver = slot.parked.lock().receiver.take()?;
        Some(Self { receiver: Some(receiver), slot: Arc::clone(slot) })
    }

    pub(crate) fn receiver(&mut self) -> Option<&mut mpsc::Receiver<M>> {
        self.receiver.as_mut()
    }
}

impl<M: Send + 'static> Drop for Mail<M> {
    fn drop(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            self.slot.park(receiver);
        }
    }
}
