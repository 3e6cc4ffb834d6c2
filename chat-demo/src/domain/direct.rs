//! Whom a text that begins with a name is for.

use thiserror::Error;

use super::mention::matched;
use super::{Person, PersonId};

/// Why a text is for nobody.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It begins with no name of theirs.
    #[error(
        "nobody in your rooms has this name: write it as it is shown there, or choose them in the list of who is here"
    )]
    Nobody,
    /// Several people have this name.
    #[error("several people have this name: choose the one that you mean in the list of who is here")]
    Several,
}

/// Who of `people` is meant by the name that `text` begins with, with or without an `@`, and what follows it.
///
/// Case does not matter, and of several names that fit the longest counts. Whoever has the same name as `me` is meant
/// rather than `me`.
///
/// # Errors
///
/// [`AddressError`].
pub(crate) fn addressed<'t, 'p>(
    text: &'t str,
    me: PersonId,
    people: &'p [Person],
) -> Result<(&'p Person, &'t str), AddressError> {
    let text = text.trim_start();
    let text = text.strip_prefix('@').unwrap_or(text);
    let ends = |length: usize| {
        let rest = &text[length..];
        let rest = rest.strip_prefix([',', ':']).unwrap_or(rest);
        (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
    };
    let fits = |person: &'p Person| {
        let length = matched(text, person.name.as_str())?;
        ends(length).map(|rest| (length, person, rest))
    };
    let all: Vec<_> = people.iter().filter_map(fits).collect();
    let longest = all.iter().map(|&(length, ..)| length).max().ok_or(AddressError::Nobody)?;
    let meant = || all.iter().filter(|&&(length, ..)| length == longest);
    let mut others = meant().filter(|(_, person, _)| person.id != me);
    match (others.next().or_else(|| meant().next()), others.next()) {
        (Some(&(_, person, rest)), None) => Ok((person, rest)),
        _ => Err(AddressError::Several),
    }
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

    #[test]
    fn the_longest_name_counts_and_the_rest_is_said() {
        let people = people(&["Ada", "Ada Lovelace", "Bob", "bob", "Émile", "Ada"]);
        let told = |me, text| addressed(text, PersonId(me), &people).map(|(person, rest)| (person.id.0, rest));
        assert_eq!(told(9, "ada lovelace hello\nthere"), Ok((2, "hello\nthere")));
        assert_eq!(told(9, " @émile: hi"), Ok((5, "hi")));
        assert_eq!(told(9, "Émile"), Ok((5, "")));
        assert_eq!(told(9, "Ada hello"), Err(AddressError::Several));
        assert_eq!(told(1, "Ada hello"), Ok((6, "hello")), "the other one");
        assert_eq!(told(2, "Ada Lovelace note"), Ok((2, "note")), "oneself");
        assert_eq!(told(9, "Bob: hi"), Err(AddressError::Several));
        for nobody in ["", "Adam hi", "Émile:) hi", "@", "Cleo hi", "Émile's here"] {
            assert_eq!(told(9, nobody), Err(AddressError::Nobody), "{nobody}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_for_somebody_or_refused(text in "[ @aAßİ:,]{0,12}.{0,8}") {
            let people = people(&["a", "A a", "ß", "İ"]);
            if let Ok((_, rest)) = addressed(&text, PersonId(1), &people) {
                prop_assert!(text.ends_with(rest));
            }
        }
    }
}
