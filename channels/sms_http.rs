//! Texts through any gateway that speaks HTTP: what to send and how to read the answers is configuration.

mod callback;
mod rules;
mod sign_in;
mod template;

use crate::classify::http::Manner;
use crate::http::{Outlet, Silence};
use crate::registry::{Surroundings, between};
use crate::sms_text;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::inbound::Inbound;
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Scope, Verdict};
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt};
use oyez_domain::rendered::{Personal, Rendered};
use oyez_domain::text::fold::Charset;
use oyez_domain::text::sms;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use rules::{Reader, RetryAfter, Rule, Success};
use secrecy::SecretString;
use serde::Deserialize;
use sign_in::{Auth, SignIn};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use template::{Body, BodyKind, Common};
use url::Url;

/// Settings of `[channels.NAME.via.sms_http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `POST`, `PUT` or `GET`.
    #[serde(default = "default_method")]
    pub method: String,
    /// Where messages are sent to.
    pub url: Url,
    /// Headers to add; `{ref}` becomes the delivery's reference.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How we sign in.
    #[serde(default)]
    pub auth: Auth,
    /// User name, with `auth = "basic"`.
    #[serde(default)]
    pub username: Option<String>,
    /// The header that holds the secret, with `auth = "header"`.
    #[serde(default)]
    pub auth_header: Option<String>,
    /// Token, password, or the header's value.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// A file that holds the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Who the text is from, where the gateway wants to be told: `{from}`.
    #[serde(default)]
    pub from: String,
    /// What is sent.
    pub body: Body,
    /// How success looks.
    #[serde(default)]
    pub success: Success,
    /// Where the gateway's identifier stands in a successful answer (RFC 6901), e.g. `/id`.
    #[serde(default)]
    pub id_pointer: Option<String>,
    /// Answers with a meaning of their own; the first that matches counts.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Where the gateway says how long to wait, when not in `Retry-After`.
    #[serde(default)]
    pub retry_after: RetryAfter,
    /// How the gateway reports what became of a message.
    #[serde(default)]
    pub callback: Option<callback::Settings>,
    /// The address that the gateway is to report to: `{callback_url}`.
    #[serde(default)]
    pub callback_url: String,
    /// Which signs the gateway carries: `ucs2` (all), `gsm7`, or `gsm7_welsh`. What it does not carry is changed only
    /// when a person accepts the change.
    #[serde(default)]
    pub charset: Charset,
    /// The most parts a text may have.
    #[serde(default = "default_max_parts")]
    pub max_parts: u32,
    /// How a second copy is avoided; left out, by receipts where they carry our reference.
    #[serde(default)]
    pub idempotency: Option<IdempotencyClass>,
    /// Seconds the gateway has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn default_method() -> String {
    "POST".to_owned()
}
fn default_max_parts() -> u32 {
    6
}
fn default_timeout() -> u64 {
    20
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = self.body.check();
        faults.extend(between("max_parts", u64::from(self.max_parts), 1..=10));
        faults.extend(between("timeout_seconds", self.timeout_seconds, 1..=120));
        faults.extend(SignIn::of(self).err());
        faults.extend(self.extra_headers().err());
        faults.extend(self.reader().err());
        faults.extend(self.callback.iter().flat_map(callback::Settings::check));
        let mut pointers = vec![
            ("id_pointer", self.id_pointer.as_ref()),
            ("success.pointer", self.success.pointer.as_ref()),
            ("retry_after.pointer", self.retry_after.pointer.as_ref()),
        ];
        pointers.extend(
            self.rules
                .iter()
                .map(|rule| ("rules.pointer", rule.pointer.as_ref())),
        );
        faults.extend(
            pointers
                .into_iter()
                .filter_map(|(field, p)| rules::pointer(field, p)),
        );
        if !matches!(self.method.as_str(), "POST" | "PUT" | "GET") {
            faults.push(Refusal::new(
                "method",
                "unknown_method",
                "it is none of POST, PUT, GET",
            ));
        }
        if self.id_pointer.is_none() && !self.success.looks_inside() {
            let why =
                "a status alone is no proof; set id_pointer, success.pointer or success.matches";
            faults.push(Refusal::new("success", "too_weak", why));
        }
        if self.body.uses("callback_url") && self.callback_url.is_empty() {
            let why = "the template names {callback_url}; say which address that is";
            faults.push(Refusal::new("callback_url", "missing", why));
        }
        faults
    }

    fn idempotency(&self) -> IdempotencyClass {
        let by_reference = self
            .callback
            .as_ref()
            .is_some_and(|c| c.ref_pointer.is_some());
        self.idempotency.unwrap_or(if by_reference {
            IdempotencyClass::Receipt
        } else {
            IdempotencyClass::Nothing
        })
    }

    fn reader(&self) -> Result<Reader, Refusal> {
        let compile = |rule: &Rule| {
            let pattern = rules::pattern("rules.matches", rule.matches.as_ref())?;
            Ok((rule.clone(), pattern))
        };
        Ok(Reader {
            success_pattern: rules::pattern("success.matches", self.success.matches.as_ref())?,
            success: self.success.clone(),
            id_pointer: self.id_pointer.clone(),
            rules: self
                .rules
                .iter()
                .map(compile)
                .collect::<Result<_, Refusal>>()?,
            retry_after: self.retry_after.clone(),
            manner: Manner {
                idempotency: self.idempotency(),
                scope: Scope::Channel,
            },
        })
    }

    fn extra_headers(&self) -> Result<Vec<(HeaderName, String)>, Refusal> {
        let header = |(name, value): (&String, &String)| {
            let known = HeaderName::try_from(name.as_str()).ok();
            let fits = HeaderValue::try_from(value.as_str()).is_ok();
            known
                .filter(|_| fits)
                .map(|known| (known, value.clone()))
                .ok_or_else(|| {
                    Refusal::new(
                        "headers",
                        "malformed_header",
                        format!("{name:?} is no header that can be sent"),
                    )
                })
        };
        self.headers.iter().map(header).collect()
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "sms_http",
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
    needs: &["url", "body"],
};

