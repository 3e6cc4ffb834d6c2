//! The files of the pages, part of the binary.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// The looks.
pub(crate) const STYLE: Asset =
    Asset::new("chat.css", "text/css; charset=utf-8", include_str!("../../assets/chat.css"));

/// The room's behaviour, an ES module.
pub(crate) const SCRIPT: Asset =
    Asset::new("chat.js", "text/javascript; charset=utf-8", include_str!("../../assets/chat.js"));

/// The sign of the program.
pub(crate) const ICON: Asset = Asset::new("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg"));

/// One file, with a fingerprint by which browsers may keep it for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
    fingerprint: u64,
}

impl Asset {
    const fn new(name: &'static str, media_type: &'static str, text: &'static str) -> Self {
        Self { name, media_type, text, fingerprint: fingerprint(text.as_bytes()) }
    }

    /// Where this version of the file is found.
    pub(crate) fn url(&self) -> String {
        format!("/assets/{}?v={:016x}", self.name, self.fingerprint)
    }
}

/// `GET /assets/{name}`
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    match [STYLE, SCRIPT, ICON].into_iter().find(|asset| asset.name == name) {
        Some(asset) => {
            ([(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")], asset.text)
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// FNV-1a.
const fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}
