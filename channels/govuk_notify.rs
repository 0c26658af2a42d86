//! GOV.UK Notify: texts and mails through templates of a council's own service, each found again by our reference.

mod errors;
mod key;
mod listing;
mod reports;

use crate::examine;
use crate::http::{Outlet, Reply, Silence};
use crate::letter::Letter;
use crate::registry::{Surroundings, between};
use crate::{secret, sms_text};
use key::ApiKey;
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::inbound::Inbound;
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Scope, Verdict};
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::ports::LookUp;
use oyez_domain::receipt::{Callback, CallbackRefusal, Listed, Receipt};
use oyez_domain::remark::Remark;
use oyez_domain::rendered::{Fit, Personal, Rendered};
use oyez_domain::text::fold::Charset;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What the service takes of one mail, in bytes.
const MAIL_BYTES: u32 = 2_000_000;
/// Parts of the longest text the service takes: 918 characters.
const TEXT_PARTS: u32 = 6;

const ADDRESS: &str = "zq7-address-q7z";
const REFERENCE: &str = "zq7-reference-q7z";
const STOP: &str = "zq7-stop-q7z";

/// Settings of `[channels.NAME.via.govuk_notify_sms]` and `….govuk_notify_email`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An API key of the service, as its page shows it once: `NAME-SERVICE-SECRET`.
    #[serde(default)]
    pub api_key: Option<SecretString>,
    /// A file that holds the key.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// The template. A text's has the placeholder `((body))`, a mail's `((subject))` and `((body))`.
    pub template_id: String,
    /// `sms_sender_id` of a text, `email_reply_to_id` of a mail; the service's own when left out.
    #[serde(default)]
    pub sender_id: Option<String>,
    /// The bearer token that the service's callbacks carry; without it there are no receipts.
    #[serde(default)]
    pub callback_token: Option<SecretString>,
    /// A file that holds the callback token.
    #[serde(default)]
    pub callback_token_file: Option<PathBuf>,
    /// Base URL of the service.
    #[serde(default = "service")]
    pub server: Url,
    /// Seconds the service has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

#[expect(clippy::expect_used, reason = "a literal that a test parses")]
fn service() -> Url {
    Url::parse("https://api.notifications.service.gov.uk").expect("a URL")
}

fn default_timeout() -> u64 {
    20
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = between("timeout_seconds", self.timeout_seconds, 1..=120);
        faults.extend(self.key().err());
        faults.extend(self.callback_secret().err());
        let ids = [
            ("template_id", Some(&self.template_id)),
            ("sender_id", self.sender_id.as_ref()),
        ];
        for (field, id) in ids {
            if id.is_some_and(|id| !key::is_uuid(id)) {
                let why = "copy the identifier from the service's page, such as 9d751e0e-f929-4891-82a1-a3e1c3c18ee3";
                faults.push(Refusal::new(field, "malformed_id", why));
            }
        }
        faults
    }

    fn key(&self) -> Result<ApiKey, Refusal> {
        let text = secret::required("api_key", self.api_key.as_ref(), self.api_key_file.as_ref())?;
        ApiKey::read(&text)
    }

    fn callback_secret(&self) -> Result<Option<Secret>, Refusal> {
        secret::optional(
            "callback_token",
            self.callback_token.as_ref(),
            self.callback_token_file.as_ref(),
        )
    }
}

/// What every channel of texts can do.
pub(crate) const SMS: Capabilities = Capabilities {
    kind: "govuk_notify_sms",
    family: Family::Sms,
    carries: AddressKind::Mobile,
    unit: LengthUnit::Part,
    limit: Some(TEXT_PARTS),
    receipts: true,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::LookUp,
    key_seconds: None,
    look_up: true,
    on_unknown: OnUnknown::Hold,
    needs: &["api_key", "template_id"],
};

/// What every channel of mails can do.
pub(crate) const EMAIL: Capabilities = Capabilities {
    kind: "govuk_notify_email",
    family: Family::Email,
    carries: AddressKind::Email,
    unit: LengthUnit::Byte,
    limit: Some(MAIL_BYTES),
    on_unknown: OnUnknown::Retry,
    ..SMS
};

