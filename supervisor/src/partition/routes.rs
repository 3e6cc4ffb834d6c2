//! Which partition a key belongs to.

/// The handles of all partitions, at one moment.
pub(super) struct Routes<H> {
    /// Counts the resizes.
    pub(super) generation: u64,
    /// Never empty.
    pub(super) handles: Vec<H>,
}

impl<H> Routes<H> {
    pub(super) fn index(&self, hash: u64) -> usize {
        jump(hash, self.handles.len() as u64) as usize
    }

    pub(super) fn at(&self, hash: u64) -> &H {
        &self.handles[self.index(hash)]
    }
}

/// The bucket of a hash among `buckets`: the jump consistent hash of Lamping and Veach (2014, arXiv 1406.2294).
///
/// With one bucket more, a hash stays where it is or moves to the new one, and all buckets have their share. It jumps ahead
/// through the numbers of buckets at which the hash would move, which are pseudo-random and drawn from the hash itself: about
/// ln(`buckets`) of them.
fn jump(hash: u64, buckets: u64) -> u64 {
    let (mut key, mut bucket, mut next) = (hash, 0, 0);
    while next < buckets {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        // The upper 31 bits as a fraction of 1, which is never 0. All of these are exact in an f64.
        let drawn = ((key >> 33) + 1) as f64 / (1_u64 << 31) as f64;
        next = ((bucket + 1) as f64 / drawn) as u64;
    }
    bucket
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::jump;

    /// Walks through all numbers of buckets one by one, with a draw at each: the hash moves to bucket n when the draw that was
    /// made at its last move says so.
    fn naive(hash: u64, buckets: u64) -> u64 {
        let mut key = hash;
        let (mut bucket, mut drawn) = (0_u64, None);
        for candidate in 0..buckets {
            let moves = match drawn {
                None => true,
                // It stays in all of `bucket + 1 ..= n` with a chance of (bucket + 1) / n.
                Some(drawn) => (bucket + 1) as f64 / drawn < (candidate + 1) as f64,
            };
            if moves {
                bucket = candidate;
                key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
                drawn = Some(((key >> 33) + 1) as f64 / f64::from(1_u32 << 31));
            }
        }
        bucket
    }

    proptest! {
        #[test]
        fn s7_2_the_bucket_is_that_of_the_naive_walk(hash: u64, buckets in 1_u64..200) {
            prop_assert_eq!(jump(hash, buckets), naive(hash, buckets));
        }

        #[test]
        fn s7_2_with_one_bucket_more_a_hash_stays_or_moves_to_the_new_one(hash: u64, buckets in 1_u64..10_000) {
            let (before, after) = (jump(hash, buckets), jump(hash, buckets + 1));
            prop_assert!(before < buckets);
            prop_assert!(after == before || after == buckets, "{before} became {after} of {}", buckets + 1);
        }
    }

    #[test]
    fn s7_2_each_bucket_has_its_share() {
        for buckets in [2_u64, 3, 8, 10] {
            let mut shares = vec![0_u32; buckets as usize];
            for n in 0..100_000_u64 {
                shares[jump(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), buckets) as usize] += 1;
            }
            let fair = 100_000 / buckets as u32;
            assert!(shares.iter().all(|&share| share.abs_diff(fair) < fair / 20), "{shares:?}");
        }
    }
}
