//! The store through its functions, on real databases.

use registry::ServiceRegistry;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};

use super::*;
use crate::domain::notification::{NewDelivery, Priority, Way};
use crate::domain::search::Query;
use crate::domain::workspace::{Channel, ChannelName, WorkspaceCode};
use crate::domain::{
    Attachment, Body, ChannelOf, ClientId, DisplayName, FileId, FileName, Kind, LoginName, MessageState, Pair, Person,
    PersonId, RoomKind,
};

struct Fixture {
    store: Store,
    tree: Tree<SupervisorRef>,
    _registry: ServiceRegistry,
}

async fn open(location: Location) -> Fixture {
    let registry = ServiceRegistry::new();
    let namespace = registry.namespace("production").unwrap();
    let place = Place::prepare(location).await.unwrap();
    let tree = Supervisor::new(Strategy::OneForOne).child(Store::child_spec(&namespace, place)).start().await.unwrap();
    Fixture { store: Store::new(namespace), tree, _registry: registry }
}

impl Store {
    /// As [`append_all`](Self::append_all), for one room.
    pub(crate) async fn append(&self, room: RoomCode, drafts: Vec<Draft>) -> Result<Vec<Stored>, StoreError> {
        self.append_all(vec![(room, drafts)]).await?.pop().expect("a result for the room")
    }
}

/// What every database must do, whichever it is.
macro_rules! conformance {
    ($($case:ident),* $(,)?) => {
        mod sqlite_in_memory {
            $(
                #[tokio::test]
                async fn $case() {
                    let name = concat!("store-test-", stringify!($case));
                    super::$case(super::open(super::Location::Memory(name.to_owned())).await).await;
                }
            )*
        }

        /// One server for all of them, since starting one takes a while; a database for each.
        #[cfg(feature = "postgres")]
        #[tokio::test]
        async fn postgres_conforms() {
            let Some(server) = postgres_server::Postgres::start() else { return };
            $(
                println!("{}", stringify!($case));
                $case(open(Location::Postgres(server.database().parse().unwrap())).await).await;
            )*
        }
    };
}

conformance! {
    a_room_is_made_once,
    a_room_between_two_is_made_once_whoever_of_them_asks,
    a_room_between_two_begins_in_a_room_that_both_are_in,
    each_message_between_two_is_for_the_other,
    messages_are_numbered_by_room_without_a_gap,
    pages_of_history,
    what_fails_undoes_nothing_of_the_others,
    rooms_that_share_a_write_have_results_of_their_own,
    writes_that_share_rooms_do_not_wait_in_a_circle,
    a_name_belongs_to_a_session,
    many_at_once_are_numbered_without_a_gap,
    an_action_stays_one,
    another_name_is_that_of_all_sessions,
    only_its_author_changes_a_message,
    changes_are_numbered_and_can_be_read_again,
    a_file_stays_with_its_message_until_that_is_deleted,
    a_file_that_no_message_has_never_will_have_one,
    a_session_ends,
    an_account_is_made_once_and_a_guest_keeps_who_they_are,
    one_of_many_gets_a_login_name,
    another_password_ends_all_other_sessions,
    a_secret_is_made_once,
    what_is_read_is_kept_and_never_goes_back,
    rooms_are_listed_with_what_is_unread,
    a_mention_is_counted_until_it_is_read,
    an_edit_changes_whom_a_message_mentions,
    unread_lists_are_bounded,
    what_is_found_is_what_looking_at_each_message_finds,
    nobody_finds_what_is_said_where_they_may_not_be,
    what_is_said_in_a_channel_is_found_by_members_for_as_long_as_they_are,
    what_is_found_comes_in_pages_the_newest_first,
    what_is_changed_is_found_by_what_it_says_now,
    notices_are_the_last_mentions_in_ones_own_rooms,
    what_mentions_somebody_goes_out_by_their_ways,
    one_program_has_each_delivery_until_its_lease_is_over,
    too_many_deliveries_are_put_aside,
    ways_are_few_and_changed_one_by_one,
    a_workspace_is_made_once_with_its_founder_and_a_channel,
    whoever_joins_a_workspace_is_in_it_until_they_leave,
    a_channel_is_made_once_by_name,
    many_who_want_the_last_place_in_a_workspace_get_it_once,
}

#[cfg(feature = "postgres")]
#[allow(dead_code, unreachable_pub, reason = "the tests of the whole program use more of it")]
#[path = "../../tests/support/postgres.rs"]
mod postgres_server;
#[cfg(feature = "postgres")]
#[allow(dead_code, unreachable_pub, reason = "the tests of the whole program use more of it")]
#[path = "../../tests/support/program.rs"]
mod program;

fn code(text: &str) -> RoomCode {
    text.parse().unwrap()
}

fn draft(author: i64, client_id: &str, body: &str) -> Draft {
    Draft {
        author: Person { id: PersonId(author), name: DisplayName::parse("Ada").unwrap() },
        client_id: ClientId::parse(client_id).unwrap(),
        kind: Kind::Text,
        body: Body::parse(body).unwrap(),
        attachment: None,
        at: UnixMillis(1_000),
    }
}

fn seqs<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<u64> {
    messages.into_iter().map(|message| message.seq.0).collect()
}

async fn a_room_is_made_once(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.room(code("22222222"), None).await.unwrap(), None);
    assert!(store.create_room(code("22222222")).await.unwrap());
    assert!(!store.create_room(code("22222222")).await.unwrap());
    assert_eq!(store.room(code("22222222"), None).await.unwrap(), Some(RoomKind::Open));
    assert!(store.is_ready().await);
    fixture.tree.stop().await;
    assert!(!store.is_ready().await);
}

async fn a_room_between_two_is_made_once_whoever_of_them_asks(fixture: Fixture) {
    let store = &fixture.store;
    let (shared, people) = inhabited(store, "22222222", &["Ada", "Bob", "Cleo"]).await;
    let (ada, bob, cleo) = (&people[0], &people[1], &people[2]);
    let ask = |n: usize| {
        let (me, other) = if n.is_multiple_of(2) { (ada, bob) } else { (bob, ada) };
        let drawn = RoomCode::random_reserved(&mut rand::rng());
        async move {
            let Opened::Room(room, with) = store.open_direct(me.id, other.id, drawn).await.unwrap() else { panic!() };
            assert_eq!(&with, other);
            room
        }
    };
    let made = futures_util::future::join_all((0..20).map(ask)).await;
    let room = made[0];
    assert!(made.iter().all(|code| *code == room), "{made:?}");
    assert_eq!(store.room(room, None).await.unwrap(), Some(RoomKind::Direct(Pair::of(ada.id, bob.id))));
    // A code that is taken, by whatever room, is no room of theirs.
    for taken in [room, shared] {
        assert_eq!(store.open_direct(ada.id, cleo.id, taken).await.unwrap(), Opened::CodeTaken);
    }
    let fresh = code("ZZZZZZZZ");
    assert_eq!(store.open_direct(cleo.id, cleo.id, fresh).await.unwrap(), Opened::Room(fresh, cleo.clone()), "oneself");
    assert!(!store.create_room(fresh).await.unwrap());
    assert_eq!(store.visits(cleo.id).await.unwrap()[1].with, Some(cleo.clone()));
}

async fn a_room_between_two_begins_in_a_room_that_both_are_in(fixture: Fixture) {
    let store = &fixture.store;
    let (room, people) = inhabited(store, "22222222", &["Ada", "Bob"]).await;
    let (_, others) = inhabited(store, "33333333", &["Eve"]).await;
    let (ada, bob, eve) = (&people[0], &people[1], &others[0]);
    let drawn = code("Z2222222");
    for (me, other) in [(eve.id, ada.id), (ada.id, eve.id), (ada.id, PersonId(99)), (PersonId(99), PersonId(99))] {
        assert_eq!(store.open_direct(me, other, drawn).await.unwrap(), Opened::Strangers);
    }
    assert_eq!(store.room(drawn, None).await.unwrap(), None);
    let mut known = store.acquaintances(ada.id).await.unwrap();
    known.sort_by_key(|person| person.id);
    assert_eq!(known, people);
    assert_eq!(store.open_direct(ada.id, bob.id, drawn).await.unwrap(), Opened::Room(drawn, bob.clone()));
    // It goes on when they are in no other room together.
    store.leave(ada.id, room).await.unwrap();
    assert_eq!(store.open_direct(bob.id, ada.id, code("Z3333333")).await.unwrap(), Opened::Room(drawn, ada.clone()));
    assert_eq!(store.counterparts(ada.id).await.unwrap(), [bob.id]);
    assert_eq!(store.counterparts(bob.id).await.unwrap(), [ada.id]);
    assert_eq!(store.person(bob.id).await.unwrap().as_ref(), Some(bob));
}

