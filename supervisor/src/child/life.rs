//! An incarnation from its birth to the report of its end.

use std::sync::Arc;

use registry::ExitReason;
use tokio::sync::{mpsc, oneshot};

use super::core::Core;
use super::exit::Outcome;
use super::seat::Seat;
use crate::error::StartFailure;

/// What a supervisor hears of an incarnation.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) key: u64,
    pub(crate) generation: u32,
    pub(crate) happening: Happening,
}

#[derive(Debug)]
pub(crate) enum Happening {
    Ready,
    /// Ready for those who wait for it, some time after its init.
    Healthy,
    Exited(ExitReason),
    Ignored,
    Refused(Box<StartFailure>),
    /// Somebody wants it stopped.
    Unwanted,
    /// Its first init takes too long, says who waits for it.
    Overdue,
    /// Nothing, but look again.
    Changed,
}

/// What a supervisor gives an incarnation along.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) notes: Option<mpsc::UnboundedSender<Note>>,
    pub(crate) key: u64,
    pub(crate) generation: u32,
    /// Who waits for the init besides the supervisor, and instead of it.
    pub(crate) direct: Option<oneshot::Sender<Happening>>,
}

/// Held by the main task of an incarnation, and dropped last: reports its end, whatever ends it.
pub(crate) struct Guard(Option<Report>);

/// Whose end is told, and to whom.
struct Report {
    seat: Arc<dyn Seat>,
    birth: Birth,
}

/// The end of an incarnation, to be told once its whole scope is gone. Without an outcome it was cut off.
pub(crate) struct End {
    report: Report,
    outcome: Option<Outcome>,
}

impl Guard {
    pub(crate) fn new(seat: Arc<dyn Seat>, birth: Birth) -> Self {
        Self(Some(Report { seat, birth }))
    }

    /// Acknowledges the init.
    pub(crate) fn ready(&mut self) {
        let Some(report) = &mut self.0 else { return };
        report.seat.core().ready();
        match report.birth.direct.take() {
            Some(direct) => report.birth.tell(direct, Happening::Ready),
            None => report.birth.note(Happening::Ready),
        }
    }

    /// Of the child that this is an incarnation of.
    pub(super) fn core(&self) -> &Core {
        match &self.0 {
            Some(report) => report.seat.core(),
            None => unreachable!("it is there until the end is reported"),
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|report| report.seat.core().is_asked())
    }

    /// Reports what the incarnation says of its own end.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        if let Some(report) = self.0.take() {
            report.send(Some(outcome));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(report) = self.0.take() {
            // It was cut off before it was polled: there is nothing that could have panicked yet.
            report.seat.core().panic_if_injected(());
            report.send(None);
        }
    }
}

impl Report {
    /// At once, or when the last of the scope is gone.
    fn send(self, outcome: Option<Outcome>) {
        let end = End { report: self, outcome };
        match end.report.seat.core().close_scope() {
            None => end.deliver(),
            Some(scope) => scope.close(end),
        }
    }
}

impl End {
    pub(super) fn deliver(self) {
        let Self { report: Report { seat, mut birth }, outcome } = self;
        let core = seat.core();
        let happening = match outcome {
            Some(Outcome::Ignored) => {
                core.end(Some(ExitReason::Normal), &*seat);
                Happening::Ignored
            }
            Some(Outcome::Refused(failure)) => {
                core.end(Some(failure.as_exit()), &*seat);
                Happening::Refused(failure)
            }
            Some(Outcome::Exited(reason)) => Happening::Exited(core.end(Some(reason), &*seat)),
            None => Happening::Exited(core.end(None, &*seat)),
        };
        match birth.direct.take() {
            Some(direct) => birth.tell(direct, happening),
            None => birth.note(happening),
        }
    }
}

impl Birth {
    /// Tells who waits for the init, or the supervisor when that one has gone.
    fn tell(&self, direct: oneshot::Sender<Happening>, happening: Happening) {
        if let Err(happening) = direct.send(happening) {
            self.note(happening);
        }
    }

    fn note(&self, happening: Happening) {
        if let Some(notes) = &self.notes {
            // A supervisor that is gone has nothing to decide any more.
            let _ = notes.send(Note { key: self.key, generation: self.generation, happening });
        }
    }
}
