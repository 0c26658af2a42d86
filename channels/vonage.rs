//! Vonage: texts through the SMS API, which answers 200 to everything and says inside whether it took them.

mod signature;

use crate::classify::http::{Answer, Manner, identifier};
use crate::examine;
use crate::http::{Outlet, Reply, Silence};
use crate::registry::{Surroundings, between};
use crate::{secret, sms_text};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::inbound::{Inbound, Wish};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use oyez_domain::remark::Remark;
use oyez_domain::rendered::{Personal, Rendered};
use oyez_domain::text::fold::Charset;
use oyez_domain::text::sms::Encoding;
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use signature::Algorithm;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

const ADDRESS: &str = "zq7addressq7z";
const REFERENCE: &str = "zq7referenceq7z";

/// Settings of `[channels.NAME.via.vonage]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account's key.
    pub api_key: String,
    /// The account's secret.
    #[serde(default)]
    pub api_secret: Option<SecretString>,
    /// A file that holds the secret.
    #[serde(default)]
    pub api_secret_file: Option<PathBuf>,
    /// The sender: a number without plus sign, or a name of up to 11 letters and digits.
    pub from: String,
    /// The secret that delivery reports are signed with; without it there are no receipts.
    #[serde(default)]
    pub signature_secret: Option<SecretString>,
    /// A file that holds the signature secret.
    #[serde(default)]
    pub signature_secret_file: Option<PathBuf>,
    /// How reports are signed, as chosen on Vonage's page.
    #[serde(default)]
    pub signature_method: Algorithm,
    /// Where delivery reports go, up to 100 characters; the account's own address when left out.
    #[serde(default)]
    pub callback_url: Option<Url>,
    /// Seconds after which a text that is still queued is dropped rather than delivered late.
    #[serde(default = "four_hours")]
    pub validity_seconds: u64,
    /// Parts of a text at most.
    #[serde(default = "six")]
    pub max_parts: u32,
    /// The signs that go out as they are; others are folded once a person accepts it, or refused.
    #[serde(default)]
    pub charset: Charset,
    /// Base URL of the API.
    #[serde(default = "service")]
    pub server: Url,
    /// Seconds the API has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn four_hours() -> u64 {
    14_400
}

fn six() -> u32 {
    6
}

#[expect(clippy::expect_used, reason = "a literal that a test parses")]
fn service() -> Url {
    Url::parse("https://rest.nexmo.com").expect("a URL")
}

fn default_timeout() -> u64 {
    60
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = between("timeout_seconds", self.timeout_seconds, 1..=120);
        faults.extend(between(
            "validity_seconds",
            self.validity_seconds,
            20..=604_800,
        ));
        faults.extend(between("max_parts", u64::from(self.max_parts), 1..=10));
        faults.extend(self.secret().err());
        faults.extend(self.signing_secret().err());
        let number = self.from.bytes().all(|byte| byte.is_ascii_digit());
        let name = self.from.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.from.is_empty() || !name || self.from.len() > if number { 15 } else { 11 } {
            let why = "give a number without plus sign, or a name of up to 11 letters and digits";
            faults.push(Refusal::new("from", "malformed_sender", why));
        }
        if self
            .callback_url
            .as_ref()
            .is_some_and(|url| url.as_str().len() > 100)
        {
            let why = "Vonage takes at most 100 characters";
            faults.push(Refusal::new("callback_url", "too_long", why));
        }
        faults
    }

    fn secret(&self) -> Result<Secret, Refusal> {
        secret::required(
            "api_secret",
            self.api_secret.as_ref(),
            self.api_secret_file.as_ref(),
        )
    }

    fn signing_secret(&self) -> Result<Option<Secret>, Refusal> {
        let (inline, file) = (
            self.signature_secret.as_ref(),
            self.signature_secret_file.as_ref(),
        );
        secret::optional("signature_secret", inline, file)
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "vonage",
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
    needs: &["api_key", "api_secret", "from"],
};

const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::Receipt,
    scope: Scope::Channel,
};
/// Vonage says no `Retry-After`.
const SHORT: Duration = Duration::from_secs(2);

/// The adapter.
pub(crate) struct Vonage {
    name: ChannelName,
    capabilities: Capabilities,
    settings: Settings,
    secret: Secret,
    signing_secret: Option<Secret>,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Vonage {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let signing_secret = settings.signing_secret().map_err(one)?;
        Ok(Self {
            name: name.clone(),
            capabilities: Capabilities {
                limit: Some(settings.max_parts),
                receipts: signing_secret.is_some(),
                idempotency: if signing_secret.is_some() {
                    IdempotencyClass::Receipt
                } else {
                    IdempotencyClass::Nothing
                },
                ..CAPABILITIES
            },
            secret: settings.secret().map_err(one)?,
            signing_secret,
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
            settings: settings.clone(),
        })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.settings.server.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }

