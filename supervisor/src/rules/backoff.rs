//! How long a child waits before it is started again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// Longer than anybody waits, and still an instant that the clock can name.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Delays between the restarts of a child that grow with each, for [`ChildSpec::backoff`](crate::ChildSpec::backoff).
///
/// | option | default |
/// |---|---|
/// | [`base`](Self::base): the first delay | 1 second |
/// | [`factor`](Self::factor): how much longer each is than the one before | 2 |
/// | [`ceiling`](Self::ceiling): the longest | 60 seconds |
/// | [`jitter`](Self::jitter): up to which part of it a delay is cut short by chance | 0.2 |
/// | [`stable`](Self::stable): how long it has to be up for the next delay to be the first again | 60 seconds |
/// | [`max_consecutive`](Self::max_consecutive): how often it is tried without having been stable | 10 |
///
/// A delay begins when the child has ended. Every automatic restart counts against the supervisor's budget when it is decided
/// on, that is before its delay. Delays can make crashes so rare that no budget ever runs out (with the defaults of both they
/// do), so a child is restarted at most `max_consecutive` times without having been up for the stable time: one more is a
/// [`Meltdown`](crate::Meltdown) of its supervisor.
///
/// While it waits, the child is [`Restarting`](crate::ChildState::Restarting), keeps its name reserved, and its
/// [`ChildInfo`](crate::ChildInfo) says when it is due. Terminated, or stopped with its supervisor, it is not started again.
///
/// Those who need the child do not run without it. Under [`OneForAll`](crate::Strategy::OneForAll) all children are stopped
/// at once when it ends, and come up together when its delay is over; under [`RestForOne`](crate::Strategy::RestForOne)
/// those after it do, and those before it are not delayed.
///
/// ```
/// use std::time::Duration;
/// use supervisor::{Backoff, ChildSpec};
///
/// let uplink = ChildSpec::task("uplink", |cx| async move { cx.stopped().await })
///     .backoff(Backoff::exponential().base(Duration::from_millis(250)).ceiling(Duration::from_secs(30)));
/// # drop(uplink);
/// ```
///
/// Delays that grow by a factor, are capped, and are spread by chance so that those who failed together do not come back
/// together: the rule of [gRPC's connection backoff](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a backoff does nothing until a child has it"]
pub struct Backoff {
    base: Duration,
    factor: f64,
    ceiling: Duration,
    jitter: f64,
    stable: Duration,
    max_consecutive: u32,
    seed: Option<u64>,
}

impl Backoff {
    /// Delays that grow by a constant factor, with the defaults above.
    pub const fn exponential() -> Self {
        Self {
            base: Duration::from_secs(1),
            factor: 2.0,
            ceiling: Duration::from_secs(60),
            jitter: 0.2,
            stable: Duration::from_secs(60),
            max_consecutive: 10,
            seed: None,
        }
    }

    /// The first delay. By default 1 second.
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// How much longer each delay is than the one before it. By default 2.
    ///
    /// # Panics
    ///
    /// When it is less than 1, or no number.
    pub fn factor(mut self, factor: f64) -> Self {
        assert!(factor >= 1.0 && factor.is_finite(), "the factor of a backoff is at least 1, not {factor}");
        self.factor = factor;
        self
    }

    /// The longest delay, up to a year. By default 60 seconds.
    pub fn ceiling(mut self, ceiling: Duration) -> Self {
        self.ceiling = ceiling.min(YEAR);
        self
    }

    /// Up to which part of it a delay is cut short by chance: with 0.2 it is between 80 and 100 per cent of its length, with
    /// 0 it is exact. By default 0.2.
    ///
    /// # Panics
    ///
    /// When it is not between 0 and 1.
    pub fn jitter(mut self, part: f64) -> Self {
        assert!((0.0..=1.0).contains(&part), "the jitter of a backoff is between 0 and 1, not {part}");
        self.jitter = part;
        self
    }

    /// How long the child has to be up for its next delay to be the first again. By default 60 seconds.
    pub const fn stable(mut self, time: Duration) -> Self {
        self.stable = time;
        self
    }

