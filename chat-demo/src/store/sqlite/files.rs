//! The statements for files. Everything here blocks.

use rusqlite::Connection;

use crate::domain::{Attachment, FileId};

/// A message has its file, unless nobody may have that any more.
pub(super) fn take(db: &Connection, attachment: Option<&Attachment>) -> rusqlite::Result<()> {
    let Some(attachment) = attachment else { return Ok(()) };
    db.prepare_cached("INSERT INTO files (id, used) VALUES (?1, 1)")?.execute([attachment.file.as_str()]).map(drop)
}

/// A message has its file no more.
pub(super) fn give_up(db: &Connection, attachment: Option<&Attachment>) -> rusqlite::Result<()> {
    let Some(attachment) = attachment else { return Ok(()) };
    db.prepare_cached("UPDATE files SET used = 0 WHERE id = ?1")?.execute([attachment.file.as_str()]).map(drop)
}

/// Whether no message has a file; then none ever will.
pub(super) fn disown(db: &Connection, file: &FileId) -> rusqlite::Result<bool> {
    db.prepare_cached("INSERT INTO files (id, used) VALUES (?1, 0) ON CONFLICT DO NOTHING")?
        .execute([file.as_str()])?;
    db.prepare_cached("SELECT NOT used FROM files WHERE id = ?1")?.query_row([file.as_str()], |row| row.get(0))
}
