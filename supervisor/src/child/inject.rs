//! Panics that a test has asked for.
//!
//! Costs a byte in what is there anyway and, when an incarnation begins or is cut off, a look at it. A task that waits is not
//! watched for this: it is aborted, and what drops it panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use registry::Panic;
use tokio::task::AbortHandle;

use super::core::Core;

/// What an injected panic says.
pub(crate) const INJECTED: &str = "injected by chaos";

/// What a test has asked for.
#[derive(Default)]
pub(super) struct Injected(AtomicU8);

/// The present incarnation, which is aborted for it.
const NOW: u8 = 1;
/// The next one that begins to run.
const INIT: u8 = 2;

impl Injected {
    /// A new incarnation is not the one that was meant.
    pub(super) fn begin(&self) {
        self.take(NOW);
    }

    fn take(&self, what: u8) -> bool {
        self.0.load(Acquire) & what != 0 && self.0.fetch_and(!what, AcqRel) & what != 0
    }

    fn ask(&self, what: u8) {
        self.0.fetch_or(what, AcqRel);
    }
}

impl Core {
    /// Has the incarnation panic where it waits, or when it next does. `false` when there is none that can be aborted.
    pub(crate) fn inject_panic(&self) -> bool {
        let crash = self.crash_handle(|| self.story.injected.ask(NOW));
        crash.as_ref().map(AbortHandle::abort).is_some()
    }

    /// Has the next incarnation panic when it begins.
    pub(crate) fn inject_init_panic(&self) {
        self.story.injected.ask(INIT);
    }

    /// An incarnation begins: the first that runs of its own code, once it is caught.
    pub(crate) fn panic_if_rigged(&self) {
        if self.story.injected.take(INIT) {
            panic!("{INJECTED}");
        }
    }

    /// The incarnation is cut off: panics if that was asked for, in place of its future, which is dropped by the unwinding.
    pub(super) fn panic_if_injected(&self, future: impl Sized) {
        if !self.is_being_aborted() && self.story.injected.take(NOW) {
            self.panic_here(future);
        }
    }

    #[cold]
    fn panic_here(&self, future: impl Sized) {
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
            let _future = future;
            panic!("{INJECTED}");
        }));
        self.leave(Panic::caught(payload));
    }
}
