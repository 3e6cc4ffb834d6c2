//! Uploads: files that are received, looked at, and published, by one supervised process found by name.
//!
//! A file goes into quarantine, where nobody can read it. From there it is published under a random name, when its bytes
//! are what its name says, it unpacks to no more than it may, a scanner has nothing against it and, for a picture, a thumbnail
//! could be made.

mod archive;
mod files;
mod film;
mod folder;
mod job;
mod lease;
mod logic;
mod scan;
mod server;
mod sniff;
#[cfg(test)]
mod tests;
mod thumbnail;

use std::path::PathBuf;
use std::time::Duration;

use registry::{Monitor, MonitorError, Namespace, Overflow, Service, SubscribeError, Subscription};
use supervisor::{CallError, ChildSpec, ServerRef};
use thiserror::Error;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

pub(crate) use self::files::Files;
pub(crate) use self::film::Ffmpeg;
use self::folder::Quarantined;
pub(crate) use self::folder::{Folder, Published};
pub use self::job::Step;
use self::job::Workshop;
pub(crate) use self::lease::Doubt;
use self::logic::Bounds;
pub use self::logic::Load;
pub use self::scan::{ScanError, ScannerAddress};
use self::server::{UploadMessage, UploadServer};
use super::{FileId, FileName, PersonId};
use crate::config::Limits;

const UPLOADS: Service<ServerRef<UploadServer>> = Service::new("uploads");

/// Where it is told what becomes of uploads.
pub const TOPIC: &str = "upload_processor:jobs";

/// How long a caller waits for a service that is being restarted.
const RESTART: Duration = Duration::from_secs(5);

/// How long the service may take to answer a question, and to work on a file, its wait for its turn included.
const ANSWER: Duration = Duration::from_secs(5);
const WORK: Duration = Duration::from_secs(600);

/// Uploads of one person at once.
const OF_PERSON: usize = 8;

/// The way to the service; it finds the process by its name.
#[derive(Clone, Debug)]
pub struct Uploads {
    namespace: Namespace,
    files: Files,
    scanner: Option<ScannerAddress>,
    ffmpeg: Option<Ffmpeg>,
    limits: Limits,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Its bytes are on their way.
    Receiving,
    /// It waits for its turn.
    Waiting,
    /// It is worked on.
    Step(Step),
    /// It can be read.
    Published,
    /// It was refused, for this reason.
    Refused(&'static str),
    /// Whoever sent it wants it no more, or is gone.
    Cancelled,
}

/// What is told under [`TOPIC`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadEvent {
    /// Which one.
    pub upload: FileId,
    /// How many bytes it has, once they are all there.
    pub size: u64,
    /// How far it is now.
    pub stage: Stage,
}

/// An upload that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadStatus {
    /// Which one.
    pub upload: FileId,
    /// How many bytes it has; 0 until they are all there.
    pub size: u64,
    /// How far it is.
    pub stage: Stage,
}

/// What this incarnation of the service has to do, and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// What there is now.
    pub load: Load,
    /// Files that were published.
    pub published: u64,
    /// Files that were refused.
    pub refused: u64,
    /// Uploads that ended before there was a verdict.
    pub cancelled: u64,
}

/// Why a file is not published. Nothing of it is kept.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadError {
    /// It is longer than it may be.
    #[error("a file can have {} MB", .limit / (1024 * 1024))]
    TooLarge {
        /// The most bytes that it may have.
        limit: u64,
    },
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Its name says one thing, its bytes another.
    #[error("the file is not what its name says; give it the name of what it is")]
    Lie,
    /// It is one thing for some programs and another for others.
    #[error("the file is two things in one: there is an archive hidden in it")]
    Polyglot,
    /// Unpacked, it is far more than it seems to be.
    #[error(
        "the archive becomes too much: at most {} MB and {} files, and no more than {} archives inside each other",
        archive::BOUNDS.bytes >> 20, archive::BOUNDS.files, archive::BOUNDS.depth
    )]
    Bomb,
    /// The scanner cannot see what is in it.
    #[error("the archive is locked with a password, so that nobody can check what is in it; send it unlocked")]
    Locked,
    /// It is known to be harmful.
    #[error("the scanner knows this file as harmful")]
    Infected,
    /// Nobody could look at it.
    #[error("files cannot be checked at the moment; please try again later")]
    NotScanned,
    /// The picture would take too much memory.
    #[error("the picture has too many pixels; at most {} million are shown", thumbnail::MAX_PIXELS / 1_000_000)]
    TooManyPixels,
    /// It cannot be read.
    #[error("the file is damaged or cut off")]
    Damaged,
    /// It takes too long to look at it, or its bytes do.
    #[error("the file took too long")]
    TooSlow,
    /// There are too many uploads of everybody.
    #[error("many files are being sent at the moment; please try again in a minute")]
    Busy,
    /// There are too many uploads of this person.
    #[error("you are sending {OF_PERSON} files already; please wait for one of them")]
    TooMany,
    /// There is no room on the disk.
    #[error("the server has no room for files now; everything else works")]
    DiskFull,
    /// The disk does not work.
    #[error("the server could not keep the file")]
    Disk,
    /// The service was restarted meanwhile.
    #[error("the upload was interrupted; please send the file again")]
    Interrupted,
}

