//! One socket: what is heard on it becomes events, until either side has enough.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::header::{COOKIE, ORIGIN};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Server;
use super::dial::{Io, explained};
use crate::domain::RoomCode;
use crate::terminal::chat::Event;
use crate::terminal::connection::{Input, Trouble};
use crate::terminal::text;
use crate::web::socket::protocol::{ClientFrame, ServerFrame};

/// The longest frame that is read, in bytes: a welcome to a room with many people is the longest there is.
const MAX_FRAME: usize = 1024 * 1024;

/// How long a frame may take to be sent, and a goodbye.
const WRITE: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(1);

/// Opens a socket and serves it until it is over, or until nobody has anything to say on it any more.
pub(crate) async fn run(
    server: Arc<Server>,
    room: RoomCode,
    attempt: u64,
    mut says: mpsc::Receiver<ClientFrame>,
    events: mpsc::Sender<Event>,
) {
    let tell = async |input| events.send(Event::Connection(room, attempt, input)).await.is_ok();
    let mut socket = tokio::select! {
        opened = open(&server, room) => match opened {
            Ok(socket) => socket,
            Err(trouble) => {
                tell(Input::Unopened(trouble)).await;
                return;
            }
        },
        // Nothing is said before the socket is open: it is not wanted any more.
        _ = says.recv() => return,
    };
    if !tell(Input::Opened).await {
        return;
    }
    let end = loop {
        tokio::select! {
            heard = socket.next() => {
                let input = match heard {
                    Some(Ok(Message::Text(text))) => understood(&text),
                    Some(Ok(Message::Close(close))) => {
                        let (code, reason) = close.map(|close| (close.code.into(), close.reason.to_string())).unzip();
                        break Input::Closed(code, text::line(&reason.unwrap_or_default()));
                    }
                    Some(Ok(Message::Binary(_))) => Input::Nonsense,
                    Some(Ok(_)) => Input::Alive,
                    Some(Err(Error::Capacity(_))) => Input::Nonsense,
                    Some(Err(_)) | None => break Input::Closed(None, String::new()),
                };
                if !tell(input).await {
                    return;
                }
            }
            said = says.recv() => {
                let Some(frame) = said else {
                    let _ = timeout(FAREWELL, socket.close(None)).await;
                    return;
                };
                let frame = serde_json::to_string(&frame).expect("a frame has only strings and numbers");
                match timeout(WRITE, socket.send(Message::text(frame))).await {
                    Ok(Ok(())) => {}
                    // If the server has said why, that is still to be read.
                    Ok(Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_))) => {}
                    Ok(Err(_)) | Err(_) => break Input::Closed(None, String::new()),
                }
            }
        }
    };
    tell(end).await;
    // A close is answered, for whoever waits for that.
    let _ = timeout(FAREWELL, socket.close(None)).await;
}

fn understood(text: &str) -> Input {
    serde_json::from_str::<ServerFrame<'_>>(text).map_or(Input::Nonsense, |frame| Input::Frame(text::frame(frame)))
}

async fn open(server: &Server, room: RoomCode) -> Result<WebSocketStream<Box<dyn Io>>, Trouble> {
    let stream = server.dial().await.map_err(|error| Trouble::Network(explained(&error)))?;
    let scheme = if server.encrypted { "wss" } else { "ws" };
    let address = format!("{scheme}://{}/rooms/{room}/socket", server.authority());
    let wrong = |_| Trouble::Network("The session is not one that can be shown".into());
    let mut request = address.into_client_request().expect("an address that was parsed");
    request.headers_mut().insert(ORIGIN, server.origin.parse().map_err(wrong)?);
    request.headers_mut().insert(COOKIE, server.cookie.parse().map_err(wrong)?);
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(Trouble::Status(answer.status().as_u16())),
        Err(Error::Io(error)) => Err(Trouble::Network(explained(&error))),
        Err(_) => Err(Trouble::Network("This is no server of this chat".into())),
    }
}
