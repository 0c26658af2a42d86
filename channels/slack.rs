//! Slack: one message to a room through an incoming webhook, which answers `ok` or one word of its list of errors.

use crate::classify::http::Answer;
use crate::http::{Outlet, Reply};
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
use oyez_domain::text::mrkdwn::mrkdwn;
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Characters of one section, escapes included.
const SECTION: u32 = 3_000;

/// Settings of `[channels.NAME.via.slack]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The webhook's address, `https://hooks.slack.com/services/T…/B/…`: whoever has it can write to the room.
    #[serde(default)]
    pub url: Option<SecretString>,
    /// A file that holds the address.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// Seconds Slack has to answer, body included.
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

    fn endpoint(&self) -> Result<Url, Refusal> {
        let url = room::url(self.url.as_ref(), self.url_file.as_ref())?;
        let path = url.path().split_once("/services/").map(|(_, path)| path);
        let parts: Vec<_> = path.unwrap_or("").split('/').collect();
        if parts.len() == 3 && parts.iter().all(|part| !part.is_empty()) {
            return Ok(url);
        }
        Err(room::malformed(
            "it is not the address of an incoming webhook, https://hooks.slack.com/services/T…/B…/…",
        ))
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "slack",
    family: Family::Post,
    carries: AddressKind::Account,
    unit: LengthUnit::Utf16,
    limit: Some(SECTION),
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &["url"],
};

/// The words Slack refuses with. Others in an answer are not Slack's.
const WORDS: [&str; 16] = [
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_blocks",
    "invalid_payload",
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "no_text",
    "posting_to_general_channel_denied",
    "rollup_error",
    "team_disabled",
    "too_many_attachments",
    "user_not_found",
];

/// The adapter.
pub(crate) struct Slack {
    name: ChannelName,
    url: Url,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Slack {
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
            url: settings.endpoint().map_err(one)?,
            outlet: Outlet::new(around.network.guard(), timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
        })
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let body = parcel.rendered.splice(|_| "".into());
        match room::post(&self.outlet, &self.url, parcel, body).await {
            Ok(reply) => read(&reply, self.clock.wall()),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }
}

/// Success is the word `ok`, an error one word of the list.
fn read(reply: &Reply, now: Wall) -> Verdict {
    let said = std::str::from_utf8(&reply.body).unwrap_or("").trim();
    let word = WORDS.into_iter().find(|word| *word == said);
    let answer = Answer {
        status: reply.status,
        own_body: match reply.status {
            200..=299 => said == "ok",
            _ => word.is_some(),
        },
        wait: reply.wait(now),
        reference: None,
    };
    let outcome = match (reply.status, word) {
        (403, Some("invalid_token")) => Outcome::ChannelRefused {
            reason: Reason::AuthFailed,
            scope: Scope::Channel,
        },
        _ => room::MANNER.outcome(answer, now),
    };
    let status = reply.status;
    Verdict::new(
        outcome,
        word.map_or_else(|| status.to_string(), |word| format!("{status} {word}")),
    )
}

impl Channel for Slack {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let limit = Limit {
            measure: Measure::Mrkdwn,
            most: SECTION,
        };
        let room = Room {
            channel: &self.name,
            limits: &[limit],
            charset: None,
        };
        let Fitted { text, fit } = room.fit(notice, &post::text(notice, &self.name))?;
        // What notifications show; who opens the room sees the block.
        let first = text.lines().next().unwrap_or("");
        let section = json!({"type": "mrkdwn", "text": mrkdwn(&text), "verbatim": true});
        let body = json!({
            "text": mrkdwn(first),
            "blocks": [{"type": "section", "text": section}],
        });
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
        Box::pin(async {
            Ok("Ready. Slack lets nobody try a room without writing to it.".to_owned())
        })
    }
}
