//! Specs that cannot take another's place.

use super::start::StartError;
use crate::child::{ChildId, ChildKind};
use crate::tree::RegisteredName;

/// Why a child has not got another spec. It goes on with the one that it had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceChildSpecError {
    /// No child has the id of the spec.
    #[error("no child is called `{0}`: give the spec the id of the child, or start it with `start_child`")]
    NotFound(ChildId),
    /// A [`reference`](crate::ChildSpec::reference) was taken of the spec. It is not that of the child.
    #[error(
        "a reference was taken of the new spec of `{0}`, and would lead nowhere: use those that there are of the child"
    )]
    Referenced(ChildId),
    /// The spec is for another kind of child.
    #[error("child `{child}` is a {}, and the new spec is for a {}: delete the child and start another", .is.as_str(), .given.as_str())]
    KindChanged {
        /// The child.
        child: ChildId,
        /// What it is.
        is: ChildKind,
        /// What the spec is for.
        given: ChildKind,
    },
    /// The spec is for a server that takes other messages, or for another kind of supervisor; or the child is a supervisor
    /// without a fixed list of children. References to the child could not stay good.
    #[error("references to `{0}` would not fit what the new spec is for: delete the child and start another")]
    TypeChanged(ChildId),
    /// The spec has another name, or one has none.
    #[error("child `{child}` is published as {}, and by its new spec as {}: names stay, as references do", named(.is), named(.given))]
    NameChanged {
        /// The child.
        child: ChildId,
        /// The name that it has.
        is: Option<RegisteredName>,
        /// The name that the spec has.
        given: Option<RegisteredName>,
    },
    /// The spec depends on a sibling that starts after the child. Children of a running supervisor keep their order.
    #[error(
        "child `{child}` cannot depend on `{on}`, which starts after it: delete the child and start it again, as the last"
    )]
    OutOfOrder {
        /// The child.
        child: ChildId,
        /// The sibling.
        on: ChildId,
    },
    /// The child is a partition: all of them are made by one factory.
    #[error("`{0}` is a partition, and made like all others: partitions have no specs of their own")]
    Partition(ChildId),
    /// The spec itself is impossible.
    #[error(transparent)]
    Invalid(StartError),
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}

fn named(name: &Option<RegisteredName>) -> String {
    name.as_ref().map_or_else(|| "nothing".to_owned(), |name| format!("`{}` in `{}`", name.name, name.namespace))
}
