//! What monitors need of a registry that they do not keep alive.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::registry::{ProcessRegistry, Shared};
use crate::error::WaitError;
use crate::health::{HealthReport, Limit, Roster, Verdict};
use crate::process::ProcessId;
use crate::table::{Key, Scope, State};
use crate::telemetry::Event;

/// A registry, as long as somebody else keeps it.
pub(crate) struct WeakRegistry(Weak<Shared>);

impl WeakRegistry {
    pub(crate) fn upgrade(&self) -> Option<ProcessRegistry> {
        self.0.upgrade().map(ProcessRegistry)
    }
}

impl ProcessRegistry {
    /// What the monitors of all namespaces know. This runs no check.
    pub fn health(&self) -> HealthReport {
        HealthReport::new(self.0.roster.snapshot(None))
    }

    /// What the monitors of one scope know. This runs no check.
    pub fn health_of(&self, scope: &Scope) -> HealthReport {
        HealthReport::new(self.0.roster.snapshot(Some(scope)))
    }

    /// As [`wait_for`](Self::wait_for), and until every monitor of the name says that it is up.
    ///
    /// # Errors
    ///
    /// Those of `wait_for`, and [`Unhealthy`](WaitError::Unhealthy) when the time ran out and the name was ready.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or its running out of time, leaves nothing behind.
    pub async fn wait_healthy<T: Clone + Send + Sync + 'static>(
        &self,
        scope: &Scope,
        name: &str,
        timeout: Duration,
    ) -> Result<T, WaitError> {
        let started = self.table().telemetry().start();
        let outcome = self.wait(scope, name, timeout, || match self.value_or_refusal(scope, name) {
            Some(Ok(_)) if !self.roster().all_up(scope, name) => None,
            decision => decision,
        });
        let outcome = outcome.await.and_then(|value| value).map_err(|error| match error {
            WaitError::Timeout { at, waited }
                if self.holder(scope, name).is_some() && !self.roster().all_up(scope, name) =>
            {
                WaitError::Unhealthy { at, waited }
            }
            error => error,
        });
        self.waited(scope, name, started, outcome)
    }

    /// The process behind a ready name, not counted as a lookup.
    pub(crate) fn holder(&self, scope: &Scope, name: &str) -> Option<ProcessId> {
        let ready = self
            .table()
            .index()
            .peek(Key { scope, name }, |entry| (entry.status().state == State::Ready).then(|| entry.owner_id()));
        ready.flatten()
    }

    pub(crate) fn downgrade(&self) -> WeakRegistry {
        WeakRegistry(Arc::downgrade(&self.0))
    }

    pub(crate) fn checkups(&self) -> &Arc<Limit> {
        &self.0.checkups
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.0.roster
    }

    /// Counts a verdict, and tells of it.
    pub(crate) fn record_verdict(&self, scope: &Scope, name: &str, verdict: &Verdict, started: Option<Instant>) {
        self.table().telemetry().record(scope, name, Event::Health(verdict.result()), started);
    }
}
