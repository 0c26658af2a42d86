//! The HTTP providers' front: finds channel and provider from the path, plays the script, logs, answers.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::backstage::Backstage;
use crate::clock;
use crate::exchange::{Answer, Cut, Outcome, Request};
use crate::log::Entry;
use crate::play::{Ask, ChannelPlay, Point, Turn};
use crate::room::Room;
use crate::scenario::Action;
use crate::{hook, kannel, mastodon, notify, receipts, sms, twilio, vonage};

/// Serves one connection until the client leaves or the script cuts it. An idle connection stays open: a close of
/// ours that crosses a request on the wire would be a fault that no script asked for.
pub(crate) async fn serve(stream: TcpStream, backstage: Arc<Backstage>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let service = service_fn(move |request| answer(Arc::clone(&backstage), request));
    let mut server = hyper::server::conn::http1::Builder::new();
    server.pipeline_flush(true);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    connection.await.map_err(std::io::Error::other)
}

async fn answer(
    backstage: Arc<Backstage>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Answer>, Cut> {
    let request = Request::read(request).await?;
    let place = Place::of(&request);
    let (to, key) = place.to_and_key(&request);
    let play = backstage.play().channel(&request.channel);
    let turn = turn(place, &play, &to, &key);
    let outcome = place.scripted(turn.action.as_ref(), || {
        place.usual(&request, &play, &backstage)
    });
    let dropped = matches!(
        turn.action,
        Some(Action::DropBeforeEffect | Action::DropAfterEffect)
    );
    let status = outcome.status.to_string();
    let entry = Entry {
        channel: &request.channel,
        to: &to,
        key: &key,
        reply: if dropped { "dropped" } else { &status },
        effect: outcome.effect,
        provider_id: outcome.provider_id.as_deref(),
        bytes: request.body.len(),
    };
    backstage.log.append(entry).map_err(|_| Cut)?;
    if outcome.effect {
        backstage.log.keep(&request.channel, request.body.clone());
    }
    if let Some((callback, taken)) = &outcome.receipt {
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

/// The script's turn. Only what could have an effect is played with; reading is answered as usual.
fn turn(place: Place<'_>, play: &ChannelPlay, to: &str, key: &str) -> Turn {
    if !place.can_have_an_effect() {
        return Turn::default();
    }
    let at_us = clock::boottime_us();
    let ask = Ask {
        point: Point::Http,
        number: play.begin(at_us),
        to,
        key,
        at_us,
    };
    play.decide(ask).unwrap_or_default()
}

/// Which provider a path belongs to.
#[derive(Clone, Copy)]
enum Place<'a> {
    Sms,
    Statuses,
    Mastodon(mastodon::Reading<'a>),
    Hook(&'a str),
    Notify(notify::Asked),
    Twilio(&'a str),
    Kannel,
    Vonage,
    VonageBalance,
    Room(Room<'a>),
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
            Some(("notify", rest)) if post || get => {
                notify::Asked::of(rest, post).map_or(Self::Nowhere, Self::Notify)
            }
            Some(("twilio", rest)) if (post || get) && twilio::serves(rest, post) => {
                Self::Twilio(rest)
            }
            Some(("kannel", "cgi-bin/sendsms")) if get => Self::Kannel,
            Some(("vonage", "sms/json")) if post => Self::Vonage,
            Some(("vonage", "account/get-balance")) if get => Self::VonageBalance,
            Some(("hook", endpoint)) if post && !endpoint.is_empty() => Self::Hook(endpoint),
            _ => Room::of(&request.method, path).map_or(Self::Nowhere, Self::Room),
        }
    }

    fn can_have_an_effect(self) -> bool {
        match self {
            Self::Sms | Self::Statuses | Self::Hook(_) | Self::Kannel | Self::Vonage => true,
            Self::Notify(asked) => asked.is_to_send(),
            Self::Twilio(path) => path.ends_with("/Messages.json"),
            Self::Room(room) => room.can_have_an_effect(),
            Self::Mastodon(_) | Self::VonageBalance | Self::Nowhere => false,
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
            Self::Notify(_) => notify::to_and_key(request),
            Self::Twilio(_) => twilio::to_and_key(request),
            Self::Kannel => kannel::to_and_key(request),
            Self::Vonage => vonage::to_and_key(request),
            Self::Room(_) => Room::to_and_key(request),
            Self::VonageBalance | Self::Nowhere => (String::new(), String::new()),
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
            Self::Notify(asked) => backstage.postbox.answer(
                asked,
                request,
                play,
                now.as_second(),
                &backstage.next_id(),
            ),
            Self::Twilio(path) => twilio::answer(request, path, play, &backstage.next_id()),
            Self::Kannel => kannel::send(request, play, &backstage.next_id()),
            Self::Vonage => vonage::send(request, play, &backstage.next_id()),
            Self::VonageBalance => vonage::balance(),
            Self::Room(room) => room.answer(request, play, backstage),
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
            Self::Notify(_) => notify::error(status, notify::kind(status), message),
            Self::Twilio(_) => twilio::error(status, twilio::code(status), message),
            Self::Kannel => kannel::error(status),
            Self::Vonage | Self::VonageBalance => vonage::error("5", message),
            Self::Room(room) => room.error(status),
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
