//! Children that are functions on a thread of their own.

use std::fmt;
use std::sync::Arc;

use registry::{IntoExitReason, ProcessRef, catch_panic};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::catch::at_once;
use super::id::ChildId;
use super::kind::ChildKind;
use super::life::Guard;
use super::plain::{Plain, Run};
use super::seat::Seat;

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

/// What a thread runs.
pub(super) struct BlockingRun<F>(Arc<F>);

impl<F> BlockingRun<F> {
    pub(super) fn new(run: F) -> Self {
        Self(Arc::new(run))
    }
}

impl<F, T> Run for BlockingRun<F>
where
    F: Fn(BlockingContext) -> T + Send + Sync + 'static,
    T: IntoExitReason,
{
    const KIND: ChildKind = ChildKind::Blocking;

    fn run(&self, seat: &Arc<Plain>, guard: Guard) -> Option<AbortHandle> {
        let (core, runtime) = (seat.core(), Handle::current());
        let context = BlockingContext {
            seat: Arc::clone(seat),
            incarnation: core.incarnation(),
            token: core.token(),
            runtime: runtime.clone(),
        };
        let run = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name(core.id().to_string());
        let span = core.span();
        let started = thread.spawn(move || {
            let _entered = (runtime.enter(), span.entered());
            let outcome = at_once(catch_panic(async {
                guard.core().panic_if_rigged();
                run(context).into_exit_reason()
            }));
            drop(run);
            guard.conclude(outcome);
        });
        // The closure was dropped with its guard when there is no thread, which has reported the end.
        if let Err(error) = started {
            tracing::error!(child = %core.id(), %error, "no thread for a blocking child");
        }
        None
    }
}
