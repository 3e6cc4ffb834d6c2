//! One critical section of the write side.

use std::sync::Arc;

use super::entry::{EntryRef, Removed, State, Status};
use super::index::{Key, Pinned};
use super::listing::{Listing, name_state};
use super::log::{Change, UnregisterReason};
use super::partition::Partition;
use super::scope::Scope;
use super::slot::Slot;
use super::write::{Claim, Owner, Refused, Table};
use crate::process::{ProcessRef, RegistrationId, contain};
use crate::telemetry::Event;

/// What is left to do behind a critical section: at most one of each, since a section is about one name.
#[derive(Default)]
#[must_use]
pub(super) struct Aftermath {
    removed: Option<Removed>,
    woken: Option<Arc<Slot>>,
    /// A reference to a process, whose last drop may run code of the user.
    released: Option<ProcessRef>,
    /// The namespace whose watchers have something to read.
    watched: Option<Scope>,
    /// The entry whose registration ended, to be told to handlers.
    ended: Option<EntryRef>,
}

impl Aftermath {
    /// Wakes, tells and drops, outside of every lock. Waiters first: a value's Drop may take its time. All of it is
    /// somebody else's code, and a panic in one part does not keep the others from being done.
    pub(super) fn settle(self, table: &Table) {
        let Self { removed, woken, released, watched, ended } = self;
        if let Some(slot) = woken {
            contain("a waker", || slot.wake());
        }
        if let Some(scope) = watched {
            contain("a waker", || scope.log().wake());
        }
        if let Some(entry) = ended {
            contain("a subscriber", || {
                table.telemetry().tell(entry.scope(), entry.name(), Event::Unregister, None);
            });
        }
        drop(released);
        drop(removed);
    }
}

/// A locked partition, with the key that the section is about.
pub(super) struct Section<'a> {
    table: &'a Table,
    partition: &'a mut Partition,
    hash: u64,
    key: Key<'a>,
    /// Whether ends are told: asked before the lock is taken, since a subscriber answers it.
    told: bool,
    pub(super) after: Aftermath,
}

impl Table {
    /// Runs one critical section of a key, and behind it what it leaves to do.
    pub(super) fn change<'a, R>(&'a self, key: Key<'a>, change: impl FnOnce(&mut Section<'_>) -> R) -> R {
        self.change_pinned(Pinned::new(), key, change)
    }

    /// [`change`](Self::change) by a thread that is pinned already. It is not while code of the user runs.
    pub(super) fn change_pinned<'a, R>(
        &'a self,
        pinned: Pinned,
        key: Key<'a>,
        change: impl FnOnce(&mut Section<'_>) -> R,
    ) -> R {
        let (hash, index) = self.place(key);
        let told = self.telemetry().is_told();
        let mut partition = self.partitions().lock(index);
        let mut section = Section { told, ..Section::new(self, &mut partition, hash, key) };
        let result = change(&mut section);
        let after = section.after;
        drop(partition);
        drop(pinned);
        after.settle(self);
        result
    }
}

impl<'a> Section<'a> {
    pub(super) fn new(table: &'a Table, partition: &'a mut Partition, hash: u64, key: Key<'a>) -> Self {
        Self { table, partition, hash, key, told: false, after: Aftermath::default() }
    }

    pub(super) fn find(&self) -> Option<EntryRef> {
        self.table.index().peek_placed(self.key, self.hash, Arc::clone)
    }

    fn index(&self) -> usize {
        self.table.partitions().of(self.hash)
    }

    pub(super) fn next_id(&mut self) -> RegistrationId {
        self.partition.next_id()
    }

    /// Whether a claim can be granted.
    pub(super) fn admit(&self, claim: &Claim<'_>) -> Result<(), Refused> {
        if claim.scope.is_closed() {
            return Err(Refused::Closed);
        }
        let taken = self.table.index().peek_placed(self.key, self.hash, |entry| {
            let state = name_state(entry.status().state)?;
            Some(Refused::Taken { holder: entry.owner_id(), state })
        });
        taken.flatten().map_or(Ok(()), Err)
    }

    /// Puts a new entry into the index.
    pub(super) fn install(&mut self, claim: &Claim<'_>, entry: &EntryRef, status: Status) {
        let process = match claim.owner {
            Owner::Guard(_) => None,
            Owner::Process(process) => Some(process.clone()),
        };
        self.release(entry.set_owner(claim.owner.id(), process));
        entry.set_status(status);
        self.table.index().insert(Arc::clone(entry));
        claim.scope.entered(entry, self.index(), self.hash);
        self.partition.entries[claim.scope.class() as usize] += 1;
        self.partition.bytes += entry.bytes();
        if status.state == State::Ready {
            self.tell(entry, Change::Registered);
        }
        self.advance();
    }

    /// Takes an entry out of the index, whatever its state.
    pub(super) fn remove(&mut self, entry: &EntryRef, reason: UnregisterReason) {
        self.tell_end(entry, reason);
        entry.set_status(Status { state: State::Gone, ..entry.status() });
        self.table.index().remove(entry, self.hash);
        entry.scope().left(entry, self.index(), self.hash);
        self.partition.entries[entry.scope().class() as usize] -= 1;
        self.partition.bytes -= entry.bytes();
        self.disown(entry);
        self.advance();
    }

    /// Takes the value and the owner out of a reserved entry, which keeps its name.
    pub(super) fn withdraw(&mut self, entry: &EntryRef, reason: UnregisterReason) {
        self.tell_end(entry, reason);
        entry.set_status(Status { state: State::Restarting, ..entry.status() });
        self.disown(entry);
        self.advance();
    }

    /// Takes value and owner out. The owner's id stays: a reader that saw the entry ready may ask for it yet.
    fn disown(&mut self, entry: &EntryRef) {
        if let Some(process) = entry.set_owner(entry.owner_id(), None) {
            process.forget(entry.status().id);
            self.release(Some(process));
        }
        self.retire(entry.cell().take());
    }

    /// Counts and tells the end of a registration; a reserved name without a service is none.
    fn tell_end(&mut self, entry: &EntryRef, reason: UnregisterReason) {
        if matches!(entry.status().state, State::Ready | State::Draining) {
            self.table.telemetry().count(entry.scope(), Event::Unregister);
            if self.told {
                self.after.ended = Some(Arc::clone(entry));
            }
            self.tell(entry, |service| Change::Unregistered { service, reason });
        }
    }

    /// Logs a change for the watchers of the namespace, if there are any.
    pub(super) fn tell(&mut self, entry: &EntryRef, change: impl FnOnce(Listing) -> Change) {
        let scope = entry.scope();
        if scope.log().is_watched()
            && let Some(listing) = Listing::of(entry)
        {
            scope.log().push(change(listing));
            self.after.watched = Some(scope.clone());
        }
    }

    /// Keeps a value that left its entry until the section is over.
    pub(super) fn retire(&mut self, removed: Option<Removed>) {
        debug_assert!(self.after.removed.is_none(), "one value leaves in a section");
        self.after.removed = removed;
    }

    /// Keeps a reference to a process until the section is over.
    pub(super) fn release(&mut self, process: Option<ProcessRef>) {
        debug_assert!(self.after.released.is_none(), "one process loses a name in a section");
        self.after.released = process;
    }

    /// Tells those who refer to the name or wait for it that something changed.
    pub(super) fn advance(&mut self) {
        if let Some(slot) = self.partition.slots.find(self.hash, self.key) {
            slot.advance();
            self.after.woken = Some(Arc::clone(slot));
        }
    }
}
