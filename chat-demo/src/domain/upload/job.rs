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
use super::folder::{Folder, Published, Quarantined};
use super::scan::{ScannerAddress, Verdict};
use super::sniff::{HEAD, Picture, sniff};
use super::thumbnail::{self, ThumbnailError};
use crate::domain::{Attachment, FileId, FileName};

/// How long a thumbnail may take, its wait for a place included.
const THUMBNAIL: Duration = Duration::from_secs(30);

/// Pictures that are unpacked at once: they take the most memory of all that is done here.
const UNPACKED: usize = 2;

/// What every job needs.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    folder: Folder,
    scanner: Option<ScannerAddress>,
    unpacking: Arc<Semaphore>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A scanner looks at it.
    Scanning,
    /// It is made small.
    Thumbnail,
}

impl Workshop {
    pub(crate) fn new(folder: Folder, scanner: Option<ScannerAddress>) -> Self {
        Self { folder, scanner, unpacking: Arc::new(Semaphore::new(UNPACKED)) }
    }

    /// Publishes a file, if nothing speaks against it.
    pub(crate) async fn publish(
        self,
        file: PathBuf,
        name: FileName,
        size: u64,
        step: impl Fn(Step) + Send,
    ) -> Result<Published, UploadError> {
        let kind = sniff(&head(&file).await?, &name).map_err(|_| UploadError::Lie)?;
        if let Some(scanner) = &self.scanner {
            step(Step::Scanning);
            match scanner.scan(&file).await {
                Ok(Verdict::Clean) => {}
                Ok(Verdict::Infected(signature)) => {
                    tracing::warn!(signature, "an upload was refused");
                    return Err(UploadError::Infected);
                }
                Err(error) => {
                    tracing::error!(%error, "an upload was refused unseen");
                    return Err(UploadError::NotScanned);
                }
            }
        }
        let small = Quarantined(file.with_extension("thumbnail"));
        let thumbnail = match kind.picture {
            Some(picture) => {
                step(Step::Thumbnail);
                Some(self.thumbnail(&file, picture, &small.0).await?)
            }
            None => None,
        };
        File::open(&file).await?.sync_all().await?;
        let attachment = Attachment {
            file: FileId::random(),
            name,
            media_type: kind.media_type.to_owned(),
            size,
            thumbnail,
            scanned: self.scanner.is_some(),
        };
        Ok(self.folder.publish(&file, thumbnail.map(|_| &*small.0), attachment)?)
    }

    async fn thumbnail(&self, file: &Path, picture: Picture, to: &Path) -> Result<(u32, u32), UploadError> {
        let making = async {
            let place = Arc::clone(&self.unpacking).acquire_owned().await.expect("it is never closed");
            let (file, to) = (file.to_owned(), to.to_owned());
            // What cannot be stopped keeps its place until it is over.
            let made = tokio::task::spawn_blocking(move || {
                let made = thumbnail::make(&file, picture, &to);
                drop(place);
                made
            });
            made.await.map_err(|_| UploadError::Damaged)
        };
        match timeout(THUMBNAIL, making).await.map_err(|_| UploadError::TooSlow)?? {
            Ok(size) => Ok(size),
            Err(ThumbnailError::TooManyPixels) => Err(UploadError::TooManyPixels),
            Err(ThumbnailError::Damaged(error)) => {
                tracing::debug!(%error, "a picture could not be read");
                Err(UploadError::Damaged)
            }
            Err(ThumbnailError::Io(error)) => Err(error.into()),
        }
    }
}

async fn head(file: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    File::open(file).await?.take(HEAD as u64).read_to_end(&mut head).await?;
    Ok(head)
}
