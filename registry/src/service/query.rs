//! Selecting, updating and waiting within a namespace.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a key is a constant or a borrowed string; taking it by value reads best"
)]

use std::time::Duration;

use super::key::ServiceKey;
use super::namespace::Namespace;
use crate::error::{UpdateError, WaitError};
use crate::names::Page;
use crate::process::{ProcessId, ProcessRef};

impl Namespace {
    /// Replaces the handle of a name that the process holds by what `f` makes of it; gives the new and the old one.
    ///
    /// `f` runs outside of every lock, again if the handle was changed meanwhile by another thread of the holder.
    ///
    /// # Errors
    ///
    /// No such name, not held by the process, of another type; `f` does not run then.
    ///
    /// ```
    /// use registry::{Process, Service, ServiceRegistry};
    ///
    /// const COUNT: Service<u32> = Service::new("count");
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let process = Process::new();
    /// production.register_for(&process.reference(), COUNT, 1)?;
    /// assert_eq!(production.update(&process.reference(), COUNT, |count| count + 1)?, (2, 1));
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn update<T: Clone + Send + Sync + 'static>(
        &self,
        process: &ProcessRef,
        service: impl ServiceKey<T>,
        f: impl FnMut(&T) -> T,
    ) -> Result<(T, T), UpdateError> {
        self.processes.update(&self.scope, service.name(), process, f)
    }

    /// How many ready services with handles of type `T` `matches` says yes to, by name, holder and handle.
    ///
    /// This walks the registry; `matches` runs outside of every lock.
    pub fn count_where<T: Send + Sync + 'static>(&self, matches: impl FnMut(&str, ProcessId, &T) -> bool) -> usize {
        self.processes.count_where(&self.scope, matches)
    }

    /// The first `limit` ready services with handles of type `T` that `matches` says yes to, by name, from behind the name
    /// `after`: page by page, in memory for one page.
    ///
    /// # Panics
    ///
    /// When `limit` is 0.
    ///
    /// ```
    /// use registry::ServiceRegistry;
    ///
    /// let rooms = ServiceRegistry::new().namespace("rooms")?;
    /// let _held: Vec<_> = (0..5).map(|n| rooms.register(format!("room-{n}"), n)).collect();
    ///
    /// let odd = |_: &str, _, n: &i32| n % 2 == 1;
    /// let page = rooms.select(None, 1, odd);
    /// assert_eq!((page.services[0].name.as_str(), page.next.as_deref()), ("room-1", Some("room-1")));
    /// let page = rooms.select(page.next.as_deref(), 1, odd);
    /// assert_eq!((page.services[0].value, page.next), (3, None));
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn select<T: Clone + Send + Sync + 'static>(
        &self,
        after: Option<&str>,
        limit: usize,
        matches: impl FnMut(&str, ProcessId, &T) -> bool,
    ) -> Page<T> {
        self.processes.select(&self.scope, after, limit, matches)
    }

    /// Waits until nobody holds a name: at once and without suspending if nobody does.
    ///
    /// # Errors
    ///
    /// The time ran out, the namespace is or was closed, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_until_free(&self, service: &str, timeout: Duration) -> Result<(), WaitError> {
        self.processes.wait_until_free(&self.scope, service, timeout).await
    }

    /// Waits until all of the services are ready at one time, whatever their types.
    ///
    /// # Errors
    ///
    /// Those of [`wait_for`](Self::wait_for), for the first service that is missing.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_for_all(&self, services: &[&str], timeout: Duration) -> Result<(), WaitError> {
        self.processes.wait_for_all(&self.scope, services, timeout).await
    }
}
