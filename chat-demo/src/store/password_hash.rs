//! What is kept of a password.

use std::fmt;

/// A password as the database has it: salted and hashed, in the PHC text format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// What a hasher has made, or the database has kept.
    pub fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The text: for the hasher and the database, nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Nothing of it.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
