//! Holds `docs/protocol.md` against the frames and close codes.

use serde_json::{Value, json};

use super::protocol::{
    ClientFrame, FoundPage, Goodbye, MAX_FRAME_BYTES, Member, NoticePage, OneChannel, OneFound, Past, Said,
    ServerFrame, Team, Unread, VERSION, Who, word,
};
use crate::domain::presence::Status;
use crate::domain::workspace::ChannelName;
use crate::domain::{
    Attachment, Body, ClientId, DisplayName, FileId, FileName, Kind, Message, MessageState, Person, PersonId, Revision,
    Seq, UnixMillis,
};
use crate::store::{ChannelTitle, Found, Notice};

const PAGE: &str = include_str!("../../../../docs/protocol.md");

/// The frames in the code blocks of this side, in the order in which they stand there.
fn documented(side: &str) -> Vec<Value> {
    let begin = format!("```json {side}\n");
    let blocks = PAGE.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"))).collect()
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect()
}

#[test]
fn what_a_client_says_is_read() {
    let frames = documented("client");
    assert_eq!(
        kinds(&frames),
        ["join", "post", "edit", "delete", "nick", "direct", "typing", "active", "read", "ping"]
    );
    for frame in &frames {
        let read = serde_json::from_value::<ClientFrame>(frame.clone());
        assert!(read.is_ok(), "{read:?}: {frame}");
        assert_eq!(&serde_json::to_value(read.unwrap()).unwrap(), frame, "and said by a client");
        if let Some(id) = frame.get("id").and_then(Value::as_str) {
            assert!(ClientId::parse(id).is_ok(), "{id}");
        }
        let mut more = frame.clone();
        more["more"] = json!(1);
        assert!(serde_json::from_value::<ClientFrame>(more).is_err(), "unknown fields are refused: {frame}");
    }
    let Ok(ClientFrame::Join { v, after, revision }) = serde_json::from_value(frames[0].clone()) else { panic!() };
    assert_eq!((v, after, revision), (VERSION, Some(Seq(41)), Some(Revision(3))));
}

