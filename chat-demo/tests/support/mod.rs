//! What the tests have in common: a program on a free port, visitors with their own cookies, and sockets.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod binary;
pub mod clamd;
pub mod files;
pub mod http;
#[cfg(feature = "tui")]
pub mod in_terminal;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod program;
#[cfg(feature = "tui")]
pub mod proxy;
pub mod receiver;
pub mod smtp;
pub mod socket;
pub mod talk;
pub mod talker;
#[cfg(feature = "tui")]
pub mod terminal;
#[cfg(feature = "tui")]
pub mod tls;

use std::time::Duration;

use chat_demo::config::{Config, Limits};
use chat_demo::{App, StartError};
use clap::Parser;
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

use self::http::Answer;
use self::socket::Socket;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The admin token of every program under test.
pub const ADMIN_TOKEN: &str = "a token for tests only";

/// The program, in this process.
pub struct Server {
    pub app: App,
}

/// Somebody with a browser.
#[derive(Clone)]
pub struct Visitor {
    address: String,
    cookie: String,
}

/// Limits that keep out of the way of tests that are not about them.
pub fn wide() -> Limits {
    let mut limits = Limits::default();
    limits.post_burst = 1_000_000;
    limits.unacknowledged = 10_000;
    limits.outbox = 10_000;
    limits.person_burst = 1_000_000;
    limits.room_burst = 1_000_000;
    limits.login_burst = 1_000_000;
    limits.address_login_burst = 1_000_000;
    limits
}

impl Server {
    pub async fn start() -> Self {
        Self::with(wide(), &["--memory"]).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        Self::with(limits, &["--memory"]).await
    }

    pub async fn with(limits: Limits, flags: &[&str]) -> Self {
        Self::try_with(limits, flags).await.expect("the program starts")
    }

    pub async fn try_with(limits: Limits, flags: &[&str]) -> Result<Self, StartError> {
        // Silent unless RUST_LOG asks for more.
        let _ = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_test_writer().try_init();
        let flags = ["chat-demo", "--port", "0", "--admin-token", ADMIN_TOKEN].iter().chain(flags);
        let mut config = Config::try_parse_from(flags).expect("good flags");
        config.limits = limits;
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        Ok(Self { app: App::start(config, metrics).await? })
    }

    pub fn address(&self) -> String {
        self.app.address().to_string()
    }

    /// Somebody who has not given a name.
    pub fn stranger(&self) -> Visitor {
        Visitor { address: self.address(), cookie: String::new() }
    }

    /// Somebody called `name`, and the code of a room that they have made.
    pub async fn founder(&self, name: &str) -> (Visitor, String) {
        let mut visitor = self.stranger();
        let answer = visitor.post("/rooms", &[("name", name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor.take_cookie(&answer);
        let code = answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        (visitor, code)
    }

    /// Somebody called `name`, the code of a workspace that they have made, and that of the room which is its first channel.
    pub async fn team(&self, name: &str) -> (Visitor, String, String) {
        let mut visitor = self.stranger();
        let answer = visitor.post("/workspaces", &[("name", name), ("workspace", "Engines")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor.take_cookie(&answer);
        let workspace = answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        let room = visitor.channel(&workspace, "general").await;
        (visitor, workspace, room)
    }

    /// Somebody called `name`, who has joined a workspace by its code.
    pub async fn member(&self, name: &str, workspace: &str) -> Visitor {
        let mut visitor = self.stranger();
        let answer = visitor.post(&format!("/workspaces/{workspace}/join"), &[("name", name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor.take_cookie(&answer);
        visitor
    }

    /// Somebody called `name`, who knows the code of a room.
    pub async fn guest(&self, name: &str, code: &str) -> Visitor {
        let mut visitor = self.stranger();
        let answer = visitor.post("/me", &[("name", name), ("room", code)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor.take_cookie(&answer);
        visitor
    }
}

impl Visitor {
    pub fn at(address: &str) -> Self {
        Self { address: address.to_owned(), cookie: String::new() }
    }

    /// The same person, at the address of a program that was started anew.
    pub fn move_to(&mut self, address: &str) {
        self.address = address.to_owned();
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The same session as that of another client.
    pub fn borrow_cookie(&mut self, cookie: &str) {
        self.cookie = cookie.to_owned();
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn take_cookie(&mut self, answer: &Answer) {
        let cookie = answer.header("set-cookie").expect("a session");
        self.cookie = cookie.split(';').next().unwrap().to_owned();
    }

    pub async fn get(&self, path: &str) -> Answer {
        http::request(&self.address, "GET", path, &[("cookie", &self.cookie)], "").await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let headers = [
            ("cookie", &*self.cookie),
            ("origin", &self.origin()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        http::request(&self.address, "POST", path, &headers, &http::form(form)).await
    }

    pub async fn kill(&self, code: &str) -> u16 {
        self.kill_path(&format!("services/rooms/{code}")).await
    }

    /// The code of the room that is the channel of this name, which is made if there is none.
    pub async fn channel(&self, workspace: &str, name: &str) -> String {
        let answer = self.post(&format!("/workspaces/{workspace}/channels"), &[("name", name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("location").unwrap().rsplit('/').next().unwrap().to_owned()
    }

    pub async fn kill_workspace(&self, code: &str) -> u16 {
        self.kill_path(&format!("services/workspaces/{code}")).await
    }

    /// Kills what has this path in the tree.
    pub async fn kill_path(&self, path: &str) -> u16 {
        let bearer = format!("Bearer {ADMIN_TOKEN}");
        let path = format!("/admin/kill/{path}");
        http::request(&self.address, "POST", &path, &[("authorization", &*bearer)], "").await.status
    }

    /// A socket that has said nothing yet.
    pub async fn dial(&self, code: &str) -> Socket {
        Socket::open(&self.address, code, &self.cookie, Some(&self.origin())).await.expect("an upgrade")
    }

    /// A socket that is in the room and has everything up to `after`; what it was welcomed with.
    pub async fn join(&self, code: &str, after: u64) -> Socket {
        let mut socket = self.dial(code).await;
        socket.send(serde_json::json!({"type": "join", "v": 1, "after": after})).await;
        let welcome = socket.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        socket.welcome = welcome;
        socket
    }
}
