//! Places for connections: the last ones are kept for those who must get in whatever rush there is.

use crate::host::Face;
use crate::problem::{Kind, Problem};
use crate::state::House;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONNECTION, HeaderValue};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One place in so many is kept for console and API beyond the ordinary ones, and as many for callbacks beyond those.
const RESERVED: usize = 8;
/// Those who are turned away are asked to come back after one second, two, and so on to this many, in turn: all at once they
/// would be as many again.
const COME_BACK_SECONDS: u64 = 8;

/// Whom a connection may ask for something, by how full the house was when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Anything.
    Ordinary,
    /// Console, API and what providers tell: a rush of readers must not keep out whoever can stop an update.
    Office,
    /// What providers tell and whether the program is well: a rush at the API must not lose receipts.
    Receipts,
}

impl Rank {
    /// Whether a connection of this rank is answered at `path`.
    fn admits(self, path: &str) -> bool {
        let needed = match Face::of(path) {
            Face::Public => Self::Ordinary,
            Face::Console => Self::Office,
            Face::Program if path.starts_with("/api/") || path == "/metrics" => Self::Office,
            Face::Program => Self::Receipts,
        };
        self <= needed
    }
}

/// One place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) rank: Rank,
    _permit: OwnedSemaphorePermit,
}

/// All places of the network's doors.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    reserve: usize,
}

impl Places {
    /// `ordinary` places and the reserve beyond them.
    pub(crate) fn new(ordinary: usize) -> Self {
        let reserve = reserve(ordinary);
        Self {
            free: Arc::new(Semaphore::new(ordinary + 2 * reserve)),
            reserve,
        }
    }

    /// The next place, once there is one; none when there are no more to come.
    pub(crate) async fn take(&self) -> Option<Place> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let free = self.free.available_permits();
        let rank = if free >= 2 * self.reserve {
            Rank::Ordinary
        } else if free >= self.reserve {
            Rank::Office
        } else {
            Rank::Receipts
        };
        Some(Place {
            rank,
            _permit: permit,
        })
    }
}

fn reserve(ordinary: usize) -> usize {
    ordinary.div_ceil(RESERVED)
}

/// Connections from the network that can be open at a time when there are so many `ordinary` places.
pub fn most(ordinary: usize) -> usize {
    ordinary + 2 * reserve(ordinary)
}

/// Turns away what the connection's rank does not admit, and ends the connection with it.
pub(crate) async fn admit(State(house): State<House>, request: Request, next: Next) -> Response {
    let rank = request.extensions().get::<Rank>().copied();
    if rank.is_none_or(|rank| rank.admits(request.uri().path())) {
        return next.run(request).await;
    }
    let turned_away = house.lanes.note_beyond_places();
    let mut answer = full("Every connection is taken.", turned_away).into_response();
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// What somebody is told for whom there is no room at the moment, and who is the nth.
pub(crate) fn full(what: &str, nth: u64) -> Problem {
    let seconds = 1 + nth % COME_BACK_SECONDS;
    Problem {
        retry_after: u32::try_from(seconds).ok(),
        ..Problem::new(Kind::Busy, format!("{what} Nothing was changed."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_places_are_for_the_office_and_for_receipts() {
        let places = Places::new(8);
        let mut taken = Vec::new();
        for _ in 0..10 {
            taken.push(places.take().await.unwrap());
        }
        let ranks: Vec<Rank> = taken.iter().map(|place| place.rank).collect();
        assert!(ranks[..8].iter().all(|rank| *rank == Rank::Ordinary));
        assert_eq!(ranks[8..], [Rank::Office, Rank::Receipts]);
        // Who leaves makes room for somebody else of the same rank.
        taken.remove(0);
        assert_eq!(places.take().await.unwrap().rank, Rank::Receipts);
    }

    #[test]
    fn a_rank_admits_what_matters_more_than_it_costs() {
        for (path, lowest) in [
            ("/", Rank::Ordinary),
            ("/u/AB12", Rank::Ordinary),
            ("/x/token", Rank::Ordinary),
            ("/console/updates", Rank::Office),
            ("/api/v1/updates", Rank::Office),
            ("/metrics", Rank::Office),
            ("/callbacks/residents_sms", Rank::Receipts),
            ("/readyz", Rank::Receipts),
        ] {
            for rank in [Rank::Ordinary, Rank::Office, Rank::Receipts] {
                assert_eq!(rank.admits(path), rank <= lowest, "{path} {rank:?}");
            }
        }
    }
}
