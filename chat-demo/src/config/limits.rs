//! Every bound that is not part of a type.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches};

/// The bounds of everything. Tests narrow them.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Limits (times as in 500ms, 3s, 5m)")]
#[non_exhaustive]
pub struct Limits {
    /// Messages that a room keeps at hand
    #[arg(long, env = "CHAT_RECENT_MESSAGES", default_value = "100", value_parser = count, value_name = "N", hide_short_help = true)]
    pub recent_messages: usize,
    /// Messages of a room that wait to be stored. Further ones are refused
    #[arg(long, env = "CHAT_UNSTORED_MESSAGES", default_value = "256", value_parser = count, value_name = "N", hide_short_help = true)]
    pub unstored_messages: usize,
    /// Messages that are enough to be written although another write is under way
    #[arg(long, env = "CHAT_BATCH", default_value = "10", value_parser = count, value_name = "N", hide_short_help = true)]
    pub batch: usize,
    /// Messages that are written at once, at most
    #[arg(long, env = "CHAT_BATCH_MOST", default_value = "64", value_parser = count, value_name = "N", hide_short_help = true)]
    pub batch_most: usize,
    /// How long a message waits for a write under way to end, before it is written beside it
    #[arg(long, env = "CHAT_BATCH_WAIT", default_value = "5s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub batch_wait: Duration,
    /// Messages of all rooms that wait to be stored. Further ones are refused
    #[arg(long, env = "CHAT_BUFFER", default_value = "4096", value_parser = count, value_name = "N", hide_short_help = true)]
    pub buffer: usize,
    /// How long a database that takes nothing is tried, before messages are given back as not stored
    #[arg(long, env = "CHAT_STORE_PATIENCE", default_value = "12s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub store_patience: Duration,
    /// Connections to one room
    #[arg(long, env = "CHAT_ROOM_CONNECTIONS", default_value = "500", value_parser = count, value_name = "N", hide_short_help = true)]
    pub room_connections: usize,
    /// Events that wait for one socket. One more, and the socket is cut off
    #[arg(long, env = "CHAT_OUTBOX", default_value = "64", value_parser = count, value_name = "N", hide_short_help = true)]
    pub outbox: usize,
    /// How long somebody is still shown after the last connection went
    #[arg(long, env = "CHAT_LEAVE_GRACE", default_value = "3s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub leave_grace: Duration,
    /// How long somebody is shown as writing after the last word of it
    #[arg(long, env = "CHAT_TYPING_EXPIRY", default_value = "15s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub typing_expiry: Duration,
    /// How long somebody who does nothing is still shown as online
    #[arg(long, env = "CHAT_PRESENCE_AWAY", default_value = "1m", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub presence_away: Duration,
    /// How long somebody without any connection is not offline yet
    #[arg(long, env = "CHAT_PRESENCE_GONE", default_value = "30s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub presence_gone: Duration,
    /// How long a member of a workspace who is in none of its channels any more is still counted as there
    #[arg(long, env = "CHAT_WORKSPACE_IDLE", default_value = "30s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub workspace_idle: Duration,
    /// Members of one workspace. Further ones are refused
    #[arg(long, env = "CHAT_WORKSPACE_MEMBERS", default_value = "1000", value_parser = count, value_name = "N", hide_short_help = true)]
    pub workspace_members: usize,
    /// Channels of one workspace. Further ones are refused
    #[arg(long, env = "CHAT_WORKSPACE_CHANNELS", default_value = "200", value_parser = count, value_name = "N", hide_short_help = true)]
    pub workspace_channels: usize,
    /// How long an empty room stays in memory
    #[arg(long, env = "CHAT_ROOM_IDLE", default_value = "5m", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub room_idle: Duration,
    /// Messages that a socket may send at once
    #[arg(long, env = "CHAT_POST_BURST", default_value = "20", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub post_burst: u32,
    /// Messages a second that a socket may send in the long run
    #[arg(long, env = "CHAT_POSTS_PER_SECOND", default_value = "5.0", value_parser = rate, value_name = "N", hide_short_help = true)]
    pub posts_per_second: f64,
    /// Messages of one socket that wait for their number. Further ones are refused
    #[arg(long, env = "CHAT_UNACKNOWLEDGED", default_value = "32", value_parser = count, value_name = "N", hide_short_help = true)]
    pub unacknowledged: usize,
    /// HTTP connections that are open at once. Further ones wait to be accepted. Sockets do not count
    #[arg(long, env = "CHAT_HTTP_CONNECTIONS", default_value = "2000", value_parser = count, value_name = "N", hide_short_help = true)]
    pub http_connections: usize,
    /// How long the head of a request, and the first frame of a socket, may take to come
    #[arg(long, env = "CHAT_HANDSHAKE", default_value = "10s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub handshake: Duration,
    /// How often a socket is pinged
    #[arg(long, env = "CHAT_PING", default_value = "20s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub ping: Duration,
    /// How long nothing at all may come from a socket
    #[arg(long, env = "CHAT_IDLE", default_value = "1m", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub idle: Duration,
    /// How long one frame may take to be written
    #[arg(long, env = "CHAT_WRITE", default_value = "10s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub write: Duration,
    /// How long a message and a socket try to find their room again
    #[arg(long, env = "CHAT_REJOIN", default_value = "15s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub rejoin: Duration,
    /// How long a guest is known by the cookie
    #[arg(long, env = "CHAT_GUEST_SESSION", default_value = "365days", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub guest_session: Duration,
    /// How long somebody who has logged in stays so
    #[arg(long, env = "CHAT_ACCOUNT_SESSION", default_value = "30days", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub account_session: Duration,
    /// How often it is checked whether the sessions of open sockets go on
    #[arg(long, env = "CHAT_SESSION_CHECK", default_value = "20s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub session_check: Duration,
    /// Messages that one person may send at once, over all sockets
    #[arg(long, env = "CHAT_PERSON_BURST", default_value = "40", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub person_burst: u32,
    /// Messages a second that one person may send in the long run
    #[arg(long, env = "CHAT_PERSON_POSTS_PER_SECOND", default_value = "10.0", value_parser = rate, value_name = "N", hide_short_help = true)]
    pub person_posts_per_second: f64,
    /// Messages that all people in a room may send at once
    #[arg(long, env = "CHAT_ROOM_BURST", default_value = "500", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub room_burst: u32,
    /// Messages a second that all people in a room may send in the long run
    #[arg(long, env = "CHAT_ROOM_POSTS_PER_SECOND", default_value = "100.0", value_parser = rate, value_name = "N", hide_short_help = true)]
    pub room_posts_per_second: f64,
    /// Searches that one person may do at once
    #[arg(long, env = "CHAT_SEARCH_BURST", default_value = "20", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub search_burst: u32,
    /// Searches a minute that one person may do in the long run
    #[arg(long, env = "CHAT_SEARCHES_PER_MINUTE", default_value = "30.0", value_parser = rate, value_name = "N", hide_short_help = true)]
    pub searches_per_minute: f64,
    /// Sockets from one address
    #[arg(long, env = "CHAT_ADDRESS_SOCKETS", default_value = "1000", value_parser = count, value_name = "N", hide_short_help = true)]
    pub address_sockets: usize,
    /// Passwords that are hashed at once, each with 19 MiB and a core
    #[arg(long, env = "CHAT_HASHES_AT_ONCE", default_value = "2", value_parser = count, value_name = "N", hide_short_help = true)]
    pub hashes_at_once: usize,
    /// Times that anybody may try to log in to one account at once
    #[arg(long, env = "CHAT_LOGIN_BURST", default_value = "10", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub login_burst: u32,
    /// Times a minute that anybody may try to log in to one account in the long run
    #[arg(long, env = "CHAT_LOGINS_PER_MINUTE", default_value = "2.0", value_parser = rate, value_name = "N", hide_short_help = true)]
    pub logins_per_minute: f64,
    /// Times that somebody at one address may try to log in or make an account at once
    #[arg(long, env = "CHAT_ADDRESS_LOGIN_BURST", default_value = "30", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub address_login_burst: u32,
    /// Times a minute that somebody at one address may try to log in or make an account in the long run
    #[arg(long, env = "CHAT_ADDRESS_LOGINS_PER_MINUTE", default_value = "10.0", value_parser = rate, value_name = "N", hide_short_help = true)]
    pub address_logins_per_minute: f64,
    /// Bytes that a file may have (default: 25 MB)
    #[arg(long, env = "CHAT_UPLOAD_BYTES", default_value = "26214400", value_parser = clap::value_parser!(u64).range(1..), value_name = "N", hide_short_help = true)]
    pub upload_bytes: u64,
    /// Uploads that are worked on at once
    #[arg(long, env = "CHAT_UPLOAD_JOBS", default_value = "5", value_parser = count, value_name = "N", hide_short_help = true)]
    pub upload_jobs: usize,
    /// Uploads there are at once, those that are being received or wait included. Further ones are refused
    #[arg(long, env = "CHAT_UPLOADS", default_value = "64", value_parser = count, value_name = "N", hide_short_help = true)]
    pub uploads: usize,
    /// How long nothing at all may come of a file that is being received
    #[arg(long, env = "CHAT_UPLOAD_PAUSE", default_value = "30s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub upload_pause: Duration,
    /// Notifications that are on their way out of the chat at once
    #[arg(long, env = "CHAT_NOTIFICATION_BATCH", default_value = "50", value_parser = count, value_name = "N", hide_short_help = true)]
    pub notification_batch: usize,
    /// Notifications that wait. The newest of the least urgent beyond are put aside
    #[arg(long, env = "CHAT_NOTIFICATION_QUEUE", default_value = "10000", value_parser = count, value_name = "N", hide_short_help = true)]
    pub notification_queue: usize,
    /// How long somebody must have done nothing in the chat until they are told elsewhere, 1h at most
    #[arg(long, env = "CHAT_NOTIFICATION_AFTER", default_value = "2m", value_parser = up_to_an_hour, value_name = "TIME", hide_short_help = true)]
    pub notification_after: Duration,
    /// How often a notification is tried
    #[arg(long, env = "CHAT_NOTIFICATION_TRIES", default_value = "8", value_parser = clap::value_parser!(u32).range(1..), value_name = "N", hide_short_help = true)]
    pub notification_tries: u32,
    /// How long one try may take
    #[arg(long, env = "CHAT_NOTIFICATION_PATIENCE", default_value = "20s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub notification_patience: Duration,
    /// How long is waited after the first try that failed, and twice as long after each further one
    #[arg(long, env = "CHAT_NOTIFICATION_BACKOFF", default_value = "10s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub notification_backoff: Duration,
    /// The longest wait between two tries, whatever the receiver asks for
    #[arg(long, env = "CHAT_NOTIFICATION_BACKOFF_MOST", default_value = "1h", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub notification_backoff_most: Duration,
    /// How long after the end of a program another one on the same database takes over its notifications
    #[arg(long, env = "CHAT_NOTIFICATION_LEASE", default_value = "30s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub notification_lease: Duration,
    /// Notifications that did not arrive and are kept for the operator. Of further ones the oldest go
    #[arg(long, env = "CHAT_DEAD_LETTERS", default_value = "1000", value_parser = count, value_name = "N", hide_short_help = true)]
    pub dead_letters: usize,
    /// How long the program may take to end, all in all: sockets to close, what is under way to be stored. Each part has its
    /// share; what takes longer is aborted and named in the log
    #[arg(long, env = "CHAT_SHUTDOWN", default_value = "24s", value_parser = time, value_name = "TIME", hide_short_help = true)]
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let matches = Self::augment_args(Command::new("limits")).get_matches_from(["limits"]);
        Self::from_arg_matches(&matches).expect("the defaults are good values")
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".into()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}; give a whole number")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).ok_or("give a number above 0".into())
}

fn up_to_an_hour(text: &str) -> Result<Duration, String> {
    time(text).and_then(|time| if time.as_secs() <= 3600 { Ok(time) } else { Err("it can be 1h at most".into()) })
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than 0".into()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; write it as in 500ms, 3s or 5m")),
    }
}
