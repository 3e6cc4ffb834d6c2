//! Another spec for a child, while it is there.

use std::sync::Arc;

use tokio::time::Instant;

use super::engine::Engine;
use crate::child::{Replacement, Spec, Starter, discard};
use crate::error::ReplaceChildSpecError;
use crate::rules::Key;

impl Engine<'_> {
    /// Puts it in the place of the spec that the child has, or leaves everything as it is.
    pub(super) fn replace_child_spec(&mut self, mut with: Box<dyn Replacement>) -> Result<(), ReplaceChildSpecError> {
        let (key, present) = match self.fit(&mut *with) {
            Ok(present) => present,
            Err(refused) => {
                discard(with);
                return Err(refused);
            }
        };
        let (spec, settings) = with.assemble(&*present);
        drop(present);
        let needs = match self.check(key, &spec) {
            Ok(needs) => needs,
            Err(refused) => {
                discard(spec);
                return Err(refused);
            }
        };
        spec.starter.seat().configure(&settings);
        self.machine.replace(key, spec.policy(), needs, Instant::now());
        tracing::info!(child = %spec.id(), "another spec");
        discard(self.plan.supervisor.children.replace(&spec));
        let before = self.children.get_mut(&key).and_then(|child| child.next.replace(Box::new(spec)));
        discard(before);
        Ok(())
    }

    /// The child whose spec it can take the place of.
    fn fit(&self, with: &mut dyn Replacement) -> Result<(Key, Arc<dyn Starter>), ReplaceChildSpecError> {
        if self.machine.is_stopping() {
            return Err(ReplaceChildSpecError::ShuttingDown);
        }
        let not_found = || ReplaceChildSpecError::NotFound(with.id().clone());
        let key = *self.ids.get(with.id()).ok_or_else(not_found)?;
        let child = self.children.get(&key).ok_or_else(not_found)?;
        if self.plan.supervisor.partitions.is_some() {
            return Err(ReplaceChildSpecError::Partition(child.spec.id().clone()));
        }
        with.fit(&*child.spec.starter)?;
        Ok((key, Arc::clone(&child.spec.starter)))
    }

    /// Looks for mistakes in it. Returns the children that it depends on, all of which come before this one.
    fn check(&self, key: Key, spec: &Spec) -> Result<Vec<Key>, ReplaceChildSpecError> {
        let supervisor = &self.plan.supervisor;
        spec.check_in(&supervisor.id, supervisor.auto_shutdown).map_err(ReplaceChildSpecError::Invalid)?;
        let needs = self.needs(spec).map_err(ReplaceChildSpecError::Invalid)?;
        match needs.iter().find(|&&on| on > key) {
            None => Ok(needs),
            Some(&on) => Err(ReplaceChildSpecError::OutOfOrder { child: spec.id().clone(), on: self.id(on) }),
        }
    }
}