/// What the service is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Texts.
    Sms,
    /// Mails.
    Email,
}

impl Medium {
    /// What every channel of this medium can do.
    pub(crate) fn capabilities(self) -> Capabilities {
        match self {
            Self::Sms => SMS,
            Self::Email => EMAIL,
        }
    }

    /// The service's own word, in URLs and in a template's `type`.
    fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// The adapter of both kinds.
pub(crate) struct GovukNotify {
    medium: Medium,
    name: ChannelName,
    capabilities: Capabilities,
    settings: Settings,
    key: ApiKey,
    callback_secret: Option<Secret>,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl GovukNotify {
    /// An adapter with these settings.
    pub(crate) fn build(
        medium: Medium,
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let callback_secret = settings.callback_secret().map_err(one)?;
        Ok(Self {
            medium,
            name: name.clone(),
            capabilities: Capabilities {
                receipts: callback_secret.is_some(),
                ..medium.capabilities()
            },
            key: settings.key().map_err(one)?,
            callback_secret,
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
            settings: settings.clone(),
        })
    }

    /// A request with a token of its own: the service takes none older than 30 seconds.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Silence> {
        let mut url = self.settings.server.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v2/{path}"));
        let token = self.key.token(self.clock.wall());
        Ok(self.outlet.request(method, url)?.bearer_auth(token))
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let body = parcel.rendered.splice(|part| match part {
            Personal::Address => in_json(parcel.address.reveal()),
            Personal::Reference => parcel.reference.as_str().into(),
            Personal::StopToken => parcel.stop_token.as_str().into(),
            Personal::Time => "".into(),
        });
        let path = format!("notifications/{}", self.medium.word());
        let request = match self.request(Method::POST, &path) {
            Ok(request) => request.header(CONTENT_TYPE, "application/json").body(body),
            Err(silence) => return silence.verdict(Scope::Channel),
        };
        match self.outlet.reply(request).await {
            Ok(reply) => errors::read(&reply, self.clock.wall()),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, Silence> {
        let request = self.request(Method::GET, path)?.query(query);
        self.outlet.reply(request).await
    }

    /// The service lists what it took under our reference, which is ours alone although it need not be unique.
    async fn ask(&self, parcel: &Parcel) -> LookUp {
        let query = [("reference", parcel.reference.as_str())];
        let Ok(reply) = self.get("notifications", &query).await else {
            return LookUp::CannotTell;
        };
        let json = reply.json();
        let list = json
            .as_ref()
            .and_then(|json| json.get("notifications")?.as_array());
        match list {
            Some(list) if reply.status == 200 => match list.first() {
                Some(found) => {
                    LookUp::Found(found.get("id").and_then(Value::as_str).map(str::to_owned))
                }
                None => LookUp::NotThere,
            },
            Some(_) | None => LookUp::CannotTell,
        }
    }

    /// Whether key, clock and template are right, without sending.
    async fn ask_for_template(&self) -> Result<String, String> {
        let reply = self.template().await;
        let reply = reply.map_err(|silence| silence.verdict(Scope::Channel).reply)?;
        self.read_template(&reply)
    }

    async fn template(&self) -> Result<Reply, Silence> {
        let path = format!("template/{}", self.settings.template_id);
        self.get(&path, &[]).await
    }

    /// Key and template, and the clock, about which the service is strict.
    async fn look(&self) -> Vec<Remark> {
        let reply = match self.template().await {
            Ok(reply) => reply,
            Err(silence) => return vec![examine::silent(silence)],
        };
        let mut remarks = vec![match self.read_template(&reply) {
            Ok(said) => Remark::ok(said),
            Err(why) if reply.status == 200 => Remark::fail(
                why,
                "mend the template on the service's page, or set template_id",
            ),
            Err(why) => examine::refused(why),
        }];
        remarks.extend(examine::beside(&reply, self.clock.wall()));
        remarks
    }

    fn read_template(&self, reply: &Reply) -> Result<String, String> {
        if reply.status != 200 {
            return Err(errors::read(reply, self.clock.wall()).reply);
        }
        let json = reply.json().unwrap_or_default();
        let field = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or("");
        let (word, kind) = (self.medium.word(), field("type"));
        if kind != word {
            return Err(format!(
                "the template is for {kind:?}, this channel sends {word:?}; set template_id to another"
            ));
        }
        let missing = self
            .placeholders()
            .iter()
            .find(|(place, name)| !field(place).contains(&format!("(({name}))")));
        match missing {
            Some((place, name)) => Err(format!(
                "the template's {place} has no placeholder (({name})); add it on the service's page"
            )),
            None => Ok("The service takes our key and knows the template.".to_owned()),
        }
    }

    /// Where in the template each placeholder has to stand.
    fn placeholders(&self) -> &'static [(&'static str, &'static str)] {
        match self.medium {
            Medium::Sms => &[("body", "body")],
            Medium::Email => &[("subject", "subject"), ("body", "body")],
        }
    }

    /// The service keeps the letters of Welsh and turns every other sign that SMS lacks into a question mark.
    fn text(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let fitted = sms_text::fitted(&self.name, notice, Charset::Gsm7Welsh, &self.capabilities)?;
        let mut body = json!({
            "phone_number": ADDRESS, "template_id": self.settings.template_id, "reference": REFERENCE,
            "personalisation": {"body": fitted.preview},
        });
        if let Some(sender) = &self.settings.sender_id {
            body["sms_sender_id"] = sender.as_str().into();
        }
        Ok(rendered(&body, fitted))
    }

    fn mail(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let page = &notice.organisation.public_url;
        let own = notice.update.versions.get(&self.name);
        let letter = Letter {
            notice,
            detail: own.or(notice.update.detail.as_ref()),
            stop: Some(format!("{page}/x/{STOP}")),
        };
        let text = letter.text();
        let mut body = json!({
            "email_address": ADDRESS, "template_id": self.settings.template_id, "reference": REFERENCE,
            "personalisation": {"subject": notice.headline(), "body": text},
        });
        // The service refuses any other scheme.
        if page.starts_with("https://") {
            body["one_click_unsubscribe_url"] = format!("{page}/x/{STOP}").into();
        }
        if let Some(sender) = &self.settings.sender_id {
            body["email_reply_to_id"] = sender.as_str().into();
        }
        let fit = Fit::bytes(text.as_bytes(), self.capabilities.limit, "the mail")?;
        let preview = text.replace(STOP, "…");
        Ok(rendered(
            &body,
            Rendered {
                pieces: Vec::new(),
                preview,
                fit,
            },
        ))
    }
}

/// The fitted message with the request that carries it.
fn rendered(body: &Value, fitted: Rendered) -> Rendered {
    let marks = [
        (ADDRESS, Personal::Address),
        (REFERENCE, Personal::Reference),
        (STOP, Personal::StopToken),
    ];
    Rendered {
        pieces: Rendered::cut(&body.to_string(), &marks),
        ..fitted
    }
}

/// A text as it stands between the quotation marks of a JSON string.
fn in_json(text: &str) -> Cow<'_, str> {
    let quoted = Value::from(text).to_string();
    let inside = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or_default().to_owned().into()
}

impl Channel for GovukNotify {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        match self.medium {
            Medium::Sms => self.text(notice),
            Medium::Email => self.mail(notice),
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, LookUp> {
        Box::pin(self.ask(parcel))
    }

    fn read_inbound(&self, callback: &Callback<'_>) -> Result<Option<Inbound>, CallbackRefusal> {
        match (self.medium, &self.callback_secret) {
            (Medium::Sms, Some(secret)) => reports::read_inbound(secret, callback),
            (Medium::Sms, None) | (Medium::Email, _) => Ok(None),
        }
    }

    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        let secret = self.callback_secret.as_ref();
        reports::read(
            self.medium,
            secret.ok_or(CallbackRefusal::NotTaken)?,
            callback,
        )
    }

    fn lists(&self) -> bool {
        self.capabilities.receipts
    }

    fn list<'a>(&'a self, older_than: Option<&'a str>) -> BoxFuture<'a, Result<Listed, String>> {
        Box::pin(listing::page(self, older_than))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask_for_template())
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Remark>> {
        Box::pin(self.look())
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}
