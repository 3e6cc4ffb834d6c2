//! Workspaces and their channels.

use super::*;

conformance! {
    a_workspace_is_made_once_with_its_founder_and_a_channel,
    whoever_joins_a_workspace_is_in_it_until_they_leave,
    a_channel_is_made_once_by_name,
    many_who_want_the_last_place_in_a_workspace_get_it_once,
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
