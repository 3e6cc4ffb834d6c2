//! Mails, against a mail server of our own.

#![cfg(feature = "email")]

mod support;

use std::time::Duration;

use chat_demo::config::Limits;
use serde_json::Value;
use support::http::{self, Answer};
use support::smtp::Sink;
use support::{ADMIN_TOKEN, Server, Visitor, wide};

fn quick() -> Limits {
    let mut limits = wide();
    limits.notification_after = Duration::from_millis(1);
    limits.notification_backoff = Duration::from_millis(10);
    limits
}

async fn server(sink: &Sink) -> Server {
    let url = sink.url();
    let flags = ["--memory", "--smtp-url", &url, "--mail-from", "Chat <chat@chat.example>"];
    Server::with(quick(), &flags).await
}

async fn add(visitor: &Visitor, address: &str) -> Answer {
    visitor.post("/account/notifications/email", &[("address", address)]).await
}

async fn confirm(visitor: &Visitor, path: &str) -> u16 {
    visitor.post(path, &[]).await.status
}

async fn people(server: &Server, name: &str) -> (Visitor, Visitor, String) {
    let (bob, code) = server.founder(name).await;
    let ada = server.guest("Ada", &code).await;
    assert_eq!(ada.get(&format!("/rooms/{code}")).await.status, 200);
    (ada, bob, code)
}

async fn say(visitor: &Visitor, code: &str, id: &str, body: &str) {
    let answer = visitor.post(&format!("/rooms/{code}/messages"), &[("id", id), ("body", body)]).await;
    assert_eq!(answer.status, 303);
}

