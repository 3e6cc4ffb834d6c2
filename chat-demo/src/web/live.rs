//! Which sessions have sockets open, so that these end with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use supervisor::{ChildRef, ChildSpec};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::domain::PersonId;
use crate::store::{SessionToken, Store};

/// The sessions with sockets.
#[derive(Debug, Default)]
pub(crate) struct LiveSessions {
    open: Mutex<HashMap<SessionToken, Open>>,
}

#[derive(Debug)]
struct Open {
    person: PersonId,
    sockets: usize,
    ended: CancellationToken,
}

/// The session of one open socket.
#[derive(Debug)]
pub(crate) struct LiveSession {
    all: Arc<LiveSessions>,
    token: SessionToken,
    ended: CancellationToken,
}

impl LiveSessions {
    /// A socket is opened in a session of `person`. Whoever opens it asks once more *afterwards* whether the session
    /// is one: if it ended before it was counted here, nobody would hear of it.
    pub(crate) fn open(self: &Arc<Self>, token: SessionToken, person: PersonId) -> LiveSession {
        let mut all = self.lock();
        let fresh = || Open { person, sockets: 0, ended: CancellationToken::new() };
        let open = all.entry(token.clone()).or_insert_with(fresh);
        open.sockets += 1;
        LiveSession { all: Arc::clone(self), token, ended: open.ended.clone() }
    }

    /// A session has ended.
    pub(crate) fn end(&self, token: &SessionToken) {
        if let Some(open) = self.lock().get(token) {
            open.ended.cancel();
        }
    }

    /// All sessions of somebody have ended.
    pub(crate) fn end_all_of(&self, person: PersonId) {
        self.lock().values().filter(|open| open.person == person).for_each(|open| open.ended.cancel());
    }

    /// Asks the store again and again whether the sessions go on: their time may be over, or another program on the
    /// same database may have ended them.
    pub(crate) fn child_spec(self: &Arc<Self>, store: &Store, period: Duration) -> ChildSpec<ChildRef> {
        let (all, store) = (Arc::clone(self), store.clone());
        ChildSpec::task("sessions", move |cx| {
            let (all, store) = (Arc::clone(&all), store.clone());
            async move {
                let mut tick = interval(period);
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    tokio::select! {
                        _ = tick.tick() => all.check(&store).await,
                        () = cx.stopped() => return,
                    }
                }
            }
        })
    }

    async fn check(&self, store: &Store) {
        let tokens: Vec<_> = self.lock().keys().cloned().collect();
        for token in tokens {
            match store.find_person(token.clone()).await {
                Ok(Some(_)) => {}
                Ok(None) => self.end(&token),
                // Nobody is sent away because the store is.
                Err(_) => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionToken, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveSession {
    /// Whether the session has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Returns when the session has ended.
    ///
    /// Cancel safe.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(open) = all.get_mut(&self.token) {
            open.sockets -= 1;
            if open.sockets == 0 {
                all.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_for_all_its_sockets_and_is_forgotten_with_the_last() {
        let all = Arc::new(LiveSessions::default());
        let (one, two) = (SessionToken::random(), SessionToken::random());
        let (ada, bob) = (PersonId(1), PersonId(2));
        let sockets = [all.open(one.clone(), ada), all.open(one.clone(), ada), all.open(two, bob)];
        let ended = || sockets.each_ref().map(LiveSession::has_ended);
        all.end(&SessionToken::random());
        assert_eq!(ended(), [false; 3]);
        all.end(&one);
        assert_eq!(ended(), [true, true, false]);
        all.end_all_of(bob);
        assert_eq!(ended(), [true; 3]);
        drop(sockets);
        assert!(all.lock().is_empty());
        assert!(!all.open(one, ada).has_ended());
    }
}
