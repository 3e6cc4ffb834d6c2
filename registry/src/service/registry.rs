//! The registry that people make.

use std::num::NonZeroUsize;

use super::namespace::Namespace;
use super::test::TestNamespace;
use crate::error::NamespaceError;
use crate::names::{ProcessRegistry, Stats};

/// Services in namespaces: register, look up, wait, refer to.
///
/// There is no global registry: make one, and hand clones of it (or of a [`Namespace`]) to whom it concerns. It lives as
/// long as any clone does.
#[derive(Clone, Debug, Default)]
pub struct ServiceRegistry {
    processes: ProcessRegistry,
}

impl ServiceRegistry {
    /// A registry with four write partitions for each core of the machine, or 64 if that is fewer; with more than 64
    /// cores one for each.
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry with this many write partitions.
    pub fn with_partitions(partitions: NonZeroUsize) -> Self {
        Self { processes: ProcessRegistry::with_partitions(partitions) }
    }

    /// The open namespace of this name, made on first use. The one called `production` has its own metric series.
    ///
    /// # Errors
    ///
    /// [`InvalidName`](NamespaceError::InvalidName) when it is empty, longer than 255 bytes or has control characters.
    pub fn namespace(&self, name: &str) -> Result<Namespace, NamespaceError> {
        Ok(Namespace::new(&self.processes, self.processes.scope(name)?))
    }

    /// A namespace that nobody else can get at, gone when it is dropped.
    pub fn test_namespace(&self) -> TestNamespace {
        TestNamespace::new(Namespace::new(&self.processes, self.processes.test_scope()))
    }

    /// The process registry behind it, for questions over all namespaces.
    pub fn processes(&self) -> &ProcessRegistry {
        &self.processes
    }

    /// What the registry holds.
    pub fn stats(&self) -> Stats {
        self.processes.stats()
    }
}
