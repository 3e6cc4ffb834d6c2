//! Publishing and subscribing, within one program.

mod support;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_core::Stream;
use registry::{
    Error, ErrorKind, Namespace, Overflow, PublishError, RecvError, SubscribeError, Subscription, TopicProblem,
};
use support::{Drops, namespaces, registries};
use tokio::time::Instant;

const PATIENCE: Overflow = Overflow::BackPressure(Duration::from_secs(5));

/// What is in the queue now.
fn drain<M>(subscription: &mut Subscription<M>) -> Vec<M> {
    std::iter::from_fn(|| subscription.try_recv().ok()).collect()
}

/// Polls a future once, as a runtime would.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_message_goes_to_the_subscribers_of_its_topic_and_to_no_others() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let patterns = [
            "room:7:posted",
            "room:7:*",
            "room:*:posted",
            "*",
            "room:7",
            "room:8:*",
            "room:*:*",
            "room:*:left",
            "rooms:*",
        ];
        let mut subscriptions: BTreeMap<_, _> = patterns
            .iter()
            .map(|pattern| (*pattern, topics.subscribe(pattern, 8, Overflow::DropOldest).unwrap()))
            .collect();
        assert_eq!(topics.subscriber_count("room:7:posted"), 5);
        let published = topics.try_publish("room:7:posted", 1).unwrap();
        assert_eq!((published.delivered, published.dropped, published.disconnected, published.timed_out), (5, 0, 0, 0));
        topics.try_publish("room:7", 2).unwrap();
        topics.try_publish("room:7:a:b", 3).unwrap();
        topics.try_publish("nobody", 4).unwrap();
        let got: BTreeMap<_, _> =
            subscriptions.iter_mut().map(|(pattern, subscription)| (*pattern, drain(subscription))).collect();
        let expected: BTreeMap<&str, Vec<u32>> = [
            ("room:7:posted", vec![1]),
            ("room:7:*", vec![1, 3]),
            ("room:*:posted", vec![1]),
            ("*", vec![1, 2, 3, 4]),
            ("room:7", vec![2]),
            ("room:8:*", vec![]),
            ("room:*:*", vec![1, 3]),
            ("room:*:left", vec![]),
            ("rooms:*", vec![]),
        ]
        .into();
        assert_eq!(got, expected);
        assert_eq!(production.groups(), [], "topics are no groups that anybody sees");
    }
}

#[test]
fn namespaces_do_not_hear_each_other_and_all_handles_of_one_do() {
    for registry in registries() {
        let [one, other] = ["one", "other"].map(|name| registry.namespace(name).unwrap());
        let mut subscription = one.pubsub::<u32>().subscribe("topic", 8, Overflow::DropOldest).unwrap();
        other.pubsub().try_publish("topic", 1_u32).unwrap();
        one.pubsub().try_publish("topic", 2_u32).unwrap();
        assert_eq!(drain(&mut subscription), [2]);
    }
}

#[tokio::test]
async fn a_waiting_subscriber_is_woken() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic", 1, Overflow::DropOldest).unwrap();
        let (waiting, publishing) = tokio::join!(subscription.recv(), topics.publish("topic", 7));
        assert_eq!((waiting, publishing.unwrap().delivered), (Ok(7), 1));
    }
}

#[tokio::test]
async fn drop_oldest_keeps_the_newest_and_tells_the_lag_in_its_place() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic", 2, Overflow::DropOldest).unwrap();
        for message in 0..5 {
            let published = topics.publish("topic", message).await.unwrap();
            assert_eq!((published.delivered, published.dropped), (1, usize::from(message >= 2)));
        }
        assert_eq!(subscription.len(), 2);
        assert_eq!(subscription.recv().await, Err(RecvError::Lagged(3)));
        assert_eq!(subscription.recv().await, Ok(3));
        topics.publish("topic", 5).await.unwrap();
        topics.publish("topic", 6).await.unwrap();
        assert_eq!(subscription.recv().await, Err(RecvError::Lagged(1)));
        assert_eq!(drain(&mut subscription), [5, 6]);
        assert_eq!(subscription.try_recv(), Err(RecvError::Empty));
    }
}

