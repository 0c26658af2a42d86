//! Who is signed in: random identifiers in a cookie, their hashes here.

use crate::accounts::hashed;
use crate::problem::{Kind, Problem};
use crate::state::House;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderValue, SET_COOKIE};
use hyper::http::request::Parts;
use oyez_domain::LedgerError;
use oyez_domain::id::UserId;
use oyez_domain::time::Boot;
use oyez_domain::user::{Permission, User};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A session that nobody uses ends after this time.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after this time, used or not.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// So long after a code was shown no new one is asked for, even for what is grave (OWASP ASVS 5.0, 7.5.3).
const STEP_UP: Duration = Duration::from_secs(5 * 60);
/// Sessions at a time; the one that was idle longest makes room.
const SESSIONS: usize = 1000;

/// The password was right, and the code is awaited so long.
const CODE_AWAITED: Duration = Duration::from_secs(5 * 60);

/// Who is behind a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever knows the token of this instance, while it has no users.
    Token,
    /// A user.
    User(UserId),
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The password was right; the code is awaited.
    CodeAwaited(UserId),
    /// Signed in.
    In(Who),
}

#[derive(Debug, Clone, Copy)]
struct Session {
    stage: Stage,
    began: Boot,
    used: Boot,
    /// When a code or the token was shown last.
    proven: Boot,
}

impl Session {
    fn is_over(&self, now: Boot) -> bool {
        let waited_out = match self.stage {
            Stage::CodeAwaited(_) => now.since(self.began) >= CODE_AWAITED,
            Stage::In(_) => false,
        };
        waited_out || now.since(self.used) >= IDLE || now.since(self.began) >= LONGEST
    }
}

/// Everybody who is signed in. A restart signs everybody out.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

