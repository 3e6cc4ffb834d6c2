//! The chat in a terminal, against the program: the client's loop on a window in memory, with keys from here.

mod support;

use std::process::{Child, Command, Stdio};

use chat_demo::terminal::Server as Address;
use crossterm::event::{Event, KeyCode, KeyModifiers};
use support::clamd::{Clamd, eicar};
use support::proxy::Proxy;
use support::terminal::Person;
use support::{Server, Visitor, binary, wide};

/// Whether a window shows exactly these lines, each once and in order, and nothing is on its way.
fn whole(window: &str, lines: std::ops::RangeInclusive<usize>) -> bool {
    let on_its_way = ["Sending…", "Waiting for", "  Sent", "Not sent"].iter().any(|state| window.contains(state));
    !on_its_way && numbered(window, "line").into_iter().eq(lines)
}

/// The lines that a window shows of a numbered talk, in order.
fn numbered(window: &str, word: &str) -> Vec<usize> {
    let line = |line: &str| line.trim().strip_prefix(word)?.trim().parse().ok();
    window.lines().filter_map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    ada.sees("Nobody has said anything yet").await;
    let mut bob = Person::guest(&server.address(), "Bob", &code).await;
    ada.sees("Bob is here").await;
    bob.sees("Connected").await;
    bob.write("hello @ad");
    ada.sees("Bob is writing…").await;
    bob.key(KeyCode::Tab);
    bob.press(KeyCode::Enter, KeyModifiers::ALT);
    bob.event(Event::Paste("second\r\nthird \u{1b}[31m字".into()));
    bob.sees("  third [31m字").await;
    bob.key(KeyCode::Enter);
    let window = ada.sees("hello @Ada").await;
    assert!(window.contains("Today") && window.contains("\n  second\n  third [31m字\n"), "{window}");
    ada.sees_no("Bob is writing…").await;

    ada.say("/me waves");
    bob.sees("* Ada waves").await;
    ada.say("/nick Lady Ada");
    bob.sees("Ada is now Lady Ada").await;
    ada.sees("You are Lady Ada now").await;
    ada.say("/shout");
    ada.sees("There is no command /shout").await;
    ada.control('u');

    ada.say("/account");
    ada.sees(&format!("In a browser: http://{}/account", server.address())).await;

    ada.say("I was rong");
    bob.sees("I was rong").await;
    ada.until("it is sent", |window| window.contains("  I was rong") && !window.contains("Sen")).await;
    ada.key(KeyCode::Up);
    ada.sees("✎ I was rong").await;
    (0..4).for_each(|_| ada.key(KeyCode::Backspace));
    ada.say("wrong");
    bob.sees("I was wrong  edited").await;
    ada.key(KeyCode::Up);
    ada.control('d');
    ada.sees("Delete this message for everybody?").await;
    ada.key(KeyCode::Enter);
    bob.sees("This message was deleted").await;
    bob.sees_no("I was wrong").await;

    ada.say("/who");
    let window = ada.sees("Lady Ada  online, you").await;
    assert!(window.contains("● Bob  online"), "{window}");
    ada.key(KeyCode::Esc);
    ada.write("?");
    ada.sees("Commands and keys").await;
    ada.key(KeyCode::Esc);
    ada.say("/quit");
    ada.ended().await;
    bob.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_is_shown_in_pages_and_what_is_new_is_marked() {
    let server = Server::start().await;
    let (founder, code) = server.founder("Founder").await;
    let mut reader = Person::guest(&server.address(), "Ada", &code).await;
    reader.sees("Nobody has said anything yet").await;
    let mut socket = founder.join(&code, 0).await;
    socket.post("line-0001", "line 1").await;
    reader.sees("line 1").await;
    reader.stop().await;
    for n in 2..=120 {
        socket.post(&format!("line-{n:04}"), &format!("line {n}")).await;
        socket.next_of("stored").await;
    }
    let mut ada = Person::guest(&server.address(), "Ada again", &code).await;
    let window = ada.sees("line 120").await;
    let shown = numbered(&window, "line");
    assert!(shown.len() > 40 && shown.is_sorted(), "{window}");
    let mut first = shown[0];
    while first > 1 {
        ada.key(KeyCode::PageUp);
        let window = ada.until("earlier lines", |window| numbered(window, "line")[0] < first).await;
        let shown = numbered(&window, "line");
        assert!(shown.iter().copied().eq(shown[0]..shown[0] + shown.len()), "without a gap: {window}");
        first = shown[0];
    }
    ada.sees("More below, Esc").await;
    socket.post("line-0121", "line 121").await;
    ada.sees("1 new message below").await;
    ada.key(KeyCode::Esc);
    let window = ada.sees("line 121").await;
    assert!(window.contains(" New "), "{window}");
    let shown = numbered(&window, "line");
    assert!(shown.iter().copied().eq(shown[0]..=121), "{window}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_is_killed_while_people_talk() {
    let server = Server::start().await;
    let (killer, code) = server.founder("Founder").await;
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    let mut bob = Person::guest(&server.address(), "Bob", &code).await;
    ada.sees("Connected").await;
    bob.sees("Connected").await;
    for n in 1..=30 {
        ada.say(&format!("line {n}"));
        if n % 10 == 0 {
            // It cannot be killed while it is not there.
            while killer.kill(&code).await != 200 {}
        }
    }
    for person in [&mut ada, &mut bob] {
        person.until("every line once and in order", |window| whole(window, 1..=30)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_cut_and_what_was_written_is_sent_once() {
    let proxy = Proxy::listen().await;
    let origin = format!("http://{}", proxy.address);
    let server = Server::with(wide(), &["--memory", "--origin", &origin]).await;
    proxy.connect(&server.address());
    let (founder, code) = server.founder("Founder").await;
    let mut ada = Person::guest(&proxy.address, "Ada", &code).await;
    ada.sees("Connected").await;
    let mut lines = 0;
    for _ in 0..5 {
        lines += 1;
        ada.say(&format!("line {lines}"));
        // Perhaps it has gone out, perhaps not; perhaps it was answered.
        assert!(proxy.cut() > 0);
        ada.until("it is said", |window| window.contains("Trying again") || window.contains("Connecting again")).await;
        lines += 1;
        ada.say(&format!("line {lines}"));
        ada.sees("Waiting for the connection…").await;
        proxy.connect(&server.address());
        ada.until("every line once and in order", |window| whole(window, 1..=lines)).await;
    }
    let history = founder.join(&code, 0).await.messages(lines).await;
    assert!(history.iter().map(|(_, body)| body.clone()).eq((1..=lines).map(|n| format!("line {n}"))), "{history:?}");
}

/// The program, on a port of its own; killed when it is dropped.
struct Running(Child);

impl Running {
    fn start(port: &str, database: &str) -> (Self, String) {
        let mut command: Command = binary::chat_demo(["--port", port, "--database", database]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut url = String::new();
        let mut said = std::io::BufReader::new(child.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut said, &mut url).expect("a line");
        (Self(child), url.trim().trim_end_matches('/').to_owned())
    }

    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_program_is_killed_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let database = database.to_str().unwrap();
    let (mut running, url) = Running::start("0", database);
    let port = url.rsplit(':').next().unwrap().to_owned();
    let (mut server, _) = Address::at(&url).unwrap();
    let code = server.create_room(Some("Ada")).await.unwrap();
    let mut ada = Person::at(server, code, (80, 60));
    let mut bob = Person::guest(&url, "Bob", code.as_str()).await;
    ada.sees("Connected").await;
    bob.sees("Connected").await;
    let mut lines = 0;
    for _ in 0..3 {
        for _ in 0..5 {
            lines += 1;
            ada.say(&format!("line {lines}"));
        }
        running.kill();
        lines += 1;
        ada.say(&format!("line {lines}"));
        ada.sees("Waiting for the connection…").await;
        running = Running::start(&port, database).0;
        for person in [&mut ada, &mut bob] {
            person.until("every line once and in order", |window| whole(window, 1..=lines)).await;
        }
    }
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goes_from_room_to_room_and_drafts_stay() {
    let server = Server::start().await;
    let (founder, one) = server.founder("Founder").await;
    let (_, two) = server.founder("Other").await;
    let mut ada = Person::guest(&server.address(), "Ada", &one).await;
    ada.sees("Connected").await;
    ada.write("a draft");
    ada.sees("› a draft").await;
    ada.control('k');
    ada.sees("Go to a room").await;
    ada.say(&two.to_lowercase());
    let grouped = |code: &str| format!("{} {}", &code[..4], &code[4..]);
    let window = ada.sees(&format!("Room {} ·", grouped(&two))).await;
    assert!(window.contains("Write a message"), "{window}");

    let mut socket = founder.join(&one, 0).await;
    socket.post("line-0001", "hello @Ada").await;
    ada.sees(&format!("Founder mentions you in {}", grouped(&one))).await;
    ada.sees("1 new, 1 mention elsewhere").await;
    ada.press(KeyCode::Up, KeyModifiers::ALT);
    ada.sees(&format!("Room {} ·", grouped(&one))).await;
    let window = ada.sees("hello @Ada").await;
    assert!(window.contains("› a draft"), "{window}");
    ada.sees(" New ").await;

    // A room that does not exist is made when that is wanted.
    ada.control('u');
    ada.say("/join ABCD2345");
    ada.sees("There is no room ABCD 2345 yet").await;
    ada.key(KeyCode::Enter);
    ada.sees("Room ABCD 2345 · 1 here").await;
    ada.say("/leave");
    let window =
        ada.until("another room", |window| window.contains(" here") && !window.contains("Room ABCD 2345")).await;
    assert!(!window.contains("ABCD 2345"), "{window}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_write_to_each_other_alone() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    ada.sees("Nobody has said anything yet").await;
    let mut bob = Person::guest(&server.address(), "Bob", &code).await;
    ada.sees("Bob is here").await;
    ada.say("/msg Nobody at all");
    let refused = |window: &str| window.contains("Nobody in your rooms") && window.contains("› /msg Nobody at all");
    ada.until("what was to be said is not lost", refused).await;
    ada.control('u');
    ada.say("/msg bob are you there?");
    let alone = |window: &str| window.starts_with(" Bob") && window.contains("  are you there?");
    ada.until("the room between the two", alone).await;
    bob.sees("Ada writes to you").await;
    bob.control('k');
    bob.sees("Ada  1 new").await;
    bob.say("ada");
    let alone = |window: &str| window.starts_with(" Ada") && window.contains("  are you there?");
    bob.until("the room between the two", alone).await;
    bob.say("yes");
    ada.sees("  yes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_searched_for_walked_through_and_opened() {
    let server = Server::start().await;
    let (founder, code) = server.founder("Founder").await;
    let (_, elsewhere) = server.founder("Other").await;
    let mut socket = founder.join(&code, 0).await;
    for n in 1..=120 {
        let body = if n == 30 { "Un ÉTÉ à Genève".to_owned() } else { format!("hay {n}") };
        socket.post(&format!("line-{n:04}"), &body).await;
        socket.next_of("stored").await;
    }
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    ada.sees("hay 120").await;
    ada.say("/search ete gene*");
    ada.sees("▸ Founder in").await;
    ada.key(KeyCode::Enter);
    let window = ada.sees("  hay 31 ").await;
    assert!(window.contains("Un ÉTÉ à Genève") && window.contains("  hay 29 "), "{window}");
    ada.key(KeyCode::Esc);
    ada.sees("“ete gene*” in").await;
    ada.key(KeyCode::Esc);
    // Page after page, down to the oldest.
    ada.say("/search hay");
    ada.sees("  hay 120").await;
    ada.until("25 of them", |window| window.contains("25 messages.")).await;
    for known in [50, 75, 100, 119] {
        (0..30).for_each(|_| ada.key(KeyCode::Down));
        ada.sees(&format!("{known} messages.")).await;
    }
    (0..30).for_each(|_| ada.key(KeyCode::PageDown));
    ada.until("the oldest", |window| window.lines().any(|line| line.contains(" hay 1 "))).await;
    ada.key(KeyCode::Esc);

    // From another room, in all of them, and there by Enter.
    ada.say(&format!("/join {elsewhere}"));
    ada.sees("Nobody has said anything yet").await;
    ada.say("/search Genève");
    ada.sees("Nothing is found").await;
    ada.key(KeyCode::Tab);
    ada.sees("in all your rooms").await;
    ada.sees("▸ Founder in").await;
    ada.key(KeyCode::Enter);
    ada.sees("  hay 31 ").await;
    ada.key(KeyCode::Enter);
    ada.until("the room", |window| window.starts_with(&format!(" Room {} {}", &code[..4], &code[4..]))).await;
    ada.say("/search a*");
    ada.sees("Write at least 2 letters before *").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_made_joined_talked_in_and_left() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    ada.sees("Nobody has said anything yet").await;
    ada.say("/join #general");
    ada.sees("This room is in no workspace").await;
    ada.say("/found Engines");
    let window = ada.sees("join: pass it on").await;
    assert!(window.contains(" Engines ") && window.contains("#general") && window.contains("1 member"), "{window}");
    let pass_on = window.split("Whoever has the code ").nth(1).unwrap();
    let workspace: String = pass_on.split_whitespace().take(2).collect();
    ada.key(KeyCode::Enter);
    ada.until("the channel", |window| window.starts_with(" #general · Engines · 1 here")).await;

    let mut bob = Person::guest(&server.address(), "Bob", &code).await;
    bob.sees("Connected").await;
    bob.say(&format!("/workspace {workspace}"));
    bob.sees("● Ada  online").await;
    bob.key(KeyCode::Enter);
    bob.until("the channel", |window| window.starts_with(" #general · Engines · 2 here")).await;
    ada.say("/announce Lunch!");
    bob.sees("Ada to all: Lunch!").await;
    // The answer, or what was announced, whichever is said last of what has come together.
    let told = ["All who are in a channel now were told.", "Ada to all: Lunch!"];
    ada.until("it is told", |window| told.iter().any(|told| window.contains(told))).await;

    bob.say("/join #Off Topic");
    bob.sees("There is no channel #off-topic in this workspace yet").await;
    bob.key(KeyCode::Enter);
    bob.until("the channel", |window| window.starts_with(" #off-topic · Engines · 1 here")).await;
    bob.say("anybody?");
    // Where one has not been one can go by the switcher, or by name.
    ada.control('k');
    ada.sees("#off-topic · Engines").await;
    ada.key(KeyCode::Esc);
    ada.sees_no("Go to a room").await;
    ada.say("/join #OFF topic");
    ada.sees("anybody?").await;
    ada.say("/workspace");
    ada.sees("2 members").await;
    ada.key(KeyCode::Esc);
    ada.sees_no("2 members").await;
    ada.say("/new");
    let window = ada.sees("Nobody has said anything yet").await;
    assert!(window.contains(" · 1 here") && !window.contains("Engines · 1"), "{window}");

    bob.say("/leave workspace");
    bob.until("another room", |window| window.starts_with(&format!(" Room {}", &code[..4]))).await;
    bob.control('k');
    bob.sees("You have no other room yet").await;
    bob.key(KeyCode::Esc);
    bob.say("/workspace 22222222");
    bob.sees("there is none, or not for you").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mentions_somebody_is_listed_marked_and_silenced() {
    let server = Server::start().await;
    let (_, one) = server.founder("Founder").await;
    let (bob, two) = server.founder("Bob").await;
    let mut ada = Person::guest(&server.address(), "Ada", &two).await;
    ada.sees("Connected").await;
    ada.say(&format!("/join {one}"));
    ada.until("the other room", |window| window.starts_with(&format!(" Room {}", &one[..4]))).await;
    ada.sees("Nobody has said anything yet").await;
    let mut socket = bob.join(&two, 0).await;
    socket.post("bob-0001", "@Ada, where are you?").await;
    ada.sees("Bob mentions you in").await;
    ada.sees("1 notification ·").await;
    ada.control('n');
    ada.sees("Notifications, 1 new").await;
    ada.sees("@Ada, where are you?").await;
    ada.write("s");
    ada.sees_no("Notifications, 1 new").await;
    ada.sees_no("1 notification").await;
    ada.key(KeyCode::Enter);
    ada.sees("Enter goes to this room").await;
    ada.key(KeyCode::Enter);
    ada.until("that room", |window| window.starts_with(&format!(" Room {}", &two[..4]))).await;

    ada.say("/quiet");
    ada.sees("you have no notifications now").await;
    ada.say(&format!("/join {one}"));
    ada.sees("Nobody has said anything yet").await;
    socket.post("bob-0002", "@Ada, are you away?").await;
    ada.sees("1 new, 1 mention elsewhere").await;
    ada.say("/notifications");
    ada.sees("Whoever writes your name behind an @").await;
    ada.key(KeyCode::Esc);
    ada.say(&format!("/join {two}"));
    ada.sees("@Ada, are you away?").await;
    ada.say("/quiet off");
    ada.sees("notifications again").await;
    ada.control('n');
    ada.sees("2 messages.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_and_shown_with_its_link() {
    let server = Server::start().await;
    let (founder, code) = server.founder("Founder").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a letter to Ada.txt");
    std::fs::write(&path, "Dear Ada,\n".repeat(300)).unwrap();
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    ada.sees("Connected").await;
    ada.say(&format!("/send {}", path.display()));
    let window = ada.sees(&format!("http://{}/rooms/{code}/files/1", server.address())).await;
    assert!(window.contains("a letter to Ada.txt (3 KB, not scanned)"), "{window}");
    let reply = support::files::get(&founder, &format!("/rooms/{code}/files/1")).await;
    assert_eq!((reply.status, reply.body.len()), (200, 3000));
    ada.say("/send /no/such/file");
    ada.sees("/no/such/file cannot be read").await;
    ada.say(&format!("/send {}", folder.path().display()));
    ada.sees("is not a file").await;
    let lying = folder.path().join("picture.png");
    std::fs::write(&lying, "no picture").unwrap();
    ada.say(&format!("/send {}", lying.display()));
    ada.sees("picture.png is not sent. ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_refused_is_refused_in_words() {
    let mut limits = wide();
    limits.upload_bytes = 1 << 20;
    let Some(mut clamd) = tokio::task::block_in_place(Clamd::start) else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("chat.sqlite3");
    let socket = clamd.socket();
    let flags = ["--database", database.to_str().unwrap(), "--clamd", socket.to_str().unwrap()];
    let server = Server::with(limits, &flags).await;
    let (_, code) = server.founder("Founder").await;
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        format!("/send {}", path.display())
    };
    let mut ada = Person::guest(&server.address(), "Ada", &code).await;
    ada.sees("Nobody has said anything yet").await;
    ada.say(&write("large.txt", &b"many words ".repeat(200_000)));
    ada.sees("large.txt is not sent. A file can have 1 MB.").await;
    ada.say(&write("harmful.txt", &eicar()));
    ada.sees("harmful.txt is not sent. The scanner").await;
    ada.say(&write("empty.txt", b""));
    ada.sees("empty.txt is empty").await;
    ada.say(&write("good.txt", b"good words"));
    let window = ada.sees(&format!("/rooms/{code}/files/1")).await;
    assert!(window.contains("good.txt (10 bytes)") && !window.contains("not scanned"), "{window}");
    // Without its scanner the server takes nothing for now; with it, the same again.
    tokio::task::block_in_place(|| clamd.crash());
    ada.say(&write("later.txt", b"later words"));
    ada.sees("Ctrl+R tries again").await;
    ada.control('x');
    ada.sees("1 message discarded").await;
    ada.sees_no("later.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_is_sent_again_and_is_there_once() {
    let proxy = Proxy::listen().await;
    let origin = format!("http://{}", proxy.address);
    let server = Server::with(wide(), &["--memory", "--origin", &origin]).await;
    proxy.connect(&server.address());
    let (founder, code) = server.founder("Founder").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.txt");
    std::fs::write(&path, "words and more words\n".repeat(400_000)).unwrap();
    let mut ada = Person::guest(&proxy.address, "Ada", &code).await;
    ada.sees("Nobody has said anything yet").await;
    ada.say(&format!("/send {}", path.display()));
    ada.until("it is on its way", |window| window.contains(" %, Ctrl+X cancels") || window.contains("looks at it"))
        .await;
    assert!(proxy.cut() > 0);
    ada.sees("Not sent. The connection is lost. Ctrl+R").await;
    proxy.connect(&server.address());
    ada.until("it is connected", |window| window.contains("Connected")).await;
    ada.control('r');
    ada.sees(&format!("/rooms/{code}/files/1")).await;
    ada.sees("words.txt is sent").await;
    ada.say("after it");
    let history = founder.join(&code, 0).await.messages(2).await;
    assert_eq!(history[1], (2, "after it".into()), "{history:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_logged_out_is_told_and_not_let_in_again() {
    let server = Server::start().await;
    let (_, code) = server.founder("Founder").await;
    let (mut address, _) = Address::at(&server.address()).unwrap();
    address.enter_as_guest("Ada", code.parse().unwrap()).await.unwrap();
    let mut visitor = Visitor::at(&server.address());
    let mut ada = Person::at(address.clone(), code.parse().unwrap(), (40, 12));
    ada.sees("Connected").await;
    visitor.borrow_cookie(address.cookie());
    assert_eq!(visitor.post("/account/logout", &[]).await.status, 303);
    ada.sees("your session has ended").await;
    ada.control('r');
    ada.sees("Your session has ended. Leave with").await;
    // What was not sent is not lost without a word.
    ada.say("too late");
    ada.control('c');
    ada.sees("1 message not sent.").await;
    ada.control('c');
    ada.ended().await;
}
