//! What has been said and is not stored yet.

use std::collections::VecDeque;

use crate::domain::Draft;

/// Drafts in the order in which they came, each with those (`W`) who wait for it to be stored.
///
/// At most one batch is on its way to the store at a time, so that the order in which drafts came is
/// the order in which they are numbered. The same message, sent again while it waits, waits once.
#[derive(Debug)]
pub(crate) struct Outgoing<W> {
    capacity: usize,
    waiting: VecDeque<(Draft, Vec<W>)>,
    /// How many of `waiting`, from its front, are on their way.
    in_flight: usize,
}

/// What became of a draft that was offered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer<W> {
    /// It waits, as a new draft or along with the one that was the same.
    Waits,
    /// There is no room for it.
    Full(W),
}

/// How many wait for one message; a client that repeats itself is not remembered without end.
const MAX_WAITERS: usize = 8;

impl<W> Outgoing<W> {
    /// Room for `capacity` drafts.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: VecDeque::new(), in_flight: 0 }
    }

    /// Takes in `draft`, for which `waiter` waits.
    pub(crate) fn offer(&mut self, draft: Draft, waiter: W) -> Offer<W> {
        let same = |(waiting, _): &&mut (Draft, Vec<W>)| {
            waiting.author.id == draft.author.id && waiting.client_id == draft.client_id
        };
        if let Some((_, waiters)) = self.waiting.iter_mut().find(same) {
            if waiters.len() >= MAX_WAITERS {
                return Offer::Full(waiter);
            }
            waiters.push(waiter);
            return Offer::Waits;
        }
        if self.waiting.len() >= self.capacity {
            return Offer::Full(waiter);
        }
        self.waiting.push_back((draft, vec![waiter]));
        Offer::Waits
    }

    /// The next drafts to store, `max` of them at most; none while others are on their way.
    pub(crate) fn next_batch(&mut self, max: usize) -> Option<Vec<Draft>> {
        if self.in_flight > 0 || self.waiting.is_empty() {
            return None;
        }
        self.in_flight = self.waiting.len().min(max);
        Some(self.waiting.iter().take(self.in_flight).map(|(draft, _)| draft.clone()).collect())
    }

    /// The batch on its way has arrived: who waited for each of its drafts, in order.
    pub(crate) fn batch_done(&mut self) -> Vec<(Draft, Vec<W>)> {
        let batch = self.waiting.drain(..self.in_flight).collect();
        self.in_flight = 0;
        batch
    }

    /// How many drafts are not stored yet.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Body, ClientId, DisplayName, Kind, Person, PersonId, UnixMillis};

    pub(in crate::domain::room::logic) fn draft(author: i64, client_id: &str) -> Draft {
        Draft {
            author: Person { id: PersonId(author), name: DisplayName::parse("Ada").unwrap() },
            client_id: ClientId::parse(client_id).unwrap(),
            kind: Kind::Text,
            body: Body::parse("hello").unwrap(),
            attachment: None,
            at: UnixMillis(0),
        }
    }

    #[test]
    fn the_same_message_waits_once() {
        let mut outgoing = Outgoing::new(2);
        assert_eq!(outgoing.offer(draft(1, "client-a"), 'a'), Offer::Waits);
        assert_eq!(outgoing.offer(draft(1, "client-a"), 'b'), Offer::Waits);
        assert_eq!(outgoing.offer(draft(2, "client-a"), 'c'), Offer::Waits, "another author");
        assert_eq!(outgoing.offer(draft(1, "client-d"), 'd'), Offer::Full('d'));
        assert_eq!(outgoing.next_batch(10).unwrap().len(), 2);
        assert_eq!(outgoing.next_batch(10), None, "one batch at a time");
        assert_eq!(outgoing.offer(draft(1, "client-a"), 'e'), Offer::Waits, "while it is on its way");
        let waiters: Vec<_> = outgoing.batch_done().into_iter().map(|(_, waiters)| waiters).collect();
        assert_eq!(waiters, [vec!['a', 'b', 'e'], vec!['c']]);
        assert_eq!(outgoing.next_batch(10), None);
    }

    proptest! {
        #[test]
        fn batches_keep_the_order_and_lose_nothing(
            steps in prop::collection::vec((0u8..30, prop::bool::ANY), 0..200), max in 1usize..8,
        ) {
            let mut outgoing = Outgoing::new(20);
            let mut accepted: Vec<String> = Vec::new();
            let mut stored: Vec<String> = Vec::new();
            for (n, arrives) in steps {
                let id = format!("client-{n}");
                let waits = accepted[stored.len()..].contains(&id);
                let offer = outgoing.offer(draft(1, &id), ());
                if offer == Offer::Waits && !waits {
                    accepted.push(id);
                }
                let _ = outgoing.next_batch(max);
                if arrives {
                    stored.extend(outgoing.batch_done().iter().map(|(d, _)| d.client_id.as_str().to_owned()));
                }
                prop_assert_eq!(outgoing.len(), accepted.len() - stored.len());
                prop_assert!(outgoing.len() <= 20);
            }
            while outgoing.next_batch(max).is_some() || outgoing.len() > 0 {
                stored.extend(outgoing.batch_done().iter().map(|(d, _)| d.client_id.as_str().to_owned()));
            }
            prop_assert_eq!(stored, accepted);
        }
    }
}
