//! The buffer through its functions, under paused time, before a store that can be slow or take nothing.

use futures_util::future::join_all;
use registry::{ServiceRegistry, TestNamespace};
use supervisor::testing::settle;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use super::*;
use crate::domain::{Body, ClientId, DisplayName, Kind, Person, PersonId, UnixMillis};
use crate::store::{Gate, Location, Page, sqlite};

struct Fixture {
    buffer: MessageBuffer,
    store: Store,
    gate: Arc<Gate>,
    rooms: Vec<RoomCode>,
    tree: Tree<SupervisorRef>,
    _namespace: TestNamespace,
}

/// A tree with a store, a buffer, and so many rooms in the store.
async fn fixture(name: &str, limits: Limits, rooms: usize) -> Fixture {
    let namespace = ServiceRegistry::new().test_namespace();
    let place = sqlite::Place::prepare(Location::Memory(format!("buffer-test-{name}"))).unwrap().without_thread();
    let gate = place.gate();
    let (store, buffer) = (Store::new(namespace.clone()), MessageBuffer::new(namespace.clone(), &limits));
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(Store::child_spec(&namespace, crate::store::Place::Sqlite(place)))
        .child(buffer.child_spec(&store))
        .start()
        .await
        .unwrap();
    let rooms: Vec<RoomCode> = (0..rooms).map(|_| RoomCode::random(&mut rand::rng())).collect();
    for room in &rooms {
        assert!(store.create_room(*room).await.unwrap());
    }
    Fixture { buffer, store, gate, rooms, tree, _namespace: namespace }
}

fn draft(id: usize) -> Draft {
    Draft {
        author: Person { id: PersonId(1), name: DisplayName::parse("Ada").unwrap() },
        client_id: ClientId::parse(&format!("client-{id}")).unwrap(),
        kind: Kind::Text,
        body: Body::parse("hello").unwrap(),
        attachment: None,
        at: UnixMillis(0),
    }
}

impl Fixture {
    /// Has the messages `ids` of a room stored, in a task that has come as far as it comes.
    async fn store(&self, room: usize, ids: std::ops::Range<usize>) -> JoinHandle<Result<Vec<u64>, StoreError>> {
        let (buffer, room) = (self.buffer.clone(), self.rooms[room]);
        let task = tokio::spawn(async move {
            let stored = buffer.store(room, ids.map(draft).collect()).await?;
            Ok(stored.iter().map(|stored| stored.message.seq.0).collect())
        });
        settle().await;
        task
    }

    /// The messages of a room, by what their author's client calls them.
    async fn said(&self, room: usize) -> Vec<String> {
        let history = self.store.history(self.rooms[room], Page::Latest { limit: 1000 }).await.unwrap();
        assert!(history.iter().map(|message| message.seq.0).eq(1..=history.len() as u64));
        history.iter().map(|message| message.client_id.as_str().to_owned()).collect()
    }

