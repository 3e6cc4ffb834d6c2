//! The service through its functions, under paused time.

use registry::{ServiceRegistry, TestNamespace};
use supervisor::testing::{Chaos, settle};
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};
use tokio::time::{Instant, advance, timeout};

use super::*;

const ADA: PersonId = PersonId(1);
const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    presences: Presences,
    updates: Subscription<Update>,
    _namespace: TestNamespace,
    tree: Tree<SupervisorRef>,
}

async fn fixture() -> Fixture {
    let namespace = ServiceRegistry::new().test_namespace();
    let presences = Presences::new((*namespace).clone());
    let mut updates = presences.updates(64).unwrap();
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(Presences::child_spec(&namespace, Limits::default()))
        .start()
        .await
        .unwrap();
    assert_eq!(updates.recv().await, Ok(Update::Started));
    Fixture { presences, updates, _namespace: namespace, tree }
}

impl Fixture {
    /// What Ada is next, and after how long.
    async fn next(&mut self) -> (Status, Duration) {
        let since = Instant::now();
        match self.updates.recv().await {
            Ok(Update::Changed(PresenceChange { person: ADA, status })) => (status, since.elapsed()),
            other => panic!("{other:?}"),
        }
    }
}

/// Whether it took as long as it should, but for the tick of the timer.
fn took(found: Duration, expected: Duration) -> bool {
    (expected..expected + Duration::from_millis(100)).contains(&found)
}

#[tokio::test(start_paused = true)]
async fn away_after_a_minute_online_with_the_next_activity_gone_after_half_a_minute() {
    let mut fixture = fixture().await;
    let mut tab = fixture.presences.attend(ADA);
    assert_eq!(fixture.next().await.0, Status::Online);
    let (status, after) = fixture.next().await;
    assert!(status == Status::Away && took(after, 60 * SECOND), "{status:?} after {after:?}");
    assert_eq!(fixture.presences.away(vec![PersonId(2), ADA]).await, [ADA]);
    let of_both = fixture.presences.of(vec![PersonId(2), ADA]).await;
    assert_eq!((of_both[&ADA], of_both[&PersonId(2)]), (Status::Away, Status::Offline));
    tab.active();
    assert_eq!(fixture.next().await.0, Status::Online);
    assert_eq!(fixture.presences.away(vec![ADA]).await, []);
    drop(tab);
    let (status, after) = fixture.next().await;
    assert!(status == Status::Offline && took(after, 30 * SECOND), "{status:?} after {after:?}");
}

#[tokio::test(start_paused = true)]
async fn one_of_two_tabs_is_enough() {
    let mut fixture = fixture().await;
    let (one, mut two) = (fixture.presences.attend(ADA), fixture.presences.attend(ADA));
    assert_eq!(fixture.next().await.0, Status::Online);
    for _ in 0..10 {
        advance(30 * SECOND).await;
        one.here();
        two.active();
        settle().await;
    }
    drop(one);
    advance(29 * SECOND).await;
    two.active();
    settle().await;
    let nothing = timeout(59 * SECOND, fixture.updates.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_whoever_attends_is_known_again() {
    let mut fixture = fixture().await;
    let tab = fixture.presences.attend(ADA);
    assert_eq!(fixture.next().await.0, Status::Online);
    assert_eq!(fixture.next().await.0, Status::Away);
    Chaos::of(&fixture.tree.reference(), 1).kill("presence").unwrap();
    assert_eq!(fixture.updates.recv().await, Ok(Update::Started));
    tab.here();
    assert_eq!(fixture.next().await.0, Status::Away, "as it was: to be there is not to be active");
    fixture.tree.stop().await;
    assert_eq!(fixture.presences.away(vec![ADA]).await, [], "nobody waits for a service that is down");
}
