//! The process of the service: it takes from the store what is due, and sees to it that it goes out.
//!
//! What waits is in the store, and leaves it when it has arrived; this process knows of it and can be killed at any
//! moment. What was on its way then goes out once more, under the same id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registry::{ExitReason, PubSub, RecvError, Subscription};
use supervisor::{Context, Failure, Flow, Init, Reply, Server, ServerRef};
use tokio::time::{Instant, timeout};

use super::logic::{Decision, Outcome, Queue, Retries, too_early};
use super::{Content, Couriers, Delivery, ID, Letter, Statistics, TOPIC, Way};
use crate::config::Limits;
use crate::domain::alarm::Alarm;
use crate::domain::presence::Presences;
use crate::domain::{UnixMillis, VisitUpdate, Visits};
use crate::shutdown;
use crate::store::{Claim, Claimed, Fate, Store, StoreError, WayChange};
use crate::telemetry;

/// What the service can be told.
#[derive(Debug)]
pub(crate) enum NotificationMessage {
    /// There may be more in the store.
    Wake,
    /// What was there.
    Claimed { result: Result<Claimed, StoreError> },
    /// Something may be due.
    Due,
    /// A try is over, and what came of it is in the store; it is due again at `again`.
    Ended { number: i64, again: Option<Instant>, result: Option<(Way, Ended)> },
    /// What there is now, and what there was.
    Statistics { reply: Reply<Statistics> },
}

/// What became of a notification, or of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Delivered,
    Withdrawn,
    Retried,
    Dead,
}

/// How far apart two looks into the store are.
const APART: Duration = Duration::from_millis(200);

/// How long a notification rests whose store or presence gives no answer, or whose try crashed.
const REST: Duration = Duration::from_secs(5);

/// The server that is found as `notifications`.
#[derive(Debug)]
pub(crate) struct NotificationServer {
    shared: Arc<Shared>,
    visits: Visits,
    topics: PubSub<Statistics>,
    limits: Limits,
    /// What this program has in the store belongs to it, whichever incarnation took it.
    owner: String,
    queue: Queue,
    deliveries: HashMap<i64, Arc<Delivery>>,
    statistics: Statistics,
    /// Whether it has nothing yet, so that what is its own is that of an incarnation before.
    fresh: bool,
    looking: Looking,
    alarm: Alarm,
}

/// Whether the store is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looking {
    No,
    Yes,
    /// And it is to be asked once more.
    Again,
}

/// What every try has.
#[derive(Debug)]
struct Shared {
    store: Store,
    presences: Presences,
    couriers: Couriers,
    retries: Retries,
    after: Duration,
    patience: Duration,
}

impl NotificationServer {
    pub(super) fn new(
        store: Store,
        presences: Presences,
        visits: Visits,
        couriers: Couriers,
        topics: PubSub<Statistics>,
        owner: String,
        limits: Limits,
    ) -> Self {
        let retries = Retries {
            tries: limits.notification_tries,
            first: limits.notification_backoff,
            longest: limits.notification_backoff_most,
        };
        let (after, patience) = (limits.notification_after, limits.notification_patience);
        Self {
            shared: Arc::new(Shared { store, presences, couriers, retries, after, patience }),
            visits,
            topics,
            limits,
            owner,
            queue: Queue::new(limits.notification_batch, limits.notification_queue),
            deliveries: HashMap::new(),
            statistics: Statistics::default(),
            fresh: true,
            looking: Looking::No,
            alarm: Alarm::default(),
        }
    }
}

impl Server for NotificationServer {
    type Message = NotificationMessage;

    async fn init(&mut self, cx: &mut Context<Self>) -> Result<Init, Failure> {
        if let Some(mentions) = self.visits.mentions() {
            cx.spawn(wake(mentions, cx.this()));
        }
        // Goes on having what it has, and finds what others have left behind.
        cx.send_interval(self.limits.notification_lease / 3, || NotificationMessage::Wake);
        cx.handle_next(NotificationMessage::Wake);
        Ok(Init::Ready)
    }

    async fn handle(&mut self, message: NotificationMessage, cx: &mut Context<Self>) -> Result<Flow, Failure> {
        match message {
            NotificationMessage::Wake => self.look(cx),
            NotificationMessage::Claimed { result } => {
                let again = std::mem::replace(&mut self.looking, Looking::No) == Looking::Again;
                match result {
                    Ok(claimed) => self.take(claimed),
                    Err(error) => tracing::warn!(%error, "what is to go out is not known now"),
                }
                if again {
                    cx.send_after(APART, NotificationMessage::Wake);
                }
                self.send(cx);
            }
            NotificationMessage::Due => {
                self.alarm.rang();
                self.send(cx);
            }
            NotificationMessage::Ended { number, again, result } => {
                self.ended(number, again, result);
                self.send(cx);
            }
            NotificationMessage::Statistics { reply } => reply.send(self.statistics()),
        }
        Ok(Flow::Continue)
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        // So that nobody waits until it is no longer its own; without it, somebody does.
        let _ = timeout(shutdown::within(ID, self.limits.shutdown), self.shared.store.release(&self.owner)).await;
    }
}

