//! How many automatic restarts a supervisor may try, and within what time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// At most `max` automatic restarts within `within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) max: u32,
    pub(crate) within: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { max: 3, within: Duration::from_secs(5) }
    }
}

/// A budget and the attempts that still count against it.
///
/// The window slides and is exact: an attempt older than the period is forgotten, one that is exactly as old still
/// counts. It holds at most `max + 1` instants, for the attempt that exceeds the budget is the last.
#[derive(Debug)]
pub(crate) struct Window {
    budget: Budget,
    attempts: VecDeque<Instant>,
}

impl Window {
    pub(crate) fn new(budget: Budget) -> Self {
        Self { budget, attempts: VecDeque::new() }
    }

    /// Counts an attempt. `false` when it is one too many.
    pub(crate) fn charge(&mut self, now: Instant) -> bool {
        while self.attempts.front().is_some_and(|&first| now.duration_since(first) > self.budget.within) {
            self.attempts.pop_front();
        }
        self.attempts.push_back(now);
        self.attempts.len() <= self.budget.max as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every attempt that ever was, counted anew each time.
    fn naive(budget: Budget, history: &[Instant], now: Instant) -> bool {
        let counted = history.iter().filter(|&&then| then + budget.within >= now).count();
        counted < budget.max as usize
    }

    proptest! {
        #[test]
        fn the_window_counts_as_the_naive_model_does(
            max in 0_u32..5,
            within in 1_u64..50,
            gaps in proptest::collection::vec(0_u64..30, 1..40),
        ) {
            let budget = Budget { max, within: Duration::from_millis(within) };
            let mut window = Window::new(budget);
            let mut now = Instant::now();
            let mut history = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                let expected = naive(budget, &history, now);
                prop_assert_eq!(window.charge(now), expected);
                history.push(now);
                if !expected {
                    break;
                }
            }
        }
    }

    #[test]
    fn an_attempt_exactly_one_period_old_still_counts() {
        let mut window = Window::new(Budget { max: 1, within: Duration::from_secs(1) });
        let start = Instant::now();
        assert!(window.charge(start));
        assert!(!window.charge(start + Duration::from_secs(1)));

        let mut window = Window::new(Budget { max: 1, within: Duration::from_secs(1) });
        assert!(window.charge(start));
        assert!(window.charge(start + Duration::from_nanos(1_000_000_001)));
    }
}
