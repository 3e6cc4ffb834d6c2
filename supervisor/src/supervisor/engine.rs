//! The loop of one supervisor.
//!
//! It never waits for a child: it waits for any of a note from a child, a command, a deadline and its own stop. What to do is
//! decided by the [`Machine`]; this carries it out.

use std::collections::HashMap;
use std::sync::Arc;

use registry::ExitReason;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::answer::Waiting;
use super::order::{ordered, place};
use super::plan::Supervisor;
use super::shared::Shared;
use super::starter::Planned;
use crate::child::{ChildId, Guard, Happening, Meltdown, Note, Outcome, Seat, Spec, discard};
use crate::error::{StartError, StartFailure};
use crate::rules::{Down, Ending, Key, Machine};
use crate::tree::EventKind;

pub(super) struct Engine<'a> {
    pub(super) plan: Arc<Planned>,
    pub(super) shared: Arc<Shared>,
    pub(super) guard: &'a mut Guard,
    pub(super) machine: Machine,
    pub(super) children: HashMap<Key, Child>,
    pub(super) ids: HashMap<ChildId, Key>,
    /// Why a child did not come up, when it is more than an exit.
    pub(super) failures: HashMap<Key, StartFailure>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) sender: mpsc::UnboundedSender<Note>,
    notes: mpsc::UnboundedReceiver<Note>,
    /// It has been asked to stop, by then.
    asked: Option<Option<Instant>>,
    pub(super) booted: bool,
    pub(super) finished: Option<Ending>,
}

pub(super) struct Child {
    /// By which the present incarnation was started, or the last.
    pub(super) spec: Spec,
    /// By which the next one is, when another was given meanwhile.
    pub(super) next: Option<Box<Spec>>,
    pub(super) abort: Option<AbortHandle>,
}

impl Child {
    /// The last that was given for it.
    pub(super) fn latest(&self) -> &Spec {
        self.next.as_deref().unwrap_or(&self.spec)
    }
}

impl<'a> Engine<'a> {
    pub(super) fn new(plan: &Arc<Planned>, shared: Arc<Shared>, guard: &'a mut Guard) -> Self {
        let Supervisor { strategy, budget, grace, max_concurrent_inits, auto_shutdown, .. } = plan.supervisor;
        let (sender, notes) = mpsc::unbounded_channel();
        let mut engine = Self {
            machine: Machine::new(strategy, budget, grace, max_concurrent_inits).with_auto_shutdown(auto_shutdown),
            plan: Arc::clone(plan),
            shared,
            guard,
            children: HashMap::new(),
            ids: HashMap::new(),
            failures: HashMap::new(),
            waiting: Vec::new(),
            sender,
            notes,
            asked: None,
            booted: false,
            finished: None,
        };
        engine.shared.family().clear();
        let specs = plan.supervisor.children.specs();
        // What is impossible was refused by the check.
        let specs = ordered(&specs).unwrap_or_default().into_owned();
        for spec in specs {
            let key = engine.machine.add(spec.policy());
            let needs = engine.needs(&spec).unwrap_or_default();
            engine.machine.depend(key, needs);
            engine.admit(key, spec);
        }
        engine
    }

    /// The children that it depends on.
    pub(super) fn needs(&self, spec: &Spec) -> Result<Vec<Key>, StartError> {
        let mut needs = Vec::new();
        for on in &spec.depends_on {
            if on == spec.id() {
                let child = spec.id().clone();
                return Err(StartError::DependencyCycle { cycle: vec![child.clone(), child.clone()], child });
            }
            needs.push(place(&self.ids, spec, on)?);
        }
        Ok(needs)
    }

    pub(super) fn admit(&mut self, key: Key, spec: Spec) {
        self.shared.family().admit(key, &spec);
        self.ids.insert(spec.id().clone(), key);
        self.children.insert(key, Child { spec, next: None, abort: None });
    }

