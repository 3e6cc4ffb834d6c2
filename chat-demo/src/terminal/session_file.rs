//! A session kept in a file that only its owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 16 * 1024;

/// What is kept: a session is shown to the server that gave it, and to no other.
#[derive(Serialize, Deserialize)]
struct Kept {
    origin: String,
    cookie: String,
}

/// Why a session is not read or kept.
#[derive(Debug, Error)]
pub(crate) enum SessionFileError {
    #[error("the session in {0} could be read by others: chmod 600 {0}")]
    Open(String),
    #[error("{0} is no session of this program: delete it, or name another file")]
    Foreign(String),
    #[error("the session in {path} cannot be used: {cause}")]
    Io { path: String, cause: io::Error },
}

/// The session that `origin` has given, if the file is there and is of that server.
pub(crate) fn read(path: &Path, origin: &str) -> Result<Option<String>, SessionFileError> {
    let shown = path.display().to_string();
    let failed = |cause| SessionFileError::Io { path: shown.clone(), cause };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.metadata().map_err(failed)?.permissions()) & 0o077 != 0 {
        return Err(SessionFileError::Open(shown));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    let kept: Kept = serde_json::from_str(&text).map_err(|_| SessionFileError::Foreign(shown))?;
    Ok((kept.origin == origin && !kept.cookie.chars().any(char::is_control)).then_some(kept.cookie))
}

/// Keeps a session, in the place of one that was kept before.
pub(crate) fn write(path: &Path, origin: &str, cookie: &str) -> Result<(), SessionFileError> {
    let kept = Kept { origin: origin.into(), cookie: cookie.into() };
    let text = serde_json::to_string(&kept).expect("it has only strings");
    let beside = path.with_added_extension(format!("{}.new", std::process::id()));
    let written = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&beside)?.write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    written().map_err(|cause| {
        let _ = fs::remove_file(&beside);
        SessionFileError::Io { path: path.display().to_string(), cause }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_session_is_for_its_owner_and_for_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(read(&path, "http://a").unwrap(), None);
        for cookie in ["chat_session=one", "chat_session=two"] {
            write(&path, "http://a", cookie).unwrap();
            assert_eq!((read(&path, "http://a").unwrap().as_deref(), mode()), (Some(cookie), 0o600));
        }
        assert_eq!(read(&path, "http://b").unwrap(), None, "of another server");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path, "http://a").unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "something else").unwrap();
        assert!(matches!(read(&path, "http://a"), Err(SessionFileError::Foreign(_))));
        assert!(write(&folder.path().join("no/such/folder"), "http://a", "x").is_err());
    }
}
