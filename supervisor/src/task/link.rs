//! A task and the child that it belongs to: the crash of one is the end of the other.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::child::{ChildRef, Scope, TaskContext};
use crate::dynamic::DynamicSupervisorRef;
use crate::server::{Context, Server};

/// Whom a task can be linked to: a task or a server, by the context that it is given.
pub trait Owner: sealed::Incarnate {}

impl Owner for TaskContext {}

impl<S: Server> Owner for Context<S> {}

mod sealed {
    use crate::child::ChildRef;

    pub trait Incarnate {
        /// The child, and which incarnation of it this is.
        fn incarnate(&self) -> (ChildRef, u32);
    }
}

impl sealed::Incarnate for TaskContext {
    fn incarnate(&self) -> (ChildRef, u32) {
        (self.child(), self.incarnation())
    }
}

impl<S: Server> sealed::Incarnate for Context<S> {
    fn incarnate(&self) -> (ChildRef, u32) {
        (self.this().child(), self.incarnation())
    }
}

/// Whether the two are still linked.
#[derive(Clone)]
pub(super) struct Link(Arc<AtomicBool>);

impl Link {
    /// Links a task to its owner, in a task that belongs to the owner's scope.
    pub(super) fn new(owner: &impl Owner, task: ChildRef, supervisor: DynamicSupervisorRef) -> Self {
        let link = Self(Arc::new(AtomicBool::new(true)));
        let (owner, incarnation) = owner.incarnate();
        let bond = Bond { link: link.clone(), task, supervisor };
        let scope = owner.core().scope(incarnation);
        drop(Scope::spawn(scope, watch(owner, incarnation, bond)));
        link
    }

    pub(super) fn cut(&self) {
        self.0.store(false, Release);
    }

    fn holds(&self) -> bool {
        self.0.load(Acquire)
    }
}

/// Stops the task when the owner's incarnation ends, and with it this.
struct Bond {
    link: Link,
    task: ChildRef,
    supervisor: DynamicSupervisorRef,
}

impl Drop for Bond {
    fn drop(&mut self) {
        if self.link.holds() {
            self.supervisor.ask_to_stop(&self.task);
        }
    }
}

async fn watch(owner: ChildRef, incarnation: u32, bond: Bond) {
    let reason = bond.task.gone().await;
    if let Some(reason) = reason.filter(|reason| !reason.is_clean() && bond.link.holds()) {
        tracing::warn!(child = %owner.id(), %reason, "a linked task has crashed, and takes its owner along");
        let core = owner.core();
        if !core.is_being_stopped() {
            core.cut(incarnation, reason);
            // It is still this incarnation: it cannot have ended before this task, which is in its scope.
            core.crash();
        }
    }
}
