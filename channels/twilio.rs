//! Twilio: texts through `Messages.json`, with our reference in the address its status callbacks go to.

mod errors;
mod reports;
mod signature;

use crate::examine;
use crate::http::{Outlet, Reply, Silence};
use crate::registry::{Surroundings, between};
use crate::{secret, sms_text};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::inbound::Inbound;
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Scope, Verdict};
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt};
use oyez_domain::remark::Remark;
use oyez_domain::rendered::{Personal, Rendered};
use oyez_domain::text::fold::Charset;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

const ADDRESS: &str = "zq7addressq7z";
const REFERENCE: &str = "zq7referenceq7z";

/// Settings of `[channels.NAME.via.twilio]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account, `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The account's token. Callbacks are always signed with it, so it is needed beside an API key.
    #[serde(default)]
    pub auth_token: Option<SecretString>,
    /// A file that holds the token.
    #[serde(default)]
    pub auth_token_file: Option<PathBuf>,
    /// An API key, `SK` and 32 hexadecimal digits, to sign in with in place of the account.
    #[serde(default)]
    pub api_key_sid: Option<String>,
    /// The API key's secret.
    #[serde(default)]
    pub api_key_secret: Option<SecretString>,
    /// A file that holds the API key's secret.
    #[serde(default)]
    pub api_key_secret_file: Option<PathBuf>,
    /// The messaging service that sends, `MG` and 32 hexadecimal digits.
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    /// The number or name that sends, where there is no messaging service.
    #[serde(default)]
    pub from: Option<String>,
    /// Where status callbacks go: `https://…/callbacks/NAME` on this instance's public address.
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
    Url::parse("https://api.twilio.com").expect("a URL")
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
            1..=36_000,
        ));
        faults.extend(between("max_parts", u64::from(self.max_parts), 1..=10));
        faults.extend(self.token().err());
        faults.extend(self.sign_in().err());
        let sids = [
            ("account_sid", "AC", Some(&self.account_sid)),
            ("api_key_sid", "SK", self.api_key_sid.as_ref()),
            (
                "messaging_service_sid",
                "MG",
                self.messaging_service_sid.as_ref(),
            ),
        ];
        for (field, prefix, sid) in sids {
            if sid.is_some_and(|sid| !is_sid(sid, prefix)) {
                let why =
                    format!("it begins with {prefix} and has 32 hexadecimal digits after that");
                faults.push(Refusal::new(field, "malformed_id", why));
            }
        }
        if self.from.is_some() == self.messaging_service_sid.is_some() {
            let why = "set either from or messaging_service_sid";
            faults.push(Refusal::new("from", "one_of_two", why));
        }
        let host = self.callback_url.as_ref().and_then(Url::host_str);
        if host.is_some_and(|host| host.contains('_')) {
            let why = "Twilio calls no host with an underscore in its name";
            faults.push(Refusal::new("callback_url", "malformed_url", why));
        }
        faults
    }

    fn token(&self) -> Result<Secret, Refusal> {
        secret::required(
            "auth_token",
            self.auth_token.as_ref(),
            self.auth_token_file.as_ref(),
        )
    }

    /// User and password of every request.
    fn sign_in(&self) -> Result<(String, Secret), Refusal> {
        let (inline, file) = (
            self.api_key_secret.as_ref(),
            self.api_key_secret_file.as_ref(),
        );
        match &self.api_key_sid {
            Some(sid) => Ok((
                sid.clone(),
                secret::required("api_key_secret", inline, file)?,
            )),
            None => Ok((self.account_sid.clone(), self.token()?)),
        }
    }
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "twilio",
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
    needs: &["account_sid", "auth_token"],
};

