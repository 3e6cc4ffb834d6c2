//! Calls: a message with a way back, a deadline, and the truth about why there is no answer.

use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, SeqCst};
use std::task::Poll;
use std::time::Duration;

use registry::ExitReason;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::envelope::{Call, Due, Envelope, Ticket, Waits, after};
use super::mailbox::{Refused, Slot};
use super::reply::Reply;
use crate::child::{Core, Phase};
use crate::error::CallError;

/// How long a call waits for its answer unless told otherwise.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(5);

/// What a call that is made by a handler inherits from the call that is handled.
pub(super) struct Line {
    /// The server that makes it.
    pub(super) server: usize,
    pub(super) deadline: Option<Instant>,
    pub(super) ticket: Option<Arc<Ticket>>,
}

impl Line {
    /// The next call of it, to this server.
    pub(super) fn call(self, server: usize, limit: Duration) -> Result<Call, CallError> {
        if self.is_waited_for_by(server) {
            return Err(CallError::WouldDeadlock);
        }
        let now = Instant::now();
        let own = after(now, limit);
        let due = self.deadline.map_or(own, |deadline| deadline.min(own));
        if due <= now {
            return Err(CallError::Timeout);
        }
        Ok(Call { due: Due::At(due), ticket: Some(Ticket::new(self.server, self.ticket)) })
    }

    fn is_waited_for_by(&self, server: usize) -> bool {
        self.server == server || self.ticket.as_ref().is_some_and(|ticket| ticket.is_waited_for_by(server))
    }
}

/// The calls to one mailbox.
pub(crate) struct Caller<'a, M>(pub(crate) &'a Slot<M>);

impl<M> Clone for Caller<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Caller<'_, M> {}

impl<M: Send + 'static> Caller<'_, M> {
    /// Whether mail is taken now. Who sends to itself is told by `call`.
    pub(crate) fn admit(&self) -> Result<u32, CallError> {
        let slot = self.0;
        let incarnation = slot.core.incarnation();
        match slot.core.phase() {
            Phase::Running => Ok(incarnation),
            Phase::Starting | Phase::Restarting if slot.keeps_mail() => Ok(incarnation),
            Phase::Starting if incarnation == 1 => Err(CallError::NotRunning),
            Phase::Starting | Phase::Restarting => Err(CallError::Restarting),
            Phase::Down | Phase::Ended => Err(CallError::NotRunning),
        }
    }

    /// What the handler may know of a call that no handler makes.
    pub(crate) fn outsider(&self, limit: Duration) -> Call {
        Call { due: Due::within(limit), ticket: self.0.drops_oldest().then(|| Ticket::new(0, None)) }
    }

    /// Sends what `message` makes, and waits for the answer.
    ///
    /// What is moved between futures, or from an argument into one, is written and read in pieces of different sizes, and the
    /// processor waits for that: some 3 ns each, of 200 for all of a call. So `call` is made in here, an answer that comes at
    /// once goes straight out, and what follows a wait is in a box.
    pub(crate) async fn call<R>(
        self,
        limit: Duration,
        call: impl FnOnce(&Self) -> Result<Call, CallError>,
        message: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, CallError> {
        let slot = self.0;
        let incarnation = self.admit()?;
        if is_current(slot.core.task.load(Acquire)) {
            return Err(CallError::WouldDeadlock);
        }
        let call = call(&self)?;
        let waits = Waits(call.ticket.clone());
        let (reply, mut answer) = oneshot::channel();
        let number = match slot.offer(Envelope { message: message(Reply(reply)), call: Some(call) }) {
            Ok(number) => number,
            Err(Refused::Full(envelope)) => Box::pin(self.wait_for_room(envelope)).await?,
            Err(refused) => return Err(turned_away(&refused)),
        };
        // What was sent after the incarnation had ended lies in the mailbox until the next one throws it away.
        if slot.core.incarnation() == incarnation && slot.core.phase() != Phase::Running && !slot.keeps_mail() {
            return answer.try_recv().map_err(|_| self.refusal(incarnation));
        }
        match soon(&mut answer, pin!(tokio::task::yield_now())).await {
            Soon::Answered(answer) => Ok(answer),
            Soon::Dropped => Err(Box::pin(self.unanswered(incarnation, number, limit, waits)).await),
            Soon::NotYet => Box::pin(self.later(incarnation, number, limit, waits, answer)).await,
        }
    }

    /// Waits for an answer that does not come at once.
    async fn later<R>(
        self,
        incarnation: u32,
        number: u64,
        limit: Duration,
        waits: Waits,
        answer: oneshot::Receiver<R>,
    ) -> Result<R, CallError> {
        match timeout_at(self.0.fix_deadline(number, limit), answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.unanswered(incarnation, number, limit, waits).await),
            Err(_) => Err(CallError::Timeout),
        }
    }

