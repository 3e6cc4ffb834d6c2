//! How the program is called.

use std::path::PathBuf;

use clap::Parser;

/// The chat in a terminal
#[derive(Clone, Debug, Parser)]
#[command(name = "chat", version, about, max_term_width = 100)]
#[non_exhaustive]
pub struct Arguments {
    /// Address of a room, like http://127.0.0.1:4000/rooms/ABCD2345, or its code, or the address of a server. Without a
    /// room you are asked for one
    #[arg(value_name = "ROOM")]
    pub place: Option<String>,

    /// The server that a code alone belongs to
    #[arg(long, env = "CHAT_SERVER", value_name = "URL", default_value = "http://127.0.0.1:4000")]
    pub server: String,

    /// Trust the certificates in this file (PEM) too: those of an authority of your own, for https
    #[arg(long, env = "CHAT_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Come in as a guest of this name
    #[arg(long, env = "CHAT_NAME", value_name = "NAME")]
    pub name: Option<String>,

    /// Log in with an account. You are asked for the password, unless CHAT_PASSWORD has it
    #[arg(long, env = "CHAT_LOGIN", value_name = "LOGIN", conflicts_with = "name")]
    pub login: Option<String>,

    /// Keep the session in this file, for yourself alone, and go on with it the next time
    #[arg(long, env = "CHAT_SESSION", value_name = "FILE")]
    pub session: Option<PathBuf>,
}
