//! Pictures of films, made by ffmpeg if it is installed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::sniff::Film;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ffmpeg(PathBuf);

impl Ffmpeg {
    /// The program of this name or path, if it is there. Blocks.
    pub(crate) fn find(name: &Path) -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        // A path stays what it is when it is joined to "".
        let here = (name.components().count() > 1).then(PathBuf::new);
        let folders = here.into_iter().chain(std::env::split_paths(&folders));
        let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
        match &found {
            Some(path) => tracing::info!(path = %path.display(), "films are shown as pictures"),
            None => tracing::info!(name = %name.display(), "there is no ffmpeg: films are not shown as pictures"),
        }
        found.map(Self)
    }

    /// Writes a picture of the beginning of a film, as JPEG; whether there is one. Dropping the future ends the program.
    ///
    /// What comes from a stranger is opened as what it is, and as nothing that could name other files.
    pub(crate) async fn picture(&self, film: &Path, kind: Film, to: &Path) -> bool {
        let format = match kind {
            Film::Mp4 => "mov",
            Film::Matroska => "matroska",
        };
        let mut command = Command::new(&self.0);
        command
            .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-max_alloc", "268435456"])
            .args(["-protocol_whitelist", "file", "-max_pixels", "40000000", "-threads", "1", "-f", format, "-i"])
            .arg(local(film))
            .args(["-map", "0:v:0", "-frames:v", "1", "-threads", "1", "-filter_threads", "1", "-vf"])
            // Of the first second the frame that is most like the others: few films begin with a good one.
            .arg("scale=480:480:force_original_aspect_ratio=decrease,thumbnail=25")
            .args(["-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-fs", "4M", "-f", "mjpeg"])
            .arg(local(to))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        match timeout(PATIENCE, command.status()).await {
            Ok(Ok(status)) if status.success() => true,
            Ok(Ok(status)) => {
                tracing::debug!(%status, "no picture of a film");
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "ffmpeg does not run");
                false
            }
            Err(_) => {
                tracing::warn!("ffmpeg took too long for a picture");
                false
            }
        }
    }
}

/// A path that cannot be taken for an option or an address.
fn local(path: &Path) -> OsString {
    let mut local = OsString::from("file:");
    local.push(path);
    local
}
