//! The name a person goes by.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::text::{Fate, fate, is_visible};

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 32;

/// Marks that may sit on one letter; more of them climb over the neighbouring lines.
const MAX_MARKS: usize = 4;

/// A name that can be shown to others: NFC, one line, single spaces, 1 to [`MAX_NAME_CHARS`]
/// characters of which one at least is visible.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(Arc<str>);

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing that can be seen.
    #[error("please choose a name; this one is blank")]
    Blank,
    /// More than [`MAX_NAME_CHARS`] characters.
    #[error("a name has at most {MAX_NAME_CHARS} characters")]
    TooLong,
    /// A letter with a tower of combining marks.
    #[error("a letter of this name carries more than {MAX_MARKS} marks")]
    Marks,
}

impl DisplayName {
    /// The name that `text` gives.
    ///
    /// Controls and characters that turn or hide text are left out, runs of white space become one
    /// space, and what is left is composed (NFC).
    ///
    /// # Errors
    ///
    /// [`NameError`] when what is left is blank, too long, or not fit to be shown.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // Far more than any name; what is beyond is not even looked at.
        let looked_at = text.chars().take(MAX_NAME_CHARS * 16);
        let kept = looked_at.filter(|&c| fate(c) != Fate::Strip || c.is_whitespace());
        let mut name = String::new();
        let mut chars = 0;
        let mut marks = 0;
        let mut gap = false;
        for c in kept.nfc() {
            if c.is_whitespace() {
                gap = !name.is_empty();
                continue;
            }
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            if marks > MAX_MARKS {
                return Err(NameError::Marks);
            }
            if std::mem::take(&mut gap) {
                name.push(' ');
                chars += 1;
            }
            name.push(c);
            chars += 1;
            if chars > MAX_NAME_CHARS {
                return Err(NameError::TooLong);
            }
        }
        if !name.chars().any(is_visible) {
            return Err(NameError::Blank);
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Result<String, NameError> {
        DisplayName::parse(text).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names_are_tidied() {
        assert_eq!(name("  Ada \t\n Lovelace "), Ok("Ada Lovelace".into()));
        assert_eq!(name("Ame\u{301}lie"), Ok("Amélie".into()), "composed");
        assert_eq!(name("\u{202e}evil\u{1b}[31m"), Ok("evil[31m".into()), "nothing turns or colours");
        assert_eq!(name("<b>Bob</b>"), Ok("<b>Bob</b>".into()), "markup is only text");
        assert_eq!(name("👩‍🚀"), Ok("👩‍🚀".into()), "joiners hold emoji together");
    }

    #[test]
    fn names_that_are_none() {
        assert_eq!(name(""), Err(NameError::Blank));
        assert_eq!(name(" \u{200b}\u{200d} "), Err(NameError::Blank));
        assert_eq!(name(&"x".repeat(32)).unwrap().len(), 32);
        assert_eq!(name(&"x".repeat(33)), Err(NameError::TooLong));
        assert_eq!(name(&format!("a{}", "\u{30d}".repeat(9))), Err(NameError::Marks));
    }

    proptest! {
        #[test]
        fn a_name_is_its_own_name(text: String) {
            if let Ok(once) = DisplayName::parse(&text) {
                prop_assert_eq!(DisplayName::parse(once.as_str()), Ok(once.clone()));
                prop_assert!(once.as_str().chars().count() <= MAX_NAME_CHARS);
                prop_assert!(once.as_str().chars().all(|c| !c.is_control()));
            }
        }
    }
}
