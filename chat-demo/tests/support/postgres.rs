//! A PostgreSQL server of our own, on a free port, with its files in a temporary folder.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::program;

/// A running server; stopped when it is dropped.
pub struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts one. `None`, and loudly, when the programs are missing; with `CI=true` that is a failure.
    pub fn start() -> Option<Self> {
        // Beside its fellows, wherever a link to it is found.
        let initdb = program::find_in(&folders(), &["initdb"])?.canonicalize().expect("it was found");
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Some(user) = other_user() {
            chown(folder.path(), Some(user), None).expect("a folder for that user");
        }
        let mut server = Self { programs: initdb.parent()?.to_owned(), folder, port: 0, databases: AtomicU32::new(0) };
        program::run(server.command("initdb").args([
            "-D",
            &server.data(),
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
        ]));
        // Another program may take the port between the look and the start.
        let up = (0..5).any(|_| {
            server.port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
            server.try_resume()
        });
        assert!(up, "the server starts");
        Some(server)
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("chat{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        program::run(self.command("createdb").args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", &name]));
        format!("postgres://postgres:no-secret@127.0.0.1:{port}/{name}")
    }

    /// Ends it as a crash would.
    pub fn crash(&self) {
        program::run(self.command("pg_ctl").args(["-D", &self.data(), "-m", "immediate", "-w", "stop"]));
    }

    /// Starts it again.
    pub fn resume(&self) {
        assert!(self.try_resume(), "the server starts again");
    }

    fn try_resume(&self) -> bool {
        let options =
            format!("-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off", self.port, self.folder.path().display());
        let log = self.folder.path().join("log");
        let mut start = self.command("pg_ctl");
        // Without a terminal or a pipe of ours, which the server would keep open.
        start.args(["-D", &self.data(), "-o", &options, "-l", log.to_str().expect("a path"), "-w", "start"]);
        start.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        start.status().expect("pg_ctl runs").success()
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_str().expect("a path").to_owned()
    }

    /// One of its programs, as a user that it accepts.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path());
        if let Some(user) = other_user() {
            command.uid(user).gid(user);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").args(["-D", &self.data(), "-m", "immediate", "-w", "stop"]).output();
    }
}

/// Where distributions put the programs of the server.
fn folders() -> Vec<PathBuf> {
    let mut folders = program::path();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders.retain(|folder| Path::new(folder).is_dir());
    folders
}

/// The server refuses to run as root: who it is to run as instead.
fn other_user() -> Option<u32> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? == 0 { id(&["-u", "nobody"]) } else { None }
}
