//! Who is told of the end of a process: monitors, and the processes that it is linked with.
//!
//! # Invariants
//!
//! 1. A bond is told once: by the end that takes it out, or by the one who makes it and finds the process ended.
//! 2. It is told after the names have been freed, and under no lock.
//! 3. Both ends of a link hold it. What one end finds missing at the other is told to it at once.
//! 4. Ends that come of being told of ends are told one after the other, so that a row of links of any length takes the stack of
//!    one.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;

use foldhash::fast::RandomState;

use super::exit::ExitReason;
use super::identity::ProcessId;
use super::life::ProcessRef;
use super::panic::contain;
use crate::sync::thread_local;

/// The bonds of one process, until its end has been told.
#[derive(Default)]
pub(super) struct Bonds {
    told: bool,
    ties: Option<Box<Ties>>,
}

type Told = Box<dyn FnOnce(&ExitReason) + Send>;

#[derive(Default)]
struct Ties {
    next: u64,
    monitors: HashMap<u64, Told, RandomState>,
    links: HashMap<ProcessId, ProcessRef, RandomState>,
}

/// A function that waits to be told of the end of a process. Dropped before, it is never called, unless it is being called.
#[must_use = "a dropped monitor is told nothing"]
pub struct ExitMonitor {
    process: ProcessRef,
    /// `None` when it was told at once.
    id: Option<u64>,
}

impl ProcessRef {
    /// Has `told` called with the reason when the process has ended: at once, if it already has.
    ///
    /// It is called once, by whoever ends the process and after [`exited`](Self::exited) has resolved, so it should only pass the
    /// news on. A panic in it is contained and logged. What it ends itself is told when it has returned, so that ends that follow
    /// from each other take no more stack than one.
    ///
    /// ```
    /// use registry::{ExitReason, Process};
    ///
    /// let (news, ended) = std::sync::mpsc::channel();
    /// let connection = Process::new();
    /// let _monitor = connection.reference().monitor(move |reason| drop(news.send(reason.clone())));
    /// connection.end(ExitReason::Normal);
    /// assert_eq!(ended.recv(), Ok(ExitReason::Normal));
    /// ```
    pub fn monitor(&self, told: impl FnOnce(&ExitReason) + Send + 'static) -> ExitMonitor {
        let id = {
            let mut bonds = self.bonds().lock();
            if bonds.told {
                None
            } else {
                let ties = bonds.ties.get_or_insert_default();
                ties.next += 1;
                let id = ties.next;
                ties.monitors.insert(id, Box::new(told));
                return ExitMonitor { process: self.clone(), id: Some(id) };
            }
        };
        if let Some(reason) = self.exit_reason() {
            contain("a monitor", || told(&reason));
        }
        ExitMonitor { process: self.clone(), id }
    }

    /// Links two processes: when one ends, the other is told, and unless the end was clean
    /// ([`ExitReason::is_clean`]) it ends as well, with a reason that says whose end it was
    /// ([`ExitReason::of_linked`]).
    ///
    /// What being told means depends on the process: a task of [`spawn`](crate::spawn) is aborted, one that was made by
    /// [`Process::trapping`](crate::Process::trapping) hears of it and decides, one that was made by
    /// [`Process::new`](crate::Process::new) is left alone, because only its owner can end it: such a link works in one
    /// direction. Two processes have one link, however often it is made. Linked with one that has ended, the other is told at once.
    ///
    /// ```
    /// use registry::{ExitReason, Process};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let connection = Process::new();
    /// let session = registry::spawn(std::future::pending::<()>());
    /// session.link(&connection.reference());
    /// let id = connection.id();
    /// connection.end(ExitReason::error("reset by peer"));
    /// assert_eq!(session.exited().await, ExitReason::of_linked(id, &ExitReason::error("reset by peer")));
    /// # }
    /// ```
    pub fn link(&self, other: &Self) {
        if self == other {
            return;
        }
        if !self.bind(other) {
            return other.hear(self);
        }
        if !other.bind(self) {
            self.unbind(other);
            return self.hear(other);
        }
        // Ended in between: it has told the other end, which must not keep the link.
        if self.bonds().lock().told {
            other.unbind(self);
        }
    }

    /// Undoes a [`link`](Self::link), whichever of the two made it. `false` when there was none. An end that is being told at
    /// this moment still is.
    pub fn unlink(&self, other: &Self) -> bool {
        let mine = self.unbind(other);
        let theirs = other.unbind(self);
        mine || theirs
    }

    /// `false` when its end has been told.
    fn bind(&self, other: &Self) -> bool {
        let mut bonds = self.bonds().lock();
        if !bonds.told {
            bonds.ties.get_or_insert_default().links.insert(other.id(), other.clone());
        }
        !bonds.told
    }

    /// How many it holds.
    #[cfg(all(test, feature = "shuttle"))]
    pub(super) fn links(&self) -> usize {
        self.bonds().lock().ties.as_ref().map_or(0, |ties| ties.links.len())
    }

    fn unbind(&self, other: &Self) -> bool {
        let link = self.bonds().lock().ties.as_mut().and_then(|ties| ties.links.remove(&other.id()));
        link.is_some()
    }

    /// Is told of the end of another process.
    fn hear(&self, ended: &Self) {
        if let Some(reason) = ended.exit_reason() {
            contain("a process that trapped an exit", || self.signal(ended, &reason));
        }
    }

    /// Tells all bonds that it has ended.
    pub(super) fn tell(&self, reason: &ExitReason) {
        let ties = {
            let mut bonds = self.bonds().lock();
            bonds.told = true;
            bonds.ties.take()
        };
        let Some(ties) = ties else { return };
        News { process: self.clone(), reason: reason.clone(), ties }.spread();
    }
}

/// The end of a process that is still to be told.
struct News {
    process: ProcessRef,
    reason: ExitReason,
    ties: Box<Ties>,
}

thread_local! {
    /// What came of the news that this thread tells; `None` when it tells none.
    static UNTOLD: RefCell<Option<VecDeque<News>>> = const { RefCell::new(None) };
}

impl News {
    /// Tells it and all that comes of it; or leaves it to this thread, if that is at it already.
    fn spread(self) {
        let mut next = Some(self);
        let untold = UNTOLD.try_with(|untold| {
            let mut untold = untold.borrow_mut();
            if let Some(untold) = &mut *untold {
                untold.extend(next.take());
            } else {
                *untold = Some(VecDeque::new());
            }
        });
        if untold.is_err() {
            // The thread is being torn down, and there is nowhere to leave it.
            return next.into_iter().for_each(Self::tell);
        }
        while let Some(news) = next {
            news.tell();
            next = UNTOLD.with(|untold| {
                let mut untold = untold.borrow_mut();
                let next = untold.as_mut().and_then(VecDeque::pop_front);
                if next.is_none() {
                    *untold = None;
                }
                next
            });
        }
    }

    fn tell(self) {
        let Self { process, reason, ties } = self;
        for told in ties.monitors.into_values() {
            contain("a monitor", || told(&reason));
        }
        for other in ties.links.into_values() {
            other.unbind(&process);
            contain("a process that trapped an exit", || other.signal(&process, &reason));
        }
    }
}

impl ExitMonitor {
    /// The process.
    pub fn process(&self) -> &ProcessRef {
        &self.process
    }
}

impl Drop for ExitMonitor {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let told = self.process.bonds().lock().ties.as_mut().and_then(|ties| ties.monitors.remove(&id));
        drop(told);
    }
}

impl fmt::Debug for ExitMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitMonitor").field("process", &self.process).finish_non_exhaustive()
    }
}
