//! The contents of a mailbox. No code of the user runs in here: whatever is to be dropped or woken is handed out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::bonds::Signals;
use super::envelope::{Call, Envelope, Ticket, after};
use super::line::Line;
use super::overflow::Overflow;

/// Up to here the room for messages is kept when there are no more of them.
const KEPT_ROOM: usize = 64;

pub(super) struct Queue<M> {
    mail: VecDeque<Envelope<M>>,
    capacity: usize,
    overflow: Overflow,
    /// How many messages have left it; so the number of the first that is in it.
    left: u64,
    /// The number of the message that is handled, and the call that it is part of. It stays in here, since few handlers ask.
    in_hand: u64,
    hand: Option<Call>,
    /// News of the ends of other processes: not mail, and never more than was asked for.
    pub(super) signals: Option<Box<Signals>>,
    pub(super) closed: bool,
    /// Senders that wait for room. While there is a line, newcomers go to its end.
    pub(super) line: Line,
    pub(super) reader: Reader,
    pub(super) refused: u64,
    pub(super) dropped: u64,
    pub(super) expired: u64,
}

/// Who reads the mailbox. It is a task of tokio's, whose wakers are counters: they are cloned and compared under the lock, and
/// woken and dropped outside of it.
#[derive(Default)]
pub(super) struct Reader {
    waker: Option<Waker>,
    waits: bool,
}

impl Reader {
    /// The reader has found nothing. Returns the waker of another reader, to be dropped.
    #[inline]
    pub(super) fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        self.waits = true;
        if self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return None;
        }
        self.waker.replace(waker.clone())
    }

    /// There is something: whom to wake.
    #[inline]
    pub(super) fn wanted(&mut self) -> Option<Waker> {
        std::mem::take(&mut self.waits).then(|| self.waker.clone()).flatten()
    }

    /// There is no reader any more.
    pub(super) fn leave(&mut self) -> Option<Waker> {
        self.waits = false;
        self.waker.take()
    }
}

/// What became of a message.
pub(super) enum Push<M> {
    /// It is in, under this number; the reader is to be woken.
    In(u64, Option<Waker>),
    /// It is in, and this one is not any more.
    Instead(Envelope<M>, u64, Option<Waker>),
    /// There is no room, and there may be later.
    Full(Envelope<M>),
    /// There is no room, and that is that.
    Refused(Envelope<M>),
    /// There is no room, and its sender is not to be told.
    Dropped(Envelope<M>),
    Closed(Envelope<M>),
}

impl<M> Queue<M> {
    pub(super) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self {
            mail: VecDeque::new(),
            capacity,
            overflow,
            left: 0,
            in_hand: u64::MAX,
            hand: None,
            signals: None,
            closed: false,
            line: Line::default(),
            reader: Reader::default(),
            refused: 0,
            dropped: 0,
            expired: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.mail.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// What is in it stays, also when it is more than there is room for from now on.
    pub(super) fn resize(&mut self, capacity: usize, overflow: Overflow) {
        (self.capacity, self.overflow) = (capacity, overflow);
    }

    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.mail.len() < self.capacity
    }

    /// `place` for a sender that has waited.
    #[inline]
    pub(super) fn push(&mut self, envelope: Envelope<M>, place: Option<u64>) -> Push<M> {
        if self.closed {
            return Push::Closed(envelope);
        }
        if self.has_room() && self.line.is_first(place) {
            self.mail.push_back(envelope);
            return Push::In(self.last(), self.reader.wanted());
        }
        self.overflow(envelope)
    }

    #[cold]
    fn overflow(&mut self, envelope: Envelope<M>) -> Push<M> {
        match self.overflow {
            Overflow::Wait => Push::Full(envelope),
            Overflow::Refuse => {
                self.refused += 1;
                Push::Refused(envelope)
            }
            Overflow::DropNewest => {
                self.dropped += 1;
                Push::Dropped(envelope)
            }
            Overflow::DropOldest => {
                let oldest = self.mail.pop_front();
                self.mail.push_back(envelope);
                let reader = self.reader.wanted();
                match oldest {
                    Some(oldest) => {
                        self.left += 1;
                        self.dropped += 1;
                        Push::Instead(oldest, self.last(), reader)
                    }
                    None => Push::In(self.last(), reader),
                }
            }
        }
    }

    fn last(&self) -> u64 {
        self.left + self.mail.len() as u64 - 1
    }

    /// Takes the next message in hand.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<M> {
        let Some(Envelope { message, call }) = self.mail.pop_front() else {
            self.give_room_back();
            return None;
        };
        self.in_hand = self.left;
        self.hand = call;
        self.left += 1;
        Some(message)
    }

    fn give_room_back(&mut self) {
        if self.mail.capacity() > KEPT_ROOM {
            self.mail = VecDeque::new();
        }
    }

    /// Whose turn it is to send, to be woken: the first of the line, if there is room.
    #[inline]
    pub(super) fn next_sender(&mut self) -> Option<Waker> {
        if self.has_room() { self.line.first() } else { None }
    }

    /// Everything that is in it.
    pub(super) fn drain(&mut self) -> VecDeque<Envelope<M>> {
        self.left += self.mail.len() as u64;
        std::mem::take(&mut self.mail)
    }

    /// When the caller of message number `number` gives up: in its time from now on, unless that is known already.
    pub(super) fn fix_deadline(&mut self, number: u64, limit: Duration) -> Instant {
        let call = if number == self.in_hand {
            self.hand.as_mut()
        } else {
            let place = number.checked_sub(self.left).and_then(|place| usize::try_from(place).ok());
            let envelope = place.and_then(|place| self.mail.get_mut(place));
            envelope.and_then(|envelope| envelope.call.as_mut())
        };
        call.map_or_else(|| after(Instant::now(), limit), |call| call.due.fix())
    }

    /// When the caller of the message in hand gives up.
    pub(super) fn deadline_in_hand(&mut self) -> Option<Instant> {
        self.hand.as_mut().map(|call| call.due.fix())
    }

    /// The line of calls that the message in hand is part of.
    pub(super) fn ticket_in_hand(&self) -> Option<Arc<Ticket>> {
        self.hand.as_ref()?.ticket.clone()
    }

    /// Whether the caller of the message in hand is known to have given up.
    pub(super) fn is_in_vain(&self) -> bool {
        self.hand.as_ref().is_some_and(|call| call.due.is_over())
    }
}
