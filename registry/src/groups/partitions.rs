//! All the groups of a registry, divided by the hash of their keys.

use std::any::type_name;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use compact_str::CompactString;
use hashbrown::HashTable;

use super::dispatch::Snapshot;
use super::group::Group;
use super::member::{AnyMember, HeldMember, Member};
use crate::process::{MembershipId, ProcessId, ProcessRef, Sequence};
use crate::sync::{Mutex, MutexGuard};
use crate::table::{NamespaceClass, Owner, Scope};

/// What a name of a group stands for: the same name is another group in each space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    /// A group that somebody joined by its name.
    Named,
    /// Those who subscribe to one topic.
    Topic,
    /// Those who subscribe to topics that begin like this.
    Under,
}

/// What finds a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) space: Space,
    pub(crate) name: &'a str,
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.scope.id());
        state.write_u8(self.space as u8);
        state.write(self.name.as_bytes());
    }
}

/// The key of a group, shared by its members, and the way back to it.
pub(super) struct GroupKey {
    pub(super) groups: Weak<Groups>,
    pub(super) scope: Scope,
    space: Space,
    pub(super) name: CompactString,
}

impl GroupKey {
    fn key(&self) -> Key<'_> {
        Key { scope: &self.scope, space: self.space, name: &self.name }
    }
}

/// Why a join was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJoined {
    Closed,
    NotAlive,
    WrongType(WrongType),
}

/// The group has values of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongType {
    pub(crate) found: &'static str,
}

/// One group, as it was when the list was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// The name of the group.
    pub name: String,
    /// How many memberships it has.
    pub members: usize,
    /// The name of its values' type.
    pub type_name: &'static str,
}

/// What one lock protects: groups by scope, so that a namespace is listed and closed in the time of its own groups.
#[derive(Default)]
struct Partition {
    ids: Sequence,
    scopes: HashMap<u32, HashTable<Group>, foldhash::fast::RandomState>,
    /// By namespace class.
    members: [usize; NamespaceClass::ALL.len()],
}

/// Apart by a cache line, so that neighbours do not slow each other down.
#[repr(align(128))]
struct Padded(Mutex<Partition>);

/// The groups of a registry.
pub(crate) struct Groups {
    hasher: foldhash::fast::RandomState,
    partitions: Box<[Padded]>,
}

