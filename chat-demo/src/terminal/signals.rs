//! What the system asks of the program by signals.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::poll_fn;
use rustix::process::Signal as Number;
use tokio::signal::unix::{SignalKind, signal};

use super::run::Signal;
use super::terminal_guard;

/// Each signal that means something here.
const MEANINGS: [(Number, Signal); 6] = [
    (Number::HUP, Signal::End),
    (Number::INT, Signal::End),
    (Number::QUIT, Signal::End),
    (Number::TERM, Signal::End),
    (Number::TSTP, Signal::Stop),
    (Number::CONT, Signal::Continue),
];

/// See the module.
#[derive(Debug)]
pub(super) struct Signals {
    heard: RefCell<Vec<(tokio::signal::unix::Signal, u8, Signal)>>,
    ended_by: Cell<Option<u8>>,
}

impl Signals {
    /// Listens from now on: none of these signals does anything by itself any more.
    pub(super) fn listen() -> io::Result<Self> {
        let listen = |(number, meaning): (Number, Signal)| {
            let number = number.as_raw();
            let heard = signal(SignalKind::from_raw(number))?;
            Ok((heard, u8::try_from(number).unwrap_or_default(), meaning))
        };
        let heard = MEANINGS.into_iter().map(listen).collect::<io::Result<_>>()?;
        Ok(Self { heard: RefCell::new(heard), ended_by: Cell::new(None) })
    }

    /// Whatever comes, one after the other. What asks for an end comes first.
    pub(super) fn stream(&self) -> impl Stream<Item = Signal> {
        poll_fn(|cx| self.poll(cx).map(Some))
    }

    /// Waits until it is asked to end, while nobody has taken the terminal; whoever stops it finds it in order.
    pub(super) async fn end(&self) -> io::Result<()> {
        loop {
            match std::future::poll_fn(|cx| self.poll(cx)).await {
                Signal::End => return Ok(()),
                Signal::Stop => terminal_guard::stand_still()?,
                Signal::Continue => {}
            }
        }
    }

    /// The number of the signal that has asked for the end, if one has.
    pub(super) fn ended_by(&self) -> Option<u8> {
        self.ended_by.get()
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Signal> {
        for (heard, number, meaning) in self.heard.borrow_mut().iter_mut() {
            if heard.poll_recv(cx).is_ready() {
                if *meaning == Signal::End {
                    self.ended_by.set(Some(*number));
                }
                return Poll::Ready(*meaning);
            }
        }
        Poll::Pending
    }
}
