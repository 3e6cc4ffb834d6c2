//! What can be set from outside. One schema for flags, the environment and a TOML file, in this order of precedence.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
use clap::{Parser, ValueEnum};

use super::{AdminToken, CookieKey, Limits, Outlets};
use crate::domain::upload::ScannerAddress;
use crate::store::DatabaseUrl;

/// A room chat whose processes can be killed while people talk.
#[derive(Clone, Debug, Parser)]
#[command(name = "chat-demo", version, about, max_term_width = 100)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on
    #[arg(long, env = "CHAT_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port to listen on; 0 picks a free one
    #[arg(long, env = "CHAT_PORT", default_value_t = 4000)]
    pub port: u16,

    /// SQLite file that keeps rooms and messages
    #[arg(long, env = "CHAT_DATABASE", default_value = "chat.sqlite3", value_name = "PATH")]
    pub database: PathBuf,

    /// PostgreSQL database that keeps rooms and messages instead (needs a build with --features postgres). Better given
    /// in the environment, where other users of the machine cannot read its password
    #[arg(long, env = "CHAT_DATABASE_URL", value_name = "URL", hide_env_values = true, conflicts_with = "memory")]
    pub database_url: Option<DatabaseUrl>,

    /// Keep nothing: rooms and messages live in memory until the program ends
    #[arg(long, env = "CHAT_MEMORY", conflicts_with = "database")]
    pub memory: bool,

    /// Folder for the files that people send; without it, one beside the SQLite file, named like it with the ending
    /// files. Several programs on one PostgreSQL database need the same
    #[arg(long, env = "CHAT_FILES", value_name = "PATH")]
    pub files: Option<PathBuf>,

    /// The clamd that looks at every file (host:port, or the path of a socket). Without it files are told as not
    /// scanned; with it and while it is down, all are refused
    #[arg(long, env = "CHAT_CLAMD", value_name = "ADDRESS")]
    pub clamd: Option<ScannerAddress>,

    /// The ffmpeg that makes pictures of films, by its name or path. Films have none if it is not there; none is a name for that
    #[arg(long, env = "CHAT_FFMPEG", value_name = "PROGRAM", default_value = "ffmpeg")]
    pub ffmpeg: PathBuf,

    /// Origin (scheme, host and port) from which browsers may talk to this server; may be given several times.
    /// The address listened on is always among them
    #[arg(long = "origin", env = "CHAT_ORIGIN", value_name = "URL", value_delimiter = ',')]
    pub origins: Vec<String>,

    /// Bearer token for POST /admin/kill/PATH, which kills a process as a crash would (services/rooms/CODE that of a room), and for
    /// /admin/notifications, which lists what did not arrive and tries it again; without it there is none of these. 16
    /// characters or more. Better given in the environment, where other users of the machine cannot read it
    #[arg(long, env = "CHAT_ADMIN_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub admin_token: Option<AdminToken>,

    /// Lets the admin token do what cannot be undone: forget notifications that did not arrive
    #[arg(long, env = "CHAT_ALLOW_DESTRUCTIVE")]
    pub allow_destructive: bool,

    /// Header in which a proxy in front says who it talks to, such as x-forwarded-for; its last address counts. Without
    /// it no header is believed: set it only if every request comes through such a proxy
    #[arg(long, env = "CHAT_CLIENT_ADDRESS_HEADER", value_name = "HEADER")]
    pub client_address_header: Option<HeaderName>,

    /// Secret that cookies are signed with, 32 characters or more; without it one is made and kept in the database.
    /// Another one ends all sessions. Better given in the environment, where other users of the machine cannot read it
    #[arg(long, env = "CHAT_COOKIE_KEY", value_name = "SECRET", hide_env_values = true)]
    pub cookie_key: Option<CookieKey>,

    /// How often the services are checked for /healthz
    #[arg(long, env = "CHAT_HEALTH_PERIOD", default_value = "5s", value_parser = super::limits::time, value_name = "TIME")]
    pub health_period: Duration,

    /// How the log on stderr is written; what is in it is said by RUST_LOG (default: warn)
    #[arg(long, env = "CHAT_LOG_FORMAT", default_value = "text", value_enum, value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// TOML file with any of these settings, named as here with underscores, the limits in a table of that name
    #[arg(long, env = "CHAT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the settings in force as TOML, and end
    #[arg(long)]
    pub print_config: bool,

    /// How notifications leave the chat.
    #[command(flatten)]
    pub outlets: Outlets,

    /// The bounds of everything.
    #[command(flatten)]
    pub limits: Limits,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people: a line for each event.
    Text,
    /// For machines: a JSON object for each event, on a line of its own.
    Json,
}
