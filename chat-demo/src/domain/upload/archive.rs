//! Archives looked into, so that none becomes far more than it seems to be. Everything here blocks, within bounds.
//!
//! Of zip (and what is made of it) and gzip every byte is unpacked once and forgotten: what an archive says of its sizes may be a lie. What is
//! in archives of other kinds is left to the scanner.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use thiserror::Error;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

/// What an archive may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes in all.
    pub(crate) bytes: u64,
    /// Files in all.
    pub(crate) files: u64,
    /// Archives inside each other, the outermost included.
    pub(crate) depth: u32,
    /// Bytes of an archive inside another one, which are kept while it is looked at.
    pub(crate) inner: u64,
}

/// The bounds of all uploads.
pub(crate) const BOUNDS: Bounds = Bounds { bytes: 512 << 20, files: 10_000, depth: 3, inner: 32 << 20 };

/// How far from its end the directory of a zip ends at the earliest, in bytes: behind it comes a comment of 64 KB.
const TAIL: u64 = 22 + 65_535;

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Zip,
    Gzip,
}

/// Why an archive is refused.
#[derive(Debug, Error)]
pub(crate) enum ArchiveError {
    #[error("it becomes more than it may")]
    Bomb,
    #[error("it cannot be unpacked: {0}")]
    Damaged(String),
    #[error("it cannot be read")]
    Io(#[from] io::Error),
}

/// What was seen in an archive that is within its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Some of it can only be unpacked with a password.
    pub(crate) locked: bool,
}

/// What begins an archive that can be looked into.
pub(crate) fn packing(head: &[u8]) -> Option<Packing> {
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Packing::Zip),
        [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
        _ => None,
    }
}

/// Whether those who unpack zips find one in this file, whatever it begins with: they look for its directory at the end.
pub(crate) fn hides_zip(file: &Path) -> Result<bool, ArchiveError> {
    const END: &[u8] = b"PK\x05\x06";
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    (&file).take(TAIL).read_to_end(&mut tail)?;
    if !tail.windows(END.len()).any(|bytes| bytes == END) {
        return Ok(false);
    }
    file.rewind()?;
    crowded(&file, BOUNDS.files)?;
    Ok(ZipArchive::new(BufReader::new(file)).is_ok_and(|zip| !zip.is_empty()))
}

/// Unpacks all of an archive, and forgets it.
pub(crate) fn look(file: &Path, packing: Packing, bounds: Bounds) -> Result<Seen, ArchiveError> {
    let file = File::open(file)?;
    let mut budget = Budget { bounds, seen: Seen::default() };
    match packing {
        Packing::Zip => {
            crowded(&file, bounds.files)?;
            budget.zip(BufReader::new(file), bounds.depth)?;
        }
        Packing::Gzip => budget.gzip(BufReader::new(file), bounds.depth)?,
    }
    Ok(budget.seen)
}

/// What may still come.
struct Budget {
    bounds: Bounds,
    seen: Seen,
}

impl Budget {
    fn zip(&mut self, zip: impl Read + Seek, depth: u32) -> Result<(), ArchiveError> {
        let mut zip = ZipArchive::new(zip).map_err(damaged)?;
        for index in 0..zip.len() {
            self.bounds.files = self.bounds.files.checked_sub(1).ok_or(ArchiveError::Bomb)?;
            let entry = zip.by_index_raw(index).map_err(damaged)?;
            let (locked, method, said) = (entry.encrypted(), entry.compression(), entry.size());
            drop(entry);
            self.seen.locked |= locked;
            if locked || !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
                // Nothing but what it says can be known of it.
                self.take(said)?;
                continue;
            }
            self.unpack(zip.by_index(index).map_err(damaged)?, depth)?;
        }
        Ok(())
    }

    fn gzip(&mut self, gzip: impl Read, depth: u32) -> Result<(), ArchiveError> {
        self.unpack(MultiGzDecoder::new(gzip), depth)
    }

    /// Reads to the end what is unpacked, and looks into it if it is an archive again.
    fn unpack(&mut self, mut unpacked: impl Read, depth: u32) -> Result<(), ArchiveError> {
        let mut head = Vec::with_capacity(4);
        unpacked.by_ref().take(4).read_to_end(&mut head).map_err(broken)?;
        let inner = packing(&head);
        if inner.is_some() && depth <= 1 {
            return Err(ArchiveError::Bomb);
        }
        let whole = Cursor::new(head).chain(unpacked);
        match inner {
            None => self.forget(whole),
            // Its bytes are counted as they are, and then as what they become.
            Some(_) => {
                let mut archive = Vec::new();
                whole.take(self.bounds.inner + 1).read_to_end(&mut archive).map_err(broken)?;
                if archive.len() as u64 > self.bounds.inner {
                    return Err(ArchiveError::Bomb);
                }
                self.take(archive.len() as u64)?;
                match inner {
                    Some(Packing::Gzip) => self.gzip(&*archive, depth - 1),
                    _ => {
                        crowded(&*archive, self.bounds.files)?;
                        self.zip(Cursor::new(archive), depth - 1)
                    }
                }
            }
        }
    }

    fn forget(&mut self, mut unpacked: impl Read) -> Result<(), ArchiveError> {
        let mut chunk = [0; 32 * 1024];
        loop {
            match unpacked.read(&mut chunk).map_err(broken)? {
                0 => return Ok(()),
                length => self.take(length as u64)?,
            }
        }
    }

    fn take(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        self.bounds.bytes = self.bounds.bytes.checked_sub(bytes).ok_or(ArchiveError::Bomb)?;
        Ok(())
    }
}

