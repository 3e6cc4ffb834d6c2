//! The loop of one dynamic supervisor: hears of children that end, restarts them, stops those that are unwanted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use registry::ExitReason;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::start::tell;
use super::state::{At, Door, Shared};
use crate::child::{Birth, Happening, Meltdown, Note, discard};
use crate::metrics;
use crate::rules::{Gate, Window};
use crate::tree::EventKind;

/// How many children are asked to stop before they are let run: as many as one of tokio's run queues holds. What they touch
/// when they are asked, end and are taken out is then still in the caches.
pub(super) const BATCH: u32 = 256;

pub(super) struct Engine {
    pub(super) shared: Arc<Shared>,
    notes: mpsc::UnboundedReceiver<Note>,
    window: Window,
    gate: Gate<At>,
    pub(super) deadlines: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    pub(super) ending: Option<ExitReason>,
    /// It has been asked to stop, by then.
    pub(super) order: Option<Option<Instant>>,
    /// Up to where children have been asked to stop.
    pub(super) asked: u32,
}

impl Engine {
    /// Takes children from now on.
    pub(super) fn open(shared: Arc<Shared>) -> Self {
        let (sender, notes) = mpsc::unbounded_channel();
        {
            let mut state = shared.state();
            state.door = Door::Open;
            state.notes = Some(sender);
            state.meltdown = None;
        }
        let window = Window::new(shared.limits.budget);
        let gate = Gate::new(shared.limits.max_concurrent_inits);
        Self { shared, notes, window, gate, deadlines: BinaryHeap::new(), ending: None, order: None, asked: 0 }
    }

    pub(super) async fn run(mut self) -> ExitReason {
        loop {
            if let Some(ending) = &self.ending
                && self.shared.state().len() == 0
            {
                return ending.clone();
            }
            let deadline = self.deadlines.peek().map(|Reverse((at, ..))| *at);
            let stopping = self.ending.is_some();
            let unasked = stopping && self.asked < self.shared.state().places();
            tokio::select! {
                Some(note) = self.notes.recv() => self.hear_batch(note),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => self.tick(),
                limit = self.shared.limit.asked(&self.shared.core, self.order) => {
                    self.order = Some(limit);
                    self.stop_by(limit);
                }
                () = yield_now(), if unasked => self.ask_batch(),
            }
        }
    }

    /// This note, and those that have come meanwhile: looking at everything else is left for in between.
    fn hear_batch(&mut self, first: Note) {
        self.hear(first);
        for _ in 1..BATCH {
            let Ok(note) = self.notes.try_recv() else { break };
            self.hear(note);
        }
    }

    fn hear(&mut self, note: Note) {
        let Ok(index) = u32::try_from(note.key) else { return };
        let at = At { index, generation: note.generation };
        if matches!(note.happening, Happening::Ready) && self.watch(at) {
            return;
        }
        if !matches!(note.happening, Happening::Changed | Happening::Unwanted | Happening::Overdue) {
            self.leave_gate(at);
        }
        match note.happening {
            Happening::Ready | Happening::Healthy => {
                if let Some(entry) = self.shared.state().get(at) {
                    entry.restarting = false;
                    entry.retries.iter_mut().for_each(|retries| retries.up(Instant::now()));
                }
            }
            Happening::Changed => {}
            Happening::Unwanted => self.take_down(at),
            Happening::Overdue => self.cut_short(at),
            Happening::Ignored => self.remove(at),
            Happening::Exited(reason) => self.ended(at, reason),
            Happening::Refused(failure) => self.ended(at, failure.as_exit()),
        }
    }

    /// Waits for a child that was restarted to become ready, if its spec says so.
    fn watch(&self, at: At) -> bool {
        let mut state = self.shared.state();
        let notes = state.notes.clone();
        let spec = state.get(at).map(|entry| &entry.spec);
        let Some((readiness, seat)) = spec.and_then(|spec| Some((spec.readiness.clone()?, spec.starter.seat()))) else {
            return false;
        };
        drop(state);
        if let Some(notes) = notes {
            readiness.watch(seat, notes, u64::from(at.index), at.generation);
        }
        true
    }

