//! Many tasks, some of them at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::future::poll_fn;
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread::available_parallelism;
use std::time::Duration;

use futures_core::Stream;
use registry::ExitReason;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until};

use super::exit::TaskExit;
use super::once::{Finished, ReplyTo};
use super::reference::TaskSupervisorRef;
use crate::child::ChildRef;
use crate::error::StartChildError;

/// What a [`TaskStream`] does when one of its tasks takes too long. The task is stopped in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnTimeout {
    /// The stream gives [`Timeout`](ExitReason::Timeout) at once, and ends with all of its tasks.
    #[default]
    Exit,
    /// The stream gives [`Timeout`](ExitReason::Timeout) for that input, and goes on.
    KillTask,
}

/// The results of tasks that run over many inputs, some at a time: what
/// [`TaskSupervisorRef::stream`](crate::TaskSupervisorRef::stream) gives.
///
/// | option | default |
/// |---|---|
/// | [`max_concurrency`](Self::max_concurrency) | as many as there are processors for the program |
/// | [`unordered`](Self::unordered) | no: results come in the order of the inputs |
/// | [`timeout`](Self::timeout) | 5 seconds for each task |
/// | [`on_timeout`](Self::on_timeout) | [`OnTimeout::Exit`] |
///
/// - An input is taken when there is room: at most `max_concurrency` tasks run, and no more results than that wait to be taken. A
///   consumer that does not poll holds everything back.
/// - A task that panics is an `Err` in its place, and the others go on.
/// - Dropped, it stops its tasks, and takes no more inputs.
/// - One that the supervisor has no room for is [`Refused`](TaskExit::Refused), and its input is lost: leave room for
///   `max_concurrency`. Of a supervisor that stops, the stream tells that once, and ends.
///
/// It is a [`Stream`] as well.
///
/// # Cancel safety
///
/// A [`next`](Self::next) that is dropped loses nothing.
#[must_use = "a stream does nothing until it is polled"]
pub struct TaskStream<I, W, F: Future> {
    supervisor: TaskSupervisorRef,
    /// Gone when it has no more, or none are wanted.
    inputs: Option<I>,
    work: W,
    max_concurrency: usize,
    ordered: bool,
    timeout: Option<Duration>,
    on_timeout: OnTimeout,
    sender: mpsc::UnboundedSender<(u64, Finished<F::Output>)>,
    results: mpsc::UnboundedReceiver<(u64, Finished<F::Output>)>,
    /// The number of the next input, and of the next result.
    taken: u64,
    given: u64,
    running: HashMap<u64, Running>,
    waiting: BTreeMap<u64, Finished<F::Output>>,
    deadlines: BTreeSet<(Instant, u64)>,
    timer: Option<Pin<Box<Sleep>>>,
}

struct Running {
    child: ChildRef,
    deadline: Option<Instant>,
    late: bool,
}

/// Nothing in it is pinned in place.
impl<I, W, F: Future> Unpin for TaskStream<I, W, F> {}