/// Refuses what has more entries than `most`, before memory is taken for each of them.
fn crowded(mut file: impl Read, most: u64) -> Result<(), ArchiveError> {
    const ENTRY: &[u8] = b"PK\x01\x02";
    let (mut entries, mut window) = (0, Vec::new());
    let mut chunk = [0; 32 * 1024];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        window.extend_from_slice(&chunk[..length]);
        entries += window.windows(ENTRY.len()).filter(|bytes| *bytes == ENTRY).count() as u64;
        if entries > most {
            return Err(ArchiveError::Bomb);
        }
        window.drain(..window.len().saturating_sub(ENTRY.len() - 1));
    }
}

fn damaged(error: ZipError) -> ArchiveError {
    match error {
        ZipError::Io(error) => broken(error),
        error => ArchiveError::Damaged(error.to_string()),
    }
}

/// Bytes that do not unpack are told as an error of reading.
fn broken(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::Other => ArchiveError::Damaged(error.to_string()),
        _ => ArchiveError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const SMALL: Bounds = Bounds { bytes: 100_000, files: 10, depth: 3, inner: 50_000 };

    fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))
                .unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn gzip_of(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    fn looked(bytes: &[u8]) -> Result<Seen, ArchiveError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        look(&path, packing(bytes).expect("an archive"), SMALL)
    }

    fn is_bomb(bytes: &[u8]) -> bool {
        matches!(looked(bytes), Err(ArchiveError::Bomb))
    }

    #[test]
    fn what_is_within_its_bounds_passes() {
        assert_eq!(looked(&zip_of(&[("a.txt", b"text"), ("b/c.txt", b"")])).unwrap(), Seen::default());
        assert_eq!(looked(&gzip_of(&[7; 90_000])).unwrap(), Seen::default());
        assert_eq!(looked(&zip_of(&[("inner.zip", &zip_of(&[("a", b"text")]))])).unwrap(), Seen::default());
        assert_eq!(looked(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap(), Seen::default(), "an empty one");
    }

    #[test]
    fn what_becomes_too_much_is_refused() {
        let (half, all) = (vec![0; 60_000], vec![0; 100_001]);
        assert!(is_bomb(&zip_of(&[("a", &all)])), "one file");
        assert!(is_bomb(&zip_of(&[("a", &half), ("b", &half)])), "two of them");
        assert!(is_bomb(&gzip_of(&all)));
        assert!(is_bomb(&[gzip_of(&half), gzip_of(&half)].concat()), "in two members");
        assert!(is_bomb(&zip_of(&[("a.zip", &zip_of(&[("a", &all)]))])), "further inside");
        assert!(is_bomb(&gzip_of(&zip_of(&[("a", &all)]))), "of two kinds");
        let names: Vec<String> = (0..11).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(is_bomb(&zip_of(&many)), "many empty files");
        assert!(looked(&zip_of(&many[..10])).is_ok());
    }

    #[test]
    fn archives_in_archives_in_archives_have_an_end() {
        let mut nested = zip_of(&[("a", b"text")]);
        for _ in 0..2 {
            nested = zip_of(&[("a", &nested)]);
        }
        assert!(looked(&nested).is_ok());
        assert!(is_bomb(&zip_of(&[("a", &nested)])));
        assert!(is_bomb(&gzip_of(&nested)));
        let mut state = 1u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let noise: Vec<u8> = noise.take(60_000).collect();
        let large = gzip_of(&noise);
        assert!(large.len() as u64 > SMALL.inner && is_bomb(&zip_of(&[("large.gz", &large)])), "too large to be kept");
    }

    #[test]
    fn sizes_that_are_lies_change_nothing() {
        let mut zip = zip_of(&[("a", &[0; 100_001])]);
        let size = 100_001u32.to_le_bytes();
        let places: Vec<usize> = (0..zip.len() - 4).filter(|&at| zip[at..at + 4] == size).collect();
        assert_eq!(places.len(), 2, "before the file, and in the directory");
        for place in places {
            zip[place..place + 4].copy_from_slice(&10u32.to_le_bytes());
        }
        assert!(looked(&zip).is_err());
    }

    #[test]
    fn one_that_is_locked_is_told() {
        let mut zip = zip_of(&[("a", b"text")]);
        let directory = zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        zip[6] |= 1;
        zip[directory + 8] |= 1;
        assert_eq!(looked(&zip).unwrap(), Seen { locked: true });
    }

    #[test]
    fn what_is_cut_off_or_no_archive_at_all_is_damaged() {
        let good = [zip_of(&[("a", b"some text")]), gzip_of(b"some text")];
        for bytes in &good {
            for length in 4..bytes.len() {
                let seen = looked(&bytes[..length]);
                assert!(matches!(seen, Err(ArchiveError::Damaged(_))), "{length} bytes: {seen:?}");
            }
        }
    }

    #[test]
    fn a_zip_is_found_behind_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let hides = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            hides_zip(&path).unwrap()
        };
        let zip = zip_of(&[("a", b"text")]);
        assert!(hides(&zip) && hides(&[b"GIF89a, as it seems", &*zip].concat()));
        assert!(!hides(b"PK\x03\x04 is how a zip begins, and PK\x05\x06 its end"));
    }
}
