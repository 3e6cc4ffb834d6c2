//! An authority of our own, and an encrypted front for a server that speaks none of it.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Somebody who signs certificates.
pub struct Authority {
    /// Its own certificate, in PEM.
    pub file: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "An authority for tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        let file = folder.join("authority.pem");
        std::fs::write(&file, issuer.pem()).expect("it is kept");
        Self { file, issuer }
    }

    /// A certificate for these names that holds from so many days from now up to so many.
    pub fn certificate(&self, names: &[&str], days: RangeInclusive<i64>) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("good names");
        let now = date_time_ymd(1970, 1, 1)
            + std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after it");
        // The first of today's seconds has passed already.
        let day = |days: i64, margin: u64| {
            let length = std::time::Duration::from_secs(days.unsigned_abs() * 86_400);
            let at = if days < 0 { now - length } else { now + length };
            at - std::time::Duration::from_secs(margin)
        };
        params.not_before = day(*days.start(), if *days.start() == 0 { 3_600 } else { 0 });
        params.not_after = day(*days.end(), 0);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("it is signed");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("good versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("they belong together");
        Arc::new(config).into()
    }
}

/// What ends the encryption, and passes on what was said.
pub struct Front {
    pub port: u16,
    server: Arc<OnceLock<String>>,
    spoken: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

impl Front {
    pub async fn listen(acceptor: &TlsAcceptor) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (server, spoken) = (Arc::new(OnceLock::<String>::new()), Arc::new(AtomicUsize::new(0)));
        let (shared, counted, acceptor) = (server.clone(), spoken.clone(), acceptor.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, counted, acceptor) = (shared.clone(), counted.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    counted.fetch_add(1, Ordering::Relaxed);
                    let server = server.get().expect("a server is behind it");
                    let mut server = TcpStream::connect(server).await.expect("it runs");
                    let _ = copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        Self { port, server, spoken, accepting: accepting.abort_handle() }
    }

    /// Everything goes to this server.
    pub fn connect(&self, server: &str) {
        self.server.set(server.to_owned()).expect("once");
    }

    /// How many connections both sides have agreed on.
    pub fn spoken(&self) -> usize {
        self.spoken.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
