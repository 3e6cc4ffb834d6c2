//! A client of clamd, as much as is needed of it: `INSTREAM` and `PING`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the scanner may take to be reached, to answer whether it works, and to look at a file.
const CONNECT: Duration = Duration::from_secs(5);
const PING: Duration = Duration::from_secs(2);
const SCAN: Duration = Duration::from_secs(60);

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 4096;

/// Bytes that are sent to it at once.
const CHUNK: usize = 64 * 1024;

/// Where clamd listens: `host:port`, or the path of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScannerAddress {
    /// Over TCP.
    Tcp(String),
    /// On this machine.
    Unix(PathBuf),
}

/// What the scanner says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It knows nothing bad of it.
    Clean,
    /// It is known by this name.
    Infected(String),
}

/// The scanner said nothing that could be relied on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScanError {
    /// It cannot be reached, or went away.
    #[error("the scanner cannot be reached: {0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("the scanner did not answer in time")]
    Timeout,
    /// It does not say yes or no.
    #[error("the scanner could not look at the file: {0}")]
    Answer(String),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl ScannerAddress {
    /// What the scanner says of this file.
    pub(crate) async fn scan(&self, file: &Path) -> Result<Verdict, ScanError> {
        let exchange = async {
            let mut stream = self.connect().await?;
            let sent = send(&mut stream, &mut File::open(file).await?).await;
            // It closes a stream that is too long for it, and says so.
            let answer = read_answer(&mut stream).await?;
            if answer.is_empty() {
                sent?;
            }
            verdict(&answer)
        };
        timeout(SCAN, exchange).await.map_err(|_| ScanError::Timeout)?
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<(), ScanError> {
        let exchange = async {
            let mut stream = self.connect().await?;
            stream.write_all(b"zPING\0").await?;
            match read_answer(&mut stream).await? {
                answer if answer == "PONG" => Ok(()),
                answer => Err(ScanError::Answer(answer)),
            }
        };
        timeout(PING, exchange).await.map_err(|_| ScanError::Timeout)?
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, ScanError> {
        let connecting = async {
            Ok::<Box<dyn Stream>, std::io::Error>(match self {
                Self::Tcp(address) => Box::new(TcpStream::connect(address).await?),
                #[cfg(unix)]
                Self::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
                #[cfg(not(unix))]
                Self::Unix(_) => return Err(std::io::ErrorKind::Unsupported.into()),
            })
        };
        Ok(timeout(CONNECT, connecting).await.map_err(|_| ScanError::Timeout)??)
    }
}

async fn send(stream: &mut dyn Stream, file: &mut File) -> std::io::Result<()> {
    stream.write_all(b"zINSTREAM\0").await?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file.read(&mut chunk).await?;
        stream.write_all(&u32::try_from(length).unwrap_or_default().to_be_bytes()).await?;
        if length == 0 {
            return stream.flush().await;
        }
        stream.write_all(&chunk[..length]).await?;
    }
}

async fn read_answer(stream: &mut dyn Stream) -> std::io::Result<String> {
    let mut answer = Vec::new();
    let mut limited = stream.take(MAX_ANSWER);
    while !answer.ends_with(&[0]) && limited.read_buf(&mut answer).await? > 0 {}
    Ok(String::from_utf8_lossy(&answer).trim_end_matches('\0').to_owned())
}

/// What an answer to `INSTREAM` means; whatever is not plainly one of two things is no verdict.
fn verdict(answer: &str) -> Result<Verdict, ScanError> {
    let said = answer.strip_prefix("stream: ");
    match said.map(|said| (said, said.strip_suffix(" FOUND"))) {
        Some(("OK", _)) => Ok(Verdict::Clean),
        Some((_, Some(name))) => Ok(Verdict::Infected(name.to_owned())),
        _ => Err(ScanError::Answer(answer.to_owned())),
    }
}

impl FromStr for ScannerAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.to_owned())),
            _ => Err("give it as host:port, or as the path of a socket, which begins with /"),
        }
    }
}

impl fmt::Display for ScannerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_lets_a_file_pass() {
        assert_eq!(verdict("stream: OK").unwrap(), Verdict::Clean);
        assert_eq!(verdict("stream: Eicar FOUND").unwrap(), Verdict::Infected("Eicar".into()));
        for wrong in
            ["", "OK", "stream:", "stream: OK\nstream: OK", "INSTREAM size limit exceeded. ERROR", "stream: x ERROR"]
        {
            assert!(verdict(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!("localhost:3310".parse(), Ok(ScannerAddress::Tcp("localhost:3310".into())));
        assert_eq!("/run/clamd".parse(), Ok(ScannerAddress::Unix("/run/clamd".into())));
        for wrong in ["", "localhost", ":3310", "localhost:x", "run/clamd"] {
            assert!(wrong.parse::<ScannerAddress>().is_err(), "{wrong}");
        }
    }
}
