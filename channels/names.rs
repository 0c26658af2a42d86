//! From a host name to its addresses: those the operator wrote down, else what the resolver says, else, for a day, what
//! it said last. A council's own name servers may be what is under attack.

use oyez_domain::time::Boot;
use oyez_domain::{BoxFuture, Clock};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an answer may be used once the resolver gives no other.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// The longest that anybody waits for the resolver: well within the time to connect, so that the failure is known to
/// be the resolver's.
const PATIENCE: Duration = Duration::from_secs(2);
/// A resolver that fails is asked about one name no oftener than this.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What asks the resolver.
pub(crate) type Resolver =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// What is known about names. There are as many as providers and partners, so nothing is ever forgotten.
pub(crate) struct Names {
    written_down: BTreeMap<String, Vec<IpAddr>>,
    resolver: Resolver,
    clock: Arc<dyn Clock>,
    patience: Duration,
    known: Arc<Mutex<HashMap<String, Known>>>,
    /// Questions that go on although nobody waits for them any more: a late answer is an answer.
    asking: Mutex<JoinSet<()>>,
}

/// What is known about one name.
#[derive(Default)]
struct Known {
    addresses: Vec<IpAddr>,
    learned: Option<Boot>,
    /// When the resolver last failed, if it has not answered since.
    failed: Option<Boot>,
    /// Says true once the question that is being asked is over.
    underway: Option<watch::Receiver<bool>>,
}

/// No address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name cannot be resolved")]
pub(crate) struct Unresolved;

impl Names {
    /// Names whose addresses the operator wrote down, in small letters; the machine's resolver is asked for the others.
    pub(crate) fn new(
        written_down: BTreeMap<String, Vec<IpAddr>>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Self::with(written_down, clock, Arc::new(machine), PATIENCE)
    }

    fn with(
        written_down: BTreeMap<String, Vec<IpAddr>>,
        clock: Arc<dyn Clock>,
        resolver: Resolver,
        patience: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            written_down,
            resolver,
            clock,
            patience,
            known: Arc::default(),
            asking: Mutex::default(),
        })
    }

    /// The addresses of a name, or of a literal address itself.
    ///
    /// # Errors
    /// When the resolver gives none, and gave none within the last day.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(literal) = name.parse() {
            return Ok(vec![literal]);
        }
        if let Some(written_down) = self.written_down.get(&name) {
            return Ok(written_down.clone());
        }
        let mut over = self.ask(&name);
        if let Some(addresses) = self.instead(&name) {
            return Ok(addresses);
        }
        let Ok(_) = timeout(self.patience, over.wait_for(|over| *over)).await else {
            return self.give_up(&name);
        };
        lock(&self.known)
            .get(&name)
            .and_then(|known| known.usable(self.clock.now()))
            .ok_or(Unresolved)
    }

    /// Asks the resolver, unless it is being asked or has just failed. What it says becomes known by itself.
    fn ask(&self, name: &str) -> watch::Receiver<bool> {
        let now = self.clock.now();
        let mut all = lock(&self.known);
        let known = all.entry(name.to_owned()).or_default();
        if let Some(underway) = &known.underway {
            return underway.clone();
        }
        let lately = known
            .failed
            .is_some_and(|failed| now.since(failed) < ASK_AGAIN);
        if lately && known.usable(now).is_some() {
            return watch::channel(true).1;
        }
        let (tell, over) = watch::channel(false);
        known.underway = Some(over.clone());
        drop(all);
        let (question, clock) = ((self.resolver)(name.to_owned()), Arc::clone(&self.clock));
        let (everything, name) = (Arc::clone(&self.known), name.to_owned());
        let mut asking = lock(&self.asking);
        // Those that are over are taken out, so that the set stays small.
        while asking.try_join_next().is_some() {}
        asking.spawn(async move {
            let answer = question.await;
            if let Some(known) = lock(&everything).get_mut(&name) {
                known.learn(answer, clock.now());
            }
            tell.send_replace(true);
        });
        over
    }

    /// What is used while the resolver fails: then nobody waits for it.
    fn instead(&self, name: &str) -> Option<Vec<IpAddr>> {
        let all = lock(&self.known);
        let known = all.get(name).filter(|known| known.failed.is_some())?;
        known.usable(self.clock.now())
    }

    /// The resolver says nothing.
    fn give_up(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let now = self.clock.now();
        let mut all = lock(&self.known);
        let known = all.get_mut(name).ok_or(Unresolved)?;
        known.fail(now);
        known.usable(now).ok_or(Unresolved)
    }
}

impl Known {
    fn learn(&mut self, answer: io::Result<Vec<IpAddr>>, now: Boot) {
        self.underway = None;
        match answer {
            Ok(addresses) if !addresses.is_empty() => {
                self.addresses = addresses;
                self.learned = Some(now);
                if self.failed.take().is_some() {
                    tracing::info!("the name of a provider or partner is resolved again");
                }
            }
            Ok(_) | Err(_) => self.fail(now),
        }
    }

    fn fail(&mut self, now: Boot) {
        // Names stay out of the log: a partner's is part of an address.
        if self.failed.replace(now).is_none() && self.usable(now).is_some() {
            tracing::warn!(
                "the name of a provider or partner cannot be resolved; its last known addresses are used for up to a day"
            );
        }
    }

    /// The addresses, as long as they may be used.
    fn usable(&self, now: Boot) -> Option<Vec<IpAddr>> {
        let fresh = self
            .learned
            .is_some_and(|learned| now.since(learned) < GOOD_FOR);
        fresh.then(|| self.addresses.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that asks the resolver"
)]
fn machine(name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
    Box::pin(async move {
        let answers = tokio::net::lookup_host((name, 0)).await?;
        Ok(answers.map(|answer| answer.ip()).collect())
    })
}

#[cfg(test)]
mod tests;
