//! The service through its functions, under paused time, with a courier that does as it is told.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use registry::{ServiceRegistry, TestNamespace};
use supervisor::testing::Chaos;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::courier::Courier;
use super::logic::Outcome;
use super::*;
use crate::domain::{Body, ClientId, DisplayName, Draft, Kind, Person, RoomCode, RoomKind, Seq, UnixMillis};
use crate::store::{Location, NewSession, NewWay, Place, sqlite};

const SECOND: Duration = Duration::from_secs(1);
const ROOM: &str = "22222222";

/// Gives the outcomes that it was given, and then delivers.
#[derive(Debug)]
struct Script {
    outcomes: Mutex<VecDeque<Outcome>>,
    /// A try of the letter of this id, to be let go on by the answer.
    tries: mpsc::UnboundedSender<(String, Instant)>,
    hold: Arc<tokio::sync::Semaphore>,
}

impl Courier for Script {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async move {
            self.tries.send((letter.id.clone(), Instant::now())).unwrap();
            self.hold.acquire().await.unwrap().forget();
            self.outcomes.lock().unwrap().pop_front().unwrap_or(Outcome::Delivered)
        })
    }
}

struct Fixture {
    notifications: Notifications,
    store: Store,
    presences: Presences,
    tries: mpsc::UnboundedReceiver<(String, Instant)>,
    /// So many tries may come to their end.
    hold: Arc<tokio::sync::Semaphore>,
    tree: Tree<SupervisorRef>,
    _namespace: TestNamespace,
}

async fn fixture(name: &str, limits: Limits, outcomes: Vec<Outcome>) -> Fixture {
    let namespace = ServiceRegistry::new().test_namespace();
    let place = sqlite::Place::prepare(Location::Memory(format!("notification-test-{name}"))).unwrap();
    let store = Store::new(namespace.clone());
    let presences = Presences::new(namespace.clone());
    let (tried, tries) = mpsc::unbounded_channel();
    let hold = Arc::new(tokio::sync::Semaphore::new(1_000_000));
    let script = Script { outcomes: Mutex::new(outcomes.into()), tries: tried, hold: Arc::clone(&hold) };
    let couriers = Couriers::default().with(Way::Hook, Arc::new(script));
    let notifications = Notifications::new(
        namespace.clone(),
        store.clone(),
        presences.clone(),
        couriers,
        &["https://hook.example".to_owned()],
        limits,
    );
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(Store::child_spec(&namespace, Place::Sqlite(place.without_thread())))
        .child(Presences::child_spec(&namespace, limits))
        .child(notifications.child_spec())
        .start()
        .await
        .unwrap();
    Fixture { notifications, store, presences, tries, hold, tree, _namespace: namespace }
}

fn new(id: &str, priority: Priority) -> NewDelivery {
    let (address, payload) = (String::new(), "{}".to_owned());
    NewDelivery { id: id.into(), priority, way: Way::Hook, target: None, address, payload }
}

fn failed() -> Outcome {
    Outcome::Failed { why: "503".into(), retry_after: None }
}

impl Fixture {
    async fn enqueue(&self, all: &[(&str, Priority)]) {
        self.notifications.enqueue(all.iter().map(|(id, priority)| new(id, *priority)).collect()).await.unwrap();
    }

    async fn next(&mut self) -> String {
        self.tries.recv().await.unwrap().0
    }

    /// Waits until the statistics are as they should be, for three hours at most.
    async fn until(&self, wanted: impl Fn(&Statistics) -> bool) -> Statistics {
        let mut events = self.notifications.events(16).unwrap();
        for _ in 0..10_000 {
            let statistics = self.notifications.statistics().await.unwrap();
            if wanted(&statistics) {
                return statistics;
            }
            // What changes without an event is asked for again.
            let _ = tokio::time::timeout(SECOND, events.recv()).await;
        }
        panic!("{:?}", self.notifications.statistics().await);
    }
}

