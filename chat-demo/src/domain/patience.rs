//! Trying again, for a while.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long the wait between two tries is at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Waits between tries, longer each time, until it is over.
#[derive(Debug)]
pub(crate) struct Patience {
    deadline: Instant,
    wait: Duration,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { deadline: Instant::now() + limit, wait: FIRST_WAIT }
    }

    /// Waits; false, and at once, if it is over.
    pub(crate) async fn goes_on(&mut self) -> bool {
        if Instant::now() + self.wait > self.deadline {
            return false;
        }
        sleep(self.wait.mul_f64(rand::random_range(0.5..1.0))).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        true
    }
}