#[tokio::test]
async fn disconnect_ends_the_subscription_behind_what_it_has() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let topics = production.pubsub::<u32>();
        let mut slow = topics.subscribe("topic", 2, Overflow::Disconnect).unwrap();
        let mut quick = topics.subscribe("topic", 8, Overflow::Disconnect).unwrap();
        for message in 0..2 {
            topics.publish("topic", message).await.unwrap();
        }
        let published = topics.publish("topic", 2).await.unwrap();
        assert_eq!((published.delivered, published.disconnected), (1, 1));
        assert_eq!(registry.stats().memberships, 1, "it has no place in the topic any more");
        assert_eq!(topics.publish("topic", 3).await.unwrap().delivered, 1);
        assert_eq!([slow.recv().await, slow.recv().await], [Ok(0), Ok(1)]);
        for _ in 0..2 {
            assert_eq!(slow.recv().await, Err(RecvError::Disconnected));
        }
        assert_eq!(drain(&mut quick), [0, 1, 2, 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn back_pressure_waits_for_room_and_not_longer_than_asked() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic", 1, PATIENCE).unwrap();
        let mut other = topics.subscribe("topic", 8, Overflow::DropOldest).unwrap();
        assert_eq!(topics.publish("topic", 0).await.unwrap().delivered, 2);

        let mut publish = pin!(topics.publish("topic", 1));
        assert!(poll_once(publish.as_mut()).is_pending(), "there is no room");
        assert_eq!(drain(&mut other), [0, 1], "the others have it already");
        assert_eq!(subscription.recv().await, Ok(0));
        assert_eq!(publish.await.unwrap().delivered, 2);
        assert_eq!(subscription.len(), 1);

        let begin = Instant::now();
        let published = topics.publish("topic", 2).await.unwrap();
        assert_eq!((published.delivered, published.timed_out), (1, 1));
        assert_eq!(begin.elapsed().as_secs(), 5, "and no longer");
        assert_eq!(subscription.recv().await, Ok(1));
        assert_eq!(subscription.recv().await, Err(RecvError::Lagged(1)), "told where it was missed");
        topics.publish("topic", 3).await.unwrap();
        assert_eq!(subscription.recv().await, Ok(3));
    }
}

#[tokio::test(start_paused = true)]
async fn back_pressure_waits_for_all_the_slow_ones_at_once() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscriptions: Vec<_> = (0..3).map(|_| topics.subscribe("topic", 1, PATIENCE).unwrap()).collect();
        topics.publish("topic", 0).await.unwrap();
        let begin = Instant::now();
        let mut publish = pin!(topics.publish("topic", 1));
        assert!(poll_once(publish.as_mut()).is_pending());
        assert_eq!(subscriptions[2].recv().await, Ok(0));
        let published = publish.await.unwrap();
        assert_eq!((published.delivered, published.timed_out, begin.elapsed().as_secs()), (1, 2, 5));
        assert_eq!(subscriptions[2].recv().await, Ok(1), "it did not wait behind the others");
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_dropped_while_it_waits_is_told_as_missed() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic", 1, PATIENCE).unwrap();
        topics.publish("topic", 0).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(1), topics.publish("topic", 1)).await;
        assert!(waited.is_err());
        assert_eq!(subscription.recv().await, Ok(0));
        assert_eq!(subscription.recv().await, Err(RecvError::Lagged(1)));
        assert_eq!(topics.publish("topic", 2).await.unwrap().delivered, 1, "the room is not lost");
        assert_eq!(subscription.recv().await, Ok(2));
    }
}

