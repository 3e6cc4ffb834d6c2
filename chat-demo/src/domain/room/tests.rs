//! A room through the functions of its callers, under paused time.

use registry::{ServiceRegistry, TestNamespace};
use supervisor::testing::settle;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};
use tokio::time::{Instant, advance};

use super::*;
use crate::domain::buffer::MessageBuffer;
use crate::domain::presence::Presences;
use crate::domain::{AddressError, DisplayName, PersonId};
use crate::kill::kill;
use crate::store::{Gate, Location, NewSession, Page, Place, SessionToken, sqlite};

struct Fixture {
    rooms: Rooms,
    code: RoomCode,
    gate: Arc<Gate>,
    namespace: TestNamespace,
    tree: Tree<SupervisorRef>,
}

/// A tree with a store and one room, which sleeps.
async fn fixture(name: &str, limits: Limits) -> Fixture {
    let namespace = ServiceRegistry::new().test_namespace();
    let place = sqlite::Place::prepare(Location::Memory(format!("room-test-{name}"))).unwrap();
    let place = place.without_thread();
    let (gate, place) = (place.gate(), Place::Sqlite(place));
    let (store, buffer) = (Store::new(namespace.clone()), MessageBuffer::new(namespace.clone(), &limits));
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(Store::child_spec(&namespace, place))
        .child(buffer.child_spec(&store))
        .child(Rooms::child_spec(&namespace))
        .start()
        .await
        .unwrap();
    let rooms = Rooms::new(namespace.clone(), store, buffer, Presences::new(namespace.clone()), limits);
    let code = rooms.create().await.unwrap();
    Fixture { rooms, code, gate, namespace, tree }
}

fn person(id: i64, name: &str) -> Person {
    Person { id: PersonId(id), name: DisplayName::parse(name).unwrap() }
}

async fn post(fixture: &Fixture, id: &str) -> Result<Posted, PostError> {
    let (id, body) = (ClientId::parse(id).unwrap(), Body::parse("hello").unwrap());
    fixture.rooms.post(fixture.code, person(1, "Ada"), id, Kind::Text, body).await
}

impl Fixture {
    async fn join(&self, id: i64, name: &str) -> (Membership, Welcome) {
        self.rooms.join(self.code, person(id, name), None).await.unwrap()
    }

    /// Kills the process of a room; false if none runs.
    async fn kill(&self, code: RoomCode) -> bool {
        kill(&self.tree, &format!("rooms/{code}")).await
    }

