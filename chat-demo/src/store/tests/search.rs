//! Finding messages by their words.

use super::*;

conformance! {
    what_is_found_is_what_looking_at_each_message_finds,
    nobody_finds_what_is_said_where_they_may_not_be,
    what_is_said_in_a_channel_is_found_by_members_for_as_long_as_they_are,
    what_is_found_comes_in_pages_the_newest_first,
    what_is_changed_is_found_by_what_it_says_now,
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
        assert_eq!(look_for(store, &people[0], None, text).await, expected, "{text}");
        assert_eq!(look_for(store, &people[0], Some(room), text).await, expected, "{text}");
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
    assert_eq!(look_for(store, ada, None, "treasure").await, [(secret, 1), (shared, 1)]);
    assert_eq!(look_for(store, bob, Some(secret), "treasure").await, [(secret, 1)]);
    let found = store.search(bob.id, None, "treasure".parse().unwrap(), None, 9).await.unwrap();
    assert_eq!(found[0].with.as_ref(), Some(ada));
    for query in ["treasure", "the*", "Z2222222", "\"treasure is\"", "room:Z2222222", "treasure OR 33333333"] {
        let found = look_for(store, eve, None, query).await;
        assert!(found.iter().all(|(room, _)| *room == shared), "{query}: {found:?}");
        assert!(look_for(store, eve, Some(secret), query).await.is_empty(), "{query}");
    }
    // Whatever a list of rooms says, the rule decides.
    store.visit(eve.id, secret).await.unwrap();
    assert_eq!(look_for(store, eve, None, "treasure").await, [(shared, 1)]);
    // A room whose code one has is open, but not one of one's own.
    assert_eq!(look_for(store, eve, Some(other), "treasure").await, [(other, 1)]);
    assert!(look_for(store, &Person { id: PersonId(99), ..eve.clone() }, None, "treasure").await.is_empty());
    assert!(look_for(store, eve, Some(code("99999999")), "treasure").await.is_empty());
}

async fn what_is_said_in_a_channel_is_found_by_members_for_as_long_as_they_are(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, eve) = (somebody(store, "Ada").await, somebody(store, "Eve").await);
    let engines = workspace(store, "W2222222", &ada, "22222222").await;
    let general = code("22222222");
    store.visit(ada.id, general).await.unwrap();
    store.append(general, vec![said_by(&ada, "client-a", "the treasure is here")]).await.unwrap();
    for scope in [None, Some(general)] {
        assert_eq!(look_for(store, &ada, scope, "treasure").await, [(general, 1)]);
        assert!(look_for(store, &eve, scope, "treasure").await.is_empty());
    }
    let found = store.search(ada.id, None, "treasure".parse().unwrap(), None, 9).await.unwrap().remove(0);
    let title = found.channel.expect("it is a channel");
    assert_eq!((title.channel.to_string(), title.workspace.as_str()), ("#general".into(), "Engines"));
    store.join_workspace(engines, eve.id, 9).await.unwrap();
    assert_eq!(look_for(store, &eve, Some(general), "treasure").await, [(general, 1)]);
    store.leave_workspace(engines, ada.id).await.unwrap();
    for scope in [None, Some(general)] {
        assert!(look_for(store, &ada, scope, "treasure").await.is_empty(), "whoever has left finds nothing more");
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
    let found =
        async |query| look_for(store, ada, None, query).await.into_iter().map(|(_, seq)| seq).collect::<Vec<_>>();
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
    assert_eq!(look_for(&fixture.store, &people[0], None, "ete 1199").await, [(room, 1200)]);
    assert_eq!(look_for(&fixture.store, &people[0], None, "ete").await.len(), 100);
}