#[test]
fn try_publish_never_waits() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic", 1, PATIENCE).unwrap();
        topics.try_publish("topic", 0).unwrap();
        let published = topics.try_publish("topic", 1).unwrap();
        assert_eq!((published.delivered, published.timed_out), (0, 1));
        assert_eq!(subscription.try_recv(), Ok(0));
        assert_eq!(subscription.try_recv(), Err(RecvError::Lagged(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_waits_for_one_who_leaves_goes_on_at_once() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let subscription = topics.subscribe("topic", 1, PATIENCE).unwrap();
        topics.publish("topic", 0).await.unwrap();
        let begin = Instant::now();
        let mut publish = pin!(topics.publish("topic", 1));
        assert!(poll_once(publish.as_mut()).is_pending());
        drop(subscription);
        let published = publish.await.unwrap();
        assert_eq!((published.delivered, published.timed_out, begin.elapsed().as_secs()), (0, 0, 0));
    }
}

#[test]
fn after_unsubscribing_nothing_arrives_and_nothing_is_kept() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let drops = Drops::default();
        let topics = production.pubsub::<Arc<support::Tracked>>();
        for pattern in ["topic:1", "topic:*"] {
            let subscription = topics.subscribe(pattern, 8, Overflow::DropOldest).unwrap();
            topics.try_publish("topic:1", Arc::new(drops.tracked())).unwrap();
            let before = drops.count();
            drop(subscription);
            assert_eq!(drops.count(), before + 1, "what was in its queue is dropped");
            assert_eq!(topics.try_publish("topic:1", Arc::new(drops.tracked())).unwrap().delivered, 0);
            assert_eq!(drops.count(), before + 2);
            assert_eq!((topics.subscriber_count("topic:1"), registry.stats().memberships), (0, 0));
        }
    }
}

#[tokio::test]
async fn closing_the_namespace_ends_subscriptions_behind_what_they_have() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic:*", 8, Overflow::DropOldest).unwrap();
        let mut waiting = topics.subscribe("other", 8, Overflow::DropOldest).unwrap();
        topics.publish("topic:1", 7).await.unwrap();
        let (closed, ()) = tokio::join!(waiting.recv(), async { production.close() });
        assert_eq!(closed, Err(RecvError::Closed), "a waiting subscriber is woken");
        assert_eq!(subscription.recv().await, Ok(7));
        assert_eq!(subscription.recv().await, Err(RecvError::Closed));
        assert!(matches!(topics.publish("topic:1", 8).await, Err(PublishError::NamespaceClosed { .. })));
        let refused = topics.subscribe("topic:1", 8, Overflow::DropOldest);
        assert!(matches!(refused, Err(SubscribeError::NamespaceClosed { .. })));
    }
}

#[tokio::test]
async fn dropping_a_recv_loses_nothing() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut subscription = topics.subscribe("topic", 8, Overflow::DropOldest).unwrap();
        {
            let mut recv = pin!(subscription.recv());
            assert!(poll_once(recv.as_mut()).is_pending());
            topics.publish("topic", 1).await.unwrap();
        }
        assert_eq!(subscription.recv().await, Ok(1));
    }
}

#[tokio::test]
async fn it_is_a_stream_that_ends() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        let mut closed = topics.subscribe("topic", 2, Overflow::DropOldest).unwrap();
        let mut disconnected = topics.subscribe("topic", 2, Overflow::Disconnect).unwrap();
        for message in 0..3 {
            topics.publish("topic", message).await.unwrap();
        }
        production.close();
        assert_eq!(collect(&mut closed).await, [Err(RecvError::Lagged(1)), Ok(1), Ok(2)]);
        assert_eq!(collect(&mut disconnected).await, [Ok(0), Ok(1), Err(RecvError::Disconnected)]);
    }
}

async fn collect(subscription: &mut Subscription<u32>) -> Vec<Result<u32, RecvError>> {
    let mut items = Vec::new();
    while let Some(item) = poll_fn(|cx| Pin::new(&mut *subscription).poll_next(cx)).await {
        items.push(item);
    }
    items
}

#[test]
fn bad_topics_and_types_are_refused() {
    for production in namespaces() {
        let topics = production.pubsub::<u32>();
        for (pattern, expected) in [("a::b", TopicProblem::EmptySegment), ("a:", TopicProblem::EmptySegment)] {
            let refused = topics.subscribe(pattern, 1, Overflow::DropOldest).unwrap_err();
            assert!(matches!(refused, SubscribeError::InvalidName { problem, .. } if problem == expected), "{refused}");
        }
        let refused = topics.try_publish("a:*", 1).unwrap_err();
        assert!(matches!(refused, PublishError::InvalidName { problem: TopicProblem::Wildcard, .. }), "{refused}");
        assert_eq!(topics.try_publish("", 1).unwrap_err().kind(), ErrorKind::InvalidName);
        assert_eq!(topics.try_publish(&"a".repeat(256), 1).unwrap_err().kind(), ErrorKind::InvalidName);

        let mut numbers = topics.subscribe("a:*", 0, Overflow::DropOldest).unwrap();
        let refused = production.pubsub::<String>().subscribe("a:*", 1, Overflow::DropOldest).unwrap_err();
        let SubscribeError::TypeMismatch { expected, found, .. } = refused else { panic!("{refused}") };
        assert_eq!((expected, found), ("alloc::string::String", "u32"));
        let mut texts = production.pubsub::<String>().subscribe("a:b", 1, Overflow::DropOldest).unwrap();
        let refused = topics.try_publish("a:b", 1).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.to_string().contains("`alloc::string::String`")),
            (ErrorKind::TypeMismatch, true)
        );
        assert_eq!(Error::from(refused).service(), "a:b");
        assert_eq!((numbers.try_recv(), texts.try_recv()), (Err(RecvError::Empty), Err(RecvError::Empty)));
    }
}

