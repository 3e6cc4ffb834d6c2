//! The outside of a supervisor.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry::ExitReason;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::command::Command;
use super::info::{ChildCount, ChildInfo, ChildSpecInfo};
use super::shared::Shared;
use crate::child::{ChildId, ChildRef, ChildSpec, Meltdown, Phase, Seat, Spec};
use crate::error::{
    DeleteChildError, NotRunning, ReplaceChildSpecError, RestartChildError, StartChildError, TerminateChildError,
};
use crate::server::{Reply, ServerRef, current_task};
use crate::tree::{Events, Snapshot};

/// A reference to a supervisor, stable over its restarts. Cheap to clone; it keeps nothing alive.
///
/// Questions are answered at any time, also while children start, restart or stop.
#[derive(Clone)]
pub struct SupervisorRef {
    shared: Arc<Shared>,
}

impl SupervisorRef {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Adds a child after all others, starts it, and returns its handle once its init has been acknowledged.
    ///
    /// It is not part of the supervisor's own list: a supervisor that is restarted by its parent starts without it.
    ///
    /// # Errors
    ///
    /// The id is there already (up or down), the child does not come up (it leaves no spec, except a child that asked to be
    /// ignored), or the supervisor is stopping or not running. [`WouldDeadlock`](StartChildError::WouldDeadlock) from an init that has to
    /// be over before the new child's can begin: that of a child of this supervisor, or of one below it in a supervisor that is
    /// still starting, during the first start or a group restart, or when the new child depends on it. A wait that goes through
    /// others (a call, the start of a child in a supervisor that is up) is not found out, and ends with a start timeout.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the supervisor has begun with it, nothing is started; after that the child is started and supervised
    /// like any other.
    pub async fn start_child<H: Clone + Send + Sync + 'static>(
        &self,
        spec: ChildSpec<H>,
    ) -> Result<H, StartChildError> {
        let (spec, handle) = spec.assemble();
        self.start_spec(spec, current_task()).await?;
        Ok(handle)
    }

    /// Starts it for the task that asks for it.
    pub(crate) async fn start_spec(&self, spec: Spec, caller: u64) -> Result<(), StartChildError> {
        self.ask(|reply| Command::Start { spec, caller, reply }).await.ok_or(StartChildError::NotRunning)?
    }

    /// Stops a child, and returns when it has ended. Its spec is kept, unless it is temporary. A child that is down is
    /// left as it is.
    ///
    /// # Errors
    ///
    /// There is no such child, or the supervisor is stopping or not running. [`WouldDeadlock`](TerminateChildError::WouldDeadlock) from
    /// the task of the server itself.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn terminate_child(&self, child: impl Into<ChildId>) -> Result<(), TerminateChildError> {
        let child = child.into();
        let caller = current_task();
        self.ask(|reply| Command::Terminate { child, caller, reply }).await.ok_or(TerminateChildError::NotRunning)?
    }

    /// Aborts a child as if it had crashed: it ends as [`Killed`](ExitReason::Killed), and is restarted if its restart type
    /// says so. Returns without waiting for that.
    ///
    /// # Errors
    ///
    /// There is no such child that is up (one that waits to be restarted is not), or the supervisor is stopping or not running.
    pub async fn kill_child(&self, child: impl Into<ChildId>) -> Result<(), TerminateChildError> {
        let child = child.into();
        self.ask(|reply| Command::Kill { child, reply }).await.ok_or(TerminateChildError::NotRunning)?
    }

    /// Starts a child again that is down, and returns when it is up. It does not count against the budget.
    ///
    /// # Errors
    ///
    /// There is no such child, it is not down, it does not come up (and stays down), or the supervisor is stopping or not
    /// running.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the start goes on.
    pub async fn restart_child(&self, child: impl Into<ChildId>) -> Result<(), RestartChildError> {
        let child = child.into();
        let caller = current_task();
        self.ask(|reply| Command::Restart { child, caller, reply }).await.ok_or(RestartChildError::NotRunning)?
    }

    /// Deletes the spec of a child that is down.
    ///
    /// # Errors
    ///
    /// There is no such child, it is not down, or the supervisor is stopping or not running.
    pub async fn delete_child(&self, child: impl Into<ChildId>) -> Result<(), DeleteChildError> {
        let child = child.into();
        self.ask(|reply| Command::Delete { child, reply }).await.ok_or(DeleteChildError::NotRunning)?
    }

    /// Gives a child another spec: the child that has the id of this one, up or down. References to it and its name stay good.
    ///
    /// The incarnation that is there goes on. As in OTP's code change, what the supervisor does with the child is by the new spec
    /// at once, and what the child runs from its next start on:
    ///
    /// - at once: restart type, shutdown, backoff, significance, what it depends on, and the settings of the mailbox. A
    ///   [`Backoff`](crate::Backoff) begins anew, and a delay that the child waits out is over. A stop that is under way keeps its time.
    /// - from the next start on, whatever that comes from: what it runs, its start timeout, readiness and watchdog.
    ///
    /// To have it run by the new spec now, [terminate](Self::terminate_child) and [restart](Self::restart_child) it; before that, the
    /// new spec may [keep its mail](ChildSpec::keep_mail). A child of the supervisor's own list is replaced there too: a supervisor
    /// that is restarted by its parent starts by the new spec.
    ///
    /// The children of a supervisor that is replaced are others: references to the old ones end with its last incarnation that
    /// ran them.
    ///
    /// ```
    /// use supervisor::{ChildSpec, Context, Failure, Flow, Reply, Server, Strategy, Supervisor};
    ///
    /// struct Greeter(&'static str);
    ///
    /// impl Server for Greeter {
    ///     type Message = Reply<&'static str>;
    ///
    ///     async fn handle(&mut self, reply: Self::Message, _: &mut Context<Self>) -> Result<Flow, Failure> {
    ///         reply.send(self.0);
    ///         Ok(Flow::Continue)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut spec = ChildSpec::server(|| Greeter("good morning")).id("greeter");
    /// let greeter = spec.reference();
    /// let tree = Supervisor::new(Strategy::OneForOne).child(spec).start().await?;
    ///
    /// tree.replace_child_spec(ChildSpec::server(|| Greeter("good evening")).id("greeter")).await?;
    /// assert_eq!(greeter.call(|reply| reply).await?, "good morning");
    /// tree.terminate_child("greeter").await?;
    /// tree.restart_child("greeter").await?;
    /// assert_eq!(greeter.call(|reply| reply).await?, "good evening");
    /// # tree.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The spec cannot take the place of the one that there is, or is impossible ([`ReplaceChildSpecError`]); or the supervisor
    /// is stopping or not running. Everything is as it was before.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, the spec has been replaced or has not.
    pub async fn replace_child_spec<H: Clone + Send + Sync + 'static>(
        &self,
        spec: ChildSpec<H>,
    ) -> Result<(), ReplaceChildSpecError> {
        let with = Box::new(spec);
        self.ask(|reply| Command::Replace { with, reply }).await.ok_or(ReplaceChildSpecError::NotRunning)?
    }

    /// All children in start order.
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, NotRunning> {
        self.ask(|reply| Command::Which { reply }).await.ok_or(NotRunning)
    }

    /// How many children there are.
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn count_children(&self) -> Result<ChildCount, NotRunning> {
        self.ask(|reply| Command::Count { reply }).await.ok_or(NotRunning)
    }

    /// What it was told of the child of this id, up or down, with the defaults filled in.
    ///
    /// ```
    /// use std::time::Duration;
    /// use supervisor::{ChildSpec, Restart, Shutdown, Strategy, Supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let poller = ChildSpec::task("poller", |cx| async move { cx.stopped().await }).restart(Restart::Transient);
    /// let tree = Supervisor::new(Strategy::OneForOne).child(poller).start().await?;
    /// let spec = tree.child_spec("poller").await?.ok_or("no poller")?;
    /// assert_eq!((spec.restart, spec.shutdown), (Restart::Transient, Shutdown::Timeout(Duration::from_secs(5))));
    /// # tree.stop().await; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn child_spec(&self, child: impl Into<ChildId>) -> Result<Option<ChildSpecInfo>, NotRunning> {
        let child = child.into();
        self.ask(|reply| Command::Spec { child, reply }).await.ok_or(NotRunning)
    }

    /// The child of this id.
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn find_child(&self, child: impl Into<ChildId>) -> Result<Option<ChildRef>, NotRunning> {
        let child = child.into();
        self.ask(|reply| Command::Find { child, reply }).await.ok_or(NotRunning)
    }

    /// Stops all children in reverse order, and the supervisor; returns why it ended. A supervisor that has ended says why it
    /// did.
    ///
    /// A supervisor that has a parent is restarted by it if it is permanent: terminate it there.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn stop(&self) -> ExitReason {
        self.child().stop(None).await
    }

    /// As [`stop`](Self::stop), and whatever is still there after `time` is aborted: no child has longer, whatever its shutdown
    /// time, and nested supervisors have what is left of it. The children that this ends are
    /// [`Timeout`](ExitReason::Timeout)s; those that it has not come to by then are asked and aborted in their turn, in reverse order.
    ///
    /// What cannot be killed is given up after the [grace](crate::Supervisor::grace), on top of `time`. Called while a stop
    /// is under way, it brings its end forward.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the stop goes on.
    pub async fn stop_within(&self, time: Duration) -> ExitReason {
        self.child().stop(Instant::now().checked_add(time)).await
    }

    /// Waits until it has ended for good, with all of its children, and says why: no incarnation follows by itself, as with
    /// [`ChildRef::gone`]. Their names are free by then, and so is its own, unless its supervisor keeps its spec.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn exited(&self) -> ExitReason {
        self.child().gone().await.unwrap_or(ExitReason::Shutdown)
    }

    /// What made the last incarnation give up, if that is why it ended.
    pub fn meltdown(&self) -> Option<Meltdown> {
        self.shared.meltdown.lock().clone()
    }

    /// Whether something below it could not be killed, and was left behind.
    pub fn has_abandoned(&self) -> bool {
        self.shared.has_abandoned()
    }

    /// It and everything below it, at this moment: of each supervisor up to 100 children. See [`Snapshot`].
    pub fn snapshot(&self) -> Snapshot {
        self.child().snapshot()
    }

    /// What happens to it and to everything below it from now on, in a queue of this many events. See [`Events`].
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    pub fn events(&self, capacity: usize) -> Events {
        self.shared.family().feed().listen(capacity)
    }

    /// Whether it is up: all of its children have been started.
    pub fn is_running(&self) -> bool {
        self.shared.core().phase() == Phase::Running
    }

    /// The id that it has as a child.
    pub fn id(&self) -> &ChildId {
        self.shared.core().id()
    }

    /// The supervisor as a child.
    pub fn child(&self) -> ChildRef {
        ChildRef::new(Arc::clone(&self.shared) as _)
    }

    /// Whether a start that was asked for, or that would be now, waits for the init that this task is at.
    pub(crate) async fn awaits(&self, task: u64) -> bool {
        task != 0 && self.ask(|reply| Command::Awaits { task, reply }).await.unwrap_or(false)
    }

    /// Asks the incarnation that is alive. `None` when there is none, or it ended without an answer.
    async fn ask<R>(&self, command: impl FnOnce(Reply<R>) -> Command) -> Option<R> {
        let core = self.shared.core();
        let incarnation = core.incarnation();
        if !matches!(core.phase(), Phase::Starting | Phase::Running) {
            return None;
        }
        let (reply, mut answer) = oneshot::channel();
        self.shared.slot.send(command(Reply::new(reply))).await?;
        // What is sent to one that has ended is thrown away by the next, which may never come.
        if core.has_ended(incarnation) {
            return answer.try_recv().ok();
        }
        answer.await.ok()
    }
}

impl ChildRef {
    /// The supervisor behind it; `None` when it is none with a fixed list of children.
    pub fn supervisor(&self) -> Option<SupervisorRef> {
        self.downcast::<Shared>().map(SupervisorRef::new)
    }
}

impl From<&SupervisorRef> for ChildRef {
    fn from(supervisor: &SupervisorRef) -> Self {
        supervisor.child()
    }
}

impl SupervisorRef {
    /// The server with this id among the children; `None` when there is none, or it is no `S`.
    ///
    /// # Errors
    ///
    /// The supervisor is not running.
    pub async fn find_server<S: crate::Server>(
        &self,
        child: impl Into<ChildId>,
    ) -> Result<Option<ServerRef<S>>, NotRunning> {
        Ok(self.find_child(child).await?.and_then(|child| child.server()))
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorRef").field("id", self.id()).field("phase", &self.shared.core().phase()).finish()
    }
}
