//! Taking children down: asked, then aborted, then counted out; all of them at the same time.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use registry::ExitReason;
use tokio::time::Instant;

use super::engine::{BATCH, Engine};
use super::state::{At, Door};
use crate::child::{Intent, Meltdown};
use crate::metrics;
use crate::rules::{Shutdown, Stage, Step};

impl Engine {
    /// Stops, unless it is already at it; by then, if there is a limit.
    pub(super) fn stop_by(&mut self, limit: Option<Instant>) {
        if let Some(limit) = limit {
            self.bring_forward(limit);
        }
        if self.ending.is_none() {
            self.stop(ExitReason::Shutdown);
        }
    }

    /// Those that are being stopped have to be gone by then.
    fn bring_forward(&mut self, limit: Instant) {
        let places = self.shared.state().places();
        for index in 0..places {
            let mut state = self.shared.state();
            let Some((at, entry)) = state.at_mut(index) else { continue };
            let Some(stage) = entry.stage else { continue };
            if entry.spec.starter.kind().is_supervisor() {
                let starter = Arc::clone(&entry.spec.starter);
                drop(state);
                starter.seat().limit(limit);
                starter.core().ask(false);
            } else if let Some(stage) = stage.bring_forward(limit) {
                entry.stage = Some(stage);
                self.deadlines.push(Reverse((limit, at.index, at.generation)));
            }
        }
    }

    pub(super) fn stop(&mut self, ending: ExitReason) {
        self.shared.state().door = Door::Stopping;
        self.ending = Some(ending);
    }

    /// Asks the next children to stop. They stop at the same time; this only lets the loop breathe.
    pub(super) fn ask_batch(&mut self) {
        let end = self.asked.saturating_add(BATCH).min(self.shared.state().places());
        for index in self.asked..end {
            let at = self.shared.state().at(index).map(|(at, _)| at);
            if let Some(at) = at {
                self.take_down(at);
            }
        }
        self.asked = end;
    }

    pub(super) fn take_down(&mut self, at: At) {
        let now = Instant::now();
        let limit = self.order.flatten();
        let grace = self.shared.limits.grace;
        let (starter, abort, stage, step) = {
            let mut state = self.shared.state();
            let Some(entry) = state.get(at) else { return };
            entry.overdue = false;
            if entry.stage.is_some() {
                return;
            }
            if entry.waiting {
                // It is down already, and now for good.
                drop(state);
                return self.remove(at);
            }
            let limit_here = limit.filter(|_| !entry.spec.starter.kind().is_supervisor());
            let (stage, step) = Stage::begin(entry.spec.shutdown, limit_here, grace, now);
            entry.stage = Some(stage);
            let abort = if step == Step::Ask { None } else { entry.abort.clone() };
            (Arc::clone(&entry.spec.starter), abort, stage, step)
        };
        self.deadlines.extend(stage.deadline().map(|until| Reverse((until, at.index, at.generation))));
        match (step, abort) {
            (Step::Ask, _) | (_, None) => {
                if let Some(limit) = limit {
                    starter.seat().limit(limit);
                }
                starter.core().ask(false);
            }
            (Step::Abort | Step::Abandon, Some(abort)) => {
                starter.core().expect_return(false);
                starter.core().intend(Intent::Kill);
                abort.abort();
            }
        }
    }

    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((until, index, generation))) = self.deadlines.peek() {
            if until > now {
                break;
            }
            self.deadlines.pop();
            self.due(At { index, generation }, now);
        }
    }

    /// Ends an init that takes too long.
    pub(super) fn cut_short(&mut self, at: At) {
        let (grace, now) = (self.shared.limits.grace, Instant::now());
        let (starter, abort, stage, step, returns) = {
            let mut state = self.shared.state();
            let Some(entry) = state.get(at).filter(|entry| entry.stage.is_none()) else { return };
            let kind = entry.spec.starter.kind();
            let shutdown = if kind.is_supervisor() { entry.spec.shutdown } else { Shutdown::BrutalKill };
            let (stage, step) = Stage::begin(shutdown, None, grace, now);
            entry.stage = Some(stage);
            // The first init has a caller, who is told instead.
            entry.overdue = entry.restarting;
            (Arc::clone(&entry.spec.starter), entry.abort.clone(), stage, step, entry.overdue)
        };
        self.deadlines.extend(stage.deadline().map(|until| Reverse((until, at.index, at.generation))));
        let core = starter.core();
        tracing::warn!(child = %core.id(), incarnation = core.incarnation(), "its init takes too long");
        core.expect_return(returns);
        core.intend(Intent::Overdue);
        match (step, abort) {
            (Step::Abort | Step::Abandon, Some(abort)) => abort.abort(),
            _ => {
                if let Some(limit) = self.shared.limit.until() {
                    starter.seat().limit(limit);
                }
                core.ask(returns);
            }
        }
    }

    fn due(&mut self, at: At, now: Instant) {
        let grace = self.shared.limits.grace;
        let (starter, abort, stage, step, overdue) = {
            let mut state = self.shared.state();
            let Some(entry) = state.get(at) else { return };
            match entry.due() {
                Some(due) if entry.waiting && due <= now => {
                    entry.retries.iter_mut().for_each(|retries| retries.clear());
                    drop(state);
                    return self.restart_in_turn(at);
                }
                None if entry.restarting && !entry.waiting && entry.stage.is_none() => {
                    drop(state);
                    return self.cut_short(at);
                }
                _ => {}
            }
            let Some((stage, step)) = entry.stage.and_then(|stage| stage.next(grace, now)) else { return };
            entry.stage = Some(stage);
            let overdue = entry.overdue;
            (Arc::clone(&entry.spec.starter), entry.abort.clone(), stage, step, overdue)
        };
        let core = starter.core();
        if step == Step::Abandon {
            tracing::error!(child = %core.id(), "did not end when aborted, and is left behind");
            core.abandon(&*starter.seat());
            self.shared.abandoned.store(true, Relaxed);
            metrics::exit(&ExitReason::Abandoned);
            let child = core.id().clone();
            drop(starter);
            self.leave_gate(at);
            self.remove(at);
            if overdue {
                // What cannot be killed cannot be replaced: the parent has to deal with it.
                self.give_up(Meltdown { child, cause: ExitReason::Abandoned });
            }
            return;
        }
        self.deadlines.extend(stage.deadline().map(|until| Reverse((until, at.index, at.generation))));
        if !overdue {
            tracing::warn!(child = %core.id(), incarnation = core.incarnation(), "did not stop in its time");
        }
        core.intend(if overdue { Intent::Overdue } else { Intent::TimedOut });
        if let Some(abort) = abort {
            abort.abort();
        }
    }
}