    /// The form, without the secret, which is added when sending.
    fn form(&self, text: &str) -> String {
        let settings = &self.settings;
        let kind = match Encoding::of(text) {
            Encoding::Gsm7 => "text",
            Encoding::Ucs2 => "unicode",
        };
        let mut form = Serializer::new(String::new());
        form.append_pair("api_key", &settings.api_key)
            .append_pair("from", &settings.from);
        form.append_pair("to", ADDRESS)
            .append_pair("text", text)
            .append_pair("type", kind);
        form.append_pair("client-ref", REFERENCE);
        form.append_pair("ttl", &(settings.validity_seconds * 1000).to_string());
        if let Some(url) = &settings.callback_url {
            form.append_pair("status-report-req", "1")
                .append_pair("callback", url.as_str());
        }
        form.finish()
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let form = parcel.rendered.splice(|part| match part {
            Personal::Address => parcel.address.reveal().trim_start_matches('+').into(),
            Personal::Reference => parcel.reference.as_str().into(),
            Personal::StopToken | Personal::Time => "".into(),
        });
        let secret: String = byte_serialize(self.secret.reveal().as_bytes()).collect();
        let body = format!("{}&api_secret={secret}", String::from_utf8_lossy(&form));
        let reply = match self.outlet.request(Method::POST, self.url("sms/json")) {
            Ok(request) => {
                let kind = "application/x-www-form-urlencoded";
                self.outlet
                    .reply(request.header(CONTENT_TYPE, kind).body(body))
                    .await
            }
            Err(silence) => Err(silence),
        };
        match reply {
            Ok(reply) => read(&reply, self.clock.wall()),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }

    /// The fields of a callback that is signed with our secret, and lately.
    fn genuine(
        &self,
        callback: &Callback<'_>,
    ) -> Result<BTreeMap<String, String>, CallbackRefusal> {
        let secret = self.signing_secret.as_ref();
        let secret = secret.ok_or(CallbackRefusal::NotTaken)?;
        let fields = fields(callback).ok_or(CallbackRefusal::Malformed)?;
        let (method, now) = (self.settings.signature_method, self.clock.wall());
        if !signature::is_genuine(secret, method, &fields, now) {
            return Err(CallbackRefusal::Unauthenticated);
        }
        Ok(fields)
    }

    async fn ask_for_balance(&self) -> Result<String, String> {
        let reply = self.balance().await;
        let reply = reply.map_err(|silence| silence.verdict(Scope::Channel).reply)?;
        let balance = amount(&reply)?;
        Ok(format!(
            "Vonage takes our key; the balance is {balance:.2}."
        ))
    }

    /// Key and secret, what is left to spend in euros, and what stands beside the answer.
    async fn look(&self) -> Vec<Remark> {
        let reply = match self.balance().await {
            Ok(reply) => reply,
            Err(silence) => return vec![examine::silent(silence)],
        };
        let mut remarks = match amount(&reply) {
            Ok(amount) => vec![
                Remark::ok("Vonage takes our key"),
                examine::balance(amount, "EUR"),
            ],
            Err(why) => vec![examine::refused(why)],
        };
        remarks.extend(examine::beside(&reply, self.clock.wall()));
        remarks
    }

    async fn balance(&self) -> Result<Reply, Silence> {
        let mut url = self.url("account/get-balance");
        url.query_pairs_mut()
            .append_pair("api_key", &self.settings.api_key)
            .append_pair("api_secret", self.secret.reveal());
        let request = self.outlet.request(Method::GET, url)?;
        self.outlet.reply(request).await
    }
}

/// The balance in an answer to `account/get-balance`.
fn amount(reply: &Reply) -> Result<f64, String> {
    match reply.json().and_then(|json| json.get("value")?.as_f64()) {
        Some(balance) => Ok(balance),
        None if reply.status == 401 => Err("Vonage refuses the key or the secret".to_owned()),
        None => Err(format!(
            "Vonage answered {} without a balance",
            reply.status
        )),
    }
}

/// One entry for each part of the text; each has a status of its own.
fn read(reply: &Reply, now: Wall) -> Verdict {
    let json = reply.json();
    let entries = json
        .as_ref()
        .and_then(|json| json.get("messages")?.as_array());
    let text = |entry: &Value, name: &str| entry.get(name)?.as_str().map(str::to_owned);
    let statuses: Option<Vec<String>> = entries
        .filter(|entries| reply.status == 200 && !entries.is_empty())
        .and_then(|entries| entries.iter().map(|entry| text(entry, "status")).collect());
    let Some(statuses) = statuses else {
        let answer = Answer {
            status: reply.status,
            own_body: false,
            wait: reply.wait(now),
            reference: None,
        };
        return Verdict::new(MANNER.outcome(answer, now), reply.status.to_string());
    };
    let reference = entries.and_then(|entries| text(entries.first()?, "message-id"));
    let failure = statuses.iter().find(|status| *status != "0");
    let outcome = match failure {
        None => Outcome::Accepted {
            reference: reference.as_deref().map(identifier),
        },
        // Some parts went and some did not: somebody may have read half a sentence.
        Some(_) if statuses.iter().any(|status| status == "0") => Outcome::Unknown {
            reason: Reason::Uncertain,
        },
        Some(status) => refused(status, now),
    };
    let words = failure.map_or("0", |status| known_status(status));
    Verdict::new(outcome, format!("{} status {words}", reply.status))
}

/// Only what looks like a status is repeated.
fn known_status(status: &str) -> &str {
    let number = status.len() <= 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    if number { status } else { "?" }
}

/// What Vonage's own statuses mean.
fn refused(status: &str, now: Wall) -> Outcome {
    let channel = |reason| Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    };
    let rejected = |reason| Outcome::Rejected {
        reason,
        suppress: false,
    };
    match status {
        "1" | "10" => MANNER.throttled(SHORT, now),
        "5" => Outcome::Deferred {
            reason: Reason::ProviderDown,
        },
        "2" | "3" | "12" => Outcome::BadMessage {
            reason: Reason::ContentRejected,
        },
        "6" => rejected(Reason::NumberInvalid),
        "7" => rejected(Reason::Blocked),
        "33" => rejected(Reason::NumberInvalid),
        "4" | "14" | "32" => channel(Reason::AuthFailed),
        "9" => channel(Reason::NoCredit),
        "8" | "11" | "15" | "22" | "23" | "29" => channel(Reason::Misconfigured),
        _ => Outcome::Unknown {
            reason: Reason::Protocol,
        },
    }
}

