//! A clamd of our own that knows one signature, with its files in a temporary folder.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::program;

/// The harmless file that every scanner is to find, in two halves, so that this one is not found.
pub fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

/// A running scanner; stopped when it is dropped.
pub struct Clamd {
    process: Child,
    folder: tempfile::TempDir,
}

impl Clamd {
    /// Starts one, and waits until it listens. `None`, and loudly, when the program is missing; with `CI=true` that is
    /// a failure.
    pub fn start() -> Option<Self> {
        Self::with("")
    }

    /// As [`start`](Self::start), with more settings, each in a line.
    pub fn with(more: &str) -> Option<Self> {
        let mut folders = program::path();
        folders.push("/usr/sbin".into());
        let clamd = program::find_in(&folders, &["clamd"])?;
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("database");
        std::fs::create_dir(&database).expect("a folder");
        let signature: String = eicar().iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(database.join("test.ndb"), format!("Test.EICAR.Body:0:*:{signature}\n")).expect("a signature");
        let settings = folder.path().join("clamd.conf");
        let text = format!(
            "DatabaseDirectory {}\nLocalSocket {}\nTemporaryDirectory {}\nForeground yes\nStreamMaxLength 30M\n{more}",
            database.display(),
            folder.path().join("socket").display(),
            folder.path().display()
        );
        std::fs::write(&settings, text).expect("settings");
        let mut process = Command::new(clamd)
            .arg("--config-file")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("clamd starts");
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(folder.path().join("socket")).is_err() {
            assert!(process.try_wait().expect("a state").is_none(), "clamd has ended");
            assert!(Instant::now() < deadline, "clamd does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { process, folder })
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Ends it as a crash would.
    pub fn crash(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
