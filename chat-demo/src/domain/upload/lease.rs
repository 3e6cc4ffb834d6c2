//! That an incarnation of a program uses a folder of files, and which files it answers for.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{Folder, absent_is_fine, remove_file, remove_folder};
use crate::domain::FileId;

/// A lock beside a folder for bytes in quarantine and one for notes. A note is an empty file whose name has a published file, of which
/// it is not settled whether a message has it, and the database that knows; other programs leave it alone for as long as the
/// lock is held.
///
/// With the lease goes all of that, but for notes that are left.
#[derive(Debug)]
pub(super) struct Lease {
    path: PathBuf,
    /// The system lets it go at whatever end of the program.
    _lock: File,
}

/// A published file of which it is not settled whether a message has it. Dropped, it stays, and so does its note.
#[derive(Debug)]
pub(crate) struct Doubt {
    folder: Folder,
    file: FileId,
    /// None if there is no note, because none could be made.
    note: Option<(PathBuf, Arc<Lease>)>,
}

impl Lease {
    /// A new one among those in a folder. Blocks, as does everything here.
    pub(super) fn new(all: &Path) -> io::Result<Self> {
        let path = all.join(FileId::random().as_str());
        // Behind the lock, so that nobody takes for abandoned what is about to be locked.
        let building = path.with_extension("new");
        let lock = File::create(&building)?;
        lock.try_lock()?;
        fs::rename(&building, path.with_extension("lock"))?;
        let lease = Self { path, _lock: lock };
        fs::create_dir(lease.notes())?;
        Ok(lease)
    }

    /// Those that nobody holds any more. What has no notes goes with them when they are dropped.
    pub(super) fn abandoned(all: &Path) -> io::Result<Vec<Arc<Self>>> {
        let abandoned = |path: PathBuf| {
            let lock = (path.extension()? == "lock").then(|| File::open(&path).ok())??;
            // Shared, so that many can look at once.
            lock.try_lock_shared().ok()?;
            Some(Arc::new(Self { path: path.with_extension(""), _lock: lock }))
        };
        Ok(fs::read_dir(all)?.flatten().filter_map(|entry| abandoned(entry.path())).collect())
    }

    /// Where the bytes of its uploads lie.
    pub(super) fn bytes(&self) -> &Path {
        &self.path
    }

    fn notes(&self) -> PathBuf {
        self.path.with_extension("notes")
    }

    /// Notes that a file is about to be published, or may lose its message.
    pub(super) fn note(self: &Arc<Self>, folder: &Folder, file: FileId, database: &FileId) -> io::Result<Doubt> {
        let note = self.notes().join(file.as_str()).with_extension(database.as_str());
        File::create_new(&note)?;
        Ok(Doubt { folder: folder.clone(), file, note: Some((note, Arc::clone(self))) })
    }

    /// What is noted, as far as this database knows of it.
    pub(super) fn doubts(self: &Arc<Self>, folder: &Folder, database: &FileId) -> Vec<Doubt> {
        let doubt = |note: PathBuf| {
            let file = FileId::try_from(note.file_stem()?.to_str()?.to_owned()).ok()?;
            let ours = note.extension()? == database.as_str();
            ours.then(|| Doubt { folder: folder.clone(), file, note: Some((note, Arc::clone(self))) })
        };
        fs::read_dir(self.notes()).into_iter().flatten().flatten().filter_map(|entry| doubt(entry.path())).collect()
    }

    fn release(&self) -> io::Result<()> {
        remove_folder(&self.path)?;
        match absent_is_fine(fs::remove_dir(self.notes())) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) => Err(error),
            Ok(()) => remove_file(&self.path.with_extension("lock")),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            tracing::warn!(%error, "a quarantine is left for the next start to delete");
        }
    }
}

impl Doubt {
    /// About a file that cannot be noted.
    pub(super) fn without_note(folder: &Folder, file: FileId) -> Self {
        Self { folder: folder.clone(), file, note: None }
    }

    /// Which file it is about.
    pub(super) fn file(&self) -> &FileId {
        &self.file
    }

    /// A message has it.
    pub(super) fn keep(self) {
        self.forget();
    }

    /// No message has it, and none ever will.
    pub(super) fn delete(self) {
        for path in [self.folder.file(&self.file), self.folder.thumbnail(&self.file)] {
            if let Err(error) = remove_file(&path) {
                tracing::error!(%error, "a file that belongs to no message could not be deleted");
                return;
            }
        }
        self.forget();
    }

