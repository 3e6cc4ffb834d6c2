//! The specs that each incarnation of a supervisor starts with.

use parking_lot::Mutex;

use crate::child::{ChildId, Spec};

/// In start order. A supervisor has the children that it was made with, each by the last spec that was given for it. Only
/// partitions come and go.
#[derive(Default)]
pub(crate) struct Roster(Mutex<Vec<Spec>>);

impl Roster {
    pub(crate) fn push(&self, spec: Spec) {
        self.0.lock().push(spec);
    }

    /// All of them, as they are now.
    pub(crate) fn specs(&self) -> Vec<Spec> {
        self.0.lock().clone()
    }

    /// Adds these behind all others if the condition holds at that moment.
    pub(crate) fn extend_if(&self, specs: &[Spec], holds: impl FnOnce() -> bool) -> bool {
        let mut all = self.0.lock();
        let holds = holds();
        if holds {
            all.extend_from_slice(specs);
        }
        holds
    }

    /// Puts this in the place of the spec that its child has. Returns that, to be dropped; `None` when the child is not listed.
    pub(super) fn replace(&self, spec: &Spec) -> Option<Spec> {
        let mut all = self.0.lock();
        let place = all.iter_mut().find(|listed| std::ptr::eq(listed.starter.core(), spec.starter.core()))?;
        Some(std::mem::replace(place, spec.clone()))
    }

    /// Takes out all from number `first` on.
    pub(crate) fn split_off(&self, first: usize) -> Vec<Spec> {
        let mut all = self.0.lock();
        let first = first.min(all.len());
        all.split_off(first)
    }

    pub(super) fn ids(&self) -> Vec<ChildId> {
        self.0.lock().iter().map(|spec| spec.id().clone()).collect()
    }
}