impl NotificationServer {
    /// Asks the store, unless it is being asked.
    fn look(&mut self, cx: &mut Context<Self>) {
        if self.looking != Looking::No {
            self.looking = Looking::Again;
            return;
        }
        self.looking = Looking::Yes;
        let now = UnixMillis::now();
        let lease = i64::try_from(self.limits.notification_lease.as_millis()).unwrap_or(i64::MAX);
        let claim = Claim {
            owner: self.owner.clone(),
            now,
            until: UnixMillis(now.0.saturating_add(lease)),
            free: self.queue.free(),
            most: self.limits.notification_queue,
            dead: self.limits.dead_letters,
        };
        let (store, server, fresh) = (self.shared.store.clone(), cx.this(), self.fresh);
        cx.spawn(async move {
            let released = if fresh { store.release(&claim.owner).await } else { Ok(()) };
            let result = match released {
                Ok(()) => store.claim(claim).await,
                Err(error) => Err(error),
            };
            // Refused only when the service is over.
            let _ = server.cast(NotificationMessage::Claimed { result }).await;
        });
    }

    fn take(&mut self, claimed: Claimed) {
        self.fresh = false;
        let (now, clock) = (Instant::now().into_std(), UnixMillis::now());
        for delivery in claimed.deliveries {
            let wait = u64::try_from(delivery.due_at.0.saturating_sub(clock.0)).unwrap_or_default();
            let at = now + Duration::from_millis(wait).min(self.limits.notification_backoff_most);
            if self.queue.insert(delivery.number, delivery.new.priority, at) {
                self.deliveries.insert(delivery.number, Arc::new(delivery));
            }
        }
        self.statistics.overflowed += claimed.overflowed;
        self.statistics.discarded += claimed.discarded;
        self.statistics.dead = claimed.dead;
        telemetry::notifications(claimed.waiting, claimed.dead, claimed.overflowed, claimed.discarded);
        if claimed.overflowed > 0 {
            tracing::error!(count = claimed.overflowed, "too many notifications wait; the newest are put aside");
        }
    }

    /// Lets go out what is due, as long as there are places.
    fn send(&mut self, cx: &mut Context<Self>) {
        while let Some(number) = self.queue.next(Instant::now().into_std()) {
            let Some(delivery) = self.deliveries.get(&number).cloned() else { continue };
            let shared = Arc::clone(&self.shared);
            let report = Report { server: cx.this(), number, again: Some(Instant::now() + REST), result: None };
            cx.spawn(async move {
                let (again, result) = shared.attempt(&delivery).await;
                report.tell(again, result);
            });
        }
        if let Some(wait) = self.alarm.set(self.queue.next_due(), Instant::now().into_std()) {
            cx.send_after(wait, NotificationMessage::Due);
        }
    }

    fn ended(&mut self, number: i64, again: Option<Instant>, result: Option<(Way, Ended)>) {
        self.queue.ended(number, again.map(Instant::into_std));
        if again.is_none() {
            self.deliveries.remove(&number);
        } else if let Some((_, Ended::Retried)) = result
            && let Some(delivery) = self.deliveries.get_mut(&number)
        {
            Arc::make_mut(delivery).tries += 1;
        }
        let Some((way, ended)) = result else { return };
        let (count, label) = match ended {
            Ended::Delivered => (&mut self.statistics.delivered, "delivered"),
            Ended::Withdrawn => (&mut self.statistics.withdrawn, "withdrawn"),
            Ended::Retried => (&mut self.statistics.retried, "retried"),
            Ended::Dead => (&mut self.statistics.died, "dead"),
        };
        *count += 1;
        telemetry::notification_ended(way.as_str(), label);
        // Refused only when the program ends.
        let _ = self.topics.try_publish(TOPIC, self.statistics());
    }

    fn statistics(&self) -> Statistics {
        Statistics { load: self.queue.load(), ..self.statistics }
    }
}

