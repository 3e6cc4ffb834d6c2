//! The contenders, as the tables call them.

pub(crate) const WITH: &str = "registry `with`";
pub(crate) const UNCOUNTED: &str = "registry `with`, not counted";
pub(crate) const WHEREIS: &str = "registry `whereis`";
pub(crate) const WHEREIS_UNCOUNTED: &str = "registry `whereis`, not counted";
pub(crate) const LOOKUP: &str = "registry `lookup`, Arc clone";
pub(crate) const HELD: &str = "registry, held reference";
pub(crate) const GUARD: &str = "registry, held by a guard";
pub(crate) const GUARD_PLAIN: &str = "registry, held by a guard, handle without a Drop";
pub(crate) const PROCESS: &str = "registry, held by a process";
pub(crate) const REGISTRY: &str = "registry";
pub(crate) const GROUP_ALONE: &str = "registry, one group of 10";
pub(crate) const GROUPS_OF_TEN: &str = "registry, 10,000 groups of 10";
pub(crate) const GROUP_OF_ALL: &str = "registry, one group of 100,000";
pub(crate) const INDEX: &str = "raw scc::HashIndex, read under its guard";
pub(crate) const DASHMAP: &str = "raw DashMap, Arc clone";
pub(crate) const SUPERVISOR: &str = "supervisor";
pub(crate) const RACTOR: &str = "ractor";
pub(crate) const KAMEO: &str = "kameo";
pub(crate) const TOKIO: &str = "bare tokio";
pub(crate) const ELIXIR: &str = "Elixir";
pub(crate) const ELIXIR_EVENT: &str = "Elixir with a telemetry event";
