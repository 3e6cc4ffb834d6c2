//! What a room has to tell one of its connections, bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::domain::presence::PresenceChange;
use crate::domain::{Message, Person, PersonId};

/// Something that happened in a room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The next message.
    Message(Arc<Message>),
    /// A message was edited or deleted.
    Changed(Arc<Message>),
    /// Somebody has begun to write, or stopped.
    Typing(PersonId, bool),
    /// Somebody came, or has another name.
    Joined(Person),
    /// Somebody went.
    Left(PersonId),
    /// Somebody who is there is online or away now.
    Presence(PresenceChange),
    /// All who attend are to say so again.
    Attend,
    /// Everybody who is there.
    Members(Arc<[Person]>),
}

/// The room's end: it never waits. A connection that does not keep up is cut off.
#[derive(Debug)]
pub(crate) struct Outbox {
    events: mpsc::Sender<Event>,
    lagged: Arc<AtomicBool>,
}

/// The connection's end.
#[derive(Debug)]
pub(crate) struct Inbox {
    events: mpsc::Receiver<Event>,
    lagged: Arc<AtomicBool>,
}

/// There will be no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The connection did not keep up.
    Lagged,
    /// This incarnation of the room is over.
    Ended,
}

/// Two ends, with room for `capacity` events between them.
pub(crate) fn outbox(capacity: usize) -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::channel(capacity);
    let lagged = Arc::new(AtomicBool::new(false));
    (Outbox { events: sender, lagged: Arc::clone(&lagged) }, Inbox { events: receiver, lagged })
}

impl Outbox {
    /// Puts in an event; false if the connection is gone or has just been cut off, and the outbox is to
    /// be dropped.
    pub(crate) fn offer(&self, event: Event) -> bool {
        match self.events.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                self.lagged.store(true, Ordering::Release);
                false
            }
        }
    }
}

impl Inbox {
    /// The next event.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Event, Closed> {
        if self.has_lagged() {
            return Err(Closed::Lagged);
        }
        match self.events.recv().await {
            Some(event) => Ok(event),
            None if self.has_lagged() => Err(Closed::Lagged),
            None => Err(Closed::Ended),
        }
    }

    fn has_lagged(&self) -> bool {
        self.lagged.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_does_not_keep_up_is_told() {
        let (outbox, mut inbox) = outbox(2);
        assert!(outbox.offer(Event::Left(PersonId(1))));
        assert!(matches!(inbox.next().await, Ok(Event::Left(PersonId(1)))));
        assert!(outbox.offer(Event::Left(PersonId(2))) && outbox.offer(Event::Left(PersonId(3))));
        assert!(!outbox.offer(Event::Left(PersonId(4))));
        drop(outbox);
        assert!(matches!(inbox.next().await, Err(Closed::Lagged)), "at once, not after the rest");
    }

    #[tokio::test]
    async fn the_end_of_the_room_comes_after_its_last_words() {
        let (outbox, mut inbox) = outbox(2);
        assert!(outbox.offer(Event::Left(PersonId(1))));
        drop(outbox);
        assert!(inbox.next().await.is_ok());
        assert!(matches!(inbox.next().await, Err(Closed::Ended)));
    }

    #[tokio::test]
    async fn being_cut_off_while_waiting_is_no_end_of_the_room() {
        let (outbox, mut inbox) = outbox(1);
        let room = async {
            assert!(outbox.offer(Event::Left(PersonId(1))));
            assert!(!outbox.offer(Event::Left(PersonId(2))));
            drop(outbox);
        };
        let connection = async {
            let mut seen = Vec::new();
            loop {
                match inbox.next().await {
                    Ok(event) => seen.push(event),
                    Err(closed) => return (seen.len(), closed),
                }
            }
        };
        assert_eq!(tokio::join!(connection, room).0.1, Closed::Lagged);
    }
}
