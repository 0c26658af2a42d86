//! Kannel: texts through a gateway's `sendsms` page, whose delivery reports come back with our signed reference.

use crate::classify::http::{Answer, Manner};
use crate::http::{Outlet, Reply};
use crate::registry::{Surroundings, between};
use crate::{secret, sms_text};
use aws_lc_rs::constant_time;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::inbound::{Inbound, Wish};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use oyez_domain::rendered::{Personal, Rendered};
use oyez_domain::text::fold::Charset;
use oyez_domain::text::sms::Encoding;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize, parse};

const ADDRESS: &str = "zq7addressq7z";
const REFERENCE: &str = "zq7referenceq7z";
/// Delivered, not delivered, queued at the network, taken by the network, refused by the network.
const EVERY_REPORT: &str = "31";

/// Settings of `[channels.NAME.via.kannel]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The page that takes texts, e.g. `http://127.0.0.1:13013/cgi-bin/sendsms`.
    pub url: Url,
    /// The `username` of a `sendsms-user`.
    pub username: String,
    /// Its password. It travels in the address of each request, as Kannel asks for.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// A file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The sender, a number or a name of up to 11 letters; the user's default when left out.
    #[serde(default)]
    pub from: Option<String>,
    /// The connection to the network (`smsc`) to use; Kannel's own choice when left out.
    #[serde(default)]
    pub smsc: Option<String>,
    /// Where delivery reports go: `http://…/callbacks/NAME` as Kannel's machine sees this one.
    #[serde(default)]
    pub callback_url: Option<Url>,
    /// What proves a text that came in: the parameter `token` of the service's `get-url`. None are taken without.
    #[serde(default)]
    pub inbound_token: Option<SecretString>,
    /// A file that holds the token.
    #[serde(default)]
    pub inbound_token_file: Option<PathBuf>,
    /// Minutes after which a text that is still queued is dropped rather than delivered late.
    #[serde(default = "four_hours")]
    pub validity_minutes: u64,
    /// Parts of a text at most.
    #[serde(default = "six")]
    pub max_parts: u32,
    /// The signs that go out as they are; others are folded once a person accepts it, or refused.
    #[serde(default)]
    pub charset: Charset,
    /// Seconds the gateway has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn four_hours() -> u64 {
    240
}

fn six() -> u32 {
    6
}

fn default_timeout() -> u64 {
    60
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = between("timeout_seconds", self.timeout_seconds, 1..=120);
        faults.extend(between(
            "validity_minutes",
            self.validity_minutes,
            1..=10_080,
        ));
        faults.extend(between("max_parts", u64::from(self.max_parts), 1..=10));
        faults.extend(self.secret().err());
        faults.extend(self.inbound().err());
        faults
    }

    fn inbound(&self) -> Result<Option<Secret>, Refusal> {
        secret::optional(
            "inbound_token",
            self.inbound_token.as_ref(),
            self.inbound_token_file.as_ref(),
        )
    }

    fn secret(&self) -> Result<Secret, Refusal> {
        secret::required(
            "password",
            self.password.as_ref(),
            self.password_file.as_ref(),
        )
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "kannel",
    family: Family::Sms,
    carries: AddressKind::Mobile,
    unit: LengthUnit::Part,
    limit: Some(6),
    receipts: true,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Receipt,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &["url", "username", "password"],
};

const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::Receipt,
    scope: Scope::Channel,
};

/// The adapter.
pub(crate) struct Kannel {
    name: ChannelName,
    capabilities: Capabilities,
    settings: Settings,
    password: Secret,
    inbound_token: Option<Secret>,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Kannel {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let receipts = settings.callback_url.is_some();
        Ok(Self {
            name: name.clone(),
            capabilities: Capabilities {
                limit: Some(settings.max_parts),
                receipts,
                idempotency: if receipts {
                    IdempotencyClass::Receipt
                } else {
                    IdempotencyClass::Nothing
                },
                ..CAPABILITIES
            },
            password: settings.secret().map_err(one)?,
            inbound_token: settings.inbound().map_err(one)?,
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
            settings: settings.clone(),
        })
    }

