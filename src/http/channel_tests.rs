//! `/api/v1/channels/{name}/test`: one clearly marked test message to one address.

use crate::body::Json;
use crate::idempotency;
use crate::problem::Problem;
use crate::state::{Caller, House};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use oyez_dispatch::DeskError;
use oyez_dispatch::desk::test_message::Tested;
use oyez_domain::channel::ChannelName;
use oyez_domain::test_message::TestResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// To whom a test message goes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// One email address, telephone number or account, or the name of a partner's endpoint.
    pub to: String,
    /// The kind of the provider that is tested, where the channel has several; otherwise the first is.
    #[serde(default)]
    pub via: Option<String>,
}

/// What the provider answered to a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TestedBody {
    /// The channel.
    pub channel: String,
    /// The adapter's kind.
    pub kind: String,
    /// Enough of the address to recognise it.
    pub to: String,
    /// The message's own reference; null when nobody can tell what became of it.
    pub reference: Option<String>,
    /// `accepted`, `throttled`, `deferred`, `rejected`, `bad_message`, `channel_down`, `channel_refused` or `unknown`.
    pub outcome: String,
    /// Why, for programs.
    pub reason: Option<String>,
    /// Why, in words.
    pub label: Option<String>,
    /// The provider's own words.
    pub reply: String,
    /// The provider's identifier of an accepted message.
    pub provider_id: Option<String>,
    /// The message as a person would read it.
    pub text: String,
}

impl TestedBody {
    fn new(channel: &ChannelName, tested: Tested) -> Self {
        let TestResult {
            reference,
            outcome,
            reason,
            reply,
            provider_id,
        } = tested.result;
        Self {
            channel: channel.to_string(),
            kind: tested.kind.to_owned(),
            to: tested.to,
            reference: reference.map(|reference| reference.to_string()),
            outcome: outcome.code().to_owned(),
            reason: reason.map(|reason| reason.code().to_owned()),
            label: reason.map(|reason| reason.label().to_owned()),
            reply,
            provider_id,
            text: tested.text,
        }
    }
}

/// Sends one test message, marked as one, and says what the provider answered. A held channel is tested all the same.
#[utoipa::path(post, path = "/api/v1/channels/{name}/test", tag = "channels", request_body = TestBody,
    params(("name" = String, Path), ("Idempotency-Key" = String, Header, description = "One value per intended message")),
    responses((status = 200, body = TestedBody), (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn send(
    State(house): State<House>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Json<TestBody>,
) -> Result<Response, Problem> {
    let route = "POST /channels/{name}/test";
    let key = idempotency::required(&headers, caller, route, &name, &body.bytes)?;
    let channel: ChannelName = name.parse().map_err(DeskError::from)?;
    let TestBody { to, via } = &body.value;
    let done = house
        .desk
        .test_channel(&channel, via.as_deref(), to, &key, caller.actor())
        .await?;
    Ok(idempotency::answer(done, |tested| {
        axum::Json(TestedBody::new(&channel, tested)).into_response()
    }))
}