/// The adapter.
pub(crate) struct Twilio {
    name: ChannelName,
    capabilities: Capabilities,
    settings: Settings,
    messages: Url,
    account: Url,
    token: Secret,
    user: String,
    password: Secret,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Twilio {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let (user, password) = settings.sign_in().map_err(one)?;
        let receipts = settings.callback_url.is_some();
        let at = |rest: &str| {
            let mut url = settings.server.clone();
            let base = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!(
                "{base}/2010-04-01/Accounts/{}{rest}",
                settings.account_sid
            ));
            url
        };
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
            messages: at("/Messages.json"),
            account: at(".json"),
            token: settings.token().map_err(one)?,
            user,
            password,
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
            settings: settings.clone(),
        })
    }

    fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, Silence> {
        let request = self.outlet.request(method, url.clone())?;
        Ok(request.basic_auth(&self.user, Some(self.password.reveal())))
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let body = parcel.rendered.splice(|part| match part {
            Personal::Address => byte_serialize(parcel.address.reveal().as_bytes())
                .collect::<String>()
                .into(),
            Personal::Reference => parcel.reference.as_str().into(),
            Personal::StopToken | Personal::Time => "".into(),
        });
        let request = match self.request(Method::POST, &self.messages) {
            Ok(request) => request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body),
            Err(silence) => return silence.verdict(Scope::Channel),
        };
        match self.outlet.reply(request).await {
            Ok(reply) => errors::read(&reply, self.clock.wall()),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }

    async fn ask_for_account(&self) -> Result<String, String> {
        let said = |silence: Silence| silence.verdict(Scope::Channel).reply;
        let request = self.request(Method::GET, &self.account).map_err(said)?;
        let reply: Reply = self.outlet.reply(request).await.map_err(said)?;
        let json = reply.json().unwrap_or_default();
        match json.get("status").and_then(serde_json::Value::as_str) {
            Some("active") => Ok("Twilio takes our key and the account is active.".to_owned()),
            Some(status) => Err(format!("Twilio takes our key, but the account is {status}")),
            None => Err(errors::read(&reply, self.clock.wall()).reply),
        }
    }

    async fn get(&self, url: &Url) -> Result<Reply, Silence> {
        self.outlet.reply(self.request(Method::GET, url)?).await
    }

    /// The account, what is left to spend, and the senders of the messaging service.
    async fn look(&self) -> Vec<Remark> {
        let account = match self.get(&self.account).await {
            Ok(reply) => reply,
            Err(silence) => return vec![examine::silent(silence)],
        };
        let now = self.clock.wall();
        let json = account.json().unwrap_or_default();
        let mut remarks = match json.get("status").and_then(Value::as_str) {
            Some("active") => vec![Remark::ok("Twilio takes our key and the account is active")],
            Some(status) => {
                let what = format!("Twilio takes our key, but the account is {status}");
                vec![Remark::fail(
                    what,
                    "look at the account's page in Twilio's console",
                )]
            }
            None => return vec![examine::refused(errors::read(&account, now).reply)],
        };
        remarks.extend(examine::beside(&account, now));
        remarks.extend(self.balance().await);
        remarks.extend(self.senders().await);
        remarks
    }

    /// Some keys may send and not see the account's money; that is no fault.
    async fn balance(&self) -> Option<Remark> {
        let reply = self.get(&self.at("/Balance.json")).await.ok()?;
        let json = reply.json()?;
        let amount = json.get("balance")?.as_str()?.parse().ok()?;
        let currency = json.get("currency").and_then(Value::as_str);
        Some(examine::balance(amount, currency.unwrap_or("")))
    }

    /// The numbers of the messaging service, if one is named: without any, nothing can be sent.
    async fn senders(&self) -> Option<Remark> {
        let service = self.settings.messaging_service_sid.as_ref()?;
        let mut many = 0;
        for list in ["PhoneNumbers", "AlphaSenders", "ShortCodes"] {
            let reply = self.get(&self.service(service, list)).await.ok()?;
            if reply.status == 404 {
                let what = format!("Twilio knows no messaging service {service}");
                return Some(Remark::fail(
                    what,
                    "set messaging_service_sid to one of this account",
                ));
            }
            let json = reply.json()?;
            let key = match list {
                "PhoneNumbers" => "phone_numbers",
                "AlphaSenders" => "alpha_senders",
                _ => "short_codes",
            };
            many += json.get(key)?.as_array()?.len();
        }
        Some(match many {
            0 => Remark::fail(
                "the messaging service has no sender: every text would be refused (21704)",
                "add a number or an approved sender name to it in Twilio's console",
            ),
            1 => Remark::ok("the messaging service has 1 sender"),
            many => Remark::ok(format!("the messaging service has {many} senders")),
        })
    }

    fn at(&self, rest: &str) -> Url {
        let mut url = self.settings.server.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        let account = &self.settings.account_sid;
        url.set_path(&format!("{base}/2010-04-01/Accounts/{account}{rest}"));
        url
    }

    /// Messaging services have a host of their own; where another server is set, it stands for that one too.
    fn service(&self, service: &str, list: &str) -> Url {
        let mut url = self.settings.server.clone();
        if url.host_str() == Some("api.twilio.com") {
            // A host name in place of another one: this cannot fail.
            url.set_host(Some("messaging.twilio.com"))
                .unwrap_or_default();
        }
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v1/Services/{service}/{list}"));
        url
    }

    /// Form fields in the order of the documentation.
    fn form(&self, text: &str) -> String {
        let settings = &self.settings;
        let mut form = Serializer::new(String::new());
        form.append_pair("To", ADDRESS);
        if let Some(service) = &settings.messaging_service_sid {
            form.append_pair("MessagingServiceSid", service);
        }
        if let Some(from) = &settings.from {
            form.append_pair("From", from);
        }
        form.append_pair("Body", text);
        if let Some(url) = &settings.callback_url {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("ref", REFERENCE);
            form.append_pair("StatusCallback", url.as_str());
        }
        form.append_pair("ValidityPeriod", &settings.validity_seconds.to_string());
        form.finish()
    }
}

impl Channel for Twilio {
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
        reports::read_inbound(&self.token, callback)
    }

    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        if self.settings.callback_url.is_none() {
            return Err(CallbackRefusal::NotTaken);
        }
        reports::read(&self.token, callback)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask_for_account())
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Remark>> {
        Box::pin(self.look())
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}
