//! Mails over SMTP: plain text with a link, to addresses that have been confirmed.
//!
//! An address is confirmed by a random token that is sent there, works once, and not for ever; of it only the hash is kept.
//! Each mail can be ended by one click ([RFC 8058](https://www.rfc-editor.org/rfc/rfc8058)).

use std::pin::Pin;
use std::time::Duration;

use hmac::{Hmac, Mac};
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::courier::{Content, Courier, Letter};
use super::logic::Outcome;
use super::settings::AddError;
use super::{NewDelivery, Notifications, Priority, Way, WaySetting};
use crate::config::{Outlets, SmtpPassword};
use crate::domain::{PersonId, UnixMillis};
use crate::store::{NewWay, Notice, SessionToken, Store, StoreError, WayChange};

/// How long an address can be confirmed after a mail was sent there, in milliseconds: a day.
const CONFIRMABLE: i64 = 24 * 60 * 60 * 1000;

/// How many addresses somebody may have.
const MOST: usize = 1;

/// What the key of the links is called among the secrets of the store.
const SECRET: &str = "unsubscribe_key";

/// How long one exchange with the mail server may take.
const EXCHANGE: Duration = Duration::from_secs(10);

/// Sends mails.
#[derive(Debug)]
pub(super) struct Mails {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    store: Store,
    site: String,
}

/// This is no mail address.
#[derive(Clone, Copy, Debug, Error)]
#[error("this is not a mail address such as ada@example.org")]
pub(crate) struct NoAddress;

/// Why mails cannot be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MailError {
    /// The URL of the server is none.
    #[error("--smtp-url is no address of a mail server: {0}; write it as in smtps://mail.example.org")]
    Server(#[source] lettre::transport::smtp::Error),
    /// Nobody is named as the one who writes.
    #[error("--smtp-url needs --mail-from as well")]
    From,
}

/// What is known of an address that is not confirmed yet, as it is stored.
#[derive(Deserialize, Serialize)]
struct Asked {
    hash: String,
    until: UnixMillis,
}

#[derive(Clone)]
struct ListUnsubscribe(String);

#[derive(Clone)]
struct ListUnsubscribePost;

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), format!("<{}>", self.0))
    }
}

impl Header for ListUnsubscribePost {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

impl Mails {
    /// The mails that these settings ask for; none if there is no mail server.
    pub(super) fn new(outlets: &Outlets, store: Store, site: &str) -> Result<Option<Self>, MailError> {
        let Some(url) = &outlets.smtp_url else { return Ok(None) };
        // The first that is installed counts; it is the same one wherever this program installs any.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let from = outlets.mail_from.clone().ok_or(MailError::From)?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(MailError::Server)?;
        if let (Some(user), Some(password)) = (&outlets.smtp_user, &outlets.smtp_password) {
            builder = builder.credentials(Credentials::new(user.clone(), SmtpPassword::reveal(password).to_owned()));
        }
        let transport = builder.timeout(Some(EXCHANGE)).build();
        Ok(Some(Self { transport, from, store, site: site.to_owned() }))
    }

    async fn send(&self, letter: &Letter) -> Result<Outcome, StoreError> {
        let Some(setting) = &letter.setting else { return Ok(Outcome::Refused("it is for nobody".into())) };
        let mail = match &letter.content {
            Content::Payload(_) if setting.confirmed => return Ok(Outcome::Withdrawn),
            Content::Payload(_) => {
                let token = SessionToken::random();
                let until = UnixMillis(UnixMillis::now().0 + CONFIRMABLE);
                let asked = Asked { hash: hash(token.as_str()), until };
                let asked = serde_json::to_string(&asked).expect("it has only texts and numbers");
                self.store.change_way(setting.number, WayChange::Details(asked)).await?;
                let link = format!("{}/confirm/{}/{}", self.site, setting.number, token.as_str());
                confirmation(&self.from, setting, &letter.id, &link)
            }
            Content::Mention(notice) => {
                let link =
                    format!("{}/unsubscribe/{}/{}", self.site, setting.number, seal(&self.store, setting).await?);
                mention(&self.from, setting, &letter.id, &self.site, notice, &link)
            }
        };
        let mail = match mail {
            Ok(mail) => mail,
            Err(error) => return Ok(Outcome::Refused(error.to_string())),
        };
        Ok(match self.transport.send(mail).await {
            Ok(_) => Outcome::Delivered,
            Err(error) => {
                let status = error.status();
                let why = status.map_or_else(
                    || "the mail server cannot be reached".into(),
                    |code| format!("the mail server answered {code}"),
                );
                // What begins with 5 is for ever (RFC 5321, 4.2.1).
                if error.is_permanent() { Outcome::Refused(why) } else { Outcome::Failed { why, retry_after: None } }
            }
        })
    }
}

impl Courier for Mails {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async move {
            let sent = self.send(letter).await;
            sent.unwrap_or_else(|error| Outcome::Failed { why: error.to_string(), retry_after: None })
        })
    }
}

fn mail(
    from: &Mailbox,
    setting: &WaySetting,
    id: &str,
    subject: &str,
) -> Result<lettre::message::MessageBuilder, NoAddress> {
    let to: Address = setting.address.parse().map_err(|_| NoAddress)?;
    let host = from.email.domain();
    let builder = Message::builder().from(from.clone()).to(Mailbox::new(None, to));
    // The same for each try: whoever has it twice can see that.
    Ok(builder.message_id(Some(format!("<{id}@{host}>"))).subject(line(subject)).header(ContentType::TEXT_PLAIN))
}

