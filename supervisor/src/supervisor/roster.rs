//! The specs that each incarnation of a supervisor starts with.

use parking_lot::Mutex;

use crate::child::{ChildId, Spec};

/// In start order. It changes only for partitions: a supervisor of other children has those that it was made with.
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
