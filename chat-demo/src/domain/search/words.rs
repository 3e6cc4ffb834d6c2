//! The words of a text, as they are compared with each other.

use std::iter::once;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// As much of a word as is compared, in characters.
const MAX_WORD_CHARS: usize = 64;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// As it is compared: compatible forms (NFKD), small letters, no accents.
    pub(crate) folded: String,
    /// Where it stands, in bytes.
    pub(crate) range: Range<usize>,
}

/// The words of a text: runs of letters, digits and the signs that belong to letters; each ideograph and kana is one by itself.
///
/// Both databases keep and compare exactly these, so that neither decides by itself what a word is. Folded words have letters,
/// digits and signs only, none of which means anything in the languages in which databases are asked.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut open: Option<Word> = None;
    let mut length = 0;
    for (at, c) in text.char_indices() {
        let range = at..at + c.len_utf8();
        for part in once(c).nfkd() {
            if is_accent(part) {
                if let Some(word) = &mut open {
                    word.range.end = range.end;
                }
            } else if !part.is_alphanumeric() && !is_combining_mark(part) {
                words.extend(open.take());
            } else if stands_alone(part) {
                words.extend(open.take());
                words.push(Word { folded: part.to_string(), range: range.clone() });
            } else {
                let word = open.get_or_insert_with(|| {
                    length = 0;
                    Word { folded: String::new(), range: range.clone() }
                });
                word.range.end = range.end;
                length += 1;
                match part {
                    _ if length > MAX_WORD_CHARS => {}
                    'ß' | 'ẞ' => word.folded.push_str("ss"),
                    'ς' => word.folded.push('σ'),
                    part => word.folded.extend(part.to_lowercase().filter(|&c| !is_accent(c))),
                }
            }
        }
    }
    words.extend(open);
    words
}

/// Marks of Latin, Greek, Cyrillic, Hebrew and Arabic letters, and what joins letters: left out where words are compared.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}'
        | '\u{200c}' | '\u{200d}' | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}')
}

/// Scripts that put no space between words.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        assert_eq!(folded("Été, ÉTÉ; e\u{301}te\u{301}!"), ["ete"; 3]);
        assert_eq!(folded("Straße STRASSE ﬁnal ΟΔΟΣ οδός"), ["strasse", "strasse", "final", "οδοσ", "οδοσ"]);
        assert_eq!(folded("don't foo-bar_baz 3.14"), ["don", "t", "foo", "bar", "baz", "3", "14"]);
        assert_eq!(folded("日本語 です हिन्दी"), ["日", "本", "語", "て", "す", "हिन्दी"]);
        assert_eq!(folded("İstanbul '\"*()&|!:<-> 👩‍🚀"), ["istanbul"]);
        assert_eq!(folded(&"x".repeat(100)), ["x".repeat(64)]);
    }

    proptest! {
        #[test]
        fn words_stand_where_they_are_said_to(text in "\\PC{0,40}|[aÉéßİ字ｶﾞ\u{300}½ ﷺ'*\"]{0,20}") {
            let mut end = 0;
            for word in words(&text) {
                prop_assert!(word.range.start <= word.range.end && text.get(word.range.clone()).is_some());
                prop_assert!(word.range.end >= end, "in order");
                end = word.range.end;
                prop_assert!(!word.folded.is_empty());
                prop_assert!(word.folded.chars().all(|c| c.is_alphanumeric() || is_combining_mark(c)), "{:?}", word);
                prop_assert!(!word.folded.contains(['\'', '"', '*', '(', ':', '\\', '@', ' ', '\0']));
                // What is found is found again by what it is folded to.
                let again: String = words(&word.folded).into_iter().map(|word| word.folded).collect();
                prop_assert_eq!(again, word.folded);
            }
        }
    }
}
