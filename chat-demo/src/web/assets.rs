//! The files of the pages, part of the binary.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;

use super::Web;
use super::compress::{BY_ENCODING, GZIP, accepts_gzip, gzip};

/// The looks.
pub(crate) const STYLE: &str = "chat.css";

/// The behaviour: an ES module, which fetches the others by names beside its own.
pub(crate) const SCRIPT: &str = "chat.js";

/// The sign of the program.
pub(crate) const ICON: &str = "icon.svg";

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, media type, text.
const ASSETS: [(&str, &str, &str); 13] = [
    (STYLE, CSS, include_str!("../../assets/chat.css")),
    (SCRIPT, JS, include_str!("../../assets/chat.js")),
    ("client.js", JS, include_str!("../../assets/client.js")),
    ("commands.js", JS, include_str!("../../assets/commands.js")),
    ("messages.js", JS, include_str!("../../assets/messages.js")),
    ("names.js", JS, include_str!("../../assets/names.js")),
    ("people.js", JS, include_str!("../../assets/people.js")),
    ("push.js", JS, include_str!("../../assets/push.js")),
    ("room.js", JS, include_str!("../../assets/room.js")),
    ("rooms.js", JS, include_str!("../../assets/rooms.js")),
    ("status.js", JS, include_str!("../../assets/status.js")),
    ("upload.js", JS, include_str!("../../assets/upload.js")),
    (ICON, SVG, include_str!("../../assets/icon.svg")),
];

/// Of all files together: another text is another address, so browsers may keep what they have for ever.
const VERSION: u64 = version();

/// Where this version of a file is found.
pub(crate) fn url(name: &str) -> String {
    format!("/assets/{VERSION:016x}/{name}")
}

/// All files as they are sent, made once.
#[derive(Debug)]
pub(crate) struct Assets([Asset; ASSETS.len()]);

#[derive(Debug)]
struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: Bytes,
    zipped: Bytes,
}

impl Assets {
    pub(crate) fn new() -> Self {
        Self(ASSETS.map(|(name, media_type, text)| {
            let text = Bytes::from(slim(text));
            let zipped = gzip(&text, Compression::best()).expect("memory takes what is written").into();
            Asset { name, media_type, text, zipped }
        }))
    }
}

/// `GET /worker.js`: shows push messages. It lies at the root since it is there for what lies below it.
#[cfg(feature = "push")]
pub(super) async fn worker() -> Response {
    ([(CONTENT_TYPE, JS), (CACHE_CONTROL, "no-cache")], include_str!("../../assets/worker.js")).into_response()
}

/// `GET /assets/{version}/{name}`
pub(super) async fn serve(
    State(web): State<Web>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = web.assets.0.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // A page of another version of the program gets what there is, and keeps it no longer than it must.
    let keep = if version == format!("{VERSION:016x}") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let about = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, keep)];
    let varies = [(VARY, BY_ENCODING)];
    match accepts_gzip(&headers) && asset.zipped.len() < asset.text.len() {
        true => (about, varies, [(CONTENT_ENCODING, GZIP)], Body::from(asset.zipped.clone())).into_response(),
        false => (about, varies, Body::from(asset.text.clone())).into_response(),
    }
}

/// The text without what only its readers here need: indentation, and lines that are a comment. Lines keep their numbers.
fn slim(text: &str) -> String {
    let comment = |line: &str| line.starts_with("//") || line.starts_with("/*") && line.ends_with("*/");
    let mut slim = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_start) {
        if !comment(line) {
            slim.push_str(line);
        }
        slim.push('\n');
    }
    slim
}

/// FNV-1a.
const fn version() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut file = 0;
    while file < ASSETS.len() {
        let bytes = ASSETS[file].2.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
            index += 1;
        }
        file += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_goes_over_lines_so_that_none_is_changed_by_what_is_left_out() {
        for (name, media_type, text) in ASSETS {
            for line in text.lines().filter(|_| media_type == JS) {
                assert!(line.matches('`').count() % 2 == 0 && !line.ends_with('\\'), "{name}: {line}");
            }
            assert_eq!(slim(text).lines().count(), text.lines().count(), "{name}");
        }
    }

    #[test]
    fn indentation_and_comments_are_left_out() {
        let text = "a {\n  // b\n  c: 1; // d\n  /** e */\n  /* f */ g\n}\n";
        assert_eq!(slim(text), "a {\n\nc: 1; // d\n\n/* f */ g\n}\n");
    }
}
