//! What is done with a file in quarantine, until it is published or refused.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::UploadError;
use super::archive::{self, ArchiveError, Packing, Seen};
use super::files::Files;
use super::film::Ffmpeg;
use super::folder::{Published, Quarantined};
use super::lease::Lease;
use super::scan::{ScannerAddress, Verdict};
use super::sniff::{Film, HEAD, Inside, Kind, Picture, sniff};
use super::thumbnail::{self, ThumbnailError};
use crate::domain::{Attachment, FileId, FileName};

/// How long a picture or an archive may take, its wait for a place included.
const UNPACKING: Duration = Duration::from_secs(60);

/// Pictures, films and archives that are unpacked at once: they take the most memory of all that is done here.
const UNPACKED: usize = 2;

/// What a scanner calls a file of which it has not seen all, if it is set up to tell; it is no signature of anything.
const TOO_MUCH_TO_SCAN: &str = "Heuristics.Limits.Exceeded";
const LOCKED: &str = "Heuristics.Encrypted";

/// What every job needs.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    files: Files,
    scanner: Option<ScannerAddress>,
    ffmpeg: Option<Ffmpeg>,
    unpacking: Arc<Semaphore>,
}

/// Where a thumbnail is, and how wide and high.
type Thumbnail = (Quarantined, (u32, u32));

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It is looked into.
    Unpacking,
    /// A scanner looks at it.
    Scanning,
    /// It is made small.
    Thumbnail,
}

impl Workshop {
    pub(crate) fn new(files: Files, scanner: Option<ScannerAddress>, ffmpeg: Option<Ffmpeg>) -> Self {
        Self { files, scanner, ffmpeg, unpacking: Arc::new(Semaphore::new(UNPACKED)) }
    }

    /// Publishes a file, if nothing speaks against it.
    pub(crate) async fn publish(
        self,
        file: PathBuf,
        name: FileName,
        size: u64,
        lease: &Arc<Lease>,
        step: impl Fn(Step) + Send,
    ) -> Result<Published, UploadError> {
        let kind = sniff(&head(&file).await?, &name).map_err(|_| UploadError::Lie)?;
        if kind.inside != Inside::Unseen {
            step(Step::Unpacking);
            self.look_inside(&file, kind.inside).await?;
        }
        if let Some(scanner) = &self.scanner {
            step(Step::Scanning);
            scan(scanner, &file).await?;
        }
        let small = self.thumbnail(&file, &kind, step).await?;
        File::open(&file).await?.sync_all().await?;
        let attachment = Attachment {
            file: FileId::random(),
            name,
            media_type: kind.media_type.to_owned(),
            size,
            thumbnail: small.as_ref().map(|(_, size)| *size),
            scanned: self.scanner.is_some(),
        };
        self.files.publish(lease, &file, small.as_ref().map(|(place, _)| &*place.0), attachment).await
    }

    async fn look_inside(&self, file: &Path, inside: Inside) -> Result<(), UploadError> {
        let path = file.to_owned();
        let look = move || match inside {
            Inside::Archive(packing) => Ok(archive::look(&path, packing, archive::BOUNDS)?),
            Inside::Perhaps if archive::hides_zip(&path)? => Ok(archive::look(&path, Packing::Zip, archive::BOUNDS)?),
            Inside::Nothing if archive::hides_zip(&path)? => Err(UploadError::Polyglot),
            _ => Ok(Seen::default()),
        };
        match self.unpack(look).await?? {
            // Without a scanner it is told as not scanned anyhow.
            Seen { locked: true } if self.scanner.is_some() => Err(UploadError::Locked),
            _ => Ok(()),
        }
    }

    async fn thumbnail(&self, file: &Path, kind: &Kind, step: impl Fn(Step)) -> Result<Option<Thumbnail>, UploadError> {
        let to = file.with_extension("thumbnail");
        match (kind.picture, kind.film, &self.ffmpeg) {
            (Some(picture), ..) => {
                step(Step::Thumbnail);
                self.small(file, picture, to).await.map(Some)
            }
            (None, Some(film), Some(ffmpeg)) => {
                step(Step::Thumbnail);
                Ok(self.of_film(ffmpeg, film, file, to).await)
            }
            _ => Ok(None),
        }
    }

    /// A film that ffmpeg does not understand is none the worse for it.
    async fn of_film(&self, ffmpeg: &Ffmpeg, film: Film, file: &Path, to: PathBuf) -> Option<Thumbnail> {
        let large = Quarantined(file.with_extension("picture"));
        let place = Arc::clone(&self.unpacking).acquire_owned().await.expect("it is never closed");
        let made = ffmpeg.picture(file, film, &large.0).await;
        drop(place);
        if !made {
            return None;
        }
        self.small(&large.0, Picture::Jpeg, to).await.ok()
    }

    async fn small(&self, file: &Path, picture: Picture, to: PathBuf) -> Result<Thumbnail, UploadError> {
        let file = file.to_owned();
        // Its guard is where it is made, so that it goes when nobody waits for it any more.
        let make = move || {
            let to = Quarantined(to);
            thumbnail::make(&file, picture, &to.0).map(|size| (to, size))
        };
        Ok(self.unpack(make).await??)
    }

    /// Does what blocks and takes memory, when there is a place for it.
    async fn unpack<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, UploadError> {
        let working = async {
            let place = Arc::clone(&self.unpacking).acquire_owned().await.expect("it is never closed");
            // What cannot be stopped keeps its place until it is over.
            let worked = tokio::task::spawn_blocking(move || {
                let worked = work();
                drop(place);
                worked
            });
            worked.await.map_err(|_| UploadError::Damaged)
        };
        timeout(UNPACKING, working).await.map_err(|_| UploadError::TooSlow)?
    }
}

async fn scan(scanner: &ScannerAddress, file: &Path) -> Result<(), UploadError> {
    match scanner.scan(file).await {
        Ok(Verdict::Clean) => Ok(()),
        Ok(Verdict::Infected(signature)) => {
            tracing::warn!(signature, "an upload was refused");
            Err(match signature {
                signature if signature.starts_with(TOO_MUCH_TO_SCAN) => UploadError::Bomb,
                signature if signature.starts_with(LOCKED) => UploadError::Locked,
                _ => UploadError::Infected,
            })
        }
        Err(error) => {
            tracing::error!(%error, "an upload was refused unseen");
            Err(UploadError::NotScanned)
        }
    }
}

impl From<ArchiveError> for UploadError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Bomb => Self::Bomb,
            ArchiveError::Damaged(problem) => {
                tracing::debug!(problem, "an archive cannot be unpacked");
                Self::Damaged
            }
            ArchiveError::Io(error) => error.into(),
        }
    }
}

impl From<ThumbnailError> for UploadError {
    fn from(error: ThumbnailError) -> Self {
        match error {
            ThumbnailError::TooManyPixels => Self::TooManyPixels,
            ThumbnailError::Damaged(error) => {
                tracing::debug!(%error, "a picture could not be read");
                Self::Damaged
            }
            ThumbnailError::Io(error) => error.into(),
        }
    }
}

async fn head(file: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    File::open(file).await?.take(HEAD as u64).read_to_end(&mut head).await?;
    Ok(head)
}
