//! Where the server is.

use hyper::Uri;
use hyper::http::uri::Scheme;
use thiserror::Error;
use tokio_rustls::TlsConnector;

use super::dial::{self, Certificate};
use crate::domain::RoomCode;

/// A server, and the session in which it is asked.
#[derive(Clone)]
pub struct Server {
    pub(super) encrypted: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Scheme, host and port, as a browser writes them.
    pub(super) origin: String,
    /// `name=value`; nothing before somebody has come in.
    pub(super) cookie: String,
    pub(super) tls: Option<TlsConnector>,
}

/// Why an address is none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no address.
    #[error("“{0}” is neither an address like http://127.0.0.1:4000/rooms/ABCD2345 nor the code of a room")]
    Malformed(String),
    /// It is one of something else.
    #[error("“{0}” is an address, but not of a room: that looks like http://127.0.0.1:4000/rooms/ABCD2345")]
    NoRoom(String),
    /// The certificates that the system trusts cannot be read.
    #[error("no certificate of an authority was found on this system: name some with --ca-file")]
    Certificates,
    /// What was named as certificates has none.
    #[error(
        "{0} has no certificates that can be used: it needs some in PEM, each between BEGIN CERTIFICATE and END CERTIFICATE"
    )]
    CaFile(String),
}

impl Server {
    /// The server of an address, `http` or `https`, without a session; and the room, if the address is that of one.
    ///
    /// # Errors
    ///
    /// [`AddressError`] when it is not the address of a server or a room.
    pub fn at(address: &str) -> Result<(Self, Option<RoomCode>), AddressError> {
        Self::trusting(address, &[])
    }

    /// The same; one that is encrypted is trusted by these authorities as well.
    fn trusting(address: &str, trusted: &[Certificate]) -> Result<(Self, Option<RoomCode>), AddressError> {
        let malformed = || AddressError::Malformed(super::super::text::line(address));
        let address = address.trim();
        let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let uri: Uri = whole.parse().map_err(|_| malformed())?;
        let encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(malformed()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(malformed)?.to_ascii_lowercase();
        let usual = if encrypted { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let scheme = if encrypted { "https" } else { "http" };
        let origin = if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") };
        let room = match uri.path().trim_matches('/') {
            "" => None,
            path => {
                let code = path.strip_prefix("rooms/").and_then(|code| code.parse().ok());
                Some(code.ok_or_else(|| AddressError::NoRoom(super::super::text::line(address)))?)
            }
        };
        let tls = if encrypted { Some(dial::connector(trusted).ok_or(AddressError::Certificates)?) } else { None };
        Ok((Self { encrypted, host, port, origin, cookie: String::new(), tls }, room))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The session, to be shown another time; empty before anybody has come in.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Goes on with a session of an earlier time.
    pub fn resume(&mut self, cookie: String) {
        self.cookie = cookie;
    }

    /// Host and port, as a request names them.
    pub(super) fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }
}

/// Nothing of the session.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What somebody has written as the place to go to: the code of a room on `server`, or an address.
pub(crate) fn place(
    written: &str,
    server: &str,
    trusted: &[Certificate],
) -> Result<(Server, Option<RoomCode>), AddressError> {
    match written.parse::<RoomCode>() {
        Ok(code) => Ok((Server::trusting(server, trusted)?.0, Some(code))),
        Err(_) => Server::trusting(written, trusted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (written, origin, room) in [
            ("http://127.0.0.1:4000/rooms/ABCD2345", "http://127.0.0.1:4000", Some("ABCD2345")),
            ("127.0.0.1:4000/rooms/abcd-2345/", "http://127.0.0.1:4000", Some("ABCD2345")),
            ("https://Chat.example.org:443/", "https://chat.example.org", None),
            ("http://chat.example.org:80", "http://chat.example.org", None),
            ("http://[::1]:4000", "http://[::1]:4000", None),
            ("abcd 2345", "http://127.0.0.1:4000", Some("ABCD2345")),
        ] {
            let (server, code) = place(written, "http://127.0.0.1:4000", &[]).unwrap();
            assert_eq!((server.origin(), code.map(|code| code.to_string()).as_deref()), (origin, room), "{written}");
        }
        for wrong in ["", "ftp://example.org", "http://", "http://a b", "http://example.org/account", "\u{1b}[31m"] {
            let error = place(wrong, "http://127.0.0.1:4000", &[]).unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:4000/rooms/") && !error.contains('\u{1b}'), "{wrong}: {error}");
        }
    }
}