async fn each_message_between_two_is_for_the_other(fixture: Fixture) {
    let store = &fixture.store;
    let (_, people) = inhabited(store, "22222222", &["Ada", "Bob"]).await;
    let (ada, bob) = (&people[0], &people[1]);
    let Opened::Room(room, _) = store.open_direct(ada.id, bob.id, code("Z2222222")).await.unwrap() else { panic!() };
    let listed = async |person: &Person| {
        let visits = store.visits(person.id).await.unwrap();
        let visit = visits.into_iter().find(|visit| visit.room == room)?;
        Some((visit.unread(), visit.mentions, visit.with.map(|with| with.name.to_string())))
    };
    let named = |unread, mentions, with: &str| Some((unread, mentions, Some(with.to_owned())));
    assert_eq!((listed(ada).await, listed(bob).await), (named(0, 0, "Bob"), None), "until something is said");
    let batch = vec![said_by(ada, "client-a", "hello"), said_by(ada, "client-b", "@bob?")];
    let stored = store.append(room, batch.clone()).await.unwrap();
    assert!(stored.iter().all(|stored| stored.message.mentions == [bob.clone()]));
    assert_eq!((listed(ada).await, listed(bob).await), (named(0, 0, "Bob"), named(2, 2, "Ada")));
    store.append(room, batch).await.unwrap();
    assert_eq!(listed(bob).await, named(2, 2, "Ada"), "sent twice, said once");
    // Edited, it is still for the other; deleted, it is for nobody.
    let change = async |seq, body: Option<&str>| {
        let body = body.map(|body| Body::parse(body).unwrap());
        let Changed::Done(message) = store.change(room, Seq(seq), ada.id, body).await.unwrap() else { panic!() };
        message.mentions
    };
    assert_eq!((change(1, Some("hi")).await, change(2, None).await), (vec![bob.clone()], vec![]));
    assert_eq!(listed(bob).await, named(2, 1, "Ada"));
    // Whoever has closed it has it again with the next message, and what was said before is read.
    store.leave(bob.id, room).await.unwrap();
    assert_eq!(listed(bob).await, None);
    store.append(room, vec![said_by(ada, "client-c", "still there?")]).await.unwrap();
    assert_eq!(listed(bob).await, named(1, 1, "Ada"));
    store.rename_person(ada.id, name("Countess")).await.unwrap();
    assert_eq!(listed(bob).await, named(1, 1, "Countess"));
    // With oneself nobody is called.
    let Opened::Room(own, _) = store.open_direct(bob.id, bob.id, code("Z3333333")).await.unwrap() else { panic!() };
    let stored = store.append(own, vec![said_by(bob, "client-a", "milk, @bob")]).await.unwrap();
    assert!(stored[0].message.mentions.is_empty());
}

async fn messages_are_numbered_by_room_without_a_gap(fixture: Fixture) {
    let store = &fixture.store;
    let (one, two) = (code("22222222"), code("33333333"));
    store.create_room(one).await.unwrap();
    store.create_room(two).await.unwrap();
    let batch = vec![draft(1, "client-a", "a"), draft(1, "client-b", "b"), draft(1, "client-a", "a again")];
    let stored = store.append(one, batch).await.unwrap();
    let told: Vec<_> = stored.iter().map(|stored| (stored.message.seq.0, stored.fresh)).collect();
    assert_eq!(told, [(1, true), (2, true), (1, false)]);
    assert_eq!(stored[2].message.body.as_str(), "a", "the first one counts");
    assert_eq!(store.append(two, vec![draft(1, "client-a", "a")]).await.unwrap()[0].message.seq, Seq(1));
    assert_eq!(store.append(one, vec![draft(2, "client-a", "c")]).await.unwrap()[0].message.seq, Seq(3));
    assert_eq!(store.append(one, vec![draft(1, "client-b", "b")]).await.unwrap()[0].message.seq, Seq(2));
    let history = store.history(one, Page::Latest { limit: 10 }).await.unwrap();
    assert_eq!(seqs(&history), [1, 2, 3]);
}

async fn pages_of_history(fixture: Fixture) {
    let store = &fixture.store;
    let room = code("22222222");
    store.create_room(room).await.unwrap();
    let drafts = (1..=10).map(|n| draft(1, &format!("client-{n}"), "x")).collect();
    store.append(room, drafts).await.unwrap();
    let page = async |page| seqs(&store.history(room, page).await.unwrap());
    assert_eq!(page(Page::Latest { limit: 3 }).await, [8, 9, 10]);
    assert_eq!(page(Page::Before { before: Seq(8), limit: 3 }).await, [5, 6, 7]);
    assert_eq!(page(Page::Before { before: Seq(2), limit: 3 }).await, [1]);
    assert_eq!(page(Page::Before { before: Seq(u64::MAX), limit: 1 }).await, [10]);
    assert_eq!(page(Page::Between { after: Seq(2), before: Seq(9), limit: 3 }).await, [3, 4, 5]);
    assert_eq!(page(Page::Between { after: Seq(7), before: Seq(9), limit: 3 }).await, [8]);
    assert!(page(Page::Between { after: Seq(u64::MAX), before: Seq(0), limit: 3 }).await.is_empty());
}

async fn what_fails_undoes_nothing_of_the_others(fixture: Fixture) {
    let store = &fixture.store;
    let (room, unknown) = (code("22222222"), code("33333333"));
    store.create_room(room).await.unwrap();
    // Asked for at the same moment, they share a transaction.
    let (good, bad, also_good) = tokio::join!(
        store.append(room, vec![draft(1, "client-a", "a")]),
        store.append(unknown, vec![draft(1, "client-a", "a")]),
        store.append(room, vec![draft(1, "client-b", "b")]),
    );
    assert!(matches!(bad, Err(StoreError::Database(_))), "{bad:?}");
    // Over connections of their own, either may be the first.
    let mut given = [good, also_good].map(|stored| stored.unwrap()[0].message.seq);
    given.sort();
    assert_eq!(given, [Seq(1), Seq(2)]);
    assert!(store.history(unknown, Page::Latest { limit: 1 }).await.unwrap().is_empty());
}

async fn rooms_that_share_a_write_have_results_of_their_own(fixture: Fixture) {
    let store = &fixture.store;
    let (one, two, unknown) = (code("22222222"), code("33333333"), code("44444444"));
    store.create_room(one).await.unwrap();
    store.create_room(two).await.unwrap();
    let said = |ids: &[&str]| ids.iter().map(|id| draft(1, id, "x")).collect::<Vec<_>>();
    let seqs_of = |result: &Result<Vec<Stored>, StoreError>| {
        let stored = result.as_ref().unwrap();
        stored.iter().map(|stored| (stored.message.seq.0, stored.fresh)).collect::<Vec<_>>()
    };
    let batch = vec![(two, said(&["client-a", "client-b"])), (one, said(&["client-a"]))];
    let results = store.append_all(batch).await.unwrap();
    assert_eq!(results.iter().map(seqs_of).collect::<Vec<_>>(), [vec![(1, true), (2, true)], vec![(1, true)]]);
    let batch =
        vec![(two, said(&["client-c"])), (unknown, said(&["client-a"])), (one, said(&["client-a", "client-b"]))];
    let results = store.append_all(batch).await.unwrap();
    assert!(matches!(results[1], Err(StoreError::Database(_))), "{results:?}");
    assert_eq!((seqs_of(&results[0]), seqs_of(&results[2])), (vec![(3, true)], vec![(1, false), (2, true)]));
    assert_eq!(store.append_all(Vec::new()).await.unwrap().len(), 0);
}

async fn writes_that_share_rooms_do_not_wait_in_a_circle(fixture: Fixture) {
    let store = &fixture.store;
    let rooms = ["22222222", "33333333", "44444444"].map(code);
    for room in rooms {
        store.create_room(room).await.unwrap();
    }
    let write = |n: usize| {
        let mut batch: Vec<_> =
            rooms.into_iter().map(|room| (room, vec![draft(1, &format!("client-{n}"), "x")])).collect();
        batch.rotate_left(n % 3);
        async move { store.append_all(batch).await.unwrap().into_iter().for_each(|result| drop(result.unwrap())) }
    };
    futures_util::future::join_all((0..40).map(write)).await;
    for room in rooms {
        assert!(seqs(&store.history(room, Page::Latest { limit: 100 }).await.unwrap()).into_iter().eq(1..=40));
    }
}

fn name(text: &str) -> DisplayName {
    DisplayName::parse(text).unwrap()
}

fn session() -> NewSession {
    NewSession { token: SessionToken::random(), expires_at: UnixMillis(UnixMillis::now().0 + 60_000) }
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::trusted(text.to_owned())
}

fn login(text: &str) -> LoginName {
    text.parse().unwrap()
}

async fn a_name_belongs_to_a_session(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, bob) = (session(), session());
    assert_eq!(store.find_person(ada.token.clone()).await.unwrap(), None);
    let first = store.name_person(ada.clone(), name("Ada")).await.unwrap();
    let other = store.name_person(bob, name("Ada")).await.unwrap();
    assert_ne!(first.id, other.id, "a name is not who somebody is");
    let renamed = store.name_person(ada.clone(), name("Countess")).await.unwrap();
    assert_eq!((renamed.id, renamed.name.as_str()), (first.id, "Countess"));
    assert_eq!(store.find_person(ada.token).await.unwrap(), Some(renamed));
}

