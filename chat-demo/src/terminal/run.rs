//! The loop: it hears the keys and the network, carries out what the state asks for, and draws.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossterm::event::Event as Input;
use futures_util::{Stream, StreamExt};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::buffer::Buffer;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::chat::{Chat, Effect, Event};
use super::connection;
use super::net::{self, Server};
use super::uploads::Progress;
use super::view::{Theme, draw};
use crate::domain::{RoomCode, UnixMillis};
use crate::web::socket::protocol::ClientFrame;

/// Events that wait for the loop; whoever has more waits.
const EVENTS: usize = 256;

/// Frames that wait to be sent over one socket. More of them wait only if the server has stopped reading.
const FRAMES: usize = 64;

/// The terminal around the window, as far as a program can ask something of it.
pub trait Host {
    /// The window has been drawn.
    fn drawn(&mut self, _window: &Buffer) {}

    /// Calls its person.
    fn bell(&mut self) {}

    /// Stops the program until its person wants it back; afterwards the window is drawn anew.
    ///
    /// # Errors
    ///
    /// When the terminal does not work any more.
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The program was stopped without being asked, and goes on: others may have used the terminal meanwhile. Afterwards
    /// the window is drawn anew.
    ///
    /// # Errors
    ///
    /// When the terminal does not work any more.
    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the system asks of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// To end.
    End,
    /// To stop until it is wanted back.
    Stop,
    /// To go on.
    Continue,
}

/// Why the program cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The terminal does not work any more.
    #[error("the terminal cannot be used any more")]
    Terminal(#[source] io::Error),
    /// There is a fault in this program.
    #[error("a part of this program has panicked")]
    Panicked,
}

/// Talks in a room of `server`, and in those that are gone to from there, until the person leaves or a signal asks it to end.
///
/// `input` is what the terminal tells of keys; its end is the end. That of `signals` only means that no more of them come.
///
/// # Errors
///
/// [`RunError`] when the terminal cannot be drawn to or read.
pub async fn run<B: Backend<Error: Send + Sync + 'static>>(
    terminal: &mut Terminal<B>,
    host: &mut impl Host,
    input: impl Stream<Item = io::Result<Input>>,
    server: Server,
    room: RoomCode,
    signals: impl Stream<Item = Signal>,
) -> Result<(), RunError> {
    let mut input = std::pin::pin!(input);
    let mut signals = std::pin::pin!(signals.fuse());
    let mut chat = Chat::new(server.origin(), room, (80, 24), Instant::now().into_std());
    chat.zone = TimeZone::system();
    let (events, mut happened) = mpsc::channel(EVENTS);
    let mut network = Network {
        server: server.into(),
        events,
        sockets: HashMap::new(),
        uploads: HashMap::new(),
        tasks: JoinSet::new(),
    };
    let theme = Theme::from_env();
    let failed = |error: B::Error| RunError::Terminal(io::Error::other(error));
    'talk: loop {
        let now = Instant::now();
        chat.tick(now.into_std());
        for effect in chat.effects() {
            match effect {
                Effect::Quit => break 'talk,
                Effect::Bell => host.bell(),
                Effect::Redraw => forget(terminal).map_err(failed)?,
                Effect::Suspend => {
                    host.suspend().map_err(RunError::Terminal)?;
                    forget(terminal).map_err(failed)?;
                }
                effect => network.carry_out(effect, &mut chat, now),
            }
        }
        let size = terminal.size().map_err(failed)?;
        chat.size = (size.width, size.height);
        let drawn =
            terminal.draw(|frame| draw(frame, &chat, theme, now.into_std(), UnixMillis::now())).map_err(failed)?;
        host.drawn(drawn.buffer);

        let deadline = chat.deadline(now.into_std());
        let due = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(signal) = signals.next() => {
                match signal {
                    Signal::End => break 'talk,
                    Signal::Stop => host.suspend().map_err(RunError::Terminal)?,
                    Signal::Continue => host.resume().map_err(RunError::Terminal)?,
                }
                forget(terminal).map_err(failed)?;
            }
            key = input.next() => match key {
                Some(key) => handle_input(&mut chat, key.map_err(RunError::Terminal)?),
                None => break 'talk,
            },
            event = happened.recv() => {
                let mut next = event;
                // What has come together is drawn together.
                for _ in 0..EVENTS {
                    let Some(event) = next else { break };
                    chat.handle(event, Instant::now().into_std());
                    next = happened.try_recv().ok();
                }
                if let Some(event) = next {
                    chat.handle(event, Instant::now().into_std());
                }
            }
            Some(ended) = network.tasks.join_next() => {
                if ended.is_err_and(|error| error.is_panic()) {
                    return Err(RunError::Panicked);
                }
            }
            () = due => {}
        }
    }
    network.finish().await;
    Ok(())
}

