//! What a supervisor has to know of a child.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry::{IntoExitReason, Namespace, ServiceKey};

use super::assembled::Spec;
use super::blocking::{BlockingContext, BlockingRun};
use super::body::{Body, Settings};
use super::context::TaskContext;
use super::id::ChildId;
use super::kind::ChildKind;
use super::name::{Name, Naming, Published};
use super::plain::PlainBody;
use super::readiness::{READY_TIME, Readiness};
use super::reference::ChildRef;
use super::task::TaskRun;
use crate::rules::{Backoff, Restart, Shutdown};
use crate::server::{Overflow, Server, ServerBody, ServerRef};
use crate::supervisor::Subtree;

/// How a child is started, restarted and stopped. `H` is the handle to it.
///
/// | option | default |
/// |---|---|
/// | [`id`](Self::id) | the name of the server's type; tasks are given one |
/// | [`restart`](Self::restart) | [`Restart::Permanent`] |
/// | [`backoff`](Self::backoff) | none: restarted at once |
/// | [`shutdown`](Self::shutdown) | 5 seconds for workers, infinity for supervisors |
/// | [`start_timeout`](Self::start_timeout) | none; 60 seconds for a child that has to become ready |
/// | [`ready_when`](Self::ready_when) | ready when its init is done |
/// | [`depends_on`](Self::depends_on) | none: it is started in its turn |
/// | [`significant`](Self::significant) | no: the supervisor goes on without it |
/// | [`mailbox`](Self::mailbox) | 1024 messages |
/// | [`overflow`](Self::overflow) | [`Overflow::Wait`]: senders wait for room |
/// | [`keep_mail`](Self::keep_mail) | no: what was not handled is dropped when an incarnation ends |
/// | [`skip_expired`](Self::skip_expired) | no: a call is handled even if its caller has given up |
/// | [`watchdog`](Self::watchdog) | none: a handler has all the time it takes |
/// | [`name`](Self::name) | none |
///
/// The factory is run for each incarnation, so none inherits the state of the one before.
///
/// ```
/// use supervisor::{ChildSpec, Restart, Shutdown};
/// use std::time::Duration;
///
/// let spec = ChildSpec::task("poller", |cx| async move { cx.stopped().await })
///     .restart(Restart::Transient)
///     .shutdown(Shutdown::Timeout(Duration::from_secs(1)));
/// assert_eq!(spec.child_id(), "poller");
/// ```
#[must_use = "a spec does nothing until a supervisor has it"]
pub struct ChildSpec<H> {
    pub(super) settings: Settings,
    shutdown: Option<Shutdown>,
    backoff: Option<Box<Backoff>>,
    start_timeout: Option<Duration>,
    significant: bool,
    depends_on: Vec<ChildId>,
    readiness: Option<Readiness>,
    pub(super) kind: ChildKind,
    pub(super) name: Option<Box<dyn Naming<H>>>,
    pub(super) body: Box<dyn Body<H>>,
    pub(super) fixed: bool,
}

impl<S: Server> ChildSpec<ServerRef<S>> {
    /// A server, made anew by `factory` for each incarnation.
    pub fn server(factory: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self::new(ChildId::of_type::<S>(), ChildKind::Server, Box::new(ServerBody::new(factory)))
    }

