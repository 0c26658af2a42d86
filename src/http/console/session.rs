//! Who is signed in: random identifiers in a cookie, their hashes here.

use crate::problem::Problem;
use crate::state::House;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderValue, SET_COOKIE};
use hyper::http::request::Parts;
use oyez_domain::time::Boot;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A session that nobody uses ends after this time.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after this time, used or not.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions at a time; the one that was idle longest makes room.
const SESSIONS: usize = 1000;

#[derive(Debug, Clone, Copy)]
struct Span {
    began: Boot,
    used: Boot,
}

impl Span {
    fn is_over(&self, now: Boot) -> bool {
        now.since(self.used) >= IDLE || now.since(self.began) >= LONGEST
    }
}

/// Everybody who is signed in. A restart signs everybody out.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Span>>);

fn hash(id: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    hash
}

impl Sessions {
    fn begin(&self, id: &str, now: Boot) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.retain(|_, span| !span.is_over(now));
        if spans.len() >= SESSIONS {
            let idlest = spans
                .iter()
                .min_by_key(|(_, span)| span.used)
                .map(|(hash, _)| *hash);
            idlest.map(|hash| spans.remove(&hash));
        }
        spans.insert(
            hash(id),
            Span {
                began: now,
                used: now,
            },
        );
    }

    /// Whether this session lasts; looking keeps it alive.
    fn touch(&self, id: &str, now: Boot) -> bool {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lasts = spans.get_mut(&hash(id)).filter(|span| !span.is_over(now));
        lasts.map(|span| span.used = now).is_some()
    }

    fn end(&self, id: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&hash(id));
    }
}

/// `__Host-` binds the cookie to this very host, but browsers take it over https only.
fn cookie_name(house: &House) -> &'static str {
    if house.base.starts_with("https://") {
        "__Host-oyez"
    } else {
        "oyez"
    }
}

fn cookie(house: &House, value: &str, seconds: u64) -> Option<HeaderValue> {
    let secure = if house.base.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let name = cookie_name(house);
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
    ))
    .ok()
}

fn cookie_of<'a>(house: &House, headers: &'a HeaderMap) -> Option<&'a str> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == cookie_name(house))
        .map(|(_, id)| id)
}

/// Signs somebody in and sends them on.
pub(crate) fn begin(house: &House, headers: &HeaderMap, to: &str) -> Response {
    if let Some(old) = cookie_of(house, headers) {
        house.sessions.end(old);
    }
    let id = house.random_text::<32>();
    house.sessions.begin(&id, house.desk.clock.now());
    let mut response = Redirect::to(to).into_response();
    response
        .headers_mut()
        .extend(cookie(house, &id, LONGEST.as_secs()).map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// Signs somebody out.
pub(crate) fn end(house: &House, headers: &HeaderMap) -> Response {
    if let Some(id) = cookie_of(house, headers) {
        house.sessions.end(id);
    }
    let mut response = Redirect::to("/console/sign-in").into_response();
    response
        .headers_mut()
        .extend(cookie(house, "", 0).map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// Somebody who is signed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Officer;

impl Officer {
    /// The name in the audit trail.
    pub(crate) fn actor(self) -> &'static str {
        "console"
    }
}

/// Whoever is not signed in is sent to sign in.
pub(crate) enum NotSignedIn {
    /// Looks at a page.
    Redirect,
    /// Sends a form or watches a stream.
    Problem(Problem),
}

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        match self {
            Self::Redirect => Redirect::to("/console/sign-in").into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl FromRequestParts<House> for Officer {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, NotSignedIn> {
        let now = house.desk.clock.now();
        match cookie_of(house, &parts.headers) {
            Some(id) if house.sessions.touch(id, now) => Ok(Self),
            Some(_) | None if parts.method == hyper::Method::GET => Err(NotSignedIn::Redirect),
            Some(_) | None => Err(NotSignedIn::Problem(Problem::new(
                crate::problem::Kind::Unauthenticated,
                "Your session has ended. Nothing was changed. Sign in again and repeat it.",
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_after_twelve_hours_whatever_is_done() {
        let minutes = |many: u64| Boot(Duration::from_secs(many * 60));
        let sessions = Sessions::default();
        sessions.begin("a", minutes(0));
        assert!(sessions.touch("a", minutes(29)));
        assert!(sessions.touch("a", minutes(58)), "used, it goes on");
        assert!(!sessions.touch("a", minutes(88)), "30 minutes idle");
        sessions.begin("b", minutes(0));
        let lasted = (0..48)
            .filter(|step| sessions.touch("b", minutes(step * 20)))
            .count();
        assert_eq!(lasted, 36, "20 minutes apart for 12 hours");
        assert!(!sessions.touch("c", minutes(0)), "never begun");
    }
}
