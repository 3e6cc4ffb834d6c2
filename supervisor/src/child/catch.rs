//! Panics caught around a future that stays where it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use registry::{Panic, catch_panic};

use super::core::Core;

/// Runs the future of this child's incarnation to its end or its panic.
///
/// The future is an async block: it drops what it holds as it ends, so a panic in that is caught as well, and nothing is left to
/// be dropped afterwards. It does what [`catch_panic`] does for a future that it is given. That would be in the caller's own future twice: before it
/// is given, and after. A child's future is the larger part of what a child costs.
pub(crate) fn catch<'a, F: Future>(core: &'a Core, future: Pin<&'a mut Option<F>>) -> Catch<'a, F> {
    Catch { core, future }
}

/// Of [`catch`].
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Catch<'a, F> {
    core: &'a Core,
    future: Pin<&'a mut Option<F>>,
}

impl<F: Future> Future for Catch<'_, F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = &mut self.future;
        let Some(running) = future.as_mut().as_pin_mut() else { unreachable!("not polled after its end") };
        let outcome = match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
            Ok(poll) => ready!(poll.map(Ok)),
            Err(payload) => Err(Panic::caught(payload)),
        };
        future.set(None);
        Poll::Ready(outcome)
    }
}

impl<F> Drop for Catch<'_, F> {
    fn drop(&mut self) {
        // Not at its end: it is cut off.
        if self.future.is_some() {
            self.core.panic_if_injected(Unwound(&mut self.future));
        }
    }
}

/// Dropped by the unwinding of an injected panic, as it would be if it had panicked itself.
struct Unwound<'a, 'f, F>(&'a mut Pin<&'f mut Option<F>>);

impl<F> Drop for Unwound<'_, '_, F> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// Whether this panics: code of the user's that must not keep its caller from going on. The payload is dropped, whatever it does.
pub(crate) fn panics(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panic::caught).is_err()
}

/// Drops specs, whose factories are the user's and may panic.
pub(crate) fn discard<T>(specs: T) {
    if panics(|| drop(specs)) {
        tracing::error!("the factory of a child panicked while it was dropped");
    }
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

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::rules::Restart;

    /// Counts its drops, and panics in the last one that it is to.
    struct Held(Rc<Cell<u32>>, bool);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            assert!(!self.1, "told to, in a drop");
        }
    }

    #[test]
    fn s9_1_an_async_block_has_dropped_what_it_holds_when_it_is_at_its_end() {
        let drops = Rc::new(Cell::new(0));
        let (captured, panicking) = (Held(Rc::clone(&drops), false), Rc::new(Cell::new(false)));
        let will_panic = Rc::clone(&panicking);
        let mut block = pin!(Some(async move {
            let _local = Held(Rc::clone(&captured.0), false);
            std::future::ready(()).await;
            assert!(!will_panic.get(), "told to");
            captured.0.get()
        }));
        let running = block.as_mut().as_pin_mut().expect("it is there");
        assert_eq!(at_once(running), 0, "its last word comes before");
        assert_eq!(drops.get(), 2);
        block.set(None);
        assert_eq!((drops.get(), Rc::strong_count(&panicking)), (2, 1));
    }

    #[test]
    fn s9_1_a_panic_of_what_a_future_drops_at_its_end_is_its_own() {
        let core = Core::new("a".into(), Restart::default());
        let drops = Rc::new(Cell::new(0));
        let held = Held(Rc::clone(&drops), true);
        let mut block = pin!(Some(async move { held.0.get() }));
        let outcome = at_once(catch(&core, block.as_mut()));
        assert_eq!(outcome.expect_err("it panicked").message(), "told to, in a drop");
        assert!(block.is_none() && drops.get() == 1);
    }
}
