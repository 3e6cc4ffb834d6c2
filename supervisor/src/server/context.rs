//! What a server has around it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry::ProcessRef;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::contract::Server;
use super::mailbox::Slot;
use super::reference::ServerRef;
use super::timers::{TimerId, Timers};
use crate::child::{ChildId, Scope};

/// What a server is given with each message: itself seen from outside, timers, and a scope for tasks of its own.
///
/// It belongs to one incarnation.
pub struct Context<S: Server> {
    pub(super) slot: Arc<Slot<S::Message>>,
    pub(super) ahead: VecDeque<S::Message>,
    pub(super) timers: Option<Box<Timers<S::Message>>>,
}

impl<S: Server> Context<S> {
    pub(super) fn new(slot: Arc<Slot<S::Message>>) -> Self {
        Self { slot, ahead: VecDeque::new(), timers: None }
    }

    /// A reference to this server, for others. A [`call`](ServerRef::call) through it from within the server's own task
    /// answers [`WouldDeadlock`](crate::CallError::WouldDeadlock).
    pub fn this(&self) -> ServerRef<S> {
        ServerRef::new(Arc::clone(&self.slot))
    }

    /// Has this message handled next, before any mail and after those that were put ahead before it. From
    /// [`init`](Server::init), this is how long work goes on after the start has been acknowledged.
    pub fn handle_next(&mut self, message: S::Message) {
        self.ahead.push_back(message);
    }

    /// Has this message handled after `delay`, unless the incarnation ends first.
    pub fn send_after(&mut self, delay: Duration, message: S::Message) -> TimerId {
        self.timers().after(delay, message)
    }

    /// Has a message handled every `period`, the first after one. Ticks that come due while a message is handled are merged
    /// into one.
    ///
    /// # Panics
    ///
    /// When the period is zero.
    pub fn send_interval(&mut self, period: Duration, message: impl FnMut() -> S::Message + Send + 'static) -> TimerId {
        assert!(!period.is_zero(), "a period cannot be zero");
        self.timers().every(period, Box::new(message))
    }

    /// Cancels a timer. `false` when it has fired, or is no timer of this incarnation.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.timers.as_mut().is_some_and(|timers| timers.cancel(timer))
    }

    /// Cancelled when the server is asked to stop: for long work within a message.
    pub fn token(&self) -> CancellationToken {
        self.slot.core.token()
    }

    /// Whether the server has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.slot.core.is_asked()
    }

    /// Spawns a task that belongs to this incarnation: it is aborted when the incarnation's own task ends, and only when it is
    /// gone, the incarnation is. Spawned after that, it never runs.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Scope::spawn(self.slot.core.scope(self.incarnation()), future)
    }

    /// The process of this incarnation: what names can be registered for, and whose end others can await.
    pub fn process(&self) -> ProcessRef {
        self.slot.core.process(self.incarnation())
    }

    /// The child's id.
    pub fn id(&self) -> &ChildId {
        self.slot.core.id()
    }

    /// Which incarnation this is, counted from 1.
    pub fn incarnation(&self) -> u32 {
        self.slot.core.incarnation()
    }

    fn timers(&mut self) -> &mut Timers<S::Message> {
        self.timers.get_or_insert_with(|| Box::new(Timers::new()))
    }
}

impl<S: Server> fmt::Debug for Context<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", self.id())
            .field("incarnation", &self.incarnation())
            .field("stopping", &self.is_stopping())
            .finish()
    }
}
