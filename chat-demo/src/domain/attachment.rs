//! A file that was sent with a message.

use std::fmt;

use rand::Rng;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::text::{Fate, fate, is_visible};

/// The longest name of a file that is kept, in characters.
pub const MAX_FILE_NAME_CHARS: usize = 100;

/// How many characters the name of a file on our disk has: 32 of base 32, 160 bits.
const ID_LENGTH: usize = 32;
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a file is called on our disk: random, and nothing that anybody has sent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileId(String);

/// What its sender calls a file, fit to be shown: one line, no folders, nothing that turns or hides text, at most
/// [`MAX_FILE_NAME_CHARS`] characters. It never becomes a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FileName(String);

/// A file that was sent with a message, published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Where it is.
    pub file: FileId,
    /// What its sender calls it.
    pub name: FileName,
    /// What its bytes say it is.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// How wide and high its thumbnail is, in pixels, if it has one.
    pub thumbnail: Option<(u32, u32)>,
    /// Whether a scanner has looked at it, and found nothing.
    pub scanned: bool,
}

impl FileId {
    /// A new one.
    pub fn random() -> Self {
        let mut rng = rand::rng();
        Self((0..ID_LENGTH).map(|_| char::from(DIGITS[rng.random_range(0..DIGITS.len())])).collect())
    }

    /// The name on the disk.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FileId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let good = text.len() == ID_LENGTH && text.bytes().all(|byte| DIGITS.contains(&byte));
        if good { Ok(Self(text)) } else { Err("that is no file of ours") }
    }
}

impl From<FileId> for String {
    fn from(id: FileId) -> Self {
        id.0
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FileName {
    /// The name that `text` gives: what is behind its last slash or backslash, without what [`FileName`] excludes, with
    /// its ending when it is cut; `file` if nothing is left.
    pub fn tidy(text: &str) -> Self {
        // Far more than any name; what is before is not even looked at.
        let tail: Vec<char> = text.chars().rev().take(MAX_FILE_NAME_CHARS * 16).collect();
        let last = tail.iter().take_while(|c| !matches!(c, '/' | '\\')).copied().collect::<Vec<_>>();
        let kept: String =
            last.into_iter().rev().filter(|&c| fate(c) != Fate::Strip || c.is_whitespace()).nfc().collect();
        let words: Vec<&str> = kept.split_whitespace().collect();
        let name = words.join(" ");
        // A leading dot hides a file, a trailing one is lost by some systems.
        let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
        if !name.chars().any(is_visible) {
            return Self("file".into());
        }
        let chars = name.chars().count();
        if chars <= MAX_FILE_NAME_CHARS {
            return Self(name.into());
        }
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) if ending.chars().count() <= 16 => (stem, format!("….{ending}")),
            _ => (name, "…".into()),
        };
        let room = MAX_FILE_NAME_CHARS - ending.chars().count();
        Self(stem.chars().take(room).chain(ending.chars()).collect())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is behind its last dot, in small letters.
    pub fn extension(&self) -> Option<String> {
        self.0.rsplit_once('.').map(|(_, extension)| extension.to_lowercase())
    }
}

impl From<String> for FileName {
    fn from(text: String) -> Self {
        Self::tidy(&text)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lose_their_folders_and_what_turns_text_around() {
        for (sent, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\ada\photo.png", "photo.png"),
            ("..", "file"),
            ("", "file"),
            ("/", "file"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("a\r\nSet-Cookie: x\0.txt", "a Set-Cookie: x.txt"),
            (".htaccess", "htaccess"),
            ("  two   words .txt ", "two words .txt"),
            ("\u{200b}\u{200d}", "file"),
            ("Zeichen ß 字 👩.txt", "Zeichen ß 字 👩.txt"),
        ] {
            assert_eq!(FileName::tidy(sent).as_str(), kept, "{sent:?}");
        }
        let long = FileName::tidy(&format!("{}.jpeg", "x".repeat(300)));
        assert!(long.as_str().ends_with("x….jpeg") && long.as_str().chars().count() == MAX_FILE_NAME_CHARS);
        assert_eq!(long.extension().as_deref(), Some("jpeg"));
    }

    #[test]
    fn only_ids_of_our_own_form() {
        let id = FileId::random();
        assert_eq!(FileId::try_from(id.as_str().to_owned()), Ok(id));
        for wrong in ["", "../../../etc/passwd", &"/".repeat(32), &"A".repeat(32), &"a".repeat(33)] {
            assert!(FileId::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_tidy_name_is_its_own_name(text: String) {
            let once = FileName::tidy(&text);
            prop_assert_eq!(&FileName::tidy(once.as_str()), &once);
            prop_assert!(!once.as_str().is_empty() && once.as_str().chars().count() <= MAX_FILE_NAME_CHARS);
            prop_assert!(!once.as_str().contains(['/', '\\']) && !once.as_str().chars().any(char::is_control));
        }
    }
}
