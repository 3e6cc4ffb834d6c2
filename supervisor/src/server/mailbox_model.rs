//! A mailbox under every schedule that shuttle finds: senders in line for room, what is done when there is none, ends.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use shuttle::{future, thread};

use super::envelope::Envelope;
use super::mailbox::{Refused, Slot};
use super::overflow::Overflow;
use crate::child::{Phase, Seat, Settings};

/// Enough to find each of the mistakes that were put in to try this.
const SCHEDULES: usize = 2_000;

type Mailbox = Arc<Slot<u32>>;

fn check(model: impl Fn() + Send + Sync + 'static) {
    shuttle::check_pct(model, SCHEDULES, 3);
}

/// With room for one, and somebody who is about to read it.
fn mailbox(overflow: Overflow, keep_mail: bool) -> Mailbox {
    let slot = Slot::new(&Settings { mailbox: 1, overflow, keep_mail, ..Settings::new("model".into()) });
    slot.core.begin();
    slot
}

fn letter(message: u32) -> Envelope<u32> {
    Envelope { message, call: None }
}

/// Sends these one after the other, each when there is room, until there will be none; says how many.
fn sender(slot: &Mailbox, messages: std::ops::Range<u32>) -> thread::JoinHandle<usize> {
    let slot = Arc::clone(slot);
    thread::spawn(move || {
        future::block_on(async {
            for (sent, message) in messages.clone().enumerate() {
                match slot.deliver(letter(message)).await {
                    Ok(_) => {}
                    Err(Refused::Closed(_)) => return sent,
                    Err(_) => unreachable!("it waits"),
                }
            }
            messages.len()
        })
    })
}

fn read(slot: &Mailbox, messages: usize) -> Vec<u32> {
    future::block_on(async {
        let mut read = Vec::new();
        for _ in 0..messages {
            read.push(poll_fn(|task| slot.poll_receive(task)).await);
        }
        read
    })
}

#[test]
fn all_who_wait_for_room_get_it_and_each_in_its_order() {
    check(|| {
        let slot = mailbox(Overflow::Wait, false);
        let senders = [sender(&slot, 0..2), sender(&slot, 10..12)];
        let read = read(&slot, 4);
        assert!(senders.into_iter().all(|sender| sender.join().unwrap() == 2));
        let of = |range: std::ops::Range<u32>| read.iter().copied().filter(|n| range.contains(n)).collect::<Vec<_>>();
        assert_eq!((of(0..10), of(10..20)), (vec![0, 1], vec![10, 11]));
        assert_eq!((slot.stats().waiting, slot.len()), (0, 0));
    });
}

#[test]
fn who_gives_up_in_line_keeps_no_room_from_the_next() {
    check(|| {
        let slot = mailbox(Overflow::Wait, false);
        assert!(slot.offer(letter(0)).is_ok());
        let impatient = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let mut send = Box::pin(slot.deliver(letter(1)));
                let polled = future::block_on(poll_fn(|task| Poll::Ready(send.as_mut().poll(task))));
                thread::yield_now();
                drop(send);
                usize::from(matches!(polled, Poll::Ready(Ok(_))))
            })
        };
        let patient = sender(&slot, 2..3);
        let mut all = read(&slot, 2);
        if all[1] == 1 {
            all.extend(read(&slot, 1));
        }
        assert_eq!(patient.join().unwrap(), 1);
        assert!(all.contains(&0) && all.contains(&2), "{all:?}");
        let sent = impatient.join().unwrap();
        assert_eq!(slot.len() + all.len(), 2 + sent);
        assert_eq!(slot.stats().waiting, 0);
    });
}

