//! What is counted: operations with their results.

/// An operation with a result, declared with the values of its metric label.
macro_rules! results {
    ($(#[$doc:meta])* $name:ident { $( $case:ident => $label:literal ),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $( $case ),* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[ $( Self::$case ),* ];

            /// The value of the metric label `result`.
            pub(crate) const fn label(self) -> &'static str {
                match self { $( Self::$case => $label ),* }
            }
        }
    };
}

results! {
    /// How a lookup ended.
    LookupResult {
        Found => "found", NotFound => "not_found", Starting => "starting", Restarting => "restarting",
        Draining => "draining", TypeMismatch => "type_mismatch", Closed => "namespace_closed",
        InvalidName => "invalid_name",
    }
}

results! {
    /// How a registration ended.
    RegisterResult {
        Registered => "registered", Replaced => "replaced", Taken => "taken", NotAlive => "not_alive",
        TypeMismatch => "type_mismatch", Closed => "namespace_closed", InvalidName => "invalid_name",
    }
}

results! {
    /// How a wait ended.
    WaitResult {
        Found => "found", Timeout => "timeout", Unhealthy => "unhealthy", TypeMismatch => "type_mismatch", Closed => "namespace_closed",
        InvalidName => "invalid_name",
    }
}

results! {
    /// How a join ended.
    JoinResult {
        Joined => "joined", NotAlive => "not_alive", TypeMismatch => "type_mismatch", Closed => "namespace_closed",
        InvalidName => "invalid_name",
    }
}

results! {
    /// How a dispatch ended.
    DispatchResult {
        Visited => "visited", Empty => "empty", Panicked => "panicked", TypeMismatch => "type_mismatch",
        Closed => "namespace_closed", InvalidName => "invalid_name",
    }
}

results! {
    /// How a publication ended.
    PublishResult {
        Published => "published", TypeMismatch => "type_mismatch", Closed => "namespace_closed",
        InvalidName => "invalid_name",
    }
}

results! {
    /// What became of a message at one subscriber.
    MessageResult {
        Delivered => "delivered", Dropped => "dropped", Disconnected => "disconnected", TimedOut => "timed_out",
    }
}

results! {
    /// What a health check said.
    HealthResult {
        Healthy => "healthy", Failed => "failed", Panicked => "panicked", TimedOut => "timed_out",
        NotRegistered => "not_registered", Refused => "refused",
    }
}

/// What a registry can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Finding a service.
    Lookup,
    /// Taking a name.
    Register,
    /// The end of a registration, whatever ended it.
    Unregister,
    /// Waiting for a name.
    Wait,
    /// Joining a group, or subscribing to a topic.
    Join,
    /// The end of a membership or a subscription, whatever ended it.
    Leave,
    /// Visiting the members of a group.
    Dispatch,
    /// Publishing a message to a topic.
    Publish,
    /// One verdict on the health of a service.
    Health,
}

impl Operation {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Register => "register",
            Self::Unregister => "unregister",
            Self::Wait => "wait",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Dispatch => "dispatch",
            Self::Publish => "publish",
            Self::Health => "health",
        }
    }
}

/// One counted thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Lookup(LookupResult),
    Register(RegisterResult),
    Wait(WaitResult),
    /// A group was joined, or not.
    Join(JoinResult),
    /// A dispatch to a group.
    Dispatch(DispatchResult),
    /// A publication to a topic.
    Publish(PublishResult),
    /// A message at one subscriber.
    Message(MessageResult),
    /// A verdict on the health of a service.
    Health(HealthResult),
    /// A name was freed or went back to its reservation, for whatever reason.
    Unregister,
    /// A membership ended, for whatever reason.
    Leave,
}

const LOOKUPS: usize = LookupResult::ALL.len();
const REGISTERS: usize = RegisterResult::ALL.len();
const WAITS: usize = WaitResult::ALL.len();
const JOINS: usize = JoinResult::ALL.len();
const DISPATCHES: usize = DispatchResult::ALL.len();
const PUBLISHES: usize = PublishResult::ALL.len();
const MESSAGES: usize = MessageResult::ALL.len();
const HEALTHS: usize = HealthResult::ALL.len();

impl Event {
    /// How many different events there are.
    pub(crate) const COUNT: usize = Self::Leave.index() + 1;

    #[inline]
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Lookup(result) => result as usize,
            Self::Register(result) => LOOKUPS + result as usize,
            Self::Wait(result) => LOOKUPS + REGISTERS + result as usize,
            Self::Join(result) => LOOKUPS + REGISTERS + WAITS + result as usize,
            Self::Dispatch(result) => LOOKUPS + REGISTERS + WAITS + JOINS + result as usize,
            Self::Publish(result) => LOOKUPS + REGISTERS + WAITS + JOINS + DISPATCHES + result as usize,
            Self::Message(result) => LOOKUPS + REGISTERS + WAITS + JOINS + DISPATCHES + PUBLISHES + result as usize,
            Self::Health(result) => {
                LOOKUPS + REGISTERS + WAITS + JOINS + DISPATCHES + PUBLISHES + MESSAGES + result as usize
            }
            Self::Unregister => LOOKUPS + REGISTERS + WAITS + JOINS + DISPATCHES + PUBLISHES + MESSAGES + HEALTHS,
            Self::Leave => Self::Unregister.index() + 1,
        }
    }
}
