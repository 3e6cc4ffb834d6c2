//! What a client says.

use std::time::Duration;

use tokio::time::Instant;

use super::end::End;
use super::protocol::{ClientFrame, Goodbye, ServerFrame};
use super::requests::Wish;
use super::session::Session;
use crate::config::Limits;
use crate::domain::room::{Membership, Telling};
use crate::domain::{Body, ClientId, DisplayName};
use crate::telemetry;
use crate::web::bucket::Bucket;
use crate::web::page::sentence;

/// How fast a socket may say what.
pub(super) struct Pace {
    /// What is asked for, and nonsense.
    said: Bucket,
    /// Signs of somebody who writes, or is there: as many, so that nobody who writes fast is kept from saying it.
    signs: Bucket,
}

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        let bucket = || Bucket::new(limits.post_burst, limits.posts_per_second, Instant::now().into_std());
        Self { said: bucket(), signs: bucket() }
    }

    fn say(&mut self) -> Result<(), Duration> {
        self.said.take(Instant::now().into_std())
    }

    fn sign(&mut self) -> bool {
        self.signs.take(Instant::now().into_std()).is_ok()
    }
}

impl Session<'_> {
    pub(super) async fn hear(&mut self, text: &str, membership: &Membership) -> Result<(), End> {
        if self.live.has_ended() {
            return Err(Goodbye::SessionEnded.into());
        }
        let Ok(frame) = serde_json::from_str::<ClientFrame>(text) else {
            return self.nonsense("this frame could not be understood").await;
        };
        if let Some(id) = frame.id()
            && !self.may_say(id).await?
        {
            return Ok(());
        }
        match frame {
            ClientFrame::Join { .. } => self.nonsense("you are in the room already").await,
            ClientFrame::Ping {} => Ok(self.wire.send(&ServerFrame::Pong {}).await?),
            ClientFrame::Read { seq } => {
                self.elsewhere.read(seq);
                Ok(())
            }
            ClientFrame::Active {} => {
                self.signs();
                Ok(())
            }
            ClientFrame::Typing { on } => {
                if self.signs() {
                    membership.typing(on);
                }
                Ok(())
            }
            ClientFrame::Post { id, kind, body } => self.accept(&id, &body, |body| Wish::Post(kind, body)).await,
            ClientFrame::Edit { id, seq, body } => self.accept(&id, &body, |body| Wish::Change(seq, Some(body))).await,
            ClientFrame::Delete { id, seq } => self.take(&id, Wish::Change(seq, None)).await,
            ClientFrame::Nick { id, name } => match DisplayName::parse(&name) {
                Ok(name) => self.take(&id, Wish::Rename(name)).await,
                Err(error) => self.refuse(repeatable(&id), "name", &error.to_string(), None).await,
            },
            ClientFrame::Direct { id, person: Some(person), text } => {
                self.take(&id, Wish::Tell(Telling::To(person, text))).await
            }
            ClientFrame::Direct { id, person: None, text } => self.take(&id, Wish::Tell(Telling::Written(text))).await,
        }
    }

    /// Whether something more may be asked for now; if not, that is said.
    async fn may_say(&mut self, id: &str) -> Result<bool, End> {
        let Err(wait) = self.pace.say().and_then(|()| self.bounds.say(self.person.id, self.code)) else {
            self.attendance.active();
            return Ok(true);
        };
        let retry = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.refuse(repeatable(id), "rate", "you are sending very fast", Some(retry)).await?;
        Ok(false)
    }

    /// Whoever is here does something; false if they have given too many signs of it, which are passed over then.
    fn signs(&mut self) -> bool {
        let taken = self.pace.sign();
        if taken {
            self.attendance.active();
        } else {
            telemetry::refused("signs");
        }
        taken
    }

    /// What nobody should say is refused; of too much of it nothing more is heard.
    async fn nonsense(&mut self, why: &str) -> Result<(), End> {
        match self.pace.say() {
            Ok(()) => self.refuse(None, "frame", why, None).await,
            Err(_) => Err(Goodbye::Nonsense.into()),
        }
    }

    /// Takes in a wish with a text in it.
    async fn accept(&mut self, id: &str, body: &str, wish: impl FnOnce(Body) -> Wish) -> Result<(), End> {
        match Body::parse(body) {
            Ok(body) => self.take(id, wish(body)).await,
            Err(error) => self.refuse(repeatable(id), "body", &error.to_string(), None).await,
        }
    }

    async fn take(&mut self, id: &str, wish: Wish) -> Result<(), End> {
        match ClientId::parse(id) {
            Err(error) => self.refuse(None, "id", &error.to_string(), None).await,
            Ok(client_id) if self.requests.has_room() => {
                self.requests.push(client_id, wish);
                Ok(())
            }
            Ok(_) => self.refuse(Some(id), "backlog", "earlier messages wait to be stored", Some(1000)).await,
        }
    }

    pub(super) async fn refuse(
        &mut self,
        id: Option<&str>,
        reason: &'static str,
        text: &str,
        retry_ms: Option<u64>,
    ) -> Result<(), End> {
        telemetry::refused(reason);
        let (id, text) = (id.map(Into::into), sentence(text).into());
        Ok(self.wire.send(&ServerFrame::Refused { id, reason: reason.into(), text, retry_ms }).await?)
    }
}

/// What is no id is not repeated to the client.
fn repeatable(id: &str) -> Option<&str> {
    ClientId::parse(id).is_ok().then_some(id)
}
