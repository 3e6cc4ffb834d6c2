//! Values that belong to the registry itself.

use std::any::{Any, type_name};
use std::sync::Arc;

use dashmap::DashMap;

use super::registry::ProcessRegistry;

/// A value and the name of its type.
type Stored = (Arc<dyn Any + Send + Sync>, &'static str);

pub(super) type Metadata = DashMap<Box<str>, Stored, foldhash::fast::RandomState>;

/// The metadata under a key has another type than was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata `{key}` is a `{found}`, not a `{expected}`")]
#[non_exhaustive]
pub struct MetadataError {
    /// The key.
    pub key: String,
    /// The name of the type asked for.
    pub expected: &'static str,
    /// The name of the type stored.
    pub found: &'static str,
}

impl ProcessRegistry {
    /// Stores a value under a key of the registry; whether it took the place of another one.
    ///
    /// ```
    /// let registry = registry::ProcessRegistry::new();
    /// assert!(!registry.put_meta("started by", "Ada"));
    /// assert_eq!(registry.meta::<&str>("started by")?.as_deref(), Some(&"Ada"));
    /// assert!(registry.delete_meta("started by"));
    /// assert_eq!(registry.meta::<&str>("started by")?, None);
    /// # Ok::<(), registry::MetadataError>(())
    /// ```
    pub fn put_meta<T: Send + Sync + 'static>(&self, key: &str, value: T) -> bool {
        // The old value is dropped behind the lock.
        let before = self.0.metadata.insert(key.into(), (Arc::new(value), type_name::<T>()));
        before.is_some()
    }

    /// The value under a key; `None` if there is none.
    ///
    /// # Errors
    ///
    /// It has another type.
    pub fn meta<T: Send + Sync + 'static>(&self, key: &str) -> Result<Option<Arc<T>>, MetadataError> {
        let Some((value, found)) = self.0.metadata.get(key).map(|stored| stored.clone()) else { return Ok(None) };
        let expected = type_name::<T>();
        value.downcast().map(Some).map_err(|_| MetadataError { key: key.to_owned(), expected, found })
    }

    /// Removes the value under a key; whether there was one.
    pub fn delete_meta(&self, key: &str) -> bool {
        self.0.metadata.remove(key).is_some()
    }
}
