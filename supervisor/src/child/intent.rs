//! How an incarnation is ended from outside: asked to stop, or aborted, and why.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release, SeqCst};
use std::task::Waker;

use registry::{ExitReason, Panic};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::core::Core;

/// Why the supervisor aborts an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Intent {
    None = 0,
    Kill = 1,
    TimedOut = 2,
    /// Its init takes too long.
    Overdue = 3,
    /// Not the supervisor: see [`Core::cut`].
    Cut = 4,
}

pub(super) const TIMED_OUT: u8 = Intent::TimedOut as u8;
pub(super) const OVERDUE: u8 = Intent::Overdue as u8;
pub(super) const NONE: u8 = Intent::None as u8;
pub(super) const CUT: u8 = Intent::Cut as u8;

impl Core {
    /// Asks the incarnation to stop; `returns` when another one will follow.
    pub(crate) fn ask(&self, returns: bool) {
        self.returns.store(returns, Release);
        self.asked.store(true, SeqCst);
        let (waker, token) = {
            let mut cold = self.cold.lock();
            (cold.waker.take(), cold.token.clone())
        };
        if let Some(token) = token {
            token.cancel();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(SeqCst)
    }

    /// Says why the incarnation is about to be aborted, before it is.
    pub(crate) fn intend(&self, intent: Intent) {
        self.intent.store(intent as u8, Release);
    }

    pub(crate) fn expect_return(&self, returns: bool) {
        self.returns.store(returns, Release);
    }

    /// Leaves a waker for [`ask`](Self::ask). The caller looks at [`is_asked`](Self::is_asked) afterwards.
    pub(crate) fn wake_when_asked(&self, waker: &Waker) {
        let waker = waker.clone();
        let previous = self.cold.lock().waker.replace(waker);
        drop(previous);
    }

    /// Cancelled when the incarnation is asked to stop, and when it has ended.
    pub(crate) fn token(&self) -> CancellationToken {
        let token = self.cold.lock().token.get_or_insert_with(CancellationToken::new).clone();
        if self.is_asked() {
            token.cancel();
        }
        token
    }

    /// How [`cut`](Self::cut) ends the incarnation.
    pub(crate) fn set_abort(&self, abort: &AbortHandle) {
        let cut = {
            let mut cold = self.cold.lock();
            if !self.has_ended(self.incarnation()) {
                cold.abort = Some(abort.clone());
            }
            self.intent.load(Acquire) == CUT
        };
        if cut {
            abort.abort();
        }
    }

    /// Ends this incarnation for this reason, unless it has ended or somebody else means to end it: it is aborted, or asked to
    /// stop where there is nothing to abort. It may be restarted.
    pub(crate) fn cut(&self, incarnation: u32, reason: ExitReason) {
        let (abort, returns) = {
            let mut cold = self.cold.lock();
            let returns = cold.restart.after(&reason);
            if self.incarnation() != incarnation || self.has_ended(incarnation) || self.is_asked() {
                return;
            }
            if self.intent.compare_exchange(Intent::None as u8, CUT, AcqRel, Acquire).is_err() {
                return;
            }
            cold.cut = Some(Box::new(reason));
            (cold.abort.clone(), returns)
        };
        self.abort_or_ask(abort.as_ref(), returns);
    }

    /// Aborts the incarnation, or asks it to stop where there is nothing to abort: a thread.
    pub(crate) fn abort_or_ask(&self, abort: Option<&AbortHandle>, returns: bool) {
        match abort {
            Some(abort) => abort.abort(),
            None => self.ask(returns),
        }
    }

    /// The supervisor has the incarnation aborted.
    pub(super) fn is_being_aborted(&self) -> bool {
        !matches!(self.intent.load(Acquire), NONE | CUT)
    }

    /// The incarnation was aborted for this panic, which was caught: its end is one.
    pub(super) fn leave(&self, panic: Panic) {
        let stale = self.cold.lock().cut.replace(Box::new(ExitReason::Panic(panic)));
        drop(stale);
        let _ = self.intent.compare_exchange(NONE, CUT, AcqRel, Acquire);
    }

    /// Whether somebody means to end the incarnation.
    pub(crate) fn is_being_stopped(&self) -> bool {
        self.is_asked() || self.is_being_aborted()
    }
}
