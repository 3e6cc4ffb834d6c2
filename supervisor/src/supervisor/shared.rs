//! What a supervisor's incarnations and its references share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::command::Command;
use crate::child::{Core, Limit, Meltdown, Seat, Settings};
use crate::server::Slot;
use crate::tree::{Branch, Family, Feed};

/// How many questions wait for a supervisor before those who ask do.
const COMMANDS: usize = 64;

/// What a supervisor's incarnations and its references share.
pub(super) struct Shared {
    pub(super) slot: Arc<Slot<Command>>,
    family: Family,
    pub(super) meltdown: Mutex<Option<Meltdown>>,
    /// A child could not be killed.
    abandoned: AtomicBool,
    limit: Limit,
    /// Its children are partitions, which others route to.
    partitioned: bool,
}

impl Shared {
    pub(super) fn new(settings: &Settings, partitioned: bool) -> Arc<Self> {
        let settings = Settings { restart: settings.restart, mailbox: COMMANDS, ..Settings::new(settings.id.clone()) };
        let family = Family::new(settings.id.clone());
        Arc::new(Self {
            slot: Slot::new(&settings),
            family,
            meltdown: Mutex::new(None),
            abandoned: AtomicBool::new(false),
            limit: Limit::default(),
            partitioned,
        })
    }

    pub(super) fn is_partitioned(&self) -> bool {
        self.partitioned
    }

    /// Prepares for a new incarnation. `false` once the spec is gone.
    pub(super) fn open(&self) -> bool {
        *self.meltdown.lock() = None;
        self.slot.open()
    }

    pub(super) async fn receive(&self) -> Command {
        self.slot.receive().await
    }

    /// When its stop has to be over.
    pub(super) fn limit(&self) -> &Limit {
        &self.limit
    }

    pub(super) fn set_meltdown(&self, meltdown: Meltdown) {
        *self.meltdown.lock() = Some(meltdown);
    }

    pub(super) fn family(&self) -> &Family {
        &self.family
    }

    pub(super) fn set_abandoned(&self) {
        self.abandoned.store(true, Relaxed);
    }

    pub(super) fn has_abandoned(&self) -> bool {
        self.abandoned.load(Relaxed)
    }

    pub(super) fn close(&self) {
        self.slot.close();
        self.family.feed().close();
    }
}

impl Seat for Shared {
    fn core(&self) -> &Core {
        self.slot.core()
    }

    fn vacate(&self) {
        self.slot.vacate();
    }

    fn limit(&self, until: Instant) {
        self.limit.bring_forward(until);
    }

    fn branch(&self) -> Option<&dyn Branch> {
        Some(self)
    }

    fn depth(&self) -> Option<(usize, usize)> {
        self.slot.depth()
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.slot.bytes()
    }
}

impl Branch for Shared {
    fn feed(&self) -> &Arc<Feed> {
        self.family.feed()
    }

    fn children(&self, from: usize, into: &mut Vec<Arc<dyn Seat>>) -> Option<usize> {
        self.family.children(from, into)
    }
}
