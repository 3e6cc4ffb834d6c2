//! A mailbox that outlives the incarnations that read it.
//!
//! # Invariants
//!
//! 1. One incarnation reads at a time: the one that is alive.
//! 2. Mail that an ended incarnation leaves is dropped, unless the spec keeps it, before the end is told; and once more before
//!    the next one is up, for what was sent in between. So a sender never waits for a reply from a message that nobody
//!    will read.
//! 3. Once the spec is gone it is empty for good, and sends fail.
//! 4. Where there is room and a line of senders, the first of the line has been told: by the reader that made the room, or by the
//!    one that left the line before it. When nobody will make room any more, all of the line are told.

use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use registry::{ExitReason, ProcessRef};
use tokio::task::coop::cooperative;
use tokio::time::Instant;

use super::bonds::{Exited, Signal, Signals};
use super::envelope::{Envelope, Ticket};
use super::overflow::{MailboxStats, Overflow};
use super::queue::{Push, Queue};
use crate::child::{Core, Phase, Seat, Settings, panics};
use crate::sync::{AtomicBool, Mutex, MutexGuard};

pub(crate) struct Slot<M> {
    pub(super) core: Core,
    keep_mail: AtomicBool,
    skip_expired: AtomicBool,
    drops_oldest: AtomicBool,
    /// Whether there are signals in the queue: looked at before each message, so without its lock.
    signalled: AtomicBool,
    /// The incarnation that has handled its last message, and terminates.
    pub(super) leaving: AtomicU32,
    queue: Mutex<Queue<M>>,
}

/// Why a message is not in the mailbox.
pub(super) enum Refused<M> {
    /// There may be room later.
    Full(M),
    /// There is no room, and its sender is told.
    Overloaded(M),
    /// There is no room, and its sender is not told.
    Dropped(M),
    Closed(M),
}

