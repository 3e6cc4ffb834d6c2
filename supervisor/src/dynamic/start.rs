//! Starting one child, in the task of the caller.

use std::sync::Arc;
use std::time::Duration;

use registry::{LookupError, Namespace, ServiceKey, WaitError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::flight::{Boarding, Flight};
use super::state::{At, Door, Entry, Shared};
use crate::child::{Birth, ChildId, ChildSpec, Happening, Note, Readiness, Spec, Starter, discard};
use crate::error::{StartChildError, StartError, StartFailure};
use crate::rules::AutoShutdown;
use crate::tree::adopt;

/// How long to wait for a name whose child is between two incarnations.
const RESTART_TIME: Duration = Duration::from_secs(5);

pub(super) async fn start_child<H: Clone + Send + Sync + 'static>(
    shared: &Arc<Shared>,
    spec: ChildSpec<H>,
) -> Result<H, StartChildError> {
    let (spec, handle) = spec.assemble();
    start_spec(shared, spec).await?;
    Ok(handle)
}

async fn start_spec(shared: &Arc<Shared>, spec: Spec) -> Result<(), StartChildError> {
    let (limit, readiness) = (spec.start_timeout, spec.readiness.clone());
    let (fresh, starter, started) = launch(shared, spec)?;
    match in_time(ready(started, &starter, readiness), limit).await {
        Ok(first) => admit(fresh, starter, first.ok()),
        Err(limit) => Err(fresh.overdue(&starter, limit).await),
    }
}

/// Starts a child that counts as up from its start on.
pub(super) fn start_now(shared: &Arc<Shared>, spec: Spec) -> Result<(), StartChildError> {
    let (fresh, starter, mut started) = launch(shared, spec)?;
    let first = started.try_recv().ok();
    admit(fresh, starter, first)
}

type Launched<'a> = (Fresh<'a>, Arc<dyn Starter>, oneshot::Receiver<Happening>);

fn launch(shared: &Arc<Shared>, spec: Spec) -> Result<Launched<'_>, StartChildError> {
    spec.check_in(shared.core.id(), AutoShutdown::Never).map_err(StartChildError::Invalid)?;
    if let Some(on) = spec.depends_on.first() {
        let (child, on) = (spec.id().clone(), on.clone());
        return Err(StartChildError::Invalid(StartError::UnknownDependency { child, on }));
    }
    let starter = Arc::clone(&spec.starter);
    let (direct, started) = oneshot::channel();
    adopt(&*starter.seat(), starter.kind(), &shared.feed);
    let (at, notes) = {
        let mut state = shared.state();
        state.admit(&shared.limits)?;
        (state.insert(spec), state.notes.clone())
    };
    let fresh = Fresh { shared: Some(shared), at };
    let birth = Birth { notes, key: u64::from(at.index), generation: at.generation, direct: Some(direct) };
    let abort = match Arc::clone(&starter).start(birth) {
        Ok(abort) => abort,
        Err(cause) => {
            starter.core().refused(&cause);
            let child = starter.core().id().clone();
            drop(starter);
            fresh.remove();
            return Err(StartChildError::Failed { child, cause });
        }
    };
    fresh.set_abort(abort);
    Ok((fresh, starter, started))
}

/// What becomes of a child by the first that is heard of it.
fn admit(mut fresh: Fresh<'_>, starter: Arc<dyn Starter>, first: Option<Happening>) -> Result<(), StartChildError> {
    let cause = match first {
        Some(Happening::Ready) => {
            fresh.settle();
            return Ok(());
        }
        Some(Happening::Healthy) if fresh.settle() => return Ok(()),
        // It has ended before anybody saw that it was ready.
        Some(Happening::Healthy) => StartFailure::Exited(last_exit(&starter)),
        Some(Happening::Exited(reason)) => StartFailure::Exited(reason),
        Some(Happening::Refused(failure)) => *failure,
        Some(Happening::Ignored | Happening::Unwanted | Happening::Overdue | Happening::Changed) => {
            StartFailure::Ignored
        }
        None => StartFailure::Exited(registry::ExitReason::Killed),
    };
    let child = starter.core().id().clone();
    drop(starter);
    Err(fresh.refuse(child, cause))
}

/// What is told of the init; and of a child that has to become ready after it, whether it did.
async fn ready(
    started: oneshot::Receiver<Happening>,
    starter: &Arc<dyn Starter>,
    readiness: Option<Readiness>,
) -> Result<Happening, oneshot::error::RecvError> {
    let told = started.await?;
    let (Some(readiness), Happening::Ready) = (readiness, &told) else { return Ok(told) };
    let (seat, core) = (starter.seat(), starter.core());
    let incarnation = core.incarnation();
    Ok(match readiness.reached(&*seat, incarnation).await {
        true => Happening::Healthy,
        false => Happening::Exited(last_exit(starter)),
    })
}

fn last_exit(starter: &Arc<dyn Starter>) -> registry::ExitReason {
    starter.core().last_exit().unwrap_or(registry::ExitReason::Killed)
}

/// What is told of the init, or the limit that it has exceeded.
async fn in_time<T>(told: impl Future<Output = T>, limit: Option<Duration>) -> Result<T, Duration> {
    match limit {
        None => Ok(told.await),
        Some(limit) => tokio::time::timeout(limit, told).await.map_err(|_| limit),
    }
}

/// A child whose first init is under way. When its starter goes meanwhile, the child goes too.
struct Fresh<'a> {
    shared: Option<&'a Arc<Shared>>,
    at: At,
}