    /// How many times it is restarted without having been up for the [stable](Self::stable) time. One more ends the
    /// supervisor, as exceeding its budget does. By default 10.
    pub const fn max_consecutive(mut self, restarts: u32) -> Self {
        self.max_consecutive = restarts;
        self
    }

    /// Makes the jitter the same in each run, for tests. By default it is not.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The delay before restart number `consecutive`, counted from 1. `random` is at least 0 and less than 1.
    fn delay(&self, consecutive: u32, random: f64) -> Duration {
        let power = i32::try_from(consecutive.saturating_sub(1)).unwrap_or(i32::MAX);
        let full = self.base.as_secs_f64() * self.factor.powi(power);
        let capped = Duration::try_from_secs_f64(full).unwrap_or(self.ceiling).min(self.ceiling);
        capped.mul_f64(1.0 - self.jitter * random)
    }
}

/// Restarts in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    consecutive: u32,
    up_since: Option<Instant>,
}

impl Streak {
    fn up(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    fn down(&mut self, backoff: &Backoff, now: Instant) {
        let stable = self.up_since.take().is_some_and(|since| now.duration_since(since) >= backoff.stable);
        if stable {
            self.consecutive = 0;
        }
    }

    /// When it is to be restarted; `None` when it was restarted too often.
    fn restart(&mut self, backoff: &Backoff, now: Instant, random: f64) -> Option<Instant> {
        if self.consecutive >= backoff.max_consecutive {
            return None;
        }
        self.consecutive += 1;
        Some(now + backoff.delay(self.consecutive, random))
    }
}

/// A backoff and how far it has come.
#[derive(Debug)]
pub(crate) struct Retries {
    backoff: Backoff,
    streak: Streak,
    random: Random,
    due: Option<Instant>,
}

impl Retries {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self { backoff, streak: Streak::default(), random: Random::new(backoff.seed), due: None }
    }

    /// When the child is to be started, while it waits for that.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It is up.
    pub(crate) fn up(&mut self, now: Instant) {
        self.streak.up(now);
    }

    /// It has ended, for whatever reason.
    pub(crate) fn down(&mut self, now: Instant) {
        self.streak.down(&self.backoff, now);
    }

    /// It has to be restarted. Says when; `None` when it was restarted too often.
    pub(crate) fn restart(&mut self, now: Instant) -> Option<Instant> {
        self.due = self.streak.restart(&self.backoff, now, self.random.draw());
        self.due
    }

    /// It waits no more.
    pub(crate) fn clear(&mut self) {
        self.due = None;
    }

    /// Somebody has started it by hand: what was before does not count.
    pub(crate) fn forgive(&mut self) {
        self.streak = Streak::default();
        self.due = None;
    }
}

