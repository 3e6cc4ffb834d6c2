//! Files on their way to a room, and those that did not get there.

use std::path::PathBuf;
use std::time::Instant;

use super::chat::{Chat, Effect};
use super::outbox::new_id;
use crate::domain::RoomCode;

/// Files that are on their way at once; the server takes no more either.
const MOST: usize = 5;

/// A file that is not there yet.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The name of its message, the same for each try.
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    /// How it goes, or why it does not.
    pub(crate) state: Result<Progress, String>,
}

/// How much of a file is sent, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) sent: u64,
    /// 0 as long as it is not known.
    pub(crate) size: u64,
}

/// Why a file was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// It can be tried again.
    ForNow(String),
    /// Trying again does not help.
    ForGood(String),
}

impl Progress {
    /// How much of a hundred.
    pub(crate) fn percent(self) -> u64 {
        (self.sent.saturating_mul(100)).checked_div(self.size).unwrap_or_default().min(100)
    }
}

impl Upload {
    /// What it is called, fit to be shown.
    pub(crate) fn name(&self) -> String {
        super::text::line(&self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy())
    }
}

impl Chat {
    /// Sends a file to this room.
    pub(super) fn send_file(&mut self, path: PathBuf, now: Instant) {
        let uploads = self.rooms.values().flat_map(|room| &room.uploads);
        if uploads.filter(|upload| upload.state.is_ok()).count() >= MOST {
            return self.say_long(format!("{MOST} files are on their way. Wait until one of them is there"), now);
        }
        let id = new_id();
        let upload = Upload { id: id.clone(), path: path.clone(), state: Ok(Progress::default()) };
        let room = self.room_mut();
        room.bottom = None;
        room.uploads.push(upload);
        self.effects.push(Effect::Upload(self.current, id, path));
    }

    /// A file goes on.
    pub(super) fn uploading(&mut self, room: RoomCode, id: &str, progress: Progress) {
        if let Some(upload) = self.upload(room, id) {
            upload.state = Ok(progress);
        }
    }

    /// A file is there, or not.
    pub(super) fn uploaded(&mut self, code: RoomCode, id: &str, result: Result<(), Unsent>, now: Instant) {
        let Some(upload) = self.upload(code, id) else { return };
        let name = upload.name();
        let said = match result {
            Err(Unsent::ForNow(why)) => {
                upload.state = Err(why);
                return;
            }
            Ok(()) => format!("{name} is sent"),
            Err(Unsent::ForGood(why)) => format!("{name} is not sent. {why}"),
        };
        if let Some(room) = self.rooms.get_mut(&code) {
            room.uploads.retain(|upload| upload.id != id);
        }
        self.say_long(said, now);
    }

    /// Tries again what did not get there.
    pub(super) fn retry_uploads(&mut self) {
        let code = self.current;
        for upload in &mut self.rooms.get_mut(&code).expect("it is shown").uploads {
            if upload.state.is_err() {
                upload.state = Ok(Progress::default());
                self.effects.push(Effect::Upload(code, upload.id.clone(), upload.path.clone()));
            }
        }
    }

    /// Forgets what did not get there, or, if nothing else is to be forgotten, what is on its way; how many.
    pub(super) fn discard_uploads(&mut self, on_their_way: bool) -> usize {
        let room = self.rooms.get_mut(&self.current).expect("it is shown");
        let gone = |upload: &mut Upload| upload.state.is_err() || on_their_way;
        let gone: Vec<Upload> = room.uploads.extract_if(.., gone).collect();
        let count = gone.len();
        self.effects.extend(gone.into_iter().map(|upload| Effect::CancelUpload(upload.id)));
        count
    }

    fn upload(&mut self, room: RoomCode, id: &str) -> Option<&mut Upload> {
        self.rooms.get_mut(&room)?.uploads.iter_mut().find(|upload| upload.id == id)
    }
}
