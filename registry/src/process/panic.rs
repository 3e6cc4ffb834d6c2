//! Panics caught and kept as data.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Once};

/// A caught panic: what it said and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    message: Box<str>,
    location: Option<Box<str>>,
}

impl Panic {
    /// What the panic said; a payload that is no text is told as such.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// `file:line:column`, unless the panic hook was replaced meanwhile.
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// What a payload says that [`std::panic::catch_unwind`] has just caught on this thread. The payload is dropped, and a panic
    /// of its Drop survived.
    ///
    /// The location is known when [`catch_panic`] has been called before, anywhere in the program: it is noted from then on.
    ///
    /// ```
    /// let payload = std::panic::catch_unwind(|| panic!("no such file")).unwrap_err();
    /// assert_eq!(registry::Panic::caught(payload).message(), "no such file");
    /// ```
    pub fn caught(payload: Box<dyn Any + Send>) -> Self {
        let message = match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).into(),
            (_, Some(text)) => text.as_str().into(),
            _ => "a payload that is no text".into(),
        };
        // First: a payload whose Drop panics would leave the location of that panic.
        let location = LOCATION.take();
        discard_payload(payload);
        Self(Arc::new(Inner { message, location }))
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.location() {
            Some(location) => write!(f, "{} at {location}", self.message()),
            None => f.write_str(self.message()),
        }
    }
}

thread_local! {
    /// Where the last panic of this thread came from.
    static LOCATION: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Adds the note of the location in front of the panic hook of the program, which still runs.
fn note_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let location = info.location().map(|location| location.to_string().into_boxed_str());
            // While the thread is being torn down there is nowhere to note it.
            let _ = LOCATION.try_with(|place| place.replace(location));
            next(info);
        }));
    });
}

/// Runs a future to its end, or to its panic.
///
/// The future is dropped before this resolves, and a panic in its Drop is caught as well. A payload whose own Drop
/// panics is survived. The first call puts a panic hook in front of the program's own, which notes the location.
///
/// # Errors
///
/// The [`Panic`], with message and location.
///
/// # Cancel safety
///
/// Dropping this drops the future; a panic of its Drop is then not caught here.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let panic = registry::catch_panic(async { panic!("no such file") }).await.map(|()| ()).unwrap_err();
/// assert_eq!(panic.message(), "no such file");
/// # }
/// ```
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panic> {
    note_locations();
    let mut future = pin!(Some(future));
    let outcome = std::future::poll_fn(|cx| {
        let running = future.as_mut().as_pin_mut();
        let Some(running) = running else { unreachable!("not polled after it was dropped") };
        match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(Panic::caught(payload))),
        }
    })
    .await;
    match (outcome, catch_unwind(AssertUnwindSafe(|| future.set(None)))) {
        (Ok(output), Ok(())) => Ok(output),
        (Err(panic), Ok(())) => Err(panic),
        (Err(panic), Err(payload)) => {
            discard_payload(payload);
            Err(panic)
        }
        (Ok(_), Err(payload)) => Err(Panic::caught(payload)),
    }
}

/// Calls a function of the user, to its end or to its panic.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    note_locations();
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::caught)
}

/// Runs code of the user whose panic must not keep its caller from going on. What panicked is logged.
pub(crate) fn contain(what: &str, run: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
        discard_payload(payload);
        // The subscriber may be what panicked.
        let _ = catch_unwind(AssertUnwindSafe(|| tracing::error!(what, "panicked, and was contained")));
    }
}

/// Drops a panic's payload, and what its Drop panics with, until something drops in peace.
pub(crate) fn discard_payload(payload: Box<dyn Any + Send>) {
    let mut payload = payload;
    for _ in 0..8 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // Eight payloads in a row that panic in their Drop: the ninth is leaked.
    std::mem::forget(payload);
}