impl<I, W, F> TaskStream<I, W, F>
where
    I: Iterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output: Send> + Send + 'static,
{
    pub(super) fn new(supervisor: TaskSupervisorRef, inputs: I, work: W) -> Self {
        let (sender, results) = mpsc::unbounded_channel();
        Self {
            supervisor,
            inputs: Some(inputs),
            work,
            max_concurrency: available_parallelism().map_or(1, NonZero::get),
            ordered: true,
            timeout: Some(Duration::from_secs(5)),
            on_timeout: OnTimeout::default(),
            sender,
            results,
            taken: 0,
            given: 0,
            running: HashMap::new(),
            waiting: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            timer: None,
        }
    }

    /// How many tasks run at the same time. By default as many as there are processors for the program.
    ///
    /// # Panics
    ///
    /// When it is 0.
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        assert!(tasks > 0, "a stream runs at least one task at a time");
        self.max_concurrency = tasks;
        self
    }

    /// Gives results as they come. By default they come in the order of the inputs, and one that takes long holds those behind it
    /// back.
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// How long each task may take, from its start. By default 5 seconds; [`Duration::MAX`] is no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = (timeout < Duration::MAX).then_some(timeout);
        self
    }

    /// What happens when a task takes longer. By default the stream ends.
    pub fn on_timeout(mut self, on_timeout: OnTimeout) -> Self {
        self.on_timeout = on_timeout;
        self
    }

    /// The next result; `None` when there are no more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped; tasks that run go on, and no others are started until it is called again.
    pub async fn next(&mut self) -> Option<Result<F::Output, TaskExit>> {
        poll_fn(|task| self.poll_result(task)).await
    }

    fn poll_result(&mut self, task: &mut Context<'_>) -> Poll<Option<Finished<F::Output>>> {
        loop {
            while let Poll::Ready(Some((index, finished))) = self.results.poll_recv(task) {
                if let Some(last) = self.take(index, finished) {
                    return Poll::Ready(Some(last));
                }
            }
            let moved = self.fill();
            if let Some(finished) = self.give() {
                return Poll::Ready(Some(finished));
            }
            if self.running.is_empty() && self.waiting.is_empty() && self.inputs.is_none() {
                return Poll::Ready(None);
            }
            if !moved {
                // Some deadline has passed, or will.
                ready!(self.poll_timer(task));
                self.stop_late();
            }
        }
    }

    /// A task has ended. What it gives when that ends the stream.
    fn take(&mut self, index: u64, finished: Finished<F::Output>) -> Option<Finished<F::Output>> {
        let running = self.running.remove(&index)?;
        if let Some(deadline) = running.deadline {
            self.deadlines.remove(&(deadline, index));
        }
        let finished = match finished {
            Err(_) if running.late => Err(TaskExit::Exited(ExitReason::Timeout)),
            finished => finished,
        };
        if running.late && finished.is_err() && self.on_timeout == OnTimeout::Exit {
            self.stop();
            return Some(finished);
        }
        self.waiting.insert(index, finished);
        None
    }

    /// Takes inputs as there is room for them. Says whether there is something new to look at.
    fn fill(&mut self) -> bool {
        let mut moved = false;
        while self.running.len() + self.waiting.len() < self.max_concurrency {
            let Some(inputs) = &mut self.inputs else { break };
            let Some(input) = inputs.next() else {
                self.inputs = None;
                break;
            };
            moved = true;
            // Counted only then: a panic in here leaves no place that is waited for.
            let future = (self.work)(input);
            let index = self.taken;
            self.taken += 1;
            match self.supervisor.begin(future, ReplyTo::Stream(self.sender.clone(), index)) {
                Ok(child) => {
                    let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
                    self.deadlines.extend(deadline.map(|deadline| (deadline, index)));
                    self.running.insert(index, Running { child, deadline, late: false });
                }
                Err(refused) => {
                    if !matches!(refused, StartChildError::MaxChildren(_)) {
                        self.inputs = None;
                    }
                    self.waiting.insert(index, Err(TaskExit::Refused(refused)));
                }
            }
        }
        moved
    }

    fn give(&mut self) -> Option<Finished<F::Output>> {
        let next = self.waiting.first_entry()?;
        if self.ordered && *next.key() != self.given {
            return None;
        }
        self.given += 1;
        Some(next.remove())
    }

    fn poll_timer(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let Some(&(deadline, _)) = self.deadlines.first() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(task)
    }

    fn stop_late(&mut self) {
        let now = Instant::now();
        while let Some(&(deadline, index)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if let Some(running) = self.running.get_mut(&index) {
                running.late = true;
                running.deadline = None;
                self.supervisor.ask_to_stop(&running.child);
            }
        }
    }
}

impl<I, W, F: Future> TaskStream<I, W, F> {
    fn stop(&mut self) {
        self.inputs = None;
        self.waiting.clear();
        self.deadlines.clear();
        for (_, running) in self.running.drain() {
            self.supervisor.ask_to_stop(&running.child);
        }
    }
}

impl<I, W, F: Future> Drop for TaskStream<I, W, F> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<I, W, F> Stream for TaskStream<I, W, F>
where
    I: Iterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output: Send> + Send + 'static,
{
    type Item = Result<F::Output, TaskExit>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_result(task)
    }
}

impl<I, W, F: Future> fmt::Debug for TaskStream<I, W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStream")
            .field("max_concurrency", &self.max_concurrency)
            .field("ordered", &self.ordered)
            .field("timeout", &self.timeout)
            .field("on_timeout", &self.on_timeout)
            .field("taken", &self.taken)
            .field("given", &self.given)
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}
