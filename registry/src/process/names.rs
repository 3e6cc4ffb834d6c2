//! The names of one process.

use std::collections::HashMap;

use super::exit::ExitReason;
use super::identity::RegistrationId;
use crate::sync::MutexGuard;

/// A name that a process holds in some registry.
pub(crate) trait Held: Send + Sync {
    /// Frees it, if it is still held under this registration.
    fn release(&self, id: RegistrationId, exit: &ExitReason);
    fn namespace(&self) -> &str;
    fn name(&self) -> &str;
    /// Whether it belongs to the table at this address.
    fn is_of(&self, table: *const ()) -> bool;
}

/// Every name that a process holds, until the process ends and takes no more.
#[derive(Default)]
pub(crate) struct Names {
    pub(super) closed: bool,
    pub(super) held: HashMap<RegistrationId, Box<dyn Held>, foldhash::fast::RandomState>,
}

/// A living process that is about to get a name: it cannot end before this is dropped.
pub(crate) struct Adopting<'a>(pub(super) MutexGuard<'a, Names>);

impl Adopting<'_> {
    pub(crate) fn add(&mut self, id: RegistrationId, held: Box<dyn Held>) {
        self.0.held.insert(id, held);
    }
}
