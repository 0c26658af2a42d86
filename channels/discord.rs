//! Discord: one message to a room through a webhook, which answers with the message and its identifier.

use crate::classify::http::Answer;
use crate::classify::retry_after;
use crate::http::{Outlet, Reply, Silence};
use crate::registry::{Surroundings, between};
use crate::{post, room};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::fitting::{Fitted, Room};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Piece, Rendered};
use oyez_domain::text::measure::{Limit, Measure};
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Characters of a message.
const CONTENT: u32 = 2_000;

/// Settings of `[channels.NAME.via.discord]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The webhook's address, `https://discord.com/api/webhooks/ID/TOKEN`, for a forum with `?thread_id=`: whoever has
    /// it can write to the room.
    #[serde(default)]
    pub url: Option<SecretString>,
    /// A file that holds the address.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// Seconds Discord has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn default_timeout() -> u64 {
    20
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = between("timeout_seconds", self.timeout_seconds, 1..=120);
        faults.extend(self.endpoint().err());
        faults
    }

    /// The webhook itself, in the version of the API that is spoken here, whichever the address names.
    fn endpoint(&self) -> Result<Url, Refusal> {
        let mut url = room::url(self.url.as_ref(), self.url_file.as_ref())?;
        let path = versioned(url.path()).ok_or_else(|| {
            room::malformed(
                "it is not the address of a webhook, https://discord.com/api/webhooks/…/…",
            )
        })?;
        url.set_path(&path);
        Ok(url)
    }
}

/// `…/api/webhooks/ID/TOKEN` or `…/api/vN/webhooks/ID/TOKEN` as `…/api/v10/webhooks/ID/TOKEN`.
fn versioned(path: &str) -> Option<String> {
    let (before, webhook) = path.split_once("/webhooks/")?;
    let (id, token) = webhook.split_once('/')?;
    let number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let (api, version) = before.rsplit_once("/api")?;
    let whole = number && !token.is_empty() && !token.contains('/');
    let known = version.is_empty() || version.starts_with("/v");
    (whole && known).then(|| format!("{api}/api/v10/webhooks/{webhook}"))
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "discord",
    family: Family::Post,
    carries: AddressKind::Account,
    unit: LengthUnit::Utf16,
    limit: Some(CONTENT),
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &["url"],
};

/// The adapter.
pub(crate) struct Discord {
    name: ChannelName,
    webhook: Url,
    /// The same, asked to answer once the message is stored: without that, one that is not stored is no error.
    execute: Url,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Discord {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let timeout = Duration::from_secs(settings.timeout_seconds);
        let webhook = settings.endpoint().map_err(one)?;
        let mut execute = webhook.clone();
        execute.query_pairs_mut().append_pair("wait", "true");
        Ok(Self {
            name: name.clone(),
            webhook,
            execute,
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
        })
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let body = parcel.rendered.splice(|_| "".into());
        match room::post(&self.outlet, &self.execute, parcel, body).await {
            Ok(reply) => read(&reply, self.clock.wall()),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }

    async fn ask_for_webhook(&self) -> Result<String, String> {
        let describe = |silence: Silence| silence.verdict(Scope::Channel).reply;
        let request = self.outlet.request(Method::GET, self.webhook.clone());
        let reply = self.outlet.reply(request.map_err(describe)?).await;
        let reply = reply.map_err(describe)?;
        match (reply.status, reply.json()) {
            (200, Some(json)) if json.get("id").is_some() => {
                Ok("Discord knows the webhook.".to_owned())
            }
            (401 | 404, _) => Err("Discord does not know the webhook; make another one".to_owned()),
            (status, _) => Err(format!("Discord answered {status} without the webhook")),
        }
    }
}

/// Success is the message with its `id`, an error is `{"code": …, "message": …}`.
fn read(reply: &Reply, now: Wall) -> Verdict {
    let json = reply.json().unwrap_or_default();
    let code = json.get("code").and_then(Value::as_u64);
    let id = json.get("id").and_then(Value::as_str);
    let asked = json.get("retry_after").and_then(Value::as_f64);
    let answer = Answer {
        status: reply.status,
        own_body: match reply.status {
            200..=299 => id.is_some(),
            _ => code.is_some() && json.get("message").is_some(),
        },
        // The header has whole seconds, the body the exact time.
        wait: reply.wait(now).max(asked.map(retry_after::seconds)),
        reference: id.map(str::to_owned),
    };
    let outcome = match (reply.status, code.and_then(refused)) {
        (400..=428 | 430..=499, Some(outcome)) => outcome,
        _ => room::MANNER.outcome(answer, now),
    };
    let status = reply.status;
    let said = code
        .filter(|_| status > 299)
        .map(|code| format!("{status} code {code}"));
    Verdict::new(outcome, said.unwrap_or_else(|| status.to_string()))
}

/// What Discord's own codes mean, where the status alone does not say it.
fn refused(code: u64) -> Option<Outcome> {
    let channel = |reason| Outcome::ChannelRefused {
        reason,
        scope: Scope::Channel,
    };
    let message = |reason| Outcome::BadMessage { reason };
    match code {
        // No such webhook; a room that takes messages in threads alone.
        10_015 | 220_001 => Some(channel(Reason::Misconfigured)),
        50_027 => Some(channel(Reason::AuthFailed)),
        40_005 => Some(message(Reason::TooLong)),
        // Empty, malformed, no JSON, stopped by the room's own rules or for a link in it.
        50_006 | 50_035 | 50_109 | 200_000 | 240_000 => Some(message(Reason::ContentRejected)),
        _ => None,
    }
}

impl Channel for Discord {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let limit = Limit {
            measure: Measure::Utf16,
            most: CONTENT,
        };
        let room = Room {
            channel: &self.name,
            limits: &[limit],
            charset: None,
        };
        let Fitted { text, fit } = room.fit(notice, &post::text(notice, &self.name))?;
        // Whatever the text says, nobody is called by it.
        let body = json!({"content": text, "allowed_mentions": {"parse": []}});
        Ok(Rendered {
            pieces: vec![Piece::Fixed(body.to_string().into_bytes())],
            preview: text,
            fit,
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask_for_webhook())
    }

    fn check_signs_in(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_version_an_address_names_ours_is_spoken() {
        for (path, expected) in [
            ("/api/webhooks/42/x", Some("/api/v10/webhooks/42/x")),
            ("/api/v6/webhooks/42/x", Some("/api/v10/webhooks/42/x")),
            (
                "/room/discord/api/webhooks/42/x",
                Some("/room/discord/api/v10/webhooks/42/x"),
            ),
            ("/api/webhooks/42/x/slack", None),
            ("/api/webhooks/42", None),
            ("/api/webhooks/42/", None),
            ("/api/webhooks/me/x", None),
            ("/webhooks/42/x", None),
            ("/", None),
        ] {
            assert_eq!(versioned(path).as_deref(), expected, "{path}");
        }
    }
}
