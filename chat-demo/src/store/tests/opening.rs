//! Databases that are opened, again or for the first time.

use super::*;

#[tokio::test]
async fn a_database_of_an_earlier_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.sqlite3");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../sqlite/migrations/1.sql")).unwrap();
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
    assert_eq!(look_for(&fixture.store, &next, Some(code("22222222")), "befo*").await, [(code("22222222"), 1)]);
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
