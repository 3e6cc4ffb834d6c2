//! Files, and the messages that they belong to.

use super::*;

conformance! {
    a_file_stays_with_its_message_until_that_is_deleted,
    a_file_that_no_message_has_never_will_have_one,
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
