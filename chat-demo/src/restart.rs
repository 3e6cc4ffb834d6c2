//! How what has crashed is started again, so that it costs its neighbours nothing.
//!
//! Everything waits a little before it comes back, longer after each crash. Whatever crashes all the time then does so at most ten times
//! in ten seconds, which the budget of a supervisor bears from all of its children at once: nobody is taken along because somebody
//! else is broken. What remains is what nobody can do without: when it has failed thirty times in a row, for about two minutes,
//! its supervisor begins anew with all that it has, and at the root the program ends, so that whoever runs it starts it again.

use std::time::Duration;

use supervisor::{Backoff, ChildSpec};

/// The budget of supervisors whose children wait before they come back.
pub(crate) const BUDGET: (u32, Duration) = (100, Duration::from_secs(10));

/// The budget of supervisors with many children that come and go. Many may fall with one cause, and each of them comes back at the
/// next use anyway.
pub(crate) const BUDGET_OF_MANY: (u32, Duration) = (1000, Duration::from_secs(10));

/// How often in a row something is tried that nobody can do without.
const TRIES: u32 = 30;

const BACKOFF: Backoff = Backoff::exponential().base(Duration::from_millis(20)).stable(Duration::from_secs(30));

/// How long a wait may get.
const LONGEST: Duration = Duration::from_secs(5);

/// How long one room may keep those waiting who are in it.
const LONGEST_OF_MANY: Duration = Duration::from_secs(1);

/// What nobody can talk without.
pub(crate) fn vital<H: Clone + Send + Sync + 'static>(spec: ChildSpec<H>) -> ChildSpec<H> {
    spec.backoff(BACKOFF.ceiling(LONGEST).max_consecutive(TRIES))
}

/// What people can talk without: it is tried for as long as the program runs.
pub(crate) fn optional<H: Clone + Send + Sync + 'static>(spec: ChildSpec<H>) -> ChildSpec<H> {
    spec.backoff(BACKOFF.ceiling(LONGEST).max_consecutive(u32::MAX))
}

/// One of many, all alike: it is tried for as long as somebody needs it.
pub(crate) fn one_of_many<H: Clone + Send + Sync + 'static>(spec: ChildSpec<H>) -> ChildSpec<H> {
    let backoff = BACKOFF.base(Duration::from_millis(10)).stable(Duration::from_secs(10));
    spec.backoff(backoff.ceiling(LONGEST_OF_MANY).max_consecutive(u32::MAX))
}

#[cfg(test)]
mod tests {
    use supervisor::{ChildRef, DynamicSupervisor, Restart, Strategy, Supervisor};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// It crashes whenever it is started.
    fn broken(id: String) -> ChildSpec<ChildRef> {
        ChildSpec::task(id, |_| async { Err::<(), _>(std::io::Error::other("broken")) })
    }

    fn sound() -> ChildSpec<ChildRef> {
        ChildSpec::task("sound", |cx| async move { cx.stopped().await })
    }

    #[tokio::test(start_paused = true)]
    async fn what_crashes_all_the_time_takes_nobody_along() {
        let (restarts, period) = BUDGET;
        let mut tree = Supervisor::new(Strategy::OneForOne).budget(restarts, period).child(vital(sound()));
        for n in 0..8 {
            tree = tree.child(optional(broken(format!("broken-{n}"))));
        }
        let tree = tree.start().await.unwrap();
        sleep(Duration::from_secs(600)).await;
        let sound = tree.find_child("sound").await.unwrap().unwrap();
        assert_eq!((tree.is_running(), sound.incarnation()), (true, 1));
        let broken = tree.find_child("broken-0").await.unwrap().unwrap();
        assert!(broken.incarnation() > 100, "it is still tried: {}", broken.incarnation());
        tree.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_can_do_without_is_tried_for_two_minutes() {
        let (restarts, period) = BUDGET;
        let tree = Supervisor::new(Strategy::OneForOne).budget(restarts, period);
        let tree = tree.child(vital(broken("store".into()))).start().await.unwrap();
        let begun = Instant::now();
        tree.exited().await;
        assert!(tree.meltdown().is_some());
        assert!((90..150).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn rooms_that_crash_all_the_time_take_no_other_room_along() {
        let (restarts, period) = BUDGET_OF_MANY;
        let rooms = DynamicSupervisor::new().budget(restarts, period).start().await.unwrap();
        let sound = rooms.start_child(one_of_many(sound()).restart(Restart::Transient)).await.unwrap();
        for n in 0..50 {
            let room = one_of_many(broken(format!("broken-{n}"))).restart(Restart::Transient);
            let _ = rooms.start_child(room).await;
        }
        sleep(Duration::from_secs(600)).await;
        assert_eq!((rooms.is_running(), sound.incarnation()), (true, 1));
        assert_eq!(rooms.count_children().specs, 51);
        rooms.stop().await;
    }
}
