//! Requests: coming in, making and leaving rooms, the past, files.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use thiserror::Error;
use tokio::time::timeout;

use super::Server;
use super::dial::explained;
use crate::domain::{FileName, RoomCode, Seq};
use crate::terminal::connection::Trouble;
use crate::terminal::outbox::new_id;
use crate::terminal::text;
use crate::web::socket::protocol::Past;

/// How long an answer may take, and that to a file.
const ANSWER: Duration = Duration::from_secs(15);
const FILE_ANSWER: Duration = Duration::from_secs(600);

/// The longest answer that is read, and the longest file that is sent, in bytes. The server has a limit of its own.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
const MAX_FILE: u64 = 100 * 1024 * 1024;

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

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Why a file was not sent, as the server says it.
#[derive(Deserialize)]
struct Refusal {
    text: String,
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
        let location = reply.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let code = location.and_then(|location| location.rsplit('/').next()?.parse().ok());
        code.ok_or(EnterError::Status(reply.status.as_u16()))
    }

    /// Makes the room of this code.
    pub(crate) async fn create(&self, code: RoomCode) -> Result<(), Trouble> {
        done(self.post("/rooms", &[("code", code.as_str())]).await)
    }

    /// A room is no longer one of theirs.
    pub(crate) async fn leave(&self, code: RoomCode) -> Result<(), Trouble> {
        done(self.post(&format!("/rooms/{code}/leave"), &[]).await)
    }

    /// The last page of the past, or that before a message.
    pub(crate) async fn past(&self, code: RoomCode, before: Option<Seq>) -> Result<Past<'static>, Trouble> {
        let before = before.map(|seq| format!("?before={seq}")).unwrap_or_default();
        let request = self.ask(Method::GET, &format!("/rooms/{code}/messages{before}"));
        let request = request.body(Full::default()).expect("made of parts that are good");
        let reply = self.exchange(request, ANSWER).await.map_err(Trouble::Network)?;
        if reply.status != StatusCode::OK {
            return Err(Trouble::Status(reply.status.as_u16()));
        }
        let past = serde_json::from_slice::<Past<'_>>(&reply.body);
        past.map(text::past)
            .map_err(|_| Trouble::Network("The server says what this program does not understand".into()))
    }

    /// Sends a file; what is said of it then.
    pub(crate) async fn upload(&self, code: RoomCode, path: &Path) -> Result<String, String> {
        let shown = text::line(&path.to_string_lossy());
        let cannot = |error: std::io::Error| format!("{shown} cannot be read: {error}");
        let found = tokio::fs::metadata(path).await.map_err(cannot)?;
        if !found.is_file() {
            return Err(format!("{shown} is not a file"));
        }
        if found.len() > MAX_FILE {
            return Err(format!("{shown} is larger than {} MB", MAX_FILE >> 20));
        }
        let bytes = tokio::fs::read(path).await.map_err(cannot)?;
        let name = FileName::tidy(&path.file_name().unwrap_or_default().to_string_lossy());
        let (limit, id) = (new_id(), new_id());
        let quoted = name.as_str().replace('"', "%22");
        let head = format!(
            "--{limit}\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n\
             --{limit}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{quoted}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        let body = [head.as_bytes(), &bytes, format!("\r\n--{limit}--\r\n").as_bytes()].concat();
        let request = self
            .ask(Method::POST, &format!("/rooms/{code}/files"))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={limit}"))
            .body(Full::from(body))
            .expect("made of parts that are good");
        let reply = self.exchange(request, FILE_ANSWER).await?;
        if reply.status.is_success() {
            return Ok(format!("{} is sent", name.as_str()));
        }
        let why = serde_json::from_slice::<Refusal>(&reply.body).map(|refusal| text::line(&refusal.text));
        Err(format!("Not sent. {}", why.unwrap_or_else(|_| format!("The server answers {}", reply.status.as_u16()))))
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

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply, EnterError> {
        let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let request = self
            .ask(Method::POST, path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(pairs.join("&")))
            .expect("made of parts that are good");
        self.exchange(request, ANSWER).await.map_err(EnterError::Network)
    }

    fn ask(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(HOST, self.authority());
        let request = request.header(ORIGIN, &self.origin);
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, patience: Duration) -> Result<Reply, String> {
        let exchanged = async {
            let stream = self.dial().await.map_err(|error| explained(&error))?;
            let lost = |_| "The connection is lost".to_owned();
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

fn done(reply: Result<Reply, EnterError>) -> Result<(), Trouble> {
    match reply {
        Ok(reply) if reply.status == StatusCode::SEE_OTHER => Ok(()),
        Ok(reply) => Err(Trouble::Status(reply.status.as_u16())),
        Err(error) => Err(Trouble::Network(error.to_string())),
    }
}

/// A value of a form.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
