//! The terminal client in this process, on a window in memory with keys from a test.

use std::fmt::Write;
use std::io;

use chat_demo::domain::RoomCode;
use chat_demo::terminal::{Host, RunError, Server, Signal, run};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::stream;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use unicode_width::UnicodeWidthStr;

use super::PATIENCE;

/// Somebody at a terminal.
pub struct Person {
    keys: mpsc::UnboundedSender<io::Result<Event>>,
    windows: mpsc::UnboundedReceiver<String>,
    /// The window that was looked at last.
    window: String,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), RunError>>,
}

struct Watched(mpsc::UnboundedSender<String>);

impl Host for Watched {
    fn drawn(&mut self, window: &Buffer) {
        // A test that has ended looks at nothing.
        let _ = self.0.send(text(window));
    }
}

/// What a window shows, row by row.
pub fn text(window: &Buffer) -> String {
    let mut text = String::new();
    for row in window.content.chunks(window.area.width.into()) {
        let mut skip = 0;
        let mut line = String::new();
        for cell in row {
            if skip == 0 {
                line.push_str(cell.symbol());
                skip = cell.symbol().width();
            }
            skip = skip.saturating_sub(1);
        }
        writeln!(text, "{}", line.trim_end()).expect("a string");
    }
    text
}

impl Person {
    /// A guest of this name, in a room.
    pub async fn guest(address: &str, name: &str, code: &str) -> Self {
        let (mut server, _) = Server::at(address).expect("an address");
        let code = code.parse().expect("a code");
        server.enter_as_guest(name, code).await.expect("a session");
        Self::at(server, code, (80, 60))
    }

    /// Somebody with a session, with a window of this size.
    pub fn at(server: Server, code: RoomCode, (width, height): (u16, u16)) -> Self {
        let (keys, mut pressed) = mpsc::unbounded_channel();
        let (shown, windows) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            let input = stream::poll_fn(move |cx| pressed.poll_recv(cx));
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a window");
            let signals = stream::once(async {
                drop(stopped.await);
                Signal::End
            });
            run(&mut terminal, &mut Watched(shown), input, server, code, signals).await
        });
        Self { keys, windows, window: String::new(), stop: Some(stop), running }
    }

    pub fn event(&self, event: Event) {
        self.keys.send(Ok(event)).expect("it runs");
    }

    pub fn press(&self, code: KeyCode, modifiers: KeyModifiers) {
        self.event(Event::Key(KeyEvent::new(code, modifiers)));
    }

    pub fn key(&self, code: KeyCode) {
        self.press(code, KeyModifiers::NONE);
    }

    pub fn control(&self, c: char) {
        self.press(KeyCode::Char(c), KeyModifiers::CONTROL);
    }

    /// Writes without sending.
    pub fn write(&self, text: &str) {
        text.chars().for_each(|c| self.key(KeyCode::Char(c)));
    }

    pub fn say(&self, text: &str) {
        self.write(text);
        self.key(KeyCode::Enter);
    }

    /// Waits until the window is such; it looks at each window that was drawn, so that nothing passes unseen.
    pub async fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let looking = async {
            while !is(&self.window) {
                let Some(window) = self.windows.recv().await else { return "it has ended" };
                self.window = window;
            }
            ""
        };
        let problem = timeout(PATIENCE, looking).await.unwrap_or("it was not drawn");
        assert!(problem.is_empty(), "not seen: {what}: {problem}\n{}", self.window);
        self.window.clone()
    }

    pub async fn sees(&mut self, text: &str) -> String {
        self.until(text, |window| window.contains(text)).await
    }

    pub async fn sees_no(&mut self, text: &str) -> String {
        self.until(&format!("no {text}"), |window| !window.contains(text)).await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(self) {
        timeout(PATIENCE, self.running).await.expect("in time").expect("no panic").expect("no error");
    }

    /// Ends it as a signal does.
    pub async fn stop(mut self) {
        let _ = self.stop.take().expect("once").send(());
        self.ended().await;
    }
}
