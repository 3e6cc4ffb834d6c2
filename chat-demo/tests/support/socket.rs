//! A client of the socket.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::PATIENCE;

pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Frames that were passed over, oldest first: how frames of two types interleave is not promised.
    passed: VecDeque<Value>,
    /// What it was welcomed with.
    pub welcome: Value,
}

impl Socket {
    /// Opens a socket, or gives the status by which it was refused; 0 if the connection was lost.
    pub async fn open(address: &str, code: &str, cookie: &str, origin: Option<&str>) -> Result<Self, u16> {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self::over(stream, address, code, cookie, origin).await
    }

    pub async fn over(
        stream: TcpStream,
        address: &str,
        code: &str,
        cookie: &str,
        origin: Option<&str>,
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/rooms/{code}/socket").into_client_request().expect("a request");
        if !cookie.is_empty() {
            request.headers_mut().insert("cookie", cookie.parse().unwrap());
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        match timeout(PATIENCE, client_async_with_config(request, stream, Some(config))).await.expect("in time") {
            Ok((stream, _)) => Ok(Self { stream, passed: VecDeque::new(), welcome: Value::Null }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            // The endpoint went away with it.
            Err(_) => Err(0),
        }
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        // A server that has closed is noticed when its close frame is read.
        let _ = timeout(PATIENCE, self.stream.send(message)).await.expect("sent in time");
    }

    pub async fn post(&mut self, id: &str, body: &str) {
        self.send(json!({"type": "post", "id": id, "body": body})).await;
    }

    pub async fn edit(&mut self, id: &str, seq: u64, body: &str) {
        self.send(json!({"type": "edit", "id": id, "seq": seq, "body": body})).await;
    }

    pub async fn delete(&mut self, id: &str, seq: u64) {
        self.send(json!({"type": "delete", "id": id, "seq": seq})).await;
    }

    /// The next frame.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Ok(frame) => frame,
            Err((code, reason)) => panic!("closed: {code} {reason}"),
        }
    }

    /// The next frame, or the code and reason of the close.
    pub async fn frame(&mut self) -> Result<Value, (u16, String)> {
        timeout(PATIENCE, self.any_frame()).await.expect("a frame in time")
    }

    async fn any_frame(&mut self) -> Result<Value, (u16, String)> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(Some(close)))) => return Err((close.code.into(), close.reason.to_string())),
                Some(Ok(Message::Close(None))) | None => return Err((0, "no reason".into())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err((0, error.to_string())),
            }
        }
    }

    /// The next frame of this type; others are passed over, and kept for those who ask for their type.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        if let Some(at) = self.passed.iter().position(|frame| frame["type"] == kind) {
            return self.passed.remove(at).expect("it was found");
        }
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
            self.passed.push_back(frame);
        }
    }

    /// What the server closes the socket with.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(closed) = self.frame().await {
                return closed;
            }
        }
    }

    /// The next `count` messages: numbers and bodies.
    pub async fn messages(&mut self, count: usize) -> Vec<(u64, String)> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let frame = self.next_of("message").await;
            messages.push((frame["seq"].as_u64().unwrap(), frame["body"].as_str().unwrap().to_owned()));
        }
        messages
    }
}