impl Fresh<'_> {
    fn set_abort(&self, abort: Option<tokio::task::AbortHandle>) {
        let Some(shared) = self.shared else { return };
        let gone = {
            let mut state = shared.state();
            match state.get(self.at) {
                Some(entry) => {
                    entry.abort = abort;
                    return;
                }
                None => abort,
            }
        };
        // The supervisor was killed between the two.
        if let Some(abort) = gone {
            abort.abort();
        }
    }

    /// Its init took too long: waits until it has ended, or is left behind.
    async fn overdue(self, starter: &Arc<dyn Starter>, limit: Duration) -> StartChildError {
        let core = starter.core();
        if let Some(shared) = self.shared {
            tell(shared.state().notes.as_ref(), self.at, Happening::Overdue);
        }
        core.until(|core| core.has_ended(core.incarnation())).await;
        self.refuse(core.id().clone(), StartFailure::Timeout { limit })
    }

    /// It did not come up, and has ended. Says why there is no child.
    fn refuse(self, child: ChildId, cause: StartFailure) -> StartChildError {
        match self.remove() {
            Door::Open => StartChildError::Failed { child, cause },
            Door::Stopping => StartChildError::ShuttingDown,
            Door::Closed => StartChildError::NotRunning,
        }
    }

    /// It is up: from now on it is the supervisor's. `false` when it is there no more.
    fn settle(&mut self) -> bool {
        let Some(shared) = self.shared else { return false };
        let mut state = shared.state();
        let Some(entry) = state.get(self.at) else { return false };
        entry.fresh = false;
        // It may have ended since, and wait for its next turn.
        if !entry.waiting {
            entry.retries.iter_mut().for_each(|retries| retries.up(Instant::now()));
        }
        self.shared = None;
        true
    }

    /// It did not come up, and has ended. Says whether the supervisor goes on.
    fn remove(mut self) -> Door {
        let Some(shared) = self.shared.take() else { return Door::Closed };
        let (door, entry, notes): (Door, Option<Entry>, _) = {
            let mut state = shared.state();
            (state.door, state.remove(self.at), state.notes.clone())
        };
        discard(entry);
        if door == Door::Stopping {
            tell(notes.as_ref(), self.at, Happening::Changed);
        }
        door
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let notes = {
            let mut state = shared.state();
            if let Some(entry) = state.get(self.at) {
                entry.fresh = false;
            }
            state.notes.clone()
        };
        tell(notes.as_ref(), self.at, Happening::Unwanted);
    }
}

pub(super) fn tell(notes: Option<&tokio::sync::mpsc::UnboundedSender<Note>>, at: At, happening: Happening) {
    if let Some(notes) = notes {
        // An engine that is gone has killed its children.
        let _ = notes.send(Note { key: u64::from(at.index), generation: at.generation, happening });
    }
}

pub(super) async fn start_or_get<H: Clone + Send + Sync + 'static>(
    shared: &Arc<Shared>,
    namespace: &Namespace,
    service: impl ServiceKey<H>,
    spec: impl Fn() -> ChildSpec<H>,
) -> Result<H, StartChildError> {
    let name = service.name();
    loop {
        match namespace.lookup::<H>(name) {
            Ok(handle) => return Ok(handle),
            Err(LookupError::NotFound { .. } | LookupError::Starting { .. }) => {}
            Err(LookupError::Restarting { .. } | LookupError::Draining { .. }) => {
                return wait(namespace, name).await;
            }
            Err(refused) => return Err(StartChildError::Lookup(refused)),
        }
        let flight = match Flight::board(shared, namespace.name(), name) {
            Boarding::First(flight) => flight,
            Boarding::Next(outcome) => match outcome.await {
                // Up, or nobody's any more: look again.
                Ok(Ok(())) | Err(_) => continue,
                Ok(Err(refused)) => return Err(refused),
            },
        };
        // It may have landed between the look and the boarding.
        if let Ok(handle) = namespace.lookup::<H>(name) {
            flight.land(&Ok(()));
            return Ok(handle);
        }
        // In a task of its own: others may wait for it when this caller has gone.
        let (shared, spec) = (Arc::clone(shared), spec().name(namespace, name));
        let started = tokio::spawn(async move {
            let started = start_child(&shared, spec).await;
            flight.land(&started.as_ref().map(|_| ()).map_err(Clone::clone));
            started
        });
        let Ok(started) = started.await else { return Err(StartChildError::NotRunning) };
        return match started {
            // Somebody else, not one of this supervisor's callers, was first.
            Err(StartChildError::Failed {
                cause: StartFailure::Name(registry::ReserveError::Taken { .. }), ..
            }) => wait(namespace, name).await,
            outcome => outcome,
        };
    }
}

async fn wait<H: Clone + Send + Sync + 'static>(namespace: &Namespace, name: &str) -> Result<H, StartChildError> {
    namespace.wait_for::<H>(name, RESTART_TIME).await.map_err(|error| match error {
        WaitError::Timeout { .. } => StartChildError::Restarting { name: name.to_owned(), waited: RESTART_TIME },
        error => match namespace.lookup::<H>(name) {
            Err(refused) => StartChildError::Lookup(refused),
            Ok(_) => {
                tracing::debug!(%error, "a wait failed for a name that is there now");
                StartChildError::Restarting { name: name.to_owned(), waited: Duration::ZERO }
            }
        },
    })
}
