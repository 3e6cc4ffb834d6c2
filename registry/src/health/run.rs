//! One check under way: in a task of its own, with a time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::check::Examination;
use super::limit::Permit;
use super::schedule::ahead;
use super::verdict::{Failure, Verdict};
use crate::names::ProcessRegistry;
use crate::process::{Panic, catch_panic};
use crate::table::Scope;

/// One check under way. Dropping it aborts the check.
pub(super) struct Run {
    task: JoinHandle<Result<Verdict, Panic>>,
    timeout: Duration,
    deadline: Instant,
    /// For telemetry, by the clock on the wall.
    pub(super) measured: Option<std::time::Instant>,
}

impl Run {
    /// Begins a check. What it has of a limit it gives back when it is over, which may be long after its verdict.
    pub(super) fn start(
        examination: &Arc<dyn Examination>,
        registry: ProcessRegistry,
        scope: &Scope,
        name: &str,
        timeout: Duration,
        permit: Option<Permit>,
    ) -> Self {
        let (examination, scope, name) = (Arc::clone(examination), scope.clone(), name.to_owned());
        let started = Instant::now();
        let measured = registry.table().telemetry().start();
        let task = tokio::spawn(catch_panic(async move {
            let _permit = permit;
            let begun = examination.begin(&registry, &scope, &name);
            drop(registry);
            match begun {
                Err(error) => Verdict::NotRegistered(error),
                Ok(checking) => match checking.await {
                    Ok(()) => Verdict::Healthy { took: started.elapsed() },
                    Err(reason) => Verdict::Failed { reason },
                },
            }
        }));
        // A worker keeps the task it spawned last to itself, without waking another worker. Should the check block this
        // thread, nobody would look after the timers; a second task makes tokio wake somebody who will.
        if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
            tokio::spawn(std::future::ready(()));
        }
        Self { task, timeout, deadline: ahead(started, timeout), measured }
    }

    /// The verdict; a check that has none in time is aborted. Called once.
    pub(super) async fn verdict(&mut self) -> Verdict {
        let after = self.timeout;
        match timeout_at(self.deadline, &mut self.task).await {
            // In time by the clock, not only by the order in which a busy runtime looked.
            Ok(Ok(Ok(Verdict::Healthy { took }))) if took > after => Verdict::TimedOut { after },
            Ok(Ok(Ok(verdict))) => verdict,
            Ok(Ok(Err(panic))) => Verdict::Panicked(panic),
            // Nobody else aborts it.
            Ok(Err(_)) => Verdict::Failed { reason: Failure::new("the runtime of the check shut down") },
            Err(_) => {
                self.task.abort();
                Verdict::TimedOut { after }
            }
        }
    }

    /// Waits until a check that timed out is over: at once, unless it blocks its thread.
    pub(super) async fn over(&mut self) {
        // One that said something too late has been heard already, and must not be asked again.
        if !self.task.is_finished() {
            let _aborted = (&mut self.task).await;
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}
