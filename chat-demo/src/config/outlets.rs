//! How notifications leave the chat.

use clap::Args;

/// How notifications leave the chat. What is not part of the build has no settings.
#[derive(Args, Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outlets {
    /// URL that is told of workspaces and channels that start and stop, by signed webhooks; may be given several times
    #[cfg(feature = "webhooks")]
    #[arg(long = "hook-url", env = "CHAT_HOOK_URL", value_name = "URL", value_delimiter = ',', requires = "hook_secret", value_parser = hook_url)]
    pub hook_urls: Vec<String>,

    /// Secret that these are signed with, as Standard Webhooks has it: whsec_ and 24 bytes or more in base 64. Better given
    /// in the environment, where other users of the machine cannot read it
    #[cfg(feature = "webhooks")]
    #[arg(long, env = "CHAT_HOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub hook_secret: Option<super::HookSecret>,

    /// Lets people have webhooks sent to addresses that are not encrypted
    #[cfg(any(feature = "push", feature = "webhooks"))]
    #[arg(long, env = "CHAT_WEBHOOK_HTTP")]
    pub webhook_http: bool,

    /// Lets people have webhooks and push messages sent into private networks and to this machine: for home use and
    /// tests, where everybody who can talk here may reach what is there
    #[cfg(any(feature = "push", feature = "webhooks"))]
    #[arg(long, env = "CHAT_WEBHOOK_PRIVATE")]
    pub webhook_private: bool,

    /// Mail server that takes the mails of the chat: smtps://HOST, smtp://HOST:587?tls=required, or, for one on this
    /// machine, smtp://localhost
    #[cfg(feature = "email")]
    #[arg(long, env = "CHAT_SMTP_URL", value_name = "URL", value_parser = smtp_url, requires = "mail_from")]
    pub smtp_url: Option<String>,

    /// Name by which the mail server knows this program
    #[cfg(feature = "email")]
    #[arg(long, env = "CHAT_SMTP_USER", value_name = "NAME", requires = "smtp_password")]
    pub smtp_user: Option<String>,

    /// Password for that name. Better given in the environment, where other users of the machine cannot read it
    #[cfg(feature = "email")]
    #[arg(long, env = "CHAT_SMTP_PASSWORD", value_name = "SECRET", hide_env_values = true)]
    pub smtp_password: Option<super::SmtpPassword>,

    /// From whom the mails are, as in Chat <chat@example.org>
    #[cfg(feature = "email")]
    #[arg(long, env = "CHAT_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<lettre::message::Mailbox>,
}

impl Outlets {
    /// A setting that is of no use without another one, which is not set.
    pub(super) fn alone(&self) -> Option<(&'static str, &'static str)> {
        let pairs: &[(&'static str, bool, &'static str, bool)] = &[
            #[cfg(feature = "webhooks")]
            ("hook_urls", !self.hook_urls.is_empty(), "hook_secret", self.hook_secret.is_some()),
            #[cfg(feature = "email")]
            ("smtp_url", self.smtp_url.is_some(), "mail_from", self.mail_from.is_some()),
            #[cfg(feature = "email")]
            ("smtp_user", self.smtp_user.is_some(), "smtp_password", self.smtp_password.is_some()),
        ];
        pairs.iter().find(|(_, set, _, other)| *set && !other).map(|(setting, _, needed, _)| (*setting, *needed))
    }
}

/// A URL of a mail server, without a password, which would be printed with the settings.
#[cfg(feature = "email")]
fn smtp_url(text: &str) -> Result<String, &'static str> {
    match text.split_once("://") {
        Some(("smtp" | "smtps", rest)) if !rest.is_empty() && !rest.contains('@') => Ok(text.to_owned()),
        _ => Err("give a URL such as smtps://mail.example.org, without a name and password in it"),
    }
}

#[cfg(feature = "webhooks")]
fn hook_url(text: &str) -> Result<String, &'static str> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url.into()),
        _ => Err("give a URL such as https://example.org/hook"),
    }
}
