//! Files, sent and asked for as browsers do, byte for byte.

use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{PATIENCE, Visitor};

/// An answer, its body whatever it is.
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// Sends this head, without its end, and this body; what is answered.
pub async fn exchange(address: &str, head: &str, body: &[u8]) -> Reply {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{head}host: {}\r\nconnection: close\r\n\r\n", address);
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has answered need not read the rest.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(PATIENCE, talk).await.expect("an answer in time");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut body = answer[end + 4..].to_vec();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Reply { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return all;
        }
        all.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
}

pub fn form(id: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut form = format!(
        "--limit\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n\
         --limit\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: image/png\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(bytes);
    form.extend_from_slice(b"\r\n--limit--\r\n");
    form
}

pub fn head(who: &Visitor, code: &str, length: usize) -> String {
    format!(
        "POST /rooms/{code}/files HTTP/1.1\r\ncookie: {}\r\norigin: {}\r\naccept: application/json\r\n\
         content-type: multipart/form-data; boundary=limit\r\ncontent-length: {length}\r\n",
        who.cookie(),
        who.origin()
    )
}

pub async fn send(who: &Visitor, code: &str, id: &str, name: &str, bytes: &[u8]) -> (u16, Value) {
    let form = form(id, name, bytes);
    let reply = exchange(who.address(), &head(who, code, form.len()), &form).await;
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
}

pub async fn get(who: &Visitor, path: &str) -> Reply {
    exchange(who.address(), &format!("GET {path} HTTP/1.1\r\ncookie: {}\r\n", who.cookie()), b"").await
}

/// Files that lie somewhere below: published, and in quarantine.
pub fn left(folder: &Path) -> (usize, usize) {
    fn count(path: &Path) -> usize {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
    }
    // Beside the folder of each incarnation lies its lock.
    let incarnations = std::fs::read_dir(folder.join("quarantine")).unwrap().flatten();
    let waiting = incarnations.map(|entry| entry.path()).filter(|path| path.is_dir()).map(|path| count(&path)).sum();
    (count(&folder.join("published")), waiting)
}

/// In the place of a scanner: the connection over which the next file comes. What asks whether it works has no answer.
pub async fn asked_to_scan(scanner: &TcpListener) -> TcpStream {
    let asked = async {
        loop {
            let (mut stream, _) = scanner.accept().await.unwrap();
            let mut command = [0; 10];
            if stream.read_exact(&mut command).await.is_ok() && command == *b"zINSTREAM\0" {
                return stream;
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("a file to scan")
}
