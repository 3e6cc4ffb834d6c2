//! Get a service or start it, with one start at a time.

use std::time::Duration;

use super::key::ServiceKey;
use super::namespace::Namespace;
use crate::error::{GetOrRegisterError, RegisterError, RegisterRefusal, WaitError};
use crate::process::ProcessRef;

impl Namespace {
    /// The handle under a name; where there is none, the factory makes a process and its handle, and the name is
    /// registered for that process.
    ///
    /// Of all concurrent callers for one name one runs its factory, with nothing locked; the others wait for it and get
    /// the same handle. If the factory fails, its caller gets the error and one of those who wait runs its own.
    /// Somebody who registers the name by other means meanwhile wins: everybody gets that handle, and what the
    /// factory made is dropped (its process is the factory's to end).
    ///
    /// A factory that asks for its own name waits for itself, for ever.
    ///
    /// A name that is reserved (starting, restarting) or draining is waited for.
    ///
    /// # Errors
    ///
    /// The factory failed, what it made has ended already, the namespace is closed, the handle has another type, the name is
    /// invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the factory's future, if it runs; the next caller runs its own.
    ///
    /// ```
    /// use registry::ServiceRegistry;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let cache = production
    ///     .get_or_register("cache", async || {
    ///         let process = registry::spawn(std::future::pending::<()>());
    ///         Ok::<_, std::io::Error>((process, "handle"))
    ///     })
    ///     .await?;
    /// assert_eq!(cache, "handle");
    /// # Ok(()) }
    /// ```
    pub async fn get_or_register<T, E, F>(
        &self,
        service: impl ServiceKey<T>,
        factory: impl FnOnce() -> F,
    ) -> Result<T, GetOrRegisterError<E>>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(ProcessRef, T), E>>,
    {
        let name = service.name();
        if let Ok(handle) = self.lookup(name) {
            return Ok(handle);
        }
        let refused = |error| Err(GetOrRegisterError::Wait(error));
        let decided = || self.processes.value_or_refusal(&self.scope, name);
        let slot = self.processes.slot(&self.scope, name);
        let in_line = self.processes.wait(&self.scope, name, Duration::MAX, decided);
        let _flight = tokio::select! {
            biased;
            // By other means than this, or never: whoever is in line hears of it.
            outcome = in_line => return outcome.and_then(|decided| decided).or_else(refused),
            flight = slot.flight().acquire() => flight,
        };
        if let Some(outcome) = self.decided_unless_free(name).await {
            return outcome.or_else(refused);
        }
        let made = factory().await;
        let at = || self.scope.subject(name);
        let (process, handle) = made.map_err(|error| GetOrRegisterError::Factory { at: at(), error })?;
        match self.register_for(&process, name, handle.clone()).map_err(RegisterError::into_refusal) {
            Ok(_) => Ok(handle),
            Err(refusal @ RegisterRefusal::Taken { .. }) => match self.decided_unless_free(name).await {
                Some(outcome) => outcome.or_else(refused),
                None => Err(GetOrRegisterError::Register(refusal)),
            },
            Err(refusal) => Err(GetOrRegisterError::Register(refusal)),
        }
    }

    /// Waits while the name is held and not ready; `None` if it is free then.
    ///
    /// Bounded by the one that holds the name: it becomes ready, is freed, or its namespace is closed.
    async fn decided_unless_free<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Option<Result<T, WaitError>> {
        let decided = || match self.processes.value_or_refusal(&self.scope, name) {
            Some(outcome) => Some(Some(outcome)),
            None => self.processes.is_free(&self.scope, name).then_some(None),
        };
        let outcome = self.processes.wait(&self.scope, name, Duration::MAX, decided).await;
        outcome.unwrap_or_else(|error| Some(Err(error)))
    }
}
