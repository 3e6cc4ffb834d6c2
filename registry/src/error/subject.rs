//! What an error is about.

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;

/// Where the names of a namespace can be asked for, when an error is printed.
pub(crate) trait Directory: Send + Sync {
    fn namespace(&self) -> &str;
    fn names(&self) -> Vec<String>;
}

/// The namespace and the service that an error is about.
///
/// Making one allocates nothing for service names of up to 24 bytes; the services that would have been there are looked
/// up when [`available`](Self::available) is called or the error is printed.
#[derive(Clone)]
pub struct Subject {
    directory: Arc<dyn Directory>,
    service: CompactString,
}

/// How many available services an error prints.
const PRINTED: usize = 8;

impl Subject {
    pub(crate) fn new(directory: Arc<dyn Directory>, service: &str) -> Self {
        Self { directory, service: CompactString::new(service) }
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        self.directory.namespace()
    }

    /// The name of the service, as asked for.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The names that can be looked up in this namespace now, sorted. This walks the namespace.
    pub fn available(&self) -> Vec<String> {
        self.directory.names()
    }

    fn write_available(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.available();
        if names.is_empty() {
            return f.write_str("; nothing is registered there");
        }
        write!(f, "; available: {}", names[..names.len().min(PRINTED)].join(", "))?;
        if names.len() > PRINTED { write!(f, " and {} more", names.len() - PRINTED) } else { Ok(()) }
    }
}

/// Service and namespace; the alternate form (`{:#}`) also says what is available there.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in namespace `{}`", self.service.escape_debug(), self.namespace())?;
        if f.alternate() { self.write_available(f) } else { Ok(()) }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("namespace", &self.namespace())
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// It has no characters.
    Empty,
    /// It has more than 255 bytes.
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// It has a control character.
    ControlCharacter,
}

/// The longest name, in bytes of UTF-8.
pub(crate) const LONGEST_NAME: usize = 255;

impl NameProblem {
    /// What is wrong with this name, if anything is.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name.is_empty() {
            Some(Self::Empty)
        } else if name.len() > LONGEST_NAME {
            Some(Self::TooLong { bytes: name.len() })
        } else {
            // Names are ASCII nearly always, and bytes are quicker to look through than characters.
            let (ascii, control) = name.bytes().fold((true, false), |(ascii, control), byte| {
                (ascii & byte.is_ascii(), control | byte.is_ascii_control())
            });
            (control || (!ascii && name.contains(char::is_control))).then_some(Self::ControlCharacter)
        }
    }
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name needs at least one character"),
            Self::TooLong { bytes } => write!(f, "a name has at most {LONGEST_NAME} bytes, this one has {bytes}"),
            Self::ControlCharacter => f.write_str("a name has no control characters"),
        }
    }
}

/// What is wrong with a topic, or with a pattern of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicProblem {
    /// As a whole it is no name.
    Name(NameProblem),
    /// There is nothing before, between or after its colons.
    EmptySegment,
    /// It has a segment `*`, which only a subscription can have.
    Wildcard,
}

impl fmt::Display for TopicProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(problem) => fmt::Display::fmt(problem, f),
            Self::EmptySegment => f.write_str("a segment of a topic needs at least one character"),
            Self::Wildcard => f.write_str("a message goes to one topic, without wildcards"),
        }
    }
}

/// What a name that is held is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameState {
    /// Reserved, and nothing was published under it yet.
    Starting,
    /// Reserved, between two incarnations.
    Restarting,
    /// Lookups return it.
    Ready,
    /// Still held, and hidden from lookups.
    Draining,
}

impl fmt::Display for NameState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Restarting => "restarting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        })
    }
}