/// The adapter.
pub(crate) struct SmsHttp {
    name: ChannelName,
    capabilities: Capabilities,
    settings: Settings,
    method: Method,
    headers: Vec<(HeaderName, String)>,
    sign_in: SignIn,
    reader: Reader,
    callback_secret: Option<Secret>,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl SmsHttp {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let guard = around.network.guard();
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let callback = settings.callback.as_ref();
        Ok(Self {
            name: name.clone(),
            capabilities: Capabilities {
                limit: Some(settings.max_parts),
                receipts: settings.callback.is_some(),
                idempotency: settings.idempotency(),
                ..CAPABILITIES
            },
            method: Method::from_bytes(settings.method.as_bytes()).unwrap_or(Method::POST),
            headers: settings.extra_headers().map_err(one)?,
            sign_in: SignIn::of(settings).map_err(one)?,
            reader: settings.reader().map_err(one)?,
            callback_secret: callback
                .map(callback::Settings::secret)
                .transpose()
                .map_err(one)?,
            outlet: Outlet::new(guard, timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
            settings: settings.clone(),
        })
    }

    fn request(&self, parcel: &Parcel) -> Result<RequestBuilder, Silence> {
        let kind = self.settings.body.kind;
        let address = parcel.address.reveal();
        let number = if self.settings.body.uses("to_plain") {
            address.trim_start_matches('+')
        } else {
            address
        };
        let body = parcel.rendered.splice(|part| match part {
            Personal::Address => kind.escape(number),
            Personal::Reference => kind.escape(parcel.reference.as_str()),
            Personal::StopToken | Personal::Time => "".into(),
        });
        let mut url = self.settings.url.clone();
        if kind == BodyKind::Query {
            let added = String::from_utf8_lossy(&body);
            let query = url.query().filter(|query| !query.is_empty());
            let query = query.map_or_else(|| added.to_string(), |query| format!("{query}&{added}"));
            url.set_query(Some(&query));
        }
        let mut request = self.outlet.request(self.method.clone(), url)?;
        for (name, value) in &self.headers {
            request = request.header(name, template::header(value, parcel.reference.as_str()));
        }
        request = self.sign_in.add_to(request);
        Ok(match kind.content_type() {
            Some(content_type) => request.header(CONTENT_TYPE, content_type).body(body),
            None => request,
        })
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let request = match self.request(parcel) {
            Ok(request) => request,
            Err(silence) => return silence.verdict(Scope::Channel),
        };
        match self.outlet.reply(request).await {
            Ok(reply) => {
                let outcome = self.reader.read(&reply, self.clock.wall());
                Verdict::new(outcome, reply.status.to_string())
            }
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }
}

impl Channel for SmsHttp {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let charset = self.settings.charset;
        let fitted = sms_text::fitted(&self.name, notice, charset, &self.capabilities)?;
        let length = sms::measure(&fitted.preview);
        let pieces = self.settings.body.pieces(&Common {
            text: &fitted.preview,
            from: &self.settings.from,
            parts: length.parts,
            encoding: length.encoding.code(),
            callback_url: &self.settings.callback_url,
        });
        Ok(Rendered { pieces, ..fitted })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn read_inbound(&self, callback: &Callback<'_>) -> Result<Option<Inbound>, CallbackRefusal> {
        match (&self.settings.callback, &self.callback_secret) {
            (Some(rule), Some(secret)) => rule.read_inbound(secret, callback, self.clock.wall()),
            (None, _) | (Some(_), None) => Ok(None),
        }
    }

    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        match (&self.settings.callback, &self.callback_secret) {
            (Some(rule), Some(secret)) => rule.read(secret, callback, self.clock.wall()),
            (None, _) | (Some(_), None) => Err(CallbackRefusal::NotTaken),
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let url = self.settings.url.clone();
            match self.outlet.request(Method::GET, url) {
                Ok(_) => Ok(
                    "The settings are complete; a gateway can only be tried by sending.".to_owned(),
                ),
                Err(silence) => Err(silence.verdict(Scope::Channel).reply),
            }
        })
    }
}
