//! A house to knock at.

use crate::settings::HttpSettings;
use crate::state::{Door, House};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Request, StatusCode};
use oyez_dispatch::clock_guard::ClockGuard;
use oyez_dispatch::event::Events;
use oyez_dispatch::public::PublicChanges;
use oyez_dispatch::supervisor::{Mailboxes, lives};
use oyez_dispatch::{ConfiguredChannel, Desk, EngineSettings};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{
    Capabilities, ChannelName, Family, IdempotencyClass, LengthUnit, OnUnknown,
};
use oyez_domain::fitting::Room;
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::outcome::{Outcome, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use oyez_domain::reference::ReferenceKey;
use oyez_domain::rendered::Rendered;
use oyez_domain::text::fold::Charset;
use oyez_domain::text::measure::{Limit, Measure};
use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Channel, Clock, Random, Refusal};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(super) const TOKEN: &str = "oyz_test_0123456789abcdef0123";
pub(super) const HOST: &str = "127.0.0.1:8080";

/// It is half past ten on the morning of 27 November 2025 until a test lets time pass.
#[derive(Default)]
pub(super) struct Still(AtomicU64);

impl Still {
    pub(super) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn passed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for Still {
    fn now(&self) -> Boot {
        Boot(Duration::from_secs(1000) + self.passed())
    }
    fn wall(&self) -> Wall {
        Wall::parse("2025-11-27T10:30:00Z")
            .unwrap()
            .plus(self.passed())
    }
    fn sleep_until(&self, _: Boot) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// Different every time, the same in every run.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let seed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &number.to_be_bytes());
        for (byte, seed) in bytes.iter_mut().zip(seed.as_ref().iter().cycle()) {
            *byte = *seed;
        }
    }
}

/// A channel that goes nowhere; where it has a limit, it carries the GSM alphabet alone. Its callbacks are
/// believed with the token `good`.
struct Paper {
    name: ChannelName,
    capabilities: Capabilities,
}

impl Channel for Paper {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, Refusal> {
        let measure = Measure::Graphemes;
        let limits: Vec<_> = self
            .capabilities
            .limit
            .map(|most| Limit { measure, most })
            .into_iter()
            .collect();
        let room = Room {
            channel: &self.name,
            limits: &limits,
            charset: self.capabilities.limit.map(|_| Charset::Gsm7),
        };
        let fitted = room.fit(notice, &notice.headline())?;
        Ok(Rendered {
            pieces: Rendered::cut(&fitted.text, &[]),
            preview: fitted.text,
            fit: fitted.fit,
        })
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Verdict::new(Outcome::Accepted { reference: None }, "ok") })
    }

    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        if !callback.url.ends_with("/good") {
            return Err(CallbackRefusal::Unauthenticated);
        }
        let key = ReceiptKey::Reference(String::from_utf8_lossy(callback.body).into_owned());
        Ok(vec![Receipt {
            key,
            status: ReceiptStatus::Delivered,
            reason: None,
            provider_time: None,
        }])
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async { Ok("paper is patient".to_owned()) })
    }
}

fn channel(
    name: &str,
    family: Family,
    carries: AddressKind,
    limit: Option<u32>,
) -> ConfiguredChannel {
    let capabilities = Capabilities {
        kind: "paper",
        family,
        carries,
        unit: LengthUnit::Grapheme,
        limit,
        receipts: true,
        receipts_by_provider_id: false,
        idempotency: IdempotencyClass::Nothing,
        key_seconds: None,
        look_up: false,
        on_unknown: OnUnknown::Retry,
        needs: &[],
    };
    ConfiguredChannel {
        weight: None,
        name: name.parse().unwrap(),
        settings: serde_json::from_value(json!({})).unwrap(),
        adapter: Arc::new(Paper {
            name: name.parse().unwrap(),
            capabilities,
        }),
    }
}

