//! Mastodon: one public post through `POST /api/v1/statuses`, never twice for the same reference.

mod look;
mod look_up;

use crate::classify::http::{Answer, Manner};
use crate::http::{Outlet, Reply, Silence};
use crate::post;
use crate::registry::Surroundings;
use crate::secret;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::fitting::{Fitted, Room};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Scope, Verdict};
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::ports::LookUp;
use oyez_domain::remark::Remark;
use oyez_domain::rendered::{Piece, Rendered};
use oyez_domain::text::measure::{Limit, Measure};
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Characters that every link counts, however long it is (the instance's `characters_reserved_per_url`).
const PER_URL: u32 = 23;

/// Settings of `[channels.NAME.via.mastodon]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Base URL of the instance, e.g. `https://mastodon.example`.
    pub server: Url,
    /// Access token of the account with the scope `write:statuses`; with `read:accounts` and `read:statuses` as well,
    /// a post that may be out can be looked for once its key is too old to be repeated.
    #[serde(default)]
    pub token: Option<SecretString>,
    /// A file that holds the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Who sees posts.
    #[serde(default)]
    pub visibility: Visibility,
    /// The instance's limit in characters (`configuration.statuses.max_characters`).
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// Seconds the instance has to answer, body included.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

/// Who sees a post.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody, and it stands in public timelines.
    #[default]
    Public,
    /// Everybody who looks.
    Unlisted,
    /// Followers.
    Private,
    /// The accounts that it names; for tests.
    #[serde(skip_deserializing)]
    Direct,
}

fn default_limit() -> u32 {
    500
}

fn default_timeout() -> u64 {
    20
}

impl Settings {
    /// Every fault in these settings.
    pub fn check(&self) -> Vec<Refusal> {
        let mut faults = crate::registry::between("limit", u64::from(self.limit), 100..=100_000);
        faults.extend(crate::registry::between(
            "timeout_seconds",
            self.timeout_seconds,
            1..=120,
        ));
        faults.extend(self.secret().err());
        if !self.server.path().ends_with('/') && self.server.path().contains("/api/") {
            let why = "give the instance's base URL, without /api/…";
            faults.push(Refusal::new("server", "malformed_url", why));
        }
        faults
    }

    fn secret(&self) -> Result<Secret, Refusal> {
        secret::required("token", self.token.as_ref(), self.token_file.as_ref())
    }

    fn endpoint(&self, path: &str) -> Result<Url, Refusal> {
        let base = self.server.as_str().trim_end_matches('/');
        let malformed = |_| Refusal::new("server", "malformed_url", "it is not a URL");
        Url::parse(&format!("{base}/{path}")).map_err(malformed)
    }
}

/// What every channel of this kind can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    kind: "mastodon",
    family: Family::Post,
    carries: AddressKind::Account,
    unit: LengthUnit::Grapheme,
    limit: Some(500),
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::NativeKey,
    key_seconds: Some(3_600),
    look_up: true,
    on_unknown: OnUnknown::Hold,
    needs: &["server", "token"],
};

const MANNER: Manner = Manner {
    idempotency: IdempotencyClass::NativeKey,
    scope: Scope::Channel,
};

/// The adapter.
pub(crate) struct Mastodon {
    name: ChannelName,
    capabilities: Capabilities,
    visibility: Visibility,
    statuses: Url,
    instance: Url,
    token: Secret,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
}

/// The request's body.
#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
    visibility: Visibility,
    language: &'a str,
}

impl Mastodon {
    /// An adapter with these settings.
    pub(crate) fn build(
        name: &ChannelName,
        settings: &Settings,
        around: &Surroundings,
    ) -> Result<Self, Vec<Refusal>> {
        let one = |refusal| vec![refusal];
        let guard = around.network.guard();
        let timeout = Duration::from_secs(settings.timeout_seconds);
        Ok(Self {
            name: name.clone(),
            capabilities: Capabilities {
                limit: Some(settings.limit),
                ..CAPABILITIES
            },
            visibility: settings.visibility,
            statuses: settings.endpoint("api/v1/statuses").map_err(one)?,
            instance: settings.endpoint("api/v2/instance").map_err(one)?,
            token: settings.secret().map_err(one)?,
            outlet: Outlet::new(guard, timeout).map_err(one)?,
            clock: Arc::clone(&around.clock),
        })
    }

