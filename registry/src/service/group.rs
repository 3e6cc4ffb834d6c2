//! Groups of a namespace: many values under one name.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a key is a constant or a borrowed string; taking it by value reads best"
)]

use std::sync::Arc;
use std::time::Instant;

use super::key::ServiceKey;
use super::namespace::Namespace;
use crate::error::{GroupError, NameProblem, RegisterError, RegisterRefusal};
use crate::groups::{self, Dispatched, GroupListing, Key, Member, Membership, NotJoined, Snapshot, Space, WrongType};
use crate::process::{MembershipId, ProcessId, ProcessRef};
use crate::table::Owner;
use crate::telemetry::{DispatchResult, Event, JoinResult};

impl Namespace {
    /// Adds a value to a group for a process, until the process ends or leaves.
    ///
    /// The group is made with its first member and goes with its last one. A process can join several times, also with
    /// equal values: each membership is one of its own. Groups and unique names are apart: the same name can be both.
    ///
    /// # Errors
    ///
    /// Process ended, namespace closed, name invalid, group of another type; the value comes back in the error.
    ///
    /// ```
    /// use registry::{Process, Service, ServiceRegistry};
    ///
    /// const ROOM: Service<&str> = Service::new("room:7");
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let (ada, bob) = (Process::new(), Process::new());
    /// production.join(&ada.reference(), ROOM, "her laptop")?;
    /// production.join(&ada.reference(), ROOM, "her phone")?;
    /// production.join(&bob.reference(), ROOM, "his laptop")?;
    ///
    /// drop(bob);
    /// assert_eq!(production.members(ROOM)?, ["her laptop", "her phone"]);
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn join<T: Send + Sync + 'static>(
        &self,
        process: &ProcessRef,
        group: impl ServiceKey<T>,
        value: T,
    ) -> Result<MembershipId, RegisterError<T>> {
        let key = self.key(Space::Named, group.name());
        self.add_member(key, group.name(), Owner::Process(process), value).map(|member| member.id())
    }

    /// Adds a value to a group for as long as the returned guard exists.
    ///
    /// # Errors
    ///
    /// Namespace closed, name invalid, group of another type; the value comes back in the error.
    ///
    /// ```
    /// use registry::ServiceRegistry;
    ///
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let membership = production.join_guard("workers", 7_u32)?;
    /// assert_eq!(production.member_count("workers"), 1);
    /// drop(membership);
    /// assert!(production.groups().is_empty());
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn join_guard<T: Send + Sync + 'static>(
        &self,
        group: impl ServiceKey<T>,
        value: T,
    ) -> Result<Membership, RegisterError<T>> {
        let (key, owner) = (self.key(Space::Named, group.name()), Owner::Guard(ProcessId::next()));
        self.add_member(key, group.name(), owner, value).map(|member| Membership::new(&member))
    }

    /// Ends all memberships of a process in a group, and tells how many there were.
    pub fn leave(&self, process: &ProcessRef, group: &str) -> usize {
        self.processes.groups().leave_all(self.key(Space::Named, group), process.id())
    }

    /// Ends those memberships of a process in a group whose value matches, and tells how many there were.
    ///
    /// `matches` runs outside of every lock and may use the registry. If it panics, nothing has been left.
    ///
    /// # Errors
    ///
    /// Group of another type, namespace closed, name invalid.
    ///
    /// ```
    /// use registry::{Process, ServiceRegistry};
    ///
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let ada = Process::new();
    /// for device in ["laptop", "phone", "phone"] {
    ///     production.join(&ada.reference(), "room:7", device)?;
    /// }
    /// assert_eq!(production.leave_matching(&ada.reference(), "room:7", |device: &&str| *device == "phone")?, 2);
    /// assert_eq!(production.members::<&str>("room:7")?, ["laptop"]);
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn leave_matching<T: Send + Sync + 'static>(
        &self,
        process: &ProcessRef,
        group: impl ServiceKey<T>,
        mut matches: impl FnMut(&T) -> bool,
    ) -> Result<usize, GroupError> {
        let key = self.key(Space::Named, group.name());
        let groups = self.processes.groups();
        let mut own = groups.own::<T>(key, process.id()).map_err(|wrong| self.mismatch::<T>(group.name(), wrong))?;
        if own.is_empty() {
            self.check(group.name())?;
        }
        own.retain(|member| matches(member.value()));
        Ok(own.iter().filter(|member| groups.leave(member)).count())
    }

    /// Clones of the values in a group, in no particular order; empty when nobody is in it.
    ///
    /// # Errors
    ///
    /// Group of another type, namespace closed, name invalid.
    pub fn members<T: Clone + Send + Sync + 'static>(&self, group: impl ServiceKey<T>) -> Result<Vec<T>, GroupError> {
        let snapshot = self.snapshot::<T>(group.name())?;
        let members = snapshot.iter().flat_map(Snapshot::iter);
        Ok(members.filter(|member| member.is_present()).map(|member| member.value().clone()).collect())
    }

    /// How many memberships a group has, whatever its type; 0 when nobody is in it.
    pub fn member_count(&self, group: &str) -> usize {
        self.processes.groups().count(self.key(Space::Named, group))
    }

    /// The groups that have members, sorted by name.
    pub fn groups(&self) -> Vec<GroupListing> {
        self.processes.groups().list(&self.scope, Space::Named)
    }

    /// Calls `f` once for each member of a group.
    ///
    /// It visits the group as it is at the time of the call, in no particular order: who joins meanwhile is not visited,
    /// and who leaves before its turn is neither. `f` runs outside of every lock and may use the registry. A call that
    /// panics is caught and told in the answer and as a `tracing` error, and the others follow. Until the dispatch is
    /// over, the values of those who left meanwhile are not dropped.
    ///
    /// It allocates nothing, and costs what the calls do.
    ///
    /// # Errors
    ///
    /// Group of another type, namespace closed, name invalid. A group that nobody is in is none.
    ///
    /// ```
    /// use registry::{Process, Service, ServiceRegistry};
    /// use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
    ///
    /// const LISTENERS: Service<UnboundedSender<&str>> = Service::new("listeners");
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let process = Process::new();
    /// let (sender, mut receiver) = unbounded_channel();
    /// production.join(&process.reference(), LISTENERS, sender)?;
    ///
    /// let dispatched = production.dispatch(LISTENERS, |listener| {
    ///     let _ = listener.value().send("hello");
    /// })?;
    /// assert_eq!((dispatched.visited, dispatched.panicked), (1, 0));
    /// assert_eq!(receiver.try_recv(), Ok("hello"));
    /// # Ok::<(), registry::Error>(())
    /// ```
    pub fn dispatch<T: Send + Sync + 'static>(
        &self,
        group: impl ServiceKey<T>,
        f: impl FnMut(&Member<T>),
    ) -> Result<Dispatched, GroupError> {
        let started = self.processes.table().telemetry().start_told();
        let snapshot = self.dispatched_snapshot::<T>(group.name())?;
        let dispatched = snapshot.map(|snapshot| groups::dispatch(&snapshot, f)).unwrap_or_default();
        self.tell(group.name(), &dispatched, started);
        Ok(dispatched)
    }

    /// As [`dispatch`](Self::dispatch), on all threads of the runtime at once. A group of up to 128 members is visited
    /// right here.
    ///
    /// Between 128 members each task lets others have their turn.
    ///
    /// # Errors
    ///
    /// Those of `dispatch`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, when there are more than 128 members.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped, some members were visited and others are not: each task goes on for 128 members at most.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// use registry::{Process, ServiceRegistry};
    ///
    /// # #[tokio::main] async fn main() -> Result<(), registry::Error> {
    /// let production = ServiceRegistry::new().namespace("production")?;
    /// let process = Process::new();
    /// for n in 1..=1_000_u64 {
    ///     production.join(&process.reference(), "numbers", n)?;
    /// }
    /// static SUM: AtomicU64 = AtomicU64::new(0);
    /// let dispatched = production
    ///     .dispatch_parallel("numbers", |number| {
    ///         SUM.fetch_add(*number.value(), Relaxed);
    ///     })
    ///     .await?;
    /// assert_eq!((dispatched.visited, SUM.load(Relaxed)), (1_000, 500_500));
    /// # Ok(()) }
    /// ```
    pub async fn dispatch_parallel<T: Send + Sync + 'static>(
        &self,
        group: impl ServiceKey<T>,
        f: impl Fn(&Member<T>) + Send + Sync + 'static,
    ) -> Result<Dispatched, GroupError> {
        let started = self.processes.table().telemetry().start_told();
        let snapshot = self.dispatched_snapshot::<T>(group.name())?;
        let dispatched = match snapshot {
            Some(snapshot) => groups::dispatch_parallel(snapshot, f).await,
            None => Dispatched::default(),
        };
        self.tell(group.name(), &dispatched, started);
        Ok(dispatched)
    }

    pub(crate) fn key<'a>(&'a self, space: Space, name: &'a str) -> Key<'a> {
        Key { scope: &self.scope, space, name }
    }

    /// `name` is what was asked for: that of the group, or the pattern of a subscription.
    pub(crate) fn add_member<T: Send + Sync + 'static>(
        &self,
        key: Key<'_>,
        name: &str,
        owner: Owner<'_>,
        value: T,
    ) -> Result<Arc<Member<T>>, RegisterError<T>> {
        let at = || self.scope.subject(name);
        let joined = match NameProblem::of(name).filter(|_| key.space == Space::Named) {
            Some(problem) => Err((JoinResult::InvalidName, RegisterRefusal::InvalidName { at: at(), problem }, value)),
            None => self.processes.groups().join(key, owner, value).map_err(|(refused, value)| {
                let (result, refusal) = match refused {
                    NotJoined::Closed => (JoinResult::Closed, RegisterRefusal::NamespaceClosed { at: at() }),
                    NotJoined::NotAlive => {
                        (JoinResult::NotAlive, RegisterRefusal::NotAlive { at: at(), process: owner.id() })
                    }
                    NotJoined::WrongType(wrong) => {
                        let (expected, found) = wrong.of::<T>();
                        (JoinResult::TypeMismatch, RegisterRefusal::TypeMismatch { at: at(), expected, found })
                    }
                };
                (result, refusal, value)
            }),
        };
        let result = joined.as_ref().map_or_else(|(result, ..)| *result, |_| JoinResult::Joined);
        self.processes.table().telemetry().record(&self.scope, name, Event::Join(result), None);
        joined.map_err(|(_, refusal, value)| RegisterError::new(refusal, value))
    }

    fn snapshot<T: Send + Sync + 'static>(&self, name: &str) -> Result<Option<Snapshot<T>>, GroupError> {
        match self.processes.groups().snapshot::<T>(self.key(Space::Named, name)) {
            Ok(None) => self.check(name).map(|()| None),
            Ok(snapshot) => Ok(snapshot),
            Err(wrong) => Err(self.mismatch::<T>(name, wrong)),
        }
    }

    /// A snapshot for a dispatch, whose failure is counted.
    fn dispatched_snapshot<T: Send + Sync + 'static>(&self, name: &str) -> Result<Option<Snapshot<T>>, GroupError> {
        self.snapshot(name).inspect_err(|error| {
            let result = match error {
                GroupError::TypeMismatch { .. } => DispatchResult::TypeMismatch,
                GroupError::NamespaceClosed { .. } => DispatchResult::Closed,
                GroupError::InvalidName { .. } => DispatchResult::InvalidName,
            };
            self.processes.table().telemetry().record(&self.scope, name, Event::Dispatch(result), None);
        })
    }

    /// Whether a group that nobody is in could have members.
    fn check(&self, name: &str) -> Result<(), GroupError> {
        match NameProblem::of(name) {
            _ if self.scope.is_closed() => Err(GroupError::NamespaceClosed { at: self.scope.subject(name) }),
            Some(problem) => Err(GroupError::InvalidName { at: self.scope.subject(name), problem }),
            None => Ok(()),
        }
    }

    fn mismatch<T>(&self, name: &str, wrong: WrongType) -> GroupError {
        let (expected, found) = wrong.of::<T>();
        GroupError::TypeMismatch { at: self.scope.subject(name), expected, found }
    }

    /// Counts a dispatch, and says when something panicked in it.
    fn tell(&self, name: &str, dispatched: &Dispatched, started: Option<Instant>) {
        let result = match dispatched {
            Dispatched { panic: Some(panic), panicked, .. } => {
                tracing::error!(namespace = self.name(), service = name, panicked, %panic, "a dispatch panicked");
                DispatchResult::Panicked
            }
            Dispatched { visited: 0, .. } => DispatchResult::Empty,
            _ => DispatchResult::Visited,
        };
        self.processes.table().telemetry().record(&self.scope, name, Event::Dispatch(result), started);
    }
}
