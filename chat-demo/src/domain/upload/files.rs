//! Published files, and whether messages have them: the store decides.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::OnceCell;
use tokio::task::{JoinError, spawn_blocking};

use super::UploadError;
use super::folder::{Folder, Published};
use super::lease::{Doubt, Lease};
use crate::domain::patience::Patience;
use crate::domain::{Attachment, FileId};
use crate::store::{Store, StoreError};

/// The name of the secret that tells databases from each other.
const DATABASE: &str = "files";

/// How long a store that does not answer is asked for what a program before has left.
const SWEEPING: Duration = Duration::from_secs(300);

/// The folder of files and the store of their messages.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: Folder,
    store: Store,
    database: Arc<OnceCell<FileId>>,
}

/// Why it is not known whether messages have the files that a program before has left.
#[derive(Debug, Error)]
enum SweepError {
    #[error("the folder cannot be read: {0}")]
    Folder(#[from] io::Error),
    #[error("the folder was not read")]
    Unread(#[from] JoinError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Files {
    pub(crate) fn new(folder: Folder, store: Store) -> Self {
        Self { folder, store, database: Arc::default() }
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Publishes a file, and its thumbnail.
    pub(super) async fn publish(
        &self,
        lease: &Arc<Lease>,
        file: &Path,
        thumbnail: Option<&Path>,
        attachment: Attachment,
    ) -> Result<Published, UploadError> {
        let database = self.database().await.map_err(|error| {
            tracing::error!(%error, "a file was not published");
            UploadError::Interrupted
        })?;
        Ok(self.folder.publish(lease, database, file, thumbnail, attachment)?)
    }

    /// Notes that the message of a file is about to be deleted, so that the file goes with it whatever happens.
    pub(super) async fn doubt(&self, file: FileId) -> Doubt {
        let noted = async {
            let (folder, database, file) = (self.folder.clone(), self.database().await?.clone(), file.clone());
            let note = move || folder.lease().and_then(|lease| Arc::new(lease).note(&folder, file, &database));
            Ok::<_, SweepError>(spawn_blocking(note).await??)
        };
        noted.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a file would stay if the program were killed while its message is deleted");
            Doubt::without_note(&self.folder, file)
        })
    }

    /// Finds out whether a message has a file, and deletes it if none has. A store that does not answer is asked again at the next
    /// start.
    pub(super) async fn settle(&self, doubt: Doubt) -> Result<(), StoreError> {
        match self.store.disown(doubt.file()).await? {
            true => doubt.delete(),
            false => doubt.keep(),
        }
        Ok(())
    }

    /// Settles what was left by programs that were killed.
    pub(super) async fn sweep(self) {
        let mut patience = Patience::new(SWEEPING);
        while let Err(error) = self.sweep_once().await {
            if !patience.goes_on().await {
                tracing::error!(%error, "files that may belong to no message are left for the next start");
                return;
            }
        }
    }

    async fn sweep_once(&self) -> Result<(), SweepError> {
        let folder = self.folder.clone();
        let abandoned = spawn_blocking(move || folder.abandoned()).await??;
        if abandoned.is_empty() {
            return Ok(());
        }
        let (folder, database) = (self.folder.clone(), self.database().await?.clone());
        let noted = move || abandoned.iter().flat_map(|lease| lease.doubts(&folder, &database)).collect::<Vec<_>>();
        for doubt in spawn_blocking(noted).await? {
            tracing::info!(file = ?doubt.file(), "a program has ended without knowing whether a message has a file");
            self.settle(doubt).await?;
        }
        Ok(())
    }

    /// Which database decides: the same word for all programs that have it.
    async fn database(&self) -> Result<&FileId, StoreError> {
        let ask = async || {
            let fresh = FileId::random();
            let known = self.store.secret(DATABASE, fresh.as_str()).await?;
            let not_ours = |problem: &str| StoreError::Database(Arc::from(Box::from(problem)));
            FileId::try_from(known).map_err(not_ours)
        };
        self.database.get_or_try_init(ask).await
    }
}
