//! Waiting for a name: to be ready, to be free.

use std::time::Duration;

use tokio::time::Instant;

use super::lookup::Missed;
use super::registry::ProcessRegistry;
use crate::error::{NameProblem, WaitError};
use crate::table::{Key, Scope, SlotRef, State};
use crate::telemetry::{Event, WaitResult};

impl ProcessRegistry {
    /// Waits until a name is ready, and gives a clone of its value: at once and without suspending if it is.
    ///
    /// A holder that ends meanwhile does not end the wait: it goes on to the successor. Waiters are woken by the
    /// registration; nothing polls.
    ///
    /// # Errors
    ///
    /// The time ran out, the scope is or was closed, the value has another type, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_for<T: Clone + Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
        timeout: Duration,
    ) -> Result<T, WaitError> {
        let started = self.table().telemetry().start();
        let outcome = self.wait(scope, name, timeout, || self.value_or_refusal(scope, name)).await;
        self.waited(scope, name, started, outcome.and_then(|value| value))
    }

    /// Waits until nobody holds a name: at once and without suspending if nobody does.
    ///
    /// # Errors
    ///
    /// The time ran out, the scope is or was closed, the name is invalid.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_until_free(&self, scope: &Scope, name: &str, timeout: Duration) -> Result<(), WaitError> {
        let started = self.table().telemetry().start();
        let outcome = self.wait(scope, name, timeout, || match self.state(scope, name) {
            State::Gone if scope.is_closed() => Some(Err(WaitError::NamespaceClosed { at: scope.subject(name) })),
            State::Gone => Some(Ok(())),
            _ => None,
        });
        let outcome = outcome.await;
        self.waited(scope, name, started, outcome.and_then(|free| free))
    }

    /// Waits until all of the names are ready at one time, whatever their types.
    ///
    /// # Errors
    ///
    /// Those of [`wait_for`](Self::wait_for), for the first name that is missing.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_for_all(&self, scope: &Scope, names: &[&str], timeout: Duration) -> Result<(), WaitError> {
        let begin = Instant::now();
        loop {
            for name in names {
                let started = self.table().telemetry().start();
                let left = timeout.saturating_sub(begin.elapsed());
                let outcome = self.wait(scope, name, left, || match self.state(scope, name) {
                    State::Ready => Some(Ok(())),
                    _ if scope.is_closed() => Some(Err(WaitError::NamespaceClosed { at: scope.subject(name) })),
                    _ => None,
                });
                let outcome = outcome.await.and_then(|ready| ready).map_err(|error| error.waiting_since(timeout));
                self.waited(scope, name, started, outcome)?;
            }
            // One that was there may have left while another one was waited for.
            if names.iter().all(|name| self.state(scope, name) == State::Ready) {
                return Ok(());
            }
        }
    }

    /// Waits until `decide` decides. It is asked at once, and again after each change of the name.
    pub(crate) async fn wait<R>(
        &self,
        scope: &Scope,
        name: &str,
        timeout: Duration,
        mut decide: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        if let Some(decision) = decide() {
            return Ok(decision);
        }
        if let Some(problem) = NameProblem::of(name) {
            return Err(WaitError::InvalidName { at: scope.subject(name), problem });
        }
        let slot = self.slot(scope, name);
        let _waiting = self.table().waiting(scope);
        let sleep = match Instant::now().checked_add(timeout) {
            Some(deadline) => tokio::time::sleep_until(deadline),
            // Longer than the clock counts: some thirty years will do.
            None => tokio::time::sleep(Duration::from_secs(86_400 * 365 * 30)),
        };
        tokio::select! {
            biased;
            decision = slot.until(decide) => Ok(decision),
            () = sleep => Err(WaitError::Timeout { at: scope.subject(name), waited: timeout }),
        }
    }

    /// The end of a wait for a value, if it is there.
    pub(crate) fn value_or_refusal<T: Clone + Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Option<Result<T, WaitError>> {
        match self.look(scope, name, T::clone) {
            Ok(value) => Some(Ok(value)),
            Err(Missed::Mismatch { found }) => {
                let expected = std::any::type_name::<T>();
                Some(Err(WaitError::TypeMismatch { at: scope.subject(name), expected, found }))
            }
            Err(Missed::Absent(_)) if scope.is_closed() => {
                Some(Err(WaitError::NamespaceClosed { at: scope.subject(name) }))
            }
            Err(Missed::Absent(_)) => None,
        }
    }

    /// Whether nobody holds a name.
    pub(crate) fn is_free(&self, scope: &Scope, name: &str) -> bool {
        self.state(scope, name) == State::Gone
    }

    fn state(&self, scope: &Scope, name: &str) -> State {
        let state = self.table().index().peek(Key { scope, name }, |entry| entry.status().state);
        state.unwrap_or(State::Gone)
    }

    /// Counts the end of a wait.
    pub(super) fn waited<R>(
        &self,
        scope: &Scope,
        name: &str,
        started: Option<std::time::Instant>,
        outcome: Result<R, WaitError>,
    ) -> Result<R, WaitError> {
        let result = match &outcome {
            Ok(_) => WaitResult::Found,
            Err(WaitError::Timeout { .. }) => WaitResult::Timeout,
            Err(WaitError::Unhealthy { .. }) => WaitResult::Unhealthy,
            Err(WaitError::TypeMismatch { .. }) => WaitResult::TypeMismatch,
            Err(WaitError::NamespaceClosed { .. }) => WaitResult::Closed,
            Err(WaitError::InvalidName { .. }) => WaitResult::InvalidName,
        };
        self.table().telemetry().record(scope, name, Event::Wait(result), started);
        outcome
    }

    /// The slot of a name, kept as long as it is held.
    pub(crate) fn slot(&self, scope: &Scope, name: &str) -> SlotRef {
        self.check(scope);
        SlotRef::new(self.table(), Key { scope, name })
    }
}
