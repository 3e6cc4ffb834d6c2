//! The outside of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry::{ExitReason, ProcessRef};

use super::call::{CALL_TIME, Caller};
use super::contract::Server;
use super::envelope::Envelope;
use super::mailbox::{Refused, Slot};
use super::overflow::MailboxStats;
#[cfg(doc)]
use super::overflow::Overflow;
use super::reply::Reply;
use crate::child::{ChildId, ChildRef, Phase};
use crate::error::{CallError, SendError};
use crate::metrics;

/// A reference to a server, stable over restarts: it belongs to the child's spec, and finds whichever incarnation is alive.
///
/// Cheap to clone. It keeps no server alive.
pub struct ServerRef<S: Server> {
    pub(super) slot: Arc<Slot<S::Message>>,
}

impl<S: Server> ServerRef<S> {
    pub(crate) fn new(slot: Arc<Slot<S::Message>>) -> Self {
        Self { slot }
    }

    /// Sends a message with a way back, and waits for the answer for up to 5 seconds.
    ///
    /// ```
    /// # use supervisor::{CallError, Reply, Server, ServerRef};
    /// # enum Message { Total(Reply<u64>) }
    /// # async fn example<S: Server<Message = Message>>(counter: ServerRef<S>) -> Result<u64, CallError> {
    /// counter.call(Message::Total).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Each case says whether the message was delivered ([`CallError`]). It never panics.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the message was delivered, it is as if it had not been called; after that the server handles the message
    /// and the answer is dropped.
    pub fn call<R>(&self, message: impl FnOnce(Reply<R>) -> S::Message) -> impl Future<Output = Result<R, CallError>> {
        self.call_timeout(CALL_TIME, message)
    }

    /// [`call`](Self::call) with a time limit of one's own, which covers the wait for room in the mailbox too.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As for [`call`](Self::call).
    pub fn call_timeout<R>(
        &self,
        limit: Duration,
        message: impl FnOnce(Reply<R>) -> S::Message,
    ) -> impl Future<Output = Result<R, CallError>> {
        let call = Caller(&*self.slot).call(limit, move |caller| Ok(caller.outsider(limit)), message);
        metrics::timed(|| self.slot.len(), call)
    }

    /// Sends a message, waiting for room in the mailbox if that is what it does when it is full ([`Overflow`]). Whether it is
    /// handled is not told.
    ///
    /// # Errors
    ///
    /// The server is not running or restarting, or its mailbox is full and refuses; the message comes back.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for room, the message is lost.
    pub async fn cast(&self, message: S::Message) -> Result<(), SendError<S::Message>> {
        let envelope = self.envelope(message)?;
        match self.slot.offer(envelope) {
            Err(Refused::Full(envelope)) => told(self.slot.deliver(envelope).await),
            outcome => told(outcome),
        }
    }

    /// Sends a message if there is room in the mailbox, or if that makes some ([`Overflow`]).
    ///
    /// # Errors
    ///
    /// The mailbox is full, or the server is not running or restarting; the message comes back.
    pub fn try_cast(&self, message: S::Message) -> Result<(), SendError<S::Message>> {
        let outcome = self.slot.offer(self.envelope(message)?);
        if let Err(Refused::Full(_)) = outcome {
            self.slot.note_refusal();
        }
        told(outcome)
    }

    fn envelope(&self, message: S::Message) -> Result<Envelope<S::Message>, SendError<S::Message>> {
        match (self.slot.core.phase(), self.slot.keeps_mail()) {
            (Phase::Running | Phase::Starting, _) | (Phase::Restarting, true) => Ok(Envelope { message, call: None }),
            (Phase::Restarting, false) => Err(SendError::Restarting(message)),
            (Phase::Down | Phase::Ended, _) => Err(SendError::NotRunning(message)),
        }
    }

    /// What is in the mailbox, and what did not come to be handled.
    pub fn mailbox(&self) -> MailboxStats {
        self.slot.stats()
    }

    /// How many messages wait in the mailbox.
    pub fn mailbox_len(&self) -> usize {
        self.slot.len()
    }

    /// How many messages the mailbox holds.
    pub fn mailbox_capacity(&self) -> usize {
        self.slot.capacity()
    }

    /// The id of the child.
    pub fn id(&self) -> &ChildId {
        self.slot.core.id()
    }

    /// Whether an incarnation is up.
    pub fn is_running(&self) -> bool {
        self.slot.core.phase() == Phase::Running
    }

    /// Which incarnation is alive, or was the last to be, counted from 1; 0 before the first.
    pub fn incarnation(&self) -> u32 {
        self.slot.core.incarnation()
    }

    /// Why the last incarnation that ended did.
    pub fn last_exit(&self) -> Option<ExitReason> {
        self.slot.core.last_exit()
    }

    /// The process of the present incarnation, to be monitored or linked with; `None` when none is up or on its way.
    pub fn process(&self) -> Option<ProcessRef> {
        self.child().process()
    }

    /// Waits until an incarnation is up. `false` when none will ever be, because the spec is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; calling it again is the same.
    pub async fn running(&self) -> bool {
        self.child().running().await
    }

    /// The child that it refers to.
    pub fn child(&self) -> ChildRef {
        ChildRef::new(Arc::clone(&self.slot) as _)
    }
}

fn told<M>(outcome: Result<u64, Refused<Envelope<M>>>) -> Result<(), SendError<M>> {
    match outcome {
        Ok(_) | Err(Refused::Dropped(_)) => Ok(()),
        Err(Refused::Full(envelope) | Refused::Overloaded(envelope)) => Err(SendError::Full(envelope.message)),
        Err(Refused::Closed(envelope)) => Err(SendError::NotRunning(envelope.message)),
    }
}

impl ChildRef {
    /// What is in its mailbox; `None` when it is no server.
    pub fn mailbox(&self) -> Option<MailboxStats> {
        self.seat().mailbox()
    }

    /// The server behind it; `None` when it is no `S`.
    ///
    /// Servers with the same type of message are not told apart.
    pub fn server<S: Server>(&self) -> Option<ServerRef<S>> {
        self.downcast::<Slot<S::Message>>().map(ServerRef::new)
    }
}

impl<S: Server> From<&ServerRef<S>> for ChildRef {
    fn from(server: &ServerRef<S>) -> Self {
        server.child()
    }
}

impl From<&Self> for ChildRef {
    fn from(child: &Self) -> Self {
        child.clone()
    }
}

impl<S: Server> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot) }
    }
}

impl<S: Server> PartialEq for ServerRef<S> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
    }
}

impl<S: Server> Eq for ServerRef<S> {}

impl<S: Server> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerRef")
            .field("id", self.id())
            .field("phase", &self.slot.core.phase())
            .field("incarnation", &self.incarnation())
            .field("mailbox", &self.mailbox_len())
            .finish()
    }
}
