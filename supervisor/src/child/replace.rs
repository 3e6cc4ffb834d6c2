//! A spec that takes the place of another, under the references that there are.

use std::sync::Arc;

use super::assembled::Spec;
use super::body::{Settings, Starter};
use super::id::ChildId;
use super::spec::ChildSpec;
use crate::error::ReplaceChildSpecError;

/// A [`ChildSpec`] on its way to the supervisor, with its handle's type forgotten.
pub(crate) trait Replacement: Send {
    fn id(&self) -> &ChildId;

    /// Takes over the seat of this child, if it is for one of its kind.
    fn fit(&mut self, present: &dyn Starter) -> Result<(), ReplaceChildSpecError>;

    /// Puts the parts together around that seat.
    fn assemble(self: Box<Self>, present: &dyn Starter) -> (Spec, Settings);
}

impl<H: Clone + Send + Sync + 'static> Replacement for ChildSpec<H> {
    fn id(&self) -> &ChildId {
        &self.settings.id
    }

    fn fit(&mut self, present: &dyn Starter) -> Result<(), ReplaceChildSpecError> {
        let child = || present.core().id().clone();
        if self.fixed {
            return Err(ReplaceChildSpecError::Referenced(child()));
        }
        if self.kind != present.kind() {
            return Err(ReplaceChildSpecError::KindChanged { child: child(), is: present.kind(), given: self.kind });
        }
        let (is, given) = (present.core().registered_name(), self.name.as_ref().map(|name| name.shown()));
        if is != given {
            return Err(ReplaceChildSpecError::NameChanged { child: child(), is, given });
        }
        if !self.body.adopt(present.seat()) {
            return Err(ReplaceChildSpecError::TypeChanged(child()));
        }
        Ok(())
    }

    fn assemble(self: Box<Self>, present: &dyn Starter) -> (Spec, Settings) {
        // The handle that is published stays as well.
        let name = present.name().map(Arc::clone);
        present.core().add_starter();
        self.build(name)
    }
}
