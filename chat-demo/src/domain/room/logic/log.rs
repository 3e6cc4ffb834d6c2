//! The end of a room's history, kept at hand.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use thiserror::Error;

use crate::domain::{ClientId, Message, PersonId, Seq};

/// The last messages of a room, numbered without a gap.
///
/// **Invariant:** `recent` holds consecutive numbers, the greatest of which is `last`; `known` has
/// one entry for each of them.
#[derive(Debug)]
pub(crate) struct Log {
    capacity: usize,
    last: Seq,
    recent: VecDeque<Arc<Message>>,
    known: HashMap<(PersonId, ClientId), Seq>,
}

/// What a stored message was to the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The next one: the room is to be told.
    Next(Arc<Message>),
    /// One that the room has been told already.
    Old,
}

/// A stored message that does not follow the last one: the log is behind the store.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("message {found} was stored after {last}")]
pub(crate) struct Gap {
    last: Seq,
    found: Seq,
}

/// What somebody who has seen everything up to some number has missed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The number of the room's last message.
    pub(crate) last: Seq,
    /// Missed messages that are older than the log: everything after the first number and before
    /// the second.
    pub(crate) older: Option<(Seq, Seq)>,
    /// Missed messages that the log has, in order.
    pub(crate) recent: Vec<Arc<Message>>,
}

impl Log {
    /// The log of a room in which nothing has been said.
    pub(crate) fn empty(capacity: usize) -> Self {
        Self { capacity, last: Seq(0), recent: VecDeque::new(), known: HashMap::new() }
    }

    /// A log of up to `capacity` messages that begins with the end of the stored history.
    pub(crate) fn new(capacity: usize, history: Vec<Message>) -> Result<Self, Gap> {
        let mut log = Self::empty(capacity);
        if let Some(first) = history.first() {
            log.last = Seq(first.seq.0.saturating_sub(1));
        }
        for message in history {
            log.apply(message)?;
        }
        Ok(log)
    }

    /// The number of the last message, 0 in a silent room.
    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// The message that `author` sent as `id`, if it is still at hand.
    pub(crate) fn find(&self, author: PersonId, id: &ClientId) -> Option<&Arc<Message>> {
        self.message(*self.known.get(&(author, id.clone()))?)
    }

    fn message(&self, seq: Seq) -> Option<&Arc<Message>> {
        let first = self.recent.front()?.seq;
        self.recent.get(usize::try_from(seq.0.checked_sub(first.0)?).ok()?)
    }

    /// Adds a message that has been stored.
    pub(crate) fn apply(&mut self, message: Message) -> Result<Applied, Gap> {
        if message.seq <= self.last {
            return Ok(Applied::Old);
        }
        if message.seq != self.last.next() {
            return Err(Gap { last: self.last, found: message.seq });
        }
        let message = Arc::new(message);
        self.last = message.seq;
        self.known.insert((message.author.id, message.client_id.clone()), message.seq);
        self.recent.push_back(Arc::clone(&message));
        if self.recent.len() > self.capacity
            && let Some(gone) = self.recent.pop_front()
        {
            self.known.remove(&(gone.author.id, gone.client_id.clone()));
        }
        Ok(Applied::Next(message))
    }

    /// A message that was said before is something else now.
    pub(crate) fn change(&mut self, message: &Arc<Message>) {
        let Some(first) = self.recent.front().map(|first| first.seq) else { return };
        let place = message.seq.0.checked_sub(first.0).and_then(|place| usize::try_from(place).ok());
        if let Some(known) = place.and_then(|place| self.recent.get_mut(place)) {
            *known = Arc::clone(message);
        }
    }

    /// What has been missed after `after`.
    pub(crate) fn resume(&self, after: Seq) -> Resume {
        let first = self.recent.front().map_or(self.last.next(), |first| first.seq);
        let older = (after.next() < first).then_some((after, first));
        let seen = usize::try_from(after.next().0.saturating_sub(first.0)).unwrap_or(usize::MAX);
        let recent = self.recent.iter().skip(seen).cloned().collect();
        Resume { last: self.last, older, recent }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Revision;
    use crate::domain::room::logic::outgoing::tests::draft;

    fn message(seq: u64) -> Message {
        draft(1, &format!("client-{seq}")).numbered(Seq(seq))
    }

    fn seqs(messages: &[Arc<Message>]) -> Vec<u64> {
        messages.iter().map(|message| message.seq.0).collect()
    }

    #[test]
    fn a_gap_is_refused_and_changes_nothing() {
        let mut log = Log::new(10, vec![message(3), message(4)]).unwrap();
        assert_eq!(log.apply(message(6)), Err(Gap { last: Seq(4), found: Seq(6) }));
        assert_eq!(log.last(), Seq(4));
        assert_eq!(log.apply(message(4)), Ok(Applied::Old));
        assert!(matches!(log.apply(message(5)), Ok(Applied::Next(_))));
        assert!(Log::new(10, vec![message(3), message(5)]).is_err());
    }

    #[test]
    fn what_is_older_than_the_log_is_said() {
        let log = Log::new(2, (1..=5).map(message).collect()).unwrap();
        let resume = log.resume(Seq(1));
        assert_eq!((resume.older, seqs(&resume.recent)), (Some((Seq(1), Seq(4))), vec![4, 5]));
        let resume = log.resume(Seq(3));
        assert_eq!((resume.older, seqs(&resume.recent)), (None, vec![4, 5]));
        let resume = log.resume(Seq(5));
        assert_eq!((resume.older, seqs(&resume.recent)), (None, vec![]));
        assert_eq!(log.message(Seq(4)).unwrap().seq, Seq(4));
        assert_eq!((log.message(Seq(3)), log.message(Seq(6))), (None, None));
    }

    #[test]
    fn whoever_comes_later_gets_a_message_as_it_is_now() {
        let mut log = Log::new(2, (1..=5).map(message).collect()).unwrap();
        let changed = Arc::new(Message { revision: Revision(1), ..message(4) });
        log.change(&changed);
        log.change(&Arc::new(Message { revision: Revision(2), ..message(1) }));
        assert_eq!(log.resume(Seq(3)).recent, [changed, Arc::new(message(5))]);
    }

    proptest! {
        /// Against the naive model: the whole history in a vector.
        #[test]
        fn resuming_gives_the_whole_rest_in_order(
            start in 1u64..50, length in 0u64..60, capacity in 1usize..20, after in 0u64..120,
        ) {
            let history: Vec<u64> = (start..start + length).collect();
            let mut log = Log::new(capacity, Vec::new()).unwrap();
            if start > 1 {
                log = Log::new(capacity, vec![message(start - 1)]).unwrap();
            }
            for &seq in &history {
                prop_assert!(matches!(log.apply(message(seq)), Ok(Applied::Next(_))));
                prop_assert_eq!(log.find(PersonId(1), &message(seq).client_id).map(|found| found.seq), Some(Seq(seq)));
            }
            let resume = log.resume(Seq(after));
            let mut missed: Vec<u64> = Vec::new();
            if let Some((after, before)) = resume.older {
                missed.extend(after.0 + 1..before.0);
            }
            missed.extend(seqs(&resume.recent));
            let expected: Vec<u64> = (after + 1..start + length).collect();
            prop_assert_eq!(missed, expected);
            prop_assert!(resume.recent.len() <= capacity);
        }
    }
}
