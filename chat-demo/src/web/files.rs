//! Files: taken in by a form, with a script or without, and given out.

use std::path::Path as FilePath;

use axum::Json;
use axum::body::Body as ResponseBody;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::fs::File;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

use super::forms::{bad_form, is_program, malformed, visitor};
use super::page::{Reply, sentence};
use super::rooms::{enter, latest, view};
use super::socket;
use super::{Web, page, unavailable};
use crate::domain::room::{Entry, PostError};
use crate::domain::upload::{Published, UploadError};
use crate::domain::{Attachment, Body, ClientId, FileName, Person, RoomCode, Seq};
use crate::telemetry;

/// Parts of a form that are looked at, and bytes of one that is no file.
const MAX_FIELDS: usize = 4;
const MAX_TEXT: usize = 16 * 1024;

/// How many times the bytes of the longest file are read, and forgotten, from somebody who sends too many: a browser
/// that is cut off while it sends does not show what it was answered.
pub(super) const PATIENCE: u64 = 4;

/// Nothing in a file may run, whatever it is.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// Why nothing was sent.
enum Refusal {
    Form,
    Rate,
    Upload(UploadError),
    Body(String),
    Post(PostError),
}

/// `POST /rooms/{code}/files`: a message with a file. Asked by a script, it answers in JSON.
pub(super) async fn send(
    State(web): State<Web>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let code = match code.parse::<RoomCode>() {
        Ok(code) => code,
        Err(error) => return malformed(error),
    };
    let Ok(mut form) = form else { return bad_form() };
    let author = match visitor(&web, &headers).await {
        Ok(Some(author)) => author,
        Ok(None) => {
            telemetry::refused("nobody");
            return (
                StatusCode::FORBIDDEN,
                page::notice("Who are you?", "Choose a name in the room, then send files."),
            )
                .into_response();
        }
        Err(error) => return unavailable(&error),
    };
    let entry = match enter(&web, code, Some(&author)).await {
        Ok(entry) => entry,
        Err(refusal) => return refusal,
    };
    let sent = receive(&web, &entry, &author, &mut form).await;
    if sent.is_err() {
        // Whatever else comes is forgotten, within bounds.
        let rest = async {
            while let Ok(Some(mut field)) = form.next_field().await {
                skip(&web, &mut field).await
            }
        };
        let _ = timeout(web.limits.upload_pause, rest).await;
    }
    let scripted = is_program(&headers);
    let refusal = match sent {
        Ok(seq) if scripted => return Json(json!({ "seq": seq })).into_response(),
        Ok(_) => return latest(code),
        Err(refusal) => refusal,
    };
    let (status, label, problem) = refusal.told();
    telemetry::refused(label);
    if scripted {
        return (status, Json(socket::Refusal { reason: label.into(), text: sentence(&problem).into() }))
            .into_response();
    }
    let reply = Reply::Refused { problem: &sentence(&problem), draft: "" };
    match view(&web, &entry, Some(&author), None, Some(reply)).await {
        Ok(page) => (status, page).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// Takes in a form: `id`, `body` if something is said with the file, and at last `file`.
async fn receive(web: &Web, entry: &Entry, author: &Person, form: &mut Multipart) -> Result<Seq, Refusal> {
    web.bounds.say(author.id, entry.code()).map_err(|_| Refusal::Rate)?;
    let (mut id, mut body) = (None, None);
    for _ in 0..MAX_FIELDS {
        let field = timeout(web.limits.upload_pause, form.next_field()).await.map_err(|_| UploadError::TooSlow)?;
        let Some(mut field) = field? else { break };
        match field.name() {
            Some("id") => id = Some(ClientId::parse(&text(web, &mut field).await?).map_err(|_| Refusal::Form)?),
            Some("body") => {
                let text = text(web, &mut field).await?;
                let said = (!text.trim().is_empty()).then(|| Body::parse(&text)).transpose();
                body = said.map_err(|error| Refusal::Body(error.to_string()))?;
            }
            Some("file") => {
                let id = id.ok_or(Refusal::Form)?;
                let result = file(web, author, &mut field).await;
                if result.is_err() {
                    skip(web, &mut field).await;
                }
                return say(web, entry, author, id, body, result?).await;
            }
            _ => return Err(Refusal::Form),
        }
    }
    Err(Refusal::Form)
}

async fn file(web: &Web, author: &Person, field: &mut Field<'_>) -> Result<Published, Refusal> {
    let name = match field.file_name() {
        None | Some("") => return Err(UploadError::Empty.into()),
        Some(name) => FileName::tidy(&unescaped(name)),
    };
    let mut upload = web.uploads.begin(author.id, name).await?;
    while let Some(bytes) = next(web, field).await? {
        upload.write(&bytes).await?;
    }
    Ok(upload.finish().await?)
}

/// The name of a file as its sender knows it. Browsers write these three characters so in the names of a form, and no other
/// (the HTML standard on "multipart/form-data").
fn unescaped(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// Says it in the room. Begun, it is done, whether or not anybody still waits for it: a file that was deleted and its
/// message stored would be a promise broken.
async fn say(
    web: &Web,
    entry: &Entry,
    author: &Person,
    id: ClientId,
    body: Option<Body>,
    published: Published,
) -> Result<Seq, Refusal> {
    let (rooms, uploads, code, author) = (web.rooms.clone(), web.uploads.clone(), entry.code(), author.clone());
    let saying = async move {
        let attachment = published.attachment().clone();
        let doubt = published.offer();
        let posted = rooms.post_file(code, author, id, body, attachment).await;
        // The store knows whose the file is: nobody's, too, if the same message was sent before, with the file that it had.
        uploads.settle(doubt).await;
        posted
    };
    match tokio::spawn(web.sockets.track_future(saying)).await {
        Ok(posted) => Ok(posted?.seq),
        Err(_) => Err(UploadError::Interrupted.into()),
    }
}

async fn text(web: &Web, field: &mut Field<'_>) -> Result<String, Refusal> {
    let mut text = Vec::new();
    while let Some(bytes) = next(web, field).await? {
        text.extend_from_slice(&bytes);
        if text.len() > MAX_TEXT {
            return Err(Refusal::Form);
        }
    }
    String::from_utf8(text).map_err(|_| Refusal::Form)
}

async fn next(web: &Web, field: &mut Field<'_>) -> Result<Option<axum::body::Bytes>, Refusal> {
    Ok(timeout(web.limits.upload_pause, field.chunk()).await.map_err(|_| UploadError::TooSlow)??)
}

async fn skip(web: &Web, field: &mut Field<'_>) {
    while let Ok(Some(_)) = next(web, field).await {}
}

/// `GET /rooms/{code}/files/{seq}`: the file that came with a message, to be kept, never to be shown.
pub(super) async fn file_of(
    State(web): State<Web>,
    Path((code, seq)): Path<(String, Seq)>,
    headers: HeaderMap,
) -> Response {
    match find(&web, &code, seq, &headers).await {
        Ok(attachment) => {
            let disposition = disposition(&attachment.name);
            let path = web.uploads.places(&attachment.file).0;
            give(&path, &attachment.media_type, disposition).await
        }
        Err(refusal) => refusal,
    }
}

/// `GET /rooms/{code}/files/{seq}/thumbnail`: the picture that was made of it.
pub(super) async fn thumbnail_of(
    State(web): State<Web>,
    Path((code, seq)): Path<(String, Seq)>,
    headers: HeaderMap,
) -> Response {
    match find(&web, &code, seq, &headers).await {
        Ok(attachment) if attachment.thumbnail.is_some() => {
            let path = web.uploads.places(&attachment.file).1;
            give(&path, "image/jpeg", HeaderValue::from_static("inline")).await
        }
        Ok(_) => no_file(),
        Err(refusal) => refusal,
    }
}

/// The file of a message, for somebody who may be in its room.
async fn find(web: &Web, code: &str, seq: Seq, headers: &HeaderMap) -> Result<Attachment, Response> {
    let code = code.parse::<RoomCode>().map_err(malformed)?;
    let viewer = match visitor(web, headers).await {
        Ok(Some(viewer)) => viewer,
        Ok(None) => {
            telemetry::refused("nobody");
            let page = page::notice("Who are you?", "Choose a name in the room, then look at its files.");
            return Err((StatusCode::FORBIDDEN, page).into_response());
        }
        Err(error) => return Err(unavailable(&error)),
    };
    let entry = enter(web, code, Some(&viewer)).await?;
    let found = web.rooms.attachment(&entry, seq).await.map_err(|error| unavailable(&error))?;
    found.ok_or_else(no_file)
}

async fn give(path: &FilePath, media_type: &str, disposition: HeaderValue) -> Response {
    let opened = async {
        let file = File::open(path).await?;
        let size = file.metadata().await?.len();
        std::io::Result::Ok((file, size))
    };
    let (file, size) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(%error, "a file of a message cannot be read");
            return no_file();
        }
    };
    let media_type = HeaderValue::from_str(media_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_LENGTH, HeaderValue::from(size)),
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_SECURITY_POLICY, SANDBOX),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    (headers, ResponseBody::from_stream(ReaderStream::new(file))).into_response()
}