#[test]
fn nobody_takes_the_room_of_who_is_first_in_line() {
    check(|| {
        let slot = mailbox(Overflow::Wait, false);
        assert!(slot.offer(letter(0)).is_ok());
        let mut first = Box::pin(slot.deliver(letter(1)));
        let in_line = future::block_on(poll_fn(|task| Poll::Ready(first.as_mut().poll(task).is_pending())));
        assert!(in_line);
        let newcomer = sender(&slot, 2..3);
        let reader = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || read(&slot, 3))
        };
        assert!(future::block_on(first).is_ok());
        assert_eq!((newcomer.join().unwrap(), reader.join().unwrap()), (1, vec![0, 1, 2]));
    });
}

#[test]
fn what_is_closed_takes_nothing_from_whoever_does_not_wait() {
    for overflow in [Overflow::Wait, Overflow::Refuse, Overflow::DropOldest, Overflow::DropNewest] {
        check(move || {
            let slot = mailbox(overflow, false);
            let offers = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    (0..3).map(|n| matches!(slot.offer(letter(n)), Err(Refused::Closed(_)))).collect()
                })
            };
            slot.close();
            assert!(matches!(slot.offer(letter(9)), Err(Refused::Closed(_))));
            let refused: Vec<bool> = offers.join().unwrap();
            assert!(refused.is_sorted(), "once closed, it stays so");
            assert_eq!(slot.len(), 0, "and nothing is left in it");
        });
    }
}

#[test]
fn nobody_waits_in_line_for_what_is_closed() {
    check(|| {
        let slot = mailbox(Overflow::Wait, false);
        let senders = [sender(&slot, 0..2), sender(&slot, 10..12)];
        slot.close();
        let sent: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        assert!(sent <= 2, "{sent} without a reader");
        assert_eq!((slot.len(), slot.stats().waiting), (0, 0), "and nothing is left in it");
    });
}

#[test]
fn nobody_waits_in_line_for_what_stays_down() {
    for keep_mail in [false, true] {
        check(move || {
            let slot = mailbox(Overflow::Wait, keep_mail);
            let senders = [sender(&slot, 0..2), sender(&slot, 10..12)];
            // As the end of an incarnation does it.
            slot.core.settle(Phase::Down);
            slot.vacate();
            senders.into_iter().for_each(|sender| _ = sender.join().unwrap());
            assert_eq!(slot.stats().waiting, 0);
        });
    }
}

#[test]
fn whoever_is_there_again_finds_the_line_as_it_was() {
    for keep_mail in [false, true] {
        check(move || {
            let slot = mailbox(Overflow::Wait, keep_mail);
            let senders = [sender(&slot, 0..1), sender(&slot, 10..11), sender(&slot, 20..21)];
            // Another incarnation: what the last one left is dropped or kept, and the line goes on.
            slot.core.settle(Phase::Restarting);
            slot.vacate();
            slot.core.begin();
            assert!(slot.open());
            let reader = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || future::block_on(async { poll_fn(|task| slot.poll_receive(task)).await }))
            };
            // More than were dropped, so that there is something for the reader.
            let last = [sender(&slot, 30..31), sender(&slot, 40..41)];
            let _ = reader.join().unwrap();
            slot.close();
            senders.into_iter().chain(last).for_each(|sender| _ = sender.join().unwrap());
            assert_eq!(slot.stats().waiting, 0);
        });
    }
}

#[test]
fn what_is_not_delivered_is_counted_under_every_policy() {
    for overflow in [Overflow::Refuse, Overflow::DropOldest, Overflow::DropNewest] {
        check(move || {
            let slot = mailbox(overflow, false);
            let senders: Vec<_> = [0_u32, 10]
                .map(|from| {
                    let slot = Arc::clone(&slot);
                    thread::spawn(move || (from..from + 2).filter(|n| slot.offer(letter(*n)).is_ok()).count())
                })
                .into();
            let first = read(&slot, 1);
            let taken: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
            let stats = slot.stats();
            let lost = usize::try_from(stats.refused + stats.dropped).unwrap();
            assert_eq!(first.len() + stats.len + lost, 4, "{stats:?}");
            assert_eq!(taken, if overflow == Overflow::DropOldest { 4 } else { 4 - lost });
            assert!(stats.len <= 1);
        });
    }
}