impl Groups {
    pub(crate) fn new(partitions: NonZeroUsize) -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            partitions: (0..partitions.get()).map(|_| Padded(Mutex::default())).collect(),
        }
    }

    /// Adds a member to a group, which is made with the first one. The value comes back on refusal.
    pub(crate) fn join<T: Send + Sync + 'static>(
        self: &Arc<Self>,
        key: Key<'_>,
        owner: Owner<'_>,
        value: T,
    ) -> Result<Arc<Member<T>>, (NotJoined, T)> {
        let (hash, mut partition) = self.lock(key);
        // Whoever closes the scope comes for its groups behind the closing.
        if key.scope.is_closed() {
            return Err((NotJoined::Closed, value));
        }
        if let Some(group) = partition.find(hash, key)
            && group.typed::<T>().is_none()
        {
            return Err((NotJoined::WrongType(WrongType { found: group.members.type_name() }), value));
        }
        let (process, adopting) = match owner {
            Owner::Guard(_) => (None, None),
            Owner::Process(process) => match process.adopting() {
                Some(adopting) => (Some(process.clone()), Some(adopting)),
                None => return Err((NotJoined::NotAlive, value)),
            },
        };
        let id = MembershipId(partition.ids.next().0);
        partition.members[key.scope.class() as usize] += 1;
        let group = partition
            .scopes
            .entry(key.scope.id())
            .or_default()
            .entry(hash, |group| is(group, key), |group| self.hasher.hash_one(group.key.key()))
            .or_insert_with(|| Group::new::<T>(self.group_key(key)))
            .into_mut();
        let member = Arc::new(Member::new(Arc::clone(&group.key), id, owner.id(), process, value));
        let Some(members) = group.typed_mut::<T>() else { unreachable!("looked at above") };
        members.insert(&member);
        if let Some(mut adopting) = adopting {
            adopting.add(id.as_held(), Box::new(HeldMember(Arc::clone(&member))));
        }
        Ok(member)
    }

    /// Takes one member out of its group; `false` if it had left.
    pub(crate) fn leave<T: Send + Sync + 'static>(&self, member: &Arc<Member<T>>) -> bool {
        let key = member.group().key();
        let (hash, mut partition) = self.lock(key);
        let removed =
            partition.find_mut(hash, key).and_then(Group::typed_mut::<T>).is_some_and(|members| members.remove(member));
        if removed {
            partition.shrink(hash, key, 1);
        }
        drop(partition);
        if removed {
            member.left();
        }
        removed
    }

    /// Takes all members of one owner out of a group, and tells how many there were.
    pub(crate) fn leave_all(&self, key: Key<'_>, owner: ProcessId) -> usize {
        let (hash, mut partition) = self.lock(key);
        let removed = partition.find_mut(hash, key).map(|group| group.members.remove_owner(owner)).unwrap_or_default();
        if !removed.is_empty() {
            partition.shrink(hash, key, removed.len());
        }
        drop(partition);
        removed.iter().for_each(|member| member.left());
        removed.len()
    }

    /// The members of one owner in a group, at this moment.
    pub(crate) fn own<T: Send + Sync + 'static>(
        &self,
        key: Key<'_>,
        owner: ProcessId,
    ) -> Result<Vec<Arc<Member<T>>>, WrongType> {
        let (hash, partition) = self.lock(key);
        let Some(group) = partition.find(hash, key) else { return Ok(Vec::new()) };
        let members = group.typed::<T>().ok_or(WrongType { found: group.members.type_name() })?;
        Ok(members.of(owner).to_vec())
    }

    /// The members of a group at this moment; `None` when there is no such group. Nothing is allocated.
    pub(crate) fn snapshot<T: Send + Sync + 'static>(&self, key: Key<'_>) -> Result<Option<Snapshot<T>>, WrongType> {
        let (hash, partition) = self.lock(key);
        let Some(group) = partition.find(hash, key) else { return Ok(None) };
        let members = group.typed::<T>().ok_or(WrongType { found: group.members.type_name() })?;
        Ok(Some(members.all().clone()))
    }

    /// How many members a group has.
    pub(crate) fn count(&self, key: Key<'_>) -> usize {
        let (hash, partition) = self.lock(key);
        partition.find(hash, key).map_or(0, |group| group.members.len())
    }

    /// How many members the groups of a class of namespaces have, topics included.
    pub(crate) fn count_of(&self, class: NamespaceClass) -> usize {
        self.partitions.iter().map(|partition| partition.0.lock().members[class as usize]).sum()
    }

    /// The groups of one scope and space, sorted by name.
    pub(crate) fn list(&self, scope: &Scope, space: Space) -> Vec<GroupListing> {
        let mut list = Vec::new();
        for partition in &self.partitions {
            let partition = partition.0.lock();
            let groups = partition.scopes.get(&scope.id()).into_iter().flatten();
            list.extend(groups.filter(|group| group.key.space == space).map(|group| GroupListing {
                name: group.key.name.to_string(),
                members: group.members.len(),
                type_name: group.members.type_name(),
            }));
        }
        list.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        list
    }

    /// Frees every membership of a scope, once the scope is closed.
    pub(crate) fn close(&self, scope: &Scope) {
        for partition in &self.partitions {
            let mut partition = partition.0.lock();
            let groups = partition.scopes.remove(&scope.id()).unwrap_or_default();
            partition.members[scope.class() as usize] -= groups.iter().map(|group| group.members.len()).sum::<usize>();
            drop(partition);
            disband(&groups);
        }
    }

    /// Names and namespaces of the groups that a process is in, once for each membership.
    pub(crate) fn joined(self: &Arc<Self>, process: &ProcessRef) -> Vec<(String, String)> {
        process.names_in(Arc::as_ptr(self).cast())
    }

    fn group_key(self: &Arc<Self>, key: Key<'_>) -> Arc<GroupKey> {
        Arc::new(GroupKey {
            groups: Arc::downgrade(self),
            scope: key.scope.clone(),
            space: key.space,
            name: CompactString::new(key.name),
        })
    }

    fn lock(&self, key: Key<'_>) -> (u64, MutexGuard<'_, Partition>) {
        let hash = self.hasher.hash_one(key);
        // The high half: the tables use the low bits for their buckets.
        let index = ((hash >> 32) * self.partitions.len() as u64) >> 32;
        (hash, self.partitions[index as usize].0.lock())
    }
}

impl Partition {
    fn find(&self, hash: u64, key: Key<'_>) -> Option<&Group> {
        self.scopes.get(&key.scope.id())?.find(hash, |group| is(group, key))
    }

    fn find_mut(&mut self, hash: u64, key: Key<'_>) -> Option<&mut Group> {
        self.scopes.get_mut(&key.scope.id())?.find_mut(hash, |group| is(group, key))
    }

    /// Behind the removal of members: a group without any goes, and so does a scope without groups.
    fn shrink(&mut self, hash: u64, key: Key<'_>, removed: usize) {
        self.members[key.scope.class() as usize] -= removed;
        let Some(groups) = self.scopes.get_mut(&key.scope.id()) else { return };
        if let Ok(group) = groups.find_entry(hash, |group| is(group, key))
            && group.get().members.len() == 0
        {
            group.remove();
        }
        if groups.is_empty() {
            self.scopes.remove(&key.scope.id());
        }
    }
}

fn is(group: &Group, key: Key<'_>) -> bool {
    group.key.space == key.space && group.key.name == key.name
}

/// Behind the lock.
fn disband(groups: &HashTable<Group>) {
    for group in groups {
        group.members.for_each(&mut |member| member.left());
    }
}

/// A registry that ends takes its groups along: owners forget them, and values are dropped here and not some time later.
impl Drop for Groups {
    fn drop(&mut self) {
        for partition in &self.partitions {
            let scopes = std::mem::take(&mut partition.0.lock().scopes);
            scopes.values().for_each(disband);
        }
    }
}

impl WrongType {
    /// What was asked for, and what is there.
    pub(crate) fn of<T>(self) -> (&'static str, &'static str) {
        (type_name::<T>(), self.found)
    }
}