/// A file that is being received. Dropping it cancels the upload and deletes what there is of it.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Before the ticket, so that it is deleted when the upload is told as cancelled.
    _place: Quarantined,
    ticket: Ticket,
    file: File,
    size: u64,
    limit: u64,
}

/// The place of an upload among all of them. Dropping it gives it up.
#[derive(Debug)]
struct Ticket {
    id: FileId,
    server: ServerRef<UploadServer>,
    /// Why it is given up, if not because nobody wants it any more.
    refused: Option<&'static str>,
}

impl Uploads {
    /// The uploads that are taken in `namespace`, with their `files`. Films have pictures if there is an `ffmpeg`.
    pub(crate) fn new(
        namespace: Namespace,
        files: Files,
        scanner: Option<ScannerAddress>,
        ffmpeg: Option<Ffmpeg>,
        limits: Limits,
    ) -> Self {
        Self { namespace, files, scanner, ffmpeg, limits }
    }

    /// How to run it.
    pub(crate) fn child_spec(&self) -> ChildSpec<ServerRef<UploadServer>> {
        let workshop = Workshop::new(self.files.clone(), self.scanner.clone(), self.ffmpeg.clone());
        let bounds = Bounds { running: self.limits.upload_jobs, all: self.limits.uploads, of_person: OF_PERSON };
        let (files, topics) = (self.files.clone(), self.namespace.pubsub());
        ChildSpec::server(move || UploadServer::new(files.clone(), workshop.clone(), topics.clone(), bounds))
            .id("uploads")
            .name(&self.namespace, UPLOADS)
    }

    /// Begins to receive a file of somebody.
    ///
    /// Cancel safe: dropping the future gives up the place of the upload.
    pub(crate) async fn begin(&self, person: PersonId, name: FileName) -> Result<Upload, UploadError> {
        let server = match self.namespace.lookup(UPLOADS) {
            Ok(server) => server,
            Err(_) => self.namespace.wait_for(UPLOADS, RESTART).await.map_err(|_| UploadError::Interrupted)?,
        };
        let ticket = Ticket { id: FileId::random(), server, refused: None };
        let begin = |reply| UploadMessage::Begin { id: ticket.id.clone(), person, name, reply };
        let place = Quarantined(ticket.server.call_timeout(ANSWER, begin).await??);
        // Here and now: whoever gives up while it is made elsewhere would leave it behind.
        let file = File::from_std(std::fs::File::create_new(&place.0)?);
        Ok(Upload { _place: place, ticket, file, size: 0, limit: self.limits.upload_bytes })
    }

    /// Every upload that is not over, in no order.
    pub async fn jobs(&self) -> Result<Vec<UploadStatus>, UploadError> {
        let server = self.namespace.lookup(UPLOADS).map_err(|_| UploadError::Interrupted)?;
        Ok(server.call_timeout(ANSWER, |reply| UploadMessage::Jobs { reply }).await?)
    }

    /// Ends an upload, however far it is: whoever sends it hears that it was interrupted, and nothing of it is kept. What
    /// is published, or was never there, stays as it is.
    pub async fn cancel(&self, upload: &FileId) -> Result<(), UploadError> {
        let server = self.namespace.lookup(UPLOADS).map_err(|_| UploadError::Interrupted)?;
        server
            .cast(UploadMessage::Cancel { id: upload.clone(), refused: None })
            .await
            .map_err(|_| UploadError::Interrupted)
    }

