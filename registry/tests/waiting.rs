//! Section 5.1 to 5.3 and 5.8: waiting for a name.

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::{ErrorKind, ExitReason, LookupError, Process, Service, ServiceRegistry, WaitError};
use support::{namespaces, registries};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, timeout};

const KEY: Service<u32> = Service::new("key");
const LONG: Duration = Duration::from_secs(3600);

/// Lets the spawned waiters get to where they wait: nothing else is runnable then.
async fn until_waiting(registry: &ServiceRegistry, waiters: usize) {
    while registry.stats().waiters < waiters {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn s5_1_a_present_service_is_given_without_suspending() {
    for production in namespaces() {
        let _registration = production.register(KEY, 7).unwrap();
        let mut wait = by_hand(production.wait_for(KEY, LONG));
        assert_eq!(wait.poll_once().expect("ready at the first poll").unwrap(), 7);
    }
}

/// A future that is polled by hand, with a waker that does nothing.
struct ByHand<F>(std::pin::Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> ByHand<F> {
    ByHand(Box::pin(future))
}

impl<F: Future> ByHand<F> {
    fn poll_once(&mut self) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match self.0.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s5_1_all_waiters_wake_with_the_one_that_came_and_no_time_passes() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let mut waiters = JoinSet::new();
        for _ in 0..1_000 {
            let production = production.clone();
            waiters.spawn(async move {
                production.wait_for(KEY, LONG).await.map(|value| (value, production.whereis("key").unwrap()))
            });
        }
        until_waiting(&registry, 1_000).await;
        let begin = Instant::now();
        let registration = production.register(KEY, 7).unwrap();
        let mut seen = HashSet::new();
        while let Some(outcome) = waiters.join_next().await {
            seen.insert(outcome.unwrap().unwrap());
        }
        assert_eq!(seen, HashSet::from([(7, registration.holder())]));
        assert_eq!(begin.elapsed(), Duration::ZERO, "nothing polls");
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn s5_1_a_registration_wakes_only_those_who_wait_for_it() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let mut other = by_hand(production.wait_for::<u32>("other", LONG));
        assert!(other.poll_once().is_none());
        let wake_count = std::sync::Arc::new(CountWakes::default());
        let waker = std::task::Waker::from(std::sync::Arc::clone(&wake_count));
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(other.0.as_mut().poll(&mut cx).is_pending());
        let _registration = production.register(KEY, 1).unwrap();
        assert_eq!(wake_count.0.load(std::sync::atomic::Ordering::SeqCst), 0);
        let _other = production.register("other", 2_u32).unwrap();
        assert_eq!(wake_count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert_eq!(other.poll_once().unwrap().unwrap(), 2);
    }
}

#[derive(Default)]
struct CountWakes(std::sync::atomic::AtomicUsize);

impl std::task::Wake for CountWakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn s5_2_a_timed_out_wait_leaves_nothing_behind() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        let begin = Instant::now();
        let error = production.wait_for(KEY, Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, WaitError::Timeout { waited, .. } if waited == Duration::from_secs(5)));
        assert!(error.is_retryable());
        assert_eq!(begin.elapsed(), Duration::from_secs(5));
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 0));
        assert_eq!(production.wait_for(KEY, Duration::ZERO).await.unwrap_err().kind(), ErrorKind::Timeout);
    }
}

