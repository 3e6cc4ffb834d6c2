//! A subscriber's queue under every schedule that shuttle finds.

use std::future::poll_fn;
use std::sync::Arc;

use shuttle::{future, thread};

use super::queue::{Ended, Offered, Overflow, Queue, Subscriber, Taken};

/// Enough to find each of the mistakes that were put in to try this.
const SCHEDULES: usize = 2_000;

const MESSAGES: u64 = 4;

/// Takes until the end: what came, and how many were missed.
fn take_all(queue: &Queue<u64>) -> (Vec<u64>, u64, Ended) {
    future::block_on(async {
        let (mut messages, mut missed) = (Vec::new(), 0);
        loop {
            match poll_fn(|cx| queue.poll_take(cx)).await {
                Taken::Message(message) => messages.push(message),
                Taken::Missed(more) => missed += more,
                Taken::Ended(ended) => return (messages, missed, ended),
            }
        }
    })
}

/// Publishes all messages from one thread while another one takes.
fn race(overflow: Overflow, check: impl Fn(Vec<u64>, u64, Ended) + Send + Sync + 'static) {
    let check = Arc::new(check);
    let model = move || {
        let queue = Arc::new(Queue::new(2, overflow));
        let publisher = {
            let subscriber = Subscriber { queue: Arc::clone(&queue), rest: None };
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    if let Offered::Full(_) = subscriber.queue.offer(message) {
                        subscriber.queue.miss();
                    }
                }
            })
        };
        let (messages, missed, ended) = take_all(&queue);
        publisher.join().unwrap();
        assert!(messages.is_sorted(), "{messages:?}");
        check(messages, missed, ended);
    };
    shuttle::check_pct(model, SCHEDULES, 3);
}

#[test]
fn drop_oldest_loses_none_unsaid_and_never_a_wake_up() {
    race(Overflow::DropOldest, |messages, missed, ended| {
        assert_eq!((messages.len() as u64 + missed, ended), (MESSAGES, Ended::Closed));
        assert!(messages.ends_with(&[MESSAGES - 2, MESSAGES - 1]), "the newest are kept");
    });
}

#[test]
fn disconnect_ends_behind_an_unbroken_beginning() {
    race(Overflow::Disconnect, |messages, missed, ended| {
        assert_eq!(messages, (0..messages.len() as u64).collect::<Vec<_>>());
        assert_eq!((missed, ended == Ended::Closed), (0, messages.len() as u64 == MESSAGES));
    });
}

#[test]
fn back_pressure_without_patience_misses_and_says_so() {
    race(Overflow::BackPressure(std::time::Duration::ZERO), |messages, missed, ended| {
        assert_eq!((messages.len() as u64 + missed, ended), (MESSAGES, Ended::Closed));
    });
}

#[test]
fn nothing_is_kept_for_a_subscriber_who_goes() {
    shuttle::check_pct(
        || {
            let queue = Arc::new(Queue::new(2, Overflow::DropOldest));
            let value = Arc::new(());
            let publisher = {
                let (queue, value) = (Arc::clone(&queue), Arc::clone(&value));
                thread::spawn(move || drop((0..3).map(|_| queue.offer(Arc::clone(&value))).collect::<Vec<_>>()))
            };
            queue.abandon();
            publisher.join().unwrap();
            assert_eq!((queue.len(), Arc::strong_count(&value)), (0, 1));
        },
        SCHEDULES,
        3,
    );
}
