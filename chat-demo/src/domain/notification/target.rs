//! Where a program may be sent by what somebody entered: never into the network that it runs in.
//!
//! The addresses that must not be reached are those of the special-purpose registries of the IANA (RFC 6890 and its
//! successors); of IPv6 only what is given out as global unicast is reached at all.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use thiserror::Error;

use super::logic::Outcome;

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// How long a connection may take to come.
const CONNECT: Duration = Duration::from_secs(10);

/// What may be reached.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// Also what is not encrypted.
    pub(super) plain: bool,
    /// Also this machine and its network.
    pub(super) private: bool,
}

/// Why a URL is nowhere to send anything.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum TargetError {
    /// It is too long.
    #[error("an address can have {MAX_URL} characters at most")]
    Long,
    /// It is none.
    #[error("this is not an address such as https://example.org/path")]
    Malformed,
    /// It is not of a kind that is spoken.
    #[error("the address must begin with https://")]
    Scheme,
    /// A name or password is in it.
    #[error("there can be no name and no password in the address")]
    Credentials,
    /// It leads into a private network.
    #[error("the address leads into a private network")]
    Private,
}

/// Finds the addresses of names.
pub(super) trait Names: fmt::Debug + Send + Sync {
    fn addresses(&self, host: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
}

/// Asks the system.
#[derive(Debug)]
pub(super) struct System;

impl Names for System {
    fn addresses(&self, host: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Sends what is to be sent, and only where it may be.
#[derive(Clone, Debug)]
pub(super) struct Messenger {
    client: Client,
    reach: Reach,
}

/// The address is looked at where the connection is made, between the answer of the resolver and its use: there is no
/// second answer that could be another one.
#[derive(Debug)]
struct Guarded {
    names: Arc<dyn Names>,
    allowed: fn(IpAddr) -> bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, allowed) = (self.names.addresses(name.as_str().to_owned()), self.allowed);
        Box::pin(async move {
            let found = found.await?;
            if !found.iter().copied().all(allowed) {
                return Err(TargetError::Private.into());
            }
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

impl Messenger {
    pub(super) fn new(reach: Reach, names: Arc<dyn Names>) -> Self {
        Self::with(reach, names, if reach.private { |_| true } else { is_public })
    }

    /// One for which the addresses of names are those that are `allowed`.
    fn with(reach: Reach, names: Arc<dyn Names>, allowed: fn(IpAddr) -> bool) -> Self {
        // The first that is installed counts; it is the same one wherever this program installs any.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .dns_resolver(Arc::new(Guarded { names, allowed }))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT)
            .https_only(!reach.plain)
            .user_agent(concat!("chat-demo/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("there are roots of trust and a provider of cryptography");
        Self { client, reach }
    }

    /// The URL `text` is.
    ///
    /// # Errors
    ///
    /// [`TargetError`] when nothing may be sent there. A name is looked up when something is.
    pub(super) fn target(&self, text: &str) -> Result<Url, TargetError> {
        if text.len() > MAX_URL {
            return Err(TargetError::Long);
        }
        let mut url = Url::parse(text).map_err(|_| TargetError::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if self.reach.plain => {}
            _ => return Err(TargetError::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        // Written out as it is in whatever notation: the parser knows octal, hexadecimal and left out parts.
        let host = url.host_str().ok_or(TargetError::Malformed)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|ip| !self.reach.private && !is_public(ip)) {
            return Err(TargetError::Private);
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Posts it, and says what came of that. Of the answer only its head is read. By a status of `gone`, as by 410, the
    /// receiver says that there is nobody any more.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
        gone: &[u16],
    ) -> Outcome {
        let url = match self.target(url) {
            Ok(url) => url,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let mut request = self.client.post(url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => outcome(&response, gone),
            Err(error) => failure(error),
        }
    }
}

fn outcome(response: &Response, gone: &[u16]) -> Outcome {
    let status = response.status();
    let why = format!("it was answered with {}", status.as_u16());
    match status {
        _ if status.is_success() => Outcome::Delivered,
        StatusCode::GONE => Outcome::Gone(why),
        _ if gone.contains(&status.as_u16()) => Outcome::Gone(why),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Failed { why, retry_after: retry_after(response) }
        }
        _ if status.is_server_error() => Outcome::Failed { why, retry_after: retry_after(response) },
        _ => Outcome::Refused(why),
    }
}

/// What the receiver asks for, in seconds. A date is passed over: the clock it is by is not ours.
fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn failure(error: reqwest::Error) -> Outcome {
    // What was entered may be a secret: no URL in what the operator reads.
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut why = String::new();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<TargetError>() {
            return Outcome::Refused(refused.to_string());
        }
        why = error.to_string();
        cause = error.source();
    }
    Outcome::Failed { why, retry_after: None }
}

/// Whether an address is somewhere in the open internet.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network, this machine, private ones, and those between carriers and customers.
        (0 | 10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => true,
        // This link.
        (169, 254, _) => true,
        // Protocols, examples, the relays of 6to4, measurements.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => true,
        // Many at once, the future, everybody here.
        (224.., ..) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let global = a & 0xe000 == 0x2000;
    let special = match (a, b) {
        // Protocols, Teredo among them, and examples.
        (0x2001, 0..=0x1ff) | (0x2001, 0xdb8) => true,
        (0x3fff, 0..=0xfff) => true,
        // 6to4 wraps any address of IPv4.
        (0x2002, _) => true,
        _ => false,
    };
    global && !special
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn messenger(reach: Reach) -> Messenger {
        Messenger::new(reach, Arc::new(System))
    }

    #[test]
    fn no_address_of_a_private_network_is_public() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_url_that_may_not_be_is_refused_when_it_is_entered() {
        let strict = messenger(Reach::default());
        for (text, wrong) in [
            ("", TargetError::Malformed),
            ("example.org", TargetError::Malformed),
            ("https://", TargetError::Malformed),
            ("http://example.org", TargetError::Scheme),
            ("ftp://example.org", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("javascript:alert(1)", TargetError::Scheme),
            ("https://ada@example.org", TargetError::Credentials),
            ("https://:secret@example.org", TargetError::Credentials),
            ("https://127.0.0.1/", TargetError::Private),
            ("https://127.1/", TargetError::Private),
            ("https://0x7f.1/", TargetError::Private),
            ("https://2130706433/", TargetError::Private),
            ("https://017700000001/", TargetError::Private),
            ("https://[::1]:8443/", TargetError::Private),
            ("https://[::ffff:10.0.0.1]/", TargetError::Private),
            ("https://１２７.0.0.1/", TargetError::Private),
            ("https://169.254.169.254/latest/meta-data", TargetError::Private),
            (&format!("https://example.org/{}", "a".repeat(MAX_URL)), TargetError::Long),
        ] {
            assert_eq!(strict.target(text).unwrap_err(), wrong, "{text}");
        }
        assert_eq!(
            strict.target(" https://Example.org:8443/a?b=c#d ").unwrap().as_str(),
            "https://example.org:8443/a?b=c"
        );
        let home = messenger(Reach { plain: true, private: true });
        assert!(home.target("http://192.168.1.7:8080/hook").is_ok());
        assert!(home.target("ftp://192.168.1.7").is_err());
    }

    /// Answers in this order, the last for ever.
    #[derive(Debug)]
    struct Fickle(Mutex<Vec<Vec<IpAddr>>>);

    impl Names for Fickle {
        fn addresses(&self, _host: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
            let mut answers = self.0.lock().unwrap();
            let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
            Box::pin(async move { Ok(answer) })
        }
    }

    /// One address of this machine plays the internet.
    const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn fickle(answers: &[&[IpAddr]]) -> Messenger {
        let names = Fickle(Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect()));
        Messenger::with(Reach { plain: true, private: false }, Arc::new(names), |ip| ip == OUTSIDE)
    }

    /// Somebody who answers once with 200 on this address, and says so.
    async fn listen(ip: IpAddr, port: u16) -> (u16, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind((ip, port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        });
        (port, answering)
    }

    #[tokio::test]
    async fn a_name_that_is_somewhere_else_the_second_time_leads_to_where_it_was_looked_at() {
        let (port, outside) = listen(OUTSIDE, 0).await;
        let (_, inside) = listen(INSIDE, port).await;
        let messenger = fickle(&[&[OUTSIDE], &[INSIDE]]);
        let url = format!("http://rebinding.example:{port}/");
        assert_eq!(messenger.post(&url, vec![], b"{}".to_vec(), &[]).await, Outcome::Delivered);
        outside.await.unwrap();
        let refused = Outcome::Refused(TargetError::Private.to_string());
        assert_eq!(
            messenger.post(&url, vec![], b"{}".to_vec(), &[]).await,
            refused,
            "and the next time it is looked at again"
        );
        let mixed = fickle(&[&[OUTSIDE, INSIDE]]);
        assert_eq!(mixed.post(&url, vec![], b"{}".to_vec(), &[]).await, refused, "one of several is enough");
        assert!(!inside.is_finished());
    }

    #[tokio::test]
    async fn an_answer_without_an_end_costs_nothing_and_one_that_never_comes_is_an_error_of_its_own() {
        let listener = tokio::net::TcpListener::bind((OUTSIDE, 0)).await.unwrap();
        let url = format!("http://endless.example:{}/", listener.local_addr().unwrap().port());
        let endless = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
            while stream.write_all(b"4\r\nmore\r\n").await.is_ok() {}
            let (stream, _) = listener.accept().await.unwrap();
            drop(stream);
        });
        let messenger = fickle(&[&[OUTSIDE]]);
        assert_eq!(messenger.post(&url, vec![], vec![], &[]).await, Outcome::Delivered);
        assert!(matches!(messenger.post(&url, vec![], vec![], &[]).await, Outcome::Failed { retry_after: None, .. }));
        endless.await.unwrap();
    }

    proptest! {
        #[test]
        fn an_address_of_ipv4_in_ipv6_is_never_public(a: u8, b: u8, c: u8, d: u8) {
            let ip = Ipv4Addr::new(a, b, c, d);
            prop_assert!(!is_public(ip.to_ipv6_mapped().into()) && !is_public(ip.to_ipv6_compatible().into()));
        }
    }
}
