//! The figures that the chat promises, measured on the program itself in a process of its own. They are held to what is promised
//! in a release build, and to several times that in any other, where messages are held to as much all the same.
//! `docs/chat-figures.md` says what came of it, and how to run it by hand.

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chat_demo::domain::{Body, ClientId, DisplayName, Kind, Person, PersonId, RoomCode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::binary::Running;
use support::socket::Socket;
use support::{ADMIN_TOKEN, PATIENCE, Server, Visitor, wide};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// What keeps limits out of the way of many sockets of one machine.
const WIDE: &str = "--port 0 --memory --address-sockets 5000 --outbox 10000 --unacknowledged 1000 \
    --post-burst 1000000 --person-burst 1000000 --room-burst 1000000";

/// As promised in a release build; so many times that in any other.
fn bound(promised: Duration, times: u32) -> Duration {
    if cfg!(debug_assertions) { promised * times } else { promised }
}

/// Lets this process, and those that it starts, have as many sockets as the machine allows.
fn many_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum is allowed");
    }
}

fn wide_program() -> Running {
    many_files();
    let mut flags: Vec<&str> = WIDE.split_whitespace().collect();
    flags.extend(["--admin-token", ADMIN_TOKEN]);
    Running::start(&flags)
}

/// 2,000 people in 20 rooms, in each of which something is said.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_sockets_take_less_than_sixty_megabytes() {
    const ROOMS: usize = 20;
    const EACH: usize = 100;
    let program = wide_program();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let empty = megabytes(program.memory().0);
    let mut sockets = Vec::new();
    for room in 0..ROOMS {
        let (visitor, code) = program.founder(&format!("Founder {room}")).await;
        for _ in 0..EACH {
            sockets.push(visitor.join(&code, 0).await);
        }
    }
    for (room, sockets) in sockets.chunks_mut(EACH).enumerate() {
        sockets[0].post(&format!("room-{room:05}"), "Somebody says something of a usual length here.").await;
        for socket in sockets {
            assert_eq!(socket.messages(1).await[0].0, 1);
        }
    }
    let (now, most) = program.memory();
    let (now, most) = (megabytes(now), megabytes(most));
    let each = (now - empty) * 1000.0 / sockets.len() as f64;
    println!(
        "{} sockets: {now:.1} MB now, {most:.1} MB at most; {empty:.1} MB without any, {each:.1} kB each",
        sockets.len()
    );
    assert_eq!(sockets.len(), 2000);
    // The text of a program that is not optimised is several times as large.
    let promised = if cfg!(debug_assertions) { 80.0 } else { 60.0 };
    assert!(most < promised, "{most:.1} MB");
}

/// What a member of a room has heard, and what was told to them as stored.
#[derive(Default)]
struct Heard {
    messages: Vec<(u64, String)>,
    stored: HashMap<String, u64>,
}

/// Stays in the room up to the message that says `the end`. A talker says something whenever what it said before is stored, until
/// it is stopped; then it tells that it is `quiet`. Everybody tells when they hear a message that begins with `kill`.
async fn member(
    mut socket: Socket,
    talker: Option<usize>,
    kills: mpsc::UnboundedSender<Instant>,
    mut stop: oneshot::Receiver<()>,
    quiet: mpsc::Sender<()>,
) -> Heard {
    let mut heard = Heard::default();
    let (mut said, mut waits) = (0, false);
    let mut quiet = talker.map(|_| quiet);
    loop {
        if let Some(talker) = talker.filter(|_| !waits && quiet.is_some()) {
            if stop.try_recv().is_ok() {
                quiet = None;
                continue;
            }
            said += 1;
            waits = true;
            socket.post(&format!("talk-{talker:03}-{said:05}"), &format!("{talker} {said}")).await;
        }
        let frame =
            timeout(PATIENCE, socket.frame()).await.expect("something is heard").expect("the socket stays open");
        match frame["type"].as_str().unwrap() {
            "message" => {
                let body = frame["body"].as_str().unwrap().to_owned();
                if body.starts_with("kill") {
                    let _ = kills.send(Instant::now());
                }
                let over = body == "the end";
                heard.messages.push((frame["seq"].as_u64().unwrap(), body));
                if over {
                    return heard;
                }
            }
            "stored" => {
                let id = frame["id"].as_str().unwrap();
                let number: usize = id.rsplit('-').next().unwrap().parse().unwrap();
                heard.stored.insert(format!("{} {number}", talker.unwrap()), frame["seq"].as_u64().unwrap());
                waits = false;
            }
            "refused" => panic!("{frame}"),
            _ => {}
        }
    }
}