    async fn stats(&self) -> BufferStats {
        self.buffer.stats().await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_store_is_written_at_once() {
    let fixture = fixture("idle", Limits::default(), 1).await;
    let begun = Instant::now();
    let stored = fixture.buffer.store(fixture.rooms[0], vec![draft(1), draft(2)]).await.unwrap();
    assert_eq!(stored.iter().map(|stored| stored.message.seq.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(fixture.gate.passed(), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_many_rooms_say_during_a_write_is_one_write() {
    let fixture = fixture("gather", Limits::default(), 10).await;
    fixture.gate.open(false);
    let mut tasks = Vec::new();
    for room in 0..10 {
        tasks.push(fixture.store(room, 0..1).await);
    }
    let stats = fixture.stats().await;
    assert_eq!((stats.waiting, stats.writing), (9, 1));
    fixture.gate.open(true);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), [1]);
    }
    assert_eq!(fixture.gate.passed(), [1, 9]);
}

#[tokio::test(start_paused = true)]
async fn ten_messages_or_five_seconds_begin_another_write() {
    let fixture = fixture("beside", Limits { batch_wait: Duration::from_secs(2), ..Limits::default() }, 20).await;
    fixture.gate.open(false);
    let mut tasks = Vec::new();
    for room in 0..11 {
        tasks.push(fixture.store(room, 0..1).await);
    }
    assert_eq!(fixture.stats().await.writing, 11, "ten are enough");
    tasks.push(fixture.store(11, 0..3).await);
    assert_eq!((fixture.stats().await.waiting, fixture.stats().await.writing), (3, 11));
    advance(Duration::from_millis(1900)).await;
    assert_eq!(fixture.stats().await.waiting, 3);
    advance(Duration::from_millis(200)).await;
    settle().await;
    assert_eq!(
        (fixture.stats().await.waiting, fixture.stats().await.writing),
        (0, 14),
        "it has waited for long enough"
    );
    fixture.gate.open(true);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(fixture.gate.passed(), [1, 10, 3]);
    assert_eq!(Limits::default().batch, 10);
    assert_eq!(Limits::default().batch_wait, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_order_within_a_room_is_kept_whatever_fails() {
    let fixture = fixture("order", Limits::default(), 2).await;
    fixture.gate.refuse(true);
    let mut tasks = Vec::new();
    for n in 0..20 {
        tasks.push(fixture.store(0, n * 3..n * 3 + 3).await);
        tasks.push(fixture.store(1, n..n + 1).await);
    }
    fixture.gate.refuse(false);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(fixture.said(0).await.into_iter().eq((0..60).map(|n| format!("client-{n}"))));
    assert!(fixture.said(1).await.into_iter().eq((0..20).map(|n| format!("client-{n}"))));
    let stats = fixture.stats().await;
    assert!(stats.retries > 0 && stats.failed_writes > 0 && stats.given_back == 0, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_long_is_given_up_and_used_again_when_it_is_back() {
    let fixture = fixture("away", Limits::default(), 30).await;
    let mut updates = fixture.buffer.updates(1000).unwrap();
    fixture.gate.refuse(true);
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for room in 0..30 {
        tasks.push(fixture.store(room, 0..1).await);
    }
    for result in join_all(tasks).await {
        assert!(matches!(result.unwrap(), Err(StoreError::Database(_))));
    }
    let (patience, took) = (Limits::default().store_patience, begun.elapsed());
    assert!(took >= patience && took < patience + Duration::from_secs(3), "{took:?}");
    let stats = fixture.stats().await;
    assert_eq!((stats.given_back, stats.waiting, stats.writing), (30, 0, 0));
    assert!(stats.failing_for.is_some() && stats.last_error.is_some(), "{stats:?}");
    // Whoever comes now is not kept waiting.
    let begun = Instant::now();
    assert!(fixture.store(0, 1..2).await.await.unwrap().is_err());
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
    fixture.gate.refuse(false);
    assert_eq!(fixture.store(0, 1..2).await.await.unwrap().unwrap(), [1]);
    assert_eq!(fixture.stats().await.failing_for, None);
    // Those who listen have been told all the while, and last how it ended.
    settle().await;
    advance(Duration::from_secs(2)).await;
    settle().await;
    let told: Vec<BufferStats> = std::iter::from_fn(|| updates.try_recv().ok()).collect();
    assert!(told.len() > 3 && told.len() < 30, "{}", told.len());
    assert!(told.iter().any(|stats| stats.failing_for.is_some()));
    assert_eq!(told.last(), Some(&fixture.stats().await));
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_is_killed_during_a_write_loses_nothing_and_doubles_nothing() {
    let fixture = fixture("killed", Limits::default(), 3).await;
    fixture.gate.open(false);
    let mut tasks = Vec::new();
    for room in 0..3 {
        tasks.push(fixture.store(room, 0..2).await);
    }
    assert_eq!((fixture.stats().await.waiting, fixture.stats().await.writing), (4, 2));
    fixture.tree.kill_child("message_buffer").await.unwrap();
    settle().await;
    fixture.gate.open(true);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), [1, 2]);
    }
    for room in 0..3 {
        assert_eq!(fixture.said(room).await, ["client-0", "client-1"]);
    }
    assert!(fixture.gate.passed().len() >= 3, "one of them was written twice: {:?}", fixture.gate.passed());
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_written_at_the_end_within_bounds() {
    let fixture = fixture("flush", Limits::default(), 30).await;
    fixture.gate.open(false);
    let mut tasks = Vec::new();
    for room in 0..30 {
        tasks.push(fixture.store(room, 0..3).await);
    }
    let stopping = (*fixture.tree).clone();
    let stopping = tokio::spawn(async move { stopping.terminate_child("message_buffer").await.map(drop) });
    settle().await;
    fixture.gate.open(true);
    stopping.await.unwrap().unwrap();
    for room in 0..30 {
        assert_eq!(fixture.said(room).await, ["client-0", "client-1", "client-2"]);
    }
    assert!(fixture.gate.passed().iter().all(|&messages| messages <= 64), "{:?}", fixture.gate.passed());

    fixture.tree.restart_child("message_buffer").await.unwrap();
    fixture.gate.open(false);
    let _task = fixture.store(0, 3..4).await;
    let begun = Instant::now();
    fixture.tree.terminate_child("message_buffer").await.unwrap();
    assert!(
        begun.elapsed() <= Duration::from_secs(4),
        "a store that does not answer is not waited for: {:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn places_are_bounded_over_all_rooms() {
    let limits = Limits { buffer: 3, ..Limits::default() };
    let buffer = MessageBuffer::new(ServiceRegistry::new().test_namespace().clone(), &limits);
    let mut places: Vec<_> = (0..3).map(|_| buffer.place().unwrap()).collect();
    let another = buffer.clone();
    assert!(another.place().is_none(), "all rooms share them");
    places.pop();
    assert!(buffer.place().is_some());
}
