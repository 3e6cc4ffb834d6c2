//! Who is meant by an `@name` in a text.

use std::ops::Range;

use super::{Person, PersonId};

/// How many `@` of one text are looked at, and so how many can be mentioned by it.
pub const MAX_MENTIONS: usize = 20;

/// Where a text mentions any of `people`, in order: the `@` with the name behind it.
///
/// A name is meant whatever its case, from the `@`, which has no letter or digit before it, to where no letter or digit
/// follows; of several that fit the longest is. Whoever have the same name are all meant.
pub(crate) fn mentions<'p>(text: &str, people: &'p [Person]) -> Vec<(Range<usize>, Vec<&'p Person>)> {
    let begins =
        |&(at, _): &(usize, &str)| text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
    text.match_indices('@')
        .filter(begins)
        .take(MAX_MENTIONS)
        .filter_map(|(at, _)| {
            let rest = &text[at + 1..];
            let fits = |person: &'p Person| Some((matched(rest, person.name.as_str())?, person));
            let all: Vec<_> = people.iter().filter_map(fits).collect();
            let longest = all.iter().map(|&(length, _)| length).max()?;
            let meant = all.into_iter().filter(|&(length, _)| length == longest).map(|(_, person)| person).collect();
            Some((at..at + 1 + longest, meant))
        })
        .collect()
}

/// Whom of `people` a text of `author` mentions, each once by their numbers, and never its author.
pub(crate) fn mentioned(text: &str, author: PersonId, people: &[Person]) -> Vec<Person> {
    let mut all: Vec<Person> = Vec::new();
    for person in mentions(text, people).into_iter().flat_map(|(_, meant)| meant) {
        if all.len() < MAX_MENTIONS && person.id != author && all.iter().all(|known| known.id != person.id) {
            all.push(person.clone());
        }
    }
    all.sort_by_key(|person| person.id);
    all
}

/// How many bytes of `text` are this name, if it begins with it.
pub(super) fn matched(text: &str, name: &str) -> Option<usize> {
    let mut chars = text.chars();
    for expected in name.chars() {
        let found = chars.next()?;
        if found != expected && !found.to_lowercase().eq(expected.to_lowercase()) {
            return None;
        }
    }
    let rest = chars.as_str();
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric());
    ends.then_some(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::DisplayName;

    fn people(names: &[&str]) -> Vec<Person> {
        let person = |(id, name): (i64, &&str)| Person { id: PersonId(id), name: DisplayName::parse(name).unwrap() };
        (1..).zip(names).map(person).collect()
    }

    fn found(text: &str, names: &[&str]) -> Vec<String> {
        let people = people(names);
        mentions(text, &people).into_iter().map(|(range, _)| text[range].to_owned()).collect()
    }

    #[test]
    fn a_name_is_meant_from_the_at_to_its_end() {
        let names = ["Ada", "Ada Lovelace", "Émile", "o.o"];
        for (text, expected) in [
            ("@Ada", &["@Ada"][..]),
            ("hi @ada, and @ADA!", &["@ada", "@ADA"]),
            ("@Ada Lovelace's", &["@Ada Lovelace"]),
            ("@Ada Lovelaces", &["@Ada"]),
            ("@Adam, ada@Ada, @ Ada, Ada", &[]),
            ("(@émile) @o.o...", &["@émile", "@o.o"]),
            ("@@Ada", &["@Ada"]),
            ("@", &[]),
        ] {
            assert_eq!(found(text, &names), expected, "{text}");
        }
    }

    #[test]
    fn all_of_one_name_are_mentioned_once_and_never_the_author() {
        let people = people(&["Ada", "ada", "Bob"]);
        let ids = |author| -> Vec<i64> {
            mentioned("@ada @Ada @bob", PersonId(author), &people).iter().map(|person| person.id.0).collect()
        };
        assert_eq!(ids(9), [1, 2, 3]);
        assert_eq!(ids(1), [2, 3]);
    }

    #[test]
    fn no_more_than_so_many() {
        assert_eq!(found(&"@Ada ".repeat(100), &["Ada"]).len(), MAX_MENTIONS);
        let many = people(&["Ada"; 100]);
        assert_eq!(mentioned("@Ada", PersonId(0), &many).len(), MAX_MENTIONS);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_at_characters_and_what_is_found_is_a_name(text in ".{0,60}", at in "[@ aÄßİ]{0,20}") {
            let people = people(&["a", "Ä", "ß a", "İ", "a a"]);
            let text = format!("{text}{at}");
            let mut end = 0;
            for (range, meant) in mentions(&text, &people) {
                prop_assert!(range.start >= end && !meant.is_empty());
                prop_assert!(text[range.clone()].starts_with('@'));
                prop_assert_eq!(text[range.clone()].chars().count() - 1, meant[0].name.as_str().chars().count());
                end = range.end;
            }
        }
    }
}