    pub(super) async fn run(mut self) -> Outcome {
        self.machine.boot(Instant::now());
        loop {
            self.carry_out();
            self.answer();
            if let Some(ending) = self.finished.take() {
                return self.outcome(ending);
            }
            let deadline = self.machine.deadline();
            tokio::select! {
                Some(note) = self.notes.recv() => self.hear(note),
                command = self.shared.receive() => self.obey(command),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.machine.tick(Instant::now());
                }
                limit = self.shared.limit().asked(self.shared.core(), self.asked) => {
                    self.asked = Some(limit);
                    self.machine.stop(ExitReason::Shutdown, limit, Instant::now());
                }
            }
        }
    }

    fn hear(&mut self, note: Note) {
        let (key, now) = (Key(note.key), Instant::now());
        let how = match note.happening {
            Happening::Ready if self.watch(key, note.generation) => return,
            Happening::Ready | Happening::Healthy => return self.machine.up(key, note.generation, now),
            Happening::Exited(reason) => Down::Exited(reason),
            Happening::Ignored => Down::Ignored,
            Happening::Refused(failure) => {
                let reason = failure.as_exit();
                if self.is_awaited(key) {
                    self.failures.entry(key).or_insert(*failure);
                }
                Down::Exited(reason)
            }
            Happening::Unwanted | Happening::Overdue | Happening::Changed => return,
        };
        if let Down::Exited(reason) = &how {
            self.note_exit(key, reason);
        }
        self.machine.down(key, note.generation, how, now);
    }

    /// Waits for a child to become ready, if its spec says so.
    fn watch(&self, key: Key, generation: u32) -> bool {
        let spec = self.children.get(&key).map(|child| &child.spec);
        let Some((spec, readiness)) = spec.and_then(|spec| Some((spec, spec.readiness.clone()?))) else { return false };
        readiness.watch(spec.starter.seat(), self.sender.clone(), key.0, generation);
        true
    }

    /// What is said of the supervisor's own end.
    fn outcome(&mut self, ending: Ending) -> Outcome {
        let refused = |error| Outcome::Refused(Box::new(StartFailure::Supervisor(Box::new(error))));
        match ending {
            Ending::Asked(reason) if self.booted => Outcome::Exited(reason),
            Ending::Asked(reason) => refused(StartError::Stopped(reason)),
            Ending::Boot(key) => refused(StartError::Child { child: self.id(key), cause: self.failure(key) }),
            Ending::Meltdown { key, cause } => {
                let meltdown = Meltdown { child: self.id(key), cause };
                tracing::error!(
                    supervisor = %self.plan.supervisor.id,
                    child = %meltdown.child,
                    reason = %meltdown.cause,
                    "too many restarts: the supervisor gives up"
                );
                crate::metrics::meltdown();
                self.shared.core().tell(EventKind::Meltdown(meltdown.clone()));
                let outcome = if self.booted {
                    Outcome::Exited(ExitReason::from(&meltdown))
                } else {
                    refused(StartError::Meltdown(meltdown.clone()))
                };
                self.shared.set_meltdown(meltdown);
                outcome
            }
        }
    }

    pub(super) fn id(&self, key: Key) -> ChildId {
        self.children.get(&key).map_or_else(|| ChildId::from("?"), |child| child.spec.id().clone())
    }

    /// Whether somebody will ask why this child is not up.
    pub(super) fn is_awaited(&self, key: Key) -> bool {
        !self.booted || self.waiting.iter().any(|waiting| waiting.key() == key)
    }

    /// Why a child is not up.
    pub(super) fn failure(&mut self, key: Key) -> StartFailure {
        self.failures.remove(&key).unwrap_or(StartFailure::Ignored)
    }
}

/// Aborted or panicked: the children are killed, and the supervisor's own end is told when theirs have come.
impl Drop for Engine<'_> {
    fn drop(&mut self) {
        let own = self.shared.core();
        let scope = own.scope(own.incarnation());
        for (_, mut child) in self.children.drain() {
            discard(child.next.take());
            child.spec.orphan(child.abort.as_ref(), scope.clone());
        }
    }
}
