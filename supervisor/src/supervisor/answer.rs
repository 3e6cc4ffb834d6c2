//! Administration: commands, and answers once they are true.

use tokio::time::Instant;

use super::command::Command;
use super::engine::Engine;
use super::info::{ChildCount, ChildInfo, ChildSpecInfo};
use crate::child::{ChildId, ChildRef, Intent, Spec, discard};
use crate::error::{DeleteChildError, RestartChildError, StartChildError, TerminateChildError};
use crate::rules::{Key, Restart, Standing};
use crate::server::Reply;

/// A caller whose answer is not known yet.
pub(super) enum Waiting {
    Start { key: Key, id: ChildId, reply: Reply<Result<(), StartChildError>> },
    Terminate { key: Key, reply: Reply<Result<(), TerminateChildError>> },
    Restart { key: Key, reply: Reply<Result<(), RestartChildError>> },
}

impl Waiting {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Start { key, .. } | Self::Terminate { key, .. } | Self::Restart { key, .. } => *key,
        }
    }
}

impl Engine<'_> {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Start { spec, caller, reply } => self.start_child(spec, caller, reply),
            Command::Terminate { child, caller, reply } => self.terminate_child(&child, caller, reply),
            Command::Kill { child, reply } => reply.send(self.kill_child(&child)),
            Command::Restart { child, caller, reply } => self.restart_child(&child, caller, reply),
            Command::Delete { child, reply } => reply.send(self.delete_child(&child)),
            Command::Replace { with, reply } => reply.send(self.replace_child_spec(with)),
            Command::Which { reply } => reply.send(self.which_children()),
            Command::Count { reply } => reply.send(self.count_children()),
            Command::Spec { child, reply } => {
                let child = self.ids.get(&child).and_then(|key| self.children.get(key));
                reply.send(child.map(|child| ChildSpecInfo::of(child.latest())));
            }
            Command::Awaits { task, reply } => reply.send(self.awaits(task)),
            Command::Find { child, reply } => {
                let child = self.ids.get(&child).and_then(|key| self.children.get(key));
                reply.send(child.map(|child| ChildRef::new(child.spec.starter.seat())));
            }
        }
    }

    fn start_child(&mut self, spec: Spec, caller: u64, reply: Reply<Result<(), StartChildError>>) {
        if reply.is_closed() {
            return discard(spec);
        }
        let needs = match self.admits(&spec, caller) {
            Ok(needs) => needs,
            Err(refused) => {
                discard(spec);
                return reply.send(Err(refused));
            }
        };
        let id = spec.id().clone();
        let key = self.machine.add_by_hand(spec.policy(), needs, Instant::now());
        self.admit(key, spec);
        self.waiting.push(Waiting::Start { key, id, reply });
    }

    /// Whether a child can be added for this caller. Returns what it depends on.
    fn admits(&self, spec: &Spec, caller: u64) -> Result<Vec<Key>, StartChildError> {
        if self.machine.is_stopping() {
            return Err(StartChildError::ShuttingDown);
        }
        let supervisor = &self.plan.supervisor;
        spec.check_in(&supervisor.id, supervisor.auto_shutdown).map_err(StartChildError::Invalid)?;
        if let Some(&key) = self.ids.get(spec.id()) {
            return Err(match self.machine.standing(key) {
                Some(Standing::Down | Standing::Abandoned) => StartChildError::AlreadyPresent(spec.id().clone()),
                _ => StartChildError::AlreadyStarted(
                    self.reference(key).unwrap_or_else(|| ChildRef::new(spec.starter.seat())),
                ),
            });
        }
        let needs = self.needs(spec).map_err(StartChildError::Invalid)?;
        if self.is_in_init(&self.machine.inits_before_added(&needs), caller) {
            return Err(StartChildError::WouldDeadlock);
        }
        Ok(needs)
    }

    fn terminate_child(&mut self, child: &ChildId, caller: u64, reply: Reply<Result<(), TerminateChildError>>) {
        if self.machine.is_stopping() {
            return reply.send(Err(TerminateChildError::ShuttingDown));
        }
        let Some(&key) = self.ids.get(child) else { return reply.send(Err(TerminateChildError::NotFound)) };
        if self.is_task_of(key, caller) {
            return reply.send(Err(TerminateChildError::WouldDeadlock));
        }
        match self.machine.terminate(key, Instant::now()) {
            None => reply.send(Err(TerminateChildError::NotFound)),
            Some(true) => reply.send(Ok(())),
            Some(false) => self.waiting.push(Waiting::Terminate { key, reply }),
        }
    }

    fn kill_child(&mut self, child: &ChildId) -> Result<(), TerminateChildError> {
        if self.machine.is_stopping() {
            return Err(TerminateChildError::ShuttingDown);
        }
        let key = *self.ids.get(child).ok_or(TerminateChildError::NotFound)?;
        if !self.machine.is_alive(key) {
            return Err(TerminateChildError::NotFound);
        }
        let returns = self.children.get(&key).is_some_and(|child| child.latest().restart != Restart::Temporary);
        self.abort(key, Intent::Kill, returns);
        Ok(())
    }

    fn restart_child(&mut self, child: &ChildId, caller: u64, reply: Reply<Result<(), RestartChildError>>) {
        if self.machine.is_stopping() {
            return reply.send(Err(RestartChildError::ShuttingDown));
        }
        let Some(&key) = self.ids.get(child) else { return reply.send(Err(RestartChildError::NotFound)) };
        match self.machine.standing(key) {
            None => reply.send(Err(RestartChildError::NotFound)),
            Some(Standing::Running | Standing::Stopping) => reply.send(Err(RestartChildError::Running)),
            Some(Standing::Starting | Standing::Restarting) => reply.send(Err(RestartChildError::Restarting)),
            Some(Standing::Abandoned) => reply.send(Err(RestartChildError::Abandoned)),
            Some(Standing::Down) if self.is_in_init(&self.machine.inits_before_restart(key), caller) => {
                reply.send(Err(RestartChildError::WouldDeadlock));
            }
            Some(Standing::Down) => {
                self.machine.restart(key, Instant::now());
                self.waiting.push(Waiting::Restart { key, reply });
            }
        }
    }

    fn delete_child(&mut self, child: &ChildId) -> Result<(), DeleteChildError> {
        if self.machine.is_stopping() {
            return Err(DeleteChildError::ShuttingDown);
        }
        let key = *self.ids.get(child).ok_or(DeleteChildError::NotFound)?;
        match self.machine.standing(key) {
            None => Err(DeleteChildError::NotFound),
            Some(Standing::Running | Standing::Stopping) => Err(DeleteChildError::Running),
            Some(Standing::Starting | Standing::Restarting) => Err(DeleteChildError::Restarting),
            Some(Standing::Down | Standing::Abandoned) => {
                self.machine.delete(key);
                self.carry_out();
                Ok(())
            }
        }
    }

    fn which_children(&self) -> Vec<ChildInfo> {
        let mut children: Vec<_> = self.children.iter().collect();
        children.sort_unstable_by_key(|&(&key, _)| key);
        let info = |(&key, child): (&Key, &super::engine::Child)| {
            let starter = &child.spec.starter;
            Some(ChildInfo {
                id: child.spec.id().clone(),
                kind: starter.kind(),
                state: self.machine.standing(key)?.into(),
                restart: child.latest().restart,
                waits_for: self.machine.waits_for(key).map(|other| self.id(other)).collect(),
                due: self.machine.due(key),
                child: ChildRef::new(starter.seat()),
            })
        };
        children.into_iter().filter_map(info).collect()
    }

    fn count_children(&self) -> ChildCount {
        let mut count = ChildCount::default();
        for (&key, child) in &self.children {
            let active = self.machine.standing(key) == Some(Standing::Running);
            count.add(child.spec.starter.kind(), active);
        }
        count
    }

    fn reference(&self, key: Key) -> Option<ChildRef> {
        self.children.get(&key).map(|child| ChildRef::new(child.spec.starter.seat()))
    }

    /// Answers those whose answer has become known.
    pub(super) fn answer(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let stopping = self.machine.is_stopping();
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Start { reply, .. } if stopping => reply.send(Err(StartChildError::ShuttingDown)),
                Waiting::Restart { reply, .. } if stopping => reply.send(Err(RestartChildError::ShuttingDown)),
                Waiting::Start { key, id, reply } => match self.machine.standing(key) {
                    Some(Standing::Running) => reply.send(Ok(())),
                    Some(Standing::Down | Standing::Abandoned) | None => {
                        let cause = self.failure(key);
                        reply.send(Err(StartChildError::Failed { child: id, cause }));
                    }
                    Some(_) => self.waiting.push(Waiting::Start { key, id, reply }),
                },
                Waiting::Restart { key, reply } => match self.machine.standing(key) {
                    Some(Standing::Running) => reply.send(Ok(())),
                    Some(Standing::Abandoned) => reply.send(Err(RestartChildError::Abandoned)),
                    Some(Standing::Down) | None => reply.send(Err(RestartChildError::Failed(self.failure(key)))),
                    Some(_) => self.waiting.push(Waiting::Restart { key, reply }),
                },
                Waiting::Terminate { key, reply } => match self.machine.standing(key) {
                    Some(Standing::Stopping) => self.waiting.push(Waiting::Terminate { key, reply }),
                    _ => reply.send(Ok(())),
                },
            }
        }
    }
}
