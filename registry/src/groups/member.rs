//! One membership.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::partitions::GroupKey;
use crate::process::{ExitReason, Held, MembershipId, ProcessId, ProcessRef, RegistrationId, contain};
use crate::sync::AtomicU64;
use crate::table::Contained;
use crate::telemetry::Event;

/// A member of a group, as a dispatch shows it: a value, and who joined with it.
pub struct Member<T> {
    group: Arc<GroupKey>,
    id: MembershipId,
    owner: ProcessId,
    /// The owner's, when it is a process; a guard needs none.
    process: Option<ProcessRef>,
    /// Where it is in the group's vector, or [`NOWHERE`].
    place: AtomicU64,
    /// Where it is among the memberships of its owner in this group.
    own_place: AtomicU64,
    value: Contained<T>,
}

const NOWHERE: u64 = u64::MAX;

impl<T> Member<T> {
    pub(super) fn new(
        group: Arc<GroupKey>,
        id: MembershipId,
        owner: ProcessId,
        process: Option<ProcessRef>,
        value: T,
    ) -> Self {
        Self {
            group,
            id,
            owner,
            process,
            place: AtomicU64::new(NOWHERE),
            own_place: AtomicU64::new(NOWHERE),
            value: Contained::new(value),
        }
    }

    /// The id of this membership.
    pub fn id(&self) -> MembershipId {
        self.id
    }

    /// Who joined: a process, or the id that stands for the holder of a guard.
    pub fn owner(&self) -> ProcessId {
        self.owner
    }

    /// What it joined with.
    pub fn value(&self) -> &T {
        self.value.get()
    }

    pub(super) fn group(&self) -> &Arc<GroupKey> {
        &self.group
    }

    /// Whether it has not left. Read without a lock.
    pub(crate) fn is_present(&self) -> bool {
        self.place.load(Acquire) != NOWHERE
    }

    pub(super) fn is_of_process(&self) -> bool {
        self.process.is_some()
    }

    /// Under the partition's lock; `None` when it has left.
    pub(super) fn place(&self) -> Option<usize> {
        index(self.place.load(Relaxed))
    }

    /// Under the partition's lock; `None` unless a process joined.
    pub(super) fn own_place(&self) -> Option<usize> {
        index(self.own_place.load(Relaxed))
    }

    /// Under the partition's lock.
    pub(super) fn set_place(&self, place: Option<usize>) {
        self.place.store(place.map_or(NOWHERE, |place| place as u64), Release);
    }

    /// Under the partition's lock.
    pub(super) fn set_own_place(&self, place: usize) {
        self.own_place.store(place as u64, Relaxed);
    }
}

impl<T: Send + Sync + 'static> Member<T> {
    /// Takes it out of its group; `false` if it had left.
    pub(crate) fn leave_group(self: &Arc<Self>) -> bool {
        self.group.groups.upgrade().is_some_and(|groups| groups.leave(self))
    }
}

fn index(place: u64) -> Option<usize> {
    (place != NOWHERE).then_some(place as usize)
}

/// A member of a group of any type.
pub(super) trait AnyMember: Send + Sync {
    /// Takes it out of its group; `false` if it had left.
    fn leave(self: Arc<Self>) -> bool;
    /// Behind the lock, once it is out of its group: the owner forgets it, and it is counted and told.
    fn left(&self);
}

impl<T: Send + Sync + 'static> AnyMember for Member<T> {
    fn leave(self: Arc<Self>) -> bool {
        self.leave_group()
    }

    fn left(&self) {
        self.set_place(None);
        if let Some(process) = &self.process {
            process.forget(self.id.as_held());
        }
        let GroupKey { scope, name, .. } = &*self.group;
        if let Some(table) = scope.table() {
            contain("a subscriber", || table.telemetry().record(scope, name, Event::Leave, None));
        }
    }
}

/// What a process keeps of a membership.
pub(super) struct HeldMember<T>(pub(super) Arc<Member<T>>);

impl<T: Send + Sync + 'static> Held for HeldMember<T> {
    fn release(&self, _: RegistrationId, _: &ExitReason) {
        Arc::clone(&self.0).leave();
    }

    fn namespace(&self) -> &str {
        self.0.group.scope.name()
    }

    fn name(&self) -> &str {
        &self.0.group.name
    }

    fn is_of(&self, table: *const ()) -> bool {
        self.0.group.groups.as_ptr().cast() == table
    }
}

impl<T: fmt::Debug> fmt::Debug for Member<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("group", &self.group.name)
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("value", self.value())
            .finish_non_exhaustive()
    }
}