impl<M: Send + 'static> Slot<M> {
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            core: Core::new(settings.id.clone(), settings.restart),
            keep_mail: AtomicBool::new(settings.keep_mail),
            skip_expired: AtomicBool::new(settings.skip_expired),
            drops_oldest: AtomicBool::new(settings.overflow == Overflow::DropOldest),
            signalled: AtomicBool::new(false),
            leaving: AtomicU32::new(0),
            queue: Mutex::new(Queue::new(settings.mailbox, settings.overflow)),
        })
    }

    /// What tells it from others.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(&self.core).addr()
    }

    /// What is not handled when an incarnation ends is left for the next one.
    pub(super) fn keeps_mail(&self) -> bool {
        self.keep_mail.load(Relaxed)
    }

    /// Calls whose time is over are not handled.
    pub(super) fn skips_expired(&self) -> bool {
        self.skip_expired.load(Relaxed)
    }

    /// Messages make room for others.
    pub(super) fn drops_oldest(&self) -> bool {
        self.drops_oldest.load(Relaxed)
    }

    /// Prepares it for a new incarnation: without what was sent to the last one. `false` once the spec is gone.
    pub(crate) fn open(&self) -> bool {
        // It has had a process from its beginning on, and may have heard of others' ends already.
        self.leave(Some(self.core.incarnation()));
        !self.queue.lock().closed
    }

    /// The spec is gone.
    pub(crate) fn close(&self) {
        self.core.close();
        let mut queue = self.queue.lock();
        queue.closed = true;
        self.empty(queue);
    }

    /// Sends whatever the phase, waiting for room. `None` once the spec is gone.
    pub(crate) async fn send(&self, message: M) -> Option<()> {
        self.deliver(Envelope { message, call: None }).await.ok().map(drop)
    }

    /// Puts it in if there is room, or does what is to be done when there is none. Returns its number.
    #[inline]
    pub(super) fn offer(&self, envelope: Envelope<M>) -> Result<u64, Refused<Envelope<M>>> {
        let outcome = self.queue.lock().push(envelope, None);
        self.settle(outcome)
    }

    /// Puts it in, and waits for room if need be: as long as there is a server, or will be.
    pub(super) async fn deliver(&self, envelope: Envelope<M>) -> Result<u64, Refused<Envelope<M>>> {
        let mut envelope = Some(envelope);
        let mut place = Place { slot: self, number: None };
        poll_fn(|task| {
            let Some(mine) = envelope.take() else { unreachable!("not polled after its end") };
            // Cloned before the lock, and dropped after it: wakers are somebody else's code.
            let waker = task.waker().clone();
            let mut queue = self.queue.lock();
            // Looked at under the lock: who is in line by then is woken by the end.
            let outcome = if self.is_down() { Push::Closed(mine) } else { queue.push(mine, place.number) };
            if let Push::Full(back) = outcome {
                let stale = queue.line.wait(&mut place.number, waker);
                drop(queue);
                drop(stale);
                envelope = Some(back);
                return Poll::Pending;
            }
            drop(queue);
            Poll::Ready(self.settle(outcome))
        })
        .await
    }

    #[inline]
    fn settle(&self, outcome: Push<M>) -> Result<u64, Refused<Envelope<M>>> {
        let (number, reader) = match outcome {
            Push::In(number, reader) => (number, reader),
            Push::Instead(oldest, number, reader) => {
                // Before the message goes, and its reply with it.
                if let Some(ticket) = oldest.call.as_ref().and_then(|call| call.ticket.as_ref()) {
                    ticket.drop_message();
                }
                discard(oldest);
                (number, reader)
            }
            Push::Full(envelope) => return Err(Refused::Full(envelope)),
            Push::Refused(envelope) => return Err(Refused::Overloaded(envelope)),
            Push::Dropped(envelope) => return Err(Refused::Dropped(envelope)),
            Push::Closed(envelope) => return Err(Refused::Closed(envelope)),
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(number)
    }

    /// Tells this incarnation of the end of another process.
    pub(super) fn send_signal(&self, incarnation: u32, signal: Signal) {
        let reader = {
            let mut queue = self.queue.lock();
            queue.signals.get_or_insert_default().push(incarnation, signal);
            self.signalled.store(true, Release);
            queue.reader.wanted()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// A reader that has found neither mail nor signals before looks again: a signal that it did not see then wakes it.
    pub(super) fn has_signals(&self) -> bool {
        self.signalled.load(Acquire)
    }

    pub(super) fn edit_signals<R: Default>(&self, edit: impl FnOnce(&mut Signals) -> R) -> R {
        let mut queue = self.queue.lock();
        let Some(signals) = &mut queue.signals else { return R::default() };
        let result = edit(signals);
        let empty = signals.is_empty();
        self.signalled.store(!empty, Release);
        result
    }

    /// The next message. It never ends.
    #[inline]
    pub(super) fn poll_receive(&self, task: &Context<'_>) -> Poll<M> {
        loop {
            let mut queue = self.queue.lock();
            // In case of a panic there is nothing to be dropped: so it stays in registers.
            let Some(message) = queue.pop().map(ManuallyDrop::new) else {
                let previous = queue.reader.wait(task.waker());
                drop(queue);
                drop(previous);
                return Poll::Pending;
            };
            let sender = queue.next_sender();
            let expired = self.skips_expired() && queue.is_in_vain();
            queue.expired += u64::from(expired);
            drop(queue);
            if let Some(sender) = sender {
                sender.wake();
            }
            let message = ManuallyDrop::into_inner(message);
            if expired {
                discard(message);
                continue;
            }
            return Poll::Ready(message);
        }
    }

    /// The next message, for a reader that is no server.
    pub(crate) async fn receive(&self) -> M {
        cooperative(poll_fn(|task| self.poll_receive(task))).await
    }

    pub(super) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.queue.lock().capacity()
    }

    pub(super) fn stats(&self) -> MailboxStats {
        let queue = self.queue.lock();
        MailboxStats {
            len: queue.len(),
            capacity: queue.capacity(),
            waiting: queue.line.len(),
            refused: queue.refused,
            dropped: queue.dropped,
            expired: queue.expired,
        }
    }

    /// When the caller of this message gives up: in its time from now on, unless its handler has asked before.
    pub(super) fn fix_deadline(&self, number: u64, limit: Duration) -> Instant {
        self.queue.lock().fix_deadline(number, limit)
    }

    /// When the caller of the message in hand gives up.
    pub(super) fn deadline_in_hand(&self) -> Option<Instant> {
        self.queue.lock().deadline_in_hand()
    }

    /// The line of calls that the message in hand is part of.
    pub(super) fn ticket_in_hand(&self) -> Option<Arc<Ticket>> {
        self.queue.lock().ticket_in_hand()
    }

    /// A message was refused because there was no room.
    pub(super) fn note_refusal(&self) {
        self.queue.lock().refused += 1;
    }

    /// Has all who wait for room look whether there will be any.
    pub(super) fn wake_line(&self) {
        let line = self.queue.lock().line.all();
        line.into_iter().for_each(Waker::wake);
    }

    /// Whether nobody reads it, and nobody is about to.
    fn is_down(&self) -> bool {
        matches!(self.core.phase(), Phase::Down | Phase::Ended)
    }

    /// Drops what an incarnation leaves, and all signals but those to the next one.
    fn leave(&self, next: Option<u32>) {
        let signals = {
            let mut queue = self.queue.lock();
            let signals = queue.signals.take();
            let (kept, stale) = signals.map_or_else(Default::default, |signals| signals.split(next));
            self.signalled.store(kept.is_some(), Release);
            queue.signals = kept;
            stale
        };
        drop(signals);
        if self.keeps_mail() {
            let reader = self.queue.lock().reader.leave();
            drop(reader);
            self.wake_line();
        } else {
            self.empty(self.queue.lock());
        }
    }

    /// Drops what is in it, and forgets who read it.
    fn empty(&self, mut queue: MutexGuard<'_, Queue<M>>) {
        let mail = queue.drain();
        let reader = queue.reader.leave();
        let line = queue.line.all();
        drop(queue);
        drop(reader);
        mail.into_iter().for_each(discard);
        line.into_iter().for_each(Waker::wake);
    }
}

impl<M: Send + 'static> Seat for Slot<M> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn signal(&self, incarnation: u32, process: &ProcessRef, reason: &ExitReason) {
        let exited = Exited { process: process.clone(), reason: reason.clone() };
        self.send_signal(incarnation, Signal::Exited(exited));
    }

    fn configure(&self, settings: &Settings) {
        self.core.set_restart(settings.restart);
        self.keep_mail.store(settings.keep_mail, Relaxed);
        self.skip_expired.store(settings.skip_expired, Relaxed);
        self.drops_oldest.store(settings.overflow == Overflow::DropOldest, Relaxed);
        let line = {
            let mut queue = self.queue.lock();
            queue.resize(settings.mailbox, settings.overflow);
            // There may be room for some, or no more waiting for any.
            queue.line.all()
        };
        line.into_iter().for_each(Waker::wake);
    }

    fn mailbox(&self) -> Option<MailboxStats> {
        Some(self.stats())
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + self.len() * size_of::<Envelope<M>>()
    }

    fn vacate(&self) {
        self.leave(None);
    }
}

