//! When a child whose init is done is ready for those who wait for it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use registry::catch_panic;
use tokio::sync::mpsc;

use super::core::Core;
use super::life::{Happening, Note};
use super::scope::Scope;
use super::seat::Seat;

/// How long a child has to become ready, unless its start timeout says otherwise.
pub(crate) const READY_TIME: Duration = Duration::from_secs(60);

type Verdict = Pin<Box<dyn Future<Output = bool> + Send>>;

#[derive(Clone)]
pub(crate) enum Readiness {
    /// It says so itself.
    Signal,
    /// It is asked, until the answer is yes.
    Probe { interval: Duration, check: Arc<dyn Fn() -> Verdict + Send + Sync> },
}

impl Readiness {
    pub(crate) fn probe<F>(interval: Duration, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self::Probe { interval, check: Arc::new(move || Box::pin(check())) }
    }

    /// Waits until this incarnation is ready, or has ended before it was: `false`. Its start timeout ends it at the latest.
    pub(crate) async fn reached(&self, seat: &dyn Seat, incarnation: u32) -> bool {
        let core = seat.core();
        tokio::select! {
            biased;
            () = core.until(|core| core.has_ended(incarnation)) => false,
            () = self.seen(core, incarnation) => true,
        }
    }

    async fn seen(&self, core: &Core, incarnation: u32) {
        match self {
            Self::Signal => core.until(|core| core.is_ready(incarnation)).await,
            Self::Probe { interval, check } => loop {
                match catch_panic(async { check().await }).await {
                    Ok(true) => return core.mark_ready(incarnation),
                    Ok(false) => {}
                    Err(panic) => tracing::warn!(child = %core.id(), %panic, "a readiness probe panicked"),
                }
                tokio::time::sleep(*interval).await;
            },
        }
    }

    /// Has the supervisor told when the present incarnation is ready.
    pub(crate) fn watch(self, seat: Arc<dyn Seat>, notes: mpsc::UnboundedSender<Note>, key: u64, generation: u32) {
        let incarnation = seat.core().incarnation();
        let scope = seat.core().scope(incarnation);
        drop(Scope::spawn(scope, async move {
            if self.reached(&*seat, incarnation).await {
                // A supervisor that is gone waits for nobody.
                let _ = notes.send(Note { key, generation, happening: Happening::Healthy });
            }
        }));
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => f.write_str("Signal"),
            Self::Probe { interval, .. } => f.debug_struct("Probe").field("interval", interval).finish_non_exhaustive(),
        }
    }
}
