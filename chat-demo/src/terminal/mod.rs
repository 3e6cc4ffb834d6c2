//! The chat in a terminal: the program `chat`.
//!
//! The state (`chat`, with a `connection` for each room) is apart from the loop ([`run()`]) that carries out what it asks
//! for, and knows no task, no clock and no terminal; the view is made of the state alone.

mod act;
mod answers;
mod arguments;
mod chat;
mod commands;
mod connection;
mod conversation;
mod dialog;
mod editor;
mod entrance;
mod keys;
mod net;
mod outbox;
mod places;
mod program;
mod request;
mod room;
mod run;
mod session_file;
mod signals;
mod teams;
mod terminal_guard;
mod text;
mod uploads;
mod view;

pub use arguments::Arguments;
pub use net::{AddressError, EnterError, Server};
pub use program::main;
pub use run::{Host, RunError, Signal, run};
