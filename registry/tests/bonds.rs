//! Who is told of the end of a process: monitors and links.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};

use registry::{ExitReason, Process, ProcessId, ProcessRef, ServiceRegistry};

fn failed() -> ExitReason {
    ExitReason::error("out of paper")
}

fn tells(news: &Sender<ExitReason>) -> impl FnOnce(&ExitReason) + Send + 'static {
    let news = news.clone();
    move |reason| drop(news.send(reason.clone()))
}

fn all<T>(news: &Receiver<T>) -> Vec<T> {
    news.try_iter().collect()
}

#[test]
fn a_monitor_is_told_once_of_the_end_or_at_once_of_one_that_was() {
    let (news, told) = channel();
    let process = Process::new();
    let reference = process.reference();
    let _first = reference.monitor(tells(&news));
    let _second = reference.monitor(tells(&news));
    drop(reference.monitor(tells(&news)));
    assert_eq!(all(&told), []);
    process.end(failed());
    assert_eq!(all(&told), [failed(), failed()], "each of them, and not the one that was dropped");
    let _late = reference.monitor(tells(&news));
    assert_eq!(all(&told), [failed()]);
}

#[test]
fn who_is_told_of_an_end_finds_none_of_its_names() {
    let registry = ServiceRegistry::new();
    let namespace = registry.namespace("production").unwrap();
    let process = Process::new();
    namespace.register_for(&process.reference(), "printer", 7_u8).unwrap();
    let (news, told) = channel();
    let _monitor = process.reference().monitor({
        let (namespace, ended) = (namespace.clone(), process.reference());
        move |_| drop(news.send((namespace.lookup::<u8>("printer").is_err(), ended.exit_reason())))
    });
    assert_eq!(namespace.lookup::<u8>("printer").unwrap(), 7);
    drop(process);
    assert_eq!(all(&told), [(true, Some(ExitReason::Killed))]);
}

#[test]
fn a_monitor_that_panics_keeps_nobody_from_being_told() {
    let (news, told) = channel();
    let process = Process::new();
    let monitors: Vec<_> = (0..3)
        .map(|n| {
            let tell = tells(&news);
            process.reference().monitor(move |reason| {
                tell(reason);
                assert_ne!(n, 1, "told to");
            })
        })
        .collect();
    process.end(failed());
    assert_eq!(all(&told).len(), 3);
    drop(monitors);
}

/// A process that writes down of whose ends it hears.
fn trapping() -> (Process, Receiver<(ProcessId, ExitReason)>) {
    let (news, told) = channel();
    (Process::trapping(move |process, reason| drop(news.send((process.id(), reason.clone())))), told)
}

#[test]
fn both_ends_of_a_link_hear_of_each_other_whoever_made_it() {
    for first_ends in [true, false] {
        for reason in [failed(), ExitReason::Normal] {
            let ((first, first_told), (second, second_told)) = (trapping(), trapping());
            let ids = (first.id(), second.id());
            first.reference().link(&second.reference());
            second.reference().link(&first.reference());
            let (ended, other) = if first_ends { (first, second) } else { (second, first) };
            ended.end(reason.clone());
            let expected = if first_ends { (vec![], vec![(ids.0, reason)]) } else { (vec![(ids.1, reason)], vec![]) };
            assert_eq!((all(&first_told), all(&second_told)), expected, "once, however often they were linked");
            drop(other);
            assert_eq!(all(&first_told).len() + all(&second_told).len(), 0);
        }
    }
}

#[test]
fn a_link_is_undone_from_either_side() {
    for mine in [true, false] {
        let ((first, _), (second, told)) = (trapping(), trapping());
        let (one, other) = (first.reference(), second.reference());
        assert!(!one.unlink(&other));
        one.link(&other);
        assert!(if mine { one.unlink(&other) } else { other.unlink(&one) });
        assert!(!one.unlink(&other));
        first.end(failed());
        assert_eq!(all(&told), []);
    }
}

#[test]
fn a_link_with_one_that_has_ended_is_told_at_once() {
    for mine in [true, false] {
        let (first, told) = trapping();
        let second = Process::new();
        let (id, ended) = (second.id(), second.reference());
        second.end(failed());
        if mine {
            first.reference().link(&ended);
        } else {
            ended.link(&first.reference());
        }
        assert_eq!(all(&told), [(id, failed())]);
        assert!(!ended.unlink(&first.reference()), "nothing of it is left");
    }
}

