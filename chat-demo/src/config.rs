//! What can be set from outside: flags, each with an environment variable.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

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

    /// Keep nothing: rooms and messages live in memory until the program ends
    #[arg(long, env = "CHAT_MEMORY", conflicts_with = "database")]
    pub memory: bool,

    /// Origin (scheme, host and port) from which browsers may talk to this server; may be given several times.
    /// The address listened on is always among them
    #[arg(long = "origin", env = "CHAT_ORIGIN", value_name = "URL", value_delimiter = ',')]
    pub origins: Vec<String>,

    /// Bearer token for POST /admin/rooms/CODE/kill, which kills the process of a room as a crash would; without it
    /// there is no such route. Better given in the environment, where other users of the machine cannot read it
    #[arg(long, env = "CHAT_ADMIN_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub admin_token: Option<AdminToken>,
}

/// The secret of the admin routes: at least 16 characters.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// Whether `offered` is the secret; how long that takes tells nothing but the lengths.
    pub fn matches(&self, offered: &str) -> bool {
        let (secret, offered) = (self.0.as_bytes(), offered.as_bytes());
        let differences = secret.iter().zip(offered).fold(0, |all, (a, b)| all | std::hint::black_box(a ^ b));
        secret.len() == offered.len() && differences == 0
    }
}

impl std::str::FromStr for AdminToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < 16 {
            return Err("the admin token needs at least 16 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Nothing of the secret.
impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

/// Every bound that is not part of a type. The defaults are those of the program; tests narrow them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Messages that a room keeps at hand: 100.
    pub recent_messages: usize,
    /// Messages of a room that wait to be stored: 256. Further ones are refused.
    pub unstored_messages: usize,
    /// Messages stored in one transaction of a room: 64.
    pub batch: usize,
    /// Connections to one room: 500.
    pub room_connections: usize,
    /// Events that wait for one socket: 64. One more, and the socket is cut off.
    pub outbox: usize,
    /// How long somebody is still shown after the last connection went: 3 s.
    pub leave_grace: Duration,
    /// How long an empty room stays in memory: 5 min.
    pub room_idle: Duration,
    /// Messages that a socket may send at once: 20.
    pub post_burst: u32,
    /// Messages a second that a socket may send in the long run: 5.
    pub posts_per_second: f64,
    /// Messages of one socket that wait for their number: 32. Further ones are refused.
    pub unacknowledged: usize,
    /// HTTP connections that are open at once: 2,000. Further ones wait to be accepted. Sockets do not count.
    pub http_connections: usize,
    /// How long the head of a request, and the first frame of a socket, may take to come: 10 s.
    pub handshake: Duration,
    /// How often a socket is pinged: 20 s.
    pub ping: Duration,
    /// How long nothing at all may come from a socket: 60 s.
    pub idle: Duration,
    /// How long one frame may take to be written: 10 s.
    pub write: Duration,
    /// How long a message and a socket try to find their room again: 15 s.
    pub rejoin: Duration,
    /// How long open sockets may take to close when the program ends: 3 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            recent_messages: 100,
            unstored_messages: 256,
            batch: 64,
            room_connections: 500,
            outbox: 64,
            leave_grace: Duration::from_secs(3),
            room_idle: Duration::from_secs(300),
            post_burst: 20,
            posts_per_second: 5.0,
            unacknowledged: 32,
            http_connections: 2000,
            handshake: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            write: Duration::from_secs(10),
            rejoin: Duration::from_secs(15),
            drain: Duration::from_secs(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_matches() {
        let token: AdminToken = "correct horse battery".parse().unwrap();
        assert!(token.matches("correct horse battery"));
        for wrong in ["", "correct horse batterY", "correct horse batter", "correct horse battery "] {
            assert!(!token.matches(wrong), "{wrong:?}");
        }
        assert!("short".parse::<AdminToken>().is_err());
        assert!(!format!("{token:?}").contains("horse"));
    }
}