async fn a_session_ends(fixture: Fixture) {
    let store = &fixture.store;
    let over = NewSession { token: SessionToken::random(), expires_at: UnixMillis::now() };
    store.name_person(over.clone(), name("Ada")).await.unwrap();
    assert_eq!(store.find_person(over.token.clone()).await.unwrap(), None, "its time is over");
    let (ended, other) = (session(), session());
    store.name_person(ended.clone(), name("Ada")).await.unwrap();
    store.name_person(other.clone(), name("Bob")).await.unwrap();
    store.end_session(ended.token.clone()).await.unwrap();
    store.end_session(ended.token.clone()).await.unwrap();
    assert_eq!(store.find_person(ended.token).await.unwrap(), None, "it was ended");
    assert!(store.find_person(other.token).await.unwrap().is_some());
    // It was forgotten when another one began: its token is free.
    store.name_person(NewSession { token: over.token, ..session() }, name("Eve")).await.unwrap();
}

async fn an_account_is_made_once_and_a_guest_keeps_who_they_are(fixture: Fixture) {
    let store = &fixture.store;
    let (as_guest, as_ada) = (session(), session());
    let guest = store.name_person(as_guest.clone(), name("Ada")).await.unwrap();
    let create = async |guest, login_name, session| {
        store.create_account(guest, name("Lady Ada"), login(login_name), hash("one"), session).await.unwrap()
    };
    let ada = create(Some(guest.id), "ada", as_ada.clone()).await.expect("the name is free");
    assert_eq!((ada.id, ada.name.as_str()), (guest.id, "Lady Ada"));
    assert_eq!(store.find_person(as_guest.token).await.unwrap(), None, "what a guest could do ends");
    assert_eq!(store.find_person(as_ada.token.clone()).await.unwrap(), Some(ada.clone()));
    assert_eq!(create(Some(guest.id), "ada", as_ada).await, Some(ada.clone()), "asked for twice, done once");
    assert_eq!(create(None, "ada", session()).await, None, "the name is taken");
    assert_eq!(create(Some(ada.id), "ada2", session()).await, None, "there is an account already");
    assert!(store.find_account(AccountOf::Login(login("ada2"))).await.unwrap().is_none());
    let somebody = create(None, "bob", session()).await.unwrap();
    assert_ne!(somebody.id, ada.id);
    for of in [AccountOf::Login(login("ada")), AccountOf::Person(ada.id)] {
        let found = store.find_account(of).await.unwrap().unwrap();
        assert_eq!((found.person, found.login, found.password), (ada.clone(), login("ada"), hash("one")));
    }
}

async fn one_of_many_gets_a_login_name(fixture: Fixture) {
    let store = &fixture.store;
    let create = |n: usize| store.create_account(None, name("Ada"), login("ada"), hash(&n.to_string()), session());
    let made = futures_util::future::join_all((0..8).map(create)).await;
    assert_eq!(made.into_iter().filter(|made| made.as_ref().unwrap().is_some()).count(), 1);
}

async fn another_password_ends_all_other_sessions(fixture: Fixture) {
    let store = &fixture.store;
    let (first, second, third, late) = (session(), session(), session(), session());
    let ada = store.create_account(None, name("Ada"), login("ada"), hash("one"), first.clone()).await.unwrap().unwrap();
    let bob = session();
    store.create_account(None, name("Bob"), login("bob"), hash("one"), bob.clone()).await.unwrap();
    assert!(store.open_session(ada.id, hash("one"), second.clone()).await.unwrap());
    assert!(store.open_session(ada.id, hash("one"), second.clone()).await.unwrap(), "asked for twice, done once");
    let change =
        async |checked| store.change_password(ada.id, hash(checked), hash("two"), third.clone()).await.unwrap();
    assert!(!change("zero").await);
    assert!(store.find_person(first.token.clone()).await.unwrap().is_some(), "nothing was changed");
    assert!(change("one").await);
    assert!(change("one").await, "asked for twice, done once");
    for ended in [first, second] {
        assert_eq!(store.find_person(ended.token).await.unwrap(), None);
    }
    for goes_on in [third, bob] {
        assert!(store.find_person(goes_on.token).await.unwrap().is_some());
    }
    assert!(!store.open_session(ada.id, hash("one"), late.clone()).await.unwrap(), "checked before it was changed");
    assert_eq!(store.find_person(late.token).await.unwrap(), None);
}

async fn a_secret_is_made_once(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.secret("one", "a").await.unwrap(), "a");
    assert_eq!(store.secret("one", "b").await.unwrap(), "a");
    assert_eq!(store.secret("two", "b").await.unwrap(), "b");
}

/// A room, and people who are in it.
async fn inhabited(store: &Store, room: &str, names: &[&str]) -> (RoomCode, Vec<Person>) {
    let room = code(room);
    store.create_room(room).await.unwrap();
    let mut people = Vec::new();
    for each in names {
        let person = store.name_person(session(), name(each)).await.unwrap();
        assert!(store.visit(person.id, room).await.unwrap());
        people.push(person);
    }
    (room, people)
}

fn said_by(author: &Person, client_id: &str, body: &str) -> Draft {
    Draft { author: author.clone(), ..draft(1, client_id, body) }
}

async fn what_is_read_is_kept_and_never_goes_back(fixture: Fixture) {
    let store = &fixture.store;
    let (room, people) = inhabited(store, "22222222", &["Ada", "Bob", "Cleo"]).await;
    let (ada, bob, cleo) = (&people[0], &people[1], &people[2]);
    let drafts = (1..=5).map(|n| said_by(bob, &format!("client-{n}"), "x")).collect();
    store.append(room, drafts).await.unwrap();
    let read = async |seq| {
        let news = store.read(ada.id, room, Seq(seq)).await.unwrap();
        (news, store.visits(ada.id).await.unwrap()[0].read.0)
    };
    assert_eq!(read(3).await, (true, 3));
    assert_eq!(read(3).await, (false, 3), "asked for twice, done once");
    assert_eq!(read(2).await, (false, 3), "it never goes back");
    assert_eq!(read(u64::MAX).await, (true, 5), "nobody has read what was not said");
    let unread = async |person: &Person| store.visits(person.id).await.unwrap()[0].unread();
    assert_eq!(unread(cleo).await, 5, "each for themselves");
    assert_eq!(unread(bob).await, 0, "one's own words are not news");
    store.append(room, vec![said_by(cleo, "client-a", "x"), said_by(bob, "client-b", "x")]).await.unwrap();
    assert_eq!((unread(cleo).await, unread(bob).await), (7, 2), "what came before is not read by saying something");
    assert!(!store.visit(ada.id, room).await.unwrap(), "it is theirs already");
    assert_eq!(store.visits(ada.id).await.unwrap()[0].read, Seq(5));
    assert!(store.leave(ada.id, room).await.unwrap());
    assert!(!store.leave(ada.id, room).await.unwrap());
    assert!(!store.read(ada.id, room, Seq(5)).await.unwrap(), "reading makes no room anybody's");
    assert!(store.visits(ada.id).await.unwrap().is_empty());
    let mut visitors = store.visitors(room).await.unwrap();
    visitors.sort();
    assert_eq!(visitors, [bob.id, cleo.id]);
    assert!(store.visit(ada.id, code("33333333")).await.is_err(), "there is no such room");
}

async fn rooms_are_listed_with_what_is_unread(fixture: Fixture) {
    let store = &fixture.store;
    let (one, people) = inhabited(store, "22222222", &["Ada", "Bob"]).await;
    let (ada, bob) = (&people[0], &people[1]);
    store.append(one, vec![said_by(bob, "client-a", "a")]).await.unwrap();
    let two = code("33333333");
    store.create_room(two).await.unwrap();
    store.append(two, vec![said_by(bob, "client-a", "a"), said_by(bob, "client-b", "b")]).await.unwrap();
    store.visit(ada.id, two).await.unwrap();
    let list = async || {
        let visits = store.visits(ada.id).await.unwrap();
        visits.iter().map(|visit| (visit.room, visit.unread())).collect::<Vec<_>>()
    };
    let mut found = list().await;
    found.sort_by_key(|(room, _)| room.to_string());
    assert_eq!(found, [(one, 1), (two, 0)], "what was said before somebody came is no news");
    store.append(two, vec![said_by(bob, "client-c", "c")]).await.unwrap();
    assert!(list().await.contains(&(two, 1)));
    assert!(store.visits(PersonId(999)).await.unwrap().is_empty());
}

