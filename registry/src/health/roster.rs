//! Who is monitored, and where it stands: what reports, waits and gates read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hysteresis::{Hysteresis, Thresholds};
use super::probe::{Importance, Probe, Standing};
use super::report::ProbeHealth;
use super::verdict::Verdict;
use crate::process::ProcessId;
use crate::table::{NamespaceClass, Scope};

/// The monitors of one registry. Its end is theirs.
pub(crate) struct Roster {
    services: Mutex<HashMap<Key, Vec<Arc<Record>>>>,
    ended: CancellationToken,
}

/// Namespace and name.
type Key = (u32, CompactString);

/// What one monitor knows. Only its own task writes to it.
pub(crate) struct Record {
    pub(super) scope: Scope,
    pub(super) name: CompactString,
    pub(super) probe: Probe,
    pub(super) importance: Importance,
    known: Mutex<Known>,
}

struct Known {
    hysteresis: Hysteresis,
    last: Option<Verdict>,
    verdicts: u64,
    /// Of a start-up probe that is up: the incarnation that passed.
    passed: Option<ProcessId>,
}

impl Roster {
    pub(crate) fn new() -> Self {
        Self { services: Mutex::default(), ended: CancellationToken::new() }
    }

    /// Cancelled when the registry ends.
    pub(super) fn life(&self) -> CancellationToken {
        self.ended.child_token()
    }

    pub(super) fn add(&self, record: &Arc<Record>) {
        self.services.lock().entry(record.key()).or_default().push(Arc::clone(record));
    }

    /// Removing it again does nothing.
    pub(super) fn remove(&self, record: &Arc<Record>) {
        let mut services = self.services.lock();
        let key = record.key();
        if let Some(records) = services.get_mut(&key) {
            records.retain(|other| !Arc::ptr_eq(other, record));
            if records.is_empty() {
                services.remove(&key);
            }
        }
    }

    /// Whether no monitor of a service says anything but up.
    pub(crate) fn all_up(&self, scope: &Scope, name: &str) -> bool {
        self.all(scope, name, |record| record.standing() == Standing::Up)
    }

    /// Whether this incarnation of a service has passed all of its start-up probes.
    pub(super) fn is_started(&self, scope: &Scope, name: &str, holder: Option<ProcessId>) -> bool {
        self.all(scope, name, |record| {
            record.probe != Probe::Startup || (holder.is_some() && record.passed() == Some(holder))
        })
    }

    fn all(&self, scope: &Scope, name: &str, holds: impl Fn(&Record) -> bool) -> bool {
        let services = self.services.lock();
        services.get(&(scope.id(), CompactString::new(name))).is_none_or(|all| all.iter().all(|record| holds(record)))
    }

    /// What every monitor knows, of one namespace or of all that are open, in order.
    pub(crate) fn snapshot(&self, scope: Option<&Scope>) -> Vec<ProbeHealth> {
        let services = self.services.lock();
        let records = services.values().flatten().filter(|record| match scope {
            Some(scope) => record.scope.is(scope),
            None => true,
        });
        let mut probes: Vec<_> =
            records.filter(|record| !record.scope.is_closed()).map(|record| record.snapshot()).collect();
        drop(services);
        probes.sort_by(|one, other| {
            (&one.namespace, &one.service, one.probe).cmp(&(&other.namespace, &other.service, other.probe))
        });
        probes
    }

    /// How many monitors there are, by class of namespace and standing.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "read by the bridge only"))]
    pub(crate) fn count(&self, class: NamespaceClass, standing: Standing) -> usize {
        let services = self.services.lock();
        let open = services.values().flatten().filter(|record| !record.scope.is_closed());
        open.filter(|record| record.scope.class() == class && record.standing() == standing).count()
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Record {
    pub(super) fn new(
        scope: &Scope,
        name: &str,
        (probe, importance): (Probe, Importance),
        thresholds: Thresholds,
    ) -> Arc<Self> {
        let hysteresis = Hysteresis::new(thresholds, Instant::now());
        let known = Mutex::new(Known { hysteresis, last: None, verdicts: 0, passed: None });
        Arc::new(Self { scope: scope.clone(), name: CompactString::new(name), probe, importance, known })
    }

    fn key(&self) -> Key {
        (self.scope.id(), self.name.clone())
    }

    pub(super) fn standing(&self) -> Standing {
        self.known.lock().hysteresis.standing()
    }

    /// Who passed, if it is up: of a start-up probe that is the incarnation it asked.
    pub(super) fn passed(&self) -> Option<Option<ProcessId>> {
        let known = self.known.lock();
        (known.hysteresis.standing() == Standing::Up).then_some(known.passed)
    }

    /// Takes in a verdict on an incarnation; the standing that it leads to, if that is another one.
    pub(super) fn observe(&self, verdict: Verdict, holder: Option<ProcessId>) -> Option<Standing> {
        let mut known = self.known.lock();
        let changed = known.hysteresis.observe(verdict.is_healthy(), Instant::now());
        if changed == Some(Standing::Up) {
            known.passed = holder;
        }
        known.verdicts += 1;
        known.last = Some(verdict);
        changed
    }

    /// Forgets what is known; `true` if that changes the standing.
    pub(super) fn reset(&self) -> bool {
        let mut known = self.known.lock();
        known.last = None;
        known.passed = None;
        known.hysteresis.reset(Instant::now())
    }

    pub(super) fn snapshot(&self) -> ProbeHealth {
        let known = self.known.lock();
        let lasting = known.hysteresis.since().elapsed();
        ProbeHealth {
            namespace: self.scope.name().to_owned(),
            service: self.name.to_string(),
            probe: self.probe,
            importance: self.importance,
            standing: known.hysteresis.standing(),
            since: SystemTime::now().checked_sub(lasting).unwrap_or(SystemTime::UNIX_EPOCH),
            lasting,
            verdicts: known.verdicts,
            last: known.last.clone(),
        }
    }
}
