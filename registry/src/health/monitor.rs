//! Monitors: how they are set up, and the guard that keeps one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::check::{Examination, HealthCheck, IsReady, Passes};
use super::heartbeat::Heartbeat;
use super::hysteresis::Thresholds;
use super::probe::{Importance, Probe, Standing};
use super::report::ProbeHealth;
use super::roster::Record;
use super::schedule::{Schedule, ScheduleProblem};
use super::worker::{Handler, Membership, Watch};
use crate::error::{MonitorError, NameProblem};
use crate::names::ProcessRegistry;
use crate::table::Scope;

/// A monitor to be started: what [`Namespace::monitor`](crate::Namespace::monitor) gives.
///
/// Without further words it asks for the liveness of a critical service, which is there when it is registered and ready.
#[must_use = "nothing is monitored before `every` or `heartbeat`"]
pub struct MonitorBuilder<T> {
    registry: ProcessRegistry,
    scope: Scope,
    name: String,
    probe: Probe,
    importance: Importance,
    examination: Arc<dyn Examination>,
    handler: Option<Handler>,
    handle: std::marker::PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> MonitorBuilder<T> {
    pub(crate) fn new(registry: &ProcessRegistry, scope: &Scope, name: &str) -> Self {
        Self {
            registry: registry.clone(),
            scope: scope.clone(),
            name: name.to_owned(),
            probe: Probe::default(),
            importance: Importance::default(),
            examination: Arc::new(IsReady::<T>::new()),
            handler: None,
            handle: std::marker::PhantomData,
        }
    }

    /// What it asks about. Default: [`Probe::Liveness`].
    pub fn probe(self, probe: Probe) -> Self {
        Self { probe, ..self }
    }

    /// The system is degraded without this service, and not unhealthy.
    pub fn optional(self) -> Self {
        Self { importance: Importance::Optional, ..self }
    }

    /// What [`every`](Self::every) run checks, once the service is found ready. Default: nothing more.
    ///
    /// A check that holds a namespace keeps the registry alive until the monitor ends.
    pub fn check(self, check: impl HealthCheck<T>) -> Self
    where
        T: Clone,
    {
        Self { examination: Arc::new(Passes::new(check)), ..self }
    }

    /// Calls `handler` after each change of the standing, from the monitor's task: it must not block. One that panics is
    /// detached and reported as a `tracing` event; the monitor goes on.
    pub fn on_change(self, handler: impl Fn(&ProbeHealth) + Send + Sync + 'static) -> Self {
        Self { handler: Some(Box::new(handler)), ..self }
    }

    /// Starts to check the service on this schedule, or once in this period with the defaults of [`Schedule::new`].
    ///
    /// A service that is absent counts as a failure, once in a period; one that comes back is checked after the initial
    /// delay and not only when the period is over. While a check that was aborted still blocks its thread, no other one
    /// is started, and each period is a failure.
    ///
    /// # Errors
    ///
    /// Period, timeout or a threshold of 0, jitter out of range, name invalid, namespace closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// ```
    /// use std::time::Duration;
    /// use registry::{Schedule, ServiceRegistry};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), registry::Error> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let _registration = production.register("pool", 3_u32)?;
    /// let schedule = Schedule::new(Duration::from_secs(10)).timeout(Duration::from_millis(200)).jitter(0.1);
    /// let _monitor = production
    ///     .monitor::<u32>("pool")
    ///     .check(async |connections| if connections > 0 { Ok(()) } else { Err("no connection") })
    ///     .on_change(|health| println!("{health}"))
    ///     .every(schedule)?;
    /// assert_eq!(production.wait_healthy::<u32>("pool", Duration::from_secs(1)).await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn every(self, schedule: impl Into<Schedule>) -> Result<Monitor, MonitorError> {
        let pace = schedule.into().parse().map_err(|problem| self.nonsense(problem))?;
        let examination = Arc::clone(&self.examination);
        let (watch, life) = self.enroll(pace.thresholds)?;
        let monitor = Monitor::new(&watch, life.clone());
        tokio::spawn(life.run_until_cancelled_owned(watch.check(pace, examination)));
        Ok(monitor)
    }

