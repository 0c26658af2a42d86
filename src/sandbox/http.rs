//! The HTTP providers' front: finds channel and provider from the path, plays the script, logs, answers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Interval, interval};

use crate::backstage::Backstage;
use crate::clock;
use crate::log::Entry;
use crate::play::{Ask, ChannelPlay, Point};
use crate::receipts::{self, Callback, Taken};
use crate::scenario::Action;
use crate::{hook, mastodon, sms};

/// Largest request body read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Serves one connection until the client leaves or the script cuts it.
pub(crate) async fn serve(stream: TcpStream, backstage: Arc<Backstage>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let service = service_fn(move |request| answer(Arc::clone(&backstage), request));
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).pipeline_flush(true);
    server
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(std::io::Error::other)
}

/// A whole request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) channel: String,
    /// Path after the channel, without a slash at either end.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a provider makes of a request.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) effect: bool,
    pub(crate) provider_id: Option<String>,
    pub(crate) receipt: Option<(Callback, Taken)>,
}

impl Outcome {
    pub(crate) fn taken(status: u16, body: String, id: &str) -> Self {
        Self {
            status,
            body,
            effect: true,
            provider_id: Some(id.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn refused(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl Request {
    async fn read(request: hyper::Request<Incoming>) -> Result<Self, Cut> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(|_| Cut)?
            .to_bytes();
        let path = head.uri.path().trim_matches('/');
        let (channel, path) = path.split_once('/').unwrap_or((path, ""));
        let (channel, path) = (channel.to_owned(), path.to_owned());
        Ok(Self {
            method: head.method,
            channel,
            path,
            headers: head.headers,
            body,
        })
    }

    /// A header's text; empty when absent or not text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")
            .strip_prefix("Bearer ")
            .filter(|token| !token.is_empty())
    }
}

/// Which provider a path belongs to.
#[derive(Clone, Copy)]
enum Place<'a> {
    Sms,
    Statuses,
    Mastodon(mastodon::Reading<'a>),
    Hook(&'a str),
    Nowhere,
}

impl<'a> Place<'a> {
    fn of(request: &'a Request) -> Self {
        let post = request.method == Method::POST;
        let get = request.method == Method::GET;
        let path = request.path.as_str();
        match path.split_once('/') {
            _ if request.channel.is_empty() => Self::Nowhere,
            Some(("sms", "messages")) if post => Self::Sms,
            Some(("mastodon", "api/v1/statuses")) if post => Self::Statuses,
            Some(("mastodon", rest)) if get => {
                mastodon::Reading::of(rest).map_or(Self::Nowhere, Self::Mastodon)
            }
            Some(("hook", endpoint)) if post && !endpoint.is_empty() => Self::Hook(endpoint),
            _ => Self::Nowhere,
        }
    }

    fn to_and_key(self, request: &Request) -> (String, String) {
        match self {
            Self::Sms => sms::to_and_key(request),
            Self::Statuses => (
                request.channel.clone(),
                request.header("idempotency-key").to_owned(),
            ),
            Self::Mastodon(_) => (request.channel.clone(), String::new()),
            Self::Hook(endpoint) => (endpoint.to_owned(), hook::key(request)),
            Self::Nowhere => (String::new(), String::new()),
        }
    }

    /// The provider's usual answer.
    fn usual(self, request: &Request, play: &ChannelPlay, backstage: &Backstage) -> Outcome {
        let now = clock::wall();
        match self {
            Self::Sms => sms::send(request, play, &backstage.next_id()),
            Self::Statuses => backstage
                .accounts
                .post(request, play, &backstage.next_id(), now),
            Self::Mastodon(reading) => backstage.accounts.read(reading, request, play),
            Self::Hook(endpoint) => hook::receive(
                request,
                endpoint,
                play,
                &backstage.seen,
                now.as_second(),
                &backstage.next_id(),
            ),
            Self::Nowhere => Outcome::refused(404, r#"{"error":"not found"}"#.to_owned()),
        }
    }

    /// The API's own form of error, which is how a sender knows that the API and not a proxy speaks.
    fn error_body(self, status: u16) -> String {
        let (code, message) = match status {
            429 => ("too_many_requests", "Too many requests"),
            500..=599 => ("unavailable", "The service has a temporary problem"),
            _ => ("refused", "The request was refused"),
        };
        match self {
            Self::Sms => sms::error(code, message),
            Self::Statuses | Self::Mastodon(_) => mastodon::error(message),
            Self::Hook(_) | Self::Nowhere => message.to_owned(),
        }
    }

    /// Plays an action that answers by itself; `None` leaves it to the provider.
    fn scripted(self, action: Option<&Action>, usual: impl FnOnce() -> Outcome) -> Outcome {
        match action {
            Some(Action::Http {
                status,
                body,
                headers,
                retry_after,
                effect,
            }) => {
                let mut outcome = if *effect { usual() } else { Outcome::default() };
                outcome.status = *status;
                outcome.body = body.clone().unwrap_or_else(|| self.error_body(*status));
                outcome.headers = headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                outcome.headers.extend(
                    retry_after
                        .iter()
                        .map(|value| ("retry-after".to_owned(), value.clone())),
                );
                outcome
            }
            Some(Action::RateLimit { retry_after, .. }) => {
                Outcome::refused(429, self.error_body(429))
                    .with_header("retry-after", retry_after.as_deref().unwrap_or("1"))
            }
            Some(Action::DropBeforeEffect) => Outcome::default(),
            None
            | Some(Action::DropAfterEffect | Action::SlowDrip { .. } | Action::Smtp { .. }) => {
                usual()
            }
        }
    }
}

async fn answer(
    backstage: Arc<Backstage>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Answer>, Cut> {
    let request = Request::read(request).await?;
    let place = Place::of(&request);
    let (to, key) = place.to_and_key(&request);
    let play = backstage.play().channel(&request.channel);
    let at_us = clock::boottime_us();
    // Only what could have an effect is played with; reading is always answered as usual.
    let turn = if request.method == Method::POST {
        let number = play.begin(at_us);
        play.decide(Ask {
            point: Point::Http,
            number,
            to: &to,
            key: &key,
            at_us,
        })
        .unwrap_or_default()
    } else {
        crate::play::Turn::default()
    };
    let outcome = place.scripted(turn.action.as_ref(), || {
        place.usual(&request, &play, &backstage)
    });
    let dropped = matches!(
        turn.action,
        Some(Action::DropBeforeEffect | Action::DropAfterEffect)
    );
    let reply = if dropped {
        "dropped".to_owned()
    } else {
        outcome.status.to_string()
    };
    let entry = Entry {
        channel: &request.channel,
        to: &to,
        key: &key,
        reply: &reply,
        effect: outcome.effect,
        provider_id: outcome.provider_id.as_deref(),
        bytes: request.body.len(),
    };
    backstage.log.append(entry).map_err(|_| Cut)?;
    if outcome.effect {
        backstage.log.keep(&request.channel, request.body.clone());
    }
    if let Some((callback, taken)) = outcome.receipt.as_ref().filter(|_| outcome.effect) {
        receipts::dispatch(&backstage, &play, callback, taken);
    }
    if turn.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(turn.latency_ms)).await;
    }
    if dropped {
        return Err(Cut);
    }
    outcome.into_response(turn.action.as_ref())
}

type Answer = Either<Full<Bytes>, Drip>;

impl Outcome {
    fn into_response(self, action: Option<&Action>) -> Result<Response<Answer>, Cut> {
        let bytes = Bytes::from(self.body);
        let json = matches!(bytes.first(), Some(b'{' | b'['));
        let body = if let Some(Action::SlowDrip { ms_per_byte }) = action {
            Either::Right(Drip::new(bytes, *ms_per_byte))
        } else {
            Either::Left(Full::new(bytes))
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(|_| Cut)?;
        let kind = if json {
            "application/json; charset=utf-8"
        } else {
            "text/plain; charset=utf-8"
        };
        response
            .headers_mut()
            .insert("content-type", HeaderValue::from_static(kind));
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).map_err(|_| Cut)?;
            response
                .headers_mut()
                .insert(name, HeaderValue::try_from(value).map_err(|_| Cut)?);
        }
        Ok(response)
    }
}

/// A body sent byte by byte.
struct Drip {
    rest: Bytes,
    pace: Interval,
}

impl Drip {
    fn new(rest: Bytes, ms_per_byte: u64) -> Self {
        Self {
            rest,
            pace: interval(Duration::from_millis(ms_per_byte.max(1))),
        }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.pace
            .poll_tick(context)
            .map(|_| Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

/// Ends the connection without an answer: hyper hangs up when a service fails.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script cut the connection")
    }
}

impl std::error::Error for Cut {}
