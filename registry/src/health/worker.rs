//! The task of a monitor: one loop that checks, one that listens for heartbeats.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::check::Examination;
use super::heartbeat::Heartbeat;
use super::probe::{Probe, Standing};
use super::report::ProbeHealth;
use super::roster::Record;
use super::run::Run;
use super::schedule::{Pace, ahead};
use super::verdict::Verdict;
use crate::names::{ProcessRegistry, WeakRegistry};
use crate::process::{ProcessId, discard_payload};
use crate::table::SlotRef;

pub(super) type Handler = Box<dyn Fn(&ProbeHealth) + Send + Sync>;

/// A monitor's place in the roster.
pub(super) struct Membership {
    registry: WeakRegistry,
    record: Arc<Record>,
    /// Told of every registration of the name, of the closing of its namespace, and of every change of the health.
    slot: SlotRef,
}

impl Membership {
    pub(super) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Leaves the roster, and tells those who waited for this monitor.
    pub(super) fn end(&self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.roster().remove(&self.record);
        }
        self.slot.changed().notify_waiters();
    }
}

/// The task's side of a monitor; dropping it ends the membership.
pub(super) struct Watch {
    membership: Arc<Membership>,
    handler: Option<Handler>,
}

/// What there is to do for a monitor.
enum Phase {
    /// Nothing ever again.
    Over,
    /// Nothing until the service changes hands or has started.
    Rest,
    /// To ask after this incarnation.
    Ask(Option<ProcessId>),
}

impl Watch {
    pub(super) fn new(registry: &ProcessRegistry, record: Arc<Record>, handler: Option<Handler>) -> Self {
        let slot = registry.slot(&record.scope, &record.name);
        registry.roster().add(&record);
        Self { membership: Arc::new(Membership { registry: registry.downgrade(), record, slot }), handler }
    }

    pub(super) fn membership(&self) -> &Arc<Membership> {
        &self.membership
    }

    /// Checks the service on a schedule, until there is nothing to check any more.
    pub(super) async fn check(mut self, mut pace: Pace, examination: Arc<dyn Examination>) {
        let mut next = ahead(Instant::now(), pace.initial_delay);
        let mut absent = false;
        let mut stuck: Option<Run> = None;
        while let Some(holder) = self.turn(&mut next, &mut absent, pace.initial_delay).await {
            let begun = Instant::now();
            if let Some(run) = &mut stuck {
                tokio::select! {
                    biased;
                    () = over(&self.membership) => return,
                    () = run.over() => stuck = None,
                    () = sleep_until(ahead(begun, pace.timeout)) => {}
                }
            }
            let (verdict, started) = match &stuck {
                Some(_) => (Verdict::TimedOut { after: pace.timeout }, None),
                None => {
                    let Some(registry) = self.membership.registry.upgrade() else { return };
                    let Record { scope, name, .. } = &*self.membership.record;
                    let mut run = Run::start(&examination, registry, scope, name, pace.timeout, None);
                    let verdict = tokio::select! {
                        biased;
                        () = over(&self.membership) => return,
                        verdict = run.verdict() => verdict,
                    };
                    let started = run.measured;
                    stuck = matches!(verdict, Verdict::TimedOut { .. }).then_some(run);
                    (verdict, started)
                }
            };
            absent = verdict.is_absent();
            self.observe(verdict, holder, started);
            next = ahead(begun, pace.gap()).max(Instant::now());
        }
    }

    /// Waits until it is time for the next check; the incarnation to check, or `None` when there is none ever again.
    async fn turn(&mut self, next: &mut Instant, absent: &mut bool, delay: Duration) -> Option<Option<ProcessId>> {
        loop {
            let membership = Arc::clone(&self.membership);
            let mut changed = pin!(membership.slot.changed().notified());
            changed.as_mut().enable();
            match self.phase() {
                Phase::Over => return None,
                Phase::Rest => {
                    changed.await;
                    *next = ahead(Instant::now(), delay);
                }
                Phase::Ask(holder) => {
                    if *absent && holder.is_some() {
                        *absent = false;
                        *next = ahead(Instant::now(), delay);
                    }
                    tokio::select! {
                        biased;
                        () = sleep_until(*next) => return Some(holder),
                        () = changed => {}
                    }
                }
            }
        }
    }

