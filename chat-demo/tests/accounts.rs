//! Accounts: made of guests, logged in to and out of, and what those try who have none.

mod support;

use std::time::{Duration, Instant};

use support::http::{Answer, request};
use support::{Server, Visitor, wide};

const PASSWORD: &str = "analytical engine";

async fn register(visitor: &mut Visitor, login: &str) -> Answer {
    let answer = visitor.post("/account/register", &[("name", "Ada"), ("login", login), ("new", PASSWORD)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/account")), "{}", answer.body);
    visitor.take_cookie(&answer);
    answer
}

async fn log_in(visitor: &Visitor, login: &str, password: &str) -> Answer {
    visitor.post("/account/login", &[("login", login), ("password", password)]).await
}

async fn is_logged_in(visitor: &Visitor) -> bool {
    visitor.get("/account").await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_becomes_an_account_and_stays_who_they_are() {
    let server = Server::start().await;
    let (mut ada, code) = server.founder("Ada").await;
    let id = ada.join(&code, 0).await.welcome["you"]["id"].clone();
    let before = ada.clone();
    assert_eq!(ada.get("/account").await.header("location"), Some("/account/register"));
    assert!(ada.get("/account/register").await.body.contains(r#"value="Ada""#), "the name is there already");
    register(&mut ada, "Ada.Lovelace").await;
    assert_ne!(before.cookie(), ada.cookie());
    assert_eq!(ada.join(&code, 0).await.welcome["you"]["id"], id);
    let page = ada.get("/account").await.body;
    assert!(page.contains("ada.lovelace") && page.contains("Log out"), "{page}");
    assert!(!is_logged_in(&before).await, "what the guest had is over");
    assert!(before.get(&format!("/rooms/{code}")).await.body.contains("Choose a name to talk here"));

    // In another browser, where somebody was a guest; capitals and spaces do not matter.
    let mut elsewhere = server.guest("Somebody", &code).await;
    let guest = elsewhere.clone();
    let answer =
        elsewhere.post("/account/login", &[("login", " ADA.lovelace "), ("password", PASSWORD), ("room", &code)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(&*format!("/rooms/{code}"))));
    elsewhere.take_cookie(&answer);
    assert_eq!(elsewhere.join(&code, 0).await.welcome["you"]["id"], id);
    assert!(guest.get(&format!("/rooms/{code}")).await.body.contains("Choose a name"), "that session ended");
    assert!(is_logged_in(&ada).await, "both are logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_on_the_server() {
    let server = Server::start().await;
    let (mut ada, code) = server.founder("Ada").await;
    register(&mut ada, "ada").await;
    let answer = ada.post("/account/logout", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("chat_session=;") && cookie.contains("Max-Age=0"), "{cookie}");
    // A thief who has kept the cookie has nothing.
    assert!(!is_logged_in(&ada).await);
    assert!(ada.get(&format!("/rooms/{code}")).await.body.contains("Choose a name to talk here"));
    assert_eq!(ada.post("/account/logout", &[]).await.status, 303, "twice is once");
    assert_eq!(server.stranger().post("/account/logout", &[]).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_other_sessions() {
    let server = Server::start().await;
    let mut ada = server.stranger();
    register(&mut ada, "ada").await;
    let mut other = server.stranger();
    other.take_cookie(&log_in(&other, "ada", PASSWORD).await);
    let change = async |visitor: &Visitor, old: &str, new: &str| {
        visitor.post("/account/password", &[("password", old), ("new", new)]).await
    };
    for (old, new, status, why) in [
        ("wrong", "difference engine", 403, "This is not your password."),
        (PASSWORD, "short", 422, "at least 8 characters"),
        (PASSWORD, "aaaaaaaaaaaa", 422, "too easy to guess"),
    ] {
        let answer = change(&ada, old, new).await;
        assert_eq!(answer.status, status, "{new}");
        assert!(answer.body.contains(why), "{}", answer.body);
        assert!(is_logged_in(&other).await, "nothing is changed");
    }
    let before = ada.clone();
    let answer = change(&ada, PASSWORD, "difference engine").await;
    assert!(answer.status == 200 && answer.body.contains("Your password is changed."), "{}", answer.body);
    ada.take_cookie(&answer);
    assert!(is_logged_in(&ada).await);
    assert!(!is_logged_in(&other).await && !is_logged_in(&before).await);
    assert_eq!(log_in(&other, "ada", PASSWORD).await.status, 401);
    assert_eq!(log_in(&other, "ada", "difference engine").await.status, 303);
    let stranger = change(&server.stranger(), "difference engine", "stolen by Eve").await;
    assert_eq!((stranger.status, stranger.header("location")), (303, Some("/account/login")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_and_a_wrong_password_are_answered_alike() {
    let server = Server::start().await;
    register(&mut server.stranger(), "ada").await;
    let stranger = server.stranger();
    let mut fastest = [Duration::MAX; 3];
    let mut answers = Vec::new();
    for _ in 0..7 {
        for (n, login) in ["ada", "eve", "no such name!"].into_iter().enumerate() {
            let started = Instant::now();
            let answer = log_in(&stranger, login, "wrong password").await;
            fastest[n] = fastest[n].min(started.elapsed());
            assert_eq!((answer.status, answer.header("set-cookie")), (401, None));
            answers.push(answer.body.replace(login, ""));
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "the pages are the same but for the name given");
    assert!(answers[0].contains("This is not a login name and its password."), "{}", answers[0]);
    println!("{fastest:?}");
    // A hash takes tens of milliseconds, all the rest one or two.
    let [known, unknown, malformed] = fastest;
    assert!(unknown * 3 > known && malformed * 3 > known, "{fastest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_for_each_account_and_each_address() {
    let mut limits = wide();
    limits.login_burst = 3;
    limits.address_login_burst = 8;
    let server = Server::with(limits, &["--memory", "--client-address-header", "x-forwarded-for"]).await;
    register(&mut server.stranger(), "ada").await;
    let from = async |address: &str, login: &str| {
        let headers = [
            ("origin", &*server.stranger().origin()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-for", address),
        ];
        let form = support::http::form(&[("login", login), ("password", "guessed")]);
        request(&server.address(), "POST", "/account/login", &headers, &form).await
    };
    for n in 0..3 {
        assert_eq!(from(&format!("10.0.0.{n}"), "ada").await.status, 401);
    }
    // The account is held shut, wherever one comes from, and an unknown one in the same way.
    let refused = from("10.0.0.99", "Ada").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31).contains(&wait) && refused.body.contains(&format!("Please wait {wait} s.")), "{}", refused.body);
    for _ in 0..3 {
        assert_eq!(from("10.0.0.100", "nobody").await.status, 401);
    }
    assert_eq!(from("10.0.0.101", "nobody").await.status, 429);
    // An address that tries many accounts is held off; what it puts in front of the proxy's word does not help.
    for n in 0..8 {
        assert_eq!(from(&format!("1.2.3.{n}, 10.0.0.200"), &format!("somebody{n}")).await.status, 401);
    }
    assert_eq!(from("9.9.9.9, 10.0.0.200", "somebody9").await.status, 429);
    assert_eq!(from("10.0.0.201", "somebody9").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_account() {
    let server = Server::start().await;
    register(&mut server.stranger(), "ada").await;
    let stranger = server.stranger();
    for (name, login, new, status, why) in [
        ("Eve", "ada", PASSWORD, 409, "This login name is taken."),
        ("Eve", "ADA", PASSWORD, 409, "This login name is taken."),
        ("Eve", "ev", PASSWORD, 422, "3 to 32 characters"),
        ("Eve", "eve<script>", PASSWORD, 422, "only letters"),
        ("Eve", "аda", PASSWORD, 422, "only letters"),
        ("", "eve", PASSWORD, 422, "choose a name"),
        ("Eve", "eve", "1234567", 422, "at least 8 characters"),
        ("Eve", "eve", &"xy".repeat(65), 422, "at most 128 characters"),
    ] {
        let answer = stranger.post("/account/register", &[("name", name), ("login", login), ("new", new)]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (status, None), "{login}: {}", answer.body);
        assert!(answer.body.contains("role=\"alert\"") && answer.body.contains(why), "{}", answer.body);
        assert!(!answer.body.contains("<script>") && !answer.body.contains(new), "{}", answer.body);
    }
    assert_eq!(stranger.post("/account/register", &[("name", "Eve")]).await.status, 400);
    assert_eq!(stranger.post("/account/login", &[]).await.status, 400);
    let huge = "x".repeat(20_000);
    assert_eq!(log_in(&stranger, "ada", &huge).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_over_after_its_time() {
    let mut limits = wide();
    limits.account_session = Duration::from_millis(1500);
    limits.guest_session = Duration::from_millis(1500);
    let server = Server::with_limits(limits).await;
    let mut ada = server.stranger();
    let started = Instant::now();
    register(&mut ada, "ada").await;
    let (eve, code) = server.founder("Eve").await;
    let room = format!("/rooms/{code}");
    let known = is_logged_in(&ada).await;
    assert!(known || started.elapsed() > Duration::from_millis(1500));
    while is_logged_in(&ada).await || !eve.get(&room).await.body.contains("Choose a name to talk here") {
        assert!(started.elapsed() < support::PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(started.elapsed() >= Duration::from_millis(1500));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_signed_and_secure_where_the_page_is() {
    let server = Server::with(wide(), &["--memory", "--origin", "https://chat.example"]).await;
    let form = support::http::form(&[("name", "Ada"), ("login", "ada"), ("new", PASSWORD)]);
    let headers = [("origin", "https://chat.example"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = request(&server.address(), "POST", "/account/register", &headers, &form).await;
    let cookie = answer.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.split("; ").any(|found| found == attribute), "{attribute} is not in {cookie}");
    }
    let mut ada = server.stranger();
    ada.take_cookie(&answer);
    assert!(is_logged_in(&ada).await);
    // The token without its signature, and with that of another one, is nothing.
    let token = &ada.cookie()[ada.cookie().len() - 32..];
    let (eve, _) = server.founder("Eve").await;
    let swapped = format!("{}{token}", &eve.cookie()[..eve.cookie().len() - 32]);
    for forged in [format!("chat_session={token}"), swapped] {
        let answer = request(&server.address(), "GET", "/account", &[("cookie", &forged)], "").await;
        assert_eq!(answer.status, 303, "{forged}");
    }
}