async fn a_mention_is_counted_until_it_is_read(fixture: Fixture) {
    let store = &fixture.store;
    let (room, people) = inhabited(store, "22222222", &["Ada", "Bob", "Ada Lovelace"]).await;
    let (ada, bob, lovelace) = (&people[0], &people[1], &people[2]);
    let stranger = store.name_person(session(), name("Eve")).await.unwrap();
    let batch = vec![
        said_by(bob, "client-a", "@ada and @eve, look"),
        said_by(bob, "client-b", "@Ada Lovelace, @bob"),
        said_by(bob, "client-c", "nobody"),
    ];
    let stored = store.append(room, batch.clone()).await.unwrap();
    let whom: Vec<_> = stored.iter().map(|stored| stored.message.mentions.clone()).collect();
    assert_eq!(whom, [vec![ada.clone()], vec![lovelace.clone()], vec![]], "of those whose room it is");
    let again = store.append(room, batch).await.unwrap();
    assert_eq!(again[0].message, stored[0].message, "sent twice, mentioned once");
    let history = store.history(room, Page::Latest { limit: 10 }).await.unwrap();
    assert!(history.iter().eq(stored.iter().map(|stored| &stored.message)));
    let mentions = async |person: &Person| store.visits(person.id).await.unwrap().first().map(|visit| visit.mentions);
    assert_eq!((mentions(ada).await, mentions(lovelace).await), (Some(1), Some(1)));
    assert_eq!((mentions(bob).await, mentions(&stranger).await), (Some(0), None));
    store.read(ada.id, room, Seq(1)).await.unwrap();
    assert_eq!((mentions(ada).await, mentions(lovelace).await), (Some(0), Some(1)));
}

async fn an_edit_changes_whom_a_message_mentions(fixture: Fixture) {
    let store = &fixture.store;
    let (room, people) = inhabited(store, "22222222", &["Ada", "Bob", "Cleo"]).await;
    let (ada, bob, cleo) = (&people[0], &people[1], &people[2]);
    store.append(room, vec![said_by(bob, "client-a", "@Ada")]).await.unwrap();
    let change = async |body: Option<&str>| {
        let body = body.map(|body| Body::parse(body).unwrap());
        let Changed::Done(message) = store.change(room, Seq(1), bob.id, body).await.unwrap() else { panic!() };
        assert_eq!(store.history(room, Page::Latest { limit: 1 }).await.unwrap()[0], message);
        let mut counts = Vec::new();
        for person in [ada, cleo] {
            counts.push(store.visits(person.id).await.unwrap()[0].mentions);
        }
        (message.mentions, counts)
    };
    assert_eq!(change(Some("@Ada and @Cleo")).await, (vec![ada.clone(), cleo.clone()], vec![1, 1]));
    assert_eq!(change(Some("@Cleo")).await, (vec![cleo.clone()], vec![0, 1]));
    assert_eq!(change(None).await, (vec![], vec![0, 0]));
}

async fn unread_lists_are_bounded(fixture: Fixture) {
    let store = &fixture.store;
    let ada = store.name_person(session(), name("Ada")).await.unwrap();
    let letters = ["2", "3", "4", "5", "6", "7", "8", "9"];
    let rooms = letters.iter().flat_map(|a| letters.iter().map(move |b| code(&format!("222222{a}{b}"))));
    for room in rooms.take(55) {
        store.create_room(room).await.unwrap();
        store.visit(ada.id, room).await.unwrap();
    }
    assert_eq!(store.visits(ada.id).await.unwrap().len(), 50);
    let (room, people) = inhabited(store, "99999999", &["Bob", "Cleo"]).await;
    let drafts = (0..120).map(|n| said_by(&people[0], &format!("client-{n}"), "@Cleo")).collect();
    store.append(room, drafts).await.unwrap();
    let visit = &store.visits(people[1].id).await.unwrap()[0];
    assert_eq!((visit.unread(), visit.mentions), (120, 100));
}

async fn many_at_once_are_numbered_without_a_gap(fixture: Fixture) {
    let store = &fixture.store;
    let room = code("22222222");
    store.create_room(room).await.unwrap();
    let append = |n: usize| {
        let drafts = (0..10).map(|m| draft(1, &format!("client-{n}-{m}"), "x")).collect();
        async move { store.append(room, drafts).await.unwrap() }
    };
    let stored = futures_util::future::join_all((0..20).map(append)).await;
    for batch in &stored {
        let first = batch[0].message.seq.0;
        assert!(batch.iter().map(|stored| stored.message.seq.0).eq(first..first + 10), "a batch stays together");
    }
    let history = store.history(room, Page::Latest { limit: 1000 }).await.unwrap();
    assert!(seqs(&history).into_iter().eq(1..=200));
}

async fn only_its_author_changes_a_message(fixture: Fixture) {
    let store = &fixture.store;
    let room = code("22222222");
    store.create_room(room).await.unwrap();
    store.append(room, vec![draft(1, "client-a", "a"), draft(2, "client-b", "b")]).await.unwrap();
    let body = |text| Some(Body::parse(text).unwrap());
    let change = async |seq, author, body| store.change(room, Seq(seq), PersonId(author), body).await.unwrap();
    assert_eq!(change(1, 2, body("stolen")).await, Changed::NotYours);
    assert_eq!(change(1, 2, None).await, Changed::NotYours);
    assert_eq!(change(3, 1, None).await, Changed::NotThere);
    assert_eq!(change(u64::MAX, 1, None).await, Changed::NotThere);
    let Changed::Done(edited) = change(1, 1, body("A")).await else { panic!() };
    assert_eq!((edited.body.as_str(), edited.revision, edited.state), ("A", Revision(1), MessageState::Edited));
    assert_eq!(change(1, 1, body("A")).await, Changed::Done(edited.clone()), "asked for twice, done once");
    let Changed::Done(deleted) = change(1, 1, None).await else { panic!() };
    assert_eq!((deleted.body.as_str(), deleted.revision, deleted.state), ("", Revision(2), MessageState::Deleted));
    assert_eq!(change(1, 1, None).await, Changed::Done(deleted));
    assert_eq!(change(1, 1, body("back")).await, Changed::NotThere);
    // The place of a deleted message is not free, and sending it again finds it.
    let again = store.append(room, vec![draft(1, "client-a", "a"), draft(1, "client-c", "c")]).await.unwrap();
    assert_eq!((again[0].fresh, again[0].message.state, again[1].message.seq), (false, MessageState::Deleted, Seq(3)));
}

async fn an_action_stays_one(fixture: Fixture) {
    let store = &fixture.store;
    let room = code("22222222");
    store.create_room(room).await.unwrap();
    let waves = Draft { kind: Kind::Action, ..draft(1, "client-a", "waves") };
    let stored = store.append(room, vec![waves.clone(), draft(1, "client-b", "waves")]).await.unwrap();
    assert_eq!([stored[0].message.kind, stored[1].message.kind], [Kind::Action, Kind::Text]);
    store.change(room, Seq(1), PersonId(1), Some(Body::parse("bows").unwrap())).await.unwrap();
    let history = store.history(room, Page::Latest { limit: 10 }).await.unwrap();
    assert_eq!([history[0].kind, history[1].kind], [Kind::Action, Kind::Text]);
    assert_eq!(store.append(room, vec![waves]).await.unwrap()[0].message.kind, Kind::Action, "sent again");
}

async fn another_name_is_that_of_all_sessions(fixture: Fixture) {
    let store = &fixture.store;
    let (one, two) = (session(), session());
    let ada = store.name_person(one.clone(), name("Ada")).await.unwrap();
    let bob = store.name_person(two.clone(), name("Bob")).await.unwrap();
    let renamed = store.rename_person(ada.id, name("Countess")).await.unwrap();
    assert_eq!(renamed, Some(Person { name: name("Countess"), ..ada }));
    assert_eq!(store.find_person(one.token).await.unwrap(), renamed);
    assert_eq!(store.find_person(two.token).await.unwrap(), Some(bob));
    assert_eq!(store.rename_person(PersonId(99), name("Nobody")).await.unwrap(), None);
}

async fn changes_are_numbered_and_can_be_read_again(fixture: Fixture) {
    let store = &fixture.store;
    let (room, other) = (code("22222222"), code("33333333"));
    for room in [room, other] {
        store.create_room(room).await.unwrap();
        assert_eq!(store.last_revision(room).await.unwrap(), Revision(0));
        store.append(room, (1..=5).map(|n| draft(1, &format!("client-{n}"), "x")).collect()).await.unwrap();
    }
    for (n, seq) in [4, 2, 4].into_iter().enumerate() {
        let body = Body::parse(&format!("change {n}")).unwrap();
        store.change(room, Seq(seq), PersonId(1), Some(body)).await.unwrap();
    }
    let last = (store.last_revision(room).await.unwrap(), store.last_revision(other).await.unwrap());
    assert_eq!(last, (Revision(3), Revision(0)));
    let changed = async |after, limit| {
        let page = Page::Changed { after: Revision(after), limit };
        let messages = store.history(room, page).await.unwrap();
        messages.iter().map(|message| (message.seq.0, message.revision.0)).collect::<Vec<_>>()
    };
    assert_eq!(changed(0, 10).await, [(2, 2), (4, 3)], "a message is there once, as it is now");
    assert_eq!(changed(0, 1).await, [(2, 2)]);
    assert_eq!(changed(2, 10).await, [(4, 3)]);
    assert!(changed(3, 10).await.is_empty());
    assert!(store.history(other, Page::Changed { after: Revision(0), limit: 10 }).await.unwrap().is_empty());
}

