//! From which pages a browser may change anything here.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

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
        // Browsers leave out the port that a scheme has by itself.
        Self(origins.iter().map(|origin| without_port(origin).to_owned()).collect())
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

    /// Whether a request is for one of the hosts of our origins. A name that somebody else has turned to this address
    /// (DNS rebinding) would make their pages ours.
    pub(crate) fn serve(&self, headers: &HeaderMap) -> bool {
        let mut sent = headers.get_all(HOST).iter();
        let (Some(host), None) = (sent.next().and_then(|host| host.to_str().ok()), sent.next()) else { return false };
        self.0.iter().filter_map(|ours| ours.split_once("://")).any(|(scheme, ours)| {
            let asked = format!("{scheme}://{}", host.to_ascii_lowercase());
            without_port(&asked).strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(ours)
        })
    }

    /// Whether the page that made a request that is allowed came encrypted.
    pub(crate) fn encrypted(&self, headers: &HeaderMap) -> bool {
        self.allow(headers) && headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
    }
}

/// The origin without the port that its scheme has by itself.
fn without_port(origin: &str) -> &str {
    let port = match origin.split_once("://") {
        Some(("http", _)) => ":80",
        Some(("https", _)) => ":443",
        _ => return origin,
    };
    origin.strip_suffix(port).unwrap_or(origin)
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
    #[test]
    fn a_port_that_goes_without_saying() {
        let origins = Origins::new("127.0.0.1:80".parse().unwrap(), &["https://chat.example.org:443".to_owned()]);
        assert!(allowed(&origins, &["http://127.0.0.1"]) && allowed(&origins, &["https://chat.example.org"]));
        let serves = |host: &str| origins.serve(&HeaderMap::from_iter([(HOST, host.parse().unwrap())]));
        for ours in ["127.0.0.1", "127.0.0.1:80", "localhost", "chat.example.org", "CHAT.example.org:443"] {
            assert!(serves(ours), "{ours}");
        }
        for other in
            ["", "evil.example", "127.0.0.1:443", "chat.example.org:80", "127.0.0.1:4000", "[::1]", "http://127.0.0.1"]
        {
            assert!(!serves(other), "{other}");
        }
    }
}
