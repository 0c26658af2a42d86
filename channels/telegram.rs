//! Telegram: one message to a channel or group through the Bot API, as plain text.

use crate::classify::http::Answer;
use crate::classify::retry_after;
use crate::http::{Outlet, Reply, Silence};
use crate::registry::{Surroundings, between};
use crate::{post, room, secret};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::fitting::{Fitted, Room};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Personal, Piece, Rendered};
use oyez_domain::text::measure::{Limit, Measure};
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use url::Url;

/// UTF-16 units of a message. Plain text has no entities that would be taken out before it is measured.
const TEXT: u32 = 4_096;

/// Settings of `[channels.NAME.via.telegram]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The bot's token, `110201543:AAH…`.
    #[serde(default)]
    pub token: Option<SecretString>,
    /// A file that holds the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// `@name` of a public channel, or the number of a channel or group, which begins with a minus sign.
    pub chat: String,
    /// Base URL of the Bot API.
    #[serde(default = "service")]
    pub server: Url,
    /// Seconds Telegram has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

#[expect(clippy::expect_used, reason = "a literal that a test parses")]
fn service() -> Url {
    Url::parse("https://api.telegram.org").expect("a URL")
}

fn default_timeout() -> u64 {
    20
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = between("timeout_seconds", self.timeout_seconds, 1..=120);
        faults.extend(self.bot().err());
        faults.extend(self.room().err());
        faults
    }

    /// The bot's own part of the API; the token stands in its path.
    fn bot(&self) -> Result<Url, Refusal> {
        let token = secret::required("token", self.token.as_ref(), self.token_file.as_ref())?;
        let (number, rest) = token.reveal().split_once(':').unwrap_or(("", ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let whole = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !whole || rest.is_empty() || !rest.bytes().all(plain) {
            let why = "it is not a bot's token, which has a number, a colon and letters";
            return Err(Refusal::new("token", "malformed_token", why));
        }
        let base = self.server.as_str().trim_end_matches('/');
        let malformed = |_| Refusal::new("server", "malformed_url", "it is not a URL");
        Url::parse(&format!("{base}/bot{}/", token.reveal())).map_err(malformed)
    }

    fn room(&self) -> Result<Value, Refusal> {
        let named = self.chat.strip_prefix('@').is_some_and(|name| {
            let sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !name.is_empty() && name.bytes().all(sign)
        });
        if named {
            return Ok(json!(self.chat));
        }
        let number: Option<i64> = self.chat.parse().ok();
        number.filter(|number| *number < 0).map(|number| json!(number)).ok_or_else(|| {
            let why = "give @name of a public channel, or the number of a channel or group, which is below zero";
            Refusal::new("chat", "malformed_chat", why)
        })
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "telegram",
    family: Family::Post,
    carries: AddressKind::Account,
    unit: LengthUnit::Utf16,
    limit: Some(TEXT),
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &["token", "chat"],
};

/// The adapter.
pub(crate) struct Telegram {
    name: ChannelName,
    bot: Url,
    chat: Value,
    /// The number that the group has since it became a supergroup; 0 while it has not.
    moved: AtomicI64,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Telegram {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            name: name.clone(),
            bot: settings.bot().map_err(one)?,
            chat: settings.room().map_err(one)?,
            moved: AtomicI64::new(0),
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
        })
    }

    /// Where the room is now.
    fn chat(&self) -> Value {
        match self.moved.load(Ordering::Relaxed) {
            0 => self.chat.clone(),
            moved => json!(moved),
        }
    }

    fn method(&self, name: &str) -> Result<Url, Silence> {
        let misconfigured = |_| Silence::NotSent(Reason::Misconfigured);
        self.bot.join(name).map_err(misconfigured)
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let chat = self.chat().to_string();
        let body = parcel.rendered.splice(|part| match part {
            Personal::Address => chat.as_str().into(),
            Personal::Reference | Personal::StopToken | Personal::Time => "".into(),
        });
        let reply = match self.method("sendMessage") {
            Ok(url) => room::post(&self.outlet, &url, parcel, body).await,
            Err(silence) => Err(silence),
        };
        match reply {
            Ok(reply) => self.read(&reply),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }

    /// Success is `{"ok": true, "result": …}`, an error `{"ok": false, "error_code": …, "description": …}`.
    fn read(&self, reply: &Reply) -> Verdict {
        let now = self.clock.wall();
        let json = reply.json().unwrap_or_default();
        let ok = json.get("ok").and_then(Value::as_bool);
        let number = |place: &str| json.pointer(place).and_then(Value::as_i64);
        let (chat, id) = (number("/result/chat/id"), number("/result/message_id"));
        let words = json.get("description").and_then(Value::as_str);
        let words = words.filter(|_| ok == Some(false));
        let asked = json
            .pointer("/parameters/retry_after")
            .and_then(Value::as_f64);
        let answer = Answer {
            status: reply.status,
            own_body: match reply.status {
                200..=299 => ok == Some(true) && id.is_some(),
                _ => words.is_some(),
            },
            wait: reply.wait(now).max(asked.map(retry_after::seconds)),
            // The message's number means something in its room alone, and an edit has to name both.
            reference: id
                .map(|id| chat.map_or_else(|| id.to_string(), |chat| format!("{chat}/{id}"))),
        };
        let status = reply.status;
        if let Some(moved) = number("/parameters/migrate_to_chat_id").filter(|_| status == 400) {
            self.moved.store(moved, Ordering::Relaxed);
            let reason = Reason::TryLater;
            let said = format!("400 the group is now {moved}; set chat = \"{moved}\"");
            return Verdict::new(Outcome::Deferred { reason }, said);
        }
        let own = words.and_then(|words| refused(status, words));
        let outcome = own.unwrap_or_else(|| room::MANNER.outcome(answer, now));
        Verdict::new(outcome, status.to_string())
    }

    async fn ask_for_chat(&self) -> Result<String, String> {
        let describe = |silence: Silence| silence.verdict(Scope::Channel).reply;
        let mut url = self.method("getChat").map_err(describe)?;
        let chat = self.chat();
        let chat = chat
            .as_str()
            .map_or_else(|| chat.to_string(), str::to_owned);
        url.query_pairs_mut().append_pair("chat_id", &chat);
        let request = self.outlet.request(Method::GET, url).map_err(describe)?;
        let reply = self.outlet.reply(request).await.map_err(describe)?;
        let json = reply.json().unwrap_or_default();
        match (reply.status, json.get("ok").and_then(Value::as_bool)) {
            (200, Some(true)) => Ok("Telegram knows the bot and the chat.".to_owned()),
            (401 | 404, _) => Err("Telegram does not know the bot's token".to_owned()),
            (400 | 403, _) => Err(
                "Telegram does not let the bot into the chat; add it, and check `chat`".to_owned(),
            ),
            (status, _) => Err(format!("Telegram answered {status} without the chat")),
        }
    }
}

/// What Telegram's own words mean, where the status alone does not say it.
fn refused(status: u16, words: &str) -> Option<Outcome> {
    let channel = |reason| Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    };
    let says = |part: &str| words.contains(part);
    match status {
        // No such bot.
        404 => Some(channel(Reason::AuthFailed)),
        400 if says("chat not found") || says("need administrator rights") => {
            Some(channel(Reason::Misconfigured))
        }
        400 if says("message is too long") => Some(Outcome::BadMessage {
            reason: Reason::TooLong,
        }),
        _ => None,
    }
}

impl Channel for Telegram {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let limit = Limit {
            measure: Measure::Utf16,
            most: TEXT,
        };
        let room = Room {
            channel: &self.name,
            limits: &[limit],
            charset: None,
        };
        let Fitted { text, fit } = room.fit(notice, &post::text(notice, &self.name))?;
        let rest = json!({"text": text, "link_preview_options": {"is_disabled": true}}).to_string();
        let rest = rest.strip_prefix('{').unwrap_or_default();
        let pieces = vec![
            Piece::Fixed(b"{\"chat_id\":".to_vec()),
            Piece::Personal(Personal::Address),
            Piece::Fixed(format!(",{rest}").into_bytes()),
        ];
        Ok(Rendered {
            pieces,
            preview: text,
            fit,
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask_for_chat())
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}