fn file() -> Attachment {
    Attachment {
        file: FileId::random(),
        name: FileName::tidy("a \"b\" 字.png"),
        media_type: "image/png".into(),
        size: 25 << 20,
        thumbnail: Some((480, 300)),
        scanned: true,
    }
}

async fn a_file_stays_with_its_message_until_that_is_deleted(fixture: Fixture) {
    let store = &fixture.store;
    let room = code("22222222");
    store.create_room(room).await.unwrap();
    let attachment = Some(Box::new(file()));
    let with_file = Draft { body: Body::empty(), attachment: attachment.clone(), ..draft(1, "client-a", "x") };
    let stored = store.append(room, vec![with_file, draft(1, "client-b", "b")]).await.unwrap();
    assert_eq!((&stored[0].message.attachment, &stored[1].message.attachment), (&attachment, &None));
    let files = async || {
        let history = store.history(room, Page::Latest { limit: 10 }).await.unwrap();
        history.into_iter().map(|message| message.attachment).collect::<Vec<_>>()
    };
    assert_eq!(files().await, [attachment.clone(), None]);
    store.change(room, Seq(1), PersonId(1), Some(Body::parse("a picture").unwrap())).await.unwrap();
    assert_eq!(files().await, [attachment.clone(), None]);
    let deleted = store.change(room, Seq(1), PersonId(1), None).await.unwrap();
    assert!(matches!(deleted, Changed::Done(message) if message.attachment.is_none()));
    assert_eq!(files().await, [None, None]);
}

async fn a_file_that_no_message_has_never_will_have_one(fixture: Fixture) {
    let store = &fixture.store;
    let (room, other) = (code("22222222"), code("33333333"));
    store.create_room(room).await.unwrap();
    store.create_room(other).await.unwrap();
    let with = |id: &str, file: &Attachment| Draft { attachment: Some(Box::new(file.clone())), ..draft(1, id, "x") };
    let (kept, lost, again) = (file(), file(), file());
    store.append(room, vec![with("client-a", &kept)]).await.unwrap();
    assert!(!store.disown(&kept.file).await.unwrap(), "a message has it");
    // Said again it is the same message, and the file that came with it again is nobody's.
    let stored = store.append(room, vec![with("client-a", &again)]).await.unwrap();
    assert_eq!(stored[0].message.attachment.as_deref(), Some(&kept));
    assert!(store.disown(&again.file).await.unwrap());
    for _ in 0..2 {
        assert!(store.disown(&lost.file).await.unwrap());
    }
    // A message that has been under way for too long, with others of its room, is refused; others are not.
    let batch = vec![
        (room, vec![draft(1, "client-b", "b"), with("client-c", &lost)]),
        (other, vec![draft(1, "client-d", "d")]),
    ];
    let results = store.append_all(batch).await.unwrap();
    assert!(matches!(&results[..], [Err(StoreError::Database(_)), Ok(_)]), "{results:?}");
    assert_eq!(seqs(&store.history(room, Page::Latest { limit: 9 }).await.unwrap()), [1]);
    // With its message goes the file, for good.
    store.change(room, Seq(1), PersonId(1), None).await.unwrap();
    assert!(store.disown(&kept.file).await.unwrap());
    store.append(room, vec![with("client-e", &kept)]).await.unwrap_err();
    assert!(store.append(room, vec![with("client-f", &file())]).await.unwrap()[0].fresh);
    // Whoever asks while it is stored hears either, and both agree.
    for n in 0..20 {
        let file = file();
        let (stored, disowned) =
            tokio::join!(store.append(room, vec![with(&format!("race-{n:03}"), &file)]), store.disown(&file.file));
        assert_eq!(stored.is_err(), disowned.unwrap());
    }
}

#[tokio::test]
async fn a_database_of_an_earlier_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("sqlite/migrations/1.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO rooms VALUES ('22222222', 1);
         INSERT INTO messages VALUES ('22222222', 1, 1, 'Ada', 'client-a', 'from before', 1);
         INSERT INTO people VALUES (1, 'abcdefghijklmnopqrstuvwxyz234567', 'Ada');
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    let fixture = open(Location::File(path)).await;
    let history = fixture.store.history(code("22222222"), Page::Latest { limit: 10 }).await.unwrap();
    assert_eq!((history[0].body.as_str(), history[0].state), ("from before", MessageState::Said));
    let next = fixture.store.name_person(session(), name("Bob")).await.unwrap();
    assert_eq!(next.id, PersonId(2), "nobody becomes somebody from before");
    assert_eq!(search(&fixture.store, &next, Some(code("22222222")), "befo*").await, [(code("22222222"), 1)]);
}

#[tokio::test]
async fn it_is_all_there_when_the_database_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("chat.sqlite3"));
    let room = code("22222222");
    let fixture = open(location.clone()).await;
    let store = &fixture.store;
    store.create_room(room).await.unwrap();
    let stored = store.append(room, vec![draft(1, "client-a", "a\n\tb <i>")]).await.unwrap();
    fixture.tree.stop().await;
    let fixture = open(location).await;
    let store = &fixture.store;
    let history = store.history(room, Page::Latest { limit: 10 }).await.unwrap();
    assert_eq!(history, [stored[0].message.clone()]);
}

#[test]
fn a_commit_survives_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = sqlite::Database::open(&Location::File(folder.path().join("chat.sqlite3"))).unwrap();
    let mut setting = |name| database.connection().pragma_query_value(None, name, |row| row.get::<_, String>(0)).ok();
    assert_eq!(setting("journal_mode").as_deref(), Some("wal"));
    let synchronous: i64 = database.connection().pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!(synchronous, 2, "FULL");
}

#[test]
fn a_url_shows_no_password() {
    let url: DatabaseUrl = "postgres://ada:secret@db.example:5433/chat?options=-csearch_path%3Dx".parse().unwrap();
    assert_eq!(url.to_string(), "postgres://db.example:5433/chat");
    assert!(!format!("{url:?}").contains("secret"));
    assert!("mysql://db/chat".parse::<DatabaseUrl>().is_err());
}

async fn notices_are_the_last_mentions_in_ones_own_rooms(fixture: Fixture) {
    let store = &fixture.store;
    let (one, two) = (code("22222222"), code("33333333"));
    let ada = store.name_person(session(), name("Ada")).await.unwrap();
    for room in [one, two] {
        store.create_room(room).await.unwrap();
        store.visit(ada.id, room).await.unwrap();
    }
    let said = |id: &str, body: &str, at| Draft { at: UnixMillis(at), ..draft(99, id, body) };
    store.append(one, vec![said("client-1", "hello @ada", 10), said("client-2", "hello", 11)]).await.unwrap();
    store.append(two, vec![said("client-3", "@ada?", 30)]).await.unwrap();
    store.append(one, vec![said("client-4", "@ada!", 20)]).await.unwrap();
    let list = async || {
        let all = store.notices(ada.id, None, 10).await.unwrap();
        all.iter().map(|notice| (notice.at.0, notice.unseen)).collect::<Vec<_>>()
    };
    let unseen = async |except| store.unseen(ada.id, except).await.unwrap();
    assert_eq!(list().await, [(30, true), (20, true), (10, true)]);
    let notice = store.notices(ada.id, None, 10).await.unwrap().remove(0);
    assert_eq!((notice.room, notice.seq, notice.body.as_str()), (two, Seq(1), "@ada?"));
    assert_eq!((unseen(None).await, unseen(Some(one)).await), (3, 1));

    // In pages; of one moment by room and number, so that none is left out or comes twice.
    let last = NoticeKey { at: UnixMillis(20), room: one, seq: Seq(3) };
    assert_eq!(store.notices(ada.id, None, 2).await.unwrap()[1].key(), last);
    let older = store.notices(ada.id, Some(last), 2).await.unwrap();
    assert_eq!(older.iter().map(|notice| notice.at.0).collect::<Vec<_>>(), [10]);
    let between = NoticeKey { at: UnixMillis(30), room: one, seq: Seq(9) };
    assert_eq!(
        store.notices(ada.id, Some(between), 1).await.unwrap()[0].at.0,
        20,
        "it is before that of the other room"
    );
    let between = NoticeKey { at: UnixMillis(30), room: two, seq: Seq(2) };
    assert_eq!(store.notices(ada.id, Some(between), 1).await.unwrap()[0].at.0, 30);

    // Read in the room, or seen in the list.
    assert!(store.read(ada.id, one, Seq(2)).await.unwrap());
    assert_eq!(list().await, [(30, true), (20, true), (10, false)]);
    assert!(store.see(ada.id, UnixMillis(20)).await.unwrap());
    assert!(!store.see(ada.id, UnixMillis(19)).await.unwrap(), "it never goes back");
    assert_eq!((list().await, unseen(None).await), (vec![(30, true), (20, false), (10, false)], 1));

    // What mentions nobody any more is no notification, and neither is what a quiet or another's room says.
    store.change(one, Seq(3), PersonId(99), Some(Body::parse("hello").unwrap())).await.unwrap();
    assert_eq!(list().await, [(30, true), (10, false)]);
    assert!(store.hush(ada.id, two, true).await.unwrap());
    assert!(!store.hush(ada.id, code("44444444"), true).await.unwrap());
    assert_eq!((list().await, unseen(None).await), (vec![(10, false)], 0));
    assert!(store.visits(ada.id).await.unwrap().iter().all(|visit| visit.quiet == (visit.room == two)));
    assert!(store.hush(ada.id, two, false).await.unwrap());
    assert_eq!(unseen(None).await, 1);
    store.leave(ada.id, two).await.unwrap();
    assert_eq!((list().await, unseen(None).await), (vec![(10, false)], 0));
}