/// Waits until so many did not arrive, and gives their errors.
async fn dead(server: &Server, count: usize) -> Vec<String> {
    let mut events = server.app.notifications().events(64).unwrap();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    loop {
        let headers = [("authorization", &*bearer)];
        let answer = http::request(&server.address(), "GET", "/admin/notifications", &headers, "").await;
        let list: Value = serde_json::from_str(&answer.body).unwrap();
        let dead = list["dead"].as_array().unwrap();
        if dead.len() == count {
            return dead.iter().map(|letter| letter["error"].as_str().unwrap().to_owned()).collect();
        }
        tokio::time::timeout(support::PATIENCE, events.recv()).await.expect("an end in time").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_question_goes_to_an_address_until_it_is_confirmed() {
    let mut sink = Sink::start(0).await;
    let server = server(&sink).await;
    let (ada, bob, code) = people(&server, "Bob").await;
    assert_eq!(add(&ada, "ada@mail.example").await.status, 200);
    let question = sink.next().await;
    assert_eq!(question.to, "ada@mail.example");
    let link = question.link("/confirm/");
    say(&bob, &code, "bob-0001", "@ada before").await;
    // A program that follows links confirms nothing, and neither does another token.
    assert_eq!(server.stranger().get(&link).await.status, 200);
    let (path, token) = link.rsplit_once('/').unwrap();
    let other: String = token.chars().rev().collect();
    assert_eq!(confirm(&ada, &format!("{path}/{other}")).await, 410);
    assert!(ada.get("/account/notifications").await.body.contains("not confirmed yet"));
    assert_eq!(confirm(&server.stranger(), &link).await, 200);
    assert_eq!(confirm(&server.stranger(), &link).await, 410, "it works once");
    say(&bob, &code, "bob-0002", "@ada after").await;
    let mail = sink.next().await;
    assert!(mail.body().contains("@ada after") && mail.link("/rooms/").contains(&code), "{}", mail.text);
    assert_eq!(mail.header("Subject"), "Bob mentions you");
    assert_eq!(mail.header("From"), "Chat <chat@chat.example>");
    assert!(mail.header("Content-Type").starts_with("text/plain"));
    assert!(sink.is_idle(), "what was said before is not sent");
    assert_eq!(add(&ada, "other@mail.example").await.status, 409, "one address is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_for_now_is_sent_again_and_what_it_refuses_for_good_is_not() {
    let mut sink = Sink::start(2).await;
    let server = server(&sink).await;
    let (ada, bob, code) = people(&server, "Bob").await;
    assert_eq!(add(&ada, "busy@mail.example").await.status, 200);
    let link = sink.next().await.link("/confirm/");
    assert_eq!(sink.refused(), 2, "451 twice, and then it was taken");
    assert_eq!(confirm(&ada, &link).await, 200);
    say(&bob, &code, "bob-0001", "@ada").await;
    assert!(sink.next().await.header("Message-ID").starts_with("<mention-"));

    assert_eq!(add(&bob, "gone@mail.example").await.status, 200);
    assert_eq!(dead(&server, 1).await, ["the mail server answered 550"]);
    assert_eq!(sink.refused(), 3, "it was tried once");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_ends_it_also_from_a_program_that_knows_nothing_of_us() {
    let mut sink = Sink::start(0).await;
    let server = server(&sink).await;
    let (ada, bob, code) = people(&server, "Bob").await;
    add(&ada, "ada@mail.example").await;
    let link = sink.next().await.link("/confirm/");
    assert_eq!(confirm(&ada, &link).await, 200);
    say(&bob, &code, "bob-0001", "@ada").await;
    let mail = sink.next().await;
    assert_eq!(mail.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let path = mail.link("/unsubscribe/");
    assert!(
        mail.text.replace("\r\n ", "").contains(&format!("List-Unsubscribe: <{}{path}>", ada.origin())),
        "{}",
        mail.text
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let one_click = "List-Unsubscribe=One-Click";
    let (begin, seal) = path.rsplit_once('/').unwrap();
    for wrong in [format!("{begin}/{}", "0".repeat(64)), format!("{begin}/x"), format!("/unsubscribe/999/{seal}")] {
        assert_eq!(http::request(ada.address(), "POST", &wrong, &form, one_click).await.status, 404, "{wrong}");
    }
    assert!(ada.get("/account/notifications").await.body.contains("Switch off"));
    assert_eq!(server.stranger().get(&path).await.status, 200, "who only looks ends nothing");
    assert!(ada.get("/account/notifications").await.body.contains("Switch off"));
    assert_eq!(http::request(ada.address(), "POST", &path, &form, one_click).await.status, 200);
    assert!(ada.get("/account/notifications").await.body.contains("Switch on"));
    say(&bob, &code, "bob-0002", "@ada").await;
    assert!(sink.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_enter_becomes_no_header_and_no_second_mail() {
    let mut sink = Sink::start(0).await;
    let server = server(&sink).await;
    let (ada, bob, code) = people(&server, "Bob\r\nBcc: eve@mail.example").await;
    for wrong in [
        "",
        "ada",
        "ada@mail.example\r\nBcc: eve@mail.example",
        "ada@mail.example, eve@mail.example",
        "<ada@mail.example>",
    ] {
        let status = add(&ada, wrong).await.status;
        assert!([422, 429].contains(&status), "{wrong}: {status}");
    }
    let (cyd, _) = server.founder("Cyd").await;
    let cyd_in = cyd.get(&format!("/rooms/{code}")).await.status;
    assert_eq!((cyd_in, add(&cyd, "cyd@mail.example").await.status), (200, 200));
    let link = sink.next().await.link("/confirm/");
    assert_eq!(confirm(&cyd, &link).await, 200);
    say(&bob, &code, "bob-0001", "@cyd\r\n.\r\nMAIL FROM:<eve@mail.example>\r\nBcc: eve@mail.example").await;
    let mail = sink.next().await;
    let head = mail.text.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert_eq!(mail.to, "cyd@mail.example");
    assert!(sink.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_us_write_to_somebody_again_and_again() {
    let mut sink = Sink::start(0).await;
    let server = server(&sink).await;
    let mut asked = 0;
    for n in 0..10 {
        let (visitor, _) = server.founder(&format!("Eve {n}")).await;
        let answer = add(&visitor, "Victim@mail.example").await;
        match answer.status {
            200 => asked += 1,
            429 => assert!(answer.body.contains("minutes")),
            other => panic!("{other}"),
        }
    }
    assert_eq!(asked, 5);
    for _ in 0..asked {
        sink.next().await;
    }
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    let refused =
        http::request(&server.address(), "POST", "/account/notifications/email", &form, "address=a%40b.example").await;
    assert_eq!(refused.status, 403);
    assert!(sink.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_mails_says_so_and_bad_settings_are_refused() {
    let server = Server::start().await;
    let (ada, _) = server.founder("Ada").await;
    assert_eq!(add(&ada, "ada@mail.example").await.status, 404);
    assert!(!ada.get("/account/notifications").await.body.contains("Mail address"));
    use clap::Parser;
    let parse = |flags: &[&str]| chat_demo::config::Config::try_parse_from([&["chat-demo"], flags].concat());
    let from = ["--mail-from", "chat@chat.example"];
    for url in ["mail.example", "http://mail.example", "smtp://ada:secret@mail.example", "smtp://"] {
        let said = parse(&[&["--smtp-url", url], &from[..]].concat()).unwrap_err().to_string();
        assert!(said.contains("smtps://"), "{said}");
    }
    assert!(parse(&["--smtp-url", "smtps://mail.example"]).is_err(), "from whom?");
    assert!(parse(&[&["--smtp-url", "smtps://mail.example"], &from[..]].concat()).is_ok());
    let config =
        parse(&[&["--smtp-url", "smtps://mail.example", "--smtp-password", "hush-hush"], &from[..]].concat()).unwrap();
    assert!(!format!("{config:?}").contains("hush-hush"));
}
