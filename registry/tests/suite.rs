//! Section 6.3, as a suite of a program that uses the registry would be: every test has a namespace of its own, all of
//! them use the same names, and each ends with the proof that it left nothing behind.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use registry::{ErrorKind, Namespace, ProcessRef, Service, ServiceRegistry, TestNamespace};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// One registry for the whole suite, as a program has one. A registry for each test works as well.
static SUITE: LazyLock<ServiceRegistry> = LazyLock::new(ServiceRegistry::new);

const COUNTER: Service<mpsc::Sender<Message>> = Service::new("counter");
const REPORTER: Service<mpsc::Sender<oneshot::Sender<String>>> = Service::new("reporter");
const PATIENCE: Duration = Duration::from_secs(60);

enum Message {
    Add(u64),
    Total(oneshot::Sender<u64>),
}

/// A service of the program: it takes the namespace that it is to live in, and names come and go with its process.
async fn counter(mut mail: mpsc::Receiver<Message>) {
    let mut total = 0;
    while let Some(message) = mail.recv().await {
        match message {
            Message::Add(n) => total += n,
            // Who asked may have gone.
            Message::Total(reply) => drop(reply.send(total)),
        }
    }
}

/// Another one, that finds the first by its name.
async fn reporter(namespace: Namespace, mut mail: mpsc::Receiver<oneshot::Sender<String>>) {
    while let Some(reply) = mail.recv().await {
        let counter = namespace.wait_for(COUNTER, PATIENCE).await.unwrap();
        drop(reply.send(format!("the total is {}", total(&counter).await)));
    }
}

async fn total(counter: &mpsc::Sender<Message>) -> u64 {
    let (reply, answer) = oneshot::channel();
    counter.send(Message::Total(reply)).await.unwrap();
    answer.await.unwrap()
}

/// Starts both as tasks of the test, which end when its namespace does. The reporter is first, and waits for the other.
fn start(ns: &TestNamespace) -> [ProcessRef; 2] {
    let (to_reporter, mail) = mpsc::channel(8);
    let reporter = spawn(ns, reporter((**ns).clone(), mail));
    ns.register_for(&reporter, REPORTER, to_reporter).unwrap();
    let (to_counter, mail) = mpsc::channel(8);
    let counter = spawn(ns, counter(mail));
    ns.register_for(&counter, COUNTER, to_counter).unwrap();
    [reporter, counter]
}

/// What the token is for: the task ends when the test does.
fn spawn(ns: &TestNamespace, future: impl Future<Output = ()> + Send + 'static) -> ProcessRef {
    let stop = ns.token();
    ns.spawn(async move { stop.run_until_cancelled_owned(future).await.unwrap_or_default() })
}

async fn report(ns: &Namespace) -> String {
    let (reply, answer) = oneshot::channel();
    ns.lookup(REPORTER).unwrap().send(reply).await.unwrap();
    answer.await.unwrap()
}

#[tokio::test]
async fn services_find_each_other() {
    let ns = SUITE.test_namespace();
    start(&ns);
    ns.lookup(COUNTER).unwrap().send(Message::Add(2)).await.unwrap();
    assert_eq!(report(&ns).await, "the total is 2");
    ns.shutdown(PATIENCE).await.assert_no_leaks();
}

#[tokio::test]
async fn a_killed_service_is_found_no_more() {
    let ns = SUITE.test_namespace();
    let [_, counter] = start(&ns);
    counter.kill();
    counter.exited().await;
    assert_eq!(ns.lookup(COUNTER).unwrap_err().kind(), ErrorKind::NotFound);
    ns.shutdown(PATIENCE).await.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn time_is_the_tests_own() {
    let ns = SUITE.test_namespace();
    let error = ns.wait_for(COUNTER, PATIENCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    ns.shutdown(PATIENCE).await.assert_no_leaks();
}

/// What would be 2,000 functions in a file.
async fn one_of_many(registry: ServiceRegistry, test: u64) -> String {
    let ns = registry.test_namespace();
    assert!(ns.names().is_empty(), "nobody else's services");
    let [reporter, counter] = start(&ns);
    let to_counter = ns.lookup(COUNTER).unwrap();
    for _ in 0..3 {
        to_counter.send(Message::Add(test)).await.unwrap();
        tokio::task::yield_now().await; // the others run here
    }
    assert_eq!(report(&ns).await, format!("the total is {}", 3 * test), "nobody else's messages");
    assert_eq!(ns.names(), ["counter", "reporter"]);
    assert_eq!((ns.whereis("counter"), ns.whereis("reporter")), (Some(counter.id()), Some(reporter.id())));

    let label = ns.name().to_owned();
    ns.shutdown(PATIENCE).await.assert_no_leaks();
    assert!(!counter.is_alive() && !reporter.is_alive());
    label
}

#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn s6_3_2_000_async_tests_with_the_same_names_leave_nothing_behind() {
    let registry = ServiceRegistry::new();
    let mut tests: JoinSet<_> = (0..2_000).map(|test| one_of_many(registry.clone(), test)).collect();
    let mut labels = HashSet::new();
    while let Some(test) = tests.join_next().await {
        assert!(labels.insert(test.unwrap()), "each has its own namespace");
    }
    let stats = registry.stats();
    assert_eq!((stats.total_services, stats.test_namespaces, stats.waiters, stats.slots), (0, 0, 0, 0));
}