/// Five of two hundred talk all the time. From each kill until somebody has heard what was said after it.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_are_back_within_250_ms_when_their_room_is_killed() {
    const MEMBERS: usize = 200;
    const TALKERS: usize = 5;
    const KILLS: usize = 5;
    let program = wide_program();
    let (ada, code) = program.founder("Ada").await;
    let (kills, mut back) = mpsc::unbounded_channel();
    let (quiet, mut talking) = mpsc::channel(1);
    let (mut members, mut stops) = (Vec::new(), Vec::new());
    for n in 0..MEMBERS {
        let (stop, stopped) = oneshot::channel();
        let socket = ada.join(&code, 0).await;
        let talker = (n < TALKERS).then_some(n);
        members.push(tokio::spawn(member(socket, talker, kills.clone(), stopped, quiet.clone())));
        stops.push(stop);
    }
    let mut operator = ada.join(&code, 0).await;
    let mut slowest = Duration::ZERO;
    for kill in 0..KILLS {
        let killed = Instant::now();
        assert_eq!(ada.kill(&code).await, 200);
        operator.post(&format!("kill-{kill:04}"), &format!("kill {kill}")).await;
        for _ in 0..MEMBERS {
            let heard = timeout(PATIENCE, back.recv()).await.expect("everybody is back").unwrap();
            slowest = slowest.max(heard - killed);
        }
        operator.next_of("stored").await;
        // Some more is said before the next one.
        operator.messages(20).await;
    }
    drop(quiet);
    for stop in stops {
        let _ = stop.send(());
    }
    assert_eq!(timeout(PATIENCE, talking.recv()).await, Ok(None), "each has what it said acknowledged, and is quiet");
    operator.post("the-end-0001", "the end").await;
    let mut whole: Option<Vec<(u64, String)>> = None;
    let mut acknowledged = 0;
    for member in members {
        let heard = member.await.expect("a member to the end");
        for (body, seq) in &heard.stored {
            assert_eq!(&heard.messages[usize::try_from(*seq).unwrap() - 1].1, body, "acknowledged as {seq}");
        }
        acknowledged += heard.stored.len();
        assert!(
            heard.messages.iter().map(|(seq, _)| *seq).eq(1..=heard.messages.len() as u64),
            "each once and in order"
        );
        assert_eq!(whole.get_or_insert_with(|| heard.messages.clone()), &heard.messages, "everybody hears the same");
    }
    assert!(acknowledged > KILLS * TALKERS, "{acknowledged} messages are no test");
    println!("{KILLS} kills under {acknowledged} messages: all {MEMBERS} were back after {slowest:?} at most");
    assert!(slowest < bound(Duration::from_millis(250), 40), "{slowest:?}");
}