#[tokio::test(start_paused = true)]
async fn s5_2_a_dropped_wait_leaves_nothing_behind() {
    for registry in registries() {
        let production = registry.namespace("production").unwrap();
        for _ in 0..1_000 {
            let mut wait = by_hand(production.wait_for(KEY, Duration::MAX));
            assert!(wait.poll_once().is_none());
            assert_eq!((registry.stats().waiters, registry.stats().slots), (1, 1));
        }
        assert_eq!((registry.stats().waiters, registry.stats().slots), (0, 0));
        assert_eq!(registry.processes().count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn s5_3_a_waiter_goes_on_to_the_successor_of_a_holder_that_died() {
    for production in namespaces() {
        let mut wait = by_hand(production.wait_for(KEY, LONG));
        assert!(wait.poll_once().is_none());
        let short_lived = Process::new();
        production.register_for(&short_lived.reference(), KEY, 1).unwrap();
        short_lived.end(ExitReason::Killed);
        assert!(wait.poll_once().is_none(), "woken, and the holder is gone");
        let _successor = production.register(KEY, 2).unwrap();
        assert_eq!(wait.poll_once().expect("the successor is there").unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_3_waiters_end_however_registrations_and_deaths_interleave() {
    for production in namespaces() {
        for round in 0..500 {
            let waiter = {
                let production = production.clone();
                tokio::spawn(async move { production.wait_for(KEY, Duration::from_secs(60)).await.unwrap() })
            };
            for n in 0..4 {
                let process = Process::new();
                production.register_for(&process.reference(), KEY, n).unwrap();
                if round % 2 == 0 {
                    yield_now().await;
                }
                process.end(ExitReason::Normal);
            }
            let _last = production.register(KEY, 4).unwrap();
            assert!(waiter.await.unwrap() <= 4);
        }
    }
}

type Deed = Box<dyn FnOnce() + Send>;

/// A handle that does something when it is cloned for the first time.
struct Handover {
    n: u32,
    once: Arc<Mutex<Option<Deed>>>,
}

impl Clone for Handover {
    fn clone(&self) -> Self {
        let first = self.once.lock().unwrap().take();
        if let Some(first) = first {
            first();
        }
        Self { n: self.n, once: Arc::clone(&self.once) }
    }
}

#[tokio::test(start_paused = true)]
async fn s5_3_a_reference_that_waited_sees_what_changed_while_it_took_its_handle() {
    for production in namespaces() {
        let first = production.register("key", Handover { n: 1, once: Arc::default() }).unwrap();
        let once = production.with("key", |handle: &Handover| Arc::clone(&handle.once)).unwrap();
        let (later, second) = (production.clone(), Arc::new(Mutex::new(None)));
        let kept = Arc::clone(&second);
        *once.lock().unwrap() = Some(Box::new(move || {
            drop(first);
            *kept.lock().unwrap() = Some(later.register("key", Handover { n: 2, once: Arc::default() }).unwrap());
        }));
        let mut reference = production.reference::<Handover>("key");
        assert_eq!(reference.wait(LONG).await.unwrap().n, 1, "what was there when it looked");
        assert_eq!(reference.get().unwrap().n, 2);
        assert_eq!(reference.wait(LONG).await.unwrap().n, 2);
        second.lock().unwrap().take();
        assert!(reference.get().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn s5_3_a_waiter_that_registers_the_key_itself_resolves() {
    for production in namespaces() {
        let wait = production.wait_for(KEY, LONG);
        let register = async {
            yield_now().await;
            production.register(KEY, 3).unwrap()
        };
        let (found, _registration) = tokio::join!(wait, register);
        assert_eq!(found.unwrap(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn s5_8_closing_a_namespace_tells_its_waiters_and_refuses_registrations() {
    for registry in registries() {
        let (closing, open) = (registry.namespace("closing").unwrap(), registry.namespace("open").unwrap());
        let mut waiters = JoinSet::new();
        for _ in 0..100 {
            let closing = closing.clone();
            waiters.spawn(async move { closing.wait_for(KEY, LONG).await });
        }
        let mut unaffected = by_hand(open.wait_for(KEY, LONG));
        assert!(unaffected.poll_once().is_none());
        until_waiting(&registry, 101).await;

        closing.close();
        while let Some(outcome) = waiters.join_next().await {
            assert!(matches!(outcome.unwrap(), Err(WaitError::NamespaceClosed { .. })));
        }
        assert!(unaffected.poll_once().is_none());
        assert_eq!(closing.register(KEY, 1).unwrap_err().kind(), ErrorKind::NamespaceClosed);
        assert_eq!(closing.reserve(KEY).unwrap_err().kind(), ErrorKind::NamespaceClosed);
        assert!(matches!(closing.lookup(KEY), Err(LookupError::NamespaceClosed { .. })));
        let late = timeout(LONG, closing.wait_for(KEY, LONG)).await.expect("at once");
        assert!(matches!(late, Err(WaitError::NamespaceClosed { .. })));
        assert!(closing.is_closed());
        assert!(!registry.namespace("closing").unwrap().is_closed(), "the name can be used for a new one");
    }
}

#[tokio::test(start_paused = true)]
async fn s5_8_a_reservation_in_a_closed_namespace_cannot_publish() {
    for production in namespaces() {
        let name = production.reserve(KEY).unwrap();
        production.close();
        let process = Process::new();
        let error = name.publish(&process.reference(), 7).unwrap_err();
        assert_eq!((error.kind(), error.into_handle()), (ErrorKind::NamespaceClosed, 7));
        drop(name);
        assert_eq!(production.count(), 0);
    }
}
