//! Requests: coming in, and how any of them is made.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::time::timeout;

use super::Server;
use super::dial::explained;
use crate::domain::RoomCode;

/// How long an answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Why somebody cannot come in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnterError {
    /// The server was not reached.
    #[error("{0}")]
    Network(String),
    /// The account is not let in.
    #[error("this login and password do not belong together")]
    Wrong,
    /// The name cannot be one.
    #[error("this name cannot be one: it needs 1 to 32 characters, of which something can be seen")]
    Name,
    /// It was tried too often.
    #[error("that was tried too often; please wait {0}")]
    TooOften(String),
    /// This address is not one of the server's own.
    #[error("the server does not serve this address: use one of its own, or start it with --origin")]
    Foreign,
    /// The server answers something else.
    #[error("the server answers {0}, which it does not when it works")]
    Status(u16),
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    /// Where it leads to; nothing if nowhere.
    pub(super) fn location(&self) -> &str {
        self.headers.get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default()
    }
}

impl Server {
    /// Comes in as a guest of this name, on the way to a room.
    ///
    /// # Errors
    ///
    /// [`EnterError`] with what to do about it.
    pub async fn enter_as_guest(&mut self, name: &str, room: RoomCode) -> Result<(), EnterError> {
        let reply = self.post("/me", &[("name", name), ("room", room.as_str())]).await?;
        self.entered(&reply)
    }

    /// Comes in by an account.
    ///
    /// # Errors
    ///
    /// [`EnterError`] with what to do about it.
    pub async fn log_in(&mut self, login: &str, password: &str) -> Result<(), EnterError> {
        let reply = self.post("/account/login", &[("login", login), ("password", password)]).await?;
        self.entered(&reply)
    }

    /// Makes a room, as a guest of this name if one is given, or as who they are.
    ///
    /// # Errors
    ///
    /// [`EnterError`] with what to do about it.
    pub async fn create_room(&mut self, name: Option<&str>) -> Result<RoomCode, EnterError> {
        let form: Vec<_> = name.map(|name| ("name", name)).into_iter().collect();
        let reply = self.post("/rooms", &form).await?;
        self.entered(&reply)?;
        let code = reply.location().rsplit('/').next().and_then(|code| code.parse().ok());
        code.ok_or(EnterError::Status(reply.status.as_u16()))
    }

    fn entered(&mut self, reply: &Reply) -> Result<(), EnterError> {
        match reply.status {
            StatusCode::SEE_OTHER => {}
            StatusCode::UNAUTHORIZED => return Err(EnterError::Wrong),
            StatusCode::UNPROCESSABLE_ENTITY => return Err(EnterError::Name),
            StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => return Err(EnterError::Foreign),
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = reply.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
                let wait = wait.and_then(|wait| wait.parse::<u64>().ok());
                return Err(EnterError::TooOften(wait.map_or("a while".into(), |wait| format!("{wait} s"))));
            }
            status => return Err(EnterError::Status(status.as_u16())),
        }
        let cookies = reply.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
        if let Some(session) = cookies.filter_map(|cookie| cookie.split(';').next()).next_back() {
            self.cookie = session.to_owned();
        }
        Ok(())
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply, EnterError> {
        let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let request = self
            .ask(Method::POST, path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(pairs.join("&")))
            .expect("made of parts that are good");
        self.exchange(request, ANSWER).await.map_err(EnterError::Network)
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(HOST, self.authority());
        let request = request.header(ORIGIN, &self.origin);
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    pub(super) async fn exchange<B>(&self, request: Request<B>, patience: Duration) -> Result<Reply, String>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
    {
        let exchanged = async {
            let stream = self.dial().await.map_err(|error| explained(&error))?;
            let lost = |error: hyper::Error| match error.source().filter(|_| error.is_user()) {
                Some(cause) => cause.to_string(),
                None => "The connection is lost".to_owned(),
            };
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
            let answered = async {
                let (head, body) = sender.send_request(request).await.map_err(lost)?.into_parts();
                let body = Limited::new(body, MAX_ANSWER).collect().await;
                let body = body.map_err(|_| "The server's answer is too long, or has no end".to_owned())?.to_bytes();
                Ok(Reply { status: head.status, headers: head.headers, body })
            };
            tokio::pin!(answered);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                answer = &mut answered => answer,
                // It ends when it has brought the answer, which is then there; or before.
                _ = &mut connection => answered.await,
            }
        };
        timeout(patience, exchanged).await.unwrap_or_else(|_| Err("The server does not answer".into()))
    }
}

/// A value of a form, or of a query.
pub(super) fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
