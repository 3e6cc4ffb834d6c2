//! What a file is, by its bytes.

use infer::MatcherType;

use super::archive::{self, Packing};
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

/// A film of which a picture can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Film {
    Mp4,
    Matroska,
}

/// Whether there are other files in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// It is an archive that can be looked into.
    Archive(Packing),
    /// It is one that cannot.
    Unseen,
    /// It may be one behind what it begins with, as programs are that unpack themselves.
    Perhaps,
    /// It must not be one.
    Nothing,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) media_type: &'static str,
    pub(crate) picture: Option<Picture>,
    pub(crate) film: Option<Film>,
    pub(crate) inside: Inside,
}

/// The name says what it is, the bytes say something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lie;

/// What the bytes say; `head` are the first [`HEAD`] of them, or all.
pub(crate) fn sniff(head: &[u8], name: &FileName) -> Result<Kind, Lie> {
    let found = infer::get(head);
    let media_type = match found {
        Some(found) => found.mime_type(),
        None if is_text(head) => "text/plain",
        None => "application/octet-stream",
    };
    if name.extension().is_some_and(|extension| !fits(&extension, head, media_type)) {
        return Err(Lie);
    }
    let inside = match (archive::packing(head), found.map(|found| found.matcher_type())) {
        (Some(packing), _) => Inside::Archive(packing),
        (None, Some(MatcherType::Archive)) if media_type != "application/pdf" => Inside::Unseen,
        (None, None | Some(MatcherType::App | MatcherType::Text)) => Inside::Perhaps,
        (None, Some(_)) => Inside::Nothing,
    };
    Ok(Kind { media_type, picture: Picture::of_type(media_type), film: Film::of_type(media_type), inside })
}

/// Whether bytes that begin like this may have this ending to their name. Only endings by which people judge are looked at.
fn fits(extension: &str, head: &[u8], media_type: &str) -> bool {
    match extension {
        "png" | "gif" | "webp" => media_type.strip_prefix("image/") == Some(extension),
        "jpg" | "jpeg" => media_type == "image/jpeg",
        "pdf" => media_type == "application/pdf",
        // Brands of films are many; all of them begin with a box of one of a few types.
        "mp4" | "m4v" | "mov" => {
            matches!(head.get(4..8), Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide"))
        }
        "mkv" | "webm" => head.starts_with(b"\x1a\x45\xdf\xa3"),
        "zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp" | "epub" | "jar" => {
            archive::packing(head) == Some(Packing::Zip)
        }
        "gz" | "tgz" => archive::packing(head) == Some(Packing::Gzip),
        _ => true,
    }
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
}

impl Film {
    fn of_type(media_type: &str) -> Option<Self> {
        match media_type {
            "video/mp4" | "video/x-m4v" | "video/quicktime" => Some(Self::Mp4),
            "video/webm" | "video/x-matroska" => Some(Self::Matroska),
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

    #[test]
    fn a_name_by_which_people_judge_is_true() {
        let mp4 = b"\0\0\0\x18ftypisom\0\0\0\0";
        for (name, good) in [
            ("a.pdf", &b"%PDF-1.7"[..]),
            ("a.zip", b"PK\x03\x04"),
            ("a.docx", b"PK\x03\x04"),
            ("a.tar.gz", b"\x1f\x8b\x08\0"),
            ("a.mp4", mp4),
            ("a.MOV", b"\0\0\0\x14ftypqt  "),
            ("a.webm", b"\x1a\x45\xdf\xa3"),
        ] {
            assert!(kind(good, name).is_ok(), "{name}");
            for other in [&b"MZ\x90\0"[..], b"#!/bin/sh\n", b"<html>", b""] {
                assert_eq!(kind(other, name), Err(Lie), "{name}: {other:?}");
            }
        }
        assert!(kind(mp4, "a.exe").is_ok(), "that is what it is called by");
    }

    #[test]
    fn what_may_have_files_inside() {
        let inside = |head: &[u8]| sniff(head, &FileName::tidy("a")).unwrap().inside;
        assert_eq!(inside(b"PK\x03\x04"), Inside::Archive(Packing::Zip));
        assert_eq!(inside(b"\x1f\x8b\x08\0"), Inside::Archive(Packing::Gzip));
        assert_eq!(inside(b"7z\xbc\xaf\x27\x1c"), Inside::Unseen);
        for perhaps in [&b"MZ\x90\0"[..], b"#!/bin/sh\n", b"\0\x01\x02"] {
            assert_eq!(inside(perhaps), Inside::Perhaps, "{perhaps:?}");
        }
        for nothing in [&b"\x89PNG\r\n\x1a\n"[..], b"%PDF-1.7", b"GIF89a", b"\0\0\0\x18ftypisom"] {
            assert_eq!(inside(nothing), Inside::Nothing, "{nothing:?}");
        }
    }
}