    /// Hears from now on what becomes of uploads, as told under [`TOPIC`]; whoever has room for less than `capacity`
    /// events at a time misses the oldest.
    pub fn events(&self, capacity: usize) -> Result<Subscription<UploadEvent>, SubscribeError> {
        self.namespace.pubsub().subscribe(TOPIC, capacity, Overflow::DropOldest)
    }

    /// To be called before the message of a file is deleted: the file goes with it, even if the program is killed meanwhile.
    pub(crate) async fn doubt(&self, file: FileId) -> Doubt {
        self.files.doubt(file).await
    }

    /// Deletes a file that no message has; if the store does not answer, that is found out at the next start.
    pub(crate) async fn settle(&self, doubt: Doubt) {
        if let Err(error) = self.files.settle(doubt).await {
            tracing::error!(%error, "whether a message has a file is found out at the next start");
        }
    }

    /// What the service has to do, and has done since it was started.
    pub async fn statistics(&self) -> Result<Statistics, UploadError> {
        let server = self.namespace.lookup(UPLOADS).map_err(|_| UploadError::Interrupted)?;
        Ok(server.call_timeout(ANSWER, |reply| UploadMessage::Statistics { reply }).await?)
    }

    /// Where a published file and its thumbnail lie.
    pub(crate) fn places(&self, file: &FileId) -> (PathBuf, PathBuf) {
        (self.files.folder().file(file), self.files.folder().thumbnail(file))
    }

    /// The most bytes that a file may have.
    pub fn limit(&self) -> u64 {
        self.limits.upload_bytes
    }

    /// Asks again and again whether it and its scanner answer. People can talk without them.
    pub(crate) fn monitor(&self, period: Duration) -> Result<Monitor, MonitorError> {
        let scanner = self.scanner.clone();
        let check = move |server: ServerRef<UploadServer>| {
            let scanner = scanner.clone();
            async move {
                let answer = server.call_timeout(ANSWER, |reply| UploadMessage::Statistics { reply }).await;
                answer.map_err(|error| error.to_string())?;
                match scanner {
                    Some(scanner) => scanner.ping().await.map_err(|error| error.to_string()),
                    None => Ok(()),
                }
            }
        };
        self.namespace.monitor(UPLOADS).optional().check(check).every(period)
    }
}

impl Upload {
    /// The next bytes of the file.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(self.refuse(UploadError::TooLarge { limit: self.limit }));
        }
        self.file.write_all(bytes).await.map_err(|error| self.refuse(error.into()))
    }

    fn refuse(&mut self, error: UploadError) -> UploadError {
        self.ticket.refused = Some(error.label());
        error
    }

    /// Those were all: waits until the file is published or refused.
    ///
    /// Dropping the future cancels the upload.
    pub(crate) async fn finish(mut self) -> Result<Published, UploadError> {
        if self.size == 0 {
            return Err(self.refuse(UploadError::Empty));
        }
        if let Err(error) = self.file.flush().await {
            return Err(self.refuse(error.into()));
        }
        let Ticket { id, server, .. } = &self.ticket;
        let received = |reply| UploadMessage::Received { id: id.clone(), size: self.size, reply };
        server.call_timeout(WORK, received).await?
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Nothing to cancel when it is over. A service too busy to hear it would keep a place, so it is told later then.
        let cancel = || UploadMessage::Cancel { id: self.id.clone(), refused: self.refused };
        if self.server.try_cast(cancel()).is_err()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (server, message) = (self.server.clone(), cancel());
            runtime.spawn(async move { server.cast(message).await });
        }
    }
}

impl UploadError {
    /// A short name for metrics and events.
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Empty => "empty",
            Self::Lie => "lie",
            Self::Polyglot => "polyglot",
            Self::Bomb => "bomb",
            Self::Locked => "locked",
            Self::Infected => "infected",
            Self::NotScanned => "not_scanned",
            Self::TooManyPixels => "too_many_pixels",
            Self::Damaged => "damaged",
            Self::TooSlow => "too_slow",
            Self::Busy => "busy",
            Self::TooMany => "too_many",
            Self::DiskFull => "disk_full",
            Self::Disk => "disk",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<std::io::Error> for UploadError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, NotFound, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::DiskFull,
            // Its quarantine was deleted, with the incarnation that it belonged to.
            NotFound => Self::Interrupted,
            _ => {
                tracing::error!(%error, "a file could not be kept");
                Self::Disk
            }
        }
    }
}

impl From<CallError> for UploadError {
    fn from(_: CallError) -> Self {
        Self::Interrupted
    }
}