impl Shared {
    /// One try, and what comes of it kept: when it is due again, and what is to be counted.
    async fn attempt(&self, delivery: &Delivery) -> (Option<Instant>, Option<(Way, Ended)>) {
        let way = delivery.new.way;
        let outcome = match timeout(self.patience, self.deliver(delivery)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a notification waits for the store");
                return (Some(Instant::now() + REST), None);
            }
            Err(_) => Outcome::Failed { why: "it took too long".into(), retry_after: None },
        };
        let outcome = match self.gone(delivery, outcome).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(%error, "a notification waits for the store");
                return (Some(Instant::now() + REST), None);
            }
        };
        let withdrawn = outcome == Outcome::Withdrawn;
        let now = UnixMillis::now();
        let later = |after: Duration| UnixMillis(now.0.saturating_add(i64::try_from(after.as_millis()).unwrap_or(0)));
        let decision = self.retries.after(outcome, delivery.tries, rand::random());
        let (fate, again, ended) = match decision {
            Decision::Over => (Fate::Over, None, Some(if withdrawn { Ended::Withdrawn } else { Ended::Delivered })),
            // Nothing was tried, so nothing is kept: whoever starts next looks again.
            Decision::Again { after, tries, .. } if tries == delivery.tries => {
                return (Some(Instant::now() + after), None);
            }
            Decision::Again { after, tries, why } => {
                tracing::info!(number = delivery.number, %way, %why, wait = ?after, "a notification is tried again");
                (
                    Fate::Again { due_at: later(after), tries, error: why },
                    Some(Instant::now() + after),
                    Some(Ended::Retried),
                )
            }
            Decision::Dead(why) => {
                tracing::warn!(number = delivery.number, %way, %why, "a notification did not arrive");
                (Fate::Dead { at: now, tries: delivery.tries + 1, error: why }, None, Some(Ended::Dead))
            }
        };
        match self.store.settle(delivery.number, fate).await {
            Ok(()) => (again, ended.map(|ended| (way, ended))),
            Err(error) => {
                tracing::warn!(number = delivery.number, %error, "what became of a notification is not kept; it goes out again");
                (Some(Instant::now() + REST), None)
            }
        }
    }

    /// Where nobody is any more, nothing is sent again: a browser that has unsubscribed is forgotten, and an address is
    /// switched off, so that whoever gave it sees that.
    async fn gone(&self, delivery: &Delivery, outcome: Outcome) -> Result<Outcome, StoreError> {
        match (&outcome, delivery.new.target) {
            (Outcome::Gone(_), Some(number)) if delivery.new.way == Way::Push => {
                self.store.change_way(number, WayChange::Removed).await?;
                Ok(Outcome::Withdrawn)
            }
            (Outcome::Gone(_), Some(number)) => {
                self.store.change_way(number, WayChange::Enabled(false)).await?;
                Ok(outcome)
            }
            _ => Ok(outcome),
        }
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Outcome, StoreError> {
        let setting = match delivery.new.target {
            Some(number) => match self.store.way(number).await? {
                Some(setting) if setting.enabled => Some(setting),
                _ => return Ok(Outcome::Withdrawn),
            },
            None => None,
        };
        let content = match delivery.mention {
            Some((person, room, seq)) => {
                let Some(notice) = self.store.mention(person, room, seq).await? else { return Ok(Outcome::Withdrawn) };
                match self.presences.idle(person).await {
                    None => return Ok(Outcome::Early(REST)),
                    Some(idle) => {
                        if let Some(wait) = too_early(idle, self.after) {
                            return Ok(Outcome::Early(wait));
                        }
                    }
                }
                Content::Mention(notice)
            }
            None => Content::Payload(delivery.new.payload.clone()),
        };
        let letter = Letter {
            id: delivery.new.id.clone(),
            way: delivery.new.way,
            address: delivery.new.address.clone(),
            setting,
            content,
        };
        Ok(self.couriers.deliver(&letter).await)
    }
}

/// What a try tells the service when it is over, also if it crashes.
struct Report {
    server: ServerRef<NotificationServer>,
    number: i64,
    again: Option<Instant>,
    result: Option<(Way, Ended)>,
}

impl Report {
    fn tell(mut self, again: Option<Instant>, result: Option<(Way, Ended)>) {
        (self.again, self.result) = (again, result);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let (number, again, result) = (self.number, self.again, self.result);
        // The mailbox has room for all of a batch: refused only when the service is over.
        if let Err(error) = self.server.try_cast(NotificationMessage::Ended { number, again, result }) {
            tracing::debug!(%error, number, "nobody hears of a notification");
        }
    }
}

/// Looks into the store when somebody was mentioned.
async fn wake(mut mentions: Subscription<VisitUpdate>, server: ServerRef<NotificationServer>) {
    loop {
        match mentions.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(_) => return,
        }
        if server.cast(NotificationMessage::Wake).await.is_err() {
            return;
        }
    }
}
