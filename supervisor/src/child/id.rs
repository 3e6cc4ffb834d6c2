//! What a child is called.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The id of a child: unique among its siblings in a [`Supervisor`](crate::Supervisor), only a label in a
/// [`DynamicSupervisor`](crate::DynamicSupervisor).
///
/// ```
/// use supervisor::ChildId;
///
/// assert_eq!(ChildId::from("poller"), ChildId::from(format!("poll{}", "er")));
/// ```
#[derive(Clone)]
pub struct ChildId(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl ChildId {
    /// Its text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// The last segment of a type's name, without its parameters.
    pub(crate) fn of_type<T>() -> Self {
        // Byte by byte: a search for a text takes longer to prepare than these few letters take to read.
        let name = std::any::type_name::<T>();
        let end = name.bytes().position(|byte| byte == b'<').unwrap_or(name.len());
        let begin = name[..end].bytes().rposition(|byte| byte == b':').map_or(0, |colon| colon + 1);
        Self(Text::Static(&name[begin..end]))
    }
}

impl From<&'static str> for ChildId {
    fn from(text: &'static str) -> Self {
        Self(Text::Static(text))
    }
}

impl From<String> for ChildId {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Arc<str>> for ChildId {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl PartialEq for ChildId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ChildId {}

impl PartialEq<str> for ChildId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ChildId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for ChildId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl std::borrow::Borrow<str> for ChildId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
