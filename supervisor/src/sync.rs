//! The lock and the flag of the mailbox, swapped for shuttle's when a model runs.

#[cfg(not(feature = "shuttle"))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::atomic::AtomicBool;

#[cfg(feature = "shuttle")]
pub(crate) use self::model::{Mutex, MutexGuard};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::atomic::AtomicBool;

#[cfg(feature = "shuttle")]
mod model {
    use std::sync::PoisonError;

    pub(crate) use shuttle::sync::MutexGuard;

    /// A shuttle mutex with the calling convention of `parking_lot`.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
