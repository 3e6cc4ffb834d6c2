//! Incarnations that have no supervisor to report to: what they need lasts as long as they do.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::assembled::Spec;
use super::catch::discard;
use super::core::Core;
use super::intent::Intent;
use super::scope::Scope;

/// What is dropped when an incarnation has ended that nobody supervises: its spec, and the scope of its aborted supervisor.
#[expect(dead_code, reason = "held, and dropped in this order: the names first")]
pub(crate) struct Host {
    pub(crate) spec: Spec,
    pub(crate) scope: Option<Arc<Scope>>,
}

impl Core {
    /// Keeps this until the incarnation has ended.
    pub(crate) fn host(&self, host: Host) {
        let mut cold = self.cold.lock();
        if self.has_ended(self.incarnation()) {
            drop(cold);
            discard(host);
        } else {
            cold.host = Some(Box::new(host));
        }
    }
}

impl Spec {
    /// Its supervisor has been cut off: the incarnation, if there is one, is killed, and keeps that one's scope until it has ended.
    pub(crate) fn orphan(self, abort: Option<&AbortHandle>, scope: Option<Arc<Scope>>) {
        let starter = Arc::clone(&self.starter);
        let core = starter.core();
        // What the factory drops may panic, and others are killed after this one.
        if core.has_ended(core.incarnation()) {
            return discard((starter, self));
        }
        core.host(Host { spec: self, scope });
        core.intend(Intent::Kill);
        core.abort_or_ask(abort, false);
        discard(starter);
    }
}
