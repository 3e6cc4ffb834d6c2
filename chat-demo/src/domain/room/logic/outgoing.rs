//! What has been said and is not stored yet.

use std::collections::VecDeque;

use crate::domain::Draft;

/// Drafts in the order in which they came, each with a place (`P`) to wait in and those (`W`) who wait for it to be stored.
///
/// At most one batch is on its way to the store at a time, so that the order in which drafts came is
/// the order in which they are numbered. The same message, sent again while it waits, waits once.
#[derive(Debug)]
pub(crate) struct Outgoing<P, W> {
    capacity: usize,
    waiting: VecDeque<Waiting<P, W>>,
    /// How many of `waiting`, from its front, are on their way.
    in_flight: usize,
}

#[derive(Debug)]
struct Waiting<P, W> {
    draft: Draft,
    _place: P,
    waiters: Vec<W>,
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

impl<P, W> Outgoing<P, W> {
    /// Room for `capacity` drafts.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: VecDeque::new(), in_flight: 0 }
    }

    /// Takes in `draft`, for which `waiter` waits, if there is a `place` for it.
    pub(crate) fn offer(&mut self, draft: Draft, waiter: W, place: impl FnOnce() -> Option<P>) -> Offer<W> {
        let same = |waiting: &&mut Waiting<P, W>| {
            waiting.draft.author.id == draft.author.id && waiting.draft.client_id == draft.client_id
        };
        if let Some(Waiting { waiters, .. }) = self.waiting.iter_mut().find(same) {
            if waiters.len() >= MAX_WAITERS {
                return Offer::Full(waiter);
            }
            waiters.push(waiter);
            return Offer::Waits;
        }
        if self.waiting.len() >= self.capacity {
            return Offer::Full(waiter);
        }
        let Some(place) = place() else { return Offer::Full(waiter) };
        self.waiting.push_back(Waiting { draft, _place: place, waiters: vec![waiter] });
        Offer::Waits
    }

    /// The next drafts to store, `max` of them at most; none while others are on their way.
    pub(crate) fn next_batch(&mut self, max: usize) -> Option<Vec<Draft>> {
        if self.in_flight > 0 || self.waiting.is_empty() {
            return None;
        }
        self.in_flight = self.waiting.len().min(max);
        Some(self.waiting.iter().take(self.in_flight).map(|waiting| waiting.draft.clone()).collect())
    }

    /// The batch on its way has arrived: who waited for each of its drafts, in order.
    pub(crate) fn batch_done(&mut self) -> Vec<(Draft, Vec<W>)> {
        let arrived = std::mem::take(&mut self.in_flight);
        self.take(arrived)
    }

    /// The batch on its way was given up, and what waits behind it fares no better: who waited for each of all drafts.
    pub(crate) fn give_up(&mut self) -> Vec<(Draft, Vec<W>)> {
        self.in_flight = 0;
        self.take(self.waiting.len())
    }

    fn take(&mut self, count: usize) -> Vec<(Draft, Vec<W>)> {
        self.waiting.drain(..count).map(|waiting| (waiting.draft, waiting.waiters)).collect()
    }

    /// How many drafts are not stored yet.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::rc::Rc;

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
        let place = || Some(());
        assert_eq!(outgoing.offer(draft(1, "client-a"), 'a', place), Offer::Waits);
        assert_eq!(outgoing.offer(draft(1, "client-a"), 'b', place), Offer::Waits);
        assert_eq!(outgoing.offer(draft(2, "client-a"), 'c', place), Offer::Waits, "another author");
        assert_eq!(outgoing.offer(draft(1, "client-d"), 'd', place), Offer::Full('d'));
        assert_eq!(outgoing.next_batch(10).unwrap().len(), 2);
        assert_eq!(outgoing.next_batch(10), None, "one batch at a time");
        assert_eq!(outgoing.offer(draft(1, "client-a"), 'e', place), Offer::Waits, "while it is on its way");
        let waiters: Vec<_> = outgoing.batch_done().into_iter().map(|(_, waiters)| waiters).collect();
        assert_eq!(waiters, [vec!['a', 'b', 'e'], vec!['c']]);
        assert_eq!(outgoing.next_batch(10), None);
    }

    #[test]
    fn a_draft_has_its_place_until_it_has_arrived_or_is_given_up() {
        let places = Rc::new(());
        let free = || (Rc::strong_count(&places) < 4).then(|| Rc::clone(&places));
        let mut outgoing = Outgoing::new(10);
        for author in 1..=3 {
            assert_eq!(outgoing.offer(draft(author, "client-a"), author, free), Offer::Waits);
        }
        assert_eq!(outgoing.offer(draft(4, "client-a"), 4, free), Offer::Full(4));
        assert_eq!(outgoing.offer(draft(3, "client-a"), 5, free), Offer::Waits, "it has a place");
        assert_eq!(outgoing.next_batch(2).unwrap().len(), 2);
        assert_eq!(outgoing.batch_done().len(), 2);
        assert_eq!(outgoing.offer(draft(4, "client-a"), 4, free), Offer::Waits);
        assert_eq!(outgoing.next_batch(1).unwrap().len(), 1);
        let waiters: Vec<_> = outgoing.give_up().into_iter().map(|(_, waiters)| waiters).collect();
        assert_eq!(waiters, [vec![3, 5], vec![4]]);
        assert_eq!((outgoing.len(), outgoing.next_batch(1), Rc::strong_count(&places)), (0, None, 1));
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
                let offer = outgoing.offer(draft(1, &id), (), || Some(()));
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