impl Channel for Vonage {
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
            pieces: Rendered::cut(&self.form(&fitted.preview), &marks),
            ..fitted
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn read_inbound(&self, callback: &Callback<'_>) -> Result<Option<Inbound>, CallbackRefusal> {
        let fields = self.genuine(callback)?;
        // A report has a status. `keyword` is the first word, which Vonage has separated already.
        let (false, Some(text)) = (fields.contains_key("status"), fields.get("text")) else {
            return Ok(None);
        };
        let (Some(from), Some(id)) = (fields.get("msisdn"), fields.get("messageId")) else {
            return Err(CallbackRefusal::Malformed);
        };
        Ok(Some(Inbound {
            from: from.clone(),
            id: id.clone(),
            wish: Wish::of(text),
        }))
    }

    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        let fields = self.genuine(callback)?;
        let reference = fields.get("client-ref").ok_or(CallbackRefusal::Malformed)?;
        let status = fields.get("status").ok_or(CallbackRefusal::Malformed)?;
        let code = fields.get("err-code").map_or("", String::as_str);
        let Some((status, reason)) = said(status, code) else {
            return Ok(Vec::new());
        };
        Ok(vec![Receipt {
            key: ReceiptKey::Reference(reference.clone()),
            status,
            reason,
            provider_time: None,
        }])
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask_for_balance())
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Remark>> {
        Box::pin(self.look())
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}

/// A report comes as parameters, a form or JSON, as the account is set.
fn fields(callback: &Callback<'_>) -> Option<BTreeMap<String, String>> {
    let form = |bytes: &[u8]| {
        let pairs = url::form_urlencoded::parse(bytes);
        pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    };
    if callback.body.is_empty() {
        let (_, query) = callback.url.split_once('?')?;
        return Some(form(query.as_bytes()));
    }
    if callback.body.first() == Some(&b'{') {
        return serde_json::from_slice(callback.body).ok();
    }
    Some(form(callback.body))
}

fn said(status: &str, code: &str) -> Option<(ReceiptStatus, Option<Reason>)> {
    use ReceiptStatus::{Delivered, Undelivered, UndeliveredForNow, Underway};
    let failed = match code {
        "2" | "7" | "8" => (UndeliveredForNow, Reason::PhoneOff),
        "3" | "4" | "9" | "12" | "13" | "14" => (Undelivered, Reason::NumberInvalid),
        "5" | "6" | "10" | "11" => (Undelivered, Reason::Blocked),
        _ => (UndeliveredForNow, Reason::Undeliverable),
    };
    Some(match status {
        "accepted" | "buffered" => (Underway, None),
        "delivered" => (Delivered, None),
        "expired" => (Undelivered, Some(Reason::Expired)),
        "failed" | "rejected" => (failed.0, Some(failed.1)),
        _ => return None,
    })
}
