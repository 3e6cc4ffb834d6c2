//! What a child tells of itself: its place in the tree, what it has been through, what it is doing now.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use registry::ExitReason;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::Instrument;

use super::core::{Core, Phase};
use super::id::ChildId;
use super::inject::Injected;
use super::kind::ChildKind;
use super::name::Name;
use crate::error::StartFailure;
use crate::metrics;
use crate::supervisor::ChildState;
use crate::tree::{ChildSnapshot, Event, EventKind, Feed, LastExit, RegisteredName};

/// Written when an incarnation begins, comes up and ends.
pub(super) struct Story {
    post: OnceLock<Post>,
    name: OnceLock<Arc<Name>>,
    times: Mutex<Times>,
    restarts: AtomicU32,
    /// To abort the present incarnation by, without anybody having meant to.
    crash: Mutex<Option<AbortHandle>>,
    /// Of the future of the present incarnation.
    bytes: AtomicU32,
    /// The present incarnation follows another one by itself.
    again: AtomicBool,
    /// The last incarnation was counted out, and has not ended since.
    abandoned: AtomicBool,
    pub(super) injected: Injected,
}

/// Where in a tree it is.
struct Post {
    kind: ChildKind,
    /// Its own if it is a supervisor, else that of its supervisor.
    feed: Arc<Feed>,
    own: bool,
}

