//! The health of many services at once, as plain data.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::probe::{Importance, Probe, Standing};
use super::verdict::Verdict;

/// The health of a system, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SystemHealth {
    /// Nothing is wrong. A system without monitors is healthy.
    #[default]
    Healthy,
    /// An optional service is down, or one that has to say so first has not come up yet.
    Degraded,
    /// A critical service is down.
    Unhealthy,
}

impl SystemHealth {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for SystemHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the monitors knew when it was made, of a registry or a namespace.
///
/// Making and reading it runs no check: it says what the last verdicts led to. A service without a monitor is not in it.
///
/// ```
/// use std::time::Duration;
/// use registry::{ServiceRegistry, SystemHealth};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), registry::Error> {
/// let registry = ServiceRegistry::new();
/// let production = registry.namespace("production")?;
/// let _database = production.monitor::<u32>("database").every(Duration::from_secs(10))?;
/// let _search = production.monitor::<u32>("search").optional().every(Duration::from_secs(10))?;
/// let _registration = production.register("database", 5432_u32)?;
///
/// tokio::time::sleep(Duration::from_secs(25)).await; // three checks, and no search service
/// let report = registry.health();
/// assert_eq!(report.overall(), SystemHealth::Degraded);
/// let problem = report.problems().next().expect("one");
/// assert_eq!((problem.service.as_str(), problem.lasting), ("search", Duration::from_secs(5)));
/// assert!(problem.is_absent() && report.is_live(), "an optional service does not end the system's life");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct HealthReport {
    probes: Vec<ProbeHealth>,
}

impl HealthReport {
    pub(crate) fn new(probes: Vec<ProbeHealth>) -> Self {
        Self { probes }
    }

    /// The worst that the problems stand for.
    pub fn overall(&self) -> SystemHealth {
        self.probes.iter().map(ProbeHealth::impact).max().unwrap_or_default()
    }

    /// Whether no critical service fails its liveness probe.
    pub fn is_live(&self) -> bool {
        self.critical(Probe::Liveness).all(|probe| probe.standing != Standing::Down)
    }

    /// Whether every critical service passes its readiness probe, and has started.
    pub fn is_ready(&self) -> bool {
        self.is_started() && self.critical(Probe::Readiness).all(|probe| probe.standing == Standing::Up)
    }

    /// Whether every critical service has passed its start-up probe.
    pub fn is_started(&self) -> bool {
        self.critical(Probe::Startup).all(|probe| probe.standing == Standing::Up)
    }

    /// Every monitor, by namespace, service and probe.
    pub fn probes(&self) -> &[ProbeHealth] {
        &self.probes
    }

    /// The monitors that keep the system from being healthy.
    pub fn problems(&self) -> impl Iterator<Item = &ProbeHealth> {
        self.probes.iter().filter(|probe| probe.impact() != SystemHealth::Healthy)
    }

    fn critical(&self, probe: Probe) -> impl Iterator<Item = &ProbeHealth> {
        self.probes.iter().filter(move |health| health.importance == Importance::Critical && health.probe == probe)
    }
}

/// The overall health, and a line for each problem.
impl fmt::Display for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {} probes in order", self.overall(), self.in_order(), self.probes.len())?;
        self.problems().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl HealthReport {
    fn in_order(&self) -> usize {
        self.probes.len() - self.problems().count()
    }
}

/// What one monitor knew at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeHealth {
    /// The name of the namespace.
    pub namespace: String,
    /// The name of the service.
    pub service: String,
    /// What the monitor asks about.
    pub probe: Probe,
    /// What the loss of the service means.
    pub importance: Importance,
    /// Where the service stands.
    pub standing: Standing,
    /// Since when, by the system's clock now.
    pub since: SystemTime,
    /// For how long, by the runtime's clock.
    pub lasting: Duration,
    /// How many verdicts there were.
    pub verdicts: u64,
    /// The last verdict; `None` before the first one of this incarnation.
    pub last: Option<Verdict>,
}

impl ProbeHealth {
    /// Whether the last verdict found no ready service at all, instead of one that does not work.
    pub fn is_absent(&self) -> bool {
        self.last.as_ref().is_some_and(Verdict::is_absent)
    }

    /// What it means for the system.
    pub fn impact(&self) -> SystemHealth {
        match (self.standing, self.importance, self.probe) {
            (Standing::Up, ..) | (Standing::Pending, _, Probe::Liveness) => SystemHealth::Healthy,
            (Standing::Down, Importance::Critical, _) => SystemHealth::Unhealthy,
            (Standing::Down, Importance::Optional, _) | (Standing::Pending, ..) => SystemHealth::Degraded,
        }
    }
}

impl fmt::Display for ProbeHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, service, probe, importance, standing, lasting, .. } = self;
        let absent = if self.is_absent() { ", absent" } else { "" };
        write!(f, "{namespace}/{service} {probe} ({importance}) is {standing}{absent} for {lasting:?}")?;
        self.last.as_ref().map_or(Ok(()), |verdict| write!(f, ": {verdict}"))
    }
}
