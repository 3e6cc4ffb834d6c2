//! A mail server that takes what it is given and answers by the address: 550 to `gone`, 451 to `busy` so many times, and 250 to
//! everybody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::PATIENCE;

/// A mail.
#[derive(Debug)]
pub struct Mail {
    pub to: String,
    pub text: String,
}

impl Mail {
    pub fn header(&self, name: &str) -> &str {
        let begin = format!("{name}: ");
        self.text
            .lines()
            .find_map(|line| line.strip_prefix(&*begin))
            .unwrap_or_else(|| panic!("no {name}: {}", self.text))
    }

    /// The text, with the line breaks of its encoding taken out.
    pub fn body(&self) -> String {
        let body = self.text.split_once("\r\n\r\n").expect("a body").1.replace("=\r\n", "");
        body.replace("=3D", "=")
    }

    /// What follows the site in the link to this path.
    pub fn link(&self, path: &str) -> String {
        let body = self.body();
        let at = body.find(path).unwrap_or_else(|| panic!("no {path}: {body}"));
        body[at..].split_whitespace().next().unwrap().to_owned()
    }
}

pub struct Sink {
    address: SocketAddr,
    mails: mpsc::UnboundedReceiver<Mail>,
    refused: Arc<AtomicUsize>,
}

impl Sink {
    /// One that answers 451 so many times to `busy`.
    pub async fn start(busy: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = mpsc::unbounded_channel();
        let (busy, refused) = (Arc::new(AtomicUsize::new(busy)), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&refused);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, busy, counted) = (sender.clone(), Arc::clone(&busy), Arc::clone(&counted));
                tokio::spawn(async move { drop(talk(stream, sender, busy, counted).await) });
            }
        });
        Self { address, mails, refused }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub async fn next(&mut self) -> Mail {
        timeout(PATIENCE, self.mails.recv()).await.expect("a mail in time").unwrap()
    }

    pub fn is_idle(&mut self) -> bool {
        self.mails.try_recv().is_err()
    }

    /// How often it has refused somebody.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

async fn talk(
    stream: TcpStream,
    sender: mpsc::UnboundedSender<Mail>,
    busy: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let mut to = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_uppercase();
        let answer: &[u8] = if command.starts_with("EHLO") {
            b"250 sink\r\n"
        } else if command.starts_with("RCPT") {
            to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let again = |left: usize| left.checked_sub(1);
            if to.starts_with("gone") {
                refused.fetch_add(1, Ordering::SeqCst);
                b"550 5.1.1 nobody here\r\n"
            } else if to.starts_with("busy") && busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, again).is_ok() {
                refused.fetch_add(1, Ordering::SeqCst);
                b"451 4.3.0 later\r\n"
            } else {
                b"250 ok\r\n"
            }
        } else if command == "DATA" {
            stream.write_all(b"354 go on\r\n").await?;
            let mut text = String::new();
            while !text.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut text).await? == 0 {
                    return Ok(());
                }
            }
            text.truncate(text.len() - 3);
            let _ = sender.send(Mail { to: to.clone(), text });
            b"250 taken\r\n"
        } else if command == "QUIT" {
            stream.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else {
            b"250 ok\r\n"
        };
        stream.write_all(answer).await?;
    }
}