fn way(person: PersonId, address: &str) -> NewWay {
    let (address, details) = (address.to_owned(), "{}".to_owned());
    NewWay { person, way: Way::Webhook, address, details, confirmed: true, most: 2 }
}

fn claim(owner: &str, now: i64) -> Claim {
    Claim { owner: owner.into(), now: UnixMillis(now), until: UnixMillis(now + 10), free: 100, most: 100, dead: 100 }
}

async fn claimed(store: &Store, claim: Claim) -> Vec<String> {
    store.claim(claim).await.unwrap().deliveries.into_iter().map(|delivery| delivery.new.id).collect()
}

fn outgoing(id: &str, priority: Priority) -> NewDelivery {
    let (address, payload) = ("https://a.example".to_owned(), "{}".to_owned());
    NewDelivery { id: id.into(), priority, way: Way::Hook, target: None, address, payload }
}

async fn what_mentions_somebody_goes_out_by_their_ways(fixture: Fixture) {
    let store = &fixture.store;
    let room = code("22222222");
    store.create_room(room).await.unwrap();
    let ada = store.name_person(session(), name("Ada")).await.unwrap();
    store.visit(ada.id, room).await.unwrap();
    let one = store.add_way(way(ada.id, "https://a.example")).await.unwrap().unwrap();
    let off = store.add_way(way(ada.id, "https://b.example")).await.unwrap().unwrap();
    assert!(store.change_way(off, WayChange::Enabled(false)).await.unwrap());
    let unknown = NewWay { way: Way::Email, confirmed: false, ..way(ada.id, "ada@a.example") };
    store.add_way(unknown).await.unwrap().unwrap();
    // Twice the same message is one; an edit tells nobody.
    store.append(room, vec![draft(99, "client-1", "@ada"), draft(99, "client-1", "@ada")]).await.unwrap();
    store.append(room, vec![draft(99, "client-2", "hello")]).await.unwrap();
    store.change(room, Seq(2), PersonId(99), Some(Body::parse("@ada").unwrap())).await.unwrap();
    let taken = store.claim(claim("one", 1_000)).await.unwrap();
    assert_eq!((taken.deliveries.len(), taken.waiting, taken.dead), (1, 1, 0));
    let delivery = &taken.deliveries[0];
    assert_eq!((delivery.mention, delivery.new.target), (Some((ada.id, room, Seq(1))), Some(one)));
    assert_eq!((delivery.new.way, delivery.new.priority), (Way::Webhook, Priority::Normal));
    let notice = store.mention(ada.id, room, Seq(1)).await.unwrap().unwrap();
    assert_eq!(notice.body.as_str(), "@ada");
    store.read(ada.id, room, Seq(1)).await.unwrap();
    assert!(store.mention(ada.id, room, Seq(1)).await.unwrap().is_none(), "it was read");
    assert!(store.mention(ada.id, room, Seq(9)).await.unwrap().is_none());
    // Nothing goes by a way that is gone, or out of a quiet room.
    assert!(store.change_way(one, WayChange::Removed).await.unwrap());
    assert_eq!(store.claim(claim("two", 2_000)).await.unwrap().waiting, 0);
    store.change_way(off, WayChange::Enabled(true)).await.unwrap();
    store.hush(ada.id, room, true).await.unwrap();
    store.append(room, vec![draft(99, "client-3", "@ada")]).await.unwrap();
    assert_eq!(claimed(store, claim("two", 2_000)).await, [""; 0]);
}

async fn one_program_has_each_delivery_until_its_lease_is_over(fixture: Fixture) {
    let store = &fixture.store;
    let all = [("a", Priority::Low), ("b", Priority::Normal), ("c", Priority::Urgent), ("d", Priority::Normal)];
    store.enqueue(all.iter().map(|(id, priority)| outgoing(id, *priority)).collect()).await.unwrap();
    store.enqueue(vec![outgoing("b", Priority::Urgent)]).await.unwrap();
    assert_eq!(claimed(store, Claim { free: 3, ..claim("one", 100) }).await, ["c", "b", "d"], "the most urgent");
    assert_eq!(claimed(store, claim("two", 105)).await, ["a"]);
    assert_eq!(claimed(store, claim("one", 108)).await, [""; 0], "it goes on having what it has");
    assert_eq!(claimed(store, claim("two", 115)).await, [""; 0]);
    assert_eq!(claimed(store, claim("two", 120)).await, ["c", "b", "d"], "it was not heard of any more");
    store.release("two").await.unwrap();
    let taken = store.claim(claim("one", 121)).await.unwrap().deliveries;
    assert_eq!(taken.iter().map(|delivery| &*delivery.new.id).collect::<Vec<_>>(), ["c", "b", "d", "a"]);

    // What becomes of each.
    let number = |id: &str| taken.iter().find(|delivery| delivery.new.id == id).unwrap().number;
    let again = Fate::Again { due_at: UnixMillis(500), tries: 3, error: "451".into() };
    let dead = |at| Fate::Dead { at: UnixMillis(at), tries: 4, error: "550".into() };
    store.settle(number("a"), Fate::Over).await.unwrap();
    store.settle(number("b"), again).await.unwrap();
    store.settle(number("c"), dead(2)).await.unwrap();
    store.settle(number("d"), dead(3)).await.unwrap();
    let letters = store.dead_letters().await.unwrap();
    let shown: Vec<_> =
        letters.iter().map(|letter| (&*letter.id, letter.dead_at.0, letter.tries, &*letter.error)).collect();
    assert_eq!(shown, [("d", 3, 4, "550"), ("c", 2, 4, "550")]);
    assert!(!store.revive(number("b")).await.unwrap(), "it is not put aside");
    assert!(store.revive(number("d")).await.unwrap() && store.discard(number("c")).await.unwrap());
    assert!(!store.discard(number("c")).await.unwrap() && !store.discard(number("d")).await.unwrap());
    let taken = store.claim(claim("two", 1_000)).await.unwrap().deliveries;
    let shown: Vec<_> = taken.iter().map(|delivery| (&*delivery.new.id, delivery.tries)).collect();
    assert_eq!(shown, [("b", 3), ("d", 0)]);
    assert_eq!(taken[0].due_at, UnixMillis(500));
}

async fn too_many_deliveries_are_put_aside(fixture: Fixture) {
    let store = &fixture.store;
    let all = [("a", Priority::Normal), ("b", Priority::Low), ("c", Priority::Urgent), ("d", Priority::Normal)];
    store.enqueue(all.iter().map(|(id, priority)| outgoing(id, *priority)).collect()).await.unwrap();
    let taken = store.claim(Claim { most: 2, dead: 1, ..claim("one", 100) }).await.unwrap();
    assert_eq!((taken.overflowed, taken.discarded, taken.waiting, taken.dead), (2, 1, 2, 1));
    assert_eq!(taken.deliveries.iter().map(|delivery| &*delivery.new.id).collect::<Vec<_>>(), ["c", "a"]);
    let letters = store.dead_letters().await.unwrap();
    assert_eq!(
        letters.iter().map(|letter| (&*letter.id, &*letter.error)).collect::<Vec<_>>(),
        [("d", "too many wait")]
    );
}

async fn ways_are_few_and_changed_one_by_one(fixture: Fixture) {
    let store = &fixture.store;
    let ada = store.name_person(session(), name("Ada")).await.unwrap();
    let bob = store.name_person(session(), name("Bob")).await.unwrap();
    let first = store.add_way(way(ada.id, "https://a.example")).await.unwrap().unwrap();
    let second = store.add_way(way(ada.id, "https://b.example")).await.unwrap().unwrap();
    assert_eq!(store.add_way(way(ada.id, "https://c.example")).await.unwrap(), None, "two are enough");
    let anew = NewWay { details: "new".into(), confirmed: false, ..way(ada.id, "https://a.example") };
    assert_eq!(store.add_way(anew).await.unwrap(), Some(first), "it takes its own place");
    assert!(store.add_way(way(bob.id, "https://a.example")).await.unwrap().is_some());
    let found = store.way(first).await.unwrap().unwrap();
    assert_eq!((found.person, found.way, &*found.details, found.confirmed), (ada.id, Way::Webhook, "new", false));
    assert!(!store.change_way(first, WayChange::Confirmed("old".into())).await.unwrap());
    assert!(store.change_way(first, WayChange::Confirmed("new".into())).await.unwrap());
    assert!(!store.change_way(first, WayChange::Confirmed("new".into())).await.unwrap(), "once");
    assert!(store.change_way(second, WayChange::Details("more".into())).await.unwrap());
    assert!(store.change_way(second, WayChange::Enabled(false)).await.unwrap());
    let all = store.ways(ada.id).await.unwrap();
    let shown: Vec<_> = all.iter().map(|way| (way.number, &*way.details, way.confirmed, way.enabled)).collect();
    assert_eq!(shown, [(first, "", true, true), (second, "more", true, false)]);
    assert!(store.change_way(first, WayChange::Removed).await.unwrap());
    assert!(!store.change_way(first, WayChange::Removed).await.unwrap());
    assert!(store.way(first).await.unwrap().is_none());
}

