//! Who takes a notification out of the chat, one for each way.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::logic::Outcome;
#[cfg(any(feature = "push", feature = "webhooks"))]
use super::target::{Reach, System};
use super::{Way, WaySetting};
use crate::config::Outlets;
use crate::store::{Notice, Store};

/// One way out. It is asked within a bounded time, and its future can be dropped at any moment.
pub(super) trait Courier: fmt::Debug + Send + Sync {
    /// Tries once.
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
}

/// What goes out.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// What the receiver can know it by when it comes twice.
    pub(super) id: String,
    /// By which way.
    pub(super) way: Way,
    /// Where the operator wants it; empty if `setting` says so.
    pub(super) address: String,
    /// Where whoever it is for wants it.
    pub(super) setting: Option<WaySetting>,
    /// What it says.
    pub(super) content: Content,
}

/// What a letter says.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// This message mentions whoever it is for.
    Mention(Notice),
    /// What was given when it was stored.
    Payload(String),
}

/// All ways that this program has been set up for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Couriers {
    all: BTreeMap<Way, Arc<dyn Courier>>,
    #[cfg(feature = "webhooks")]
    pub(super) webhooks: Option<Arc<super::webhook::Webhooks>>,
    #[cfg(feature = "push")]
    pub(super) pushes: Option<Arc<super::push::Pushes>>,
}

impl Couriers {
    /// All that are part of the build and of the settings; what they say leads to `site`.
    ///
    /// # Errors
    ///
    /// [`MailError`](super::MailError) when mails are asked for that cannot be sent.
    #[cfg(feature = "email")]
    pub(crate) fn new(outlets: &Outlets, store: &Store, site: &str) -> Result<Self, super::MailError> {
        let all = Self::without_mail(outlets, store, site);
        Ok(match super::email::Mails::new(outlets, store.clone(), site)? {
            Some(mails) => all.with(Way::Email, Arc::new(mails)),
            None => all,
        })
    }

    /// All that are part of the build and of the settings, but for mails; what they say leads to `site`.
    #[allow(unused_variables, reason = "what they use depends on the build")]
    pub(crate) fn without_mail(outlets: &Outlets, store: &Store, site: &str) -> Self {
        let all = Self::default();
        #[cfg(feature = "webhooks")]
        let all = {
            let secret = outlets.hook_secret.clone();
            let webhooks = super::webhook::Webhooks::new(reach(outlets), Arc::new(System), secret, site.to_owned());
            let webhooks = Arc::new(webhooks);
            let all = all.with(Way::Webhook, webhooks.clone()).with(Way::Hook, webhooks.clone());
            Self { webhooks: Some(webhooks), ..all }
        };
        #[cfg(feature = "push")]
        let all = {
            let pushes = super::push::Pushes::new(reach(outlets), Arc::new(System), store.clone(), site.to_owned());
            let pushes = Arc::new(pushes);
            let all = all.with(Way::Push, pushes.clone());
            Self { pushes: Some(pushes), ..all }
        };
        all
    }

    #[cfg(any(test, feature = "email", feature = "push", feature = "webhooks"))]
    pub(super) fn with(mut self, way: Way, courier: Arc<dyn Courier>) -> Self {
        self.all.insert(way, courier);
        self
    }

    /// Whether there is one for this way.
    pub(crate) fn has(&self, way: Way) -> bool {
        self.all.contains_key(&way)
    }

    pub(super) async fn deliver(&self, letter: &Letter) -> Outcome {
        match self.all.get(&letter.way) {
            Some(courier) => courier.deliver(letter).await,
            None => Outcome::Refused(format!("this program is not set up for {}", letter.way)),
        }
    }
}

#[cfg(any(feature = "push", feature = "webhooks"))]
fn reach(outlets: &Outlets) -> Reach {
    Reach { plain: outlets.webhook_http, private: outlets.webhook_private }
}
