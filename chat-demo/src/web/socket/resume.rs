//! Coming into a room, again and again while it is restarted, with all that the client has missed.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::end::End;
use super::handshake::Known;
use super::protocol::{Goodbye, ServerFrame, VERSION, Who};
use super::session::{Session, away};
use crate::domain::Seq;
use crate::domain::room::{JoinError, Membership, Welcome};
use crate::store::Page;
use crate::telemetry;

/// Messages that are read from the history at a time.
const PAGE: u32 = 100;

/// How long the wait between two tries to find the room again is at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Session<'_> {
    /// Comes into the room and tells the client all it has missed.
    pub(super) async fn enter(&mut self, known: Known, stop: &CancellationToken) -> Result<Membership, End> {
        let (membership, welcome) = self.join(known.after, stop).await?;
        self.sent = if welcome.reset { welcome.last } else { known.after.unwrap_or(welcome.last) };
        self.revision = if welcome.reset { welcome.revision } else { known.revision.unwrap_or(welcome.revision) };
        let away = away(self.presences, &welcome.members).await;
        let members = welcome.members.iter().map(Who::from).collect();
        let frame = ServerFrame::Welcome {
            v: VERSION,
            you: Who::from(&self.person),
            last: welcome.last,
            revision: welcome.revision,
            reset: welcome.reset,
            members,
            away,
        };
        self.wire.send(&frame).await?;
        self.catch_up(&welcome).await?;
        Ok(membership)
    }

    /// Comes into the next incarnation of the room; the client hears nothing of it but what it has missed.
    pub(super) async fn reenter(&mut self, stop: &CancellationToken) -> Result<Membership, End> {
        let (membership, welcome) = self.join(Some(self.sent), stop).await?;
        telemetry::rejoined();
        self.catch_up(&welcome).await?;
        Ok(membership)
    }

    /// Joins, again and again while the room is being restarted.
    async fn join(&mut self, after: Option<Seq>, stop: &CancellationToken) -> Result<(Membership, Welcome), End> {
        let deadline = Instant::now() + self.limits.rejoin;
        let mut wait = FIRST_WAIT;
        let joined = async {
            loop {
                match self.rooms.join(self.code, self.person.clone(), after).await {
                    Ok(joined) => return Ok(joined),
                    Err(JoinError::Full) => return Err(Goodbye::Full),
                    // It was there, and open to them, when the socket was opened.
                    Err(JoinError::Unknown) => return Err(Goodbye::NotAdmitted),
                    Err(error) if Instant::now() + wait > deadline => {
                        tracing::warn!(room = %self.code, %error, "a socket gives its room up");
                        return Err(Goodbye::NoRoom);
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        };
        tokio::select! {
            () = stop.cancelled() => Err(Goodbye::GoingAway.into()),
            joined = joined => Ok(joined?),
        }
    }

    async fn catch_up(&mut self, welcome: &Welcome) -> Result<(), End> {
        if let Some((_, before)) = welcome.older {
            while self.sent.next() < before {
                let page = Page::Between { after: self.sent, before, limit: PAGE };
                let messages = self.rooms.history(&welcome.entry, page).await.map_err(|_| Goodbye::NoRoom)?;
                if messages.is_empty() {
                    return Err(Goodbye::NoRoom.into());
                }
                for message in &messages {
                    self.say(message).await?;
                }
            }
        }
        for message in &welcome.recent {
            self.say(message).await?;
        }
        while self.revision < welcome.revision {
            let page = Page::Changed { after: self.revision, limit: PAGE };
            let changed = self.rooms.history(&welcome.entry, page).await.map_err(|_| Goodbye::NoRoom)?;
            if changed.is_empty() {
                return Err(Goodbye::NoRoom.into());
            }
            for message in &changed {
                self.tell_change(message).await?;
            }
        }
        Ok(())
    }
}
