//! One group: its members, and which of them belong to whom.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::chunked::Chunked;
use super::member::{AnyMember, Member};
use super::partitions::GroupKey;
use crate::process::ProcessId;

/// A group whose type is known only at run time.
pub(super) struct Group {
    pub(super) key: Arc<GroupKey>,
    pub(super) members: Box<dyn AnyMembers>,
}

impl Group {
    pub(super) fn new<T: Send + Sync + 'static>(key: Arc<GroupKey>) -> Self {
        Self { key, members: Box::new(Members::<T>::new()) }
    }

    pub(super) fn typed<T: Send + Sync + 'static>(&self) -> Option<&Members<T>> {
        let members: &dyn Any = &*self.members;
        members.downcast_ref()
    }

    pub(super) fn typed_mut<T: Send + Sync + 'static>(&mut self) -> Option<&mut Members<T>> {
        let members: &mut dyn Any = &mut *self.members;
        members.downcast_mut()
    }
}

/// The members of a group with values of type `T`. Under the partition's lock.
pub(super) struct Members<T> {
    all: Chunked<Arc<Member<T>>>,
    /// Of processes only: a guard ends its one membership itself.
    by_owner: HashMap<ProcessId, Vec<Arc<Member<T>>>, foldhash::fast::RandomState>,
}

impl<T: Send + Sync + 'static> Members<T> {
    fn new() -> Self {
        Self { all: Chunked::new(), by_owner: HashMap::default() }
    }

    pub(super) fn all(&self) -> &Chunked<Arc<Member<T>>> {
        &self.all
    }

    pub(super) fn of(&self, owner: ProcessId) -> &[Arc<Member<T>>] {
        self.by_owner.get(&owner).map_or(&[], Vec::as_slice)
    }

    pub(super) fn insert(&mut self, member: &Arc<Member<T>>) {
        if member.is_of_process() {
            let own = self.by_owner.entry(member.owner()).or_default();
            member.set_own_place(own.len());
            own.push(Arc::clone(member));
        }
        member.set_place(Some(self.all.len()));
        self.all.push(Arc::clone(member));
    }

    /// `false` if it had left. No more than the references to it are dropped here: the caller has another one.
    pub(super) fn remove(&mut self, member: &Arc<Member<T>>) -> bool {
        let Some(place) = member.place() else { return false };
        member.set_place(None);
        self.all.swap_remove(place);
        if let Some(moved) = self.all.get(place) {
            moved.set_place(Some(place));
        }
        if let Some(own_place) = member.own_place()
            && let Entry::Occupied(mut entry) = self.by_owner.entry(member.owner())
        {
            let own = entry.get_mut();
            own.swap_remove(own_place);
            if let Some(moved) = own.get(own_place) {
                moved.set_own_place(own_place);
            }
            if own.is_empty() {
                entry.remove();
            }
        }
        true
    }
}

/// What can be done with the members of a group of any type.
pub(super) trait AnyMembers: Any + Send {
    fn len(&self) -> usize;
    fn type_name(&self) -> &'static str;
    /// Takes out all that belong to one owner. They are to be dropped outside of every lock.
    fn remove_owner(&mut self, owner: ProcessId) -> Vec<Arc<dyn AnyMember>>;
    /// Every member, once the group is out of its partition.
    fn for_each(&self, f: &mut dyn FnMut(&dyn AnyMember));
}

impl<T: Send + Sync + 'static> AnyMembers for Members<T> {
    fn len(&self) -> usize {
        self.all.len()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn remove_owner(&mut self, owner: ProcessId) -> Vec<Arc<dyn AnyMember>> {
        let own = self.of(owner).to_vec();
        for member in &own {
            self.remove(member);
        }
        own.into_iter().map(|member| member as Arc<dyn AnyMember>).collect()
    }

    fn for_each(&self, f: &mut dyn FnMut(&dyn AnyMember)) {
        self.all.iter().for_each(|member| f(&**member));
    }
}
