//! Frames in and out of one socket, each way within its bounds.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error as WebSocketError;

use super::protocol::{Goodbye, MAX_FRAME_BYTES, ServerFrame};

/// How long a client that is said goodbye to may take to answer.
const FAREWELL: Duration = Duration::from_secs(1);

/// An open socket.
#[derive(Debug)]
pub(super) struct Wire {
    socket: WebSocket,
    write: Duration,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A text of bearable length.
    Text(String),
    /// A sign of life.
    Alive,
    /// The client has gone.
    Gone,
    /// Something for which the client is to be sent away.
    Wrong(Goodbye),
}

/// The client cannot be written to: it has gone, or takes too long.
#[derive(Debug)]
pub(super) struct Stuck;

impl Wire {
    pub(super) fn new(socket: WebSocket, write: Duration) -> Self {
        Self { socket, write }
    }

    /// The next thing that comes in.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub(super) async fn receive(&mut self) -> Incoming {
        match self.socket.recv().await {
            None | Some(Ok(Message::Close(_))) => Incoming::Gone,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Alive,
            Some(Ok(Message::Text(text))) if text.len() <= MAX_FRAME_BYTES => Incoming::Text(text.to_string()),
            Some(Ok(Message::Text(_))) => Incoming::Wrong(Goodbye::TooBig),
            Some(Ok(Message::Binary(data))) if data.len() > MAX_FRAME_BYTES => Incoming::Wrong(Goodbye::TooBig),
            Some(Ok(Message::Binary(_))) => Incoming::Wrong(Goodbye::NotText),
            Some(Err(error)) => match error.into_inner().downcast_ref::<WebSocketError>() {
                Some(WebSocketError::Capacity(_)) => Incoming::Wrong(Goodbye::TooBig),
                Some(WebSocketError::Utf8(_)) => Incoming::Wrong(Goodbye::NotText),
                _ => Incoming::Gone,
            },
        }
    }

    /// Sends a frame.
    pub(super) async fn send(&mut self, frame: &ServerFrame<'_>) -> Result<(), Stuck> {
        let text = serde_json::to_string(frame).expect("a frame has only strings and numbers");
        self.write(Message::Text(text.into())).await
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), Stuck> {
        self.write(Message::Ping(Bytes::new())).await
    }

    /// Says goodbye and why, and waits a moment for the answer: a socket that is closed with something
    /// unread in it takes the goodbye along.
    pub(super) async fn close(mut self, goodbye: Goodbye) {
        let frame = CloseFrame { code: goodbye.code(), reason: goodbye.reason().into() };
        if self.write(Message::Close(Some(frame))).await.is_ok() {
            let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = timeout(FAREWELL, answered).await;
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Stuck> {
        match timeout(self.write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Stuck),
        }
    }
}
