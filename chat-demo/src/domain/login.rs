//! What somebody logs in by.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The shortest login name, in characters.
pub const MIN_LOGIN_CHARS: usize = 3;
/// The longest login name, in characters.
pub const MAX_LOGIN_CHARS: usize = 32;

/// A login name: 3 to 32 characters, `a` to `z`, `0` to `9`, `.`, `_` and `-`, the first of them a letter or digit.
/// Few characters, so that no two names look alike. It is not shown to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginName(String);

/// Why a text cannot be a login name.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginError {
    /// Too short or too long.
    #[error("a login name has {MIN_LOGIN_CHARS} to {MAX_LOGIN_CHARS} characters")]
    Length,
    /// A character that cannot be in it, or not in front.
    #[error(
        "a login name has only letters from a to z, digits, dots, hyphens and underscores, and begins with a letter or digit"
    )]
    Characters,
}

impl LoginName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// White space around it and capitals do not matter.
impl FromStr for LoginName {
    type Err = LoginError;

    fn from_str(text: &str) -> Result<Self, LoginError> {
        let name = text.trim().to_ascii_lowercase();
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            return Err(LoginError::Characters);
        }
        if !(MIN_LOGIN_CHARS..=MAX_LOGIN_CHARS).contains(&name.len()) {
            return Err(LoginError::Length);
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(LoginError::Characters);
        }
        Ok(Self(name))
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_names_are_of_few_characters() {
        let parse = |text: &str| text.parse::<LoginName>().map(|name| name.as_str().to_owned());
        assert_eq!(parse(" Ada.Lovelace-1815_ "), Ok("ada.lovelace-1815_".into()));
        for wrong in ["", "ab", &"a".repeat(33)] {
            assert_eq!(parse(wrong), Err(LoginError::Length), "{wrong}");
        }
        for wrong in ["adа (Cyrillic)", "аda", "-ada", ".ada", "ada lovelace", "ada\0", "ada\u{202e}", "ada'--"] {
            assert_eq!(parse(wrong), Err(LoginError::Characters), "{wrong}");
        }
    }
}
