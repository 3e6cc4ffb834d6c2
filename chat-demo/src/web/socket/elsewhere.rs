//! What one client is told of the other rooms of its person, and what they have read in this one.

use std::collections::HashSet;
use std::pin::Pin;
use std::time::Duration;

use registry::{RecvError, Subscription};
use tokio::time::{Instant, sleep_until, timeout};

use crate::domain::notification::Notifications;
use crate::domain::{Person, PersonId, RoomCode, Seq, VisitUpdate, Visits};
use crate::store::{StoreError, Visit};

/// What comes within this time after something was done is done together at its end.
const TOGETHER: Duration = Duration::from_secs(1);

/// How long the last that was read may take to be kept when the socket is over.
const LAST: Duration = Duration::from_secs(1);

/// What is to be told.
pub(super) enum Elsewhere {
    /// All rooms of the person, as they are now, and how many notifications they have not seen.
    Rooms(Vec<Visit>, u64),
    /// A message in another room mentions them.
    Mentioned { room: RoomCode, seq: Seq, by: Person, direct: bool },
    /// The program ends.
    Over,
}

type Doing = Pin<Box<dyn Future<Output = Result<Option<(Vec<Visit>, u64)>, StoreError>> + Send>>;

/// Listens, and asks and tells the store no more than once a second, one thing at a time.
pub(super) struct Listener {
    visits: Visits,
    notifications: Notifications,
    person: PersonId,
    code: RoomCode,
    updates: Option<Subscription<VisitUpdate>>,
    /// Whether this room is known to be one of theirs.
    entered: bool,
    /// Of which rooms they want no notifications.
    quiet: HashSet<RoomCode>,
    /// What was read, and is not kept yet.
    read: Option<Seq>,
    /// Whether the client's list is not as it is now.
    stale: bool,
    not_before: Instant,
    doing: Option<Doing>,
}

impl Listener {
    /// Makes this room one of theirs, if it is not, and tells of all of them first.
    pub(super) fn new(visits: &Visits, notifications: &Notifications, person: PersonId, code: RoomCode) -> Self {
        Self {
            visits: visits.clone(),
            notifications: notifications.clone(),
            person,
            code,
            updates: visits.listen(person),
            entered: false,
            quiet: HashSet::new(),
            read: None,
            stale: true,
            not_before: Instant::now(),
            doing: None,
        }
    }

    /// The person has read this room up to a message.
    pub(super) fn read(&mut self, seq: Seq) {
        self.read = self.read.max(Some(seq));
    }

    /// What is to be told next; pending as long as there is nothing.
    ///
    /// Cancel safe: what is being done goes on at the next call.
    pub(super) async fn next(&mut self) -> Elsewhere {
        loop {
            let wanted = self.doing.is_none() && (self.stale || self.read.is_some());
            if wanted && Instant::now() >= self.not_before {
                self.begin();
                continue;
            }
            let Some(updates) = &mut self.updates else { return Elsewhere::Over };
            tokio::select! {
                update = updates.recv() => match update {
                    Ok(VisitUpdate::Mentioned { room, seq, by, direct }) if room != self.code && !self.quiet.contains(&room) => {
                        return Elsewhere::Mentioned { room, seq, by, direct };
                    }
                    Ok(VisitUpdate::Changed(room)) if room != self.code => self.stale = true,
                    Ok(VisitUpdate::Notices | VisitUpdate::Renamed) | Err(RecvError::Lagged(_)) => self.stale = true,
                    // What happens here, the room tells.
                    Ok(_) => {}
                    Err(_) => return Elsewhere::Over,
                },
                done = async { self.doing.as_mut().expect("it is there").await }, if self.doing.is_some() => {
                    self.doing = None;
                    match done {
                        Ok(Some((visits, unseen))) => {
                            self.entered = true;
                            self.quiet = visits.iter().filter(|visit| visit.quiet).map(|visit| visit.room).collect();
                            return Elsewhere::Rooms(visits, unseen);
                        }
                        Ok(None) => {}
                        Err(error) => {
                            tracing::warn!(room = %self.code, %error, "what is unread elsewhere is not known now");
                            self.stale = true;
                        }
                    }
                }
                () = sleep_until(self.not_before), if wanted => {}
            }
        }
    }

    /// Keeps what was read last.
    pub(super) async fn finish(mut self) {
        let last = async {
            if let Some(doing) = self.doing.take() {
                let _told_nobody = doing.await;
            }
            if let Some(seq) = self.read {
                let _unkept = self.visits.read(self.person, self.code, seq).await;
            }
        };
        let _too_late = timeout(LAST, last).await;
    }

    fn begin(&mut self) {
        self.not_before = Instant::now() + TOGETHER;
        let (visits, person, code) = (self.visits.clone(), self.person, self.code);
        let (read, stale, entered) = (self.read.take(), std::mem::take(&mut self.stale), self.entered);
        let notifications = self.notifications.clone();
        self.doing = Some(Box::pin(async move {
            if let Some(seq) = read {
                visits.read(person, code, seq).await?;
            }
            if !stale {
                return Ok(None);
            }
            let all = if entered { visits.of(person).await? } else { visits.enter(person, code).await? };
            Ok(Some((all, notifications.unseen(person, Some(code)).await?)))
        }));
    }
}
