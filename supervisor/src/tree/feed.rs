//! Where the events of one supervisor go: to who listens to it, and to who listens to any above it.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::event::Event;
use super::queue::{Events, Queue};
use crate::child::ChildId;

/// Of one supervisor, for all of its incarnations.
pub(crate) struct Feed {
    id: ChildId,
    /// Its supervisor is dynamic.
    dynamic: bool,
    above: OnceLock<Arc<Self>>,
    /// How many listen to this one: all that an event costs when nobody does.
    listening: AtomicUsize,
    queues: Mutex<Queues>,
}

#[derive(Default)]
struct Queues {
    open: Vec<Arc<Queue>>,
    closed: bool,
}

impl Feed {
    pub(crate) fn new(id: ChildId, dynamic: bool) -> Arc<Self> {
        Arc::new(Self { id, dynamic, above: OnceLock::new(), listening: AtomicUsize::new(0), queues: Mutex::default() })
    }

    /// Its supervisor has become a child of another.
    pub(super) fn grow_from(&self, above: &Arc<Self>) {
        self.above.get_or_init(|| Arc::clone(above));
    }

    /// This one and all above it.
    fn ancestry(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |feed| feed.above.get().map(|above| &**above))
    }

    /// The id that metrics know its supervisor by, or with `above` the one that that is a child of: no id that came from below a
    /// dynamic supervisor.
    pub(crate) fn label(&self, above: bool) -> &str {
        let first = if above { self.above.get().map_or(self, |above| above) } else { self };
        let topmost = first.ancestry().skip(1).filter(|feed| feed.dynamic).last();
        topmost.unwrap_or(first).id.as_str()
    }

    /// The ids of the supervisors from the root down to this one, and of a child of it.
    pub(crate) fn path(&self, child: Option<&ChildId>) -> Arc<[ChildId]> {
        let mut path: Vec<_> = child.into_iter().chain(self.ancestry().map(|feed| &feed.id)).cloned().collect();
        path.reverse();
        path.into()
    }

    /// Gives an event to all who listen here or above; it is made when there is one.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        let mut event = Some(event);
        let mut made: Option<Event> = None;
        for feed in self.ancestry() {
            if feed.listening.load(Acquire) == 0 {
                continue;
            }
            if let Some(make) = event.take() {
                made = Some(make());
            }
            if let Some(event) = &made {
                let queues = feed.queues.lock().open.clone();
                queues.iter().for_each(|queue| queue.push(event.clone()));
            }
        }
    }

    pub(crate) fn listen(self: &Arc<Self>, capacity: usize) -> Events {
        let queue = Arc::new(Queue::new(capacity));
        let mut queues = self.queues.lock();
        if queues.closed {
            drop(queues);
            queue.close();
        } else {
            queues.open.push(Arc::clone(&queue));
            self.listening.store(queues.open.len(), Release);
        }
        Events::new(Arc::clone(self), queue)
    }

    pub(super) fn forget(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.lock();
        queues.open.retain(|open| !Arc::ptr_eq(open, queue));
        self.listening.store(queues.open.len(), Release);
    }

    /// The spec of the supervisor is gone: nothing follows.
    pub(crate) fn close(&self) {
        let queues = {
            let mut queues = self.queues.lock();
            queues.closed = true;
            self.listening.store(0, Release);
            std::mem::take(&mut queues.open)
        };
        queues.iter().for_each(|queue| queue.close());
    }
}

#[cfg(test)]
mod tests {
    use super::Feed;

    #[test]
    fn s10_1_an_event_that_nobody_listens_to_is_not_even_made() {
        let root = Feed::new("root".into(), false);
        let below = Feed::new("below".into(), false);
        below.grow_from(&root);
        below.tell(|| unreachable!("nobody listens"));
        let listener = root.listen(1);
        drop(listener);
        below.tell(|| unreachable!("nobody listens any more"));
        let path = below.path(Some(&"child".into()));
        assert_eq!(path.iter().map(crate::ChildId::as_str).collect::<Vec<_>>(), ["root", "below", "child"]);
    }
}
