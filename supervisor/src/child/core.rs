//! The state of a child that its supervisor, its incarnations and its callers share.
//!
//! # Invariants
//!
//! 1. Only the supervisor calls `begin`, `ask` and `intend`, in the order of its loop; only the end of an incarnation calls
//!    `end`. The two never overlap, because the supervisor calls `begin` after it has heard of the end.
//! 2. `phase` is left for a dead one before anything else is told, so whoever has seen an exit finds no running child.
//! 3. No lock is held while wakers run, values drop, or user code is called.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::task::Waker;

use parking_lot::Mutex;
use registry::{ExitReason, Process};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::catch::discard;
use super::id::ChildId;
use super::intent::{CUT, Intent, OVERDUE, TIMED_OUT};
use super::orphan::Host;
use super::scope::Scope;
use super::seat::Seat;
use super::story::Story;
use crate::metrics;
use crate::rules::Restart;
use crate::tree::EventKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Never started, or stopped and not to be started by itself.
    Down = 0,
    Starting = 1,
    Running = 2,
    /// Down, and another incarnation follows.
    Restarting = 3,
    /// The spec is gone.
    Ended = 4,
}

impl Phase {
    #[inline]
    fn of(number: u8) -> Self {
        match number {
            1 => Self::Starting,
            2 => Self::Running,
            3 => Self::Restarting,
            4 => Self::Ended,
            _ => Self::Down,
        }
    }
}

pub(crate) struct Core {
    phase: AtomicU8,
    pub(super) intent: AtomicU8,
    pub(super) asked: AtomicBool,
    pub(super) returns: AtomicBool,
    gone: AtomicBool,
    /// It is down, and nothing starts it by itself.
    retired: AtomicBool,
    /// How many starters make its incarnations: more than one while a spec takes another's place.
    starters: AtomicU32,
    /// Callers that wait to hear why their reply was dropped.
    pub(crate) curious: AtomicU32,
    incarnation: AtomicU32,
    ended: AtomicU32,
    /// The last incarnation that has said that it is ready.
    ready: AtomicU32,
    /// Its init alone does not make it ready.
    awaits_ready: AtomicBool,
    /// Twice the number of handled messages; odd while one is handled.
    pub(crate) progress: AtomicU64,
    /// The task of the incarnation, to tell a call to oneself.
    pub(crate) task: AtomicU64,
    /// The place in a dynamic supervisor.
    pub(crate) place: AtomicU64,
    pub(crate) changed: Notify,
    id: ChildId,
    pub(super) story: Story,
    pub(super) cold: Mutex<Cold>,
}

/// What is touched when an incarnation begins and ends only.
#[derive(Default)]
pub(super) struct Cold {
    /// What its supervisor does when it ends.
    pub(super) restart: Restart,
    pub(super) waker: Option<Waker>,
    pub(super) token: Option<CancellationToken>,
    scope: Option<Arc<Scope>>,
    /// The incarnation's main task has ended: its scope takes no more tasks.
    scope_closed: bool,
    pub(super) process: Option<Process>,
    /// How to cut it off, and why it was.
    pub(super) abort: Option<AbortHandle>,
    pub(super) cut: Option<Box<ExitReason>>,
    /// What lasts as long as this incarnation does.
    pub(super) host: Option<Box<Host>>,
    last: Option<ExitReason>,
}