    fn write(
        &self,
        notice: &Notice,
        said: &str,
        visibility: Visibility,
    ) -> Result<Rendered, Refusal> {
        let limit = Limit {
            measure: Measure::Post { per_link: PER_URL },
            most: self.capabilities.limit.unwrap_or(u32::MAX),
        };
        let room = Room {
            channel: &self.name,
            limits: &[limit],
            charset: None,
        };
        let Fitted { text, fit } = room.fit(notice, said)?;
        let status = Status {
            status: &text,
            visibility,
            language: notice.language.split('-').next().unwrap_or("en"),
        };
        let body = serde_json::to_vec(&status).map_err(|error| {
            Refusal::new(
                "update",
                "unrenderable",
                format!("the post cannot be written: {error}"),
            )
        })?;
        Ok(Rendered {
            pieces: vec![Piece::Fixed(body)],
            preview: text,
            fit,
        })
    }

    async fn post(&self, parcel: &Parcel) -> Verdict {
        let request = match self.outlet.request(Method::POST, self.statuses.clone()) {
            Ok(request) => request
                .bearer_auth(self.token.reveal())
                .header("idempotency-key", parcel.reference.as_str())
                .header(CONTENT_TYPE, "application/json")
                .body(parcel.rendered.splice(|_| "".into())),
            Err(silence) => return silence.verdict(Scope::Channel),
        };
        match self.outlet.reply(request).await {
            Ok(reply) => self.read(&reply),
            Err(silence) => silence.verdict(Scope::Channel),
        }
    }

    /// Success is a status with an `id` and a `url`; an error is `{"error": …}`.
    fn read(&self, reply: &Reply) -> Verdict {
        let now = self.clock.wall();
        let json = reply.json();
        let field = |name: &str| json.as_ref()?.get(name)?.as_str();
        let link = field("id").and(field("url"));
        let answer = Answer {
            status: reply.status,
            own_body: match reply.status {
                200..=299 => link.is_some(),
                _ => field("error").is_some(),
            },
            wait: reply
                .wait(now)
                .or_else(|| reply.reset("x-ratelimit-reset", now)),
            reference: link.map(str::to_owned),
        };
        Verdict::new(MANNER.outcome(answer, now), reply.status.to_string())
    }

    async fn ask_instance(&self) -> Result<String, String> {
        let request = self
            .outlet
            .request(Method::GET, self.instance.clone())
            .map_err(describe)?;
        let reply = self.outlet.reply(request).await.map_err(describe)?;
        let json = reply.json().unwrap_or_default();
        let most = json
            .pointer("/configuration/statuses/max_characters")
            .and_then(serde_json::Value::as_u64);
        let ours = u64::from(self.capabilities.limit.unwrap_or(u32::MAX));
        match most {
            None => Err(format!(
                "the server answered {} without saying what it is; check `server`",
                reply.status
            )),
            Some(most) if most < ours => Err(format!(
                "the instance takes {most} characters, `limit` says {ours}; set limit = {most}"
            )),
            Some(most) => Ok(format!("The instance answers and takes {most} characters.")),
        }
    }
}

fn describe(silence: Silence) -> String {
    silence.verdict(Scope::Channel).reply
}

impl Channel for Mastodon {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        self.write(notice, &post::text(notice, &self.name), self.visibility)
    }

    fn tests_one_account(&self) -> bool {
        true
    }

    /// A direct post that names `to`: nobody else sees it.
    fn render_test(&self, notice: &Notice, to: &Address) -> Result<Rendered, Refusal> {
        let said = notice.own(&self.name).unwrap_or_else(|| notice.headline());
        self.write(
            notice,
            &format!("{} {said}", to.reveal()),
            Visibility::Direct,
        )
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(self.post(parcel))
    }

    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, LookUp> {
        Box::pin(self.find(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.ask_instance())
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Remark>> {
        Box::pin(self.look())
    }
}
