//! Mail through a relay: one message per recipient over our own long-lived, pipelined connections.

mod bounce;
mod dial;
mod dkim;
mod message;
mod pool;
mod session;
mod wire;

use crate::registry::{Surroundings, between};
use crate::secret;
use dkim::Signer;
use lettre::message::Mailbox;
use message::{Envelope, Headers};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::Verdict;
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, Receipts};
use oyez_domain::remark::Remark;
use oyez_domain::rendered::Rendered;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use pool::Pool;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of `[channels.NAME.via.smtp]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The relay's host name or address.
    pub host: String,
    /// Its port; left out, 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is secured.
    #[serde(default)]
    pub tls: Tls,
    /// Certificates (PEM) to trust beside the public ones, for a relay of one's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// User name, where the relay asks for one.
    #[serde(default)]
    pub username: Option<String>,
    /// Password.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// A file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Who writes, e.g. `Westminster City Council <updates@status.example.gov.uk>`.
    pub from: String,
    /// Where answers go; left out, to `from`.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Domain that bounces return to, as `b+REFERENCE@DOMAIN`; left out, that of `from`.
    #[serde(default)]
    pub bounce_domain: Option<String>,
    /// How mails that come back are taken in; without it there are no receipts.
    #[serde(default)]
    pub bounces: Option<bounce::Settings>,
    /// Keys that sign each mail, usually one RSA key and, if wanted, an Ed25519 key; none where the relay signs.
    #[serde(default)]
    pub dkim: Vec<dkim::Settings>,
    /// The name given in EHLO; left out, the domain of `from`.
    #[serde(default)]
    pub hello: Option<String>,
    /// Connections at most.
    #[serde(default = "default_connections")]
    pub connections: u32,
    /// Messages sent over one connection before it is renewed.
    #[serde(default = "default_messages")]
    pub messages_per_connection: u32,
    /// Whether to send commands in groups where the relay offers it (RFC 2920).
    #[serde(default = "default_pipelining")]
    pub pipelining: bool,
    /// Seconds to wait for a connection.
    #[serde(default = "default_connect_seconds")]
    pub connect_seconds: u64,
    /// Seconds to wait for the reply to a command.
    #[serde(default = "default_reply_seconds")]
    pub reply_seconds: u64,
    /// Seconds to wait for the reply after a message. RFC 5321 §4.5.3.2.6 asks for ten minutes: giving up
    /// earlier is how people get mails twice.
    #[serde(default = "default_dot_seconds")]
    pub dot_seconds: u64,
    /// Seconds after which an unused connection is not used again.
    #[serde(default = "default_idle_seconds")]
    pub idle_seconds: u64,
}

/// How the connection to the relay is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Not at all: for a relay on this machine only.
    None,
    /// By STARTTLS, and not without it.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
}

fn default_connections() -> u32 {
    10
}
fn default_messages() -> u32 {
    100
}
fn default_pipelining() -> bool {
    true
}
fn default_connect_seconds() -> u64 {
    10
}
fn default_reply_seconds() -> u64 {
    60
}
fn default_dot_seconds() -> u64 {
    600
}
fn default_idle_seconds() -> u64 {
    20
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = Vec::new();
        faults.extend(between("connections", u64::from(self.connections), 1..=256));
        let messages = u64::from(self.messages_per_connection);
        faults.extend(between("messages_per_connection", messages, 1..=1_000_000));
        faults.extend(between("connect_seconds", self.connect_seconds, 1..=300));
        faults.extend(between("reply_seconds", self.reply_seconds, 1..=600));
        faults.extend(between("dot_seconds", self.dot_seconds, 1..=1800));
        faults.extend(between("idle_seconds", self.idle_seconds, 1..=600));
        if !is_name(&self.host.replace(['[', ']', ':'], "")) {
            faults.push(Refusal::new("host", "malformed_host", "it is no host name"));
        }
        if self.tls == Tls::None && !self.is_loopback() {
            let why =
                "tls = \"none\" is for a relay on this machine only; use starttls or implicit";
            faults.push(Refusal::new("tls", "clear_text", why));
        }
        for (field, name) in [
            ("hello", &self.hello),
            ("bounce_domain", &self.bounce_domain),
        ] {
            if name.as_ref().is_some_and(|name| !is_name(name)) {
                faults.push(Refusal::new(field, "malformed_host", "it is no host name"));
            }
        }
        faults.extend(mailbox("from", &self.from).err());
        let reply_to = self.reply_to.as_ref();
        faults.extend(reply_to.and_then(|text| mailbox("reply_to", text).err()));
        match (self.credentials(), &self.username) {
            (Err(fault), _) => faults.push(fault),
            (Ok(None), Some(_)) => faults.push(Refusal::new(
                "password",
                "missing",
                "a username is set, so set password or password_file too",
            )),
            (Ok(_), _) => {}
        }
        faults.extend(self.bounces.iter().flat_map(bounce::Settings::check));
        faults.extend(dial::tls(self).err());
        faults.extend(self.dkim.iter().filter_map(|key| Signer::read(key).err()));
        faults
    }

    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        bare.eq_ignore_ascii_case("localhost")
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::None => 25,
            Tls::Starttls => 587,
            Tls::Implicit => 465,
        })
    }

    /// User name and password, where both are set.
    fn credentials(&self) -> Result<Option<(String, Secret)>, Refusal> {
        let password = secret::optional(
            "password",
            self.password.as_ref(),
            self.password_file.as_ref(),
        )?;
        Ok(self.username.clone().zip(password))
    }

    fn headers(&self) -> Result<Headers, Refusal> {
        let from = mailbox("from", &self.from)?;
        let domain = from.email.domain().to_owned();
        let reply_to = self.reply_to.as_ref();
        Ok(Headers {
            reply_to: reply_to.map(|text| mailbox("reply_to", text)).transpose()?,
            from,
            domain,
        })
    }
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, Refusal> {
    let mailbox = text.parse::<Mailbox>().ok();
    mailbox
        .filter(|mailbox| {
            mailbox.email.to_string().is_ascii() && !text.chars().any(char::is_control)
        })
        .ok_or_else(|| {
            let why = "it is no sender such as: Westminster City Council <updates@example.gov.uk>";
            Refusal::new(field, "malformed_email", why)
        })
}

/// Host names and what test servers use; nothing that could end a command line.
fn is_name(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=255).contains(&text.len()) && text.bytes().all(sign)
}

/// What a channel of this kind can do. Where mails that come back are taken in, it has receipts too.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "smtp",
    family: Family::Email,
    carries: AddressKind::Email,
    unit: LengthUnit::Byte,
    limit: Some(message::LARGEST),
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Retry,
    needs: &["host", "from"],
};

/// The adapter.
pub(crate) struct Smtp {
    name: ChannelName,
    capabilities: Capabilities,
    bounce_token: Option<Secret>,
    headers: Headers,
    bounce_domain: String,
    signers: Vec<Signer>,
    pool: Pool,
    clock: Arc<dyn Clock>,
}

impl Smtp {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let headers = settings.headers().map_err(one)?;
        let domain = headers.domain.clone();
        let route = dial::Route {
            host: settings.host.trim_matches(['[', ']']).to_owned(),
            port: settings.port(),
            names: around.network.names(),
            hello: settings.hello.clone().unwrap_or_else(|| domain.clone()),
            tls: dial::tls(settings).map_err(one)?,
            credentials: settings.credentials().map_err(one)?,
            pipelining: settings.pipelining,
            waits: wire::Waits {
                connect: Duration::from_secs(settings.connect_seconds),
                reply: Duration::from_secs(settings.reply_seconds),
                dot: Duration::from_secs(settings.dot_seconds),
            },
        };
        let limits = pool::Limits {
            connections: settings.connections,
            messages_per_connection: settings.messages_per_connection,
            idle: Duration::from_secs(settings.idle_seconds),
        };
        let bounces = settings.bounces.as_ref();
        Ok(Self {
            name: name.clone(),
            capabilities: Capabilities {
                receipts: bounces.is_some(),
                ..CAPABILITIES
            },
            bounce_token: bounces
                .map(bounce::Settings::token)
                .transpose()
                .map_err(one)?,
            headers,
            bounce_domain: settings.bounce_domain.clone().unwrap_or(domain),
            signers: settings
                .dkim
                .iter()
                .map(Signer::read)
                .collect::<Result<_, _>>()
                .map_err(one)?,
            clock: Arc::clone(&around.clock),
            pool: Pool::new(route, limits, Arc::clone(&around.clock)),
        })
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let letter = Envelope {
            reference: parcel.reference.as_str(),
            sender: format!(
                "{}{}@{}",
                bounce::PREFIX,
                parcel.reference,
                self.bounce_domain
            ),
            recipient: parcel.address.reveal(),
            message: message::signed(message::splice(parcel), &self.signers, self.clock.wall()),
        };
        self.pool.send(&letter).await
    }
}

impl Channel for Smtp {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        message::render(notice, &self.name, &self.headers)
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn receipts(&self) -> Receipts {
        if self.capabilities.receipts {
            Receipts::OfFailures
        } else {
            Receipts::None
        }
    }

    fn largest_callback(&self) -> usize {
        bounce::LARGEST
    }

    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        let token = self.bounce_token.as_ref();
        bounce::receive(token.ok_or(CallbackRefusal::NotTaken)?, callback)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.pool.check())
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Remark>> {
        Box::pin(self.pool.examine())
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}
