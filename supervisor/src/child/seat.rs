//! What a child's supervisor and the references to it share, whatever its kind.

use std::any::Any;
use std::sync::Arc;

use registry::{ExitReason, Process, ProcessRef};
use tokio::time::Instant;

use super::body::Settings;
use super::core::Core;
use crate::server::MailboxStats;
use crate::tree::Branch;

/// Whatever a child's supervisor and its references share: a [`Core`], and for servers the mailbox.
pub(crate) trait Seat: Any + Send + Sync {
    fn core(&self) -> &Core;
    /// An incarnation has ended: nobody will handle the mail that it leaves.
    fn vacate(&self) {}
    /// A process that this incarnation is linked with has ended. A supervisor is not ended by that, as in OTP.
    fn signal(&self, incarnation: u32, process: &ProcessRef, reason: &ExitReason) {
        let _ = (incarnation, process, reason);
    }
    /// What is in its mailbox, if it has one that is seen from outside.
    fn mailbox(&self) -> Option<MailboxStats> {
        None
    }
    /// The stop of its incarnation has to be over by then. Supervisors see to that themselves, whatever is below them; all
    /// other children are aborted.
    fn limit(&self, _until: Instant) {}
    /// Itself, if it is a supervisor.
    fn branch(&self) -> Option<&dyn Branch> {
        None
    }
    /// Another spec has been given for it: what holds at once does from now on.
    fn configure(&self, settings: &Settings) {
        self.core().set_restart(settings.restart);
    }
    /// How many messages wait in its mailbox, and how many it holds.
    fn depth(&self) -> Option<(usize, usize)> {
        self.mailbox().map(|mailbox| (mailbox.len, mailbox.capacity))
    }
    /// What it takes in memory, without what it owns on the heap.
    fn bytes(&self) -> usize {
        size_of_val(self)
    }
}

impl dyn Seat {
    /// The process of this incarnation, made when it is first asked for. Of one that has ended, a process that has too.
    pub(crate) fn process(self: &Arc<Self>, incarnation: u32) -> ProcessRef {
        let core = self.core();
        {
            let mut cold = core.cold.lock();
            if core.incarnation() == incarnation && !core.has_ended(incarnation) {
                let seat = Arc::downgrade(self);
                let process = cold.process.get_or_insert_with(|| {
                    Process::trapping(move |process, reason| {
                        if let Some(seat) = seat.upgrade() {
                            seat.signal(incarnation, process, reason);
                        }
                    })
                });
                return process.reference();
            }
        }
        let process = Process::new();
        let reference = process.reference();
        let reason = if core.incarnation() == incarnation { core.last_exit() } else { None };
        process.end(reason.unwrap_or(ExitReason::Killed));
        reference
    }
}

/// The seat as what it is; `None` when it is something else.
pub(crate) fn downcast<T: Seat>(seat: Arc<dyn Seat>) -> Option<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = seat;
    any.downcast().ok()
}
