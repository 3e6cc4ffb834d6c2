//! Changing the number of partitions, one resize at a time.
//!
//! What the next incarnation starts with (the roster) and what keys are routed to (the routes) change after the new partitions
//! are up and before the old ones stop, so that no key is ever routed to what is not there, and a restart at any moment starts
//! all that is routed to.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use super::reference::Shared;
use super::routes::Routes;
use crate::child::Spec;
use crate::error::{DeleteChildError, MAX_PARTITIONS, ResizeError, StartChildError};
use crate::server::current_task;

pub(super) async fn resize<H: Clone + Send + Sync + 'static>(
    shared: &Arc<Shared<H>>,
    partitions: usize,
) -> Result<(), ResizeError> {
    if !(1..=MAX_PARTITIONS).contains(&partitions) {
        return Err(ResizeError::Partitions(partitions));
    }
    let caller = current_task();
    let mut turn = pin!(Arc::clone(&shared.turn).lock_owned());
    let turn = tokio::select! {
        biased;
        turn = &mut turn => turn,
        // Whoever has it may wait for the init that this is called from.
        awaited = shared.supervisor.awaits(caller) => match awaited {
            true => return Err(ResizeError::WouldDeadlock),
            false => turn.await,
        },
    };
    if !shared.supervisor.is_running() {
        return Err(ResizeError::NotRunning);
    }
    if shared.is_surplus(partitions, caller) {
        return Err(ResizeError::WouldDeadlock);
    }
    let present = shared.routes.load().handles.len();
    // The factory is the user's, and runs here: a panic is its caller's, and nothing has begun.
    let added: Vec<(Spec, H)> = (present..partitions).map(|index| shared.assemble(index)).collect();
    let shared = Arc::clone(shared);
    // In a task of its own: it ends in one of its two sizes, whoever waits for it.
    let resizing = tokio::spawn(async move {
        let _turn = turn;
        if added.is_empty() { shared.shrink(partitions).await } else { shared.grow(added, caller).await }
    });
    match resizing.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(ResizeError::NotRunning),
        },
    }
}

impl<H: Clone + Send + Sync + 'static> Shared<H> {
    /// Whether this task is that of a partition that would be stopped.
    fn is_surplus(&self, partitions: usize, task: u64) -> bool {
        let specs = self.roster.upgrade().map(|roster| roster.specs()).unwrap_or_default();
        specs.iter().skip(partitions).any(|spec| task != 0 && spec.starter.core().task.load(Acquire) == task)
    }

    async fn grow(&self, added: Vec<(Spec, H)>, caller: u64) -> Result<(), ResizeError> {
        let incarnation = self.supervisor.child().incarnation();
        let (specs, handles): (Vec<Spec>, Vec<H>) = added.into_iter().unzip();
        let mut refused = None;
        for (index, spec) in specs.iter().enumerate() {
            if let Err(error) = self.supervisor.start_spec(spec.clone(), caller).await {
                refused = Some((index, error));
                break;
            }
        }
        let Some((index, error)) = refused else {
            let same = || self.supervisor.child().incarnation() == incarnation;
            if self.roster.upgrade().is_some_and(|roster| roster.extend_if(&specs, same)) {
                self.reroute(|present| present.iter().cloned().chain(handles).collect());
                return Ok(());
            }
            self.discard(&specs).await;
            return Err(ResizeError::Restarted);
        };
        // The one that was refused may have left its spec.
        self.discard(&specs[..=index]).await;
        Err(match error {
            StartChildError::ShuttingDown => ResizeError::ShuttingDown,
            StartChildError::NotRunning => ResizeError::NotRunning,
            StartChildError::WouldDeadlock => ResizeError::WouldDeadlock,
            cause => ResizeError::Failed { partition: self.routes.load().handles.len() + index, cause },
        })
    }

    async fn shrink(&self, partitions: usize) -> Result<(), ResizeError> {
        let present = self.routes.load().handles.len();
        if partitions == present {
            return Ok(());
        }
        self.reroute(|present| present[..partitions].to_vec());
        let Some(roster) = self.roster.upgrade() else { return Ok(()) };
        let surplus = roster.split_off(partitions);
        drop(roster);
        self.discard(&surplus).await;
        Ok(())
    }

    fn reroute(&self, change: impl FnOnce(&[H]) -> Vec<H>) {
        let present = self.routes.load_full();
        let handles = change(&present.handles);
        self.routes.store(Arc::new(Routes { generation: present.generation + 1, handles }));
    }

    /// Stops these in reverse order, and deletes their specs. A supervisor that is stopping, or has stopped, takes them along.
    async fn discard(&self, specs: &[Spec]) {
        for spec in specs.iter().rev() {
            loop {
                let _ = self.supervisor.terminate_child(spec.id().clone()).await;
                let deleted = self.supervisor.delete_child(spec.id().clone()).await;
                // Between the two, a group restart may bring it back.
                if !matches!(deleted, Err(DeleteChildError::Running | DeleteChildError::Restarting)) {
                    break;
                }
            }
        }
    }
}
