//! How often something may be done.

use std::time::{Duration, Instant};

/// A token bucket: `burst` at once, `rate` a second in the long run.
#[derive(Debug)]
pub(crate) struct Bucket {
    burst: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(burst: u32, rate: f64, now: Instant) -> Self {
        Self { burst: f64::from(burst), rate, tokens: f64::from(burst), at: now }
    }

    /// Takes a token, or says how long it will take until there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.tokens = self.held(now);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
        }
    }

    /// Whether it is as a new one is.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.held(now) >= self.burst
    }

    fn held(&self, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        (self.tokens + gained).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3, 2.0, start);
        assert!((0..3).all(|_| bucket.take(start).is_ok()));
        assert_eq!(bucket.take(start), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(start + Duration::from_millis(500)), Ok(()));
        assert!(bucket.take(start + Duration::from_millis(600)).is_err());
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| bucket.take(later).is_ok()).count(), 3, "no more than the burst");
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(gaps in prop::collection::vec(0u64..400, 0..200)) {
            let start = Instant::now();
            let mut bucket = Bucket::new(5, 4.0, start);
            let (mut now, mut taken) = (start, 0.0);
            for gap in gaps {
                now += Duration::from_millis(gap);
                taken += f64::from(u8::from(bucket.take(now).is_ok()));
                prop_assert!(taken <= 5.0 + (now - start).as_secs_f64() * 4.0 + 1e-6);
            }
        }
    }
}