async fn somebody(store: &Store, called: &str) -> Person {
    store.name_person(session(), name(called)).await.unwrap()
}

fn channel(room: &str, name: &str) -> Channel {
    Channel { room: code(room), name: ChannelName::parse(name).unwrap() }
}

async fn workspace(store: &Store, text: &str, founder: &Person, first: &str) -> WorkspaceCode {
    let workspace = text.parse().unwrap();
    let name = DisplayName::parse("Engines").unwrap();
    assert!(store.create_workspace(workspace, name, founder.id, channel(first, "general")).await.unwrap());
    workspace
}

async fn a_workspace_is_made_once_with_its_founder_and_a_channel(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, bob) = (somebody(store, "Ada").await, somebody(store, "Bob").await);
    let engines = workspace(store, "W2222222", &ada, "22222222").await;
    let name = DisplayName::parse("Other").unwrap();
    let again = store.create_workspace(engines, name.clone(), bob.id, channel("33333333", "general")).await;
    assert!(!again.unwrap(), "another one of the same code");
    let other: WorkspaceCode = "W3333333".parse().unwrap();
    let taken = store.create_workspace(other, name, bob.id, channel("22222222", "general")).await;
    assert!(!taken.unwrap(), "the room of the channel is taken");
    assert!(!store.workspace_exists(other).await.unwrap(), "and nothing is left of it");
    let found = store.workspace(engines).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), &found.members[..]), ("Engines", &[ada.clone()][..]));
    assert_eq!(found.channels, [channel("22222222", "general")]);
    assert_eq!(store.workspaces_of(ada.id).await.unwrap(), [(engines, found.name)]);
    assert!(store.workspaces_of(bob.id).await.unwrap().is_empty());
    assert!(store.workspace_exists(engines).await.unwrap() && store.workspace(other).await.unwrap().is_none());
}

async fn whoever_joins_a_workspace_is_in_it_until_they_leave(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, bob, cleo) = (somebody(store, "Ada").await, somebody(store, "Bob").await, somebody(store, "Cleo").await);
    let engines = workspace(store, "W2222222", &ada, "22222222").await;
    let join = async |person: &Person| store.join_workspace(engines, person.id, 2).await.unwrap();
    assert_eq!(join(&bob).await, Admission::Member { fresh: true });
    assert_eq!(join(&bob).await, Admission::Member { fresh: false });
    assert_eq!(join(&cleo).await, Admission::Full);
    assert_eq!(store.join_workspace("W9999999".parse().unwrap(), bob.id, 2).await.unwrap(), Admission::Unknown);
    assert!(store.is_member(engines, bob.id).await.unwrap() && !store.is_member(engines, cleo.id).await.unwrap());
    // What was theirs there is theirs no longer; other rooms stay.
    store.create_room(code("44444444")).await.unwrap();
    for room in ["22222222", "44444444"] {
        store.visit(bob.id, code(room)).await.unwrap();
    }
    store.visit(ada.id, code("22222222")).await.unwrap();
    assert!(store.leave_workspace(engines, bob.id).await.unwrap());
    assert!(!store.leave_workspace(engines, bob.id).await.unwrap());
    assert!(!store.is_member(engines, bob.id).await.unwrap());
    let rooms = |visits: Vec<Visit>| visits.iter().map(|visit| visit.room).collect::<Vec<_>>();
    assert_eq!(rooms(store.visits(bob.id).await.unwrap()), [code("44444444")]);
    assert_eq!(rooms(store.visits(ada.id).await.unwrap()), [code("22222222")]);
    assert_eq!(join(&cleo).await, Admission::Member { fresh: true });
    assert_eq!(store.workspace(engines).await.unwrap().unwrap().members, [ada, cleo]);
}

async fn a_channel_is_made_once_by_name(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, bob) = (somebody(store, "Ada").await, somebody(store, "Bob").await);
    let engines = workspace(store, "W2222222", &ada, "22222222").await;
    let others = workspace(store, "W3333333", &bob, "33333333").await;
    let open = async |channel: Channel, by: &Person| store.open_channel(engines, channel, by.id, 3).await.unwrap();
    let random = channel("44444444", "random");
    assert_eq!(open(random.clone(), &ada).await, Opening::Channel(random.clone()));
    assert_eq!(open(random.clone(), &ada).await, Opening::Channel(random.clone()), "asked for again");
    assert_eq!(open(channel("55555555", "Random"), &ada).await, Opening::Channel(random.clone()), "by its name");
    assert_eq!(open(channel("22222222", "other"), &ada).await, Opening::RoomTaken);
    assert_eq!(open(channel("66666666", "other"), &bob).await, Opening::NotMember);
    assert_eq!(open(channel("66666666", "zebra"), &ada).await, Opening::Channel(channel("66666666", "zebra")));
    assert_eq!(open(channel("77777777", "more"), &ada).await, Opening::Full);
    assert_eq!(open(channel("77777777", "zebra"), &ada).await, Opening::Channel(channel("66666666", "zebra")));
    let same = store.open_channel(others, channel("77777777", "random"), bob.id, 3).await.unwrap();
    assert_eq!(same, Opening::Channel(channel("77777777", "random")), "another workspace has names of its own");
    let found = store.workspace(engines).await.unwrap().unwrap().channels;
    assert_eq!(found, [channel("22222222", "general"), random, channel("66666666", "zebra")]);
    // Only a member has been there, and knows what it is called.
    assert!(!store.visit(bob.id, code("66666666")).await.unwrap());
    assert!(store.visit(ada.id, code("66666666")).await.unwrap());
    assert!(store.visits(bob.id).await.unwrap().is_empty());
    let visit = store.visits(ada.id).await.unwrap().remove(0);
    assert_eq!((visit.title(), visit.channel.unwrap().workspace.as_str()), ("#zebra".into(), "Engines"));
    // What kind of room that is, as it is for somebody.
    for (who, member) in [(None, None), (Some(ada.id), Some(ada.id)), (Some(bob.id), None)] {
        let name = ChannelName::parse("zebra").unwrap();
        let kind = RoomKind::Channel(ChannelOf { workspace: engines, name, member });
        assert_eq!(store.room(code("66666666"), who).await.unwrap(), Some(kind));
    }
}

async fn many_who_want_the_last_place_in_a_workspace_get_it_once(fixture: Fixture) {
    let store = &fixture.store;
    let ada = somebody(store, "Ada").await;
    let engines = workspace(store, "W2222222", &ada, "22222222").await;
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(somebody(store, &format!("P{n}")).await);
    }
    let join = |person: &Person| store.join_workspace(engines, person.id, 2);
    let joined = futures_util::future::join_all(people.iter().map(join)).await;
    let fresh = joined.into_iter().filter(|joined| matches!(joined, Ok(Admission::Member { fresh: true }))).count();
    assert_eq!((fresh, store.workspace(engines).await.unwrap().unwrap().members.len()), (1, 2));
    let open = |n: usize| {
        let channel = channel(&format!("4444444{}", n + 2), "same");
        store.open_channel(engines, channel, ada.id, 10)
    };
    let opened: Vec<_> =
        futures_util::future::join_all((0..8).map(open)).await.into_iter().map(Result::unwrap).collect();
    assert!(opened.iter().all(|opening| *opening == opened[0]), "{opened:?}");
}

/// Texts in which a database could find more, or less, than we do.
const CORPUS: [&str; 14] = [
    "The quick brown fox",
    "quick, quick! BROWN; the fox",
    "L'été à Genève",
    "ETE a geneve",
    "Straße STRASSE",
    "foo-bar foo_bar foo.bar@example.com https://example.com/foo?bar=1e5",
    "1e5 0x1F 3.14 007 -42 v1.2.3",
    "日本語 テスト",
    "don't can't 'quoted' \"double\"",
    "a AND b OR NOT c NEAR d",
    "room words spoken @22222222 22222222",
    "<b>bold</b> &amp; \\ % _ * ( ) : ^ | ! <->",
    "हिन्दी में संदेश",
    "οδός ΟΔΟΣ 👩‍🚀 emoji",
];

async fn search(store: &Store, who: &Person, scope: Option<RoomCode>, query: &str) -> Vec<(RoomCode, u64)> {
    let found = store.search(who.id, scope, query.parse().unwrap(), None, 100).await.unwrap();
    found.iter().map(|found| (found.room, found.seq.0)).collect()
}

