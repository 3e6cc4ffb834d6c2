//! What a server has around it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bonds::Monitors;
use super::call::{CALL_TIME, Caller, Line};
use super::contract::Server;
use super::mailbox::Slot;
use super::reference::ServerRef;
use super::reply::Reply;
use super::timers::{TimerId, Timers};
use crate::child::{ChildId, Scope};
use crate::error::CallError;

/// What a server is given with each message: itself seen from outside, timers, and a scope for tasks of its own.
///
/// It belongs to one incarnation.
pub struct Context<S: Server> {
    pub(super) slot: Arc<Slot<S::Message>>,
    /// What is handled came by mail.
    pub(super) mail: bool,
    /// Never locked: it is there so that a context can be borrowed by several futures of one handler.
    own: Mutex<Own<S::Message>>,
}

/// What only the incarnation itself has to do with.
pub(super) struct Own<M> {
    pub(super) ahead: VecDeque<M>,
    pub(super) timers: Option<Box<Timers<M>>>,
    pub(super) monitors: Option<Box<Monitors>>,
}

impl<S: Server> Context<S> {
    pub(super) fn new(slot: Arc<Slot<S::Message>>) -> Self {
        Self { slot, mail: false, own: Mutex::new(Own { ahead: VecDeque::new(), timers: None, monitors: None }) }
    }

    /// A reference to this server, for others. A [`call`](ServerRef::call) through it from within the server's own task
    /// answers [`WouldDeadlock`](crate::CallError::WouldDeadlock).
    pub fn this(&self) -> ServerRef<S> {
        ServerRef::new(Arc::clone(&self.slot))
    }

    /// Calls another server on behalf of the message in hand: like [`ServerRef::call`], but it does not wait longer than the
    /// caller of that message does, and finds out when this goes in a circle.
    ///
    /// The answer is waited for until 5 seconds have passed or the [`deadline`](Self::deadline) has come, whichever is first.
    /// The server that is called inherits the deadline.
    ///
    /// ```
    /// # use supervisor::*;
    /// # struct Shop { stock: ServerRef<Stock> }
    /// # enum Order { Place(Reply<Result<u32, CallError>>) }
    /// # struct Stock; enum Take { One(Reply<u32>) }
    /// # impl Server for Stock { type Message = Take; async fn handle(&mut self, _: Take, _: &mut Context<Self>) -> Result<Flow, Failure> { Ok(Flow::Continue) } }
    /// impl Server for Shop {
    ///     # type Message = Order;
    ///     async fn handle(&mut self, order: Order, cx: &mut Context<Self>) -> Result<Flow, Failure> {
    ///         let Order::Place(reply) = order;
    ///         // Gives up when the caller of `Place` does.
    ///         reply.send(cx.call(&self.stock, Take::One).await);
    ///         Ok(Flow::Continue)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`ServerRef::call`]. [`WouldDeadlock`](crate::CallError::WouldDeadlock) also when the server that is called waits
    /// for the answer to the message in hand, itself or through others, by calls of this kind.
    /// [`Timeout`](crate::CallError::Timeout) without having been sent, when the deadline has passed already.
    ///
    /// # Cancel safety
    ///
    /// As for [`ServerRef::call`].
    pub fn call<'a, T: Server, R, F: FnOnce(Reply<R>) -> T::Message>(
        &'a self,
        server: &'a ServerRef<T>,
        message: F,
    ) -> impl Future<Output = Result<R, CallError>> + use<'a, S, T, R, F> {
        let ticket = if self.mail { self.slot.ticket_in_hand() } else { None };
        let line = Line { server: self.slot.address(), deadline: self.deadline(), ticket };
        let slot = &*server.slot;
        async move { Caller(slot).call(CALL_TIME, |caller| line.call(caller.0.address(), CALL_TIME), message).await }
    }

    /// When the caller of the message in hand gives up; `None` when nobody waits for an answer to it.
    ///
    /// For work that is done within a call: `timeout_at(deadline, ..)`. A message that is put ahead, and a task of the scope, do
    /// not inherit it.
    pub fn deadline(&self) -> Option<Instant> {
        if self.mail { self.slot.deadline_in_hand() } else { None }
    }

    /// Has this message handled next, before any mail and after those that were put ahead before it. From
    /// [`init`](Server::init), this is how long work goes on after the start has been acknowledged.
    pub fn handle_next(&mut self, message: S::Message) {
        self.own().ahead.push_back(message);
    }

    /// Has this message handled after `delay`, unless the incarnation ends first.
    pub fn send_after(&mut self, delay: Duration, message: S::Message) -> TimerId {
        self.timers().after(delay, message)
    }

    /// Has a message handled every `period`, the first after one. Ticks that come due while a message is handled are merged
    /// into one, after which the rhythm goes on.
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
        self.own().timers.as_mut().is_some_and(|timers| timers.cancel(timer))
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

    /// Says that it is ready: for a server that is to [say so](crate::ChildSpec::ready_on_signal). For others it means nothing,
    /// and so does saying it again.
    pub fn ready(&self) {
        self.slot.core.mark_ready(self.incarnation());
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
        self.own().timers.get_or_insert_with(|| Box::new(Timers::new()))
    }

    pub(super) fn own(&mut self) -> &mut Own<S::Message> {
        self.own.get_mut()
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
