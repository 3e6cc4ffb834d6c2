//! What a file is, by its bytes.

use crate::domain::FileName;

/// How many bytes of a file are looked at, from its beginning.
pub(crate) const HEAD: usize = 8192;

/// A picture that can be made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Png,
    Jpeg,
    Gif,
    WebP,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) media_type: &'static str,
    pub(crate) picture: Option<Picture>,
}

/// The name says that it is a picture of one kind, the bytes say something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lie;

/// What the bytes say; `head` are the first [`HEAD`] of them, or all.
pub(crate) fn sniff(head: &[u8], name: &FileName) -> Result<Kind, Lie> {
    let found = infer::get(head).map(|found| found.mime_type());
    let picture = found.and_then(Picture::of_type);
    let said = name.extension().as_deref().and_then(Picture::of_extension);
    if said.is_some() && said != picture {
        return Err(Lie);
    }
    let media_type = match found {
        Some(found) => found,
        None if is_text(head) => "text/plain",
        None => "application/octet-stream",
    };
    Ok(Kind { media_type, picture })
}

impl Picture {
    fn of_type(media_type: &str) -> Option<Self> {
        match media_type {
            "image/png" => Some(Self::Png),
            "image/jpeg" => Some(Self::Jpeg),
            "image/gif" => Some(Self::Gif),
            "image/webp" => Some(Self::WebP),
            _ => None,
        }
    }

    fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "gif" => Some(Self::Gif),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character that is cut off at the end of what is looked at.
        Err(error) if head.len() == HEAD && error.valid_up_to() + 4 > HEAD => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(head: &[u8], name: &str) -> Result<&'static str, Lie> {
        sniff(head, &FileName::tidy(name)).map(|kind| kind.media_type)
    }

    #[test]
    fn the_bytes_say_what_it_is() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert_eq!(kind(png, "a.png"), Ok("image/png"));
        assert_eq!(kind(png, "a.txt"), Ok("image/png"));
        assert_eq!(kind(png, "a.jpg"), Err(Lie));
        assert_eq!(kind(b"MZ\x90\0", "a.PNG"), Err(Lie));
        assert_eq!(kind(b"<html><script>alert(1)</script>", "a.gif"), Err(Lie));
        assert_eq!(kind(b"", "a.webp"), Err(Lie));
        assert_eq!(kind(b"just words\n", "notes"), Ok("text/plain"));
        assert_eq!(kind("é".repeat(HEAD).as_bytes().get(1..=HEAD).unwrap(), "x"), Ok("application/octet-stream"));
        let cut = format!("x{}", "é".repeat(HEAD));
        assert_eq!(kind(&cut.as_bytes()[..HEAD], "x"), Ok("text/plain"), "the last character is cut");
        assert_eq!(kind(b"a\0b", "a.txt"), Ok("application/octet-stream"));
        assert_eq!(kind(b"PK\x03\x04", "a.zip"), Ok("application/zip"));
    }
}
