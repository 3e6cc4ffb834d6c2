//! Running a tree as a program.

use std::fmt;
use std::process::{ExitCode, exit};
use std::time::Duration;

use registry::ExitReason;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::notify::{Notifier, watchdog_period};
use crate::supervisor::{SupervisorRef, Tree};

/// How long those that were aborted at the deadline are waited for.
const LAST: Duration = Duration::from_secs(5);

/// Runs a tree until it ends, or the process is asked to end: [`Run`] with its defaults.
///
/// ```no_run
/// use std::process::ExitCode;
/// use supervisor::{ChildSpec, Strategy, Supervisor};
///
/// #[tokio::main]
/// async fn main() -> ExitCode {
///     let tree = Supervisor::new(Strategy::OneForOne)
///         .child(ChildSpec::task("worker", |cx| async move { cx.stopped().await }));
///     match tree.start().await {
///         Ok(tree) => supervisor::run(tree).await,
///         Err(error) => {
///             eprintln!("{error}");
///             ExitCode::FAILURE
///         }
///     }
/// }
/// ```
///
/// # Panics
///
/// When no handlers can be installed for the signals.
pub async fn run(tree: Tree<SupervisorRef>) -> ExitCode {
    Run::new(tree).run().await
}

/// The root of a program.
///
/// SIGTERM and SIGINT stop the tree in order. The exit code tells why the program ended:
///
/// | code | why |
/// |---|---|
/// | 0 | it was asked to end, and stopped in order; or the tree ended by itself, and cleanly |
/// | 1 | the tree ended by itself, and not cleanly: a meltdown, a kill |
/// | 2 | it did not stop within the [deadline](Self::deadline), or had to leave a child behind that could not be killed |
/// | 130, 143 | a second signal (SIGINT, SIGTERM) ended it at once |
///
/// In the last two cases the program ends in here, by [`std::process::exit`]: a thread that does not come back would keep
/// `main` from returning.
///
/// When `NOTIFY_SOCKET` is set, the service manager is told `READY=1` at the start and `STOPPING=1` when the stop begins, and,
/// when `WATCHDOG_USEC` asks for it, `WATCHDOG=1` as long as the root supervisor answers.
#[must_use = "nothing runs before `run` is awaited"]
pub struct Run {
    tree: Tree<SupervisorRef>,
    deadline: Duration,
}

/// How the tree came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    ByItself(ExitReason),
    Stopped,
    TimedOut,
    Killed(Signal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Interrupt,
    Terminate,
}

impl Run {
    /// Will run this tree.
    pub fn new(tree: Tree<SupervisorRef>) -> Self {
        Self { tree, deadline: Duration::from_secs(30) }
    }

    /// How long the ordered stop may take as a whole. By default 30 seconds. What is still there then is aborted, also in
    /// nested supervisors ([`stop_within`](SupervisorRef::stop_within)), and the program ends within 5 seconds more.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// When no handlers can be installed for the signals.
    ///
    /// # Cancel safety
    ///
    /// Dropping it kills the tree.
    pub async fn run(self) -> ExitCode {
        let end = self.until_end().await;
        match &end {
            End::ByItself(reason) => tracing::info!(%reason, "the tree has ended"),
            End::Stopped => tracing::info!("stopped in order"),
            End::TimedOut => tracing::error!("did not stop in time"),
            End::Killed(signal) => tracing::error!(?signal, "killed by a second signal"),
        }
        if end.leaves_threads_behind() {
            exit(end.code().into());
        }
        ExitCode::from(end.code())
    }

    async fn until_end(self) -> End {
        let mut signals = Signals::new();
        let notifier = Notifier::from_env();
        let tell = |state| notifier.iter().for_each(|notifier| notifier.tell(state));
        tell("READY=1");

        let root = self.tree.reference();
        let first = tokio::select! {
            reason = root.exited() => {
                tell("STOPPING=1");
                return End::ByItself(reason);
            }
            signal = signals.next() => signal,
            () = keep_alive(&root, notifier.as_ref()) => unreachable!("it goes on for ever"),
        };
        tracing::info!(signal = ?first, "stopping");
        tell("STOPPING=1");
        tokio::select! {
            stopped = timeout(self.deadline.saturating_add(LAST), stop(&root, self.deadline)) => match stopped {
                Ok(true) => End::Stopped,
                Ok(false) | Err(_) => End::TimedOut,
            },
            signal = signals.next() => End::Killed(signal),
            () = keep_alive(&root, notifier.as_ref()) => unreachable!("it goes on for ever"),
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("tree", &self.tree).field("deadline", &self.deadline).finish()
    }
}

impl End {
    fn code(&self) -> u8 {
        match self {
            // A meltdown is a clean end for a transient parent. For a program it is a failure.
            Self::ByItself(ExitReason::Normal | ExitReason::Shutdown) | Self::Stopped => 0,
            Self::ByItself(_) => 1,
            Self::TimedOut => 2,
            Self::Killed(Signal::Interrupt) => 130,
            Self::Killed(Signal::Terminate) => 143,
        }
    }

    fn leaves_threads_behind(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Killed(_))
    }
}

/// Stops the tree in order. `false` when that was not done in time, or a child was left behind.
async fn stop(root: &SupervisorRef, deadline: Duration) -> bool {
    let begun = Instant::now();
    root.stop_within(deadline).await;
    root.exited().await;
    begun.elapsed() < deadline && !root.has_abandoned()
}

/// Tells the service manager that the root supervisor answers, as often as it wants to hear it.
async fn keep_alive(root: &SupervisorRef, notifier: Option<&Notifier>) {
    let (Some(notifier), Some(period)) = (notifier, watchdog_period()) else { return std::future::pending().await };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if root.count_children().await.is_ok() {
            notifier.tell("WATCHDOG=1");
        }
    }
}

/// The signals that end a program.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        let install = |kind| signal(kind).unwrap_or_else(|error| panic!("no handler for signals: {error}"));
        Self { interrupt: install(SignalKind::interrupt()), terminate: install(SignalKind::terminate()) }
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_why() {
        let codes = [
            (End::Stopped, 0),
            (End::ByItself(ExitReason::Normal), 0),
            (End::ByItself(ExitReason::shutdown_with("meltdown: …")), 1),
            (End::ByItself(ExitReason::Killed), 1),
            (End::TimedOut, 2),
            (End::Killed(Signal::Interrupt), 130),
            (End::Killed(Signal::Terminate), 143),
        ];
        for (end, code) in codes {
            assert_eq!(end.code(), code, "{end:?}");
        }
    }
}
