//! Rooms, open and between two.

use super::*;

conformance! {
    a_room_is_made_once,
    a_room_between_two_is_made_once_whoever_of_them_asks,
    a_room_between_two_begins_in_a_room_that_both_are_in,
    each_message_between_two_is_for_the_other,
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
