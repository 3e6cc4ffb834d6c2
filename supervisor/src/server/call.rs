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
    /// When a call of it to this server gives up.
    fn due(&self, server: usize, limit: Duration) -> Result<Due, CallError> {
        if self.is_waited_for_by(server) {
            return Err(CallError::WouldDeadlock);
        }
        let now = Instant::now();
        let own = after(now, limit);
        let due = self.deadline.map_or(own, |deadline| deadline.min(own));
        if due <= now { Err(CallError::Timeout) } else { Ok(Due::At(due)) }
    }

    fn is_waited_for_by(&self, server: usize) -> bool {
        self.server == server || self.ticket.as_ref().is_some_and(|ticket| ticket.is_waited_for_by(server))
    }
}

/// The calls to one mailbox.
pub(crate) struct Caller<'a, M>(pub(crate) &'a Slot<M>);

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

    /// `line` for a call that is made to answer another one.
    pub(crate) async fn call<R>(
        &self,
        limit: Duration,
        line: Option<Line>,
        message: impl FnOnce(Reply<R>) -> M,
    ) -> Result<R, CallError> {
        let core = &self.0.core;
        let incarnation = self.admit()?;
        if is_current(core.task.load(Acquire)) {
            return Err(CallError::WouldDeadlock);
        }
        let due = match &line {
            Some(line) => line.due(self.0.address(), limit)?,
            None => Due::In(limit),
        };
        let ticket = match line {
            Some(line) => Some(Ticket::new(line.server, line.ticket)),
            None => self.0.drops_oldest().then(|| Ticket::new(0, None)),
        };
        let waits = Waits(ticket.clone());
        let (reply, mut answer) = oneshot::channel();
        let envelope = Envelope { message: message(Reply(reply)), call: Some(Call { due, ticket }) };
        let number = match self.0.offer(envelope) {
            Ok(number) => number,
            Err(Refused::Full(envelope)) => Box::pin(self.wait_for_room(envelope)).await?,
            Err(refused) => return Err(turned_away(&refused)),
        };
        // What was sent after the incarnation had ended lies in the mailbox until the next one throws it away.
        if core.incarnation() == incarnation && core.phase() != Phase::Running && !self.0.keeps_mail() {
            return answer.try_recv().map_err(|_| self.refusal(incarnation));
        }
        let answered = match soon(&mut answer).await {
            Some(answered) => Ok(answered),
            None => timeout_at(self.0.fix_deadline(number, limit), &mut answer).await,
        };
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) if waits.0.as_ref().is_some_and(|ticket| ticket.was_dropped()) => Err(CallError::Overloaded),
            Ok(Err(_)) => Err(self.why(incarnation, self.0.fix_deadline(number, limit)).await),
            Err(_) => Err(CallError::Timeout),
        }
    }

    async fn wait_for_room(&self, mut envelope: Envelope<M>) -> Result<u64, CallError> {
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
    async fn why(&self, incarnation: u32, deadline: Instant) -> CallError {
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

/// The answer, if it comes before this thread has nothing else to do.
///
/// A timer costs more than the rest of a call: it may have to wake the thread that waits for the next one. A server that is
/// idle is run next by the thread of its caller, so most answers come before there is a need for it.
async fn soon<R>(answer: &mut oneshot::Receiver<R>) -> Option<Result<R, oneshot::error::RecvError>> {
    let mut others = pin!(tokio::task::yield_now());
    let mut asked = false;
    poll_fn(|task| {
        if let Poll::Ready(answered) = Pin::new(&mut *answer).poll(task) {
            return Poll::Ready(Some(answered));
        }
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(None);
        }
        // It is woken again when the others have run, which is not before those that are about to.
        others.as_mut().poll(task).map(|()| None)
    })
    .await
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
