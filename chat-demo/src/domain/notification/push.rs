//! Messages of the browser's push service: encrypted for the browser (RFC 8291, in one record of RFC 8188) and signed by
//! this server (VAPID, RFC 8292). Whoever runs the push service learns when something is said, and nothing of it.

use std::pin::Pin;
use std::sync::Arc;

use aes_gcm::aead::Aead;
use aes_gcm::{Aes128Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use thiserror::Error;
use tokio::sync::OnceCell;

use super::courier::{Content, Courier, Letter};
use super::logic::Outcome;
use super::settings::AddError;
use super::target::{Messenger, Names, Reach};
use super::{Notifications, Way};
use crate::domain::{PersonId, UnixMillis};
use crate::store::{NewWay, Notice, Store, StoreError};

/// How many browsers somebody may have told.
const MOST: usize = 5;

/// What the key is called among the secrets of the store.
const SECRET: &str = "vapid_key";

/// How long a signature is good, in seconds. A day is the most that is allowed.
const SIGNED: i64 = 12 * 60 * 60;

/// How long the push service keeps what a browser that is off has not fetched, in seconds.
const KEPT: &str = "86400";

/// How much of a message is shown, in characters.
const EXCERPT: usize = 200;

/// The size of records that is declared. All there is fits into one.
const RECORD: u32 = 4096;

/// Bytes of a public key, and of what a browser authenticates by.
const KEY_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;

/// Sends push messages.
#[derive(Debug)]
pub(super) struct Pushes {
    messenger: Messenger,
    store: Store,
    key: OnceCell<SecretKey>,
    site: String,
}

/// This is no subscription of a browser.
#[derive(Clone, Copy, Debug, Error)]
#[error("this is not what a browser gives for its push messages")]
pub(crate) struct NoSubscription;

/// What a message is encrypted for, as it is stored.
#[derive(Debug, Deserialize, Serialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// The same, understood.
struct Browser {
    public: PublicKey,
    auth: [u8; AUTH_BYTES],
}

impl Keys {
    fn parse(&self) -> Result<Browser, NoSubscription> {
        let public = URL_SAFE_NO_PAD.decode(&self.p256dh).map_err(|_| NoSubscription)?;
        let auth = URL_SAFE_NO_PAD.decode(&self.auth).map_err(|_| NoSubscription)?;
        if public.len() != KEY_BYTES {
            return Err(NoSubscription);
        }
        let public = PublicKey::from_sec1_bytes(&public).map_err(|_| NoSubscription)?;
        Ok(Browser { public, auth: auth.try_into().map_err(|_| NoSubscription)? })
    }
}

impl Pushes {
    pub(super) fn new(reach: Reach, names: Arc<dyn Names>, store: Store, site: String) -> Self {
        Self { messenger: Messenger::new(reach, names), store, key: OnceCell::new(), site }
    }

    /// The key of this server: made once, and kept in the store, since browsers hold on to it.
    async fn key(&self) -> Result<&SecretKey, StoreError> {
        let make = async || {
            let kept = self.store.secret(SECRET, &URL_SAFE_NO_PAD.encode(random_key().to_bytes())).await?;
            let bytes = URL_SAFE_NO_PAD.decode(kept).ok();
            let key = bytes.and_then(|bytes| SecretKey::from_slice(&bytes).ok());
            Ok(key.expect("it was made here"))
        };
        self.key.get_or_try_init(make).await
    }

    async fn push(&self, letter: &Letter) -> Result<Outcome, StoreError> {
        let (Some(setting), Content::Mention(notice)) = (&letter.setting, &letter.content) else {
            return Ok(Outcome::Refused("it is for no browser".into()));
        };
        let keys: Option<Keys> = serde_json::from_str(&setting.details).ok();
        let (Some(Ok(browser)), Ok(url)) = (keys.map(|keys| keys.parse()), self.messenger.target(&setting.address))
        else {
            return Ok(Outcome::Refused(NoSubscription.to_string()));
        };
        let text = message(&letter.id, notice).to_string();
        let body = encrypt(&browser, &random_key(), rand::random(), text.as_bytes());
        let audience = url.origin().ascii_serialization();
        let expires = UnixMillis::now().0 / 1000 + SIGNED;
        let headers = vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("content-encoding", "aes128gcm".to_owned()),
            ("ttl", KEPT.to_owned()),
            ("authorization", authorization(self.key().await?, &audience, &self.site, expires)),
        ];
        Ok(self.messenger.post(&setting.address, headers, body, &[404]).await)
    }
}

impl Courier for Pushes {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async move {
            let sent = self.push(letter).await;
            sent.unwrap_or_else(|error| Outcome::Failed { why: error.to_string(), retry_after: None })
        })
    }
}

