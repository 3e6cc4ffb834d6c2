//! Telling people of what mentions them while they look elsewhere.

mod in_app;

use registry::Namespace;

use super::Visits;
use crate::store::Store;

/// Everybody's notifications.
#[derive(Clone, Debug)]
pub struct Notifications {
    store: Store,
    visits: Visits,
}

impl Notifications {
    /// Those in the store, which are told of within `namespace`.
    pub fn new(namespace: &Namespace, store: Store) -> Self {
        Self { visits: Visits::new(namespace, store.clone()), store }
    }
}
