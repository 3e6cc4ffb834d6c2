//! Functions of the program that are told of each operation, attached and detached while it runs.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use parking_lot::Mutex;

use super::event::{Event, Operation};
use crate::process::{contain, discard_payload};
use crate::table::NamespaceClass;

/// One operation of a registry, as a handler is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelemetryEvent<'a> {
    /// What was done.
    pub operation: Operation,
    /// The name of the namespace.
    pub namespace: &'a str,
    /// What the namespace is for.
    pub class: NamespaceClass,
    /// The name of the service, group or topic; when a subscription to a pattern ends, what stands before its wildcard.
    pub service: &'a str,
    /// How it ended: one of the words that are the label `result` in the metrics.
    pub result: &'static str,
    /// How long it took, where that was measured.
    pub took: Option<Duration>,
}

/// Which handler: what detaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandlerId(u64);

type Handler = dyn Fn(&TelemetryEvent<'_>) + Send + Sync;
type Attached = Arc<[(HandlerId, Arc<Handler>)]>;

/// The handlers of one registry.
#[derive(Default)]
pub(crate) struct Handlers {
    next: AtomicU64,
    /// So that nothing but this is read while none is attached.
    count: AtomicUsize,
    attached: Mutex<Option<Attached>>,
    panicked: AtomicU64,
}

thread_local! {
    /// Whether this thread is inside a handler: what a handler does with the registry is not told to handlers.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Handlers {
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.count.load(Relaxed) > 0
    }

    pub(crate) fn attach(&self, handler: Arc<Handler>) -> HandlerId {
        let id = HandlerId(self.next.fetch_add(1, Relaxed));
        self.change(|all| all.push((id, handler)));
        id
    }

    pub(crate) fn detach(&self, id: HandlerId) -> bool {
        let mut found = false;
        self.change(|all| {
            all.retain(|(other, _)| {
                found |= *other == id;
                *other != id
            });
        });
        found
    }

    /// How many were detached because they panicked.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "read by the bridge"))]
    pub(crate) fn panicked(&self) -> u64 {
        self.panicked.load(Relaxed)
    }

    /// The old list is dropped behind the lock: the last reference to a handler may run code of the user.
    fn change(&self, change: impl FnOnce(&mut Vec<(HandlerId, Arc<Handler>)>)) {
        let before = {
            let mut attached = self.attached.lock();
            let mut all: Vec<_> = attached.iter().flat_map(|all| all.iter()).cloned().collect();
            change(&mut all);
            self.count.store(all.len(), Release);
            attached.replace(all.into())
        };
        contain("a telemetry handler, dropped", || drop(before));
    }

    /// Tells every handler, outside of every lock. One that panics is detached and reported.
    pub(crate) fn tell(&self, event: &TelemetryEvent<'_>) {
        let Some(attached) = self.attached.lock().clone() else { return };
        if INSIDE.replace(true) {
            return;
        }
        let _inside = Inside;
        for (id, handler) in attached.iter() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(event))) {
                discard_payload(payload);
                if self.detach(*id) {
                    self.panicked.fetch_add(1, Relaxed);
                    tracing::error!(
                        handler = id.0,
                        operation = ?event.operation,
                        "a telemetry handler panicked and was detached"
                    );
                }
            }
        }
        // The last reference to a handler that was detached meanwhile may be this one.
        contain("a telemetry handler, dropped", || drop(attached));
    }
}

struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

impl Event {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Lookup(_) => Operation::Lookup,
            Self::Register(_) => Operation::Register,
            Self::Wait(_) => Operation::Wait,
            Self::Join(_) => Operation::Join,
            Self::Dispatch(_) => Operation::Dispatch,
            Self::Publish(_) | Self::Message(_) => Operation::Publish,
            Self::Health(_) => Operation::Health,
            Self::Unregister => Operation::Unregister,
            Self::Leave => Operation::Leave,
        }
    }

    pub(crate) fn result(self) -> &'static str {
        match self {
            Self::Lookup(result) => result.label(),
            Self::Register(result) => result.label(),
            Self::Wait(result) => result.label(),
            Self::Join(result) => result.label(),
            Self::Dispatch(result) => result.label(),
            Self::Publish(result) => result.label(),
            Self::Message(result) => result.label(),
            Self::Health(result) => result.label(),
            Self::Unregister => "unregistered",
            Self::Leave => "left",
        }
    }
}

impl fmt::Display for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h{}", self.0)
    }
}
