//! The files of the pages, part of the binary.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

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
const ASSETS: [(&str, &str, &str); 8] = [
    (STYLE, CSS, include_str!("../../assets/chat.css")),
    (SCRIPT, JS, include_str!("../../assets/chat.js")),
    ("client.js", JS, include_str!("../../assets/client.js")),
    ("commands.js", JS, include_str!("../../assets/commands.js")),
    ("messages.js", JS, include_str!("../../assets/messages.js")),
    ("room.js", JS, include_str!("../../assets/room.js")),
    ("upload.js", JS, include_str!("../../assets/upload.js")),
    (ICON, SVG, include_str!("../../assets/icon.svg")),
];

/// Of all files together: another text is another address, so browsers may keep what they have for ever.
const VERSION: u64 = version();

/// Where this version of a file is found.
pub(crate) fn url(name: &str) -> String {
    format!("/assets/{VERSION:016x}/{name}")
}

/// `GET /assets/{version}/{name}`
pub(crate) async fn serve(Path((version, name)): Path<(String, String)>) -> Response {
    let Some((_, media_type, text)) = ASSETS.into_iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // A page of another version of the program gets what there is, and keeps it no longer than it must.
    let keep = if version == format!("{VERSION:016x}") { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, keep)], text).into_response()
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
