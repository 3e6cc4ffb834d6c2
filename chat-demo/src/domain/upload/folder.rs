//! Where files lie: those that were published, and those that may not be seen yet.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::lease::{Doubt, Lease};
use crate::domain::{Attachment, FileId};

/// The folder of published files. Several programs may share it.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Deletes it with the last one who knows of it.
    _temporary: Option<Arc<TempDir>>,
}

/// The quarantine of one incarnation of the service, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Quarantine {
    lease: Arc<Lease>,
}

/// A file that is published and belongs to no message yet. Dropping it deletes it.
#[derive(Debug)]
pub(crate) struct Published {
    attachment: Attachment,
    doubt: Option<Doubt>,
}

/// A file in quarantine. Dropping it deletes it, if it is still there.
#[derive(Debug)]
pub(crate) struct Quarantined(pub(crate) PathBuf);

impl Folder {
    /// A folder that stays; made if it is missing. Blocks.
    pub(crate) fn new(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(root.join("published"))?;
        fs::create_dir_all(root.join("quarantine"))?;
        Ok(Self { root, _temporary: None })
    }

    /// A folder that goes with the program. Blocks.
    pub(crate) fn temporary() -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("chat-files-").tempdir()?;
        let path = temporary.path().to_owned();
        Ok(Self { _temporary: Some(Arc::new(temporary)), ..Self::new(path)? })
    }

    /// Where a published file lies.
    pub(crate) fn file(&self, id: &FileId) -> PathBuf {
        self.root.join("published").join(id.as_str())
    }

    /// Where its thumbnail lies.
    pub(crate) fn thumbnail(&self, id: &FileId) -> PathBuf {
        self.file(id).with_extension("thumbnail")
    }

    /// A new quarantine; what is in those that nobody uses any more is deleted, but for notes of what is not settled. Blocks.
    pub(super) fn quarantine(&self) -> io::Result<Quarantine> {
        drop(self.abandoned()?);
        let lease = self.lease()?;
        fs::create_dir(lease.bytes())?;
        Ok(Quarantine { lease: Arc::new(lease) })
    }

    /// That it is used. Blocks.
    pub(super) fn lease(&self) -> io::Result<Lease> {
        Lease::new(&self.root.join("quarantine"))
    }

    /// What was left by those that used it, and were killed. Blocks.
    pub(super) fn abandoned(&self) -> io::Result<Vec<Arc<Lease>>> {
        Lease::abandoned(&self.root.join("quarantine"))
    }

    /// Puts a file, and before it its thumbnail, where they can be read, once that is noted. Does not wait, so that nobody can be
    /// stopped in between.
    pub(super) fn publish(
        &self,
        lease: &Arc<Lease>,
        database: &FileId,
        file: &Path,
        thumbnail: Option<&Path>,
        attachment: Attachment,
    ) -> io::Result<Published> {
        let doubt = lease.note(self, attachment.file.clone(), database)?;
        let published = Published { attachment, doubt: Some(doubt) };
        let id = &published.attachment.file;
        if let Some(thumbnail) = thumbnail {
            fs::rename(thumbnail, self.thumbnail(id))?;
        }
        fs::rename(file, self.file(id))?;
        Ok(published)
    }
}

impl Quarantine {
    /// Where the bytes of an upload go.
    pub(super) fn place(&self, id: &FileId) -> PathBuf {
        self.lease.bytes().join(id.as_str())
    }

    pub(super) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }
}

/// What is published from it keeps its lease.
impl Drop for Quarantine {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(self.lease.bytes()) {
            tracing::warn!(%error, "files are left in quarantine");
        }
    }
}

impl Published {
    pub(crate) fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// From now on a message may have it: it is not deleted before that is settled.
    pub(crate) fn offer(mut self) -> Doubt {
        self.doubt.take().expect("it is offered once")
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if let Some(doubt) = self.doubt.take() {
            doubt.delete();
        }
    }
}

impl Drop for Quarantined {
    fn drop(&mut self) {
        if let Err(error) = remove_file(&self.0) {
            tracing::warn!(%error, "a file is left in quarantine");
        }
    }
}

pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_file(path))
}

pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(path))
}

pub(super) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