impl Core {
    pub(crate) fn new(id: ChildId, restart: Restart) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Down as u8),
            intent: AtomicU8::new(Intent::None as u8),
            asked: AtomicBool::new(false),
            returns: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            starters: AtomicU32::new(1),
            curious: AtomicU32::new(0),
            incarnation: AtomicU32::new(0),
            ended: AtomicU32::new(0),
            ready: AtomicU32::new(0),
            awaits_ready: AtomicBool::new(false),
            progress: AtomicU64::new(0),
            task: AtomicU64::new(0),
            place: AtomicU64::new(0),
            changed: Notify::new(),
            id,
            story: Story::new(),
            cold: Mutex::new(Cold { restart, ..Cold::default() }),
        }
    }

    pub(crate) fn id(&self) -> &ChildId {
        &self.id
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Acquire))
    }

    /// Which incarnation is alive, or was the last to be; 0 before the first.
    #[inline]
    pub(crate) fn incarnation(&self) -> u32 {
        self.incarnation.load(Acquire)
    }

    pub(crate) fn has_ended(&self, incarnation: u32) -> bool {
        self.ended.load(Acquire) >= incarnation
    }

    pub(crate) fn last_exit(&self) -> Option<ExitReason> {
        self.cold.lock().last.clone()
    }

    /// Prepares for another incarnation. The last one is known dead.
    pub(crate) fn begin(&self) {
        let stale = {
            let mut cold = self.cold.lock();
            cold.scope_closed = false;
            self.incarnation.fetch_add(1, AcqRel);
            (cold.token.take(), cold.waker.take(), cold.cut.take())
        };
        drop(stale);
        self.story.begin(self.phase() == Phase::Restarting);
        self.intent.store(Intent::None as u8, Relaxed);
        self.asked.store(false, Relaxed);
        self.returns.store(false, Relaxed);
        self.retired.store(false, SeqCst);
        self.enter(Phase::Starting);
    }

    /// The init of the incarnation has been acknowledged.
    pub(crate) fn ready(&self) {
        self.enter(Phase::Running);
        self.story.up();
        self.tell(EventKind::Started);
        self.changed.notify_waiters();
    }

    /// Whether its init alone does not make it ready, from its next incarnation on.
    pub(crate) fn await_ready(&self, awaits: bool) {
        self.awaits_ready.store(awaits, Relaxed);
    }

    /// What comes of its ends from now on.
    pub(crate) fn set_restart(&self, restart: Restart) {
        self.cold.lock().restart = restart;
    }

    /// Whether its init is done and it is not ready all the same.
    pub(crate) fn is_unready(&self) -> bool {
        self.awaits_ready.load(Relaxed) && !self.is_ready(self.incarnation())
    }

    /// This incarnation is ready.
    pub(crate) fn mark_ready(&self, incarnation: u32) {
        self.ready.fetch_max(incarnation, AcqRel);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_ready(&self, incarnation: u32) -> bool {
        self.ready.load(Acquire) >= incarnation
    }

    /// The scope of this incarnation, unless its main task has ended.
    pub(crate) fn scope(&self, incarnation: u32) -> Option<Arc<Scope>> {
        let mut cold = self.cold.lock();
        if cold.scope_closed || self.incarnation() != incarnation {
            return None;
        }
        Some(Arc::clone(cold.scope.get_or_insert_with(|| Arc::new(Scope::new(self.id.clone())))))
    }

    /// The scope, if it was ever used. There is no other for this incarnation.
    pub(crate) fn close_scope(&self) -> Option<Arc<Scope>> {
        let mut cold = self.cold.lock();
        cold.scope_closed = true;
        cold.scope.take()
    }

    /// The incarnation has given its last sign of life for this reason, or `None` if it was cut off. Returns the reason as it
    /// is recorded.
    pub(crate) fn end(&self, own: Option<ExitReason>, seat: &dyn Seat) -> ExitReason {
        let (cut, restart) = {
            let mut cold = self.cold.lock();
            (cold.cut.take(), cold.restart)
        };
        let reason = match (self.intent.load(Acquire), own) {
            (_, Some(panic @ ExitReason::Panic(_))) => panic,
            // It would not have been asked to stop otherwise.
            (CUT, None | Some(ExitReason::Shutdown)) => cut.map_or(ExitReason::Killed, |reason| *reason),
            // Whatever it says: it was asked to stop for nothing else.
            (OVERDUE, _) => ExitReason::Timeout,
            (_, Some(own)) => own,
            (TIMED_OUT, None) => ExitReason::Timeout,
            (_, None) => ExitReason::Killed,
        };
        let incarnation = self.incarnation();
        if self.has_ended(incarnation) {
            // Counted out as abandoned before.
            self.story.end_late();
            self.tell(EventKind::Exited(reason.clone()));
            seat.vacate();
            return reason;
        }
        let returns = self.returns.load(Acquire) || (!self.is_being_stopped() && restart.after(&reason));
        self.settle(if returns { Phase::Restarting } else { Phase::Down });
        self.conclude(incarnation, reason.clone(), EventKind::Exited(reason.clone()), || seat.vacate());
        reason
    }

    /// The incarnation does not even end when aborted, and is counted out.
    pub(crate) fn abandon(&self, seat: &dyn Seat) {
        // Should it come back to its loop before it comes back to the runtime: it has handled its last message.
        self.asked.store(true, SeqCst);
        self.settle(Phase::Down);
        self.conclude(self.incarnation(), ExitReason::Abandoned, EventKind::Abandoned, || seat.vacate());
    }

    /// Whether its last incarnation was abandoned, and has not ended after all.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.story.is_abandoned()
    }

    /// Another starter makes its incarnations. The caller has one of those there are.
    pub(crate) fn add_starter(&self) {
        self.starters.fetch_add(1, Relaxed);
    }

    /// A starter is gone. Says whether it was the last, and the spec with it.
    pub(crate) fn drop_starter(&self) -> bool {
        self.starters.fetch_sub(1, AcqRel) == 1
    }

    /// The spec is gone: there will be no other incarnation.
    pub(crate) fn close(&self) {
        self.gone.store(true, SeqCst);
        self.enter(Phase::Ended);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(SeqCst)
    }

    /// It is down while its supervisor goes on or is down for good, and nothing will start it by itself. A caller may, or a
    /// group restart.
    pub(crate) fn retire(&self) {
        self.retired.store(true, SeqCst);
        self.changed.notify_waiters();
    }

    /// Whether no incarnation is left, and none follows by itself.
    pub(crate) fn has_ended_for_good(&self) -> bool {
        (self.phase() == Phase::Ended || self.retired.load(SeqCst)) && self.has_ended(self.incarnation())
    }

    /// No restart follows after all, or one does.
    pub(crate) fn settle(&self, phase: Phase) {
        self.enter(phase);
        if self.is_gone() {
            self.enter(Phase::Ended);
        }
    }

    /// Each phase that is left is told once, by whoever leaves it.
    fn enter(&self, phase: Phase) {
        metrics::moved(Phase::of(self.phase.swap(phase as u8, SeqCst)), phase);
    }

    fn conclude(&self, incarnation: u32, reason: ExitReason, told: EventKind, vacate: impl FnOnce()) {
        self.task.store(0, Release);
        self.story.end(told == EventKind::Abandoned);
        let (token, process, host, abort) = {
            let mut cold = self.cold.lock();
            cold.last = Some(reason.clone());
            self.ended.store(incarnation, Release);
            (cold.token.take(), cold.process.take(), cold.host.take(), cold.abort.take())
        };
        // A handler that was cut short leaves it odd.
        self.progress.store((self.progress.load(Acquire) + 1) & !1, Release);
        self.tell(told);
        vacate();
        if let Some(token) = token {
            token.cancel();
        }
        if let Some(process) = process {
            process.end(reason);
        }
        self.changed.notify_waiters();
        drop(abort);
        discard(host);
    }
}
