//! The topics of a namespace.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::delivery::{Published, Waiting};
use super::queue::{Overflow, Queue, Subscriber};
use super::subscription::Subscription;
use super::topic::{self, Pattern};
use crate::error::{PublishError, RegisterRefusal, SubscribeError};
use crate::groups::{Membership, Snapshot, Space, WrongType};
use crate::process::ProcessId;
use crate::service::Namespace;
use crate::table::Owner;
use crate::telemetry::{Event, PublishResult};

/// Publish and subscribe within one program, over the topics of a [`Namespace`].
///
/// A topic is a name whose segments stand between colons: `channel:42:typing`. It needs no making. A subscription is for
/// one topic, or for a pattern with wildcards, which are whole segments `*`:
///
/// - as the last segment, `*` is one segment or more: `channel:42:*` matches `channel:42:typing` and `channel:42:user:7`,
///   but not `channel:42`. `*` alone matches every topic;
/// - anywhere else it is exactly one segment: `channel:*:typing` matches `channel:42:typing`.
///
/// Every subscription gets its own clone of a message (publish an `Arc` of what is large), through a bounded queue of its
/// own. What happens when it is full the subscriber decides with an [`Overflow`]; a publisher waits for nobody who has
/// not asked for back-pressure. Two subscriptions of one subscriber get a message twice.
///
/// All `PubSub`s of a namespace are one. Messages of different types need different topics.
///
/// Publishing costs one look for the topic, one for each of its segments, and one for each subscription; patterns that
/// share the segments before their first wildcard are all looked at.
///
/// ```
/// use registry::{Overflow, RecvError, ServiceRegistry};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), registry::Error> {
/// let production = ServiceRegistry::new().namespace("production")?;
/// let topics = production.pubsub::<String>();
/// let mut room = topics.subscribe("channel:42:*", 2, Overflow::DropOldest)?;
///
/// for n in 1..=3 {
///     topics.publish("channel:42:posted", format!("message {n}")).await?;
/// }
/// assert_eq!(room.recv().await, Err(RecvError::Lagged(1)));
/// assert_eq!(room.recv().await.as_deref(), Ok("message 2"));
/// assert_eq!(room.recv().await.as_deref(), Ok("message 3"));
/// # Ok(()) }
/// ```
pub struct PubSub<M> {
    namespace: Namespace,
    message: PhantomData<fn(M) -> M>,
}

impl Namespace {
    /// The topics of this namespace, for messages of one type: see [`PubSub`].
    pub fn pubsub<M: Clone + Send + 'static>(&self) -> PubSub<M> {
        PubSub::new(self)
    }
}