    fn ended(&mut self, at: At, reason: ExitReason) {
        let (starter, again) = {
            let mut state = self.shared.state();
            let Some(entry) = state.get(at) else { return };
            // Its starter is still waiting for it, and is told instead.
            let unready = entry.fresh && entry.spec.readiness.is_some();
            if entry.fresh {
                // Its starter has heard of the init, and has yet to come by.
                entry.fresh = false;
            }
            entry.retries.iter_mut().for_each(|retries| retries.down(Instant::now()));
            let kept = entry.stage.is_none() || entry.overdue;
            let again = kept && !unready && self.ending.is_none() && entry.spec.restart.after(&reason);
            (Arc::clone(&entry.spec.starter), again)
        };
        metrics::exit(&reason);
        if starter.has_abandoned() {
            self.shared.abandoned.store(true, Relaxed);
        }
        let core = starter.core();
        tracing::debug!(child = %core.id(), incarnation = core.incarnation(), %reason, "ended");
        if !again {
            drop(starter);
            return self.remove(at);
        }
        let now = Instant::now();
        let Some(due) = self.due_after(at, now) else {
            let child = core.id().clone();
            drop(starter);
            self.remove(at);
            return self.give_up(Meltdown { child, cause: reason });
        };
        let delay = due.duration_since(now);
        tracing::warn!(child = %core.id(), incarnation = core.incarnation(), %reason, ?delay, "restarting");
        core.restarting(&reason);
        if due > now {
            self.deadlines.push(Reverse((due, at.index, at.generation)));
        } else {
            drop(starter);
            self.restart_in_turn(at);
        }
    }

    /// Restarts a child as soon as there is room for its init.
    pub(super) fn restart_in_turn(&mut self, at: At) {
        self.gate.line_up(at);
        self.let_in();
    }

    /// The init of this incarnation is over, one way or the other.
    pub(super) fn leave_gate(&mut self, at: At) {
        if self.gate.leave(at) {
            self.let_in();
        }
    }

    fn let_in(&mut self) {
        while let Some(at) = self.gate.next() {
            if self.ending.is_none()
                && let Some(at) = self.restart(at)
            {
                self.gate.enter(at);
            }
        }
    }

    /// When a child that has ended is started again: charges the budget. `None` when it was restarted too often.
    fn due_after(&mut self, at: At, now: Instant) -> Option<Instant> {
        if !self.window.charge(now) {
            return None;
        }
        let mut state = self.shared.state();
        let Some(entry) = state.get(at) else { return Some(now) };
        (entry.restarting, entry.waiting, entry.overdue) = (true, true, false);
        entry.stage = None;
        entry.retries.as_mut().map_or(Some(now), |retries| retries.restart(now))
    }

    pub(super) fn give_up(&mut self, meltdown: Meltdown) {
        tracing::error!(
            supervisor = %self.shared.core.id(),
            child = %meltdown.child,
            reason = %meltdown.cause,
            "too many restarts: the supervisor gives up"
        );
        metrics::meltdown();
        self.shared.core.tell(EventKind::Meltdown(meltdown.clone()));
        let ending = ExitReason::from(&meltdown);
        self.shared.state().meltdown = Some(meltdown);
        self.stop(ending);
    }

    /// Starts another incarnation, and says which; of a child that has been terminated meanwhile, none.
    fn restart(&mut self, at: At) -> Option<At> {
        let (starter, limit, at, notes) = {
            let mut state = self.shared.state();
            let entry = state.get(at).filter(|entry| entry.waiting)?;
            entry.waiting = false;
            entry.abort = None;
            entry.retries.iter_mut().for_each(|retries| retries.clear());
            let (starter, limit) = (Arc::clone(&entry.spec.starter), entry.spec.start_timeout);
            (starter, limit, state.renew(at)?, state.notes.clone())
        };
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.deadlines.extend(until.map(|until| Reverse((until, at.index, at.generation))));
        let birth = Birth { notes: notes.clone(), key: u64::from(at.index), generation: at.generation, direct: None };
        match Arc::clone(&starter).start(birth) {
            Ok(abort) => {
                if let Some(entry) = self.shared.state().get(at) {
                    entry.abort = abort;
                }
            }
            Err(failure) => {
                starter.core().refused(&failure);
                tell(notes.as_ref(), at, Happening::Refused(Box::new(failure)));
            }
        }
        Some(at)
    }

    /// A child has ended for good.
    pub(super) fn remove(&self, at: At) {
        let entry = self.shared.state().remove(at);
        discard(entry);
    }
}

/// Ended, aborted or panicked: no child outlives it, and its own end is told when theirs have come.
impl Drop for Engine {
    fn drop(&mut self) {
        let entries = self.shared.state().close();
        if entries.is_empty() {
            return;
        }
        let own = &self.shared.core;
        let scope = own.scope(own.incarnation());
        for entry in entries {
            entry.spec.orphan(entry.abort.as_ref(), scope.clone());
        }
    }
}