/// A house with a mail channel and a notice board that takes 60 characters.
pub(super) struct Fixture {
    pub(super) router: Router,
    pub(super) desk: Desk,
    pub(super) house: House,
    pub(super) still: Arc<Still>,
    pub(super) settings: HttpSettings,
    _mailboxes: Mailboxes,
    pub(super) folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let still = Arc::new(Still::default());
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) =
            (Arc::clone(&still) as _, Arc::new(Counting::default()));
        let store = oyez_storage::StorageSettings::in_directory(folder.path().join("store"));
        let ledger = oyez_storage::open(&store, clock.wall(), &*random).unwrap();
        let channels = vec![
            channel("board", Family::Post, AddressKind::Account, Some(60)),
            channel("mail", Family::Email, AddressKind::Email, None),
        ];
        let (lives, mailboxes) = lives(channels, &clock, Duration::from_secs(1));
        let organisation = Organisation {
            name: "Westminster City Council".to_owned(),
            gss: "E09000033".to_owned(),
            contact_telephone: "020 7641 6000".to_owned(),
            public_host: "status.example.gov.uk".to_owned(),
            public_url: "https://status.example.gov.uk".to_owned(),
            time_zone: "Europe/London".to_owned(),
            closed_on: Vec::new(),
        };
        let guard = Arc::new(ClockGuard::new(clock));
        let accounts = Arc::clone(&ledger) as _;
        let desk = Desk {
            organisation: Arc::new(organisation),
            reference_key: ReferenceKey::new(&ledger.reference_secret()),
            ledger,
            clock: Arc::clone(&guard) as _,
            guard,
            random,
            lives,
            events: Events::default(),
            public: PublicChanges::default(),
            settings: EngineSettings::default(),
            ending: CancellationToken::new(),
        };
        let settings: HttpSettings = serde_json::from_value(json!({ "token": TOKEN })).unwrap();
        let house = House::new(
            desk.clone(),
            accounts,
            settings.clone(),
            CancellationToken::new(),
        );
        Self {
            router: crate::router::router(house.clone()),
            desk,
            house,
            still,
            settings,
            _mailboxes: mailboxes,
            folder,
        }
    }

    /// The raw answer, for streams.
    pub(super) async fn knock(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(Door::Network);
        if !request.headers().contains_key("host") {
            request.headers_mut().insert("host", HOST.parse().unwrap());
        }
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.knock(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// A request without credentials.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    /// A request of a program that has the token.
    pub(super) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.keyed(method, path, body, None).await
    }

    /// The same with an idempotency key.
    pub(super) async fn keyed(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {TOKEN}"));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.ask(request.unwrap()).await
    }

    /// A form that a browser posts from our own page.
    pub(super) async fn form(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header("origin", format!("http://{HOST}"))
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(body)).unwrap()).await
    }

    /// An incident's identifier.
    pub(super) async fn incident(&self) -> String {
        let body = json!({
            "title": "Cyber security incident",
            "known": ["It was identified on the morning of 24 November."],
            "not_known": ["The full scope of the incident."],
            "doing": ["Protecting systems."],
            "assurances": ["No double payments."],
            "affected": [{ "name": "Royal Borough of Kensington and Chelsea", "advice": "Contact your own council." }],
        });
        let answer = self.api("POST", "/incidents", Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// A draft with this headline.
    pub(super) async fn draft(&self, headline: &str) -> Value {
        let body = json!({
            "incident": self.incident().await,
            "headline": headline,
            "what_to_do": ["Call 020 7641 6000."],
            "what_not_to_do": ["Do not cancel your Direct Debit."],
            "next_update_by": "2025-11-27T16:00:00Z",
        });
        let answer = self.api("POST", "/updates", Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()
    }

    /// An update that went out to one person and the board.
    pub(super) async fn released(&self, headline: &str) -> Value {
        let person = json!({ "email": "resident@example.org" });
        assert_eq!(
            self.api("POST", "/subscribers", Some(person)).await.status,
            StatusCode::CREATED
        );
        let draft = self.draft(headline).await;
        let path = format!("/updates/{}/send", draft["id"].as_str().unwrap());
        let answer = self.keyed("POST", &path, None, Some("once")).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        draft
    }
}
