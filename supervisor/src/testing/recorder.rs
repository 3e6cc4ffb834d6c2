//! What happened in a tree, compared with what was expected.

use super::diff::diff;
use super::expected::Expected;
use crate::child::{ChildRef, ChildSpec};
use crate::error::StartError;
use crate::supervisor::{Subtree, Tree, start};
use crate::tree::{Event, Events};

/// How many events are kept between two looks.
const EVENTS: usize = 65_536;

/// Notes every event of a tree, for ordered assertions. Keeps up to 65,536 events between two looks.
#[derive(Debug)]
pub struct Recorder {
    events: Events,
}

impl Recorder {
    /// Of a tree that is there already, from now on.
    ///
    /// # Panics
    ///
    /// When it is no supervisor.
    #[track_caller]
    pub fn of(root: impl Into<ChildRef>) -> Self {
        let root = root.into();
        let Some(events) = root.events(EVENTS) else { panic!("`{}` is no supervisor", root.id()) };
        Self { events }
    }

    /// Starts a tree, and notes what happens from its first start on.
    pub async fn start<T: Subtree>(tree: T) -> (Result<Tree<T::Ref>, StartError>, Self)
    where
        for<'a> ChildRef: From<&'a T::Ref>,
    {
        let mut spec = ChildSpec::supervisor(tree);
        let recorder = Self::of(&spec.reference());
        (start(spec).await, recorder)
    }

    /// All events since the last look.
    ///
    /// # Panics
    ///
    /// When there were more than are kept.
    #[track_caller]
    pub fn take(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv())
            .map(|event| event.unwrap_or_else(|lagged| panic!("{lagged}: look more often")))
            .collect()
    }

    /// Since the last look exactly this happened, in this order. Wait until the tree is quiet before, with [`settle`](super::settle).
    ///
    /// # Panics
    ///
    /// When something else did, with a line for each difference.
    #[track_caller]
    pub fn expect(&mut self, expected: impl IntoIterator<Item = Expected>) {
        let (expected, happened): (Vec<_>, _) = (expected.into_iter().collect(), self.take());
        if let Some(lines) = diff(&expected, &happened, Expected::matches) {
            panic!("something else happened (- is missing, + is too much):\n{lines}");
        }
    }

    /// Since the last look this happened in this order, besides anything else.
    ///
    /// # Panics
    ///
    /// When some of it did not, with what happened.
    #[track_caller]
    pub fn expect_among(&mut self, expected: impl IntoIterator<Item = Expected>) {
        let happened = self.take();
        let mut rest = happened.iter();
        for expected in expected {
            if !rest.any(|event| expected.matches(event)) {
                let lines: Vec<_> = happened.iter().map(|event| format!("  {event}")).collect();
                panic!("`{expected}` did not happen, or not after the one before. This did:\n{}", lines.join("\n"));
            }
        }
    }
}
