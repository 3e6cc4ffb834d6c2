//! What is asked of a running supervisor.

use super::info::{ChildCount, ChildInfo, ChildSpecInfo};
use crate::child::{ChildId, ChildRef, Replacement, Spec};
use crate::error::{DeleteChildError, ReplaceChildSpecError, RestartChildError, StartChildError, TerminateChildError};
use crate::server::Reply;

/// Whoever waits says which task it is, so that none waits for itself.
pub(super) enum Command {
    Start { spec: Spec, caller: u64, reply: Reply<Result<(), StartChildError>> },
    Terminate { child: ChildId, caller: u64, reply: Reply<Result<(), TerminateChildError>> },
    Kill { child: ChildId, reply: Reply<Result<(), TerminateChildError>> },
    Restart { child: ChildId, caller: u64, reply: Reply<Result<(), RestartChildError>> },
    Delete { child: ChildId, reply: Reply<Result<(), DeleteChildError>> },
    Replace { with: Box<dyn Replacement>, reply: Reply<Result<(), ReplaceChildSpecError>> },
    Which { reply: Reply<Vec<ChildInfo>> },
    Count { reply: Reply<ChildCount> },
    Spec { child: ChildId, reply: Reply<Option<ChildSpecInfo>> },
    Find { child: ChildId, reply: Reply<Option<ChildRef>> },
    Awaits { task: u64, reply: Reply<bool> },
}
