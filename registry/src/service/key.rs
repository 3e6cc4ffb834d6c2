//! Names with types.

use std::fmt;
use std::marker::PhantomData;

use crate::error::LONGEST_NAME;

/// A typed name, made once as a constant.
///
/// `T` is the handle that is registered under it: a channel's sender, a server's reference, an `Arc<dyn Trait>`. Who looks
/// up by this key gets a `T` and needs no annotation.
///
/// ```
/// use registry::{Service, ServiceRegistry};
///
/// const PORT: Service<u16> = Service::new("port");
///
/// let production = ServiceRegistry::new().namespace("production")?;
/// let _registration = production.register(PORT, 8080)?;
/// assert_eq!(production.lookup(PORT)?, 8080);
/// # Ok::<(), registry::Error>(())
/// ```
pub struct Service<T> {
    name: &'static str,
    handle: PhantomData<fn() -> T>,
}

impl<T> Service<T> {
    /// The service of this name.
    ///
    /// # Panics
    ///
    /// When the name is empty, longer than 255 bytes or has a control character: for a constant, at compile time.
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty(), "a name needs at least one character");
        assert!(name.len() <= LONGEST_NAME, "a name has at most 255 bytes");
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            // Those of ASCII, and U+0080 to U+009F.
            let second = at > 0 && bytes[at - 1] == 0xC2 && bytes[at] <= 0x9F;
            assert!(!bytes[at].is_ascii_control() && !second, "a name has no control characters");
            at += 1;
        }
        Self { name, handle: PhantomData }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Service<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Service<T> {}

impl<T> fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Service").field(&self.name).finish()
    }
}

impl<T> fmt::Display for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What names a service with handles of type `T`: a [`Service<T>`], or a string with the type said at the call.
pub trait ServiceKey<T>: sealed::Sealed {
    /// The name.
    fn name(&self) -> &str;
}

impl<T> ServiceKey<T> for Service<T> {
    fn name(&self) -> &str {
        self.name
    }
}

impl<T> ServiceKey<T> for &str {
    fn name(&self) -> &str {
        self
    }
}

impl<T> ServiceKey<T> for &String {
    fn name(&self) -> &str {
        self
    }
}

impl<T> ServiceKey<T> for String {
    fn name(&self) -> &str {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Service<T> {}
    impl Sealed for &str {}
    impl Sealed for &String {}
    impl Sealed for String {}
}
