//! One operation, counted and told.

use std::time::Instant;

use tracing::level_filters::LevelFilter;

use super::counters::Counters;
use super::event::Event;
use super::handlers::{Handlers, TelemetryEvent};
use super::samples;
use crate::table::Scope;

/// Everything that a registry tells about itself.
#[derive(Default)]
pub(crate) struct Telemetry {
    pub(super) counters: Counters,
    pub(crate) handlers: Handlers,
    /// Which namespaces have metric series of their own.
    #[cfg(feature = "metrics")]
    pub(super) places: super::places::Places,
}

impl Telemetry {
    /// What the counts of all threads take.
    pub(crate) fn bytes(&self) -> usize {
        self.counters.bytes()
    }

    /// When an operation begins: the time, if it is to be measured.
    #[inline]
    pub(crate) fn start(&self) -> Option<Instant> {
        if self.handlers.any() { Some(Instant::now()) } else { samples::start() }
    }

    /// Whether a lookup that begins is to be timed or told, and not only counted.
    #[inline]
    pub(crate) fn attends(&self) -> bool {
        samples::turn() | self.is_told()
    }

    /// When an operation begins of which no samples are kept: the time, if somebody is told of it.
    pub(crate) fn start_told(&self) -> Option<Instant> {
        self.handlers.any().then(Instant::now)
    }

    /// Counts an operation that has ended, and tells of it. Outside of every lock.
    pub(crate) fn record(&self, scope: &Scope, service: &str, event: Event, started: Option<Instant>) {
        self.count(scope, event);
        if started.is_some() || self.is_told() {
            self.tell(scope, service, event, started);
        }
    }

    /// Counts only: may be called under a lock, and [`tell`](Self::tell) follows behind it if [`is_told`](Self::is_told).
    #[inline]
    pub(crate) fn count(&self, scope: &Scope, event: Event) {
        self.counters.add(scope.class() as usize, event);
    }

    /// Counts the same event several times, and tells nobody of each.
    pub(crate) fn count_many(&self, scope: &Scope, event: Event, times: usize) {
        if times > 0 {
            self.counters.add_many(scope.class() as usize, event, times as u64);
        }
    }

    /// Whether somebody may be listening: two loads, as this is asked with every lookup. Who traces other targets only is
    /// found out by [`tell`](Self::tell).
    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        self.handlers.any() || LevelFilter::current() == LevelFilter::TRACE
    }

    #[cold]
    pub(crate) fn tell(&self, scope: &Scope, service: &str, event: Event, started: Option<Instant>) {
        let took = started.map(|started| started.elapsed());
        if let (Event::Lookup(_), Some(took)) = (event, took) {
            self.counters.sample(took);
        }
        let (namespace, operation, result) = (scope.name(), event.operation(), event.result());
        tracing::trace!(target: "registry", namespace, service, operation = operation.as_str(), result, ?took);
        if self.handlers.any() {
            let class = scope.class();
            self.handlers.tell(&TelemetryEvent { operation, namespace, class, service, result, took });
        }
    }
}
