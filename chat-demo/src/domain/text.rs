//! Which characters a person may send to other people's screens.

/// What becomes of one character of somebody's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays.
    Keep,
    /// It is a line break, whatever it was written as.
    Break,
    /// It is left out: it would move a cursor, hide text or turn its direction around.
    Strip,
}

/// The fate of `c`.
///
/// Left out are the C0 and C1 controls (a terminal would obey them), the marks, embeddings,
/// overrides and isolates of the bidirectional algorithm (they make text read differently from what
/// it says), invisible operators and fillers, interlinear annotations and the byte order mark. The
/// joiners stay: emoji and several scripts are written with them.
pub(crate) fn fate(c: char) -> Fate {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' => Fate::Break,
        '\t' => Fate::Keep,
        c if c.is_control() => Fate::Strip,
        '\u{061c}' | '\u{200e}' | '\u{200f}' => Fate::Strip,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => Fate::Strip,
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{00ad}' => Fate::Strip,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Fate::Strip,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' => Fate::Strip,
        _ => Fate::Keep,
    }
}

/// Whether `c` leaves a mark of its own on the screen.
pub(crate) fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_text_goes() {
        for c in ['\0', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}'] {
            assert_eq!(fate(c), Fate::Strip, "{c:?}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for c in ['a', 'é', '字', 'ש', '👩', '\u{200d}', '\t', '<', '&', ' '] {
            assert_eq!(fate(c), Fate::Keep, "{c:?}");
        }
        assert_eq!(fate('\u{2029}'), Fate::Break);
    }
}
