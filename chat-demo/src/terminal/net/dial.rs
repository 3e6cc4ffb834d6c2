//! A connection to the server, encrypted or not.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self as tls, ClientConfig, RootCertStore};

use super::{AddressError, Server};

/// How long a connection may take.
const DIAL: Duration = Duration::from_secs(10);

/// Bytes in both directions.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The certificate of an authority.
pub(crate) type Certificate = CertificateDer<'static>;

/// All certificates in a file, of which there is one at least.
pub(crate) fn certificates(file: &Path) -> Result<Vec<Certificate>, AddressError> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let usable = |found: &Vec<Certificate>| {
        let mut roots = RootCertStore::empty();
        !found.is_empty() && found.iter().all(|one| roots.add(one.clone()).is_ok())
    };
    let shown = || crate::terminal::text::line(&file.to_string_lossy());
    found.ok().filter(usable).ok_or_else(|| AddressError::CaFile(shown()))
}

/// What trusts those whom the system trusts, and these; nothing if that is nobody.
pub(super) fn connector(trusted: &[Certificate]) -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(trusted.iter().cloned());
    if roots.is_empty() {
        return None;
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    Some(Arc::new(config.ok()?.with_root_certificates(roots).with_no_client_auth()).into())
}

impl Server {
    pub(super) async fn dial(&self) -> io::Result<Box<dyn Io>> {
        let dialed = async {
            // An IPv6 address stands in brackets in a URL, and nowhere else.
            let host = self.host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((host, self.port)).await?;
            stream.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return Ok(Box::new(stream) as Box<dyn Io>) };
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            Ok(Box::new(tls.connect(name, stream).await?) as Box<dyn Io>)
        };
        timeout(DIAL, dialed).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Why there is no connection, in words.
pub(super) fn explained(error: &io::Error) -> String {
    if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<tls::Error>()) {
        return untrusted(error);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "Nobody answers there: the server does not run".into(),
        io::ErrorKind::TimedOut => "The server does not answer".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            "The connection is lost".into()
        }
        _ => format!("The server cannot be reached: {}", crate::terminal::text::line(&error.to_string())),
    }
}

/// Why the server is not believed to be who it is, and what to do about it.
fn untrusted(error: &tls::Error) -> String {
    use tls::{CertificateError, Error};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "Its certificate is signed by nobody who is trusted here: if that is an authority of your own, name its \
             certificate with --ca-file"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "Its certificate is for another name: use the address that the certificate is for",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "Its certificate has expired: whoever runs the server has to renew it"
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "Its certificate is not valid yet: look whether the clock of this machine is right"
        }
        Error::InvalidMessage(_) => "Nothing encrypted is spoken there: try the address with http://",
        error => {
            let why = crate::terminal::text::line(&error.to_string());
            return format!("The server cannot be trusted, so nothing was sent: {why}");
        }
    }
    .to_owned()
}
