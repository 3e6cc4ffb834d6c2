//! Text goes over the wire compressed, to those who say that they can read it so.
//!
//! Nothing here is a secret that somebody else could have a page repeat: sessions are in cookies only, so the length
//! of a compressed page tells nobody anything.

use std::io::{self, Write};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

pub(super) const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The answer depends on what the client can read.
pub(super) const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// Compresses pages; whatever else is answered goes as it is.
pub(super) async fn pages(request: Request, next: Next) -> Response {
    let readable = accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/html"));
    if !is_page || headers.contains_key(CONTENT_ENCODING) {
        return response;
    }
    headers.append(VARY, BY_ENCODING);
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|_| readable) else { return response };
    let (mut parts, body) = response.into_parts();
    let Ok(page) = to_bytes(body, length).await else {
        // A page is in memory as a whole, and as long as it says.
        return Response::from_parts(parts, Body::empty());
    };
    match gzip(&page, Compression::default()) {
        Ok(zipped) if zipped.len() < page.len() => {
            parts.headers.insert(CONTENT_ENCODING, GZIP);
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(zipped))
        }
        _ => Response::from_parts(parts, Body::from(page)),
    }
}

pub(super) fn gzip(text: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 2), level);
    encoder.write_all(text)?;
    encoder.finish()
}

/// Whether a client takes gzip, and would not rather have the text as it is (RFC 9110, section 12.5.3).
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, 0.0);
    let codings = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    for coding in codings.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        // What is no weight is no wish for it.
        let weight =
            weight.map_or(1.0, |weight| weight.parse().ok().filter(|w| (0.0..=1.0).contains(w)).unwrap_or(0.0));
        match name {
            _ if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => gzip = Some(weight),
            _ if name.eq_ignore_ascii_case("identity") => identity = weight,
            "*" => any = Some(weight),
            _ => {}
        }
    }
    let gzip: f32 = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_ask_for_it_gets_the_text_as_it_is() {
        for (asked, zipped) in [
            ("", false),
            ("gzip, deflate, br, zstd", true),
            ("br, GZIP", true),
            ("x-gzip", true),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("gzip; q=0.5", true),
            ("gzip;q=0.5, identity", false),
            ("gzip;q=0.5, identity;q=0.4", true),
            ("identity", false),
            ("br", false),
            ("gzip;q=much", false),
            ("gzip;q=NaN", false),
            ("gzipped", false),
            (";,;q=1,", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(asked))]);
            assert_eq!(accepts_gzip(&headers), zipped, "{asked:?}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
        let mut several = HeaderMap::new();
        several.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        several.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(accepts_gzip(&several), "in two lines");
    }
}
