//! Telling the service manager how the program is: the datagrams of `sd_notify`.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager that started the program, if it asked to be told.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
}

impl Notifier {
    /// From `NOTIFY_SOCKET`, a path or, with a leading `@`, an abstract name.
    pub(super) fn from_env() -> Option<Self> {
        let address = env::var_os("NOTIFY_SOCKET")?;
        match Self::new(&address) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                tracing::warn!(?address, %error, "the service manager cannot be told anything");
                None
            }
        }
    }

    fn new(address: &OsStr) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold up the program.
        socket.set_nonblocking(true)?;
        let manager = match address.as_bytes() {
            [b'@', name @ ..] => abstract_address(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        Ok(Self { socket, manager })
    }

    /// Sends one state. What cannot be sent is told to the log, and nobody else.
    pub(super) fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send_to_addr(state.as_bytes(), &self.manager) {
            tracing::warn!(state, %error, "the service manager was not told");
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;

    SocketAddr::from_abstract_name(name)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// How often the service manager wants a sign of life: half of the time after which it gives up, so that one may be late.
pub(super) fn watchdog_period() -> Option<Duration> {
    let for_us = env::var("WATCHDOG_PID").ok().is_none_or(|pid| pid == std::process::id().to_string());
    let limit: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (for_us && limit > 0).then(|| Duration::from_micros(limit) / 2)
}