#[derive(Clone, Copy, Default)]
struct Times {
    /// When the present incarnation came up, or began as long as it is not.
    since: Option<Instant>,
    ended: Option<Instant>,
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            post: OnceLock::new(),
            name: OnceLock::new(),
            times: Mutex::default(),
            restarts: AtomicU32::new(0),
            crash: Mutex::new(None),
            bytes: AtomicU32::new(0),
            again: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            injected: Injected::default(),
        }
    }

    /// Another incarnation begins; `again` when it follows the last one by itself.
    pub(super) fn begin(&self, again: bool) {
        self.times.lock().since = Some(Instant::now());
        self.again.store(again, Relaxed);
        self.abandoned.store(false, Relaxed);
        self.injected.begin();
        if again {
            self.restarts.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn up(&self) {
        let now = Instant::now();
        let times = {
            let mut times = self.times.lock();
            let before = *times;
            times.since = Some(now);
            before
        };
        let after = |then: Option<Instant>| then.map(|then| now.duration_since(then));
        let restart = if self.again.load(Relaxed) { after(times.ended) } else { None };
        metrics::up(after(times.since).unwrap_or_default(), restart);
    }

    pub(super) fn end(&self, abandoned: bool) {
        self.times.lock().ended = Some(Instant::now());
        let crash = self.crash.lock().take();
        drop(crash);
        self.abandoned.store(abandoned, Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Acquire)
    }

    /// What had been counted out has ended after all.
    pub(super) fn end_late(&self) {
        self.abandoned.store(false, Release);
    }
}

impl Core {
    /// Puts it into a tree. It stays where it was put first.
    pub(crate) fn post(&self, kind: ChildKind, feed: &Arc<Feed>, own: bool) {
        self.story.post.get_or_init(|| Post { kind, feed: Arc::clone(feed), own });
    }

    pub(super) fn set_name(&self, name: Arc<Name>) {
        self.story.name.get_or_init(|| name);
    }

    /// The ids from the root down to it.
    fn path(&self) -> Arc<[ChildId]> {
        match self.story.post.get() {
            Some(Post { feed, own: true, .. }) => feed.path(None),
            Some(Post { feed, .. }) => feed.path(Some(self.id())),
            None => Arc::new([self.id().clone()]),
        }
    }

    /// Tells those who listen, if there are any.
    pub(crate) fn tell(&self, kind: EventKind) {
        let Some(post) = self.story.post.get() else { return };
        post.feed.tell(|| Event {
            ids: self.path(),
            child_kind: post.kind,
            incarnation: self.incarnation(),
            at: Instant::now(),
            kind,
        });
    }

    /// Its supervisor will start it again, because it ended for this reason.
    pub(crate) fn restarting(&self, cause: &ExitReason) {
        self.settle(Phase::Restarting);
        if let Some(post) = self.story.post.get() {
            metrics::restart(post.feed.label(post.own), cause);
        }
        self.tell(EventKind::Restarting(cause.clone()));
    }

    /// An incarnation could not even begin.
    pub(crate) fn refused(&self, failure: &StartFailure) {
        self.tell(EventKind::Refused(failure.as_exit()));
    }

    /// What it is doing, as far as it knows itself.
    pub(crate) fn state(&self) -> ChildState {
        if self.story.is_abandoned() {
            return ChildState::Abandoned;
        }
        match self.phase() {
            Phase::Starting | Phase::Running if self.is_being_stopped() => ChildState::Stopping,
            Phase::Running if !self.is_unready() => ChildState::Running,
            Phase::Starting | Phase::Running if self.story.again.load(Relaxed) => ChildState::Restarting,
            Phase::Starting | Phase::Running => ChildState::Starting,
            Phase::Restarting => ChildState::Restarting,
            // Of one whose supervisor was killed before it.
            Phase::Down | Phase::Ended if !self.has_ended(self.incarnation()) => ChildState::Stopping,
            Phase::Down | Phase::Ended => ChildState::Stopped,
        }
    }

    /// The name that it holds in a registry, or will.
    pub(crate) fn registered_name(&self) -> Option<RegisteredName> {
        self.story.name.get().map(|name| name.shown())
    }

    /// Everything that it knows of itself.
    pub(crate) fn portrait(&self) -> ChildSnapshot {
        let times = *self.story.times.lock();
        let now = Instant::now();
        let ago = |then: Option<Instant>| then.map_or(Duration::ZERO, |then| now.duration_since(then));
        let state = self.state();
        let up = self.phase() == Phase::Running;
        let bytes = self.story.bytes.load(Relaxed) as usize;
        ChildSnapshot {
            id: self.id().to_string(),
            kind: self.story.post.get().map_or(ChildKind::Task, |post| post.kind),
            state,
            busy: !self.progress.load(Relaxed).is_multiple_of(2),
            incarnation: self.incarnation(),
            restarts: self.story.restarts.load(Relaxed),
            last_exit: self.last_exit().map(|reason| LastExit { reason, ago: ago(times.ended) }),
            uptime: up.then(|| ago(times.since)),
            mailbox: None,
            memory: if self.has_ended(self.incarnation()) { 0 } else { bytes },
            name: self.registered_name(),
            states: Vec::new(),
            children: Vec::new(),
            omitted: 0,
        }
    }

    /// What all that the incarnation's own code says is within.
    ///
    /// It has no parent: whoever starts a child that lives on must not be what everything in it is part of.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!(
            parent: None,
            "child",
            supervisor = %above(&self.path()),
            child = %self.id(),
            incarnation = self.incarnation(),
        )
    }

    /// Runs the main task of an incarnation, within its span.
    pub(crate) fn spawn(&self, main: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let main = main.instrument(self.span());
        self.story.bytes.store(u32::try_from(size_of_val(&main)).unwrap_or(u32::MAX), Relaxed);
        let incarnation = self.incarnation();
        let abort = tokio::spawn(main).abort_handle();
        let stale = self.story.crash.lock().replace(abort.clone());
        drop(stale);
        if self.has_ended(incarnation) {
            // It was quicker than this: its memory is not to be kept.
            let stale = self.story.crash.lock().take();
            drop(stale);
        }
        abort
    }

    /// Whether there is an incarnation that can be made to crash.
    pub(crate) fn can_crash(&self) -> bool {
        matches!(self.phase(), Phase::Starting | Phase::Running) && self.story.crash.lock().is_some()
    }

    /// Aborts the incarnation, without its supervisor having meant it. `false` when there is none that can be.
    pub(crate) fn crash(&self) -> bool {
        self.crash_handle(|| {}).as_ref().map(AbortHandle::abort).is_some()
    }

    /// How to abort the incarnation, if it can be: `first` is done while that incarnation is there.
    pub(super) fn crash_handle(&self, first: impl FnOnce()) -> Option<AbortHandle> {
        if !matches!(self.phase(), Phase::Starting | Phase::Running) {
            return None;
        }
        let crash = self.story.crash.lock();
        if crash.is_some() {
            first();
        }
        crash.clone()
    }
}

fn above(path: &[ChildId]) -> String {
    let above = &path[..path.len().saturating_sub(1)];
    above.iter().map(ChildId::as_str).collect::<Vec<_>>().join("/")
}