/// The next window is drawn as a whole: nobody knows what is on the screen. (`Terminal::clear` would ask the terminal where
/// the cursor is, and read the answer in the place of whoever reads the keys.)
fn forget<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    terminal.backend_mut().clear()?;
    terminal.swap_buffers();
    Ok(())
}

fn handle_input(chat: &mut Chat, input: Input) {
    let event = match input {
        Input::Key(key) => Event::Key(key),
        Input::Paste(text) => Event::Paste(text),
        Input::FocusGained => Event::Focus(true),
        Input::FocusLost => Event::Focus(false),
        Input::Resize(..) | Input::Mouse(_) => return,
    };
    chat.handle(event, Instant::now().into_std());
}

/// Everything that goes over the network.
struct Network {
    server: Arc<Server>,
    events: mpsc::Sender<Event>,
    sockets: HashMap<RoomCode, mpsc::Sender<ClientFrame>>,
    /// By the names of their messages.
    uploads: HashMap<String, AbortHandle>,
    tasks: JoinSet<()>,
}

impl Network {
    fn carry_out(&mut self, effect: Effect, chat: &mut Chat, now: Instant) {
        let server = self.server.clone();
        match effect {
            Effect::Dial(room, attempt) => {
                let (says, heard) = mpsc::channel(FRAMES);
                self.sockets.insert(room, says);
                self.tasks.spawn(net::run(server, room, attempt, heard, self.events.clone()));
            }
            Effect::HangUp(room) => {
                self.sockets.remove(&room);
            }
            Effect::Send(room, frame) => {
                let sent = self.sockets.get(&room).map(|socket| socket.try_send(frame));
                if sent.is_some_and(|sent| sent.is_err())
                    && let Some(attempt) = chat.rooms.get(&room).map(|room| room.connection.attempt())
                {
                    let closed = connection::Input::Closed(None, "The server does not read any more".into());
                    chat.handle(Event::Connection(room, attempt, closed), now.into_std());
                }
            }
            Effect::Fetch(room, attempt) => {
                self.ask(async move {
                    Event::Connection(room, attempt, connection::Input::Past(server.newest(room).await))
                });
            }
            Effect::Ask(request) => {
                self.ask(async move {
                    let answer = server.answer(&request).await;
                    Event::Answered(request, answer)
                });
            }
            Effect::Upload(room, id, path) => {
                let (events, name) = (self.events.clone(), id.clone());
                let percent = AtomicU64::new(0);
                let tell = move |progress: Progress| {
                    // What nobody hears of now is told with the next piece.
                    if percent.swap(progress.percent(), Ordering::Relaxed) != progress.percent() {
                        let _ = events.try_send(Event::Uploading(room, name.clone(), progress));
                    }
                };
                let task = self.ask({
                    let id = id.clone();
                    async move {
                        let result = server.upload(room, &id, &path, tell).await;
                        Event::Uploaded(room, id, result)
                    }
                });
                self.uploads.retain(|_, task| !task.is_finished());
                self.uploads.insert(id, task);
            }
            Effect::CancelUpload(id) => {
                if let Some(task) = self.uploads.remove(&id) {
                    task.abort();
                }
            }
            Effect::Bell | Effect::Redraw | Effect::Suspend | Effect::Quit => {}
        }
    }

    fn ask(&mut self, asked: impl Future<Output = Event> + Send + 'static) -> AbortHandle {
        let events = self.events.clone();
        self.tasks.spawn(async move {
            // Nobody hears it when the program ends.
            let _ = events.send(asked.await).await;
        })
    }

    /// Lets the sockets say what they still have to say, for a moment.
    async fn finish(mut self) {
        self.sockets.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(std::time::Duration::from_millis(500), all).await;
    }
}
