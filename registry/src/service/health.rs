//! Health, as a namespace offers it.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a key is a constant or a borrowed string; taking it by value reads best"
)]

use std::num::NonZeroUsize;
use std::time::Duration;

use super::key::ServiceKey;
use super::namespace::Namespace;
use super::registry::ServiceRegistry;
use crate::error::WaitError;
use crate::health::{Checkup, HealthReport, MonitorBuilder};

impl Namespace {
    /// Checks a service once: whether it is registered and ready, and what [`Checkup::check`] asks besides.
    ///
    /// A process that ends frees its names first, so what is ready has not ended. The check runs in a task of its own and
    /// changes nothing in the registry. One that hangs is aborted when its time (1 s, or [`Checkup::timeout`]) is up; one
    /// that panics is caught.
    ///
    /// A check that blocks its thread cannot be aborted. On a runtime with several threads the verdict still comes in
    /// time, and the thread is lost to the runtime for as long; with all threads blocked, and on a runtime with one
    /// thread, nothing runs before the check gives it back, and then the verdict is
    /// [`TimedOut`](crate::Verdict::TimedOut). Checks that must block use `tokio::task::spawn_blocking`.
    ///
    /// No more than 1,024 such checks of a registry ([`ServiceRegistry::max_checkups`]) run at once, those counted that
    /// have had their verdict and block yet. One more is not run, and its verdict is
    /// [`Refused`](crate::Verdict::Refused), at once.
    ///
    /// # Panics
    ///
    /// When awaited outside of a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the check.
    ///
    /// ```
    /// use std::time::Duration;
    /// use registry::{Service, ServiceRegistry, Verdict};
    ///
    /// const CONFIG: Service<&str> = Service::new("config");
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// assert!(matches!(production.health_check(CONFIG).await, Verdict::NotRegistered(_)));
    ///
    /// let _registration = production.register(CONFIG, "port = 80")?;
    /// assert!(production.health_check(CONFIG).timeout(Duration::from_secs(1)).await.is_healthy());
    ///
    /// let checkup = production.health_check(CONFIG);
    /// let verdict = checkup.check(async |text: &str| text.parse::<u32>().map(drop)).await;
    /// assert_eq!(verdict.to_string(), "failed: invalid digit found in string");
    /// # Ok(()) }
    /// ```
    pub fn health_check<T: Send + Sync + 'static>(&self, service: impl ServiceKey<T>) -> Checkup<T> {
        Checkup::new(&self.processes, &self.scope, service.name())
    }

    /// Monitors a service in the background: [`every`](MonitorBuilder::every) so often, or by its
    /// [`heartbeat`](MonitorBuilder::heartbeat)s. The service need not be there yet.
    pub fn monitor<T: Send + Sync + 'static>(&self, service: impl ServiceKey<T>) -> MonitorBuilder<T> {
        MonitorBuilder::new(&self.processes, &self.scope, service.name())
    }

    /// What the monitors of this namespace know. This runs no check.
    pub fn health_report(&self) -> HealthReport {
        self.processes.health_of(&self.scope)
    }

    /// Waits until a service is there and each of its monitors says that it is up, and gives a clone of its handle. For a
    /// service without monitors this is [`wait_for`](Self::wait_for).
    ///
    /// It runs no check. It is woken by registrations and by the monitors; nothing polls.
    ///
    /// # Errors
    ///
    /// The time ran out ([`Unhealthy`](WaitError::Unhealthy) if the service was there), the namespace is or was closed,
    /// the handle has another type, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_healthy<T: Clone + Send + Sync + 'static>(
        &self,
        service: impl ServiceKey<T>,
        timeout: Duration,
    ) -> Result<T, WaitError> {
        self.processes.wait_healthy(&self.scope, service.name(), timeout).await
    }
}

impl ServiceRegistry {
    /// How many checks on demand may run at once, in all namespaces. Default: 1,024. Monitors are not counted: each has at
    /// most one check under way.
    ///
    /// It holds for checks that begin from now on.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::time::Duration;
    /// use registry::{ServiceRegistry, Verdict};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
    /// let registry = ServiceRegistry::new();
    /// registry.max_checkups(NonZeroUsize::MIN);
    /// let production = registry.namespace("production")?;
    /// let _registration = production.register("queue", 7_u32)?;
    ///
    /// let hangs = production.health_check::<u32>("queue").check(|_| std::future::pending::<Result<(), String>>());
    /// let hanging = tokio::spawn(hangs.into_future());
    /// tokio::task::yield_now().await;
    /// assert!(matches!(production.health_check::<u32>("queue").await, Verdict::Refused { limit: 1, .. }));
    /// # drop(hanging);
    /// # Ok(()) }
    /// ```
    pub fn max_checkups(&self, limit: NonZeroUsize) {
        self.processes().checkups().set(limit);
    }

    /// What the monitors of all namespaces know. This runs no check.
    pub fn health(&self) -> HealthReport {
        self.processes().health()
    }
}
