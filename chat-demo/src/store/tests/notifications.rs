//! Notices, and what leaves the chat.

use super::*;

conformance! {
    notices_are_the_last_mentions_in_ones_own_rooms,
    what_mentions_somebody_goes_out_by_their_ways,
    one_program_has_each_delivery_until_its_lease_is_over,
    too_many_deliveries_are_put_aside,
    ways_are_few_and_changed_one_by_one,
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