fn confirmation(
    from: &Mailbox,
    setting: &WaySetting,
    id: &str,
    link: &str,
) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
    let text = format!(
        "Somebody, you we hope, wants to be told at this address of what mentions them in the chat.\n\n\
         If it was you, confirm it within a day:\n{link}\n\nIf it was not, there is nothing to do: no other mail follows.\n"
    );
    Ok(mail(from, setting, id, "Is this your address?")?.body(text)?)
}

fn mention(
    from: &Mailbox,
    setting: &WaySetting,
    id: &str,
    site: &str,
    notice: &Notice,
    unsubscribe: &str,
) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
    let (name, room) = (notice.author.name.as_str(), notice.room);
    let text = format!(
        "{name} {}:\n\n{}\n\nAnswer here: {site}/rooms/{room}\n\n-- \nNo more mails: {unsubscribe}\n",
        notice.place(),
        notice.body.as_str()
    );
    let mail = mail(from, setting, id, &format!("{name} mentions you"))?;
    Ok(mail.header(ListUnsubscribe(unsubscribe.to_owned())).header(ListUnsubscribePost).body(text)?)
}

/// What stands in a head is one line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keyed(key: &str, setting: &WaySetting) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length will do");
    mac.update(format!("{}.{}", setting.number, setting.address).as_bytes());
    mac
}

async fn key(store: &Store) -> Result<String, StoreError> {
    let fresh: String = [(); 2].map(|()| SessionToken::random().as_str().to_owned()).concat();
    store.secret(SECRET, &fresh).await
}

/// What proves that somebody has a mail that was sent to this address.
async fn seal(store: &Store, setting: &WaySetting) -> Result<String, StoreError> {
    Ok(hex(&keyed(&key(store).await?, setting).finalize().into_bytes()))
}

impl Notifications {
    /// Somebody wants to be told by mails to this address. It is asked first whether it is theirs.
    ///
    /// # Errors
    ///
    /// [`AddError`], in which case nothing is sent there.
    pub(crate) async fn add_email(&self, person: PersonId, address: &str) -> Result<(), AddError> {
        if !self.couriers.has(Way::Email) {
            return Err(AddError::NotHere);
        }
        let parsed: Address = address.parse().map_err(|_| NoAddress)?;
        let address = String::from(AsRef::<str>::as_ref(&parsed));
        let known = self.store.ways(person).await?.into_iter().any(|way| way.confirmed && way.address == address);
        if known {
            return Ok(());
        }
        let new = NewWay { person, way: Way::Email, address, details: String::new(), confirmed: false, most: MOST };
        let number = self.store.add_way(new).await?.ok_or(AddError::TooMany)?;
        let confirmation = NewDelivery {
            id: format!("confirm-{}", SessionToken::random().as_str()),
            priority: Priority::Urgent,
            way: Way::Email,
            target: Some(number),
            address: String::new(),
            payload: "confirm".into(),
        };
        Ok(self.enqueue(vec![confirmation]).await?)
    }

    /// Somebody has a mail that asks whether an address is theirs: it is. Once, and within a day; whether it was.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn confirm_email(&self, number: i64, token: &str) -> Result<bool, StoreError> {
        let Some(setting) = self.store.way(number).await? else { return Ok(false) };
        let Ok(asked) = serde_json::from_str::<Asked>(&setting.details) else { return Ok(false) };
        // Of the token only the hash is compared, so how long that takes tells nothing of it.
        if setting.way != Way::Email || asked.until < UnixMillis::now() || asked.hash != hash(token) {
            return Ok(false);
        }
        self.store.change_way(number, WayChange::Confirmed(setting.details)).await
    }

    /// Somebody has a mail that was sent to an address, and wants no more of them; whether the link is that of a mail.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not work now.
    pub(crate) async fn unsubscribe(&self, number: i64, seal: &str) -> Result<bool, StoreError> {
        let Some(setting) = self.store.way(number).await? else { return Ok(false) };
        let bytes: Option<Vec<u8>> = (seal.is_ascii() && seal.len() == 64)
            .then(|| (0..32).filter_map(|at| u8::from_str_radix(&seal[2 * at..2 * at + 2], 16).ok()).collect());
        let mac = keyed(&key(&self.store).await?, &setting);
        if setting.way != Way::Email || bytes.is_none_or(|bytes| mac.verify_slice(&bytes).is_err()) {
            return Ok(false);
        }
        self.store.change_way(number, WayChange::Enabled(false)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Body, DisplayName, Person, Seq};

    #[test]
    fn nothing_that_somebody_wrote_becomes_a_header() {
        let setting = WaySetting {
            number: 1,
            person: PersonId(1),
            way: Way::Email,
            address: "ada@example.org".into(),
            details: String::new(),
            confirmed: true,
            enabled: true,
        };
        let from: Mailbox = "Chat <chat@example.org>".parse().unwrap();
        let author = Person { id: PersonId(2), name: DisplayName::parse("Bob\r\nBcc: eve@example.org").unwrap() };
        let notice = Notice {
            room: "22222222".parse().unwrap(),
            channel: None,
            direct: false,
            seq: Seq(1),
            author,
            at: UnixMillis(0),
            body: Body::parse("hi\r\nBcc: eve@example.org\r\n\r\n.\r\nMAIL FROM:<eve@example.org>").unwrap(),
            unseen: true,
        };
        let mail = mention(
            &from,
            &setting,
            "id\r\nBcc: eve@example.org",
            "https://chat.example",
            &notice,
            "https://chat.example/u",
        );
        let text = String::from_utf8(mail.unwrap().formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
        let subject = super::mail(&from, &setting, "id", "a\r\nBcc: eve@example.org\u{85}b")
            .unwrap()
            .body(String::new())
            .unwrap();
        let text = String::from_utf8(subject.formatted()).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
        for wrong in [
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org, eve@example.org",
            "Ada <ada@example.org>",
            "ada",
            "",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
