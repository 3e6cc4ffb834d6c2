//! What happens to a name that is held: publication, draining, transfer, update, release, the closing of its scope.

use std::any::Any;
use std::sync::Arc;

use super::entry::{Cell, EntryRef, State, Status};
use super::index::{Key, Pinned};
use super::log::{Change, UnregisterReason};
use super::scope::{NamespaceClass, Scope};
use super::slot::Slot;
use super::write::{Refused, Table};
use crate::error::NameState;
use crate::process::{ProcessId, ProcessRef, RegistrationId};

/// Why a change of a held name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unchanged {
    Absent,
    /// Somebody else holds the name.
    Foreign {
        holder: ProcessId,
    },
    /// The process that was to take it has ended.
    NotAlive,
    WrongType {
        found: &'static str,
    },
}

impl Table {
    /// Gives a reserved name a value and an owner, until that owner ends. The value comes back on refusal.
    pub(crate) fn publish<T: Send + Sync + 'static>(
        self: &Arc<Self>,
        entry: &EntryRef,
        process: &ProcessRef,
        value: T,
    ) -> Result<RegistrationId, (Refused, T)> {
        let Some(cell) = entry.cell().as_any().downcast_ref::<Cell<T>>() else {
            unreachable!("a reservation has the type of its entry")
        };
        self.change(entry.key(), |section| {
            match entry.status().state {
                State::Starting | State::Restarting => {}
                State::Gone => return Err((Refused::Closed, value)),
                State::Ready => {
                    return Err((Refused::Taken { holder: entry.owner_id(), state: NameState::Ready }, value));
                }
                State::Draining => {
                    return Err((Refused::Taken { holder: entry.owner_id(), state: NameState::Draining }, value));
                }
            }
            let Some(mut adopting) = process.adopting() else { return Err((Refused::NotAlive, value)) };
            let id = section.next_id();
            adopting.add(id, Self::held(entry));
            drop(adopting);
            let before = entry.set_owner(process.id(), Some(process.clone()));
            section.release(before);
            section.retire(cell.put(value));
            entry.set_status(Status { id, reserved: true, state: State::Ready });
            section.tell(entry, Change::Registered);
            section.advance();
            Ok(id)
        })
    }

    /// Hides a name from lookups while it stays held. `false` if it was not ready under this registration.
    pub(crate) fn drain(&self, entry: &EntryRef, id: Option<RegistrationId>) -> bool {
        self.change(entry.key(), |section| {
            let status = entry.status();
            let ready = status.state == State::Ready && id.is_none_or(|id| id == status.id);
            if ready {
                entry.set_status(Status { state: State::Draining, ..status });
                section.tell(entry, Change::Draining);
                section.advance();
            }
            ready
        })
    }

    /// Ends one registration: the name is free, or reserved again. Nothing happens if that registration is over.
    pub(super) fn release(
        &self,
        pinned: Pinned,
        entry: &EntryRef,
        id: RegistrationId,
        reason: UnregisterReason,
    ) -> bool {
        self.change_pinned(pinned, entry.key(), |section| {
            let status = entry.status();
            let current = status.id == id && matches!(status.state, State::Ready | State::Draining);
            if current && status.reserved {
                section.withdraw(entry, reason);
            } else if current {
                section.remove(entry, reason);
            }
            current
        })
    }

    /// Frees a name for good, reserved or not.
    pub(super) fn remove(&self, pinned: Pinned, entry: &EntryRef, reason: UnregisterReason) -> bool {
        self.change_pinned(pinned, entry.key(), |section| {
            let there = entry.status().state != State::Gone;
            if there {
                section.remove(entry, reason);
            }
            there
        })
    }

    /// Frees a name if this process holds it.
    pub(crate) fn unregister(&self, key: Key<'_>, process: ProcessId) -> Result<(), Unchanged> {
        self.change(key, |section| {
            let entry = section.find().ok_or(Unchanged::Absent)?;
            match (entry.owner_id(), entry.status()) {
                (holder, _) if holder != process => Err(Unchanged::Foreign { holder }),
                (_, Status { reserved: true, state: State::Starting | State::Restarting, .. }) => {
                    Err(Unchanged::Absent)
                }
                (_, Status { reserved: true, .. }) => {
                    section.withdraw(&entry, UnregisterReason::Unregistered);
                    Ok(())
                }
                _ => {
                    section.remove(&entry, UnregisterReason::Unregistered);
                    Ok(())
                }
            }
        })
    }

    /// Hands a name from one process to another. No reader sees it absent or without its value.
    pub(crate) fn transfer(
        self: &Arc<Self>,
        key: Key<'_>,
        from: ProcessId,
        to: &ProcessRef,
    ) -> Result<RegistrationId, Unchanged> {
        self.change(key, |section| {
            let entry = section.find().ok_or(Unchanged::Absent)?;
            let status = entry.status();
            let holder = entry.owner_id();
            if holder != from {
                return Err(Unchanged::Foreign { holder });
            }
            if !matches!(status.state, State::Ready | State::Draining) {
                return Err(Unchanged::Absent);
            }
            let id = section.next_id();
            let mut adopting = to.adopting().ok_or(Unchanged::NotAlive)?;
            adopting.add(id, Self::held(&entry));
            drop(adopting);
            let before = entry.set_owner(to.id(), Some(to.clone()));
            entry.set_status(Status { id, ..status });
            if let Some(before) = &before {
                before.forget(status.id);
            }
            section.release(before);
            section.tell(&entry, |service| Change::Transferred { service, from });
            section.advance();
            Ok(id)
        })
    }

    /// Replaces the value of a name that this process holds. The value comes back on refusal.
    pub(crate) fn replace<T: Send + Sync + 'static>(
        &self,
        key: Key<'_>,
        process: ProcessId,
        value: T,
    ) -> Result<RegistrationId, (Unchanged, T)> {
        self.change(key, |section| {
            let Some(entry) = section.find() else { return Err((Unchanged::Absent, value)) };
            let holder = entry.owner_id();
            if holder != process {
                return Err((Unchanged::Foreign { holder }, value));
            }
            // A reserved name still tells its last holder.
            if !matches!(entry.status().state, State::Ready | State::Draining) {
                return Err((Unchanged::Absent, value));
            }
            let Some(cell) = entry.cell().as_any().downcast_ref::<Cell<T>>() else {
                return Err((Unchanged::WrongType { found: entry.cell().type_name() }, value));
            };
            section.retire(cell.put(value));
            section.tell(&entry, Change::Updated);
            section.advance();
            Ok(entry.status().id)
        })
    }

    /// Closes a scope: no name enters it any more, those in it are freed, and its waiters are told.
    pub(crate) fn close(&self, scope: &Scope) {
        // Who closes it while another one does goes through it as well: it is empty when either returns.
        if scope.close() && scope.class() == NamespaceClass::Test {
            self.test_scope_closed();
        }
        // Whoever saw the scope open holds its partition's lock until its entry is in the index.
        let mut woken: Vec<Arc<Slot>> = Vec::new();
        let mut hashes = Some(Vec::new());
        for index in 0..self.partitions().len() {
            let partition = self.partitions().lock(index);
            woken.extend(partition.slots.of(scope.id()).cloned());
            hashes = hashes.zip(scope.tally(index).hashes()).map(|(mut all, these)| {
                all.extend(these);
                all
            });
        }
        let remove = |entry| self.remove(Pinned::new(), &entry, UnregisterReason::NamespaceClosed);
        match hashes {
            // Each is out before the next one is looked for: two with one hash are found one after the other.
            Some(hashes) => {
                hashes.into_iter().filter_map(|hash| self.index().find_in(scope, hash)).map(remove).for_each(drop)
            }
            None => self.entries_of(scope).into_iter().map(remove).for_each(drop),
        }
        for slot in woken {
            slot.advance();
            slot.wake();
        }
        scope.log().end();
    }

    /// The entries of one scope, in no order.
    pub(crate) fn entries_of(&self, scope: &Scope) -> Vec<EntryRef> {
        let mut entries = Vec::new();
        self.visit(scope, |entry| entries.push(Arc::clone(entry)));
        entries
    }

    /// Visits the entries of one scope, in no order and under no lock. One that comes or goes meanwhile may be missed.
    pub(crate) fn visit(&self, scope: &Scope, mut f: impl FnMut(&EntryRef)) {
        match scope.members() {
            Some(members) => members.iter().for_each(f),
            None => self.index().for_each(|entry| {
                if entry.scope().is(scope) {
                    f(entry);
                }
            }),
        }
    }

    /// Replaces the value of a name that this process holds by what `f` makes of it, and gives both.
    ///
    /// `f` runs outside of every lock, again if somebody else has changed the value meanwhile.
    pub(crate) fn update<T: Clone + Send + Sync + 'static>(
        &self,
        key: Key<'_>,
        process: ProcessId,
        mut f: impl FnMut(&T) -> T,
    ) -> Result<(T, T), Unchanged> {
        loop {
            let entry = self.index().peek(key, Arc::clone).ok_or(Unchanged::Absent)?;
            owned(&entry, process)?;
            let cell = cell_of::<T>(&entry).ok_or_else(|| Unchanged::WrongType { found: entry.cell().type_name() })?;
            let Some(seen) = cell.share() else { continue };
            let old = seen.get().clone();
            let new = f(&old);
            // Out of the section, so that it is dropped behind it when it is not stored.
            let mut stored = Some(new.clone());
            let done = self.change(key, |section| {
                owned(&entry, process)?;
                if !cell.holds(&seen) {
                    return Ok(false);
                }
                section.retire(stored.take().and_then(|stored| cell.put(stored)));
                section.tell(&entry, Change::Updated);
                section.advance();
                Ok(true)
            })?;
            if done {
                return Ok((new, old));
            }
        }
    }
}