    /// Whether a process of the room runs.
    fn is_awake(&self) -> bool {
        self.namespace.lookup::<ServerRef<RoomServer>>(&*name(self.code)).is_ok()
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_taken_is_drawn_again_but_not_for_ever() {
    let fixture = fixture("draws", Limits::default()).await;
    let free: RoomCode = "22222222".parse().unwrap();
    let mut codes = [fixture.code, fixture.code, free].into_iter();
    assert_eq!(fixture.rooms.create_drawn(|| codes.next().unwrap()).await.unwrap(), free);
    let mut draws = 0;
    let none = fixture.rooms.create_drawn(|| {
        draws += 1;
        free
    });
    assert!(matches!(none.await, Err(CreateError::NoFreeCode)));
    assert_eq!(draws, DRAWS);
}

#[tokio::test(start_paused = true)]
async fn somebody_is_gone_after_the_grace() {
    let fixture = fixture("grace", Limits::default()).await;
    let (mut ada, _) = fixture.join(1, "Ada").await;
    let (bob, _) = fixture.join(2, "Bob").await;
    assert!(matches!(ada.next().await, Ok(Event::Joined(who)) if who.id == PersonId(2)));
    let left = Instant::now();
    drop(bob);
    loop {
        match ada.next().await.unwrap() {
            Event::Left(who) => break assert_eq!(who, PersonId(2)),
            // What a room tells a while after its start.
            Event::Members(who) => assert_eq!(who.len(), 2),
            other => panic!("{other:?}"),
        }
    }
    assert!((Duration::from_secs(3)..Duration::from_millis(3100)).contains(&left.elapsed()), "{:?}", left.elapsed());
    let entry = fixture.rooms.enter(fixture.code, None).await.unwrap();
    assert_eq!(fixture.rooms.members(&entry).await, [person(1, "Ada")]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_back_in_time_was_never_gone() {
    let fixture = fixture("reload", Limits::default()).await;
    let (mut ada, _) = fixture.join(1, "Ada").await;
    let (bob, _) = fixture.join(2, "Bob").await;
    drop(bob);
    advance(Duration::from_secs(2)).await;
    let (_bob, welcome) = fixture.join(2, "Bob").await;
    assert_eq!(welcome.members.len(), 2);
    assert!(matches!(ada.next().await, Ok(Event::Joined(_))));
    assert!(matches!(ada.next().await, Ok(Event::Members(who)) if who.len() == 2), "told by the room after its start");
    let nothing = tokio::time::timeout(Duration::from_secs(60), ada.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_rests_and_wakes_with_its_history() {
    let fixture = fixture("rest", Limits::default()).await;
    assert!(!fixture.is_awake());
    let (ada, _) = fixture.join(1, "Ada").await;
    assert_eq!(post(&fixture, "client-a").await.unwrap().seq, Seq(1));
    advance(Duration::from_secs(3600)).await;
    assert_eq!(post(&fixture, "client-b").await.unwrap().seq, Seq(2), "somebody is there");
    assert!(fixture.is_awake());
    let room = fixture.namespace.lookup::<ServerRef<RoomServer>>(&*name(fixture.code)).unwrap();
    let empty = Instant::now();
    drop(ada);
    assert!(
        room.child().gone().await.is_some_and(|reason| reason.is_clean()),
        "it ends by itself, and is not restarted"
    );
    assert!(empty.elapsed() >= Limits::default().room_idle, "{:?}", empty.elapsed());
    assert!(!fixture.is_awake());

    let (_ada, welcome) = fixture.join(1, "Ada").await;
    assert_eq!(welcome.last, Seq(2));
    assert_eq!(post(&fixture, "client-b").await.unwrap().seq, Seq(2), "known from before");
    assert_eq!(post(&fixture, "client-c").await.unwrap().seq, Seq(3));
}

#[tokio::test(start_paused = true)]
async fn a_killed_room_tells_its_connections_and_comes_back() {
    let fixture = fixture("kill", Limits::default()).await;
    let (mut ada, _) = fixture.join(1, "Ada").await;
    post(&fixture, "client-a").await.unwrap();
    assert!(fixture.kill(fixture.code).await);
    assert!(matches!(ada.next().await, Ok(Event::Message(message)) if message.seq == Seq(1)), "said before the end");
    assert!(matches!(ada.next().await, Err(Closed::Ended)));
    assert_eq!(post(&fixture, "client-b").await.unwrap().seq, Seq(2));
    let (mut again, welcome) = fixture.rooms.join(fixture.code, person(1, "Ada"), Some(Seq(1))).await.unwrap();
    assert_eq!(welcome.recent.iter().map(|message| message.seq).collect::<Vec<_>>(), [Seq(2)]);
    assert!(
        matches!(again.next().await, Ok(Event::Members(who)) if who.len() == 1),
        "told by the room after its start"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_refuses_at_once_and_what_it_took_is_stored() {
    let fixture = Arc::new(fixture("busy", Limits { buffer: 2, ..Limits::default() }).await);
    fixture.gate.open(false);
    let mut posts = Vec::new();
    for id in ["client-a", "client-b", "client-b"] {
        let fixture = Arc::clone(&fixture);
        posts.push(tokio::spawn(async move { post(&fixture, id).await }));
        settle().await;
    }
    let refused = Instant::now();
    assert!(matches!(post(&fixture, "client-c").await, Err(PostError::Busy)));
    assert!(refused.elapsed() < Duration::from_millis(10), "{:?}", refused.elapsed());
    fixture.gate.open(true);
    for (post, seq) in posts.into_iter().zip([1, 2, 2]) {
        assert_eq!(post.await.unwrap().unwrap().seq, Seq(seq));
    }
    assert_eq!(post(&fixture, "client-c").await.unwrap().seq, Seq(3));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_does_not_take_is_said_to_all_who_wait() {
    let fixture = Arc::new(fixture("refused", Limits::default()).await);
    fixture.gate.refuse(true);
    let begun = Instant::now();
    let posts = (0..30).map(|n| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { post(&fixture, &format!("client-{n}")).await })
    });
    for post in posts.collect::<Vec<_>>() {
        assert!(matches!(post.await.unwrap(), Err(PostError::NotStored)));
    }
    assert!(begun.elapsed() < Limits::default().store_patience + Duration::from_secs(3), "{:?}", begun.elapsed());
    fixture.gate.refuse(false);
    assert_eq!(post(&fixture, "client-0").await.unwrap().seq, Seq(1));
}

#[tokio::test(start_paused = true)]
async fn a_full_room_and_one_that_is_not_there() {
    let limits = Limits { room_connections: 1, ..Limits::default() };
    let fixture = fixture("full", limits).await;
    let (ada, _) = fixture.join(1, "Ada").await;
    let join = async || fixture.rooms.join(fixture.code, person(2, "Bob"), None).await;
    assert!(matches!(join().await, Err(JoinError::Full)));
    drop(ada);
    assert!(join().await.is_ok());
    let nowhere = "22222222".parse().unwrap();
    assert!(matches!(fixture.rooms.join(nowhere, person(2, "Bob"), None).await, Err(JoinError::Unknown)));
    let (id, body) = (ClientId::parse("client-a").unwrap(), Body::parse("hello").unwrap());
    assert!(matches!(
        fixture.rooms.post(nowhere, person(2, "Bob"), id, Kind::Text, body).await,
        Err(PostError::Unknown)
    ));
    assert!(!fixture.kill(nowhere).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_be_in_a_room_neither_joins_nor_says_nor_changes_anything() {
    let fixture = fixture("between", Limits::default()).await;
    let (store, rooms) = (Store::new(fixture.namespace.clone()), &fixture.rooms);
    let mut people = Vec::new();
    for who in ["Ada", "Bob", "Eve"] {
        let session = NewSession::lasting(SessionToken::random(), Duration::from_secs(60));
        people.push(store.name_person(session, DisplayName::parse(who).unwrap()).await.unwrap());
    }
    let [ada, bob, eve] = people.try_into().unwrap();
    for who in [&ada, &bob] {
        store.visit(who.id, fixture.code).await.unwrap();
    }
    let id = || ClientId::parse("client-0").unwrap();
    let code = rooms.tell(&bob, id(), Telling::Written("@Ada".into())).await.unwrap().room;
    for telling in [Telling::To(ada.id, "hello".into()), Telling::Written("Ada hello".into())] {
        let told = rooms.tell(&eve, id(), telling).await;
        assert!(matches!(told, Err(TellError::Address(AddressError::Nobody))), "{told:?}");
    }
    let say = async |author: &Person, id: &str| {
        let (id, body) = (ClientId::parse(id).unwrap(), Body::parse("hello").unwrap());
        rooms.post(code, author.clone(), id, Kind::Text, body).await
    };
    // Each way, whether the process sleeps or runs.
    for round in ["asleep", "awake"] {
        assert!(matches!(rooms.join(code, eve.clone(), None).await, Err(JoinError::Unknown)), "{round}");
        assert!(matches!(say(&eve, "client-e").await, Err(PostError::Unknown)), "{round}");
        for body in [None, Some(Body::parse("stolen").unwrap())] {
            let changed = rooms.change(code, eve.id, Seq(1), body).await;
            assert!(matches!(changed, Err(ChangeError::NotThere)), "{round}");
        }
        for who in [None, Some(eve.id)] {
            assert!(matches!(rooms.enter(code, who).await, Err(EnterError::Unknown)), "{round}");
        }
        say(&ada, "client-a").await.unwrap();
    }
    let (_here, welcome) = rooms.join(code, bob.clone(), Some(Seq(0))).await.unwrap();
    assert_eq!((welcome.recent.len(), welcome.members), (1, vec![bob.clone()]));
    assert_eq!(rooms.members(&rooms.enter(code, Some(ada.id)).await.unwrap()).await, [bob]);
}

#[tokio::test(start_paused = true)]
async fn parts_of_the_program_hear_what_happens_over_all_incarnations_and_nothing_of_other_rooms() {
    let fixture = fixture("topics", Limits::default()).await;
    let entry = fixture.rooms.enter(fixture.code, None).await.unwrap();
    let mut heard = fixture.rooms.listen(&entry).unwrap();
    let other = fixture.rooms.create().await.unwrap();
    let mut elsewhere = fixture.rooms.listen(&fixture.rooms.enter(other, None).await.unwrap()).unwrap();
    assert!(!fixture.is_awake(), "listening wakes nobody");

    let (ada, _) = fixture.join(1, "Ada").await;
    assert!(matches!(heard.recv().await, Ok(Event::Joined(who)) if who.id == PersonId(1)));
    ada.typing(true);
    assert!(matches!(heard.recv().await, Ok(Event::Typing(PersonId(1), true))));
    post(&fixture, "client-a").await.unwrap();
    assert!(matches!(heard.recv().await, Ok(Event::Typing(PersonId(1), false))));
    assert!(matches!(heard.recv().await, Ok(Event::Message(message)) if message.seq == Seq(1)));
    fixture.rooms.change(fixture.code, PersonId(1), Seq(1), None).await.unwrap();
    assert!(matches!(heard.recv().await, Ok(Event::Changed(message)) if message.seq == Seq(1)));

    assert!(fixture.kill(fixture.code).await);
    post(&fixture, "client-b").await.unwrap();
    assert!(matches!(heard.recv().await, Ok(Event::Message(message)) if message.seq == Seq(2)));
    assert!(elsewhere.try_recv().is_err());
}

/// Has Ada's first message say something else, in a task that has come as far as it comes.
async fn edit(fixture: &Fixture, body: &str) -> tokio::task::JoinHandle<Result<(), ChangeError>> {
    let (rooms, code, body) = (fixture.rooms.clone(), fixture.code, Body::parse(body).unwrap());
    let task = tokio::spawn(async move { rooms.change(code, PersonId(1), Seq(1), Some(body)).await });
    settle().await;
    task
}

async fn last_revision(fixture: &Fixture) -> Revision {
    let entry = fixture.rooms.enter(fixture.code, None).await.unwrap();
    fixture.rooms.last_revision(&entry).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_edit_waits_for_a_store_that_is_away_and_is_made_once() {
    let fixture = fixture("edit-waits", Limits::default()).await;
    let (mut ada, _) = fixture.join(1, "Ada").await;
    post(&fixture, "client-a").await.unwrap();
    fixture.gate.refuse(true);
    let first = edit(&fixture, "hello again").await;
    advance(Duration::from_secs(5)).await;
    settle().await;
    // Whoever has heard nothing asks once more, over another connection.
    let again = edit(&fixture, "hello again").await;
    assert!(!first.is_finished() && !again.is_finished(), "nobody is told what is not stored");
    assert_eq!(last_revision(&fixture).await, Revision(0));
    fixture.gate.refuse(false);
    first.await.unwrap().unwrap();
    again.await.unwrap().unwrap();
    assert_eq!(last_revision(&fixture).await, Revision(1), "it is one change");
    let mut heard = Vec::new();
    while let Ok(event) = tokio::time::timeout(Duration::from_secs(60), ada.next()).await {
        if let Event::Changed(message) = event.unwrap() {
            heard.push((message.revision, message.body.as_str().to_owned()));
        }
    }
    assert_eq!(heard, [(Revision(1), "hello again".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_the_store_does_not_take_is_given_up_in_time() {
    let fixture = fixture("edit-given-up", Limits::default()).await;
    post(&fixture, "client-a").await.unwrap();
    fixture.gate.refuse(true);
    let begun = Instant::now();
    let given_up = edit(&fixture, "hello again").await.await.unwrap();
    assert!(matches!(given_up, Err(ChangeError::NotStored)), "{given_up:?}");
    let (patience, took) = (Limits::default().rejoin, begun.elapsed());
    assert!(took <= patience && took + Duration::from_secs(2) > patience, "{took:?}");
    fixture.gate.refuse(false);
    edit(&fixture, "hello again").await.await.unwrap().unwrap();
    assert_eq!(last_revision(&fixture).await, Revision(1));
}

#[tokio::test(start_paused = true)]
async fn so_many_edits_wait_and_the_next_one_is_told_that_the_room_is_busy() {
    let fixture = fixture("edit-busy", Limits { unstored_messages: 3, ..Limits::default() }).await;
    post(&fixture, "client-a").await.unwrap();
    fixture.gate.open(false);
    let mut waiting = Vec::new();
    // One is with the store, and three wait.
    for n in 1..=4 {
        waiting.push(edit(&fixture, &format!("hello {n}")).await);
    }
    let refused = edit(&fixture, "hello 5").await;
    assert!(waiting.iter().all(|edit| !edit.is_finished()));
    assert!(matches!(refused.await.unwrap(), Err(ChangeError::Busy)));
    fixture.gate.open(true);
    for edit in waiting {
        edit.await.unwrap().unwrap();
    }
    assert_eq!(last_revision(&fixture).await, Revision(4), "each of them, and no other");
    let entry = fixture.rooms.enter(fixture.code, None).await.unwrap();
    let history = fixture.rooms.history(&entry, Page::Latest { limit: 1 }).await.unwrap();
    assert_eq!(history[0].body.as_str(), "hello 4", "in the order in which they came");
}
