//! The connections of one channel: so many and no more, kept open, and dropped at the first doubt.

use crate::classify::smtp::{Broken, Stage};
use crate::examine;
use crate::smtp::dial::{Failure, Route, Security, dial};
use crate::smtp::message::Envelope;
use crate::smtp::session::Session;
use crate::smtp::wire::Reply;
use oyez_domain::Clock;
use oyez_domain::outcome::{Outcome, Verdict};
use oyez_domain::remark::Remark;
use oyez_domain::time::{Boot, Wall};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many connections, and how long they serve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connections: u32,
    pub(crate) messages_per_connection: u32,
    pub(crate) idle: Duration,
}

/// Sessions at rest, newest last, and the permits of those at work.
pub(crate) struct Pool {
    route: Route,
    limits: Limits,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
    parked: Mutex<Vec<(Boot, Session)>>,
}

impl Pool {
    /// A pool without connections; each is made when it is needed.
    pub(crate) fn new(route: Route, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let permits = usize::try_from(limits.connections).unwrap_or(1);
        Self {
            route,
            limits,
            clock,
            permits: Semaphore::new(permits),
            parked: Mutex::new(Vec::new()),
        }
    }

    /// Sends one message over a connection of its own.
    pub(crate) async fn send(&self, letter: &Envelope<'_>) -> Verdict {
        // The semaphore is never closed; were it, going on without a permit would only open one connection more.
        let _permit = self.permits.acquire().await.ok();
        if let Some(session) = self.unpark() {
            let result = self.try_over(session, letter).await;
            if !is_stale(&result) {
                return self.verdict(result);
            }
        }
        let result = match dial(&self.route).await {
            Ok(session) => self.try_over(session, letter).await,
            Err(failure) => Err(failure),
        };
        self.verdict(result)
    }

    /// Connects and signs in without sending anything.
    pub(crate) async fn check(&self) -> Result<String, String> {
        self.look().await.map(|(said, _)| said)
    }

    /// The same, with what the relay's certificate and the settings give cause to say.
    pub(crate) async fn examine(&self) -> Vec<Remark> {
        let (said, until) = match self.look().await {
            Ok(seen) => seen,
            Err(why) => {
                let fix = "check host, port, tls, username and password of this relay";
                return vec![Remark::fail(why, fix)];
            }
        };
        let signed_in = match self.route.credentials {
            Some(_) => " We are signed in.",
            None => " We do not sign in.",
        };
        let ends = until.and_then(|until| examine::certificate(until, self.clock.wall()));
        let mut remarks = vec![Remark::ok(format!("{said}{signed_in}"))];
        remarks.extend(ends);
        remarks
    }

    /// What there is to say of the relay, and until when its certificate is valid.
    async fn look(&self) -> Result<(String, Option<Wall>), String> {
        let _permit = self.permits.acquire().await.ok();
        match dial(&self.route).await {
            Ok(session) => {
                let until = session.certificate();
                let security = match &self.route.tls {
                    Security::None => "in clear text",
                    Security::Starttls(_) => "secured by STARTTLS",
                    Security::Implicit(_) => "secured from the first byte",
                };
                let groups = if session.offers().pipelining {
                    "in groups"
                } else {
                    "one by one"
                };
                session.quit().await;
                let said = format!("The relay answers, {security}; commands go {groups}.");
                Ok((said, until))
            }
            Err(failure) => {
                let verdict = failure.verdict(self.clock.wall());
                let label = verdict.outcome.reason().map_or("", |reason| reason.label());
                Err(format!("{label} ({})", verdict.reply))
            }
        }
    }

    async fn try_over(
        &self,
        mut session: Session,
        letter: &Envelope<'_>,
    ) -> Result<Reply, Failure> {
        let result = session.deliver(letter).await;
        if session.is_usable() {
            if session.sent() < self.limits.messages_per_connection {
                self.park(session);
            } else {
                session.quit().await;
            }
        }
        result
    }

    fn verdict(&self, result: Result<Reply, Failure>) -> Verdict {
        match result {
            Ok(reply) => {
                let reference = queue_id(&reply.text);
                Verdict::new(Outcome::Accepted { reference }, reply.summary())
            }
            Err(failure) => failure.verdict(self.clock.wall()),
        }
    }

    fn park(&self, session: Session) {
        let now = self.clock.now();
        self.lock().push((now, session));
    }

    /// The session that rested least; those that rested too long are dropped.
    fn unpark(&self) -> Option<Session> {
        let now = self.clock.now();
        let mut parked = self.lock();
        parked.retain(|(since, _)| now.since(*since) < self.limits.idle);
        parked.pop().map(|(_, session)| session)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Boot, Session)>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a resting connection turned out to be closed before it took anything, or to have had all the recipients that it
/// may: a new one is tried at once.
fn is_stale(result: &Result<Reply, Failure>) -> bool {
    match result {
        Err(Failure::Broken(Stage::Mail, Broken::Closed)) => true,
        Err(Failure::Refused(Stage::Mail, reply)) => reply.code == 421,
        Err(Failure::Refused(stage, reply)) if reply.is_about_too_many(*stage) => true,
        Ok(_) | Err(Failure::Broken(_, _) | Failure::Refused(_, _)) => false,
    }
}

/// The relay's own name for the message, as most say it: `queued as 4Zx…`.
fn queue_id(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("queued as ")?;
    let id: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(64)
        .collect();
    (!id.is_empty()).then_some(id)
}