    /// How many messages its mailbox holds. By default 1024. Zero is refused when the supervisor starts.
    ///
    /// # Panics
    ///
    /// When a [`reference`](Self::reference) was taken before.
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.assert_open();
        self.settings.mailbox = messages;
        self
    }

    /// What its mailbox does when it is full. By default senders wait for room.
    ///
    /// # Panics
    ///
    /// When a [`reference`](Self::reference) was taken before.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.assert_open();
        self.settings.overflow = overflow;
        self
    }

    /// Drops calls whose time was over before their turn came, and counts them
    /// ([`MailboxStats::expired`](crate::MailboxStats::expired)): a server that has fallen behind does not work for callers
    /// that have gone. By default each message that was delivered is handled, as in OTP.
    ///
    /// # Panics
    ///
    /// When a [`reference`](Self::reference) was taken before.
    pub fn skip_expired(mut self) -> Self {
        self.assert_open();
        self.settings.skip_expired = true;
        self
    }

    /// Ends an incarnation whose handler has been at one message for longer than this, as
    /// [`Timeout`](registry::ExitReason::Timeout); it is restarted as after any other abnormal end. By default a handler has all the
    /// time it takes.
    ///
    /// A server that waits for mail is never taken for one that hangs, however long it waits. It is noticed when the time is over or
    /// up to half of it later, reported by a `tracing` event, and the task is aborted. A handler that never comes back to the
    /// runtime is only told of: unlike the BEAM, neither Rust nor tokio can take a thread from the code that runs on it. It stays
    /// until it does come back, or until a stop abandons it; what may take long is for
    /// [`spawn_blocking`](tokio::task::spawn_blocking). An init has a [`start_timeout`](Self::start_timeout) instead.
    ///
    /// The watchdog is a task beside the server, which itself does nothing for it. A limit of zero is refused when the supervisor
    /// starts.
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.settings.watchdog = Some(limit);
        self
    }

    /// Counts it as up only when it says so, by [`Context::ready`](crate::Context::ready): at the end of a message that it has
    /// [handled next](crate::Context::handle_next), say, while it already answers others.
    ///
    /// All that [`ready_when`](Self::ready_when) says about the time before holds here too. The last of the two that is given
    /// counts.
    pub fn ready_on_signal(mut self) -> Self {
        self.readiness = Some(Readiness::Signal);
        self
    }

    /// Keeps messages that were not handled when an incarnation ends for the next one. By default they are dropped, and
    /// their callers told.
    ///
    /// # Panics
    ///
    /// When a [`reference`](Self::reference) was taken before.
    pub fn keep_mail(mut self) -> Self {
        self.assert_open();
        self.settings.keep_mail = true;
        self
    }
}

impl ChildSpec<ChildRef> {
    /// A future that runs as a task. It counts as up from its start on.
    ///
    /// Its output says why it ended: `()` is [`Normal`](registry::ExitReason::Normal) (or
    /// [`Shutdown`](registry::ExitReason::Shutdown), once it was asked to stop), an `Err` is
    /// [`Error`](registry::ExitReason::Error). It is asked to stop by [`TaskContext::token`].
    pub fn task<F, T>(id: impl Into<ChildId>, factory: F) -> Self
    where
        F: Fn(TaskContext) -> T + Send + Sync + 'static,
        T: Future<Output: IntoExitReason> + Send + 'static,
    {
        Self::new(id.into(), ChildKind::Task, Box::new(PlainBody::new(TaskRun::new(factory))))
    }

    /// Counts it as up only when it says so, by [`TaskContext::ready`] or [`BlockingContext::ready`]: systemd's `Type=notify`.
    ///
    /// All that [`ready_when`](Self::ready_when) says about the time before holds here too. The last of the two that is given
    /// counts.
    ///
    /// ```
    /// # use supervisor::{ChildSpec, Strategy, Supervisor};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tree = Supervisor::new(Strategy::OneForOne)
    ///     .child(ChildSpec::task("index", |cx| async move {
    ///         let index: Vec<u32> = (0..1_000).collect(); // what takes its time
    ///         cx.ready();
    ///         cx.stopped().await;
    ///         drop(index);
    ///     }).ready_on_signal())
    ///     .start() // returns when the index is there
    ///     .await?;
    /// # tree.stop().await; Ok(()) }
    /// ```
    pub fn ready_on_signal(mut self) -> Self {
        self.readiness = Some(Readiness::Signal);
        self
    }

    /// A function that runs on a thread of its own and may block it.
    ///
    /// It is asked to stop by [`BlockingContext::is_stopping`], and cannot be aborted: when it does not return in time, it is
    /// counted out as [`Abandoned`](registry::ExitReason::Abandoned), and not restarted before it has.
    pub fn blocking<F, T>(id: impl Into<ChildId>, run: F) -> Self
    where
        F: Fn(BlockingContext) -> T + Send + Sync + 'static,
        T: IntoExitReason,
    {
        Self::new(id.into(), ChildKind::Blocking, Box::new(PlainBody::new(BlockingRun::new(run))))
    }
}

