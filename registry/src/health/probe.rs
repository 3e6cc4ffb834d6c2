//! What a monitor asks about, how much it matters, and where its service stands.

use std::fmt;

/// What a monitor asks about. The three are those of Kubernetes and mean the same here
/// ([Liveness, Readiness, and Startup Probes](https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/)).
///
/// While a service has a start-up monitor that its present incarnation has not passed, its other monitors wait and are
/// [`Pending`](Standing::Pending): a slow start is neither dead nor ready. Nothing here restarts a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Probe {
    /// Has it finished starting? Asked of each incarnation (each holder of the name) until it passes once.
    Startup,
    /// Does it work at all, or is it stuck for good? Innocent until the first verdicts say otherwise.
    #[default]
    Liveness,
    /// Can it take work now? Not before the first verdicts say so.
    Readiness,
}

impl Probe {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the loss of a service means for the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Importance {
    /// Without it the system is unhealthy.
    #[default]
    Critical,
    /// Without it the system is degraded.
    Optional,
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Optional => "optional",
        })
    }
}

/// Where a monitored service stands after its verdicts, each weighed against the thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// Not decided yet: too few verdicts, or its start-up has not passed.
    #[default]
    Pending,
    /// Enough successes in a row, and not enough failures in a row since.
    Up,
    /// Enough failures in a row, and not enough successes in a row since.
    Down,
}

impl Standing {
    /// Every standing, in the order of their metric series.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Up, Self::Down];

    /// One word for it, the value of the metric label `standing`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
