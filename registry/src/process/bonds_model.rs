//! Links and monitors under every schedule that shuttle finds: made, undone and told.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use shuttle::thread;

use super::exit::ExitReason;
use super::life::{Process, ProcessRef};
use crate::sync::{AtomicBool, Mutex};

/// Enough to find each of the mistakes that were put in to try this.
const SCHEDULES: usize = 2_000;

fn check(model: impl Fn() + Send + Sync + 'static) {
    shuttle::check_pct(model, SCHEDULES, 3);
}

fn failed() -> ExitReason {
    ExitReason::error("out of paper")
}

/// A process that counts what it hears.
struct Listener {
    process: Process,
    heard: Arc<AtomicUsize>,
}

impl Listener {
    fn new() -> Self {
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        Self { process: Process::trapping(move |_, _| _ = count.fetch_add(1, SeqCst)), heard }
    }

    fn heard(&self) -> usize {
        self.heard.load(SeqCst)
    }
}

/// One that ends when it hears of an end.
fn follower() -> ProcessRef {
    let own = Arc::new(Mutex::new(None::<Process>));
    let held = Arc::clone(&own);
    let process = Process::trapping(move |_, reason| {
        let process = held.lock().take();
        process.into_iter().for_each(|process| process.end(reason.clone()));
    });
    let reference = process.reference();
    *own.lock() = Some(process);
    reference
}

#[test]
fn a_link_is_told_once_whenever_the_other_ends() {
    check(|| {
        let (listener, other) = (Listener::new(), Process::new());
        let end = other.reference();
        let ending = thread::spawn(move || other.end(failed()));
        listener.process.reference().link(&end);
        ending.join().unwrap();
        assert_eq!(listener.heard(), 1);
        assert_eq!((listener.process.reference().links(), end.links()), (0, 0), "nobody keeps it");
    });
}

#[test]
fn a_link_is_told_once_to_the_other_whenever_the_one_who_makes_it_ends() {
    check(|| {
        let (maker, listener) = (Process::new(), Listener::new());
        let made = maker.reference();
        let ending = thread::spawn(move || maker.end(failed()));
        made.link(&listener.process.reference());
        ending.join().unwrap();
        assert_eq!(listener.heard(), 1);
        assert_eq!((listener.process.reference().links(), made.links()), (0, 0), "nobody keeps it");
    });
}

#[test]
fn a_link_that_is_undone_is_told_once_or_not_at_all_and_kept_by_nobody() {
    check(|| {
        let (listener, other) = (Listener::new(), Process::new());
        let (one, end) = (listener.process.reference(), other.reference());
        one.link(&end);
        let ending = thread::spawn(move || other.end(failed()));
        let undone = end.unlink(&one);
        ending.join().unwrap();
        assert!(listener.heard() <= 1 && (undone || listener.heard() == 1), "{undone} {}", listener.heard());
        assert_eq!((one.links(), end.links()), (0, 0));
    });
}

#[test]
fn both_ends_of_a_link_may_end_at_once() {
    check(|| {
        let (one, other) = (Listener::new(), Listener::new());
        let heard = [Arc::clone(&one.heard), Arc::clone(&other.heard)];
        let (a, b) = (one.process.reference(), other.process.reference());
        let linking = {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || a.link(&b))
        };
        let ending = thread::spawn(move || one.process.end(failed()));
        other.process.end(failed());
        linking.join().unwrap();
        ending.join().unwrap();
        assert!(heard.iter().all(|heard| heard.load(SeqCst) <= 1));
        assert_eq!((a.links(), b.links()), (0, 0));
    });
}

#[test]
fn a_monitor_is_told_once_and_one_that_is_taken_back_once_at_most() {
    check(|| {
        let process = Process::new();
        let (watched, heard) = (process.reference(), Arc::new(AtomicUsize::new(0)));
        let tells = || {
            let heard = Arc::clone(&heard);
            move |_: &ExitReason| _ = heard.fetch_add(1, SeqCst)
        };
        let kept = watched.monitor(tells());
        let ending = thread::spawn(move || process.end(failed()));
        let late = [watched.monitor(tells()), watched.monitor(tells()), watched.monitor(tells())];
        ending.join().unwrap();
        drop((kept, late));
        assert_eq!(heard.load(SeqCst), 4);
        assert_eq!(Arc::strong_count(&heard), 1, "what was told is let go");
    });
    check(|| {
        let process = Process::new();
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        let monitor = process.reference().monitor(move |_| _ = count.fetch_add(1, SeqCst));
        let begun = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&begun);
        let ending = thread::spawn(move || {
            begins.store(true, SeqCst);
            process.end(failed());
        });
        drop(monitor);
        let most = usize::from(begun.load(SeqCst));
        ending.join().unwrap();
        assert!(heard.load(SeqCst) <= most);
        assert_eq!(Arc::strong_count(&heard), 1, "and so is what was taken back");
    });
}

#[test]
fn ends_that_meet_in_a_row_of_links_end_all_of_it() {
    check(|| {
        let row: Vec<ProcessRef> = (0..3).map(|_| follower()).collect();
        row.windows(2).for_each(|pair| pair[0].link(&pair[1]));
        let ends: Vec<_> = [&row[0], &row[2]]
            .map(|end| {
                let (spark, end) = (Process::new(), end.clone());
                spark.reference().link(&end);
                thread::spawn(move || spark.end(failed()))
            })
            .into();
        ends.into_iter().for_each(|end| end.join().unwrap());
        assert!(row.iter().all(|process| !process.is_alive() && process.links() == 0));
    });
}
