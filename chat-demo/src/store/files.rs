//! Which files messages have.

use super::request::Request;
use super::{Store, StoreError};
use crate::domain::FileId;

impl Store {
    /// Sees to it that no message has this file, and that none ever will: from then on, one that comes with it is refused, however
    /// long it has been under way. False, and nothing is changed, if a message has it.
    pub(crate) async fn disown(&self, file: &FileId) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Disown { file: file.clone(), reply }).await
    }
}
