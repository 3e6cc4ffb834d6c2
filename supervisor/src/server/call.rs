//! Calls: a message with a way back, a deadline, and the truth about why there is no answer.

use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::{Acquire, SeqCst};
use std::task::Poll;
use std::time::Duration;

use registry::ExitReason;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::mailbox::Slot;
use super::reply::Reply;
use crate::child::{Core, Phase};
use crate::error::CallError;

/// How long a call waits for its answer unless told otherwise.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(5);

/// The calls to one mailbox.
pub(crate) struct Caller<'a, M>(pub(crate) &'a Slot<M>);

impl<M: Send + 'static> Caller<'_, M> {
    /// Whether mail is taken now. Who sends to itself is told by `call`.
    pub(crate) fn admit(&self) -> Result<u32, CallError> {
        let slot = self.0;
        let incarnation = slot.core.incarnation();
        match slot.core.phase() {
            Phase::Running => Ok(incarnation),
            Phase::Starting | Phase::Restarting if slot.keep_mail => Ok(incarnation),
            Phase::Starting if incarnation == 1 => Err(CallError::NotRunning),
            Phase::Starting | Phase::Restarting => Err(CallError::Restarting),
            Phase::Down | Phase::Ended => Err(CallError::NotRunning),
        }
    }

    pub(crate) async fn call<R>(&self, limit: Duration, message: impl FnOnce(Reply<R>) -> M) -> Result<R, CallError> {
        let core = &self.0.core;
        let incarnation = self.admit()?;
        if is_current(core.task.load(Acquire)) {
            return Err(CallError::WouldDeadlock);
        }
        let (reply, mut answer) = oneshot::channel();
        if let Err(refused) = self.0.sender.try_send(message(Reply(reply))) {
            return match refused {
                TrySendError::Closed(_) => Err(CallError::NotRunning),
                TrySendError::Full(message) => self.wait_for_room(limit, message, answer).await,
            };
        }
        // What was sent after the incarnation had ended lies in the mailbox until the next one throws it away.
        if core.incarnation() == incarnation && core.phase() != Phase::Running && !self.0.keep_mail {
            return answer.try_recv().map_err(|_| self.refusal(incarnation));
        }
        let answered = match soon(&mut answer).await {
            Some(answered) => Ok(answered),
            None => tokio::time::timeout(limit, &mut answer).await,
        };
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.why(incarnation, deadline(limit)).await),
            Err(_) => Err(CallError::Timeout),
        }
    }

    async fn wait_for_room<R>(
        &self,
        limit: Duration,
        message: M,
        mut answer: oneshot::Receiver<R>,
    ) -> Result<R, CallError> {
        let incarnation = self.0.core.incarnation();
        let deadline = deadline(limit);
        match timeout_at(deadline, self.0.sender.send(message)).await {
            Err(_) => return Err(CallError::Overloaded),
            Ok(Err(_)) => return Err(CallError::NotRunning),
            Ok(Ok(())) => {}
        }
        match timeout_at(deadline, &mut answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.why(incarnation, deadline).await),
            Err(_) => Err(CallError::Timeout),
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

fn deadline(limit: Duration) -> Instant {
    let now = Instant::now();
    // Thirty years from now is as good as never.
    now.checked_add(limit).unwrap_or(now + Duration::from_secs(60 * 60 * 24 * 365 * 30))
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

fn is_current(task: u64) -> bool {
    task != 0 && task == current_task()
}