/// The generator `SplitMix64`: Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()))
    }

    /// At least 0 and less than 1.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 53 bits fit a float without rounding.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let mantissa = ((z ^ (z >> 31)) >> 11) as f64;
        mantissa / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Up,
        Crash(f64),
        /// Taken down with others: it ends, and no restart of its own follows.
        Taken,
        Pass(u32),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => Just(Event::Up),
            3 => (0.0..1.0_f64).prop_map(Event::Crash),
            1 => Just(Event::Taken),
            2 => (0_u32..20_000).prop_map(Event::Pass),
        ]
    }

    /// Everything that ever happened, looked at anew each time: the incarnations since the last stable one.
    #[derive(Default)]
    struct Naive(Vec<(Option<Instant>, Instant, bool)>);

    impl Naive {
        fn streak(&self, stable: Duration) -> u32 {
            let lasted = |&(up, end, _): &(Option<Instant>, Instant, bool)| up.is_some_and(|up| end - up >= stable);
            let from = self.0.iter().rposition(lasted).unwrap_or(0);
            u32::try_from(self.0[from..].iter().filter(|&&(.., crashed)| crashed).count()).unwrap()
        }
    }

    proptest! {
        #[test]
        fn delays_and_their_end_are_what_the_naive_model_says(
            (base, factor, ceiling) in (0_u32..3_000, 1.0..4.0_f64, 0_u32..20_000),
            (jitter, stable, max) in (0.0..=1.0_f64, 1_u32..15_000, 0_u32..6),
            events in proptest::collection::vec(event(), 0..60),
        ) {
            let millis = |millis: u32| Duration::from_millis(millis.into());
            let backoff = Backoff::exponential()
                .base(millis(base)).factor(factor).ceiling(millis(ceiling))
                .jitter(jitter).stable(millis(stable)).max_consecutive(max);
            let (mut streak, mut naive) = (Streak::default(), Naive::default());
            let (mut now, mut up) = (Instant::now(), None);
            for event in events {
                match event {
                    Event::Up => {
                        up = Some(now);
                        streak.up(now);
                    }
                    Event::Pass(time) => now += millis(time),
                    Event::Taken => {
                        streak.down(&backoff, now);
                        naive.0.push((up.take(), now, false));
                    }
                    Event::Crash(random) => {
                        streak.down(&backoff, now);
                        let decided = streak.restart(&backoff, now, random);
                        naive.0.push((up.take(), now, true));
                        let count = naive.streak(millis(stable));
                        prop_assert_eq!(decided.is_none(), count > max, "restart {} of {}", count, max);
                        let Some(at) = decided else { break };
                        let mut full = f64::from(base);
                        for _ in 1..count {
                            full *= factor;
                        }
                        let full = full.min(ceiling.into());
                        let delay = (at - now).as_secs_f64() * 1_000.0;
                        prop_assert!((delay - full * (1.0 - jitter * random)).abs() < 0.01, "{} of {}", delay, full);
                    }
                }
            }
        }

        #[test]
        fn chance_is_between_0_and_1(seed: u64) {
            let mut random = Random::new(Some(seed));
            for _ in 0..100 {
                prop_assert!((0.0..1.0).contains(&random.draw()));
            }
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_table() {
        let exact = Backoff::exponential().jitter(0.0);
        let delays: Vec<u64> = (1..=10).map(|restart| exact.delay(restart, 0.5).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(Backoff::exponential().delay(1, 0.5), Duration::from_millis(900));
    }

    #[test]
    fn the_longest_delays_are_instants_too() {
        let backoff = Backoff::exponential().base(Duration::MAX).factor(f64::MAX).ceiling(Duration::MAX).jitter(0.0);
        let now = Instant::now();
        let mut retries = Retries::new(backoff);
        for _ in 0..10 {
            assert_eq!(retries.restart(now), Some(now + YEAR));
        }
        assert_eq!(retries.restart(now), None);
    }

    #[test]
    fn a_seed_makes_chance_repeatable_and_none_does_not() {
        let draws = |seed| {
            let mut random = Random::new(seed);
            (0..4).map(|_| random.draw().to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(draws(Some(7)), draws(Some(7)));
        assert_ne!(draws(Some(7)), draws(Some(8)));
        assert_ne!(draws(None), draws(None));
        // The first number of the reference implementation for this seed.
        let first = (Random::new(Some(1_234_567)).draw() * 9_007_199_254_740_992.0).to_string();
        assert_eq!(first, (6_457_827_717_110_365_317_u64 >> 11).to_string());
    }

    #[test]
    fn a_start_by_hand_begins_anew() {
        let now = Instant::now();
        let mut retries = Retries::new(Backoff::exponential().jitter(0.0).max_consecutive(1));
        assert_eq!(retries.restart(now), Some(now + SECOND));
        retries.forgive();
        assert_eq!(retries.due(), None);
        assert_eq!(retries.restart(now), Some(now + SECOND));
        assert_eq!(retries.restart(now), None);
    }

    #[test]
    #[should_panic(expected = "at least 1, not 0.5")]
    fn a_factor_that_shrinks_is_refused() {
        let _ = Backoff::exponential().factor(0.5);
    }

    #[test]
    #[should_panic(expected = "between 0 and 1, not NaN")]
    fn a_jitter_that_is_no_part_is_refused() {
        let _ = Backoff::exponential().jitter(f64::NAN);
    }
}