    /// Expects heartbeats, until there is nothing to expect any more.
    pub(super) async fn listen(mut self, heartbeat: Heartbeat, ttl: Duration) {
        let mut expiry = ahead(Instant::now(), ttl);
        loop {
            let membership = Arc::clone(&self.membership);
            let mut changed = pin!(membership.slot.changed().notified());
            changed.as_mut().enable();
            let holder = match self.phase() {
                Phase::Over => return,
                Phase::Rest => {
                    changed.await;
                    heartbeat.take(false);
                    expiry = ahead(Instant::now(), ttl);
                    continue;
                }
                Phase::Ask(holder) => holder,
            };
            let standing = self.membership.record.standing();
            let beaten = heartbeat.take(standing != Standing::Up);
            expiry = beaten.map_or(expiry, |at| ahead(at, ttl));
            if Instant::now() >= expiry {
                if standing != Standing::Down {
                    self.observe(Verdict::TimedOut { after: ttl }, holder, None);
                    continue;
                }
            } else if beaten.is_some() && standing != Standing::Up {
                self.observe(Verdict::Healthy { took: Duration::ZERO }, holder, None);
                continue;
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = heartbeat.awaited() => {}
                () = sleep_until(expiry), if standing != Standing::Down => {}
            }
        }
    }

    fn phase(&mut self) -> Phase {
        let record = Arc::clone(&self.membership.record);
        let Some(registry) = self.membership.registry.upgrade() else { return Phase::Over };
        if record.scope.is_closed() {
            return Phase::Over;
        }
        let holder = registry.holder(&record.scope, &record.name);
        let rest = match (record.probe, record.passed()) {
            (Probe::Startup, Some(passed)) if passed == holder => return Phase::Rest,
            // Another incarnation than the one that passed: it begins anew.
            (Probe::Startup, passed) => passed.is_some().then_some(Phase::Ask(holder)),
            _ if registry.roster().is_started(&record.scope, &record.name, holder) => None,
            _ => Some(Phase::Rest),
        };
        drop(registry);
        match rest {
            None => Phase::Ask(holder),
            Some(phase) => {
                if record.reset() {
                    self.tell();
                }
                phase
            }
        }
    }

    fn observe(&mut self, verdict: Verdict, holder: Option<ProcessId>, started: Option<std::time::Instant>) {
        let record = &self.membership.record;
        if let Some(registry) = self.membership.registry.upgrade() {
            registry.record_verdict(&record.scope, &record.name, &verdict, started);
        }
        if record.observe(verdict, holder).is_some() {
            self.membership.slot.changed().notify_waiters();
            self.tell();
        }
    }

    /// Says that the standing has changed: to the log, and to the handler.
    fn tell(&mut self) {
        let health = self.membership.record.snapshot();
        let ProbeHealth { namespace, service, probe, standing, .. } = &health;
        let verdict = health.last.as_ref().map(tracing::field::display);
        match standing {
            Standing::Down => tracing::warn!(namespace, service, %probe, %standing, verdict, "health changed"),
            _ => tracing::info!(namespace, service, %probe, %standing, verdict, "health changed"),
        }
        let Some(handler) = &self.handler else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(&health))) {
            discard_payload(payload);
            tracing::error!(namespace, service, %probe, "a health handler panicked and was detached");
            let detached = self.handler.take();
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(detached))) {
                discard_payload(payload);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.membership.end();
    }
}

/// Waits until the namespace is closed.
async fn over(membership: &Membership) {
    loop {
        let mut changed = pin!(membership.slot.changed().notified());
        changed.as_mut().enable();
        if membership.record.scope.is_closed() {
            return;
        }
        changed.await;
    }
}
