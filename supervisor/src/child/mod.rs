//! What is common to all children: spec, state, scope, name, and the end of an incarnation.

mod blocking;
mod body;
mod catch;
mod context;
mod core;
mod exit;
mod id;
mod inject;
mod life;
mod limit;
mod name;
mod plain;
mod readiness;
mod reference;
mod scope;
mod spec;
mod story;
mod task;

pub use blocking::BlockingContext;
pub(crate) use body::{Body, Settings, Starter};
pub(crate) use catch::{catch, note_locations, panics};
pub use context::TaskContext;
pub(crate) use core::{Core, Host, Intent, Phase, Seat};
pub use exit::Meltdown;
pub(crate) use exit::Outcome;
pub use id::ChildId;
pub(crate) use inject::INJECTED;
pub(crate) use life::{Birth, Guard, Happening, Note};
pub(crate) use limit::Limit;
pub(crate) use name::Published;
pub(crate) use readiness::Readiness;
pub use reference::ChildRef;
pub(crate) use scope::Scope;
pub(crate) use spec::Spec;
pub use spec::{ChildKind, ChildSpec};