/// A message whose Clone and Drop publish and subscribe.
struct Reentrant(Namespace);

impl Reentrant {
    fn use_it(&self) {
        let topics = self.0.pubsub::<u32>();
        let _subscription = topics.subscribe("other", 1, Overflow::DropOldest).unwrap();
        assert_eq!(topics.try_publish("other", 1).unwrap().delivered, 1);
    }
}

impl Clone for Reentrant {
    fn clone(&self) -> Self {
        self.use_it();
        Self(self.0.clone())
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.use_it();
    }
}

#[test]
fn s2_6_a_message_whose_clone_and_drop_use_the_registry_works() {
    for production in namespaces() {
        let topics = production.pubsub::<Reentrant>();
        for overflow in [Overflow::DropOldest, Overflow::Disconnect, PATIENCE] {
            let mut subscription = topics.subscribe("topic", 1, overflow).unwrap();
            for _ in 0..3 {
                topics.try_publish("topic", Reentrant(production.clone())).unwrap();
            }
            while subscription.try_recv().is_ok() {}
            topics.try_publish("topic", Reentrant(production.clone())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_publisher_come_in_order_and_none_is_lost_unsaid() {
    const PUBLISHERS: u64 = 3;
    const MESSAGES: u64 = 2_000;
    for production in namespaces() {
        for overflow in [Overflow::DropOldest, Overflow::BackPressure(Duration::from_secs(60))] {
            let topics = production.pubsub::<(u64, u64)>();
            let mut subscription = topics.subscribe("topic:*", 16, overflow).unwrap();
            let publishing: Vec<_> = (0..PUBLISHERS)
                .map(|publisher| {
                    let topics = topics.clone();
                    tokio::spawn(async move {
                        for n in 0..MESSAGES {
                            topics.publish(&format!("topic:{publisher}"), (publisher, n)).await.unwrap();
                        }
                    })
                })
                .collect();
            let (mut next, mut got, mut missed) = ([0; PUBLISHERS as usize], 0, 0);
            while got + missed < PUBLISHERS * MESSAGES {
                match subscription.recv().await {
                    Ok((publisher, n)) => {
                        assert!(n >= next[publisher as usize], "out of order");
                        next[publisher as usize] = n + 1;
                        got += 1;
                    }
                    Err(RecvError::Lagged(n)) => missed += n,
                    Err(error) => panic!("{error}"),
                }
            }
            for task in publishing {
                task.await.unwrap();
            }
            assert_eq!(subscription.try_recv(), Err(RecvError::Empty));
            if overflow != Overflow::DropOldest {
                assert_eq!(missed, 0, "there was time for all");
            }
        }
    }
}

#[test]
fn subscribing_and_publishing_from_many_threads_leaves_nothing() {
    for registry in registries() {
        let topics = registry.namespace("production").unwrap().pubsub::<u32>();
        let stays = topics.subscribe("room:*", 1, Overflow::DropOldest).unwrap();
        thread::scope(|scope| {
            for thread in 0..2 {
                let topics = topics.clone();
                scope.spawn(move || {
                    for n in 0..500 {
                        // Room for all that the other thread can publish.
                        let mut mine = topics.subscribe("room:7", 1_000, Overflow::Disconnect).unwrap();
                        topics.try_publish("room:7", n).unwrap();
                        assert!(drain(&mut mine).contains(&n), "thread {thread}");
                    }
                });
            }
        });
        drop(stays);
        assert_eq!(registry.stats().memberships, 0);
    }
}
