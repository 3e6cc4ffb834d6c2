//! The name that a child holds in a registry.

use std::sync::Arc;

use parking_lot::Mutex;
use registry::{Namespace, ProcessRef, Reservation, ServiceKey};

use crate::error::StartFailure;
use crate::tree::RegisteredName;

/// A name and the handle that is published under it. It is reserved for the first incarnation and freed when the last one's
/// spec goes; in between nobody else can have it.
pub(crate) trait Published: Send + Sync {
    /// Makes sure that the name is reserved.
    fn reserve(&self) -> Result<(), StartFailure>;
    /// Shows the handle under the name until the process ends.
    fn publish(&self, process: &ProcessRef) -> Result<(), StartFailure>;
    /// Frees the name.
    fn release(&self);
}

/// A name for a handle that does not exist yet.
pub(crate) trait Naming<H>: Send {
    fn bind(self: Box<Self>, handle: H) -> (Arc<dyn Published>, Arc<Name>);
    fn shown(&self) -> RegisteredName;
}

pub(crate) struct Name {
    namespace: Namespace,
    service: String,
}

impl<H: Clone + Send + Sync + 'static> Naming<H> for Name {
    fn bind(self: Box<Self>, handle: H) -> (Arc<dyn Published>, Arc<Name>) {
        let name = Arc::new(*self);
        (Arc::new(Bound { name: Arc::clone(&name), handle, reservation: Mutex::new(None) }), name)
    }

    fn shown(&self) -> RegisteredName {
        Name::shown(self)
    }
}

impl Name {
    pub(super) fn new<H>(namespace: &Namespace, service: &impl ServiceKey<H>) -> Self {
        Self { namespace: namespace.clone(), service: service.name().to_owned() }
    }

    pub(super) fn shown(&self) -> RegisteredName {
        RegisteredName { namespace: self.namespace.name().to_owned(), name: self.service.clone() }
    }
}

struct Bound<H: Send + Sync + 'static> {
    name: Arc<Name>,
    handle: H,
    reservation: Mutex<Option<Reservation<H>>>,
}

impl<H: Clone + Send + Sync + 'static> Published for Bound<H> {
    fn reserve(&self) -> Result<(), StartFailure> {
        let mut reservation = self.reservation.lock();
        if reservation.is_none() {
            *reservation =
                Some(self.name.namespace.reserve::<H>(self.name.service.as_str()).map_err(StartFailure::Name)?);
        }
        Ok(())
    }

    fn publish(&self, process: &ProcessRef) -> Result<(), StartFailure> {
        let handle = self.handle.clone();
        match &*self.reservation.lock() {
            Some(reservation) => {
                reservation.publish(process, handle).map_err(|refused| StartFailure::Publish(refused.to_string()))?;
            }
            None => return Err(StartFailure::Publish("it was released".to_owned())),
        }
        Ok(())
    }

    fn release(&self) {
        let reservation = self.reservation.lock().take();
        drop(reservation);
    }
}