impl<M: Clone + Send + 'static> PubSub<M> {
    /// The topics of a namespace.
    pub fn new(namespace: &Namespace) -> Self {
        Self { namespace: namespace.clone(), message: PhantomData }
    }

    /// Subscribes to a topic or to a pattern of topics, with a queue of this many messages (0 counts as 1).
    ///
    /// Every message that is published behind this arrives, or is told as missed.
    ///
    /// # Errors
    ///
    /// The pattern is no name or has an empty segment, the topic has messages of another type, the namespace is closed.
    pub fn subscribe(
        &self,
        pattern: &str,
        capacity: usize,
        overflow: Overflow,
    ) -> Result<Subscription<M>, SubscribeError> {
        let at = || self.namespace.scope.subject(pattern);
        if let Some(problem) = topic::problem_of_pattern(pattern) {
            return Err(SubscribeError::InvalidName { at: at(), problem });
        }
        let queue = Arc::new(Queue::new(capacity, overflow));
        let (space, name, rest) = match Pattern::parse(pattern) {
            Pattern::Exact(topic) => (Space::Topic, topic, None),
            Pattern::Under(prefix, rest) => (Space::Under, prefix, Some(rest)),
        };
        let subscriber = Subscriber { queue: Arc::clone(&queue), rest };
        let owner = Owner::Guard(ProcessId::next());
        match self.namespace.add_member(self.namespace.key(space, name), pattern, owner, subscriber) {
            Ok(member) => Ok(Subscription::new(pattern, queue, Membership::new(&member))),
            Err(error) => Err(match error.into_refusal() {
                RegisterRefusal::TypeMismatch { found, .. } => {
                    let (expected, found) = (std::any::type_name::<M>(), message_type(found));
                    SubscribeError::TypeMismatch { at: at(), expected, found }
                }
                _ => SubscribeError::NamespaceClosed { at: at() },
            }),
        }
    }

    /// Publishes a message to a topic, and waits where subscribers asked for back-pressure and have no room.
    ///
    /// When it returns, the message is in the queue of every subscription that there was at the call, or the subscriber
    /// is told that it missed it. It waits for all those without room at the same time, for none longer than it asked
    /// for; with room everywhere it does not suspend.
    ///
    /// # Errors
    ///
    /// The topic is no name, has an empty segment or a wildcard; subscribers of it wait for messages of another type; the
    /// namespace is closed. Nobody got the message then.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped while it waits, those with room have the message, and the others are told that they missed it.
    pub async fn publish(&self, topic: &str, message: M) -> Result<Published, PublishError> {
        let (published, waiting) = self.offer(topic, &message)?;
        drop(message);
        let mut telling = Telling { bus: self, published };
        if !waiting.is_empty() {
            telling.published.wait(waiting).await;
        }
        Ok(telling.published)
    }

    /// Publishes a message without waiting: subscribers that asked for back-pressure and have no room miss it, and are
    /// told so.
    ///
    /// # Errors
    ///
    /// Those of [`publish`](Self::publish).
    pub fn try_publish(&self, topic: &str, message: M) -> Result<Published, PublishError> {
        let (mut published, waiting) = self.offer(topic, &message)?;
        drop(message);
        published.timed_out += waiting.len();
        Ok(Telling { bus: self, published }.published)
    }

    /// How many subscriptions get a message of this topic now.
    pub fn subscriber_count(&self, topic: &str) -> usize {
        let mut count = 0;
        let _ = self.for_each_group(topic, |snapshot, rest| {
            count += snapshot.iter().filter(|member| wants(member.value(), rest)).count();
        });
        count
    }

    /// Gives the message to all who can take it now; the others are to be waited for.
    fn offer(&self, topic: &str, message: &M) -> Result<(Published, Vec<Waiting<M>>), PublishError> {
        let telemetry = self.namespace.processes.table().telemetry();
        let started = telemetry.start_told();
        let record = |result| telemetry.record(&self.namespace.scope, topic, Event::Publish(result), started);
        let at = || self.namespace.scope.subject(topic);
        if let Some(problem) = topic::problem_of_topic(topic) {
            record(PublishResult::InvalidName);
            return Err(PublishError::InvalidName { at: at(), problem });
        }
        if self.namespace.is_closed() {
            record(PublishResult::Closed);
            return Err(PublishError::NamespaceClosed { at: at() });
        }
        let mut groups = Vec::new();
        self.for_each_group(topic, |snapshot, rest| groups.push((snapshot, rest))).map_err(|wrong| {
            record(PublishResult::TypeMismatch);
            let (expected, found) = (std::any::type_name::<M>(), message_type(wrong.found));
            PublishError::TypeMismatch { at: at(), expected, found }
        })?;
        let mut published = Published::default();
        let mut waiting = Vec::new();
        for (snapshot, rest) in &groups {
            for member in snapshot.iter().filter(|member| member.is_present() && wants(member.value(), *rest)) {
                waiting.extend(published.offer(member, message.clone()));
            }
        }
        record(PublishResult::Published);
        Ok((published, waiting))
    }

    /// The groups whose subscribers may want the messages of a topic, with what the topic has behind their prefix.
    fn for_each_group<'a>(
        &self,
        topic: &'a str,
        mut f: impl FnMut(Snapshot<Subscriber<M>>, Option<&'a str>),
    ) -> Result<(), WrongType> {
        let groups = self.namespace.processes.groups();
        if let Some(snapshot) = groups.snapshot(self.namespace.key(Space::Topic, topic))? {
            f(snapshot, None);
        }
        for (prefix, rest) in topic::prefixes(topic) {
            if let Some(snapshot) = groups.snapshot(self.namespace.key(Space::Under, prefix))? {
                f(snapshot, Some(rest));
            }
        }
        Ok(())
    }
}

/// Counts what became of a message, also when its publication is dropped half-way.
struct Telling<'a, M> {
    bus: &'a PubSub<M>,
    published: Published,
}

impl<M> Drop for Telling<'_, M> {
    fn drop(&mut self) {
        let Namespace { processes, scope } = &self.bus.namespace;
        for (result, times) in self.published.counts() {
            processes.table().telemetry().count_many(scope, Event::Message(result), times);
        }
    }
}

fn wants<M>(subscriber: &Subscriber<M>, rest: Option<&str>) -> bool {
    match (&subscriber.rest, rest) {
        (Some(wanted), Some(rest)) => wanted.matches(rest),
        _ => true,
    }
}

/// The message type in the name of a [`Subscriber`]'s type.
fn message_type(subscriber: &'static str) -> &'static str {
    let inner = subscriber.split_once('<').and_then(|(_, inner)| inner.strip_suffix('>'));
    inner.unwrap_or(subscriber)
}

impl<M> Clone for PubSub<M> {
    fn clone(&self) -> Self {
        Self { namespace: self.namespace.clone(), message: PhantomData }
    }
}

impl<M> fmt::Debug for PubSub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub").field("namespace", &self.namespace.name()).finish_non_exhaustive()
    }
}
