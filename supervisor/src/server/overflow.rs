//! What happens when a mailbox is full.

/// What a full mailbox does with one message more. The default is [`Wait`](Self::Wait).
///
/// | | `call` | `cast` | `try_cast` |
/// |---|---|---|---|
/// | `Wait` | waits for room, within its time | waits for room | [`Full`](crate::SendError::Full) |
/// | `Refuse` | [`Overloaded`](crate::CallError::Overloaded) at once | `Full` at once | `Full` |
/// | `DropOldest` | sent; whoever's call was dropped for it is told `Overloaded` at once | sent | sent |
/// | `DropNewest` | `Overloaded` at once | `Ok`, and dropped | `Ok`, and dropped |
///
/// What was refused and what was dropped is counted in [`MailboxStats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// Senders wait for room, in the order in which they came: back-pressure.
    #[default]
    Wait,
    /// The sender is told at once.
    Refuse,
    /// The message that has waited longest is dropped: for what is worth less the older it is.
    DropOldest,
    /// The new message is dropped, and who cast it does not hear of it: for what may be left out.
    DropNewest,
}

/// What is in a mailbox, and what did not come to be handled. The counts cover all incarnations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxStats {
    /// Messages that wait.
    pub len: usize,
    /// How many may.
    pub capacity: usize,
    /// Senders that wait for room.
    pub waiting: usize,
    /// Messages that were handed back, or whose call was told `Overloaded`, because it was full.
    pub refused: u64,
    /// Messages that were dropped because it was full.
    pub dropped: u64,
    /// Calls that were dropped because their time was over before they were handled
    /// ([`skip_expired`](crate::ChildSpec::skip_expired)).
    pub expired: u64,
}
