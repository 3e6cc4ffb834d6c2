//! The pages, asked for as browsers do, and as no browser would.

mod support;

use std::time::Duration;

use support::http::request;
use support::{PATIENCE, Server, Visitor, wide};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_the_browser_to_be_careful() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let room = format!("/rooms/{code}");
    for path in [
        "/",
        &*room,
        "/account/login",
        "/account/register",
        "/rooms/22222222",
        "/nowhere",
        "/assets/any/chat.js",
        "/livez",
    ] {
        let answer = ada.get(path).await;
        let policy = answer.header("content-security-policy").expect(path);
        assert!(policy.starts_with("default-src 'self'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(!answer.body.contains("<script>") && !answer.body.contains("style="), "{path}: nothing inline");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_sites_send_changes_nothing() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let address = server.address();
    for origin in ["http://evil.example", "null", "", "https://127.0.0.1"] {
        for path in ["/rooms", "/me", &format!("/rooms/{code}/messages")] {
            let headers =
                [("cookie", ada.cookie()), ("origin", origin), ("content-type", "application/x-www-form-urlencoded")];
            let form = support::http::form(&[("name", "Eve"), ("room", &code), ("id", "evil-0001"), ("body", "evil")]);
            let answer = request(&address, "POST", path, &headers, &form).await;
            assert_eq!(answer.status, 403, "{path} from {origin:?}");
        }
    }
    let page = ada.get(&format!("/rooms/{code}")).await.body;
    assert!(!page.contains("evil") && !page.contains("Eve") && page.contains("Ada"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_as_people_write_them() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let by_hand = format!("{}-{}", &code[..4].to_lowercase(), &code[4..]);
    let canonical = format!("/rooms/{code}");
    let answer = ada.get(&format!("/rooms?code=%20{by_hand}")).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(&*canonical)));
    let answer = ada.get(&format!("/rooms/{by_hand}")).await;
    assert_eq!((answer.status, answer.header("location")), (308, Some(&*canonical)));

    for (wrong, why) in [
        ("ABC", "A room code has 8 characters, this one has 3."),
        ("ABCD2340", "neither the letter O nor zero"),
        ("ABCD23%C3%A9%C3%A9", "“é” is never part of a room code"),
        ("%20", "A room code is missing."),
        (&*"A".repeat(4000), "this one has 99"),
        ("..%2F..%2Fetc", "A room code has 8 characters"),
        ("%3Cscript%3E", "“&lt;” is never part"),
        ("ABCD%00%00%00%00", "is never part"),
    ] {
        let answers = [ada.get(&format!("/rooms?code={wrong}")).await, ada.get(&format!("/rooms/{wrong}")).await];
        for answer in answers {
            assert_eq!(answer.status, 404, "{wrong}");
            assert!(answer.body.contains(why), "{wrong}: {}", answer.body);
            assert!(answer.body.contains("Try again"));
        }
    }
    let unknown = ada.get("/rooms/22222222").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("There is no such room yet") && unknown.body.contains("Create this room"));
    let created = ada.post("/rooms", &[("name", "Ada"), ("code", "2222 2222")]).await;
    assert_eq!((created.status, created.header("location")), (303, Some("/rooms/22222222")));
    assert_eq!(ada.get("/rooms/22222222").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_none_and_names_that_are_tidied() {
    let server = Server::start().await;
    let stranger = server.stranger();
    for (name, why) in [
        ("", "please choose a name".to_owned()),
        (" \u{200b}\n", "please choose a name".to_owned()),
        (&*"x".repeat(33), "at most 32 characters".to_owned()),
        (&*"x".repeat(5000), "at most 32 characters".to_owned()),
    ] {
        let answer = stranger.post("/rooms", &[("name", name)]).await;
        assert_eq!(answer.status, 422, "{name:?}");
        assert!(answer.body.to_lowercase().contains(&why), "{name:?}: {}", answer.body);
        assert_eq!(answer.header("set-cookie"), None, "nobody is made of it");
    }
    let (eve, code) = server.founder("  <i>Eve</i>\u{202e}\n&Co ").await;
    let page = eve.get(&format!("/rooms/{code}")).await.body;
    assert!(page.contains(r#"data-name="&lt;i&gt;Eve&lt;/i&gt; &amp;Co""#), "{page}");
    assert!(!page.contains("<i>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_one_that_we_gave() {
    let server = Server::start().await;
    let (_, code) = server.founder("Ada").await;
    let planted = "chat_session=abcdefghijklmnopqrstuvwxyz234567";
    let headers = [
        ("cookie", planted),
        ("origin", &*server.stranger().origin()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let form = support::http::form(&[("name", "Eve"), ("room", &code)]);
    let answer = request(&server.address(), "POST", "/me", &headers, &form).await;
    let given = answer.header("set-cookie").expect("a session of ours");
    assert!(!given.contains(planted), "{given}");
    assert!(given.contains("HttpOnly") && given.contains("SameSite=Lax"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_without_a_script() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let (room, write) = (format!("/rooms/{code}"), format!("/rooms/{code}/messages"));
    let say = async |id: &str, body: &str| ada.post(&write, &[("id", id), ("body", body)]).await;
    assert_eq!(say("ada-0001", "<script>alert(1)</script>").await.status, 303);
    assert_eq!(say("ada-0001", "<script>alert(1)</script>").await.status, 303, "sent twice, stored once");
    for (body, status) in [("", 422), (" \n ", 422), (&*"x".repeat(4097), 422), (&*"x".repeat(20_000), 400)] {
        let answer = say("ada-0002", body).await;
        assert_eq!(answer.status, status, "{} bytes", body.len());
        assert!(answer.body.contains("role=\"alert\"") || status == 400, "{}", answer.body);
    }
    assert_eq!(say("no id!", "hello").await.status, 400);
    let elsewhere = ada.post("/rooms/33333333/messages", &[("id", "ada-0003"), ("body", "hello")]).await;
    assert_eq!(elsewhere.status, 404);
    let stranger = server.stranger().post(&write, &[("id", "eve-0001"), ("body", "hello")]).await;
    assert_eq!((stranger.status, stranger.header("location")), (303, Some(&*room)), "asked for a name there");

    let page = ada.get(&room).await.body;
    assert_eq!(page.matches("class=\"bubble\"").count(), 1, "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let page = server.stranger().get(&room).await.body;
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("Choose a name to talk here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_without_a_script_is_still_in_the_field() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let long = format!("</textarea><script>&{}", "x".repeat(5000));
    let answer = ada.post(&format!("/rooms/{code}/messages"), &[("id", "ada-0001"), ("body", &long)]).await;
    assert_eq!(answer.status, 422);
    let kept = format!(">\n&lt;/textarea&gt;&lt;script&gt;&amp;{}</textarea>", "x".repeat(5000));
    assert!(answer.body.contains(&kept), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_without_a_script() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let room = format!("/rooms/{code}");
    let ids = std::cell::Cell::new(0);
    let say = async |body: &str| {
        ids.set(ids.get() + 1);
        let id = format!("ada-{:04}", ids.get());
        ada.post(&format!("{room}/messages"), &[("id", &*id), ("body", body)]).await
    };
    let latest = format!("{room}#latest");
    for (written, next) in [
        ("/me waves", &*latest),
        ("//slash", &*latest),
        ("/nick  Zed ", &*latest),
        ("/search a&b c", &*format!("/search?q=a%26b%20c&room={code}")),
        ("/join 2222 2222", "/rooms/22222222"),
    ] {
        let answer = say(written).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(next)), "{written}: {}", answer.body);
    }
    let page = ada.get(&room).await.body;
    assert_eq!(page.matches("class=\"bubble\"").count(), 2, "only what was said: {page}");
    assert!(page.contains("<span class=\"act\">waves</span>") && page.contains(">/slash</p>"), "{page}");
    assert!(page.contains("data-name=\"Zed\"") && page.contains("id=\"latest\""), "{page}");

    for (written, why) in [
        ("/wave all", "There is no command /wave: /help shows them"),
        ("/msg", "Write it as /msg NAME …"),
        ("/nick", "Write it as /nick NAME"),
        ("/nick xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "at most 32 characters"),
        ("/join nope", "A room code has 8 characters, this one has 4."),
        ("/join #general", "This room is in no workspace"),
    ] {
        let answer = say(written).await;
        assert_eq!((answer.status, answer.body.contains(why)), (422, true), "{written}: {}", answer.body);
        assert!(answer.body.contains(&format!(">\n{written}</textarea>")), "{written} is kept: {}", answer.body);
    }
    for (written, told) in [("/help", "/nick NAME"), ("/who", "Nobody is here now")] {
        let answer = say(written).await;
        let told = answer.body.split("role=\"status\">").nth(1).is_some_and(|rest| rest.contains(told));
        assert_eq!((answer.status, told), (200, true), "{written}: {}", answer.body);
        assert!(!answer.body.contains(&format!("{written}</textarea>")));
    }
    assert_eq!(say("/leave").await.header("location"), Some("/"));
    assert!(!ada.get("/").await.body.contains(&format!("data-code=\"{code}\"")), "no longer one of their rooms");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_in_pages() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let mut socket = ada.join(&code, 0).await;
    for n in 1..=120 {
        socket.post(&format!("ada-{n:04}"), &format!("line {n}")).await;
    }
    socket.messages(120).await;
    let numbers = async |query: &str| -> Vec<u64> {
        let page = ada.get(&format!("/rooms/{code}{query}")).await.body;
        page.split("data-seq=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
    };
    assert!(numbers("").await.into_iter().eq(71..=120));
    assert!(numbers("?before=71").await.into_iter().eq(21..=70));
    assert!(numbers("?before=21").await.into_iter().eq(1..=20));
    assert!(numbers("?before=1").await.is_empty());
    for nonsense in ["?before=x", "?before=-1", "?before=99999999999999999999", "?before="] {
        assert!(numbers(nonsense).await.into_iter().eq(71..=120), "{nonsense}");
    }
    assert!(numbers("?before=18446744073709551615").await.into_iter().eq(71..=120));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_is_told() {
    let server = Server::start().await;
    let somebody = server.stranger();
    assert_eq!(somebody.get("/livez").await.status, 200);
    let ready = somebody.get("/readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, "store: ok\nrooms: ok\n"));
    let health = somebody.get("/healthz").await;
    let told: serde_json::Value = serde_json::from_str(&health.body).unwrap();
    assert_eq!((health.status, &told["status"]), (200, &"healthy".into()), "{told}");
    let services: Vec<_> = told["services"].as_array().unwrap().iter().map(|service| &service["service"]).collect();
    let expected =
        ["coordinator", "message_buffer", "notifications", "presence", "rooms", "store", "uploads", "workspaces"];
    assert_eq!(services, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_kills() {
    let server = Server::with(wide(), &["--memory"]).await;
    let (ada, code) = server.founder("Ada").await;
    let address = server.address();
    let path = format!("/admin/kill/services/rooms/{code}");
    for wrong in ["", "Bearer ", "Bearer a token for tests onlY", "Basic YTpi", "a token for tests only"] {
        let answer = request(&address, "POST", &path, &[("authorization", wrong)], "").await;
        assert_eq!(answer.status, 401, "{wrong:?}");
    }
    assert_eq!(ada.kill(&code).await, 404, "it sleeps");
    let _socket = ada.join(&code, 0).await;
    assert_eq!(ada.kill(&code).await, 200);
    assert_eq!(ada.kill("nonsense").await, 404);
    assert_eq!(ada.kill("33333333").await, 404);
    for path in ["services/cellar", "services/presence/below", "web/", "", "chat-demo/web", "services//presence"] {
        assert_eq!(ada.kill_path(path).await, 404, "{path:?}");
    }
    assert_eq!(ada.kill_path("services/presence").await, 200);
    assert_eq!(ada.kill_path("services").await, 200, "a supervisor with all that it has");
    assert_eq!(request(&address, "GET", &path, &[], "").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_holds_nothing_up() {
    let mut limits = wide();
    limits.http_connections = 10;
    limits.handshake = Duration::from_millis(300);
    let server = Server::with_limits(limits).await;
    let mut halves = Vec::new();
    for _ in 0..10 {
        let mut half = TcpStream::connect(server.app.address()).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-more: ").await.unwrap();
        halves.push(half);
    }
    // All places are taken, until the halves have had their time.
    assert_eq!(Visitor::at(&server.address()).get("/").await.status, 200);
    for mut half in halves {
        let mut rest = Vec::new();
        timeout(PATIENCE, half.read_to_end(&mut rest)).await.expect("closed in time").unwrap();
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "half a request is none");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_given_the_past_in_pages() {
    let server = Server::start().await;
    let (ada, code) = server.founder("Ada").await;
    let bob = server.guest("Bob", &code).await;
    let path = format!("/rooms/{code}/messages");
    let past = async |visitor: &Visitor, path: &str| {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let page: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let numbers: Vec<u64> =
            page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect();
        (numbers, page)
    };
    assert_eq!(past(&ada, &path).await.0, [0; 0]);
    assert_eq!(past(&bob, &path).await.1["read"], 0);
    let mut socket = ada.join(&code, 0).await;
    for n in 1..=120 {
        socket.post(&format!("ada-{n:05}"), &format!("line {n}")).await;
    }
    let told = socket.next_of("message").await;
    for _ in 1..=120 {
        socket.next_of("stored").await;
    }
    socket.edit("edit-0001", 119, "changed").await;
    socket.next_of("done").await;

    let (latest, page) = past(&bob, &path).await;
    assert!(latest.into_iter().eq(71..=120));
    assert_eq!((&page["revision"], &page["read"]), (&1.into(), &0.into()), "being given it reads nothing");
    assert_eq!((&page["messages"][48]["body"], &page["messages"][48]["state"]), (&"changed".into(), &"edited".into()));
    assert!(past(&bob, &format!("{path}?before=71")).await.0.into_iter().eq(21..=70));
    let (first, page) = past(&bob, &format!("{path}?before=21")).await;
    assert!(first.into_iter().eq(1..=20));
    let mut first = page["messages"][0].clone();
    first["type"] = "message".into();
    assert_eq!(first, told, "as the socket tells it");

    assert_eq!(server.stranger().get(&path).await.status, 401);
    assert_eq!(bob.get("/rooms/ABCD2345/messages").await.status, 404);
    assert_eq!(bob.get("/rooms/nonsense/messages").await.status, 404);
    assert_eq!(bob.get(&format!("{path}?before=-1")).await.status, 400);
}
