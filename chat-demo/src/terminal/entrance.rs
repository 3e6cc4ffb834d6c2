//! Coming in: who somebody is, and to which room they go.

use std::io::{self, Write};

use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use futures_util::StreamExt;
use thiserror::Error;

use super::arguments::Arguments;
use super::commands::sentence;
use super::net::{AddressError, EnterError, Server, certificates, place};
use super::session_file::{self, SessionFileError};
use crate::domain::RoomCode;

/// The environment variable of the password.
const PASSWORD: &str = "CHAT_PASSWORD";

/// Why somebody does not come in.
#[derive(Debug, Error)]
pub(crate) enum EntranceError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Enter(#[from] EnterError),
    #[error(transparent)]
    Session(#[from] SessionFileError),
    #[error("the keyboard cannot be read: {0}")]
    Keyboard(#[from] io::Error),
    #[error("CHAT_PASSWORD is not readable as text")]
    Password,
}

/// What is known before the server is asked: where to go, and as whom.
#[derive(Debug)]
pub(crate) struct Asked {
    server: Server,
    room: Option<RoomCode>,
    as_whom: AsWhom,
}

#[derive(Debug)]
enum AsWhom {
    /// By the session of an earlier time.
    Resumed(String),
    Account(String),
    Guest(String),
}

/// Asks for what the arguments do not say, line by line.
pub(crate) fn ask(arguments: &Arguments) -> Result<Asked, EntranceError> {
    let trusted = match &arguments.ca_file {
        Some(file) => certificates(file)?,
        None => Vec::new(),
    };
    let (server, room) = place(arguments.place.as_deref().unwrap_or(&arguments.server), &arguments.server, &trusted)?;
    let kept = match &arguments.session {
        Some(path) => session_file::read(path, server.origin())?,
        None => None,
    };
    let room = match room {
        Some(room) => Some(room),
        None => ask_for_room()?,
    };
    // Who says who they are does not go on as somebody else.
    let as_whom = match (kept, &arguments.login, &arguments.name) {
        (_, Some(login), _) => AsWhom::Account(login.clone()),
        (_, None, Some(name)) => AsWhom::Guest(name.clone()),
        (Some(cookie), None, None) => AsWhom::Resumed(cookie),
        (None, None, None) => AsWhom::Guest(ask_line("Your name: ")?),
    };
    Ok(Asked { server, room, as_whom })
}

/// Comes in.
pub(crate) async fn enter(arguments: &Arguments, asked: Asked) -> Result<(Server, RoomCode), EntranceError> {
    let Asked { mut server, mut room, as_whom } = asked;
    match as_whom {
        AsWhom::Resumed(cookie) => server.resume(cookie),
        AsWhom::Account(login) => server.log_in(&login, &password().await?).await?,
        AsWhom::Guest(name) => match room {
            Some(room) => server.enter_as_guest(&name, room).await?,
            None => room = Some(server.create_room(Some(&name)).await?),
        },
    }
    let room = match room {
        Some(room) => room,
        None => server.create_room(None).await?,
    };
    if let Some(path) = &arguments.session {
        session_file::write(path, server.origin(), server.cookie())?;
    }
    Ok((server, room))
}

/// The room to go to; none for a new one.
fn ask_for_room() -> io::Result<Option<RoomCode>> {
    loop {
        let written = ask_line("Code of the room, empty for a new one: ")?;
        match written.parse::<RoomCode>() {
            _ if written.is_empty() => return Ok(None),
            Ok(code) => return Ok(Some(code)),
            Err(error) => writeln!(io::stdout(), "{}", sentence(&error.to_string()))?,
        }
    }
}

async fn password() -> Result<String, EntranceError> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(std::env::VarError::NotUnicode(_)) => Err(EntranceError::Password),
        Err(std::env::VarError::NotPresent) => Ok(ask_hidden("Password: ").await?),
    }
}

fn ask_line(question: &str) -> io::Result<String> {
    let mut screen = io::stdout();
    screen.write_all(question.as_bytes())?;
    screen.flush()?;
    let mut answer = String::new();
    if io::stdin().read_line(&mut answer)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer.trim().to_owned())
}

/// Asks for something that nobody is to see; nothing is shown of it from before the question is.
async fn ask_hidden(question: &str) -> io::Result<String> {
    struct Hidden;
    impl Drop for Hidden {
        fn drop(&mut self) {
            let _ = disable_raw_mode();
            let _ = io::stdout().write_all(b"\n");
        }
    }
    enable_raw_mode()?;
    let _hidden = Hidden;
    let mut screen = io::stdout();
    screen.write_all(question.as_bytes())?;
    screen.flush()?;
    let mut answer = String::new();
    let mut events = EventStream::new();
    loop {
        let event = events.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
        let Event::Key(key) = event else { continue };
        match (key.code, key.modifiers) {
            _ if key.kind == KeyEventKind::Release => {}
            (KeyCode::Enter, _) => return Ok(answer),
            (KeyCode::Char('c' | 'd'), KeyModifiers::CONTROL) => return Err(io::ErrorKind::Interrupted.into()),
            (KeyCode::Char('u'), KeyModifiers::CONTROL) => answer.clear(),
            (KeyCode::Backspace, _) => drop(answer.pop()),
            (KeyCode::Char(c), _) => answer.push(c),
            _ => {}
        }
    }
}
