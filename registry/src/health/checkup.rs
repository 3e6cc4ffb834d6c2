//! One check, when asked for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::check::{Examination, HealthCheck, IsReady, Passes};
use super::run::Run;
use super::verdict::Verdict;
use crate::names::ProcessRegistry;
use crate::table::Scope;

/// One health check, run when it is awaited: what [`Namespace::health_check`](crate::Namespace::health_check) gives.
#[must_use = "nothing is checked before it is awaited"]
pub struct Checkup<T> {
    registry: ProcessRegistry,
    scope: Scope,
    name: String,
    timeout: Duration,
    examination: Arc<dyn Examination>,
    handle: std::marker::PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Checkup<T> {
    pub(crate) fn new(registry: &ProcessRegistry, scope: &Scope, name: &str) -> Self {
        Self {
            registry: registry.clone(),
            scope: scope.clone(),
            name: name.to_owned(),
            timeout: Duration::from_secs(1),
            examination: Arc::new(IsReady::<T>::new()),
            handle: std::marker::PhantomData,
        }
    }

    /// How long it may take, counted from the await. Default: 1 s. With 0 nothing is run, and the verdict is
    /// [`TimedOut`](Verdict::TimedOut).
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What to check, once the service is found ready. Default: nothing more.
    pub fn check(self, check: impl HealthCheck<T>) -> Self
    where
        T: Clone,
    {
        Self { examination: Arc::new(Passes::new(check)), ..self }
    }

    async fn run(self) -> Verdict {
        let Self { registry, scope, name, timeout, examination, .. } = self;
        let (verdict, started) = match registry.checkups().permit() {
            _ if timeout.is_zero() => (Verdict::TimedOut { after: timeout }, None),
            Err(limit) => (Verdict::Refused { limit }, None),
            Ok(permit) => {
                let mut run = Run::start(&examination, registry.clone(), &scope, &name, timeout, Some(permit));
                (run.verdict().await, run.measured)
            }
        };
        registry.record_verdict(&scope, &name, &verdict, started);
        verdict
    }
}

/// Awaiting it runs the check.
///
/// Dropping the future aborts the check. It panics outside of a tokio runtime with time enabled.
impl<T: Send + Sync + 'static> IntoFuture for Checkup<T> {
    type Output = Verdict;
    type IntoFuture = Pin<Box<dyn Future<Output = Verdict> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Checkup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkup")
            .field("namespace", &self.scope.name())
            .field("service", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
