//! What a check does with a handle.

use std::fmt::Display;
use std::marker::PhantomData;
use std::pin::Pin;

use super::verdict::Failure;
use crate::error::LookupError;
use crate::names::ProcessRegistry;
use crate::table::Scope;

/// Asks a service, by its handle, whether it works.
///
/// A closure from the handle to a future of a `Result` is one; a check that has parts of its own implements the trait.
///
/// It runs in a task of its own, outside of every lock, on a clone of the handle: it may panic, never return or use the
/// registry, and none of that changes the registry. A check must not block its thread: it cannot be aborted while it
/// does.
///
/// ```
/// use registry::{Failure, HealthCheck, ServiceRegistry, Verdict};
/// use tokio::sync::mpsc::{Sender, channel};
///
/// struct Roomy { at_least: usize }
///
/// impl HealthCheck<Sender<u32>> for Roomy {
///     async fn check(&self, queue: Sender<u32>) -> Result<(), Failure> {
///         match queue.capacity() {
///             room if room >= self.at_least => Ok(()),
///             room => Err(Failure::new(format_args!("room for {room} only"))),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
/// let production = ServiceRegistry::new().namespace("production")?;
/// let (sender, _receiver) = channel::<u32>(1);
/// let _registration = production.register("queue", sender)?;
/// let verdict = production.health_check::<Sender<u32>>("queue").check(Roomy { at_least: 2 }).await;
/// assert_eq!(verdict.to_string(), "failed: room for 1 only");
/// # Ok(()) }
/// ```
pub trait HealthCheck<T>: Send + Sync + 'static {
    /// Whether the service behind this handle works.
    ///
    /// # Errors
    ///
    /// A [`Failure`] with the reason if it does not.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the time is up, or nobody wants the verdict any more.
    fn check(&self, handle: T) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<T, F, C, E> HealthCheck<T> for C
where
    C: Fn(T) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send,
    T: Send,
    E: Display,
{
    async fn check(&self, handle: T) -> Result<(), Failure> {
        self(handle).await.map_err(Failure::new)
    }
}

type Checking<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A check together with the lookup before it, its handle's type erased.
pub(super) trait Examination: Send + Sync {
    /// Looks the handle up and begins the check. The registry is not held while the check goes on.
    fn begin(&self, registry: &ProcessRegistry, scope: &Scope, name: &str) -> Result<Checking<'_>, LookupError>;
}

/// Registered with this type, and ready.
pub(super) struct IsReady<T>(PhantomData<fn() -> T>);

impl<T> IsReady<T> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Send + Sync + 'static> Examination for IsReady<T> {
    fn begin(&self, registry: &ProcessRegistry, scope: &Scope, name: &str) -> Result<Checking<'_>, LookupError> {
        registry.with(scope, name, |_: &T| ())?;
        Ok(Box::pin(std::future::ready(Ok(()))))
    }
}

/// Ready, and a check of the user.
pub(super) struct Passes<T, C>(C, PhantomData<fn() -> T>);

impl<T, C> Passes<T, C> {
    pub(super) fn new(check: C) -> Self {
        Self(check, PhantomData)
    }
}

impl<T: Clone + Send + Sync + 'static, C: HealthCheck<T>> Examination for Passes<T, C> {
    fn begin(&self, registry: &ProcessRegistry, scope: &Scope, name: &str) -> Result<Checking<'_>, LookupError> {
        let handle = registry.lookup::<T>(scope, name)?;
        Ok(Box::pin(self.0.check(handle)))
    }
}
