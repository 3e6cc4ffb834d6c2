//! Whose room which is, what they have read, and who mentions them.

use super::*;

conformance! {
    what_is_read_is_kept_and_never_goes_back,
    rooms_are_listed_with_what_is_unread,
    a_mention_is_counted_until_it_is_read,
    an_edit_changes_whom_a_message_mentions,
    unread_lists_are_bounded,
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
