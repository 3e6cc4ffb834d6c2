//! From which pages a browser may change anything here.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;

/// The origins that are ours, compared exactly.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// The address listened on (and `localhost`, if that is a loopback address), and `configured`.
    pub(crate) fn new(address: SocketAddr, configured: &[String]) -> Self {
        let mut origins = vec![format!("http://{address}")];
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            origins.push(format!("http://localhost:{}", address.port()));
            origins.push(format!("http://127.0.0.1:{}", address.port()));
        }
        origins.extend(configured.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()));
        Self(origins)
    }

    /// Whether a request with these headers was made by one of our own pages.
    ///
    /// Browsers send `Origin` with every upgrade and every POST, and no page can change it; a request
    /// without one was not made by a page of ours.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let mut sent = headers.get_all(ORIGIN).iter();
        match (sent.next(), sent.next()) {
            (Some(origin), None) => self.0.iter().any(|ours| ours.as_bytes() == origin.as_bytes()),
            _ => false,
        }
    }

    /// Whether the page that made a request that is allowed came encrypted.
    pub(crate) fn encrypted(&self, headers: &HeaderMap) -> bool {
        self.allow(headers) && headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &Origins, sent: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for origin in sent {
            headers.append(ORIGIN, origin.parse().unwrap());
        }
        origins.allow(&headers)
    }

    #[test]
    fn exactly_our_own() {
        let origins = Origins::new("127.0.0.1:4000".parse().unwrap(), &["https://Chat.example.org/".to_owned()]);
        for ours in ["http://127.0.0.1:4000", "http://localhost:4000", "https://chat.example.org"] {
            assert!(allowed(&origins, &[ours]), "{ours}");
        }
        for other in [
            "http://127.0.0.1",
            "http://127.0.0.1:40000",
            "https://127.0.0.1:4000",
            "http://localhost:4000.evil.org",
            "https://evil.org",
            "null",
            "",
        ] {
            assert!(!allowed(&origins, &[other]), "{other}");
        }
        assert!(!allowed(&origins, &[]));
        assert!(!allowed(&origins, &["http://127.0.0.1:4000", "https://evil.org"]));
    }
}
