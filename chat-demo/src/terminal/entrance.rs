//! Coming in: who somebody is, and to which room they go.

use std::io::{self, Write};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use thiserror::Error;

use super::arguments::Arguments;
use super::commands::sentence;
use super::net::{AddressError, EnterError, Server, place};
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

/// Comes in as the arguments say, and asks for what they do not say.
pub(crate) async fn enter(arguments: &Arguments) -> Result<(Server, RoomCode), EntranceError> {
    let (server, mut room) = place(arguments.place.as_deref().unwrap_or(&arguments.server), &arguments.server)?;
    let mut server = Server::clone(&server);
    let kept = match &arguments.session {
        Some(path) => session_file::read(path, server.origin())?,
        None => None,
    };
    // Who says who they are does not go on as somebody else.
    let resumed = kept.filter(|_| arguments.login.is_none() && arguments.name.is_none());
    if room.is_none() {
        room = ask_for_room()?;
    }
    if let Some(cookie) = resumed {
        server.resume(cookie);
    } else if let Some(login) = &arguments.login {
        server.log_in(login, &password()?).await?;
    } else {
        let name = match &arguments.name {
            Some(name) => name.clone(),
            None => ask("Your name: ")?,
        };
        match room {
            Some(room) => server.enter_as_guest(&name, room).await?,
            None => room = Some(server.create_room(Some(&name)).await?),
        }
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
        let written = ask("Code of the room, empty for a new one: ")?;
        match written.parse::<RoomCode>() {
            _ if written.is_empty() => return Ok(None),
            Ok(code) => return Ok(Some(code)),
            Err(error) => writeln!(io::stdout(), "{}", sentence(&error.to_string()))?,
        }
    }
}

fn password() -> Result<String, EntranceError> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(std::env::VarError::NotUnicode(_)) => Err(EntranceError::Password),
        Err(std::env::VarError::NotPresent) => Ok(ask_hidden("Password: ")?),
    }
}

fn ask(question: &str) -> io::Result<String> {
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
fn ask_hidden(question: &str) -> io::Result<String> {
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
    loop {
        let Event::Key(key) = read()? else { continue };
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
