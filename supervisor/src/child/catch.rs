//! Panics caught around a future that stays where it is.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use registry::{Panic, catch_panic};

/// Runs a future to its end or its panic, and drops it; a panic in its Drop is caught as well.
///
/// It does what [`catch_panic`] does for a future that it is given. That would be in the caller's own future twice: before it
/// is given, and after. A child's future is the larger part of what a child costs.
pub(crate) async fn catch<F: Future>(mut future: Pin<&mut Option<F>>) -> Result<F::Output, Panic> {
    let outcome = poll_fn(|cx| {
        let Some(running) = future.as_mut().as_pin_mut() else { unreachable!("not polled after its end") };
        match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(Panic::caught(payload))),
        }
    })
    .await;
    match catch_unwind(AssertUnwindSafe(|| future.set(None))) {
        Ok(()) => outcome,
        Err(payload) => {
            let late = Panic::caught(payload);
            outcome.and(Err(late))
        }
    }
}

/// Whether this panics: code of the user's that must not keep its caller from going on. The payload is dropped, whatever it does.
pub(crate) fn panics(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panic::caught).is_err()
}

/// Has the location of panics noted, from now on.
pub(crate) fn note_locations() {
    drop(at_once(catch_panic(async {})));
}

/// The output of a future that never waits.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it never waits"),
    }
}
