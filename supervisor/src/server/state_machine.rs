//! What a server needs to be a state machine, beside a `match`.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::context::Context;
use super::contract::Server;
use super::timers::TimerId;

/// How many messages are put off at most, unless told otherwise.
const ROOM: usize = 1024;

/// The state of a [`Server`] that is a state machine: OTP's `gen_statem` as a value that the server keeps.
///
/// What a message does in which state is a `match` in [`Server::handle`]. This adds what a `match` cannot: messages that are put off
/// until the state is another one, and timeouts that end with the state.
///
/// - A message that is [postponed](Self::postpone) is handled again when a state is [entered](Self::enter): all of them in the order
///   in which they were put off, before any mail. What it carries waits along: a caller until its time is over.
/// - A [timeout](Self::timeout) is a message that the state gets if it lasts that long. Entering a state cancels it, and so
///   does another timeout.
///
/// Both end with the incarnation, as the server does that keeps them.
///
/// ```
/// use std::time::Duration;
/// use supervisor::{ChildSpec, Context, Failure, Flow, Reply, Server, StateMachine, Strategy, Supervisor};
///
/// #[derive(Clone, Copy)]
/// enum Door { Locked, Open }
///
/// enum Message { Unlock, Close, Enter(Reply<&'static str>) }
///
/// struct Lock(StateMachine<Door, Message>);
///
/// impl Server for Lock {
///     type Message = Message;
///
///     async fn handle(&mut self, message: Message, cx: &mut Context<Self>) -> Result<Flow, Failure> {
///         match (self.0.state(), message) {
///             (Door::Locked, Message::Unlock) => {
///                 self.0.enter(Door::Open, cx);
///                 self.0.timeout(Duration::from_secs(10), Message::Close, cx);
///             }
///             (Door::Open, Message::Close) => drop(self.0.enter(Door::Locked, cx)),
///             (Door::Open, Message::Enter(reply)) => reply.send("welcome"),
///             // When there is no room, the reply is dropped with it, which tells the caller.
///             (Door::Locked, enter @ Message::Enter(_)) => drop(self.0.postpone(enter)),
///             (Door::Open, Message::Unlock) | (Door::Locked, Message::Close) => {}
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut lock = ChildSpec::server(|| Lock(StateMachine::new(Door::Locked)));
/// let door = lock.reference();
/// let tree = Supervisor::new(Strategy::OneForOne).child(lock).start().await?;
///
/// let (welcome, unlocked) = tokio::join!(door.call(Message::Enter), door.cast(Message::Unlock));
/// assert_eq!(welcome?, "welcome"); // it was handled once the door was open
/// # unlocked?; tree.stop().await; Ok(()) }
/// ```
pub struct StateMachine<S, M> {
    state: S,
    postponed: VecDeque<M>,
    room: usize,
    timeout: Option<TimerId>,
}

impl<S, M> StateMachine<S, M> {
    /// In its first state.
    pub fn new(state: S) -> Self {
        Self { state, postponed: VecDeque::new(), room: ROOM, timeout: None }
    }

    /// How many messages are put off at most. By default 1,024.
    #[must_use]
    pub fn max_postponed(mut self, messages: usize) -> Self {
        self.room = messages;
        self
    }

    /// The state.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// The state, to change what is in it without entering another one: nothing that was put off is handled, and a timeout goes on.
    pub fn state_mut(&mut self) -> &mut S {
        &mut self.state
    }

    /// How many messages are put off.
    pub fn postponed(&self) -> usize {
        self.postponed.len()
    }

    /// Puts a message off until a state is entered.
    ///
    /// # Errors
    ///
    /// As many are put off as may be; the message comes back.
    pub fn postpone(&mut self, message: M) -> Result<(), M> {
        if self.postponed.len() >= self.room {
            return Err(message);
        }
        self.postponed.push_back(message);
        Ok(())
    }

    /// Enters a state, be it the same again, and returns the one before: cancels its timeout, and has what was put off handled next,
    /// after what the server has [put ahead](Context::handle_next) itself.
    pub fn enter<T: Server<Message = M>>(&mut self, state: S, cx: &mut Context<T>) -> S {
        self.cancel_timeout(cx);
        for message in self.postponed.drain(..) {
            cx.handle_next(message);
        }
        std::mem::replace(&mut self.state, state)
    }

    /// Has this message handled when the state has lasted for `delay` from now on, in place of the timeout before.
    pub fn timeout<T: Server<Message = M>>(&mut self, delay: Duration, message: M, cx: &mut Context<T>) {
        self.cancel_timeout(cx);
        self.timeout = Some(cx.send_after(delay, message));
    }

    /// Cancels the timeout of the state. `false` when there is none, or it has come.
    pub fn cancel_timeout<T: Server<Message = M>>(&mut self, cx: &mut Context<T>) -> bool {
        self.timeout.take().is_some_and(|timer| cx.cancel_timer(timer))
    }
}

/// The messages need not be printable.
impl<S: fmt::Debug, M> fmt::Debug for StateMachine<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMachine")
            .field("state", &self.state)
            .field("postponed", &self.postponed.len())
            .finish_non_exhaustive()
    }
}