fn no_file() -> Response {
    let page = page::notice("There is no such file.", "It may have been deleted with its message.");
    (StatusCode::NOT_FOUND, page).into_response()
}

/// The name for those who know RFC 5987, and something like it for all others.
fn disposition(name: &FileName) -> HeaderValue {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' };
    let simple: String = name.as_str().chars().map(plain).collect();
    let mut exact = String::new();
    for byte in name.as_str().bytes() {
        match byte {
            b'.' | b'-' | b'_' => exact.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => exact.push(char::from(byte)),
            byte => exact.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::from_str(&format!("attachment; filename=\"{simple}\"; filename*=UTF-8''{exact}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

impl Refusal {
    /// The status, a short name and the words of it.
    fn told(self) -> (StatusCode, &'static str, String) {
        match self {
            Self::Form => {
                (StatusCode::BAD_REQUEST, "form", "this form cannot be read: something is missing in it".into())
            }
            Self::Rate => {
                let problem = "this was not sent: you, or all in this room, are sending very fast";
                (StatusCode::TOO_MANY_REQUESTS, "rate", problem.into())
            }
            Self::Body(problem) => (StatusCode::UNPROCESSABLE_ENTITY, "body", problem),
            Self::Post(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                format!("this was not sent: {error}; please try again"),
            ),
            Self::Upload(error) => {
                let status = match error {
                    UploadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                    UploadError::TooSlow => StatusCode::REQUEST_TIMEOUT,
                    UploadError::TooMany => StatusCode::TOO_MANY_REQUESTS,
                    UploadError::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
                    UploadError::Busy | UploadError::NotScanned | UploadError::Interrupted => {
                        StatusCode::SERVICE_UNAVAILABLE
                    }
                    UploadError::Disk => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                (status, error.label(), error.to_string())
            }
        }
    }
}

impl From<UploadError> for Refusal {
    fn from(error: UploadError) -> Self {
        Self::Upload(error)
    }
}

impl From<PostError> for Refusal {
    fn from(error: PostError) -> Self {
        Self::Post(error)
    }
}

impl From<MultipartError> for Refusal {
    fn from(error: MultipartError) -> Self {
        tracing::debug!(%error, "a form ended early");
        Self::Form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_within_its_header() {
        let header = disposition(&FileName::tidy("a\"; filename=evil.html\r\nx: y 字.txt"));
        let text = header.to_str().unwrap();
        let simple = "a__ filename_evil.html x_ y _.txt";
        let exact = "a%22%3B%20filename%3Devil.html%20x%3A%20y%20%E5%AD%97.txt";
        assert_eq!(text, format!("attachment; filename=\"{simple}\"; filename*=UTF-8''{exact}"));
    }

    #[test]
    fn only_what_browsers_write_otherwise_is_undone() {
        for (sent, meant) in [
            ("the %22lake%22.png", "the \"lake\".png"),
            ("a%0D%0Ab%0Ac.txt", "a\r\nb\nc.txt"),
            ("100%.txt", "100%.txt"),
            ("%0d%0a%2F%25.txt", "%0d%0a%2F%25.txt"),
            ("%%2222%0%0DA", "%\"22%0\rA"),
        ] {
            assert_eq!(unescaped(sent), meant, "{sent}");
        }
    }

    #[test]
    fn a_full_disk_is_said() {
        let full: UploadError = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
        let (status, label, words) = Refusal::from(full).told();
        assert_eq!((status, label), (StatusCode::INSUFFICIENT_STORAGE, "disk_full"));
        assert!(words.contains("no room for files"));
    }
}