#[test]
fn what_the_server_says_is_as_it_is_said() {
    let person = |id, name| Person { id: PersonId(id), name: DisplayName::parse(name).unwrap() };
    let (ada, bob) = (person(7, "Ada"), person(8, "Bob"));
    let said = Message {
        seq: Seq(42),
        author: ada.clone(),
        client_id: ClientId::parse("k3v9qzt2-0001").unwrap(),
        kind: Kind::Text,
        body: Body::parse("Hello, everybody").unwrap(),
        attachment: None,
        mentions: Vec::new(),
        at: UnixMillis(1_760_000_000_000),
        revision: Revision(0),
        state: MessageState::Said,
    };
    let file = Attachment {
        file: FileId::random(),
        name: FileName::tidy("lake.png"),
        media_type: "image/png".into(),
        size: 812_345,
        thumbnail: Some((480, 300)),
        scanned: true,
    };
    let with_file = Message { seq: Seq(43), body: Body::empty(), attachment: Some(Box::new(file)), ..said.clone() };
    let mentioning = Message {
        seq: Seq(44),
        author: bob.clone(),
        body: Body::parse("Hello @ada").unwrap(),
        mentions: vec![ada.clone()],
        ..said.clone()
    };
    let gone = Message { body: Body::empty(), revision: Revision(4), state: MessageState::Deleted, ..said.clone() };
    let frames = [
        ServerFrame::Welcome {
            v: VERSION,
            you: Who::from(&ada),
            last: Seq(42),
            revision: Revision(3),
            reset: false,
            members: vec![Who::from(&ada)],
            away: vec![],
        },
        ServerFrame::Message(Said::from(&said)),
        ServerFrame::Message(Said::from(&with_file)),
        ServerFrame::Message(Said::from(&mentioning)),
        ServerFrame::Changed(Said::from(&gone)),
        ServerFrame::Stored { id: "k3v9qzt2-0001".into(), seq: Seq(42), at: said.at },
        ServerFrame::Done { id: "k3v9qzt2-0002".into() },
        ServerFrame::Direct {
            id: "k3v9qzt2-0006".into(),
            room: "ZKQ2MXPD".into(),
            with: Who::from(&bob),
            seq: Some(Seq(1)),
        },
        ServerFrame::Refused {
            id: Some("k3v9qzt2-0004".into()),
            reason: "rate".into(),
            text: "You are sending very fast.".into(),
            retry_ms: Some(200),
        },
        ServerFrame::Joined { person: Who::from(&bob) },
        ServerFrame::Left { id: bob.id },
        ServerFrame::Members { members: vec![Who::from(&ada), Who::from(&bob)], away: vec![bob.id] },
        ServerFrame::Presence { id: bob.id, status: word(Status::Online).into() },
        ServerFrame::Typing { id: bob.id, on: true },
        ServerFrame::Pong {},
        ServerFrame::Rooms {
            rooms: vec![
                Unread { code: "7KQ2MXPD".into(), name: None, workspace: None, unread: 3, mentions: 1, with: None },
                Unread {
                    code: "ZKQ2MXPD".into(),
                    name: None,
                    workspace: None,
                    unread: 1,
                    mentions: 1,
                    with: Some(Who { id: bob.id, name: "Bob".into() }),
                },
                Unread {
                    code: "ZM4T9XQ2".into(),
                    name: Some("#general".into()),
                    workspace: Some("Engines".into()),
                    unread: 0,
                    mentions: 0,
                    with: None,
                },
            ],
            notices: 2,
        },
        ServerFrame::Mentioned { room: "7KQ2MXPD".into(), seq: Seq(12), by: Who::from(&bob), direct: false },
        ServerFrame::Mentioned { room: "ZKQ2MXPD".into(), seq: Seq(1), by: Who::from(&bob), direct: true },
        ServerFrame::Workspace {
            code: "W5K2PQ7R".into(),
            name: "Engines".into(),
            channels: vec![OneChannel { code: "ZM4T9XQ2".into(), name: "general".into() }],
        },
        ServerFrame::Announced { by: Who::from(&bob), text: "Lunch!".into() },
    ];
    let shown = documented("server");
    assert!(shown.len() >= frames.len());
    for (frame, shown) in frames.iter().zip(&shown) {
        assert_eq!(&serde_json::to_value(frame).unwrap(), shown);
        assert_eq!(&serde_json::from_value::<ServerFrame<'_>>(shown.clone()).unwrap(), frame, "and read by a client");
    }
}

#[test]
fn the_past_is_told_as_it_is_shown() {
    let [shown] = &documented("past")[..] else { panic!("one page") };
    let past: Past<'_> = serde_json::from_value(shown.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&past).unwrap(), shown);
    let told = documented("server").into_iter().find(|frame| frame["type"] == "message").unwrap();
    let ServerFrame::Message(said) = serde_json::from_value(told).unwrap() else { panic!("a message") };
    assert_eq!(past.messages, [said]);
}

#[test]
fn every_close_code_is_in_the_table_and_no_other() {
    use Goodbye::*;
    let all = [GoingAway, Handshake, NotText, TooBig, Nonsense, SessionEnded, NotAdmitted, Idle, TooSlow, NoRoom, Full];
    let mut codes: Vec<String> = all.iter().map(|goodbye| goodbye.code().to_string()).collect();
    codes.sort();
    codes.dedup();
    let table = PAGE.split("## How it ends").nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let shown: Vec<&str> = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(shown, codes);
    assert!(PAGE.contains(&format!("longer than {} KB", MAX_FRAME_BYTES / 1024)));
}

#[test]
fn what_programs_are_told_of_other_places_is_as_it_is_said() {
    let bob = Person { id: PersonId(8), name: DisplayName::parse("Bob").unwrap() };
    let in_channel = Found {
        place: 4711,
        room: "ZM4T9XQ2".parse().unwrap(),
        with: None,
        channel: Some(ChannelTitle {
            channel: ChannelName::parse("general").unwrap(),
            workspace: DisplayName::parse("Engines").unwrap(),
        }),
        seq: Seq(12),
        author: bob.clone(),
        at: UnixMillis(1_760_000_000_000),
        body: Body::parse("Steam!").unwrap(),
    };
    let alone = Found {
        room: "ZKQ2MXPD".parse().unwrap(),
        with: Some(bob.clone()),
        channel: None,
        seq: Seq(1),
        body: Body::parse("More steam?").unwrap(),
        ..in_channel.clone()
    };
    let page = FoundPage { found: vec![OneFound::from(&in_channel), OneFound::from(&alone)], older: Some(4711) };
    assert_eq!(documented("found"), [serde_json::to_value(&page).unwrap()]);
    let notice = Notice {
        room: "7KQ2MXPD".parse().unwrap(),
        channel: None,
        direct: false,
        seq: Seq(12),
        author: bob,
        at: in_channel.at,
        body: Body::parse("@ada?").unwrap(),
        unseen: true,
    };
    let page = NoticePage { notices: vec![OneFound::from(&notice)], older: true };
    assert_eq!(documented("notices"), [serde_json::to_value(&page).unwrap()]);
    let team = Team {
        code: "W5K2PQ7R".into(),
        name: "Engines".into(),
        channels: vec![OneChannel { code: "ZM4T9XQ2".into(), name: "general".into() }],
        members: vec![Member { id: PersonId(8), name: "Bob".into(), status: word(Status::Away).into() }],
    };
    assert_eq!(documented("workspace"), [serde_json::to_value(&team).unwrap()]);
    assert_eq!(serde_json::from_value::<Team<'_>>(documented("workspace").remove(0)).unwrap(), team);
    // A client reads what it is told.
    assert_eq!(serde_json::from_value::<NoticePage<'_>>(documented("notices").remove(0)).unwrap(), page);
    assert!(serde_json::from_value::<FoundPage<'_>>(documented("found").remove(0)).is_ok());
}
