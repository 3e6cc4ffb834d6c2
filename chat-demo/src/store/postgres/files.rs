//! The statements for files, as those of SQLite do it.

use deadpool_postgres::{Object, Transaction};

use super::workers::Cause;
use crate::domain::{Attachment, FileId};

/// A message has its file, unless nobody may have that any more.
pub(super) async fn take(tx: &Transaction<'_>, attachment: Option<&Attachment>) -> Result<(), Cause> {
    let Some(attachment) = attachment else { return Ok(()) };
    let insert = tx.prepare_cached("INSERT INTO files (id, used) VALUES ($1, TRUE)").await?;
    tx.execute(&insert, &[&attachment.file.as_str()]).await?;
    Ok(())
}

/// A message has its file no more.
pub(super) async fn give_up(tx: &Transaction<'_>, attachment: Option<&Attachment>) -> Result<(), Cause> {
    let Some(attachment) = attachment else { return Ok(()) };
    let update = tx.prepare_cached("UPDATE files SET used = FALSE WHERE id = $1").await?;
    tx.execute(&update, &[&attachment.file.as_str()]).await?;
    Ok(())
}

/// Whether no message has a file; then none ever will. A transaction that has not ended yet and gives it to a message, be it
/// that of a program which is gone, is waited for.
pub(super) async fn disown(db: &Object, file: &FileId) -> Result<bool, Cause> {
    let insert = db.prepare_cached("INSERT INTO files (id, used) VALUES ($1, FALSE) ON CONFLICT DO NOTHING").await?;
    db.execute(&insert, &[&file.as_str()]).await?;
    let find = db.prepare_cached("SELECT NOT used FROM files WHERE id = $1").await?;
    Ok(db.query_one(&find, &[&file.as_str()]).await?.get(0))
}