/// Somebody pages through all that was said in a room, from the newest on: how long each page took, and how many messages there
/// were.
async fn page_through(who: &Visitor, code: &str) -> (Vec<Duration>, u64) {
    let (mut took, mut count, mut place) = (Vec::new(), 0, String::new());
    loop {
        let asked = Instant::now();
        let answer = who.get(&format!("/rooms/{code}/messages{place}")).await;
        took.push(asked.elapsed());
        let page: serde_json::Value = serde_json::from_str(&answer.body).expect("messages");
        let messages = page["messages"].as_array().expect("a list");
        let Some(oldest) = messages.first() else { break };
        assert!(messages.len() <= 100, "{} messages are no page", messages.len());
        count += messages.len() as u64;
        place = format!("?before={}", oldest["seq"]);
    }
    took.sort_unstable();
    (took, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_long_history_takes_no_more_time_or_memory_than_one_of_a_short() {
    const SHORT: u64 = 1_000;
    const LONG: u64 = 20_000;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let database = folder.path().join("chat.sqlite3");
    let flags = ["--database", database.to_str().unwrap()];
    let server = Server::with(wide(), &flags).await;
    let (mut ada, short) = server.founder("Ada").await;
    let long = server.app.rooms().create().await.expect("a room").to_string();
    for (code, count) in [(&short, SHORT), (&long, LONG)] {
        let code: RoomCode = code.parse().unwrap();
        let talks = (0..50).map(|talk| {
            let rooms = server.app.rooms().clone();
            tokio::spawn(async move {
                let author = Person { id: PersonId(1), name: DisplayName::parse("Ada").unwrap() };
                for n in 0..count / 50 {
                    let id = ClientId::parse(&format!("post-{talk:03}-{n:05}")).unwrap();
                    let body = Body::parse("Somebody says something of a usual length here.").unwrap();
                    rooms.post(code, author.clone(), id, Kind::Text, body).await.expect("it is stored");
                }
            })
        });
        for talk in talks.collect::<Vec<_>>() {
            talk.await.expect("a talk to the end");
        }
    }
    server.app.into_tree().stop().await;

    // Another process, which has nothing of it in its memory.
    let running = Running::with_database(&database);
    ada.move_to(&running.address);
    let (few, count) = page_through(&ada, &short).await;
    assert_eq!(count, SHORT);
    let before = running.memory().0;
    let (many, count) = page_through(&ada, &long).await;
    assert_eq!(count, LONG);
    let after = running.memory().0;
    let (short, long) = (few[few.len() / 2], many[many.len() / 2]);
    let grown = after.saturating_sub(before) as f64 / 1e6;
    println!("a page of {SHORT} messages took {short:?}, one of {LONG} {long:?} (medians), and {grown:.1} MB more");
    assert!(long < 2 * short + bound(Duration::from_millis(1), 5), "{long:?} beside {short:?}");
    // Less than all of it would be: what the database and an allocator keep.
    assert!(grown < 6.0, "{grown} MB");
}

/// So many open rooms.
async fn open_rooms(server: &Server, count: usize) -> Vec<RoomCode> {
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(server.app.rooms().create().await.expect("a room"));
    }
    codes
}

/// Has somebody in each of `rooms`, over `each` connections, say something as soon as what was said over that before is stored, for a
/// while: posts a second, and how long the one in the middle and the one of a hundred that took longest took.
async fn posts(
    server: &Server,
    rooms: &[RoomCode],
    each: usize,
    author: PersonId,
    time: Duration,
) -> (f64, Duration, Duration) {
    // What is said again under the same name is not stored again.
    let run: u32 = rand::random();
    let started = Instant::now();
    let mut talks = Vec::new();
    for talker in 0..rooms.len() * each {
        let (code, rooms) = (rooms[talker / each], server.app.rooms().clone());
        talks.push(tokio::spawn(async move {
            let author = Person { id: author, name: DisplayName::parse("Ada").unwrap() };
            let mut took = Vec::new();
            while started.elapsed() < time {
                let id = ClientId::parse(&format!("{run}-{talker:04}-{:06}", took.len())).unwrap();
                let body = Body::parse("Somebody says something of a usual length here.").unwrap();
                let said = Instant::now();
                rooms.post(code, author.clone(), id, Kind::Text, body).await.expect("it is stored");
                took.push(said.elapsed());
            }
            took
        }));
    }
    let mut took = Vec::new();
    for talk in talks {
        took.extend(talk.await.expect("a talk to the end"));
    }
    let rate = took.len() as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    (rate, took[took.len() / 2], took[took.len() * 99 / 100])
}

/// How fast messages are stored, and how long one takes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures: it wants a release build and a quiet machine"]
async fn posts_per_second() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (rooms, each) in [(1, 1), (1, 64), (50, 1), (50, 4)] {
        measure("memory", &["--memory"], rooms, each).await;
        let database = folder.path().join(format!("{rooms}-{each}.sqlite3"));
        measure("a file", &["--database", database.to_str().unwrap()], rooms, each).await;
    }
    #[cfg(feature = "postgres")]
    if let Some(postgres) = support::postgres::Postgres::start() {
        for (rooms, each) in [(1, 1), (1, 64), (50, 1), (50, 4)] {
            measure("PostgreSQL", &["--database-url", &postgres.database()], rooms, each).await;
        }
    }
}

async fn measure(kept: &str, flags: &[&str], rooms: usize, each: usize) {
    let server = Server::with(wide(), flags).await;
    let codes = open_rooms(&server, rooms).await;
    let (rate, median, late) = posts(&server, &codes, each, PersonId(1), Duration::from_secs(3)).await;
    println!("{kept}: {rooms} rooms, {each} people in each: {rate:.0} posts/s, p50 {median:?}, p99 {late:?}");
}

/// What it costs that each message to a channel is admitted by the store: beside messages to open rooms, which need no such question.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures: it wants a release build and a quiet machine"]
async fn posts_per_second_to_channels() {
    let time = Duration::from_secs(3);
    for kept in ["memory", "a file"] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let database = folder.path().join("chat.sqlite3");
        let flags = if kept == "memory" { vec!["--memory"] } else { vec!["--database", database.to_str().unwrap()] };
        for (rooms, each) in [(1, 1), (1, 64), (20, 4)] {
            let server = Server::with(wide(), &flags).await;
            let (ada, workspace, general) = server.team("Ada").await;
            let author = PersonId(ada.join(&general, 0).await.welcome["you"]["id"].as_i64().unwrap());
            let mut channels = vec![general.parse().unwrap()];
            for n in 1..rooms {
                channels.push(ada.channel(&workspace, &format!("channel-{n}")).await.parse().unwrap());
            }
            let open = open_rooms(&server, rooms).await;
            for (kind, codes) in [("open rooms", &open), ("channels", &channels), ("open rooms", &open)] {
                let (rate, median, late) = posts(&server, codes, each, author, time).await;
                println!("{kept}: {rooms} {kind}, {each} at once: {rate:.0} posts/s, p50 {median:?}, p99 {late:?}");
            }
        }
    }
}
