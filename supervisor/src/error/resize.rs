//! Numbers of partitions that there cannot be, or not now.

use super::administration::StartChildError;

/// The most partitions that a partition supervisor can have.
pub(crate) const MAX_PARTITIONS: usize = 1 << 20;

/// Why a partition supervisor has not got another number of partitions. It has as many as before.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// There cannot be so few or so many.
    #[error("there cannot be {0} partitions: ask for 1 to {MAX_PARTITIONS}")]
    Partitions(usize),
    /// A new partition did not come up. Those that had been started with it are stopped again.
    #[error("partition {partition} did not start")]
    Failed {
        /// Which.
        partition: usize,
        /// Why.
        #[source]
        cause: StartChildError,
    },
    /// The supervisor was restarted meanwhile, with the partitions that it had before.
    #[error("the supervisor was restarted meanwhile")]
    Restarted,
    /// The caller is a partition, or below one, whose init or end this would wait for.
    #[error("the resize would wait for the partition that asks for it: ask from a task of its own")]
    WouldDeadlock,
    /// The supervisor is stopping.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not running.
    #[error("the supervisor is not running")]
    NotRunning,
}