impl Notifications {
    /// What browsers must know this server by, in base 64; none if it sends no push messages.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn push_key(&self) -> Result<Option<String>, StoreError> {
        match &self.couriers.pushes {
            Some(pushes) => Ok(Some(public(pushes.key().await?))),
            None => Ok(None),
        }
    }

    /// Somebody wants to be told by push messages to a browser.
    ///
    /// # Errors
    ///
    /// [`AddError`], in which case nothing is sent there.
    pub(crate) async fn add_push(
        &self,
        person: PersonId,
        endpoint: &str,
        p256dh: String,
        auth: String,
    ) -> Result<(), AddError> {
        let pushes = self.couriers.pushes.as_ref().ok_or(AddError::NotHere)?;
        let address = String::from(pushes.messenger.target(endpoint)?);
        let keys = Keys { p256dh, auth };
        keys.parse()?;
        let details = serde_json::to_string(&keys).expect("it has only texts");
        let new = NewWay { person, way: Way::Push, address, details, confirmed: true, most: MOST };
        self.store.add_way(new).await?.ok_or(AddError::TooMany)?;
        Ok(())
    }
}

/// What the browser's worker is told, which shows it.
fn message(id: &str, notice: &Notice) -> serde_json::Value {
    let body: String = notice.body.as_str().chars().take(EXCERPT).collect();
    let title = format!("{} {}", notice.author.name.as_str(), notice.place());
    json!({ "id": id, "title": title, "body": body, "url": format!("/rooms/{}", notice.room) })
}

fn random_key() -> SecretKey {
    loop {
        // One in 2^32 is none.
        if let Ok(key) = SecretKey::from_slice(&rand::random::<[u8; 32]>()) {
            return key;
        }
    }
}

fn point(key: &PublicKey) -> Vec<u8> {
    key.to_encoded_point(false).as_bytes().to_vec()
}

fn public(key: &SecretKey) -> String {
    URL_SAFE_NO_PAD.encode(point(&key.public_key()))
}

/// RFC 8291, 3.3 and 3.4, and RFC 8188, 2: the head of the only record, and the record.
fn encrypt(browser: &Browser, key: &SecretKey, salt: [u8; 16], text: &[u8]) -> Vec<u8> {
    let (theirs, ours) = (point(&browser.public), point(&key.public_key()));
    let shared = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), browser.public.as_affine());
    let info = [b"WebPush: info\0", &*theirs, &ours].concat();
    let mut ikm = [0; 32];
    expand(&browser.auth, shared.raw_secret_bytes(), &info, &mut ikm);
    let (mut secret, mut nonce) = ([0; 16], [0; 12]);
    expand(&salt, &ikm, b"Content-Encoding: aes128gcm\0", &mut secret);
    expand(&salt, &ikm, b"Content-Encoding: nonce\0", &mut nonce);
    let cipher = Aes128Gcm::new_from_slice(&secret).expect("it has the length of a key");
    // A 2 behind it says that nothing follows.
    let record = cipher.encrypt(Nonce::from_slice(&nonce), &*[text, &[2]].concat()).expect("it is short");
    [&salt[..], &RECORD.to_be_bytes(), &[KEY_BYTES as u8], &ours, &record].concat()
}

fn expand(salt: &[u8], ikm: &[u8], info: &[u8], okm: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, okm).expect("it is short");
}

/// RFC 8292, 3: a token for this push service, signed by our key, and the key.
fn authorization(key: &SecretKey, audience: &str, subject: &str, expires: i64) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "typ": "JWT", "alg": "ES256" }));
    let claims = part(json!({ "aud": audience, "exp": expires, "sub": subject }));
    let token = format!("{head}.{claims}");
    let signature: Signature = SigningKey::from(key).sign(token.as_bytes());
    format!("vapid t={token}.{}, k={}", URL_SAFE_NO_PAD.encode(signature.to_bytes()), public(key))
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;
    use serde_json::Value;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_rfc_is_encrypted_as_it_is_there() {
        let keys = Keys {
            p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4".into(),
            auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
        };
        let key = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        assert_eq!(
            public(&key),
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
        );
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let sent = encrypt(&keys.parse().unwrap(), &key, salt, text);
        assert_eq!(
            URL_SAFE_NO_PAD.encode(sent),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn the_signature_is_that_of_the_key_that_is_sent_along() {
        let key = random_key();
        let header = authorization(&key, "https://push.example", "https://chat.example", 1_760_000_000);
        let (token, sent) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(sent, public(&key));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifying = VerifyingKey::from_sec1_bytes(&bytes(sent)).unwrap();
        let signature = Signature::from_slice(&bytes(signature)).unwrap();
        verifying.verify(signed.as_bytes(), &signature).unwrap();
        assert!(verifying.verify(format!("{signed}x").as_bytes(), &signature).is_err());
        let claims: Value = serde_json::from_slice(&bytes(signed.split('.').nth(1).unwrap())).unwrap();
        assert_eq!(claims, json!({"aud": "https://push.example", "exp": 1_760_000_000, "sub": "https://chat.example"}));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = public(&random_key());
        let auth = "BTBZMqHH6r4Tts7J_aSIgg".to_owned();
        let keys = |p256dh: &str, auth: &str| Keys { p256dh: p256dh.into(), auth: auth.into() }.parse().is_ok();
        assert!(keys(&good, &auth));
        // Not on the curve, another length, no base 64.
        let off = URL_SAFE_NO_PAD.encode([&[4; 1][..], &[7; 64]].concat());
        for (p256dh, auth) in [(&*off, &*auth), ("", &auth), (&good[..40], &auth), (&good, "short"), (&good, "=")] {
            assert!(!keys(p256dh, auth), "{p256dh} {auth}");
        }
    }
}