#[tokio::test]
async fn a_task_ends_with_the_process_that_it_is_linked_with_unless_that_ended_clean() {
    let stays = registry::spawn(std::future::pending::<()>());
    for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("done")] {
        let process = Process::new();
        stays.link(&process.reference());
        process.end(reason);
    }
    tokio::task::yield_now().await;
    assert!(stays.is_alive());

    let process = Process::new();
    let (id, by_hand) = (process.id(), Process::new());
    for task in [&stays, &by_hand.reference()] {
        process.reference().link(task);
    }
    process.end(failed());
    assert_eq!(stays.exited().await, ExitReason::of_linked(id, &failed()));
    assert!(by_hand.reference().is_alive(), "only its owner can end it");
    assert_eq!(ExitReason::of_linked(id, &failed()).as_str(), "error");
}

#[tokio::test]
async fn an_end_goes_along_a_line_of_links() {
    let tasks: Vec<ProcessRef> = (0..50).map(|_| registry::spawn(std::future::pending::<()>())).collect();
    for pair in tasks.windows(2) {
        pair[0].link(&pair[1]);
    }
    // In a circle, and with itself: nothing is told twice.
    tasks[49].link(&tasks[0]);
    tasks[0].link(&tasks[0]);
    tasks[0].kill();
    for task in &tasks {
        task.exited().await;
    }
    assert_eq!(tasks[0].exit_reason(), Some(ExitReason::Killed));
    assert_eq!(tasks[1].exit_reason(), Some(ExitReason::of_linked(tasks[0].id(), &ExitReason::Killed)));
}

#[test]
fn links_and_monitors_that_are_made_while_the_process_ends_are_told_once() {
    for _ in 0..300 {
        let heard = Arc::new(AtomicU32::new(0));
        let count = |heard: &Arc<AtomicU32>| {
            let heard = Arc::clone(heard);
            move || {
                heard.fetch_add(1, SeqCst);
            }
        };
        let process = Process::new();
        let reference = process.reference();
        let hear = count(&heard);
        let other = Process::trapping(move |_, _| hear());
        let barrier = Arc::new(Barrier::new(2));
        let ends = std::thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || {
                barrier.wait();
                process.end(failed());
            }
        });
        barrier.wait();
        other.reference().link(&reference);
        let hear = count(&heard);
        let monitor = reference.monitor(move |_| hear());
        ends.join().unwrap();
        assert_eq!(heard.load(SeqCst), 2);
        assert!(!reference.unlink(&other.reference()));
        drop((monitor, other));
    }
}

/// A process that ends when it hears of an end.
fn follower() -> ProcessRef {
    let own = Arc::new(Mutex::new(None::<Process>));
    let held = Arc::clone(&own);
    let process = Process::trapping(move |_, reason| {
        let process = held.lock().unwrap().take();
        process.into_iter().for_each(|process| process.end(reason.clone()));
    });
    let reference = process.reference();
    *own.lock().unwrap() = Some(process);
    reference
}

#[test]
fn a_row_of_ten_thousand_processes_that_end_with_each_other_needs_no_deep_stack() {
    let row: Vec<ProcessRef> = (0..10_000).map(|_| follower()).collect();
    row.windows(2).for_each(|pair| pair[0].link(&pair[1]));
    let spark = Process::new();
    spark.reference().link(&row[5_000]);
    spark.end(failed());
    assert!(row.iter().all(|process| process.exit_reason() == Some(failed())), "all of them, when this returns");
}

#[test]
fn a_row_of_ten_thousand_monitors_that_end_the_next_needs_no_deep_stack() {
    let (mut monitors, mut last) = (Vec::new(), Process::new());
    let end = last.reference();
    for _ in 0..10_000 {
        let process = Process::new();
        let next = Mutex::new(Some(last));
        monitors.push(process.reference().monitor(move |reason| {
            let next = next.lock().unwrap().take();
            next.into_iter().for_each(|next| next.end(reason.clone()));
        }));
        last = process;
    }
    last.end(failed());
    assert_eq!(end.exit_reason(), Some(failed()));
}