impl Sessions {
    fn begin(&self, id: &str, stage: Stage, now: Boot) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| !session.is_over(now));
        if sessions.len() >= SESSIONS {
            let idlest = sessions
                .iter()
                .min_by_key(|(_, session)| session.used)
                .map(|(hash, _)| *hash);
            idlest.map(|hash| sessions.remove(&hash));
        }
        let session = Session {
            stage,
            began: now,
            used: now,
            proven: now,
        };
        sessions.insert(hashed(id), session);
    }

    /// The session, if it lasts; looking keeps it alive.
    fn touch(&self, id: &str, now: Boot) -> Option<Session> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions
            .get_mut(&hashed(id))
            .filter(|session| !session.is_over(now))?;
        session.used = now;
        Some(*session)
    }

    /// A code was shown in this session just now.
    fn prove(&self, id: &str, now: Boot) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get_mut(&hashed(id)) {
            session.proven = now;
        }
    }

    fn end(&self, id: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&hashed(id));
    }

    /// Ends every session of a user.
    pub(crate) fn end_all(&self, user: UserId) {
        let is_theirs = |session: &Session| match session.stage {
            Stage::CodeAwaited(who) | Stage::In(Who::User(who)) => who == user,
            Stage::In(Who::Token) => false,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, session| !is_theirs(session));
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
pub(crate) fn begin(house: &House, headers: &HeaderMap, who: Who, to: &str) -> Response {
    open(house, headers, Stage::In(who), LONGEST, to)
}

/// Remembers that the password was right, and asks for the code.
pub(crate) fn await_code(house: &House, headers: &HeaderMap, user: UserId, to: &str) -> Response {
    open(house, headers, Stage::CodeAwaited(user), CODE_AWAITED, to)
}

/// A new identifier at every step, so that one that was planted is worth nothing.
fn open(house: &House, headers: &HeaderMap, stage: Stage, lasts: Duration, to: &str) -> Response {
    if let Some(old) = cookie_of(house, headers) {
        house.sessions.end(old);
    }
    let id = house.random_text::<32>();
    house.sessions.begin(&id, stage, house.desk.clock.now());
    let mut response = Redirect::to(to).into_response();
    response
        .headers_mut()
        .extend(cookie(house, &id, lasts.as_secs()).map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// The user whose code is awaited in this session.
pub(crate) fn code_awaited(house: &House, headers: &HeaderMap) -> Option<UserId> {
    let session = house
        .sessions
        .touch(cookie_of(house, headers)?, house.desk.clock.now())?;
    match session.stage {
        Stage::CodeAwaited(user) => Some(user),
        Stage::In(_) => None,
    }
}

/// Notes that whoever is behind this session has just shown a code.
pub(crate) fn prove(house: &House, headers: &HeaderMap) {
    if let Some(id) = cookie_of(house, headers) {
        house.sessions.prove(id, house.desk.clock.now());
    }
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
#[derive(Debug, Clone)]
pub(crate) struct Officer {
    /// The user, or nobody in particular where the token of the instance opened the console.
    pub(crate) user: Option<User>,
    actor: String,
    /// Whether a code was shown within the last minutes, or none can be.
    pub(crate) proven_lately: bool,
}

impl Officer {
    /// The name in the audit trail.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// Goes on only if this may be done.
    pub(crate) fn may(&self, permission: Permission) -> Result<(), Problem> {
        let allowed = self.user.as_ref().is_none_or(|user| user.may(permission));
        if allowed {
            return Ok(());
        }
        let why = format!(
            "Your account does not have the permission {}. Nothing was changed. Somebody with the permission settings can give it.",
            permission.code()
        );
        Err(Problem::new(Kind::NotAllowed, why))
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
        if let Some(officer) = officer(house, &parts.headers).await? {
            return Ok(officer);
        }
        if parts.method == hyper::Method::GET {
            return Err(NotSignedIn::Redirect);
        }
        Err(NotSignedIn::Problem(Problem::new(
            Kind::Unauthenticated,
            "Your session has ended. Nothing was changed. Sign in again and repeat it.",
        )))
    }
}

/// Whoever is signed in with these headers. A user who was disabled since is not, and neither is the token once there
/// are users.
async fn officer(house: &House, headers: &HeaderMap) -> Result<Option<Officer>, NotSignedIn> {
    let now = house.desk.clock.now();
    let session = cookie_of(house, headers).and_then(|id| house.sessions.touch(id, now));
    let Some((who, session)) = session.and_then(|session| match session.stage {
        Stage::In(who) => Some((who, session)),
        Stage::CodeAwaited(_) => None,
    }) else {
        return Ok(None);
    };
    let failed = |error: LedgerError| NotSignedIn::Problem(Problem::from(error));
    Ok(match who {
        Who::Token if house.accounts.users().await.map_err(failed)?.is_empty() => Some(Officer {
            user: None,
            actor: "console".to_owned(),
            proven_lately: true,
        }),
        Who::Token => None,
        Who::User(id) => {
            let user = house.accounts.user(id).await.map_err(failed)?;
            (!user.disabled).then(|| Officer {
                actor: user.actor(),
                user: Some(user),
                proven_lately: now.since(session.proven) < STEP_UP,
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_after_twelve_hours_whatever_is_done() {
        let minutes = |many: u64| Boot(Duration::from_secs(many * 60));
        let sessions = Sessions::default();
        let lasts = |id: &str, at: u64| sessions.touch(id, minutes(at)).is_some();
        sessions.begin("a", Stage::In(Who::Token), minutes(0));
        assert!(lasts("a", 29));
        assert!(lasts("a", 58), "used, it goes on");
        assert!(!lasts("a", 88), "30 minutes idle");
        sessions.begin("b", Stage::In(Who::Token), minutes(0));
        let lasted = (0..48).filter(|step| lasts("b", step * 20)).count();
        assert_eq!(lasted, 36, "20 minutes apart for 12 hours");
        assert!(!lasts("c", 0), "never begun");
    }

    #[test]
    fn a_code_is_awaited_for_five_minutes_whatever_is_done_meanwhile() {
        let user = UserId::new(oyez_domain::time::Wall(0), [1; 10]);
        let minutes = |many: u64| Boot(Duration::from_secs(many * 60));
        let sessions = Sessions::default();
        sessions.begin("a", Stage::CodeAwaited(user), minutes(0));
        assert!(sessions.touch("a", minutes(4)).is_some());
        assert!(sessions.touch("a", minutes(5)).is_none());
    }

    #[test]
    fn every_session_of_a_user_can_be_ended() {
        let user = UserId::new(oyez_domain::time::Wall(0), [1; 10]);
        let now = Boot(Duration::from_secs(1));
        let sessions = Sessions::default();
        sessions.begin("a", Stage::CodeAwaited(user), now);
        sessions.begin("b", Stage::In(Who::User(user)), now);
        sessions.begin("c", Stage::In(Who::Token), now);
        sessions.end_all(user);
        let left = ["a", "b", "c"].map(|id| sessions.touch(id, now).is_some());
        assert_eq!(left, [false, false, true]);
    }
}
