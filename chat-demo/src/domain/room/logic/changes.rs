//! Changes of messages on their way to the store, one at a time.

use std::collections::VecDeque;

/// Wishes in the order in which they came. One is with the store at a time, so that everybody hears of changes in the order
/// of their numbers. At most `capacity` wait.
#[derive(Debug)]
pub(crate) struct Changes<T> {
    capacity: usize,
    waiting: VecDeque<T>,
    busy: bool,
}

impl<T> Changes<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: VecDeque::new(), busy: false }
    }

    /// Takes in a wish, or gives it back if too many wait.
    pub(crate) fn offer(&mut self, wish: T) -> Result<(), T> {
        if self.waiting.len() >= self.capacity {
            return Err(wish);
        }
        self.waiting.push_back(wish);
        Ok(())
    }

    /// The next wish for the store, unless it has one.
    pub(crate) fn next(&mut self) -> Option<T> {
        if self.busy {
            return None;
        }
        let wish = self.waiting.pop_front();
        self.busy = wish.is_some();
        wish
    }

    /// The store has answered.
    pub(crate) fn done(&mut self) {
        self.busy = false;
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        !self.busy && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_not_too_many() {
        let mut changes = Changes::new(2);
        assert!(changes.is_empty());
        assert_eq!(changes.offer(1), Ok(()));
        assert_eq!((changes.next(), changes.next()), (Some(1), None));
        assert_eq!([changes.offer(2), changes.offer(3), changes.offer(4)], [Ok(()), Ok(()), Err(4)]);
        assert_eq!(changes.next(), None, "the first one is not done");
        changes.done();
        assert_eq!((changes.next(), changes.is_empty()), (Some(2), false));
    }
}
