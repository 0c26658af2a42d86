//! Partners' webhooks: signed posts in the form of Standard Webhooks 1.0.0, one endpoint's faults kept to itself.

mod event;
mod sign;

use crate::classify::http::{Answer, Manner};
use crate::http::{Outlet, Reply};
use crate::registry::Surroundings;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::{Capabilities, Family, IdempotencyClass, LengthUnit, OnUnknown};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Fit, Piece, Rendered};
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Settings of `[channels.NAME.via.webhook]`. Endpoints and their secrets are stored, not configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Seconds a partner has to answer, body included.
    pub timeout_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_seconds: 20,
        }
    }
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        crate::registry::between("timeout_seconds", self.timeout_seconds, 1..=120)
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "webhook",
    family: Family::Webhook,
    carries: AddressKind::Endpoint,
    unit: LengthUnit::Byte,
    limit: Some(64 * 1024),
    receipts: false,
    receipts_by_provider_id: false,
    // The receiver takes `webhook-id` as idempotency key; the same id goes with every attempt.
    idempotency: IdempotencyClass::NativeKey,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Retry,
    needs: &[],
};

const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::NativeKey,
    scope: Scope::Destination,
};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The adapter.
pub(crate) struct Webhook {
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// An adapter with these settings.
    pub(crate) fn build(settings: &Settings, around: &Surroundings) -> Result<Self, Vec<Refusal>> {
        let guard = around.network.guard();
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            outlet: Outlet::new(guard, timeout).map_err(|refusal| vec![refusal])?,
            clock: Arc::clone(&around.clock),
        })
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let scope = Scope::Destination;
        let refused =
            |reason, why: &str| Verdict::new(Outcome::ChannelRefused { reason, scope }, why);
        let Ok(url) = Url::parse(parcel.address.reveal()) else {
            return refused(Reason::Misconfigured, "the endpoint's URL is malformed");
        };
        let Some(keys) = sign::Keys::read(&parcel.secret) else {
            return refused(Reason::Misconfigured, "the endpoint's secret is malformed");
        };
        let now = self.clock.wall();
        let timestamp = now.0.div_euclid(1_000_000);
        let id = parcel.reference.as_str();
        let body = parcel.rendered.splice(|_| "".into());
        let signature = keys.signature(id, timestamp, &body);
        let request = match self.outlet.request(Method::POST, url) {
            Ok(request) => request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .header(ID, id)
                .header(TIMESTAMP, timestamp)
                .header(SIGNATURE, signature)
                .body(body),
            Err(silence) => return silence.verdict(scope),
        };
        match self.outlet.reply(request).await {
            Ok(reply) => self.read(&reply),
            Err(silence) => silence.verdict(scope),
        }
    }

    /// Any 2xx is success: the standard says nothing of what stands in it.
    fn read(&self, reply: &Reply) -> Verdict {
        let now = self.clock.wall();
        let answer = Answer {
            status: reply.status,
            own_body: (200..=299).contains(&reply.status),
            wait: reply.wait(now),
            reference: None,
        };
        Verdict::new(MANNER.outcome(answer, now), reply.status.to_string())
    }
}

fn rendered(body: serde_json::Result<Vec<u8>>) -> Result<Rendered, Refusal> {
    let body = body.map_err(|error| {
        let why = format!("the event cannot be written: {error}");
        Refusal::new("update", "unrenderable", why)
    })?;
    let fit = Fit::bytes(&body, CAPABILITIES.limit, "the event for partners")?;
    Ok(Rendered {
        preview: String::from_utf8_lossy(&body).into_owned(),
        pieces: vec![Piece::Fixed(body)],
        fit,
    })
}

impl Channel for Webhook {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        rendered(event::body(notice))
    }

    /// An event of its own type, so that no partner's program takes it for an update.
    fn render_test(&self, notice: &Notice, _: &Address) -> Result<Rendered, Refusal> {
        rendered(event::test(notice))
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            Ok("Ready. Each partner's endpoint is tried when it is sent to.".to_owned())
        })
    }
}
