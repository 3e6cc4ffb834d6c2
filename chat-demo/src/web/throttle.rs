//! How often each of many may do something.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::Bucket;

/// How many are remembered. Whoever has not done anything for so long that all is allowed again is forgotten first;
/// when there are still more, newcomers have to wait.
const REMEMBERED: usize = 16 * 1024;

/// How long a newcomer waits when too many are remembered.
const CROWDED: Duration = Duration::from_secs(1);

/// A token bucket for each key.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    burst: u32,
    rate: f64,
    remembered: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash> Throttle<K> {
    /// `burst` at once for each, `rate` a second in the long run.
    pub(crate) fn new(burst: u32, rate: f64) -> Self {
        Self { burst, rate, remembered: REMEMBERED, buckets: Mutex::default() }
    }

    /// Takes one, or says after how long there will be one.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.remembered && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= self.remembered {
                return Err(CROWDED);
            }
        }
        buckets.entry(key).or_insert_with(|| Bucket::new(self.burst, self.rate, now)).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_bucket_and_no_more_than_so_many_are_remembered() {
        let start = Instant::now();
        let throttle = Throttle { remembered: 3, ..Throttle::new(2, 1.0) };
        assert_eq!([1, 1].map(|key| throttle.take(key, start)), [Ok(()); 2]);
        assert_eq!(throttle.take(1, start), Err(Duration::from_secs(1)));
        assert_eq!([2, 3].map(|key| throttle.take(key, start)), [Ok(()); 2]);
        assert_eq!(throttle.take(4, start), Err(CROWDED), "as many as there may be");
        assert_eq!(throttle.take(2, start), Ok(()), "who is known is not held up by others");
        // 3 has all it may have again, and is forgotten.
        let later = start + Duration::from_secs(1);
        assert_eq!(throttle.take(4, later), Ok(()));
        assert_eq!(throttle.buckets.lock().unwrap().len(), 3);
        assert_eq!(throttle.take(1, later), Ok(()), "who has not is not");
        assert!(throttle.take(1, later).is_err());
    }
}
