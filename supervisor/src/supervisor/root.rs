//! The top of a tree.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::child::{Birth, ChildSpec, Happening, Host, note_locations};
use crate::error::{StartError, StartFailure};
use crate::tree::plant;

/// A running tree, and the handle to its root.
///
/// Dropping it kills the tree: all of it is aborted, from the root down, and its names are freed as its processes end. To
/// stop it in order, [`stop`](crate::SupervisorRef::stop) it or give it to [`run`](crate::run).
#[must_use = "dropping a tree kills it"]
pub struct Tree<R> {
    root: R,
    abort: Option<AbortHandle>,
}

impl<R: Clone> Tree<R> {
    /// The handle to the root.
    pub fn reference(&self) -> R {
        self.root.clone()
    }
}

impl<R> Deref for Tree<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.root
    }
}

impl<R> Drop for Tree<R> {
    fn drop(&mut self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Tree<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tree").field(&self.root).finish()
    }
}

/// Starts a supervisor that has no parent.
pub(crate) async fn start<R: Clone + Send + Sync + 'static>(spec: ChildSpec<R>) -> Result<Tree<R>, StartError> {
    if let Some(warning) = panic_warning(cfg!(panic = "abort")) {
        tracing::warn!("{warning}");
    }
    let (spec, root) = spec.assemble();
    spec.check()?;
    let id = spec.id().clone();
    plant(&*spec.starter.seat(), spec.starter.kind());
    let (direct, started) = oneshot::channel();
    let birth = Birth { notes: None, key: 0, generation: 0, direct: Some(direct) };
    note_locations();
    let abort =
        Arc::clone(&spec.starter).start(birth).map_err(|cause| StartError::Child { child: id.clone(), cause })?;
    let tree = Tree { root, abort };
    // The root's spec goes when the root does.
    let starter = Arc::clone(&spec.starter);
    starter.core().host(Host { spec, scope: None });
    drop(starter);
    match started.await {
        Ok(Happening::Ready | Happening::Healthy) => Ok(tree),
        Ok(Happening::Refused(failure)) => Err(match *failure {
            StartFailure::Supervisor(error) => *error,
            cause => StartError::Child { child: id, cause },
        }),
        Ok(Happening::Exited(reason)) => Err(StartError::Stopped(reason)),
        Ok(Happening::Ignored | Happening::Unwanted | Happening::Overdue | Happening::Changed) | Err(_) => {
            Err(StartError::Stopped(registry::ExitReason::Killed))
        }
    }
}

/// What to say about how the program was built.
fn panic_warning(aborts: bool) -> Option<&'static str> {
    aborts.then_some(
        "built with panic = \"abort\": a panic ends the whole program, and no supervisor can restart anything after it",
    )
}

#[cfg(test)]
mod tests {
    use super::panic_warning;

    #[test]
    fn s9_1_a_build_with_panic_abort_is_warned_about() {
        assert!(panic_warning(true).is_some_and(|warning| warning.contains("panic = \"abort\"")));
        assert_eq!(panic_warning(false), None);
    }
}
