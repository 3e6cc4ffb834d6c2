//! Visiting the members of a group.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use tokio::task::JoinSet;

use super::chunked::Chunked;
use super::member::Member;
use crate::process::{Panic, catch};

/// The members of a group as they were at one moment.
pub(crate) type Snapshot<T> = Chunked<Arc<Member<T>>>;

/// What a dispatch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dispatched {
    /// How many members were visited, those included whose callback panicked.
    pub visited: usize,
    /// How many callbacks panicked.
    pub panicked: usize,
    /// One of the panics, if there were any: the first one, unless the dispatch was parallel.
    pub panic: Option<Panic>,
}

impl Dispatched {
    fn visit<T>(&mut self, members: &[Arc<Member<T>>], mut f: impl FnMut(&Member<T>)) {
        for member in members {
            if !member.is_present() {
                continue;
            }
            self.visited += 1;
            if let Err(panic) = catch(|| f(member)) {
                self.panicked += 1;
                self.panic.get_or_insert(panic);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.visited += other.visited;
        self.panicked += other.panicked;
        self.panic = self.panic.take().or(other.panic);
    }
}

/// Visits every member that is still there when its turn comes.
pub(crate) fn dispatch<T>(snapshot: &Snapshot<T>, mut f: impl FnMut(&Member<T>)) -> Dispatched {
    let mut dispatched = Dispatched::default();
    for chunk in snapshot.chunks() {
        dispatched.visit(chunk, &mut f);
    }
    dispatched
}

/// The same on several tasks of the runtime: no more than it has threads, nor than there are chunks.
pub(crate) async fn dispatch_parallel<T, F>(snapshot: Snapshot<T>, f: F) -> Dispatched
where
    T: Send + Sync + 'static,
    F: Fn(&Member<T>) + Send + Sync + 'static,
{
    let chunks = snapshot.chunks().len();
    if chunks < 2 {
        return dispatch(&snapshot, f);
    }
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let work = Arc::new(Work { snapshot, next: AtomicUsize::new(0), f });
    let mut tasks = JoinSet::new();
    for _ in 0..threads.min(chunks) {
        tasks.spawn(Arc::clone(&work).run());
    }
    let mut dispatched = Dispatched::default();
    while let Some(done) = tasks.join_next().await {
        // A task fails only when the runtime ends under it.
        dispatched.add(done.unwrap_or_default());
    }
    dispatched
}

/// The chunks that are left, for whoever is next to take one.
struct Work<T, F> {
    snapshot: Snapshot<T>,
    next: AtomicUsize,
    f: F,
}

impl<T, F: Fn(&Member<T>)> Work<T, F> {
    async fn run(self: Arc<Self>) -> Dispatched {
        let mut dispatched = Dispatched::default();
        while let Some(chunk) = self.snapshot.chunks().get(self.next.fetch_add(1, Relaxed)) {
            dispatched.visit(chunk, &self.f);
            // Others have their turn, and an abort ends it here.
            tokio::task::yield_now().await;
        }
        dispatched
    }
}
