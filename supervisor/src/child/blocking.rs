//! Children that are functions on a thread of their own.

use std::fmt;
use std::sync::Arc;

use registry::{IntoExitReason, ProcessRef, catch_panic};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::body::{Body, Settings, Starter};
use super::catch::at_once;
use super::core::{Core, Seat};
use super::exit::Outcome;
use super::id::ChildId;
use super::life::{Birth, Guard};
use super::name::Published;
use super::reference::ChildRef;
use super::spec::ChildKind;
use super::task::Plain;
use crate::error::StartFailure;

/// What a blocking child is given: a flag to look at, and the runtime that it was started from.
///
/// The thread has entered that runtime, so `tokio::spawn` and the like work.
pub struct BlockingContext {
    seat: Arc<Plain>,
    incarnation: u32,
    token: CancellationToken,
    runtime: Handle,
}

impl BlockingContext {
    /// Whether the child has been asked to stop. Look at it often: there is no other way to stop a thread.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Blocks until the child is asked to stop.
    pub fn wait_until_stopping(&self) {
        self.runtime.block_on(self.token.cancelled());
    }

    /// Cancelled when the child is asked to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Says that it is ready: for a child that is to [say so](crate::ChildSpec::ready_on_signal). For others it means nothing, and
    /// so does saying it again.
    pub fn ready(&self) {
        self.seat.core().mark_ready(self.incarnation);
    }

    /// The process of this incarnation.
    pub fn process(&self) -> ProcessRef {
        (Arc::clone(&self.seat) as Arc<dyn Seat>).process(self.incarnation)
    }

    /// The child's id.
    pub fn id(&self) -> &ChildId {
        self.seat.core().id()
    }

    /// Which incarnation this is, counted from 1.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }
}

impl fmt::Debug for BlockingContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingContext")
            .field("id", self.id())
            .field("incarnation", &self.incarnation())
            .field("stopping", &self.is_stopping())
            .finish()
    }
}

pub(super) struct BlockingBody<F> {
    run: F,
    seat: Option<Arc<Plain>>,
}

impl<F> BlockingBody<F> {
    pub(super) fn new(run: F) -> Self {
        Self { run, seat: None }
    }
}

impl<F, T> Body<ChildRef> for BlockingBody<F>
where
    F: Fn(BlockingContext) -> T + Send + Sync + 'static,
    T: IntoExitReason,
{
    fn handle(&mut self, settings: &Settings) -> ChildRef {
        let seat = self.seat.get_or_insert_with(|| Plain::new(settings));
        ChildRef::new(Arc::clone(seat) as _)
    }

    fn assemble(self: Box<Self>, settings: &Settings, name: Option<Box<dyn Published>>) -> Arc<dyn Starter> {
        let seat = self.seat.unwrap_or_else(|| Plain::new(settings));
        Arc::new(BlockingStarter { run: Arc::new(self.run), seat, name })
    }
}

struct BlockingStarter<F> {
    run: Arc<F>,
    seat: Arc<Plain>,
    name: Option<Box<dyn Published>>,
}

impl<F, T> Starter for BlockingStarter<F>
where
    F: Fn(BlockingContext) -> T + Send + Sync + 'static,
    T: IntoExitReason,
{
    fn seat(&self) -> Arc<dyn Seat> {
        Arc::clone(&self.seat) as _
    }

    fn core(&self) -> &Core {
        self.seat.core()
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Blocking
    }

    fn start(self: Arc<Self>, birth: Birth) -> Result<Option<AbortHandle>, StartFailure> {
        let core = self.seat.core();
        if let Some(name) = &self.name {
            name.reserve()?;
        }
        core.begin();
        let mut guard = Guard::new(self.seat(), birth);
        if let Some(name) = &self.name
            && let Err(failure) = name.publish(&self.seat().process(core.incarnation()))
        {
            guard.finish(Outcome::Refused(Box::new(failure)));
            return Ok(None);
        }
        let runtime = Handle::current();
        let context = BlockingContext {
            seat: Arc::clone(&self.seat),
            incarnation: core.incarnation(),
            token: core.token(),
            runtime: runtime.clone(),
        };
        let run = Arc::clone(&self.run);
        guard.ready();
        let thread = std::thread::Builder::new().name(core.id().to_string());
        let span = core.span();
        let started = thread.spawn(move || {
            let _entered = (runtime.enter(), span.entered());
            let outcome = at_once(catch_panic(async { run(context).into_exit_reason() }));
            drop(run);
            guard.conclude(outcome);
        });
        // The closure was dropped with its guard when there is no thread, which has reported the end.
        if let Err(error) = started {
            tracing::error!(child = %core.id(), %error, "no thread for a blocking child");
        }
        Ok(None)
    }

    fn release(&self) {
        if let Some(name) = &self.name {
            name.release();
        }
    }
}

impl<F> Drop for BlockingStarter<F> {
    fn drop(&mut self) {
        // Whoever sees that it is gone finds its name free.
        if let Some(name) = &self.name {
            name.release();
        }
        self.seat.core().close();
    }
}
