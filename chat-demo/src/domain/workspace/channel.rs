//! The channels of a workspace, and what they can be called.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::RoomCode;
use crate::domain::text::{Fate, fate};

/// The longest name of a channel, in characters.
pub const MAX_CHANNEL_CHARS: usize = 32;

/// Marks that may sit on one letter.
const MAX_MARKS: usize = 4;

/// A room that belongs to a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// The room.
    pub room: RoomCode,
    /// What it is called among the channels of its workspace.
    pub name: ChannelName,
}

/// What a channel is called: NFKC, lower case, letters, digits, `-` and `_`, beginning with a letter or digit, 1 to
/// [`MAX_CHANNEL_CHARS`] characters. Two ways of writing one name are one name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// Why a text cannot be the name of a channel.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelNameError {
    /// Nothing that can be seen.
    #[error("please choose a name for the channel; this one is blank")]
    Blank,
    /// More than [`MAX_CHANNEL_CHARS`] characters.
    #[error("the name of a channel has at most {MAX_CHANNEL_CHARS} characters")]
    TooLong,
    /// A character that no name has.
    #[error(
        "“{found}” cannot be in the name of a channel: use letters, digits, - and _, and begin with a letter or digit"
    )]
    Character {
        /// The first such character.
        found: char,
    },
    /// A letter with a tower of combining marks.
    #[error("a letter of this name carries more than {MAX_MARKS} marks")]
    Marks,
}

impl ChannelName {
    /// The name that `text` gives, which may begin with `#`.
    ///
    /// Characters that turn or hide text are left out, white space within it becomes `-`, letters become small ones.
    ///
    /// # Errors
    ///
    /// [`ChannelNameError`] when what is left is no name.
    pub fn parse(text: &str) -> Result<Self, ChannelNameError> {
        // Far more than any name; what is beyond is not even looked at.
        let looked_at = text.trim().chars().take(MAX_CHANNEL_CHARS * 16);
        let kept: String = looked_at.filter(|&c| fate(c) != Fate::Strip || c.is_whitespace()).collect();
        // Small letters of what is composed may have to be composed again.
        let folded: String = kept.nfkc().collect::<String>().to_lowercase().nfkc().collect();
        let wanted = folded.trim();
        let wanted = wanted.strip_prefix('#').unwrap_or(wanted).trim_start();
        let (mut name, mut chars, mut marks, mut gap) = (String::new(), 0, 0, false);
        for c in wanted.chars() {
            if c.is_whitespace() {
                gap = true;
                continue;
            }
            if std::mem::take(&mut gap) {
                name.push('-');
                chars += 1;
            }
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            let good = match c {
                _ if marks > MAX_MARKS => return Err(ChannelNameError::Marks),
                '-' | '_' => !name.is_empty(),
                c if marks > 0 => !name.is_empty() && !c.is_control(),
                c => c.is_alphanumeric(),
            };
            if !good {
                let found = if c.is_control() { '\u{fffd}' } else { c };
                return Err(ChannelNameError::Character { found });
            }
            name.push(c);
            chars += 1;
            if chars > MAX_CHANNEL_CHARS {
                return Err(ChannelNameError::TooLong);
            }
        }
        if name.is_empty() {
            return Err(ChannelNameError::Blank);
        }
        Ok(Self(name.into()))
    }

    /// The name as text, without a `#`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Result<String, ChannelNameError> {
        ChannelName::parse(text).map(|name| name.to_string())
    }

    #[test]
    fn two_ways_of_writing_one_name_are_one() {
        for text in ["general", "#General", "  GENERAL ", "# general", "ｇｅｎｅｒａｌ", "gen\u{200b}eral\u{202e}"]
        {
            assert_eq!(name(text), Ok("#general".into()), "{text:?}");
        }
        assert_eq!(name("Off \t Topic"), Ok("#off-topic".into()));
        assert_eq!(name("Ame\u{301}lie"), Ok("#amélie".into()), "composed");
        assert_eq!(name("日本語_2"), Ok("#日本語_2".into()));
    }

    #[test]
    fn names_that_are_none() {
        assert_eq!(name(" # "), Err(ChannelNameError::Blank));
        assert_eq!(name("\u{200b}"), Err(ChannelNameError::Blank));
        assert_eq!(name(&"x".repeat(32)).unwrap().len(), 33);
        assert_eq!(name(&"x".repeat(33)), Err(ChannelNameError::TooLong));
        for (text, found) in
            [("a/b", '/'), ("-a", '-'), ("<b>", '<'), ("##a", '#'), ("a🚀", '🚀'), ("\u{301}a", '\u{301}')]
        {
            assert_eq!(name(text), Err(ChannelNameError::Character { found }), "{text}");
        }
        assert_eq!(name(&format!("a{}", "\u{30d}".repeat(9))), Err(ChannelNameError::Marks));
    }

    proptest! {
        #[test]
        fn a_name_is_its_own_name(text: String) {
            if let Ok(once) = ChannelName::parse(&text) {
                prop_assert_eq!(ChannelName::parse(once.as_str()), Ok(once.clone()));
                prop_assert_eq!(ChannelName::parse(&once.to_string()), Ok(once.clone()));
                prop_assert!(once.as_str().chars().count() <= MAX_CHANNEL_CHARS);
            }
        }

        #[test]
        fn letters_of_any_script_survive(text in "[A-Za-zÄÖÜäöüßÀÉÔØàéôøÿΑ-ΡΣ-Ωα-ωА-я0-9]{1,16}") {
            let once = ChannelName::parse(&text).unwrap();
            prop_assert_eq!(ChannelName::parse(&text.to_lowercase()), Ok(once.clone()));
            prop_assert_eq!(ChannelName::parse(once.as_str()), Ok(once));
        }
    }
}
