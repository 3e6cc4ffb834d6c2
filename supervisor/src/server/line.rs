//! Senders that wait for room, in the order in which they came.

use std::collections::VecDeque;
use std::task::Waker;

/// Only the first one may send. It is woken when there is room, and the next one when it has gone, whether it has sent or given up:
/// so nobody overtakes, and no room is left that somebody waits for.
#[derive(Default)]
pub(super) struct Line {
    next: u64,
    /// Rising numbers. Without a waker once it has been woken, until it waits again.
    places: VecDeque<(u64, Option<Waker>)>,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it is the turn of this one; of one without a place, when nobody waits.
    pub(super) fn is_first(&self, place: Option<u64>) -> bool {
        self.places.front().map(|(first, _)| *first) == place
    }

    /// Waits at the end, or where it has a place. Returns a waker to be dropped.
    pub(super) fn wait(&mut self, place: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        if let Some(at) = place.and_then(|number| self.find(number)) {
            return self.places[at].1.replace(waker);
        }
        *place = Some(self.next);
        self.places.push_back((self.next, Some(waker)));
        self.next += 1;
        None
    }

    /// Gives a place up. Returns a waker to be dropped.
    pub(super) fn leave(&mut self, number: u64) -> Option<Waker> {
        let at = self.find(number)?;
        self.places.remove(at)?.1
    }

    /// The first one, to be woken.
    pub(super) fn first(&mut self) -> Option<Waker> {
        self.places.front_mut()?.1.take()
    }

    /// All of them, to be woken: they keep their places.
    pub(super) fn all(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.places.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}
