//! A file on its way: read as it is sent, never as a whole.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Method;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use super::Server;
use crate::domain::{FileName, RoomCode};
use crate::terminal::outbox::new_id;
use crate::terminal::text;
use crate::terminal::uploads::{Progress, Unsent};
use crate::web::socket::protocol::Refusal;

/// How long a file may be on its way, with all that the server does with it.
const PATIENCE: Duration = Duration::from_secs(1800);

/// The longest file that is sent, in bytes. The server has a limit of its own.
const MAX_FILE: u64 = 100 * 1024 * 1024;

/// How much of a file is in memory, in bytes.
const PIECE: usize = 64 * 1024;

/// By these answers it can be tried again; so it can when the connection broke.
const PASSING: [u16; 6] = [408, 429, 500, 502, 503, 504];

impl Server {
    /// Sends the file at `path` as the message `id`; `tell` hears how far it is.
    pub(crate) async fn upload(
        &self,
        room: RoomCode,
        id: &str,
        path: &Path,
        tell: impl Fn(Progress) + Send + Unpin + 'static,
    ) -> Result<(), Unsent> {
        let shown = text::line(&path.to_string_lossy());
        let cannot = |error: io::Error| Unsent::ForGood(format!("{shown} cannot be read: {error}"));
        let file = File::open(path).await.map_err(cannot)?;
        let found = file.metadata().await.map_err(cannot)?;
        if !found.is_file() {
            return Err(Unsent::ForGood(format!("{shown} is not a file")));
        }
        let size = found.len();
        match size {
            0 => return Err(Unsent::ForGood(format!("{shown} is empty"))),
            1..=MAX_FILE => {}
            _ => return Err(Unsent::ForGood(format!("{shown} is larger than {} MB", MAX_FILE >> 20))),
        }
        let name = FileName::tidy(&path.file_name().unwrap_or_default().to_string_lossy());
        let limit = new_id();
        let quoted = name.as_str().replace('"', "%22");
        let head = format!(
            "--{limit}\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n\
             --{limit}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{quoted}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{limit}--\r\n");
        let body = Form { head: head.into(), file, size, sent: 0, tail: tail.into(), tell };
        let request = self
            .ask(Method::POST, &format!("/rooms/{room}/files"))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={limit}"))
            .body(body)
            .expect("made of parts that are good");
        let reply = self.exchange(request, PATIENCE).await.map_err(Unsent::ForNow)?;
        if reply.status.is_success() {
            return Ok(());
        }
        let why = serde_json::from_slice::<Refusal<'_>>(&reply.body).map(|refusal| text::line(&refusal.text));
        let status = reply.status.as_u16();
        let why = why.unwrap_or_else(|_| format!("The server answers {status}."));
        Err(if PASSING.contains(&status) { Unsent::ForNow(why) } else { Unsent::ForGood(why) })
    }
}

/// What is sent: a form with a file in it, of a length that is known before.
struct Form<T> {
    head: Bytes,
    file: File,
    size: u64,
    sent: u64,
    tail: Bytes,
    tell: T,
}

impl<T: Fn(Progress) + Unpin> Body for Form<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if !this.head.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.head)))));
        }
        if this.sent == this.size {
            let tail = std::mem::take(&mut this.tail);
            return Poll::Ready((!tail.is_empty()).then(|| Ok(Frame::data(tail))));
        }
        let room = usize::try_from(this.size - this.sent).map_or(PIECE, |left| left.min(PIECE));
        let mut piece = vec![0; room];
        let mut read = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut this.file).poll_read(cx, &mut read))?;
        let count = read.filled().len();
        if count == 0 {
            return Poll::Ready(Some(Err(io::Error::other("the file has become shorter while it was sent"))));
        }
        piece.truncate(count);
        this.sent += count as u64;
        (this.tell)(Progress { sent: this.sent, size: this.size });
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.head.is_empty() && self.sent == self.size && self.tail.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.head.len() as u64 + (self.size - self.sent) + self.tail.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use http_body_util::BodyExt;

    use super::*;

    /// All of a form of a file that is said to be so long, and what was told of it.
    async fn sent(content: &[u8], size: u64) -> (io::Result<Vec<u8>>, u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        let told = Rc::new(Cell::new(0));
        let heard = told.clone();
        let tell = move |progress: Progress| heard.set(progress.sent);
        let file = File::open(&path).await.unwrap();
        let mut form = Form { head: "head".into(), file, size, sent: 0, tail: "tail".into(), tell };
        let promised = form.size_hint().exact().unwrap();
        let mut all = Vec::new();
        while let Some(frame) = form.frame().await {
            match frame {
                Ok(frame) => {
                    let data = frame.into_data().unwrap();
                    assert!(data.len() <= PIECE, "never the whole");
                    all.extend_from_slice(&data);
                }
                Err(error) => return (Err(error), promised, told.get()),
            }
        }
        assert!(form.is_end_stream());
        (Ok(all), promised, told.get())
    }

    #[tokio::test]
    async fn a_file_is_sent_piece_by_piece_and_as_long_as_it_was_said_to_be() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let content: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let (all, promised, told) = sent(&content, length as u64).await;
            let expected = [b"head", &content[..], b"tail"].concat();
            assert_eq!((promised, told), (expected.len() as u64, length as u64));
            assert!(all.unwrap() == expected);
        }
        // It grows, or it shrinks, while it is sent.
        assert_eq!(sent(b"0123456789", 4).await.0.unwrap(), b"head0123tail");
        assert!(sent(b"0123", 10).await.0.unwrap_err().to_string().contains("has become shorter"));
    }
}
