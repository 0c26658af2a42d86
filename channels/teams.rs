//! Microsoft Teams: one card to a room through the webhook of a Workflow, which says that it began and no more.

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
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Bytes of a body. Teams makes more of it before it measures, and what is too long then is lost without a word: 28,672
/// are allowed, and 24,453 were seen to become 28,897.
const BODY: u32 = 20 * 1024;

/// Settings of `[channels.NAME.via.teams]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The workflow's address, with its `sig=`: whoever has it can write to the room.
    #[serde(default)]
    pub url: Option<SecretString>,
    /// A file that holds the address.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// Seconds the workflow has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn default_timeout() -> u64 {
    30
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = between("timeout_seconds", self.timeout_seconds, 1..=120);
        faults.extend(self.endpoint().err());
        faults
    }

    /// Microsoft moves these addresses, so that only those that are known to be dead are refused by their host.
    fn endpoint(&self) -> Result<Url, Refusal> {
        let url = room::url(self.url.as_ref(), self.url_file.as_ref())?;
        let is_at = |domain: &str| match url.host() {
            Some(Host::Domain(host)) => {
                let before = host.strip_suffix(domain);
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
        };
        let retired = [
            "webhook.office.com",
            "outlook.office.com",
            "outlook.office365.com",
        ];
        let signed =
            |(name, value): (Cow<'_, str>, Cow<'_, str>)| name == "sig" && !value.is_empty();
        let fault = if retired.into_iter().any(is_at) {
            "connectors of Office 365 are retired, and said 200 to what they refused; make a workflow in Teams"
        } else if is_at("logic.azure.com") {
            "addresses at logic.azure.com ended on 30 November 2025; copy the workflow's new one from Teams"
        } else if !url.query_pairs().any(signed) {
            "its sig= is missing; copy the whole address from Teams"
        } else {
            return Ok(url);
        };
        Err(room::malformed(fault))
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "teams",
    family: Family::Post,
    carries: AddressKind::Account,
    unit: LengthUnit::Byte,
    limit: Some(BODY),
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &["url"],
};

/// The adapter.
pub(crate) struct Teams {
    name: ChannelName,
    url: Url,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Teams {
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

/// 202 means that the workflow began; whether it ended well is told to nobody. No form of error is promised either, so
/// that after a 5xx nobody can tell.
fn read(reply: &Reply, now: Wall) -> Verdict {
    let answer = Answer {
        status: reply.status,
        own_body: reply.status == 202,
        wait: reply.wait(now),
        reference: None,
    };
    let outcome = match reply.status {
        // The card's form is ours and every card has it: it is the workflow that expects another, or is switched off.
        400 => Outcome::ChannelRefused {
            reason: Reason::Misconfigured,
            scope: Scope::Channel,
        },
        _ => room::MANNER.outcome(answer, now),
    };
    Verdict::new(outcome, reply.status.to_string())
}

/// The message with a card that has these blocks and leads to the update's page.
fn message(blocks: &[Value], notice: &Notice) -> Vec<u8> {
    let open = json!({
        "type": "Action.OpenUrl", "title": notice.organisation.public_host, "url": notice.url(),
    });
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard",
        // Teams takes no later one from a webhook.
        "version": "1.4", "body": blocks, "actions": [open],
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
    });
    let message = json!({"type": "message", "attachments": [attachment]});
    message.to_string().into_bytes()
}

/// One line. A card shows no line breaks within a block.
fn block(line: &str, heading: bool) -> Value {
    let mut block = json!({"type": "TextBlock", "text": line, "wrap": true});
    if heading {
        block["weight"] = "Bolder".into();
    }
    block
}

fn bytes(value: &Value) -> u32 {
    u32::try_from(value.to_string().len()).unwrap_or(u32::MAX)
}

impl Channel for Teams {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let headline = notice.headline();
        let around = u32::try_from(message(&[], notice).len()).unwrap_or(u32::MAX);
        let heading = bytes(&block("", true)) - bytes(&block("", false));
        let limit = Limit {
            // Every block with the comma behind it.
            measure: Measure::Blocks {
                per_line: bytes(&block("", false)) + 1,
            },
            most: BODY.saturating_sub(around + heading),
        };
        let room = Room {
            channel: &self.name,
            limits: &[limit],
            charset: None,
        };
        let Fitted { text, mut fit } = room.fit(notice, &post::text(notice, &self.name))?;
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty());
        let blocks: Vec<_> = lines
            .map(|(at, line)| block(line, at == 0 && line == headline))
            .collect();
        let body = message(&blocks, notice);
        (fit.length, fit.limit) = (u32::try_from(body.len()).unwrap_or(u32::MAX), Some(BODY));
        Ok(Rendered {
            pieces: vec![Piece::Fixed(body)],
            preview: text,
            fit,
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            Ok("Ready. Teams lets nobody try a workflow without writing to the room.".to_owned())
        })
    }
}
