//! What a server has to do with the ends of other processes: monitors and links.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use registry::{ExitMonitor, ExitReason, ProcessRef};

use super::context::Context;
use super::contract::Server;
use crate::child::Seat;

/// A monitor of one incarnation, to take it back by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MonitorId(u64);

/// A process that is monitored has ended. See [`Context::monitor`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Down {
    /// Which monitor tells.
    pub monitor: MonitorId,
    /// The process.
    pub process: ProcessRef,
    /// Why it ended.
    pub reason: ExitReason,
}

/// A process that is linked with the server has ended. See [`Context::link`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exited {
    /// The process.
    pub process: ProcessRef,
    /// Why it ended.
    pub reason: ExitReason,
}

impl Exited {
    /// Why a server ends that does as its linked process did: the reason with whose end it was.
    pub fn as_reason(&self) -> ExitReason {
        ExitReason::of_linked(self.process.id(), &self.reason)
    }
}

/// News of the end of another process, for one incarnation.
pub(super) enum Signal {
    Down(Down),
    Exited(Exited),
}

/// Signals on their way, for the incarnation with this number.
#[derive(Default)]
pub(super) struct Signals(VecDeque<(u32, Signal)>);

impl Signals {
    pub(super) fn push(&mut self, incarnation: u32, signal: Signal) {
        self.0.push_back((incarnation, signal));
    }

    pub(super) fn pop(&mut self, incarnation: u32) -> Option<Signal> {
        std::iter::from_fn(|| self.0.pop_front()).find(|(to, _)| *to == incarnation).map(|(_, signal)| signal)
    }

    /// Those for this incarnation, if there are any, and the others.
    pub(super) fn split(self, incarnation: Option<u32>) -> (Option<Box<Self>>, Self) {
        let (kept, stale): (VecDeque<_>, _) = self.0.into_iter().partition(|(to, _)| Some(*to) == incarnation);
        ((!kept.is_empty()).then(|| Box::new(Self(kept))), Self(stale))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn forget(&mut self, unwanted: impl Fn(&Signal) -> bool) {
        self.0.retain(|(_, signal)| !unwanted(signal));
    }
}

/// The monitors of an incarnation, which end with it.
#[derive(Default)]
pub(super) struct Monitors {
    next: u64,
    alive: HashMap<MonitorId, ExitMonitor>,
}

impl<S: Server> Context<S> {
    /// Has [`handle_down`](Server::handle_down) called when this process has ended: a server, a task, anything that has a
    /// [`ProcessRef`]. One that has ended already is told of at once, with its reason (OTP: `noproc`).
    ///
    /// It ends with the incarnation. Two monitors of one process are two, each told of once.
    ///
    /// ```
    /// use supervisor::{Context, Down, Failure, Flow, Init, Server, ServerRef};
    /// # struct Printer;
    /// # impl Server for Printer { type Message = (); async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> { Ok(Flow::Continue) } }
    ///
    /// struct Queue {
    ///     printer: ServerRef<Printer>,
    /// }
    ///
    /// impl Server for Queue {
    ///     # type Message = ();
    ///     async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
    ///         if let Some(printer) = self.printer.process() {
    ///             cx.monitor(&printer);
    ///         }
    ///         Ok(Init::Ready)
    ///     }
    ///
    ///     async fn handle_down(&mut self, down: Down, _cx: &mut Context<Self>) -> Result<Flow, Failure> {
    ///         println!("the printer has ended: {}", down.reason);
    ///         Ok(Flow::Continue)
    ///     }
    ///     # async fn handle(&mut self, (): (), _: &mut Context<Self>) -> Result<Flow, Failure> { Ok(Flow::Continue) }
    /// }
    /// ```
    pub fn monitor(&mut self, process: &ProcessRef) -> MonitorId {
        let (slot, incarnation) = (Arc::downgrade(&self.slot), self.incarnation());
        let monitors = self.own().monitors.get_or_insert_default();
        monitors.next += 1;
        let monitor = MonitorId(monitors.next);
        let ended = process.clone();
        let alive = process.monitor(move |reason| {
            if let Some(slot) = slot.upgrade() {
                let down = Down { monitor, process: ended, reason: reason.clone() };
                slot.send_signal(incarnation, Signal::Down(down));
            }
        });
        self.own().monitors.get_or_insert_default().alive.insert(monitor, alive);
        monitor
    }

    /// Takes a monitor back: it is not told of any more, even if the process has ended meanwhile. `false` when it was told of, or is
    /// no monitor of this incarnation.
    pub fn demonitor(&mut self, monitor: MonitorId) -> bool {
        let alive = self.own().monitors.as_mut().and_then(|monitors| monitors.alive.remove(&monitor));
        let is_alive = alive.is_some();
        drop(alive);
        self.slot.edit_signals(|signals| {
            signals.forget(|signal| matches!(signal, Signal::Down(down) if down.monitor == monitor));
        });
        is_alive
    }

    /// Links this incarnation with a process: if one of them ends, [`handle_exit`](Server::handle_exit) is called in the other,
    /// which by default ends as well unless the end was clean.
    ///
    /// It works with any [`ProcessRef`]. A child that is a task is aborted, a blocking one is asked to stop, a supervisor is
    /// not impressed; what [`ProcessRef::link`] says of other processes holds here too: one that was made by hand cannot
    /// be ended by anybody but its owner, so that such a link works in one direction only. With a process that has ended, it
    /// is told at once. The link ends with the incarnation.
    pub fn link(&self, process: &ProcessRef) {
        self.process().link(process);
    }

    /// Undoes a link, whichever side made it: the server is not told of that process any more. `false` when there was none.
    pub fn unlink(&self, process: &ProcessRef) -> bool {
        let was_linked = self.process().unlink(process);
        self.slot.edit_signals(|signals| {
            signals.forget(|signal| matches!(signal, Signal::Exited(exited) if exited.process == *process));
        });
        was_linked
    }

    /// The next signal, for the loop.
    #[inline]
    pub(super) fn next_signal(&mut self) -> Option<Box<Signal>> {
        if self.slot.has_signals() { self.take_signal() } else { None }
    }

    #[cold]
    fn take_signal(&mut self) -> Option<Box<Signal>> {
        let incarnation = self.incarnation();
        let signal = self.slot.edit_signals(|signals| signals.pop(incarnation))?;
        if let Signal::Down(down) = &signal
            && let Some(monitors) = &mut self.own().monitors
        {
            monitors.alive.remove(&down.monitor);
        }
        Some(Box::new(signal))
    }

    /// The process of this incarnation: what names can be registered for, and what others can monitor and link with.
    pub fn process(&self) -> ProcessRef {
        let seat: Arc<dyn Seat> = Arc::clone(&self.slot) as _;
        seat.process(self.incarnation())
    }
}
