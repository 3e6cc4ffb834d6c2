//! Messages and their changes.

use super::*;

conformance! {
    messages_are_numbered_by_room_without_a_gap,
    pages_of_history,
    what_fails_undoes_nothing_of_the_others,
    rooms_that_share_a_write_have_results_of_their_own,
    writes_that_share_rooms_do_not_wait_in_a_circle,
    many_at_once_are_numbered_without_a_gap,
    an_action_stays_one,
    only_its_author_changes_a_message,
    changes_are_numbered_and_can_be_read_again,
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
