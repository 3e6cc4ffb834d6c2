//! A membership without a process.

use std::fmt;
use std::sync::{Arc, Weak};

use super::member::{AnyMember, Member};
use super::partitions::GroupKey;
use crate::process::MembershipId;

/// Keeps a value in a group as long as it exists.
///
/// Move it into the task that the value leads to: however the task ends, the guard is dropped and no dispatch that begins
/// afterwards visits the value.
#[must_use = "the group is left when this is dropped"]
pub struct Membership {
    /// Weak, so that the value goes when the namespace is closed, whoever keeps the guard.
    member: Weak<dyn AnyMember>,
    id: MembershipId,
    group: Arc<GroupKey>,
}

impl Membership {
    pub(crate) fn new<T: Send + Sync + 'static>(member: &Arc<Member<T>>) -> Self {
        let (id, group) = (member.id(), Arc::clone(member.group()));
        let member: Weak<Member<T>> = Arc::downgrade(member);
        Self { member, id, group }
    }

    /// The id of this membership, never used again.
    pub fn id(&self) -> MembershipId {
        self.id
    }

    /// The name of the group.
    pub fn group(&self) -> &str {
        &self.group.name
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(member) = self.member.upgrade() {
            member.leave();
        }
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("group", &self.group()).field("id", &self.id()).finish_non_exhaustive()
    }
}
