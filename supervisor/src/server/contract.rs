//! What a server is.

use registry::ExitReason;

use super::bonds::{Down, Exited};
use super::context::Context;

/// Why a server gives up: any error. Its text becomes the [`ExitReason::Error`].
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What comes of an init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Init {
    /// The server is up.
    Ready,
    /// There is nothing for it to do: it is left out, without being an error.
    Ignore,
}

/// What comes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// The server goes on.
    Continue,
    /// The server ends for this reason; [`Server::terminate`] runs first.
    Stop(ExitReason),
}

/// A process with a state, a mailbox, and one message at a time.
///
/// Its messages are one enum; those that want an answer carry a [`Reply`](crate::Reply). A supervisor runs it
/// ([`ChildSpec::server`](crate::ChildSpec::server)), others talk to it through a [`ServerRef`](crate::ServerRef).
///
/// A panic in any of the methods, and in the factory, ends the incarnation as [`ExitReason::Panic`].
///
/// ```
/// use supervisor::{ChildSpec, Context, Failure, Flow, Reply, Server, Strategy, Supervisor};
///
/// struct Counter(u64);
///
/// enum Message {
///     Add(u64),
///     Total(Reply<u64>),
/// }
///
/// impl Server for Counter {
///     type Message = Message;
///
///     async fn handle(&mut self, message: Message, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
///         match message {
///             Message::Add(n) => self.0 += n,
///             Message::Total(reply) => reply.send(self.0),
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut counter = ChildSpec::server(|| Counter(0));
/// let reference = counter.reference();
/// let tree = Supervisor::new(Strategy::OneForOne).child(counter).start().await?;
///
/// reference.cast(Message::Add(2)).await?;
/// assert_eq!(reference.call(Message::Total).await?, 2);
/// # tree.stop().await; Ok(()) }
/// ```
pub trait Server: Sized + Send + 'static {
    /// What it can be sent.
    type Message: Send + 'static;

    /// Runs first, before any mail. The supervisor goes on with the next child when it is done.
    ///
    /// A stop that comes meanwhile drops it where it waits, without [`terminate`](Self::terminate).
    ///
    /// # Errors
    ///
    /// The incarnation does not come up. At the first start this fails the start of the whole supervisor, later it counts
    /// as a restart that failed.
    fn init(&mut self, cx: &mut Context<Self>) -> impl Future<Output = Result<Init, Failure>> + Send {
        let _ = cx;
        async { Ok(Init::Ready) }
    }

    /// Handles one message. A stop waits until it is done, within the child's shutdown time.
    ///
    /// # Errors
    ///
    /// The server ends with [`ExitReason::Error`]; [`terminate`](Self::terminate) runs first.
    fn handle(
        &mut self,
        message: Self::Message,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<Flow, Failure>> + Send;

    /// A process that this server [monitors](Context::monitor) has ended. By default nothing comes of it.
    ///
    /// # Errors
    ///
    /// As for [`handle`](Self::handle).
    fn handle_down(
        &mut self,
        down: Down,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<Flow, Failure>> + Send {
        let _ = (down, cx);
        async { Ok(Flow::Continue) }
    }

    /// A process that this server is [linked](Context::link) with has ended. By default the server ends with it
    /// ([`Exited::as_reason`]) unless that end was clean. To write this method is to trap exits.
    ///
    /// It is called between two messages: a handler that is under way is not interrupted. [`terminate`](Self::terminate) runs
    /// as after any other stop.
    ///
    /// # Errors
    ///
    /// As for [`handle`](Self::handle).
    fn handle_exit(
        &mut self,
        exited: Exited,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<Flow, Failure>> + Send {
        let _ = cx;
        async move { Ok(if exited.reason.is_clean() { Flow::Continue } else { Flow::Stop(exited.as_reason()) }) }
    }

    /// Runs last, when the server is stopped or stops itself, within the child's shutdown time. It does not run when the
    /// server is killed, panics or did not come up.
    fn terminate(&mut self, reason: &ExitReason) -> impl Future<Output = ()> + Send {
        let _ = reason;
        async {}
    }
}