#[tokio::test(start_paused = true)]
async fn urgent_ones_go_first_so_many_at_once() {
    let limits = Limits { notification_batch: 2, ..Limits::default() };
    let mut fixture = fixture("order", limits, vec![]).await;
    fixture.hold.forget_permits(1_000_000);
    let all =
        [("low", Priority::Low), ("one", Priority::Normal), ("urgent", Priority::Urgent), ("two", Priority::Normal)];
    fixture.enqueue(&all).await;
    assert_eq!([fixture.next().await, fixture.next().await], ["urgent", "one"]);
    let load = fixture.until(|statistics| statistics.load.running == 2).await.load;
    assert_eq!((load.waiting, load.running), (2, 2), "a batch is full");
    // What is urgent overtakes those that wait, and none that is on its way.
    fixture.enqueue(&[("now", Priority::Urgent)]).await;
    fixture.until(|statistics| statistics.load.waiting == 3).await;
    fixture.hold.add_permits(1);
    assert_eq!(fixture.next().await, "now");
    fixture.hold.add_permits(10);
    assert_eq!([fixture.next().await, fixture.next().await], ["two", "low"]);
    let statistics = fixture.until(|statistics| statistics.delivered == 5).await;
    assert_eq!((statistics.retried, statistics.died, statistics.load), (0, 0, Load::default()));
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_later_each_time_and_then_put_aside() {
    let limits = Limits { notification_tries: 4, ..Limits::default() };
    let mut fixture = fixture("retry", limits, vec![failed(), failed(), failed(), failed()]).await;
    fixture.enqueue(&[("one", Priority::Normal)]).await;
    let mut at = Vec::new();
    for _ in 0..4 {
        at.push(fixture.tries.recv().await.unwrap().1);
    }
    for (wait, first) in at.windows(2).map(|pair| pair[1] - pair[0]).zip([10, 20, 40]) {
        let longest = first * SECOND;
        assert!((longest / 2..longest + SECOND).contains(&wait), "{wait:?} of {longest:?}");
    }
    let statistics = fixture.until(|statistics| statistics.died == 1).await;
    assert_eq!((statistics.retried, statistics.delivered), (3, 0));
    let dead = fixture.notifications.dead_letters().await.unwrap();
    assert_eq!(
        (dead.len(), &*dead[0].id, &*dead[0].error, dead[0].tries, dead[0].way),
        (1, "one", "503", 4, Way::Hook)
    );

    // The operator tries it again, and it arrives; or forgets it.
    assert!(fixture.notifications.retry(dead[0].number).await.unwrap());
    assert!(!fixture.notifications.retry(dead[0].number).await.unwrap());
    assert_eq!(fixture.next().await, "one");
    fixture.until(|statistics| statistics.delivered == 1).await;
    assert!(fixture.notifications.dead_letters().await.unwrap().is_empty());
    assert!(!fixture.notifications.discard(dead[0].number).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_will_never_arrive_is_put_aside_at_once_and_can_be_forgotten() {
    let mut fixture = fixture("refused", Limits::default(), vec![Outcome::Refused("410".into())]).await;
    fixture.enqueue(&[("one", Priority::Normal)]).await;
    fixture.until(|statistics| statistics.died == 1).await;
    assert_eq!(fixture.next().await, "one");
    let dead = fixture.notifications.dead_letters().await.unwrap();
    assert_eq!((&*dead[0].error, dead[0].tries), ("410", 1));
    assert!(fixture.notifications.discard(dead[0].number).await.unwrap());
    assert!(fixture.notifications.dead_letters().await.unwrap().is_empty());
    // A way that nobody goes is said to be none.
    let mail = NewDelivery { way: Way::Email, ..new("mail", Priority::Normal) };
    fixture.notifications.enqueue(vec![mail]).await.unwrap();
    fixture.until(|statistics| statistics.died == 2).await;
    assert!(fixture.notifications.dead_letters().await.unwrap()[0].error.contains("not set up"));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_puts_the_newest_of_the_least_urgent_aside_and_says_so() {
    let limits = Limits { notification_queue: 3, notification_batch: 1, dead_letters: 2, ..Limits::default() };
    let mut fixture = fixture("overflow", limits, vec![]).await;
    fixture.hold.forget_permits(1_000_000);
    fixture.enqueue(&[("one", Priority::Normal)]).await;
    assert_eq!(fixture.next().await, "one");
    let more =
        [("low", Priority::Low), ("two", Priority::Normal), ("three", Priority::Normal), ("urgent", Priority::Urgent)];
    fixture.enqueue(&more).await;
    let statistics = fixture.until(|statistics| statistics.overflowed == 2).await;
    assert_eq!(statistics.load, Load { waiting: 2, running: 1 });
    let ids = async |fixture: &Fixture| {
        let dead = fixture.notifications.dead_letters().await.unwrap();
        let mut ids: Vec<_> = dead.into_iter().map(|letter| (letter.id, letter.error)).collect();
        ids.sort();
        ids
    };
    let aside = |id: &str| (id.to_owned(), "too many wait".to_owned());
    assert_eq!(ids(&fixture).await, [aside("low"), aside("three")]);
    // Nor are those put aside kept without bound.
    fixture.enqueue(&[("four", Priority::Low)]).await;
    let statistics = fixture.until(|statistics| statistics.discarded == 1).await;
    assert_eq!((statistics.overflowed, ids(&fixture).await.len()), (3, 2));
    fixture.hold.add_permits(10);
    assert_eq!([fixture.next().await, fixture.next().await], ["urgent", "two"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_survives_a_kill_and_goes_out_under_the_same_id() {
    let limits = Limits { notification_batch: 1, ..Limits::default() };
    let mut fixture = fixture("kill", limits, vec![]).await;
    fixture.hold.forget_permits(1_000_000);
    fixture.enqueue(&[("one", Priority::Normal), ("two", Priority::Normal)]).await;
    fixture.enqueue(&[("one", Priority::Normal)]).await;
    assert_eq!(fixture.next().await, "one");
    let before = Instant::now();
    Chaos::of(&fixture.tree.reference(), 1).kill("notifications").unwrap();
    assert_eq!(fixture.next().await, "one", "nobody knows whether it has arrived");
    assert!(before.elapsed() < limits.notification_lease, "it need not wait to be anybody's: {:?}", before.elapsed());
    fixture.hold.add_permits(10);
    assert_eq!(fixture.next().await, "two");
    let statistics = fixture.until(|statistics| statistics.delivered == 2).await;
    assert_eq!(statistics.load, Load::default());
    assert!(fixture.tries.try_recv().is_err(), "each once");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_hangs_is_given_up_and_one_that_crashes_is_tried_again() {
    let limits = Limits { notification_tries: 1, ..Limits::default() };
    let mut fixture = fixture("hang", limits, vec![]).await;
    fixture.hold.forget_permits(1_000_000);
    fixture.enqueue(&[("one", Priority::Normal)]).await;
    let (_, at) = fixture.tries.recv().await.unwrap();
    fixture.until(|statistics| statistics.died == 1).await;
    assert!(at.elapsed() >= limits.notification_patience);
    assert_eq!(fixture.notifications.dead_letters().await.unwrap()[0].error, "it took too long");
}

/// Ada has a way, and Bob mentions her.
async fn mention(fixture: &Fixture) -> (Person, RoomCode) {
    let name = |name: &str| DisplayName::parse(name).unwrap();
    let session = NewSession::lasting(SessionToken::random(), 1000 * SECOND);
    let ada = fixture.store.name_person(session, name("Ada")).await.unwrap();
    let room: RoomCode = ROOM.parse().unwrap();
    fixture.store.create_room(room).await.unwrap();
    fixture.store.visit(ada.id, room).await.unwrap();
    let (address, details) = ("anywhere".to_owned(), String::new());
    let way = NewWay { person: ada.id, way: Way::Hook, address, details, confirmed: true, most: 1 };
    fixture.store.add_way(way).await.unwrap().unwrap();
    (ada, room)
}

async fn say(fixture: &Fixture, room: RoomCode, id: &str) {
    let author = Person { id: super::super::PersonId(99), name: DisplayName::parse("Bob").unwrap() };
    let (client_id, body) = (ClientId::parse(id).unwrap(), Body::parse("@ada, look").unwrap());
    let draft = Draft { author, client_id, kind: Kind::Text, body, attachment: None, at: UnixMillis::now() };
    let stored = fixture.store.append(room, vec![draft]).await.unwrap();
    fixture.notifications.visits.tell_mentioned(room, &RoomKind::Open, &stored[0].message);
}

#[tokio::test(start_paused = true)]
async fn somebody_is_told_elsewhere_when_they_have_done_nothing_for_long_enough() {
    let limits = Limits::default();
    let mut fixture = fixture("idle", limits, vec![]).await;
    let (ada, room) = mention(&fixture).await;
    let mut tab = fixture.presences.attend(ada.id);
    tokio::time::advance(30 * SECOND).await;
    say(&fixture, room, "client-1").await;
    tokio::time::advance(60 * SECOND).await;
    tab.active();
    let active = Instant::now();
    let (_, at) = fixture.tries.recv().await.unwrap();
    let waited = at - active;
    assert!((limits.notification_after..limits.notification_after + 2 * SECOND).contains(&waited), "{waited:?}");
    fixture.until(|statistics| statistics.delivered == 1).await;
    // Whoever is away for long is told at once, and of each message once.
    drop(tab);
    tokio::time::advance(600 * SECOND).await;
    let said = Instant::now();
    say(&fixture, room, "client-2").await;
    say(&fixture, room, "client-2").await;
    let (_, at) = fixture.tries.recv().await.unwrap();
    assert!(at - said < SECOND);
    fixture.until(|statistics| statistics.delivered == 2).await;
    assert!(fixture.tries.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_read_in_time_switched_off_or_said_in_a_quiet_room_goes_nowhere() {
    let mut fixture = fixture("read", Limits::default(), vec![]).await;
    let (ada, room) = mention(&fixture).await;
    let mut tab = fixture.presences.attend(ada.id);
    say(&fixture, room, "client-1").await;
    fixture.until(|statistics| statistics.load.waiting == 1).await;
    assert!(fixture.store.read(ada.id, room, Seq(1)).await.unwrap());
    fixture.until(|statistics| statistics.withdrawn == 1).await;
    tab.active();
    say(&fixture, room, "client-2").await;
    fixture.until(|statistics| statistics.load.waiting == 1).await;
    let way = fixture.store.ways(ada.id).await.unwrap()[0].number;
    fixture.store.change_way(way, crate::store::WayChange::Enabled(false)).await.unwrap();
    fixture.until(|statistics| statistics.withdrawn == 2).await;
    fixture.store.change_way(way, crate::store::WayChange::Enabled(true)).await.unwrap();
    fixture.store.hush(ada.id, room, true).await.unwrap();
    say(&fixture, room, "client-3").await;
    drop(tab);
    tokio::time::advance(600 * SECOND).await;
    let statistics = fixture.until(|_| true).await;
    assert_eq!((statistics.load, statistics.delivered), (Load::default(), 0));
    assert!(fixture.tries.try_recv().is_err());
}
