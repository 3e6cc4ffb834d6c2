//! The outside of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry::ExitReason;
use tokio::sync::mpsc::error::TrySendError;

use super::call::{CALL_TIME, Caller};
use super::contract::Server;
use super::mailbox::Slot;
use super::reply::Reply;
use crate::child::{ChildId, ChildRef, Phase};
use crate::error::{CallError, SendError};

/// A reference to a server, stable over restarts: it belongs to the child's spec, and finds whichever incarnation is alive.
///
/// Cheap to clone. It keeps no server alive.
pub struct ServerRef<S: Server> {
    slot: Arc<Slot<S::Message>>,
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
    pub async fn call<R>(&self, message: impl FnOnce(Reply<R>) -> S::Message) -> Result<R, CallError> {
        Caller(&*self.slot).call(CALL_TIME, message).await
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
    pub async fn call_timeout<R>(
        &self,
        limit: Duration,
        message: impl FnOnce(Reply<R>) -> S::Message,
    ) -> Result<R, CallError> {
        Caller(&*self.slot).call(limit, message).await
    }

    /// Sends a message, waiting for room in the mailbox. Whether it is handled is not told.
    ///
    /// # Errors
    ///
    /// The server is not running or restarting; the message comes back.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits for room, the message is lost.
    pub async fn cast(&self, message: S::Message) -> Result<(), SendError<S::Message>> {
        match self.try_cast(message) {
            Err(SendError::Full(message)) => {
                self.slot.sender.send(message).await.map_err(|refused| SendError::NotRunning(refused.0))
            }
            outcome => outcome,
        }
    }

    /// Sends a message if there is room in the mailbox.
    ///
    /// # Errors
    ///
    /// The mailbox is full, or the server is not running or restarting; the message comes back.
    pub fn try_cast(&self, message: S::Message) -> Result<(), SendError<S::Message>> {
        match (self.slot.core.phase(), self.slot.keep_mail) {
            (Phase::Running | Phase::Starting, _) | (Phase::Restarting, true) => {}
            (Phase::Restarting, false) => return Err(SendError::Restarting(message)),
            (Phase::Down | Phase::Ended, _) => return Err(SendError::NotRunning(message)),
        }
        self.slot.sender.try_send(message).map_err(|refused| match refused {
            TrySendError::Full(message) => SendError::Full(message),
            TrySendError::Closed(message) => SendError::NotRunning(message),
        })
    }

    /// How many messages wait in the mailbox.
    pub fn mailbox_len(&self) -> usize {
        self.slot.sender.max_capacity() - self.slot.sender.capacity()
    }

    /// How many messages the mailbox holds.
    pub fn mailbox_capacity(&self) -> usize {
        self.slot.sender.max_capacity()
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

impl ChildRef {
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