async fn what_is_found_is_what_looking_at_each_message_finds(fixture: Fixture) {
    let store = &fixture.store;
    let (room, people) = inhabited(store, "22222222", &["Ada"]).await;
    // PostgreSQL keeps 255 places of one word.
    let long = format!("{} end {}", "wörd ".repeat(250), "x".repeat(1000));
    let bodies: Vec<&str> = CORPUS.into_iter().chain([&*long]).collect();
    let drafts = (0..).zip(&bodies).map(|(n, body): (usize, _)| said_by(&people[0], &format!("client-{n}"), body));
    store.append(room, drafts.collect()).await.unwrap();
    let mut queries: Vec<String> = [
        "quick",
        "QUICK brown",
        "\"quick brown\"",
        "\"brown quick\"",
        "qui*",
        "ui*",
        "ete",
        "été*",
        "geneve",
        "strasse",
        "foo-bar",
        "\"foo bar\"",
        "foo.bar@example.com",
        "1e5",
        "0x1f",
        "3.14",
        "7",
        "日本",
        "本",
        "テスト",
        "don't",
        "quoted",
        "NOT",
        "a OR c",
        "room",
        "words:quick",
        "room:22222222",
        "@22222222",
        "22222222",
        "amp",
        "' OR 1=1 --",
        "\") OR (\"quick",
        "a:*",
        "'quick':* | 'x'",
        "quick & !brown",
        "fox <-> quick",
        "quick NEAR brown",
        "^the",
        "हिन्दी",
        "हि*",
        "ΟΔΌΣ",
        "end",
        "\"word end\"",
        "%",
        "\\",
        "emoji",
        "nothing",
        "spoken MATCH 'x'",
        "-quick",
        "+quick",
    ]
    .map(str::to_owned)
    .to_vec();
    queries.extend(bodies.iter().map(|body| body.chars().take(60).collect()));
    let mut some = 0;
    for text in &queries {
        let Ok(query) = text.parse::<Query>() else { continue };
        let mut expected: Vec<_> =
            (1..).zip(&bodies).filter(|(_, body)| query.fits(body)).map(|(seq, _)| (room, seq)).collect();
        expected.reverse();
        some += usize::from(!expected.is_empty());
        assert_eq!(search(store, &people[0], None, text).await, expected, "{text}");
        assert_eq!(search(store, &people[0], Some(room), text).await, expected, "{text}");
    }
    assert!(some > 30 && some < queries.len(), "{some} of {} find something", queries.len());
}

async fn nobody_finds_what_is_said_where_they_may_not_be(fixture: Fixture) {
    let store = &fixture.store;
    let (shared, people) = inhabited(store, "22222222", &["Ada", "Bob", "Eve"]).await;
    let (ada, bob, eve) = (&people[0], &people[1], &people[2]);
    let (other, _) = inhabited(store, "33333333", &["Cleo"]).await;
    let Opened::Room(secret, _) = store.open_direct(ada.id, bob.id, code("Z2222222")).await.unwrap() else { panic!() };
    for (n, room) in [shared, other, secret].into_iter().enumerate() {
        store.append(room, vec![said_by(ada, &format!("client-{n}"), "the treasure is here")]).await.unwrap();
    }
    assert_eq!(search(store, ada, None, "treasure").await, [(secret, 1), (shared, 1)]);
    assert_eq!(search(store, bob, Some(secret), "treasure").await, [(secret, 1)]);
    let found = store.search(bob.id, None, "treasure".parse().unwrap(), None, 9).await.unwrap();
    assert_eq!(found[0].with.as_ref(), Some(ada));
    for query in ["treasure", "the*", "Z2222222", "\"treasure is\"", "room:Z2222222", "treasure OR 33333333"] {
        let found = search(store, eve, None, query).await;
        assert!(found.iter().all(|(room, _)| *room == shared), "{query}: {found:?}");
        assert!(search(store, eve, Some(secret), query).await.is_empty(), "{query}");
    }
    // Whatever a list of rooms says, the rule decides.
    store.visit(eve.id, secret).await.unwrap();
    assert_eq!(search(store, eve, None, "treasure").await, [(shared, 1)]);
    // A room whose code one has is open, but not one of one's own.
    assert_eq!(search(store, eve, Some(other), "treasure").await, [(other, 1)]);
    assert!(search(store, &Person { id: PersonId(99), ..eve.clone() }, None, "treasure").await.is_empty());
    assert!(search(store, eve, Some(code("99999999")), "treasure").await.is_empty());
}

async fn what_is_said_in_a_channel_is_found_by_members_for_as_long_as_they_are(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (somebody(store, "Ada").await, somebody(store, "Eve").await);
    let engines = workspace(store, "W2222222", &ada, "22222222").await;
    let general = code("22222222");
    store.visit(ada.id, general).await.unwrap();
    store.append(general, vec![said_by(&ada, "client-a", "the treasure is here")]).await.unwrap();
    for scope in [None, Some(general)] {
        assert_eq!(search(store, &ada, scope, "treasure").await, [(general, 1)]);
        assert!(search(store, &eve, scope, "treasure").await.is_empty());
    }
    let found = store.search(ada.id, None, "treasure".parse().unwrap(), None, 9).await.unwrap().remove(0);
    let title = found.channel.expect("it is a channel");
    assert_eq!((title.channel.to_string(), title.workspace.as_str()), ("#general".into(), "Engines"));
    store.join_workspace(engines, eve.id, 9).await.unwrap();
    assert_eq!(search(store, &eve, Some(general), "treasure").await, [(general, 1)]);
    store.leave_workspace(engines, ada.id).await.unwrap();
    for scope in [None, Some(general)] {
        assert!(search(store, &ada, scope, "treasure").await.is_empty(), "whoever has left finds nothing more");
    }
}

async fn what_is_found_comes_in_pages_the_newest_first(fixture: Fixture) {
    let store = &fixture.store;
    let (one, people) = inhabited(store, "22222222", &["Ada"]).await;
    let ada = &people[0];
    let two = code("33333333");
    store.create_room(two).await.unwrap();
    store.visit(ada.id, two).await.unwrap();
    let mut said = Vec::new();
    for n in 0..60 {
        let room = if n % 3 == 0 { two } else { one };
        let body = if n % 2 == 0 { "needle" } else { "hay" };
        let stored = store.append(room, vec![said_by(ada, &format!("client-{n}"), body)]).await.unwrap();
        if body == "needle" {
            said.insert(0, (room, stored[0].message.seq.0));
        }
    }
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = store.search(ada.id, None, "needle".parse().unwrap(), before, 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        before = Some(last.place);
        found.extend(page.iter().map(|found| (found.room, found.seq.0)));
        // What is said meanwhile moves nothing.
        store.append(one, vec![said_by(ada, &format!("later-msg-{}", found.len()), "needle")]).await.unwrap();
    }
    assert_eq!(found, said);
    assert!(store.search(ada.id, None, "needle".parse().unwrap(), Some(u64::MAX), 3).await.unwrap().len() == 3);
}

async fn what_is_changed_is_found_by_what_it_says_now(fixture: Fixture) {
    let store = &fixture.store;
    let (room, people) = inhabited(store, "22222222", &["Ada"]).await;
    let ada = &people[0];
    let batch =
        vec![said_by(ada, "client-a", "apple"), said_by(ada, "client-b", "👍"), said_by(ada, "client-c", "cherry")];
    store.append(room, batch.clone()).await.unwrap();
    store.append(room, batch).await.unwrap();
    let change = async |seq, body: Option<&str>| {
        let body = body.map(|body| Body::parse(body).unwrap());
        store.change(room, Seq(seq), ada.id, body).await.unwrap();
    };
    let found = async |query| search(store, ada, None, query).await.into_iter().map(|(_, seq)| seq).collect::<Vec<_>>();
    assert_eq!((found("apple").await, found("cherry").await), (vec![1], vec![3]));
    change(1, Some("banana")).await;
    change(2, Some("a banana too")).await;
    assert_eq!((found("apple").await, found("banana").await), (vec![], vec![2, 1]));
    change(1, Some("...")).await;
    assert_eq!(found("banana").await, [2]);
    change(1, Some("banana again")).await;
    change(2, None).await;
    change(3, None).await;
    assert_eq!((found("banana").await, found("cherry").await), (vec![1], vec![]));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_fills_in_the_words_of_what_was_said_before() {
    let Some(server) = postgres_server::Postgres::start() else { return };
    let url = server.database();
    let fixture = open(Location::Postgres(url.parse().unwrap())).await;
    let (room, people) = inhabited(&fixture.store, "22222222", &["Ada"]).await;
    let drafts = (0..1200).map(|n| said_by(&people[0], &format!("client-{n}"), &format!("été {n}"))).collect();
    fixture.store.append(room, drafts).await.unwrap();
    fixture.tree.stop().await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let talking = tokio::spawn(connection);
    client.batch_execute("TRUNCATE texts").await.unwrap();
    drop(client);
    talking.await.unwrap().unwrap();
    let fixture = open(Location::Postgres(url.parse().unwrap())).await;
    assert_eq!(search(&fixture.store, &people[0], None, "ete 1199").await, [(room, 1200)]);
    assert_eq!(search(&fixture.store, &people[0], None, "ete").await.len(), 100);
}