    /// Why the reply was dropped.
    async fn unanswered(self, incarnation: u32, number: u64, limit: Duration, waits: Waits) -> CallError {
        if waits.0.as_ref().is_some_and(|ticket| ticket.was_dropped()) {
            return CallError::Overloaded;
        }
        self.why(incarnation, self.0.fix_deadline(number, limit)).await
    }

    async fn wait_for_room(self, mut envelope: Envelope<M>) -> Result<u64, CallError> {
        let Some(call) = &mut envelope.call else { return Err(CallError::Overloaded) };
        match timeout_at(call.due.fix(), self.0.deliver(envelope)).await {
            Ok(Ok(number)) => Ok(number),
            Ok(Err(refused)) => Err(turned_away(&refused)),
            Err(_) => {
                self.0.note_refusal();
                Err(CallError::Overloaded)
            }
        }
    }

    /// The incarnation that the message was meant for is gone, or about to be.
    fn refusal(&self, incarnation: u32) -> CallError {
        match self.0.core.last_exit() {
            Some(reason) if self.0.core.has_ended(incarnation) => CallError::Died(reason),
            _ => CallError::Restarting,
        }
    }

    /// Why the reply was dropped: because the incarnation ended, or because its handler let go of it and went on.
    ///
    /// A handler that fails drops the reply before its failure is known, so this waits for the handler to be done.
    async fn why(self, incarnation: u32, deadline: Instant) -> CallError {
        let core = &self.0.core;
        if self.0.skips_expired() && deadline <= Instant::now() {
            return CallError::Timeout;
        }
        let _curious = Curious::new(core);
        let seen = core.progress.load(SeqCst);
        let idle = seen.is_multiple_of(2) && !core.is_being_stopped();
        let over = timeout_at(
            deadline,
            core.until(|core| {
                core.has_ended(incarnation)
                    || (core.phase() == Phase::Running && (idle || core.progress.load(SeqCst) != seen))
            }),
        );
        match over.await {
            Ok(()) if core.has_ended(incarnation) => CallError::Died(core.last_exit().unwrap_or(ExitReason::Killed)),
            Ok(()) => CallError::NoReply,
            Err(_) => CallError::Timeout,
        }
    }
}

/// What has become of a call while its thread had anything else to do.
enum Soon<R> {
    Answered(R),
    /// The reply was dropped.
    Dropped,
    NotYet,
}

/// The answer, if it comes before this thread has nothing else to do.
///
/// A timer costs more than the rest of a call: it may have to wake the thread that waits for the next one. A server that is
/// idle is run next by the thread of its caller, so most answers come before there is a need for it.
fn soon<R>(
    answer: &mut oneshot::Receiver<R>,
    mut others: Pin<&mut impl Future<Output = ()>>,
) -> impl Future<Output = Soon<R>> {
    let mut asked = false;
    poll_fn(move |task| {
        match Pin::new(&mut *answer).poll(task) {
            Poll::Ready(Ok(answer)) => return Poll::Ready(Soon::Answered(answer)),
            Poll::Ready(Err(_)) => return Poll::Ready(Soon::Dropped),
            Poll::Pending if std::mem::replace(&mut asked, true) => return Poll::Ready(Soon::NotYet),
            Poll::Pending => {}
        }
        // It is woken again when the others have run, which is not before those that are about to.
        others.as_mut().poll(task).map(|()| Soon::NotYet)
    })
}

/// Has the loop tell when it is done with a message.
struct Curious<'a>(&'a Core);

impl<'a> Curious<'a> {
    fn new(core: &'a Core) -> Self {
        core.curious.fetch_add(1, SeqCst);
        Self(core)
    }
}

impl Drop for Curious<'_> {
    fn drop(&mut self) {
        self.0.curious.fetch_sub(1, SeqCst);
    }
}

fn turned_away<E>(refused: &Refused<E>) -> CallError {
    match refused {
        Refused::Closed(_) => CallError::NotRunning,
        Refused::Full(_) | Refused::Overloaded(_) | Refused::Dropped(_) => CallError::Overloaded,
    }
}

/// A number for the task that runs now, 0 outside of one.
pub(crate) fn current_task() -> u64 {
    struct Number(u64);

    impl Hasher for Number {
        fn finish(&self) -> u64 {
            self.0
        }

        fn write(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                self.0 = self.0.rotate_left(8) ^ u64::from(byte);
            }
        }

        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
    }

    tokio::task::try_id().map_or(0, |id| {
        let mut number = Number(0);
        id.hash(&mut number);
        number.finish()
    })
}

pub(crate) fn is_current(task: u64) -> bool {
    task != 0 && task == current_task()
}