/// Drops a user's value, whose Drop may panic.
fn discard<T>(value: T) {
    if panics(|| drop(value)) {
        tracing::error!("a message panicked while it was dropped");
    }
}

/// A place in the line for room, once there is one.
struct Place<'a, M> {
    slot: &'a Slot<M>,
    number: Option<u64>,
}

impl<M> Drop for Place<'_, M> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let (stale, next) = {
            let mut queue = self.slot.queue.lock();
            (queue.line.leave(number), queue.next_sender())
        };
        drop(stale);
        if let Some(next) = next {
            next.wake();
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use registry::Process;

    use super::*;

    #[test]
    fn s8_4_what_an_incarnation_hears_before_its_first_look_is_not_lost() {
        let slot = Slot::<()>::new(&Settings::new("a".into()));
        let seat: Arc<dyn Seat> = Arc::clone(&slot) as _;
        slot.core.begin();
        slot.send_signal(0, Signal::Exited(Exited { process: seat.process(0), reason: ExitReason::Killed }));
        // Linked by somebody who saw that it starts, before its task has run.
        let other = Process::new();
        seat.process(1).link(&other.reference());
        other.end(ExitReason::Killed);
        assert!(slot.open() && slot.has_signals());
        let heard = slot.edit_signals(|signals| std::iter::from_fn(|| signals.pop(1)).count());
        assert_eq!((heard, slot.has_signals()), (1, false), "and what is not its own is");
    }
}
