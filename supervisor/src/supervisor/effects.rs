//! Carrying out what was decided.

use std::sync::Arc;

use registry::{ExitReason, ProcessRef};

use super::engine::{Child, Engine};
use crate::child::{Birth, Happening, Intent, Note, Phase, Seat, Spec, discard};
use crate::error::StartFailure;
use crate::metrics;
use crate::rules::{Action, Key};

impl Engine<'_> {
    /// Carries out all actions that the machine has decided on.
    pub(super) fn carry_out(&mut self) {
        // One of them may make the machine decide on others.
        loop {
            let actions = self.machine.take_actions();
            if actions.is_empty() {
                return;
            }
            actions.into_iter().for_each(|action| self.carry_out_one(action));
        }
    }

    fn carry_out_one(&mut self, action: Action) {
        match action {
            Action::Start { key, generation } => self.start(key, generation),
            Action::Ask { key, returns } => {
                if let Some(child) = self.children.get(&key) {
                    self.limit(&child.spec);
                    child.spec.starter.core().ask(returns);
                }
            }
            Action::Abort { key, timed_out, returns } => {
                if timed_out && let Some(child) = self.children.get(&key) {
                    let core = child.spec.starter.core();
                    tracing::warn!(child = %core.id(), incarnation = core.incarnation(), "did not stop in its time");
                }
                let intent = if timed_out { Intent::TimedOut } else { Intent::Kill };
                self.abort(key, intent, returns);
            }
            Action::Abandon { key } => self.abandon(key),
            Action::Overdue { key, ask, returns } => self.cut_short(key, ask, returns),
            Action::Restarting { key, cause } => self.note_restart(key, &cause),
            Action::Rested { key } => self.rest(key),
            Action::Removed { key } => self.remove(key),
            Action::Booted => self.boot(),
            Action::Finished(ending) => self.finished = Some(ending),
        }
    }

    fn start(&mut self, key: Key, generation: u32) {
        let Some(child) = self.children.get_mut(&key) else { return };
        self.failures.remove(&key);
        if let Some(next) = child.next.take() {
            next.take_effect();
            discard(std::mem::replace(&mut child.spec, *next));
        }
        let birth = Birth { notes: Some(self.sender.clone()), key: key.0, generation, direct: None };
        let starter = Arc::clone(&child.spec.starter);
        // Left behind by the last incarnation of this supervisor: two of its own never overlap.
        let started =
            if starter.core().is_left_behind() { Err(StartFailure::LeftBehind) } else { starter.start(birth) };
        match started {
            Ok(abort) => {
                child.abort = abort;
                let core = child.spec.starter.core();
                tracing::debug!(child = %core.id(), incarnation = core.incarnation(), "starting");
            }
            // Through the queue, so that a budget without a limit cannot keep the loop from anything else.
            Err(failure) => {
                child.spec.starter.core().refused(&failure);
                let happening = Happening::Refused(Box::new(failure));
                drop(self.sender.send(Note { key: key.0, generation, happening }));
            }
        }
    }

    pub(super) fn abort(&mut self, key: Key, intent: Intent, returns: bool) {
        let Some(child) = self.children.get(&key) else { return };
        let core = child.spec.starter.core();
        core.expect_return(returns);
        // Before the abort: the reason must not be read without it.
        core.intend(intent);
        core.abort_or_ask(child.abort.as_ref(), returns);
    }

    /// Ends a start that takes too long.
    fn cut_short(&mut self, key: Key, ask: bool, returns: bool) {
        let Some(child) = self.children.get(&key) else { return };
        let core = child.spec.starter.core();
        if let Some(limit) = child.spec.start_timeout
            && self.is_awaited(key)
        {
            self.failures.entry(key).or_insert(StartFailure::Timeout { limit });
        }
        tracing::warn!(child = %core.id(), incarnation = core.incarnation(), "its init takes too long");
        if ask {
            core.intend(Intent::Overdue);
            self.limit(&child.spec);
            core.ask(returns);
        } else {
            self.abort(key, Intent::Overdue, returns);
        }
    }

    /// Tells a child that is about to be asked to stop when that has to be over.
    fn limit(&self, spec: &Spec) {
        if let Some(limit) = self.machine.limit() {
            spec.starter.seat().limit(limit);
        }
    }

    fn abandon(&mut self, key: Key) {
        let Some(child) = self.children.get(&key) else { return };
        let core = child.spec.starter.core();
        tracing::error!(
            child = %core.id(),
            incarnation = core.incarnation(),
            "did not end when aborted, and is left behind"
        );
        core.abandon(&*child.spec.starter.seat());
        self.shared.set_abandoned();
        metrics::exit(&ExitReason::Abandoned);
    }

    fn rest(&mut self, key: Key) {
        if let Some(child) = self.children.get(&key) {
            child.spec.starter.core().settle(Phase::Down);
            child.spec.starter.rested();
            self.retire(child);
        }
    }

    /// A child is down. Unless the supervisor is ending, and may be started again with all of its children, that is for good.
    fn retire(&self, child: &Child) {
        if !self.machine.is_stopping() {
            child.spec.starter.retire();
            child.next.iter().for_each(|next| next.starter.retire());
        }
    }

    fn remove(&mut self, key: Key) {
        let Some(child) = self.children.remove(&key) else { return };
        self.shared.family().remove(key);
        self.ids.remove(child.spec.id());
        // A listed child has its spec kept for the next incarnation of the supervisor, but not its name.
        child.spec.starter.release();
        self.retire(&child);
        discard(child.next);
        discard(child.spec);
    }

    fn boot(&mut self) {
        if let Some(name) = &self.plan.name
            && let Err(failure) = name.publish(&self.process())
        {
            let reason = failure.as_exit();
            self.machine.stop(reason, None, tokio::time::Instant::now());
            return;
        }
        self.booted = true;
        self.guard.ready();
    }

    fn process(&self) -> ProcessRef {
        let seat: Arc<dyn Seat> = Arc::clone(&self.shared) as _;
        seat.process(self.shared.core().incarnation())
    }

    fn note_restart(&self, key: Key, cause: &ExitReason) {
        if let Some(child) = self.children.get(&key) {
            let core = child.spec.starter.core();
            let delay = self.machine.due(key).map(|due| due.duration_since(tokio::time::Instant::now()));
            tracing::warn!(child = %core.id(), incarnation = core.incarnation(), reason = %cause, ?delay, "restarting");
            core.restarting(cause);
        }
    }

    pub(super) fn note_exit(&mut self, key: Key, reason: &ExitReason) {
        let Some(child) = self.children.get(&key) else { return };
        let core = child.spec.starter.core();
        tracing::debug!(child = %core.id(), incarnation = core.incarnation(), reason = %reason, "ended");
        metrics::exit(reason);
        if child.spec.starter.has_abandoned() {
            self.shared.set_abandoned();
        }
        if self.is_awaited(key) {
            self.failures.entry(key).or_insert_with(|| StartFailure::Exited(reason.clone()));
        }
    }
}
