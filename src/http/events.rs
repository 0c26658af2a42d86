//! Event streams: progress at most once a second for each channel, events as they come.

use crate::journal::{Numbered, Opening};
use crate::problem::{Kind, Problem};
use crate::progress::{BroadcastBody, ProgressBody};
use crate::state::{Caller, House};
use crate::view::Time;
use axum::extract::{Path, State};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, HeaderName};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::ToSchema;

/// A silent stream says this often that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that lost the stream comes back after this time.
const RETRY: Duration = Duration::from_secs(3);
/// Progress is looked at this often.
const TICK: Duration = Duration::from_secs(1);

/// One thing that happened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventBody {
    /// When.
    pub at: Time,
    /// On which channel.
    pub channel: String,
    /// `paused`, `resumed`, `rejected`, `waiting`, `recovered`, `unknown`, `halted` or `done`.
    pub code: String,
    /// Why, for programs.
    pub reason: Option<String>,
    /// The line people read.
    pub line: String,
}

/// What a stream is about.
enum Subject {
    /// One update and the channels it goes to; the stream ends with it.
    Update(UpdateId),
    /// Everything that is not settled.
    All,
}

/// A stream at work.
struct Feed {
    house: House,
    subject: Subject,
    opening: Opening,
    /// The channels of the subject; none known means every one.
    channels: Vec<ChannelName>,
    tick: Interval,
    /// What each broadcast looked like when it was last told.
    told: HashMap<u32, BroadcastBody>,
    ready: VecDeque<sse::Event>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    fn open(
        house: House,
        subject: Subject,
        channels: Vec<ChannelName>,
        last: Option<&str>,
    ) -> Result<Self, Problem> {
        let place = house.streams.clone().try_acquire_owned().map_err(|_| {
            let problem = Problem::new(Kind::TooManyStreams, "There are 200 streams open already.");
            Problem {
                retry_after: Some(5),
                ..problem
            }
        })?;
        let mut opening = house.journal.open(last);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (missed, gap) = (std::mem::take(&mut opening.missed), opening.gap);
        let mut feed = Self {
            house,
            subject,
            opening,
            channels,
            tick,
            told: HashMap::new(),
            ready: VecDeque::from([sse::Event::default().retry(RETRY)]),
            ended: false,
            _place: place,
        };
        if gap {
            feed.reset();
        }
        missed.into_iter().for_each(|numbered| feed.event(numbered));
        Ok(feed)
    }

    fn push<T: Serialize>(&mut self, name: &str, id: Option<String>, data: &T) {
        let event = sse::Event::default().event(name).json_data(data);
        self.ready.extend(event.ok().map(|event| match id {
            Some(id) => event.id(id),
            None => event,
        }));
    }

    /// Something was missed: whoever listens should look at the whole state anew.
    fn reset(&mut self) {
        self.push(
            "reset",
            None,
            &serde_json::json!({ "reason": "some events are kept no more" }),
        );
    }

    fn event(&mut self, (number, event): Numbered) {
        if !self.channels.is_empty() && !self.channels.contains(&event.channel) {
            return;
        }
        let body = EventBody {
            at: event.at.into(),
            channel: event.channel.into(),
            code: event.code,
            reason: event.reason.map(|reason| reason.code().to_owned()),
            line: event.line,
        };
        self.push("event", Some(self.house.journal.id(number)), &body);
    }

    fn broadcast(&mut self, body: BroadcastBody) {
        if self.told.get(&body.broadcast) != Some(&body) {
            self.push("progress", None, &body);
            self.told.insert(body.broadcast, body);
        }
    }

    /// Looks how it goes; a store that is busy for a moment is asked again at the next tick.
    async fn look(&mut self) {
        match self.subject {
            Subject::Update(update) => {
                let Ok(progress) = self.house.desk.progress(update).await else {
                    return;
                };
                let progress = ProgressBody::from(progress);
                progress
                    .broadcasts
                    .iter()
                    .cloned()
                    .for_each(|body| self.broadcast(body));
                if progress.finished {
                    self.push("done", None, &progress);
                    self.ended = true;
                }
            }
            Subject::All => {
                let Ok(rows) = self.house.desk.queue().await else {
                    return;
                };
                let broadcasts = rows.into_iter().flat_map(|row| row.broadcasts);
                let bodies: Vec<BroadcastBody> = broadcasts.map(Into::into).collect();
                self.told
                    .retain(|known, _| bodies.iter().any(|body| body.broadcast == *known));
                bodies.into_iter().for_each(|body| self.broadcast(body));
            }
        }
    }

    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                () = self.house.end.cancelled() => return None,
                _ = self.tick.tick() => self.look().await,
                heard = self.opening.rest.recv() => match heard {
                    Ok(numbered) => self.event(numbered),
                    Err(RecvError::Lagged(_)) => self.reset(),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn answer(self) -> Response {
        let events = stream::unfold(self, Self::next);
        let alive = KeepAlive::new().interval(HEARTBEAT).text("hb");
        let unbuffered = [
            (HeaderName::from_static("x-accel-buffering"), "no"),
            (CACHE_CONTROL, "no-store"),
        ];
        (unbuffered, Sse::new(events).keep_alive(alive)).into_response()
    }
}

fn last_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
}

/// A stream about one update. It ends with `done`.
pub(crate) async fn about(
    house: House,
    update: UpdateId,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let progress = house.desk.progress(update).await?;
    let channels = progress
        .broadcasts
        .into_iter()
        .map(|broadcast| broadcast.channel)
        .collect();
    Ok(Feed::open(house, Subject::Update(update), channels, last_id(headers))?.answer())
}

/// How one update goes, as server-sent events: `progress`, `event`, `reset`, and `done` at the end.
#[utoipa::path(get, path = "/api/v1/updates/{id}/stream", tag = "sending",
    params(("id" = String, Path), ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String),
        (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn stream(
    State(house): State<House>,
    _: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let update = house.desk.find_update(&id).await?.id;
    about(house, update, &headers).await
}

/// Everything that happens, as server-sent events: `progress`, `event` and `reset`.
#[utoipa::path(get, path = "/api/v1/events", tag = "sending",
    params(("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String),
        (status = "default", body = crate::problem::ProblemBody)))]
pub(crate) async fn all(
    State(house): State<House>,
    _: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(Feed::open(house, Subject::All, Vec::new(), last_id(&headers))?.answer())
}
