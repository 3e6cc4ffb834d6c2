//! What can be a supervisor in a tree.

/// A [`Supervisor`](crate::Supervisor), [`DynamicSupervisor`](crate::DynamicSupervisor),
/// [`PartitionSupervisor`](crate::PartitionSupervisor) or [`TaskSupervisor`](crate::TaskSupervisor), as a child of another. `Ref` is the
/// handle to it.
pub trait Subtree: sealed::IntoBody<Handle = Self::Ref> {
    /// The handle to it.
    type Ref: Clone + Send + Sync + 'static;
}

pub(crate) mod sealed {
    use std::fmt;

    use crate::child::{Body, ChildId};

    pub trait IntoBody {
        type Handle;

        fn into_parts(self) -> Parts<Self::Handle>;
    }

    /// What a supervisor is made of as a child.
    pub struct Parts<H> {
        pub(crate) id: ChildId,
        pub(crate) body: Box<dyn Body<H>>,
    }

    impl<H> fmt::Debug for Parts<H> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Parts").field("id", &self.id).finish_non_exhaustive()
        }
    }
}
