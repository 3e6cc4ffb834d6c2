//! What topics and patterns are, and which match.

use crate::error::{NameProblem, TopicProblem};

const SEPARATOR: char = ':';
const WILDCARD: &str = "*";

/// What is wrong with the topic of a message, if anything is.
pub(super) fn problem_of_topic(topic: &str) -> Option<TopicProblem> {
    problem_of_pattern(topic)
        .or_else(|| topic.split(SEPARATOR).any(|it| it == WILDCARD).then_some(TopicProblem::Wildcard))
}

/// What is wrong with the pattern of a subscription, if anything is.
pub(super) fn problem_of_pattern(pattern: &str) -> Option<TopicProblem> {
    let problem = NameProblem::of(pattern).map(TopicProblem::Name);
    problem.or_else(|| pattern.split(SEPARATOR).any(str::is_empty).then_some(TopicProblem::EmptySegment))
}

/// What a subscription asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// One topic.
    Exact(&'a str),
    /// Every topic that begins with these segments, or with any if there are none, and goes on like this.
    Under(&'a str, Rest),
}

/// The segments of a pattern from its first wildcard on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// `None` is any segment.
    segments: Box<[Option<Box<str>>]>,
    /// At least one more segment follows.
    open: bool,
}

impl<'a> Pattern<'a> {
    /// A pattern with nothing wrong about it.
    pub(super) fn parse(pattern: &'a str) -> Self {
        let mut begin = 0;
        for segment in pattern.split(SEPARATOR) {
            if segment == WILDCARD {
                let prefix = pattern[..begin].trim_end_matches(SEPARATOR);
                return Self::Under(prefix, Rest::parse(&pattern[begin..]));
            }
            begin += segment.len() + SEPARATOR.len_utf8();
        }
        Self::Exact(pattern)
    }
}

impl Rest {
    fn parse(rest: &str) -> Self {
        let (segments, open) = match rest.strip_suffix(WILDCARD) {
            Some(before) if before.is_empty() || before.ends_with(SEPARATOR) => {
                (before.strip_suffix(SEPARATOR).unwrap_or(before), true)
            }
            _ => (rest, false),
        };
        let segments = segments.split(SEPARATOR).filter(|segment| !segment.is_empty());
        Self { segments: segments.map(|it| (it != WILDCARD).then(|| it.into())).collect(), open }
    }

    /// Whether the rest of a topic, behind the same prefix, is one that was asked for.
    pub(super) fn matches(&self, rest: &str) -> bool {
        let mut rest = rest.split(SEPARATOR);
        let alike = self.segments.iter().all(|wanted| {
            let found = rest.next();
            found.is_some_and(|found| wanted.as_deref().is_none_or(|wanted| wanted == found))
        });
        alike && rest.next().is_some() == self.open
    }
}

/// What a topic begins with, and how it goes on then: from nothing to all but its last segment.
pub(super) fn prefixes(topic: &str) -> impl Iterator<Item = (&str, &str)> {
    let colons = topic.char_indices().filter(|&(_, it)| it == SEPARATOR);
    std::iter::once(("", topic)).chain(colons.map(|(at, _)| (&topic[..at], &topic[at + SEPARATOR.len_utf8()..])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, topic: &str) -> bool {
        match Pattern::parse(pattern) {
            Pattern::Exact(exact) => exact == topic,
            Pattern::Under(prefix, rest) => {
                prefixes(topic).any(|(begin, behind)| begin == prefix && rest.matches(behind))
            }
        }
    }

    /// The definition, as plainly as it can be said.
    fn naive(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern, topic) {
            (["*"], [_, ..]) => true,
            ([], []) => true,
            ([wanted, pattern @ ..], [found, topic @ ..]) => {
                (*wanted == "*" || wanted == found) && naive(pattern, topic)
            }
            _ => false,
        }
    }

    #[test]
    fn the_documented_examples() {
        assert!(matches("channel:42", "channel:42"));
        assert!(!matches("channel:42", "channel:42:typing"));
        assert!(matches("channel:42:*", "channel:42:typing"));
        assert!(matches("channel:42:*", "channel:42:user:7"));
        assert!(!matches("channel:42:*", "channel:42"));
        assert!(!matches("channel:42:*", "channel:420:typing"));
        assert!(matches("channel:*:typing", "channel:42:typing"));
        assert!(!matches("channel:*:typing", "channel:42:user:typing"));
        assert!(matches("*", "anything") && matches("*", "any:thing"));
        assert!(!matches("chan*", "channel"));
    }

    #[test]
    fn what_is_no_topic_or_no_pattern() {
        assert_eq!(problem_of_pattern(""), Some(TopicProblem::Name(NameProblem::Empty)));
        for empty in [":", "a:", ":a", "a::b"] {
            assert_eq!(problem_of_pattern(empty), Some(TopicProblem::EmptySegment));
        }
        assert_eq!(problem_of_pattern("a\n"), Some(TopicProblem::Name(NameProblem::ControlCharacter)));
        assert_eq!(problem_of_pattern("a:*:b"), None);
        assert_eq!(problem_of_topic("a:*:b"), Some(TopicProblem::Wildcard));
        assert_eq!(problem_of_topic("a*:**"), None);
    }

    proptest! {
        #[test]
        fn matches_as_the_plain_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["*", "a", "b", "*a"]), 1..5),
            topic in prop::collection::vec(prop::sample::select(vec!["a", "b", "*a"]), 1..6),
        ) {
            prop_assert_eq!(matches(&pattern.join(":"), &topic.join(":")), naive(&pattern, &topic));
        }
    }
}
