//! Signed POSTs, as Standard Webhooks 1.0.0 describes them (<https://www.standardwebhooks.com>): HMAC-SHA256 over
//! `id.timestamp.body` by a secret that only the receiver has, so that it knows who has sent it and when.

use std::pin::Pin;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::courier::{Content, Courier, Letter};
use super::logic::Outcome;
use super::settings::AddError;
use super::target::{Messenger, Names, Reach};
use super::{Notifications, Way};
use crate::config::HookSecret;
use crate::domain::{PersonId, UnixMillis};
use crate::store::{NewWay, Notice};

/// What a secret begins with, as it is shown.
const PREFIX: &str = "whsec_";

/// How many addresses somebody may give.
pub(super) const MOST: usize = 2;

/// Bytes of a secret that is made here.
const SECRET_BYTES: usize = 32;

/// Posts to the addresses of people, and to those of the operator.
#[derive(Debug)]
pub(super) struct Webhooks {
    /// Where people may have something sent.
    people: Messenger,
    /// Where the operator may: anywhere.
    operator: Messenger,
    secret: Option<HookSecret>,
    site: String,
}

impl Webhooks {
    pub(super) fn new(reach: Reach, names: Arc<dyn Names>, secret: Option<HookSecret>, site: String) -> Self {
        let anywhere = Reach { plain: true, private: true };
        let (people, operator) = (Messenger::new(reach, Arc::clone(&names)), Messenger::new(anywhere, names));
        Self { people, operator, secret, site }
    }

    async fn post(&self, letter: &Letter) -> Outcome {
        let (messenger, url, secret) = match (&letter.setting, &self.secret) {
            (Some(setting), _) if letter.way == Way::Webhook => {
                (&self.people, &setting.address, Some(&*setting.details))
            }
            (_, secret) => (&self.operator, &letter.address, secret.as_ref().map(HookSecret::reveal)),
        };
        let body = match &letter.content {
            Content::Mention(notice) => mention(&self.site, notice).to_string(),
            Content::Payload(text) => text.clone(),
        };
        let seconds = UnixMillis::now().0 / 1000;
        let Some(signature) = secret.and_then(|secret| sign(secret, &letter.id, seconds, &body)) else {
            return Outcome::Refused("there is no secret to sign it with".into());
        };
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", letter.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ];
        messenger.post(url, headers, body.into_bytes(), &[]).await
    }
}

impl Courier for Webhooks {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.post(letter))
    }
}

impl Notifications {
    /// Somebody wants to be told by POSTs to this address; the secret that they are signed with.
    ///
    /// # Errors
    ///
    /// [`AddError`], in which case nothing is sent there.
    pub(crate) async fn add_webhook(&self, person: PersonId, url: &str) -> Result<String, AddError> {
        let webhooks = self.couriers.webhooks.as_ref().ok_or(AddError::NotHere)?;
        let address = String::from(webhooks.people.target(url)?);
        let secret = new_secret();
        let details = secret.clone();
        let new = NewWay { person, way: Way::Webhook, address, details, confirmed: true, most: MOST };
        self.store.add_way(new).await?.ok_or(AddError::TooMany)?;
        Ok(secret)
    }
}

/// A new secret, as it is shown to whoever is to check signatures.
fn new_secret() -> String {
    format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; SECRET_BYTES]>()))
}

/// The signature of a message; none if the secret is not one.
fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// What a receiver is told of a mention.
fn mention(site: &str, notice: &Notice) -> Value {
    json!({
        "type": "mention",
        "timestamp": notice.at,
        "data": {
            "room": notice.room.as_str(),
            "seq": notice.seq,
            "by": { "id": notice.author.id, "name": notice.author.name.as_str() },
            "body": notice.body.as_str(),
            "url": format!("{site}/rooms/{}", notice.room),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the documentation of the format.
    #[test]
    fn a_signature_is_that_of_the_published_example() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn every_secret_is_another_and_what_is_none_signs_nothing() {
        let (one, two) = (new_secret(), new_secret());
        assert!(one != two && sign(&one, "a", 1, "{}").is_some());
        assert_ne!(sign(&one, "a", 1, "{}"), sign(&two, "a", 1, "{}"));
        assert_ne!(sign(&one, "a", 1, "{}"), sign(&one, "a", 2, "{}"));
        assert_eq!(sign("secret", "a", 1, "{}"), None);
    }
}