    /// Starts to expect a sign of life at least once in `ttl`, instead of checking. The service gives it with
    /// [`Heartbeat::beat`]. It is up from its first beat on, and down once the time to live has passed without one.
    ///
    /// Dropping the heartbeat does not end the monitor: a service that has gone is to be noticed. Whether the name is
    /// registered makes no difference here.
    ///
    /// # Errors
    ///
    /// A `ttl` of 0, name invalid, namespace closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// ```
    /// use std::time::Duration;
    /// use registry::{ServiceRegistry, Standing};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), registry::Error> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let (monitor, heartbeat) = production.monitor::<u32>("importer").heartbeat(Duration::from_secs(30))?;
    /// heartbeat.beat();
    /// tokio::time::sleep(Duration::from_secs(29)).await;
    /// assert_eq!(monitor.status().standing, Standing::Up);
    /// tokio::time::sleep(Duration::from_secs(2)).await;
    /// assert_eq!(monitor.status().standing, Standing::Down);
    /// # Ok(()) }
    /// ```
    pub fn heartbeat(self, ttl: Duration) -> Result<(Monitor, Heartbeat), MonitorError> {
        if ttl.is_zero() {
            return Err(self.nonsense(ScheduleProblem::ZeroTimeout));
        }
        let (watch, life) = self.enroll(Thresholds::ONE)?;
        let monitor = Monitor::new(&watch, life.clone());
        let heartbeat = Heartbeat::new();
        tokio::spawn(life.run_until_cancelled_owned(watch.listen(heartbeat.clone(), ttl)));
        Ok((monitor, heartbeat))
    }

    fn nonsense(&self, problem: ScheduleProblem) -> MonitorError {
        MonitorError::InvalidSchedule { at: self.scope.subject(&self.name), problem }
    }

    fn enroll(self, thresholds: Thresholds) -> Result<(Watch, CancellationToken), MonitorError> {
        let Self { registry, scope, name, probe, importance, handler, .. } = self;
        if let Some(problem) = NameProblem::of(&name) {
            return Err(MonitorError::InvalidName { at: scope.subject(&name), problem });
        }
        if scope.is_closed() {
            return Err(MonitorError::NamespaceClosed { at: scope.subject(&name) });
        }
        let record = Record::new(&scope, &name, (probe, importance), thresholds);
        let life = registry.roster().life();
        Ok((Watch::new(&registry, record, handler), life))
    }
}

impl<T> fmt::Debug for MonitorBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorBuilder")
            .field("namespace", &self.scope.name())
            .field("service", &self.name)
            .field("probe", &self.probe)
            .field("importance", &self.importance)
            .finish_non_exhaustive()
    }
}

/// Keeps a service monitored as long as it exists.
///
/// A monitor is one task with at most one check under way. It ends when this is dropped, when its namespace is closed or
/// when its registry ends; from then on it is in no report, and a check under way is aborted. It does not keep the
/// registry alive.
#[must_use = "the monitoring ends when this is dropped"]
pub struct Monitor {
    membership: Arc<Membership>,
    life: Option<DropGuard>,
}

impl Monitor {
    fn new(watch: &Watch, life: CancellationToken) -> Self {
        Self { membership: Arc::clone(watch.membership()), life: Some(life.drop_guard()) }
    }

    /// What it knows now. This runs no check.
    pub fn status(&self) -> ProbeHealth {
        self.membership.record().snapshot()
    }

    /// Where the service stands. This runs no check.
    pub fn standing(&self) -> Standing {
        self.membership.record().standing()
    }

    /// Lets it go on without this guard, until its namespace is closed or its registry ends.
    pub fn detach(mut self) {
        if let Some(life) = self.life.take() {
            let _still_alive = life.disarm();
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if self.life.take().is_some() {
            self.membership.end();
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Monitor").field(&self.status()).finish()
    }
}