    /// The parameters that are the same for everybody. The password is added when sending.
    fn query(&self, text: &str) -> String {
        let settings = &self.settings;
        let coding = match Encoding::of(text) {
            Encoding::Gsm7 => "0",
            Encoding::Ucs2 => "2",
        };
        let mut query = Serializer::new(String::new());
        query.append_pair("to", ADDRESS).append_pair("text", text);
        query
            .append_pair("charset", "UTF-8")
            .append_pair("coding", coding);
        query.append_pair("validity", &settings.validity_minutes.to_string());
        for (name, value) in [("from", &settings.from), ("smsc", &settings.smsc)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        if let Some(url) = &settings.callback_url {
            let mark = if url.query().is_some() { '&' } else { '?' };
            // Kannel puts status, the network's words and its own name in the place of %d, %A and %F.
            let url = format!("{url}{mark}ref={REFERENCE}&status=%d&answer=%A&smsc=%F");
            query
                .append_pair("dlr-mask", EVERY_REPORT)
                .append_pair("dlr-url", &url);
        }
        query.finish()
    }

    fn address(&self, parcel: &Parcel) -> Url {
        let query = parcel.rendered.splice(|part| match part {
            Personal::Address => byte_serialize(parcel.address.reveal().as_bytes())
                .collect::<String>()
                .into(),
            Personal::Reference => parcel.reference.as_str().into(),
            Personal::StopToken | Personal::Time => "".into(),
        });
        let query = String::from_utf8_lossy(&query);
        let mut url = self.settings.url.clone();
        url.set_query(Some(&query));
        url.query_pairs_mut()
            .append_pair("username", &self.settings.username)
            .append_pair("password", self.password.reveal());
        url
    }

    async fn get(&self, parcel: &Parcel) -> Verdict {
        let reply = match self.outlet.request(Method::GET, self.address(parcel)) {
            Ok(request) => self.outlet.reply(request).await,
            Err(silence) => Err(silence),
        };
        match reply {
            Ok(reply) => read(&reply, &*self.clock),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }
}

/// Success is `0: Accepted for delivery` or `3: Queued for later delivery`; Kannel gives no identifier.
fn read(reply: &Reply, clock: &dyn Clock) -> Verdict {
    let text = String::from_utf8_lossy(&reply.body);
    let said = text.trim_start();
    // No page of anything else in between is plain text that begins with a letter or digit.
    let own = said.starts_with(|c: char| c.is_ascii_alphanumeric());
    let outcome = match reply.status {
        403 if said.starts_with("Not routable") => Outcome::Rejected {
            reason: Reason::Blocked,
            suppress: false,
        },
        403 if own => Outcome::ChannelRefused {
            reason: Reason::AuthFailed,
            scope: Scope::Channel,
        },
        status => {
            let answer = Answer {
                status,
                own_body: match status {
                    200..=299 => said.starts_with("0:") || said.starts_with("3:"),
                    _ => own,
                },
                wait: reply.wait(clock.wall()),
                reference: None,
            };
            MANNER.outcome(answer, clock.wall())
        }
    };
    Verdict::new(outcome, reply.status.to_string())
}

impl Channel for Kannel {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let fitted = sms_text::fitted(
            &self.name,
            notice,
            self.settings.charset,
            &self.capabilities,
        )?;
        let marks = [
            (ADDRESS, Personal::Address),
            (REFERENCE, Personal::Reference),
        ];
        Ok(Rendered {
            pieces: Rendered::cut(&self.query(&fitted.preview), &marks),
            ..fitted
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.get(parcel))
    }

    /// A service's `get-url` of the form `…/callbacks/NAME?token=TOKEN&from=%p&text=%a&id=%I`.
    fn read_inbound(&self, callback: &Callback<'_>) -> Result<Option<Inbound>, CallbackRefusal> {
        let query = callback.url.split_once('?').map_or("", |(_, query)| query);
        let value = |name: &str| {
            parse(query.as_bytes()).find_map(|(known, value)| (known == name).then_some(value))
        };
        let Some(from) = value("from") else {
            return Ok(None);
        };
        let expected = self.inbound_token.as_ref();
        let expected = expected.ok_or(CallbackRefusal::NotTaken)?;
        let given = value("token").unwrap_or_default();
        let same =
            constant_time::verify_slices_are_equal(given.as_bytes(), expected.reveal().as_bytes());
        same.map_err(|_| CallbackRefusal::Unauthenticated)?;
        let (Some(text), Some(id)) = (value("text"), value("id")) else {
            return Err(CallbackRefusal::Malformed);
        };
        Ok(Some(Inbound {
            from: from.into_owned(),
            id: id.into_owned(),
            wish: Wish::of(&text),
        }))
    }

    /// Kannel proves nothing but that it knows our reference, which nobody can make up: it carries our signature.
    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        if self.settings.callback_url.is_none() {
            return Err(CallbackRefusal::NotTaken);
        }
        let query = callback.url.split_once('?').map_or("", |(_, query)| query);
        let value = |name: &str| {
            parse(query.as_bytes()).find_map(|(known, value)| (known == name).then_some(value))
        };
        let (Some(reference), Some(status)) = (value("ref"), value("status")) else {
            return Err(CallbackRefusal::Malformed);
        };
        let (status, reason) = match status.as_ref() {
            "1" => (ReceiptStatus::Delivered, None),
            "2" => (
                ReceiptStatus::UndeliveredForNow,
                Some(Reason::Undeliverable),
            ),
            "4" | "8" => (ReceiptStatus::Underway, None),
            "16" => (ReceiptStatus::Undelivered, Some(Reason::Blocked)),
            _ => return Err(CallbackRefusal::Malformed),
        };
        Ok(vec![Receipt {
            key: ReceiptKey::Reference(reference.into_owned()),
            status,
            reason,
            provider_time: None,
        }])
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            // Without a recipient Kannel refuses before anything is sent, but after it has looked at the password.
            let mut url = self.settings.url.clone();
            url.query_pairs_mut()
                .append_pair("username", &self.settings.username)
                .append_pair("password", self.password.reveal());
            let reply = match self.outlet.request(Method::GET, url) {
                Ok(request) => self.outlet.reply(request).await,
                Err(silence) => Err(silence),
            };
            match reply {
                Ok(reply) if reply.status == 403 => {
                    Err("Kannel refuses the user name or the password".to_owned())
                }
                Ok(reply) if (400..500).contains(&reply.status) || reply.status == 202 => {
                    Ok("Kannel answers and knows the user.".to_owned())
                }
                Ok(reply) => Err(format!("Kannel answered {}; check `url`", reply.status)),
                Err(silence) => Err(silence.verdict(Scope::Channel).reply),
            }
        })
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}
