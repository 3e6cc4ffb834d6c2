//! What somebody looks for: words, "phrases" and beginnings*, all of which a message must have.

use std::ops::Range;
use std::str::FromStr;

use thiserror::Error;

use super::words::{Word, words};

/// The longest query, in characters.
pub const MAX_QUERY_CHARS: usize = 200;

/// The words of a query, at most.
pub const MAX_QUERY_WORDS: usize = 32;

/// The shortest beginning of a word that can be looked for, in characters.
const MIN_PREFIX_CHARS: usize = 2;

/// What somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

/// Words that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// As they are compared: see [`words`].
    pub(crate) words: Vec<String>,
    /// Whether the last of them is only the beginning of a word.
    pub(crate) prefix: bool,
}

/// Why a text cannot be looked for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// Nothing that a message could have.
    #[error("write a word to search for: letters or digits")]
    Empty,
    /// More than [`MAX_QUERY_CHARS`] characters.
    #[error("search for less: {MAX_QUERY_CHARS} characters at most")]
    TooLong,
    /// More than [`MAX_QUERY_WORDS`] words.
    #[error("search for less: {MAX_QUERY_WORDS} words at most")]
    TooMany,
    /// The beginning of a word that half of all words have.
    #[error("write at least {MIN_PREFIX_CHARS} letters before *")]
    ShortPrefix,
}

/// Words stand apart, phrases between quotation marks, the last of which may be missing; a `*` behind a word makes it a
/// beginning. What is no letter and no digit separates words within a term, and means nothing else.
impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        if text.chars().nth(MAX_QUERY_CHARS).is_some() {
            return Err(QueryError::TooLong);
        }
        let mut terms = Vec::new();
        for (index, part) in text.split(['"', '“', '”', '„']).enumerate() {
            if index % 2 == 1 {
                terms.extend(Term::of(part, false));
                continue;
            }
            for word in part.split_whitespace() {
                terms.extend(Term::of(word, word.ends_with('*')));
            }
        }
        if terms.is_empty() {
            return Err(QueryError::Empty);
        }
        if terms.iter().map(|term| term.words.len()).sum::<usize>() > MAX_QUERY_WORDS {
            return Err(QueryError::TooMany);
        }
        let short = |word: &String| word.is_ascii() && word.len() < MIN_PREFIX_CHARS;
        if terms.iter().any(|term| term.prefix && term.words.last().is_some_and(short)) {
            return Err(QueryError::ShortPrefix);
        }
        Ok(Self { terms })
    }
}

impl Query {
    /// All of what a message must have.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Where a text has any of it, in order, nothing twice.
    pub(crate) fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let words = words(text);
        let mut all: Vec<_> = self.terms.iter().flat_map(|term| term.places(&words)).collect();
        all.sort_by_key(|range| (range.start, range.end));
        let mut marks: Vec<Range<usize>> = Vec::new();
        for range in all {
            match marks.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => marks.push(range),
            }
        }
        marks
    }
}

impl Term {
    fn of(text: &str, prefix: bool) -> Option<Self> {
        let words: Vec<_> = words(text).into_iter().map(|word| word.folded).collect();
        (!words.is_empty()).then_some(Self { words, prefix })
    }

    /// Where it stands in a text of these words.
    fn places<'t>(&'t self, text: &'t [Word]) -> impl Iterator<Item = Range<usize>> + 't {
        let fits = |place: &&[Word]| {
            let mut pairs = place.iter().zip(&self.words).enumerate();
            pairs.all(|(index, (word, wanted))| {
                let begins = self.prefix && index + 1 == self.words.len();
                if begins { word.folded.starts_with(&**wanted) } else { word.folded == *wanted }
            })
        };
        text.windows(self.words.len()).filter(fits).map(|place| place[0].range.start..place[place.len() - 1].range.end)
    }
}

#[cfg(test)]
impl Query {
    /// Whether a text has all of it: what every database must find, found by looking.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let words = words(text);
        self.terms.iter().all(|term| term.places(&words).next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let query: Query = text.parse().unwrap();
        let shown = |term: &Term| format!("{}{}", term.words.join("+"), if term.prefix { "*" } else { "" });
        query.terms.iter().map(shown).collect()
    }

    #[test]
    fn words_phrases_and_beginnings_are_all_there_is() {
        assert_eq!(terms("Hello  WORLD"), ["hello", "world"]);
        assert_eq!(terms("\"hello, world\" été*"), ["hello+world", "ete*"]);
        assert_eq!(terms("foo-bar* \"not closed"), ["foo+bar*", "not+closed"]);
        assert_eq!(terms("“quoted so” a OR NOT b"), ["quoted+so", "a", "or", "not", "b"]);
        assert_eq!(
            terms("room:x ^y -z (a) 'b' cd:* & d | !e <-> f \\ %_"),
            ["room+x", "y", "z", "a", "b", "cd*", "d", "e", "f"].map(str::to_owned)
        );
        assert_eq!(terms("\"in* here\" * ** 日*"), ["in+here", "日*"]);
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        let refused = |text: &str| text.parse::<Query>().unwrap_err();
        for empty in ["", "  ", "\"\"", "*", "!!! --- \u{301}", "👍"] {
            assert_eq!(refused(empty), QueryError::Empty, "{empty}");
        }
        assert_eq!(refused(&"x".repeat(201)), QueryError::TooLong);
        assert_eq!(refused(&"a ".repeat(33)), QueryError::TooMany);
        assert_eq!(refused("a*"), QueryError::ShortPrefix);
        assert_eq!(refused(&"(".repeat(1_000_000)), QueryError::TooLong);
    }

    #[test]
    fn what_is_found_is_marked_as_it_was_written() {
        let marked = |query: &str, text: &str| -> Vec<String> {
            query.parse::<Query>().unwrap().marks(text).into_iter().map(|range| text[range].to_owned()).collect()
        };
        assert_eq!(marked("ete", "L'Été, e\u{301}te\u{301}"), ["Été", "e\u{301}te\u{301}"]);
        assert_eq!(marked("\"b c\" cd* x", "a b c, cd"), ["b c", "cd"]);
        assert_eq!(marked("本 日本", "日本語"), ["日本"]);
        assert!(marked("none", "a b c").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_a_query_or_refused_and_its_marks_are_parts_of_the_text(query in "\\PC{0,20}|[abÉ字\"* -]{0,12}", text in "[abcÉé字日 ,½\u{301}]{0,24}") {
            if let Ok(query) = query.parse::<Query>() {
                let mut end = 0;
                let marks = query.marks(&text);
                for range in &marks {
                    prop_assert!(range.start >= end && range.start < range.end && text.get(range.clone()).is_some());
                    end = range.end;
                }
                prop_assert!(!query.fits(&text) || !marks.is_empty());
            }
        }
    }
}
