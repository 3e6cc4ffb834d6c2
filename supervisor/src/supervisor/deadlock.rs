//! Who would wait for itself: a caller whose own init has to be over before what it asks for can be done.

use std::sync::atomic::Ordering::Acquire;

use super::answer::Waiting;
use super::engine::Engine;
use crate::child::{Phase, Seat};
use crate::rules::Key;

impl Engine<'_> {
    /// Whether this is the task of a child that is a server.
    pub(super) fn is_task_of(&self, key: Key, task: u64) -> bool {
        self.children.get(&key).is_some_and(|child| is_task_of(&*child.spec.starter.seat(), task))
    }

    /// Whether a start that was asked for, or that would be now, waits for the init that this task is at.
    pub(super) fn awaits(&self, task: u64) -> bool {
        let mut inits = self.machine.inits_before_added(&[]);
        inits.extend(self.waiting.iter().map(Waiting::key));
        self.is_in_init(&inits, task)
    }

    /// Whether this task is at the init of one of these children, or at one that theirs waits for.
    pub(super) fn is_in_init(&self, keys: &[Key], task: u64) -> bool {
        let mut children = keys.iter().filter_map(|key| self.children.get(key));
        task != 0 && children.any(|child| is_in_init(&*child.spec.starter.seat(), task))
    }
}

/// 0 is no task.
fn is_task_of(seat: &dyn Seat, task: u64) -> bool {
    task != 0 && seat.core().task.load(Acquire) == task
}

/// A supervisor that is starting waits for the inits of its children, each of those that is one of theirs for those of its own.
fn is_in_init(seat: &dyn Seat, task: u64) -> bool {
    if seat.core().phase() != Phase::Starting {
        return false;
    }
    let mut found = is_task_of(seat, task);
    if let Some(branch) = seat.branch() {
        branch.visit(|child| {
            found = is_in_init(&*child, task);
            !found
        });
    }
    found
}