    fn forget(self) {
        if let Some((note, _)) = &self.note
            && let Err(error) = remove_file(note)
        {
            tracing::warn!(%error, "a file will be asked for again at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::domain::{Attachment, FileName};

    struct Fixture {
        root: TempDir,
        folder: Folder,
        database: FileId,
    }

    fn fixture() -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path().to_owned()).unwrap();
        Fixture { root, folder, database: FileId::random() }
    }

    impl Fixture {
        fn entries(&self, folder: &str) -> usize {
            fs::read_dir(self.root.path().join(folder)).unwrap().count()
        }

        /// Publishes a file with a thumbnail, for a message of one database.
        fn publish(&self, lease: &Arc<Lease>, database: &FileId) -> Doubt {
            let (file, thumbnail) = (self.root.path().join("file"), self.root.path().join("thumbnail"));
            fs::write(&file, "text").unwrap();
            fs::write(&thumbnail, "picture").unwrap();
            let attachment = Attachment {
                file: FileId::random(),
                name: FileName::tidy("a.txt"),
                media_type: "text/plain".into(),
                size: 4,
                thumbnail: Some((1, 1)),
                scanned: false,
            };
            self.folder.publish(lease, database, &file, Some(&thumbnail), attachment).unwrap().offer()
        }

        /// What is noted by those that are gone, for a database.
        fn doubts(&self, database: &FileId) -> Vec<Doubt> {
            let abandoned = self.folder.abandoned().unwrap();
            abandoned.iter().flat_map(|lease| lease.doubts(&self.folder, database)).collect()
        }
    }

    #[test]
    fn a_quarantine_is_deleted_when_nobody_uses_it_and_not_before() {
        let fixture = fixture();
        let used = fixture.folder.quarantine().unwrap();
        let place = used.place(&FileId::random());
        fs::write(&place, "here").unwrap();
        // What a program leaves that was killed.
        let dead = fixture.root.path().join("quarantine").join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("half"), "half").unwrap();
        fs::create_dir(dead.with_extension("notes")).unwrap();
        fs::write(dead.with_extension("lock"), "").unwrap();
        let other = fixture.folder.quarantine().unwrap();
        for left in [&dead, &dead.with_extension("notes"), &dead.with_extension("lock")] {
            assert!(!left.exists(), "{left:?}");
        }
        assert!(place.exists(), "it is in use");
        drop((used, other));
        assert_eq!(fixture.entries("quarantine"), 0);
    }

    #[test]
    fn what_is_not_settled_is_found_when_its_incarnation_is_over_by_whoever_has_the_database() {
        let fixture = fixture();
        let other = FileId::random();
        let quarantine = fixture.folder.quarantine().unwrap();
        let doubt = fixture.publish(quarantine.lease(), &fixture.database);
        let file = doubt.file().clone();
        let _ = fixture.publish(quarantine.lease(), &other);
        drop(quarantine);
        assert!(fixture.doubts(&fixture.database).is_empty(), "a message is about to have it");
        drop(doubt);
        assert_eq!((fixture.doubts(&fixture.database).len(), fixture.doubts(&other).len()), (1, 1));
        assert_eq!(fixture.doubts(&fixture.database)[0].file(), &file);
        // Others who come and go leave it as it is.
        drop(fixture.folder.quarantine().unwrap());
        assert!(fixture.doubts(&FileId::random()).is_empty());
        assert_eq!((fixture.doubts(&fixture.database).len(), fixture.entries("published")), (1, 4));

        fixture.doubts(&fixture.database).into_iter().for_each(Doubt::delete);
        assert!(!fixture.folder.file(&file).exists() && !fixture.folder.thumbnail(&file).exists());
        assert_eq!((fixture.doubts(&fixture.database).len(), fixture.doubts(&other).len()), (0, 1));
        fixture.doubts(&other).into_iter().for_each(Doubt::keep);
        assert_eq!((fixture.entries("quarantine"), fixture.entries("published")), (0, 2), "a message has it");
    }

    #[test]
    fn whoever_looks_is_not_in_the_way_of_others_who_look() {
        let fixture = fixture();
        drop(fixture.publish(&Arc::new(fixture.folder.lease().unwrap()), &fixture.database));
        let (one, two) = (fixture.folder.abandoned().unwrap(), fixture.folder.abandoned().unwrap());
        for looks in [one, two] {
            assert_eq!(looks[0].doubts(&fixture.folder, &fixture.database).len(), 1);
        }
    }

    #[test]
    fn what_is_no_note_of_ours_is_left_alone() {
        let fixture = fixture();
        let lease = Arc::new(fixture.folder.lease().unwrap());
        fs::write(lease.notes().join("readme.txt"), "").unwrap();
        fs::write(lease.notes().join(FileId::random().as_str()), "").unwrap();
        drop(lease);
        assert!(fixture.doubts(&fixture.database).is_empty());
        assert_eq!(fixture.entries("quarantine"), 2);
    }
}
