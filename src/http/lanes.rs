//! Lanes: how many requests of one sort are at work at a time, so that a rush on one door does not hold up another.

use crate::host::Face;
use crate::places::full;
use crate::problem::Problem;
use crate::state::{Caller, Door, House};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests that change something, at a time: one group of the ledger's writer, so that what the engine has to record
/// never waits for more than that.
const WRITES: usize = 32;
/// Requests for a public page at a time.
const READERS: usize = 16;
/// Requests of console and API that only look, at a time.
const LOOKS: usize = 64;
/// What providers tell, at a time.
const RECEIPTS: usize = 64;
/// How long somebody waits for a turn before being told to come back.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a provider waits for one. Some never tell a thing again, so it is far longer.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(8);

/// One lane and how long it may be waited for.
#[derive(Debug)]
pub(crate) struct Lane {
    name: &'static str,
    turns: Semaphore,
    patience: Duration,
    turned_away: AtomicU64,
}

impl Lane {
    fn new(name: &'static str, turns: usize, patience: Duration) -> Self {
        Self {
            name,
            turns: Semaphore::new(turns),
            patience,
            turned_away: AtomicU64::new(0),
        }
    }

    /// A turn, once there is one; a refusal that says when to come back when it takes too long.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        match tokio::time::timeout(self.patience, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                let nth = self.turned_away.fetch_add(1, Ordering::Relaxed);
                Err(full("There are too many requests at the moment.", nth))
            }
        }
    }
}

/// Every lane.
#[derive(Debug)]
pub(crate) struct Lanes {
    writes: Lane,
    readers: Lane,
    looks: Lane,
    /// What providers tell. A turn is taken when the whole of it has arrived.
    pub(crate) receipts: Lane,
    /// Requests on connections beyond the places for their sort.
    beyond_places: AtomicU64,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            writes: Lane::new("writes", WRITES, PATIENCE),
            readers: Lane::new("readers", READERS, PATIENCE),
            looks: Lane::new("looks", LOOKS, PATIENCE),
            receipts: Lane::new("receipts", RECEIPTS, RECEIPT_PATIENCE),
            beyond_places: AtomicU64::new(0),
        }
    }
}

impl Lanes {
    /// The lane that a request has to take before it is looked at, if any.
    fn of(&self, request: &Request) -> Option<&Lane> {
        let path = request.uri().path();
        let looks_only = request.method().is_safe();
        match Face::of(path) {
            Face::Program if path.starts_with("/api/") && !looks_only => Some(&self.writes),
            Face::Program if path.starts_with("/api/") => Some(&self.looks),
            Face::Console if looks_only => Some(&self.looks),
            Face::Public if looks_only => Some(&self.readers),
            // A slow sender of a form must not keep a turn; who may write in the console is known by name.
            Face::Program | Face::Console | Face::Public => None,
        }
    }

    /// Counts a request that found no place, and says how many there were before it.
    pub(crate) fn note_beyond_places(&self) -> u64 {
        self.beyond_places.fetch_add(1, Ordering::Relaxed)
    }

    /// Requests turned away since the start, by what they were short of.
    pub(crate) fn turned_away(&self) -> [(&'static str, u64); 5] {
        let of = |lane: &Lane| (lane.name, lane.turned_away.load(Ordering::Relaxed));
        [
            of(&self.writes),
            of(&self.readers),
            of(&self.looks),
            of(&self.receipts),
            ("places", self.beyond_places.load(Ordering::Relaxed)),
        ]
    }
}

/// Has a request take its turn. The operator's own socket needs none, and who has no right to the API gets none.
pub(crate) async fn queue(State(house): State<House>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Door>() == Some(&Door::Socket) {
        return next.run(request).await;
    }
    let Some(lane) = house.lanes.of(&request) else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    // Who waits for a turn sends a body afterwards, at leisure: only those who may.
    if !parts.method.is_safe()
        && let Err(problem) = Caller::of(&parts, &house)
    {
        return problem.into_response();
    }
    match lane.turn().await {
        Ok(_turn) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[tokio::test]
    async fn who_waits_too_long_for_a_turn_is_told_when_to_come_back() {
        let lane = Lane::new("few", 1, Duration::from_millis(1));
        let turn = lane.turn().await.unwrap();
        let problem = lane.turn().await.unwrap_err();
        assert_eq!(problem.retry_after, Some(1));
        assert_eq!(lane.turned_away.load(Ordering::Relaxed), 1);
        drop(turn);
        assert!(lane.turn().await.is_ok());
    }

    #[test]
    fn each_request_has_the_lane_of_its_sort() {
        let lanes = Lanes::default();
        let lane = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path);
            lanes
                .of(&request.body(Body::empty()).unwrap())
                .map(|lane| lane.name)
        };
        assert_eq!(lane("POST", "/api/v1/updates"), Some("writes"));
        assert_eq!(lane("GET", "/api/v1/updates"), Some("looks"));
        assert_eq!(lane("GET", "/console"), Some("looks"));
        assert_eq!(lane("GET", "/"), Some("readers"));
        for (method, path) in [
            ("POST", "/console/login"),
            ("POST", "/callbacks/residents_sms"),
            ("POST", "/x/token"),
            ("GET", "/readyz"),
        ] {
            assert_eq!(lane(method, path), None, "{method} {path}");
        }
    }
}