/// Ends one registration of an entry, or all of them, wherever the last of them is dropped.
///
/// In a thread that is being torn down the index cannot be used any more: another one does it then.
pub(crate) fn release(entry: &EntryRef, id: Option<RegistrationId>, reason: UnregisterReason) {
    let release = move |pinned: Pinned, entry: &EntryRef| {
        let Some(table) = entry.scope().table() else { return };
        match id {
            Some(id) => table.release(pinned, entry, id, reason),
            None => table.remove(pinned, entry, reason),
        };
    };
    if let Some(pinned) = Pinned::try_new() {
        release(pinned, entry);
        return;
    }
    let entry = Arc::clone(entry);
    let release = move || release(Pinned::new(), &entry);
    let helper = std::thread::Builder::new().name("registry-release".into()).spawn(release);
    match helper.map(std::thread::JoinHandle::join) {
        Ok(Ok(())) => {}
        _ => tracing::error!("a name could not be freed by a thread that ended"),
    }
}

/// Whether a process holds this entry now.
fn owned(entry: &EntryRef, process: ProcessId) -> Result<(), Unchanged> {
    match (entry.status().state, entry.owner_id()) {
        (State::Ready | State::Draining, holder) if holder == process => Ok(()),
        (State::Ready | State::Draining, holder) => Err(Unchanged::Foreign { holder }),
        // A reserved name still tells its last holder.
        _ => Err(Unchanged::Absent),
    }
}

/// A registry that ends takes its names along: owners forget them, and values are dropped here and not some time later.
impl Drop for Table {
    fn drop(&mut self) {
        let mut entries = Vec::new();
        self.index().for_each(|entry| entries.push(Arc::clone(entry)));
        for entry in entries {
            self.remove(Pinned::new(), &entry, UnregisterReason::NamespaceClosed);
        }
    }
}

/// The value types of two cells are compared by their type, never by name.
#[inline]
pub(crate) fn cell_of<T: Send + Sync + 'static>(entry: &EntryRef) -> Option<&Cell<T>> {
    let cell: &dyn Any = entry.cell();
    cell.downcast_ref()
}
