//! Where files lie: those that were published, and those that may not be seen yet.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

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
    path: PathBuf,
    /// Held for as long as the folder is in use; the system lets it go at whatever end of the program.
    _lock: File,
}

/// A file that is published and belongs to no message yet. Dropping it deletes it.
#[derive(Debug)]
pub(crate) struct Published {
    folder: Folder,
    attachment: Option<Attachment>,
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

    /// A new quarantine; those that nobody uses any more are deleted, with what is in them. Blocks.
    pub(crate) fn quarantine(&self) -> io::Result<Quarantine> {
        let all = self.root.join("quarantine");
        for entry in fs::read_dir(&all)?.flatten() {
            let lock = entry.path();
            // Behind the lock, so that nobody deletes a folder whose owner is about to lock it.
            if lock.extension().is_some_and(|extension| extension == "lock")
                && File::open(&lock).is_ok_and(|file| file.try_lock().is_ok())
            {
                remove_folder(&lock.with_extension(""))?;
                remove_file(&lock)?;
            }
        }
        let path = all.join(FileId::random().as_str());
        let building = path.with_extension("new");
        let lock = File::create(&building)?;
        lock.try_lock()?;
        fs::rename(&building, path.with_extension("lock"))?;
        fs::create_dir(&path)?;
        Ok(Quarantine { path, _lock: lock })
    }

    /// Puts a file, and before it its thumbnail, where they can be read. Does not wait, so that nobody can be stopped
    /// between the two.
    pub(crate) fn publish(
        &self,
        file: &Path,
        thumbnail: Option<&Path>,
        attachment: Attachment,
    ) -> io::Result<Published> {
        let published = Published { folder: self.clone(), attachment: Some(attachment) };
        let id = &published.attachment().file;
        if let Some(thumbnail) = thumbnail {
            fs::rename(thumbnail, self.thumbnail(id))?;
        }
        fs::rename(file, self.file(id))?;
        Ok(published)
    }
}

impl Quarantine {
    /// Where the bytes of an upload go.
    pub(crate) fn place(&self, id: &FileId) -> PathBuf {
        self.path.join(id.as_str())
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        let gone = remove_folder(&self.path).and_then(|()| remove_file(&self.path.with_extension("lock")));
        if let Err(error) = gone {
            tracing::warn!(%error, "a quarantine is left for the next start to delete");
        }
    }
}

impl Published {
    pub(crate) fn attachment(&self) -> &Attachment {
        self.attachment.as_ref().expect("it is there until it is kept")
    }

    /// It belongs to a message now, and stays.
    pub(crate) fn keep(mut self) {
        self.attachment = None;
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let Some(attachment) = &self.attachment else { return };
        for path in [self.folder.file(&attachment.file), self.folder.thumbnail(&attachment.file)] {
            if let Err(error) = remove_file(&path) {
                tracing::warn!(%error, "a file that belongs to no message could not be deleted");
            }
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

fn remove_file(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_file(path))
}

fn remove_folder(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(path))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(root: &Path, folder: &str) -> usize {
        fs::read_dir(root.join(folder)).unwrap().count()
    }

    #[test]
    fn a_quarantine_is_deleted_when_nobody_uses_it_and_not_before() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().to_owned()).unwrap();
        let used = folder.quarantine().unwrap();
        fs::write(used.place(&FileId::random()), "here").unwrap();
        // What a program leaves that was killed.
        let dead = root.path().join("quarantine").join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("half"), "half").unwrap();
        fs::write(dead.with_extension("lock"), "").unwrap();
        let other = folder.quarantine().unwrap();
        assert!(!dead.exists() && !dead.with_extension("lock").exists());
        assert_eq!(fs::read_dir(&used.path).unwrap().count(), 1, "it is in use");
        drop((used, other));
        assert_eq!(entries(root.path(), "quarantine"), 0);
    }
}
