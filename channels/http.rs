//! The only builder of HTTP clients: guarded, without redirects and proxies, every answer bounded in time and size.

use crate::certificate;
use crate::classify::retry_after;
use crate::guard::{Forbidden, Guard, Reach};
use oyez_domain::Refusal;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::time::Wall;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client, Method, RequestBuilder, redirect};
use std::error::Error;
use std::time::Duration;
use url::Url;

/// Bytes of an answer that are read; the rest is not waited for.
const MOST_BYTES: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// Shorter than servers keep an idle connection, so that few requests meet a closing one.
const IDLE: Duration = Duration::from_secs(20);

/// Two clients, one that may go to the public internet and one that stays in allowed networks.
pub(crate) struct Outlet {
    guard: Guard,
    public: Client,
    inside: Option<Client>,
}

/// A whole answer, or as much of it as was read.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, cut at 64 KiB; empty when it broke off.
    pub(crate) body: Vec<u8>,
    /// Until when the server's certificate is valid; nothing in clear text.
    pub(crate) certificate: Option<Wall>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The guard said no.
    Forbidden(Forbidden),
    /// No byte of the request may have left.
    NotSent(Reason),
    /// The request may have been carried out.
    MaybeSent(Reason),
}

impl Outlet {
    /// Clients whose requests end within `timeout`, body included.
    ///
    /// # Errors
    /// When the secure-connection library cannot be set up.
    pub(crate) fn new(guard: Guard, timeout: Duration) -> Result<Self, Refusal> {
        Self::trusting(guard, timeout, &[])
    }

    /// The same, trusting these roots beside the public ones.
    pub(crate) fn trusting(
        guard: Guard,
        timeout: Duration,
        more: &[Certificate],
    ) -> Result<Self, Refusal> {
        let client = |reach| {
            client(&guard, reach, timeout, more).map_err(|error| {
                let why = format!("the HTTP client cannot be set up: {}", error.without_url());
                Refusal::new("via", "no_client", why)
            })
        };
        Ok(Self {
            public: client(Reach::Public)?,
            // Nothing to reach, no client: each one reads all root certificates.
            inside: guard
                .has_inside()
                .then(|| client(Reach::Inside))
                .transpose()?,
            guard,
        })
    }

    /// A request to a URL that the guard lets through.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Silence> {
        let client = match self.guard.reach(&url).map_err(Silence::Forbidden)? {
            Reach::Public => Some(&self.public),
            Reach::Inside => self.inside.as_ref(),
        };
        let client = client.ok_or(Silence::Forbidden(Forbidden::Scheme))?;
        Ok(client.request(method, url))
    }

    /// The answer to a request.
    pub(crate) async fn reply(&self, request: RequestBuilder) -> Result<Reply, Silence> {
        let mut response = request.send().await.map_err(|error| silence(&error))?;
        let mut body = Vec::new();
        while body.len() < MOST_BYTES {
            match response.chunk().await {
                Ok(Some(bytes)) => body.extend_from_slice(&bytes),
                Ok(None) => break,
                Err(_) => {
                    body.clear();
                    break;
                }
            }
        }
        body.truncate(MOST_BYTES);
        let secured = response.extensions().get::<TlsInfo>();
        let certificate = secured.and_then(TlsInfo::peer_certificate);
        let certificate = certificate.and_then(certificate::not_after);
        Ok(Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
            certificate,
        })
    }
}

impl Reply {
    /// The wait that `Retry-After` asks for, if there is one.
    pub(crate) fn wait(&self, now: Wall) -> Option<Duration> {
        let values = self.headers.get_all(RETRY_AFTER).iter();
        retry_after::wait(values.map(|value| value.to_str().unwrap_or("")), now)
    }

    /// The wait until the limit is reset that this answer says is reached, by the header that says so.
    pub(crate) fn reset(&self, header: &str, now: Wall) -> Option<Duration> {
        let value = self.headers.get(header)?.to_str().ok()?;
        (self.status == 429).then(|| retry_after::reset(value.trim(), now))?
    }

    /// The body as JSON, if it is an object or a list.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .ok()
            .filter(|value: &serde_json::Value| value.is_object() || value.is_array())
    }
}

impl Silence {
    /// The outcome; `scope` says whom an outage concerns.
    pub(crate) fn verdict(self, scope: Scope) -> Verdict {
        match self {
            Self::Forbidden(why) => {
                let reason = Reason::ForbiddenAddress;
                Verdict::new(Outcome::ChannelRefused { reason, scope }, why.to_string())
            }
            Self::NotSent(reason) => {
                Verdict::new(Outcome::ChannelDown { reason, scope }, reason.code())
            }
            Self::MaybeSent(reason) => Verdict::new(Outcome::Unknown { reason }, reason.code()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where clients are made"
)]
fn client(
    guard: &Guard,
    reach: Reach,
    timeout: Duration,
    more: &[Certificate],
) -> reqwest::Result<Client> {
    let mut roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|root| Certificate::from_der(root))
        .collect::<reqwest::Result<Vec<_>>>()?;
    roots.extend_from_slice(more);
    Client::builder()
        .dns_resolver(guard.resolver(reach))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .tls_certs_merge(roots)
        // Well before the whole time is up, so that a failed connection is known to have sent nothing.
        .connect_timeout(CONNECT.min(timeout / 2))
        .timeout(timeout)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .http1_only()
        .tls_info(true)
        .user_agent(concat!("oyez/", "0.1"))
        .build()
}

/// Why a request has no answer, read from the chain of causes.
fn silence(error: &reqwest::Error) -> Silence {
    if let Some(forbidden) = cause::<Forbidden>(error) {
        return Silence::Forbidden(*forbidden);
    }
    if error.is_builder() {
        return Silence::NotSent(Reason::Misconfigured);
    }
    if error.is_connect() {
        let reason = match () {
            () if error.is_dns() => Reason::Dns,
            () if cause::<rustls::Error>(error).is_some() => Reason::Tls,
            () => Reason::Connect,
        };
        return Silence::NotSent(reason);
    }
    Silence::MaybeSent(if error.is_timeout() {
        Reason::Timeout
    } else {
        Reason::Uncertain
    })
}

/// The first cause of type `T`.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error's own `source` passes over the error it carries.
        let carried = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match carried {
            Some(carried) => Some(carried),
            None => error.source(),
        };
    }
    None
}