impl<H: Clone + Send + Sync + 'static> ChildSpec<H> {
    /// A supervisor with all of its children. Its default id is `supervisor`.
    pub fn supervisor<T: Subtree<Ref = H>>(tree: T) -> Self {
        let parts = tree.into_parts();
        Self { shutdown: Some(Shutdown::Infinity), ..Self::new(parts.id, ChildKind::Supervisor, parts.body) }
    }

    fn new(id: ChildId, kind: ChildKind, body: Box<dyn Body<H>>) -> Self {
        Self {
            settings: Settings::new(id),
            shutdown: None,
            backoff: None,
            start_timeout: None,
            significant: false,
            depends_on: Vec::new(),
            readiness: None,
            kind,
            name: None,
            body,
            fixed: false,
        }
    }

    /// What it is called among its siblings.
    ///
    /// # Panics
    ///
    /// When a [`reference`](Self::reference) was taken before.
    pub fn id(mut self, id: impl Into<ChildId>) -> Self {
        self.assert_open();
        self.settings.id = id.into();
        self
    }

    /// Whether it is restarted when it ends. By default always.
    ///
    /// # Panics
    ///
    /// When a [`reference`](Self::reference) was taken before.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.assert_open();
        self.settings.restart = restart;
        self
    }

    /// How it is stopped. By default within 5 seconds; a supervisor has all the time it needs for its children.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = Some(shutdown);
        self
    }

    /// Restarts it after a delay that grows from one time to the next. By default it is restarted at once.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(Box::new(backoff));
        self
    }

    /// How long its init may take, in every incarnation. By default there is no limit.
    ///
    /// An init that takes longer is aborted, and has failed with [`Timeout`](registry::ExitReason::Timeout): whoever waits for
    /// the start is told [`StartFailure::Timeout`](crate::StartFailure::Timeout), and a restart has been tried and counts. One
    /// that does not even end when aborted is counted out after the supervisor's grace.
    ///
    /// For a supervisor it is the time for all of its children; those that had come up are stopped in reverse order, within
    /// their own shutdown times. Tasks and blocking children are up at once, unless they have to become
    /// [ready](Self::ready_when). OTP has no such limit.
    ///
    /// Zero is refused when the supervisor starts.
    ///
    /// ```
    /// # use supervisor::{ChildSpec, Context, Failure, Flow, Init, Server, StartError, StartFailure, Strategy, Supervisor};
    /// # use std::time::Duration;
    /// struct Remote;
    /// impl Server for Remote {
    ///     type Message = ();
    ///     async fn init(&mut self, _: &mut Context<Self>) -> Result<Init, Failure> {
    ///         std::future::pending().await // the other side does not answer
    ///     }
    /// #   async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> { Ok(Flow::Continue) }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let refused = Supervisor::new(Strategy::OneForOne)
    ///     .child(ChildSpec::server(|| Remote).start_timeout(Duration::from_secs(10)))
    ///     .start()
    ///     .await;
    /// assert!(matches!(refused, Err(StartError::Child { cause: StartFailure::Timeout { .. }, .. })));
    /// # }
    /// ```
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = Some(limit);
        self
    }

    /// Counts it as up only when `check` answers `true`: it is asked when the init is done, and again `interval` after each
    /// `false`, one check at a time.
    ///
    /// Until then it is [`Starting`](crate::ChildState::Starting) (or `Restarting`) for its supervisor, and whoever waits for
    /// its start goes on waiting: `start` and `start_child`, the siblings behind it, those that
    /// [depend](Self::depends_on) on it. It already handles its mail, and its name is there: the check may use both. The
    /// [`start_timeout`](Self::start_timeout), 60 seconds by default, bounds init and checks together. An end before it was ready,
    /// for whatever reason, is a start that failed. Once ready, it is not checked again: that is the business of a health monitor.
    ///
    /// A check that panics has answered `false`. An interval of zero is refused when the supervisor starts.
    ///
    /// ```
    /// # use supervisor::{ChildSpec, Strategy, Supervisor};
    /// # use std::{sync::Arc, sync::atomic::{AtomicU32, Ordering::Relaxed}, time::Duration};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let warm = Arc::new(AtomicU32::new(0));
    /// let check = { let warm = Arc::clone(&warm); move || { let warm = Arc::clone(&warm); async move { warm.load(Relaxed) > 2 } } };
    /// let tree = Supervisor::new(Strategy::OneForOne)
    ///     .child(ChildSpec::task("cache", move |cx| { let warm = Arc::clone(&warm); async move {
    ///         for _ in 0..3 { warm.fetch_add(1, Relaxed); tokio::time::sleep(Duration::from_secs(1)).await; }
    ///         cx.stopped().await
    ///     }}).ready_when(Duration::from_millis(100), check))
    ///     .child(ChildSpec::task("web", |cx| async move { cx.stopped().await }).depends_on("cache"))
    ///     .start() // web is started behind a warm cache
    ///     .await?;
    /// # tree.stop().await; Ok(()) }
    /// ```
    pub fn ready_when<F>(mut self, interval: Duration, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        self.readiness = Some(Readiness::probe(interval, check));
        self
    }

    /// Starts it only when this sibling is up, in every incarnation. Can be given several times.
    ///
    /// Children start in the order of the list; one that depends on a later one is moved behind it. Stops are in the reverse of
    /// that order, and `RestForOne` follows it too. After the start, each start waits while a sibling that it depends on is
    /// being started, restarted, stopped, or waits itself: [`ChildInfo::waits_for`](crate::ChildInfo::waits_for) tells. It waits for
    /// nobody who is down and stays down: not for a transient child that has done its work, nor for one that was ignored,
    /// terminated by hand or deleted. The start timeout begins when the wait is over.
    ///
    /// A restart of the sibling does not restart this child: that is what
    /// [`RestForOne`](crate::Strategy::RestForOne) is for.
    ///
    /// A sibling that is not there, the child itself, and cycles are refused before anything starts; a dynamic supervisor refuses
    /// all of them, as its children have no order.
    ///
    /// ```
    /// # use supervisor::{ChildSpec, Restart, Strategy, Supervisor};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tree = Supervisor::new(Strategy::OneForOne)
    ///     .child(ChildSpec::task("web", |cx| async move { cx.stopped().await }).depends_on("store"))
    ///     .child(ChildSpec::task("store", |cx| async move { cx.stopped().await }))
    ///     .start()
    ///     .await?;
    /// let order: Vec<_> = tree.which_children().await?.into_iter().map(|child| child.id.to_string()).collect();
    /// assert_eq!(order, ["store", "web"]);
    /// # tree.stop().await; Ok(()) }
    /// ```
    pub fn depends_on(mut self, child: impl Into<ChildId>) -> Self {
        self.depends_on.push(child.into());
        self
    }

    /// Lets its end be that of its supervisor, if that one has an [`AutoShutdown`](crate::AutoShutdown).
    ///
    /// Only for transient and temporary children: a permanent one never ends for good. A supervisor without auto shutdown
    /// refuses significant children, and so does a dynamic one.
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// Publishes its handle under this name while an incarnation is up.
    ///
    /// The name is reserved when the child is first started, and stays so while it restarts: nobody else can take it. It is
    /// free when the spec is gone or the supervisor has ended.
    #[expect(clippy::needless_pass_by_value, reason = "keys are constants and strings, and read better so")]
    pub fn name(mut self, namespace: &Namespace, service: impl ServiceKey<H>) -> Self {
        self.name = Some(Box::new(Name::new(namespace, &service)));
        self
    }

    /// A handle to the child before it is started. It stays valid over all incarnations.
    pub fn reference(&mut self) -> H {
        self.fixed = true;
        self.body.handle(&self.settings)
    }

    /// Its id.
    pub fn child_id(&self) -> &ChildId {
        &self.settings.id
    }

    fn assert_open(&self) {
        assert!(!self.fixed, "child `{}`: options that a reference depends on come before it", self.settings.id);
    }

    /// Makes a child of it.
    pub(crate) fn assemble(mut self) -> (Spec, H) {
        let handle = self.body.handle(&self.settings);
        let (name, shown) = self.name.take().map(|name| name.bind(handle.clone())).unzip();
        let (spec, _) = self.build(name);
        shown.into_iter().for_each(|shown| spec.starter.core().set_name(shown));
        spec.take_effect();
        (spec, handle)
    }

    /// Puts the parts together.
    pub(super) fn build(self, name: Option<Arc<dyn Published>>) -> (Spec, Settings) {
        let starter = self.body.assemble(&self.settings, name);
        let shutdown = self.shutdown.unwrap_or(Shutdown::Timeout(Duration::from_secs(5)));
        let start_timeout = self.start_timeout.or(self.readiness.is_some().then_some(READY_TIME));
        let spec = Spec {
            restart: self.settings.restart,
            shutdown,
            backoff: self.backoff,
            start_timeout,
            significant: self.significant,
            has_room: self.settings.mailbox > 0,
            depends_on: self.depends_on.into(),
            readiness: self.readiness,
            starter,
        };
        (spec, self.settings)
    }
}

impl<H> fmt::Debug for ChildSpec<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.settings.id)
            .field("kind", &self.kind)
            .field("restart", &self.settings.restart)
            .field("shutdown", &self.shutdown)
            .field("start_timeout", &self.start_timeout)
            .field("significant", &self.significant)
            .field("depends_on", &self.depends_on)
            .field("readiness", &self.readiness)
            .finish_non_exhaustive()
    }
}
