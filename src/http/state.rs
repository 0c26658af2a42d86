//! What every handler shares, and who is asking.

use crate::accounts::password::Hashing;
use crate::accounts::throttle::Throttle;
use crate::console::session::Sessions;
use crate::journal::Journal;
use crate::lanes::Lanes;
use crate::settings::HttpSettings;
use crate::site::Site;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use oyez_dispatch::Desk;
use oyez_domain::accounts::Accounts;
use secrecy::ExposeSecret;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::problem::{Kind, Problem};

/// Event streams at a time.
const STREAMS: usize = 200;

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct House {
    /// The use-cases.
    pub desk: Desk,
    /// How people reach us, without a slash at the end.
    pub base: Arc<str>,
    /// The settings.
    pub settings: Arc<HttpSettings>,
    /// The public site's pages.
    pub(crate) site: Arc<Site>,
    /// Recent events, for streams that come back.
    pub(crate) journal: Arc<Journal>,
    /// Who may sign in to the console, and with what.
    pub accounts: Arc<dyn Accounts>,
    /// Who is signed in to the console.
    pub(crate) sessions: Arc<Sessions>,
    /// Where passwords are hashed.
    pub(crate) hashing: Hashing,
    /// The brake on guessing.
    pub(crate) throttle: Arc<Throttle>,
    /// Turns for requests by their sort.
    pub(crate) lanes: Arc<Lanes>,
    /// Places for event streams.
    pub(crate) streams: Arc<Semaphore>,
    /// Ends the streams when the program ends.
    pub(crate) end: CancellationToken,
}

impl House {
    /// The shared state for `desk`.
    pub fn new(
        desk: Desk,
        accounts: Arc<dyn Accounts>,
        settings: HttpSettings,
        end: CancellationToken,
    ) -> Self {
        Self {
            accounts,
            hashing: Hashing::default(),
            throttle: Arc::default(),
            base: settings.base().into(),
            journal: Arc::new(Journal::new(&*desk.random)),
            sessions: Arc::default(),
            site: Arc::default(),
            lanes: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            settings: Arc::new(settings),
            desk,
            end,
        }
    }

    /// Whether this is the token of this instance. Takes the same time however much of it is right.
    pub(crate) fn is_token(&self, offered: &str) -> bool {
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        self.settings.token.as_ref().is_some_and(|token| {
            let (known, offered) = (hash(token.expose_secret()), hash(offered));
            verify_slices_are_equal(known.as_ref(), offered.as_ref()).is_ok()
        })
    }

    /// `bytes` unpredictable bytes as lower-case text.
    pub(crate) fn random_text<const N: usize>(&self) -> String {
        let mut bytes = [0; N];
        self.desk.random.fill(&mut bytes);
        data_encoding::BASE32_DNSSEC.encode(&bytes)
    }
}

/// Which door a request came in by; every request carries one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The network.
    Network,
    /// The control socket in the data directory, which only the operator can open.
    Socket,
}

/// Whoever may use the API.
#[derive(Debug, Clone, Copy)]
pub struct Caller(Door);

impl Caller {
    /// The name in the audit trail.
    pub fn actor(self) -> &'static str {
        match self.0 {
            Door::Network => "token",
            Door::Socket => "cli",
        }
    }

    /// Who sent this request.
    pub(crate) fn of(parts: &Parts, house: &House) -> Result<Self, Problem> {
        if parts.extensions.get::<Door>() == Some(&Door::Socket) {
            return Ok(Self(Door::Socket));
        }
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let offered = header
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match offered {
            Some((_, token)) if house.is_token(token.trim()) => Ok(Self(Door::Network)),
            Some(_) => Err(Problem::new(
                Kind::Unauthenticated,
                "The token is not the one of this instance.",
            )),
            None => Err(Problem::new(
                Kind::Unauthenticated,
                "The request carries no bearer token.",
            )),
        }
    }
}

impl FromRequestParts<House> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Problem> {
        Self::of(parts, house)
    }
}
