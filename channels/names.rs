//! From a host name to its addresses: those the operator wrote down, else what the resolver says, else, for a day, what
//! it said last. A council's own name servers may be what is under attack.

use oyez_domain::time::Boot;
use oyez_domain::{BoxFuture, Clock};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an answer may be used once the resolver gives no other.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// The longest that anybody waits for the resolver: well within the time to connect, so that the failure is known to
/// be the resolver's.
const PATIENCE: Duration = Duration::from_secs(2);
/// A resolver that fails is asked again no oftener than this, as long as an older answer will do.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Questions at a time: each holds a thread for as long as the resolver is silent.
const QUESTIONS: usize = 32;

/// What asks the resolver.
pub(crate) type Resolver =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// What turns names into addresses.
pub(crate) struct Names {
    written_down: BTreeMap<String, Vec<IpAddr>>,
    resolver: Resolver,
    clock: Arc<dyn Clock>,
    patience: Duration,
    memory: Arc<Mutex<Memory>>,
    places: Arc<Semaphore>,
    /// Questions that go on although nobody waits for them any more: a late answer is an answer.
    asking: Mutex<JoinSet<()>>,
}

/// What was learned. There are as many names as providers and partners, so nothing is ever forgotten.
#[derive(Default)]
struct Memory {
    names: HashMap<String, Known>,
    /// When the resolver was last waited for in vain, if it has not answered since. Then nobody waits for what has an
    /// older answer.
    silent: Option<Boot>,
    underway: usize,
}

/// What is known about one name.
#[derive(Default)]
struct Known {
    addresses: Vec<IpAddr>,
    learned: Option<Boot>,
    /// When the resolver last gave no address, if it has not given one since.
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
            memory: Arc::default(),
            places: Arc::new(Semaphore::new(QUESTIONS)),
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
        if let Some(addresses) = self.bridge(&name) {
            return Ok(addresses);
        }
        let mut over = self.ask(&name);
        let heard = timeout(self.patience, over.wait_for(|over| *over)).await;
        let now = self.clock.now();
        let mut memory = lock(&self.memory);
        if heard.is_err() {
            memory.silent = Some(now);
            memory.of(&name).fail(now);
        }
        memory.of(&name).usable(now).ok_or(Unresolved)
    }

    /// The older answer, while the resolver fails; then it is asked now and then, and nobody waits for it.
    fn bridge(&self, name: &str) -> Option<Vec<IpAddr>> {
        let now = self.clock.now();
        let mut memory = lock(&self.memory);
        let silent = memory.silent;
        let known = memory.of(name);
        let failed = silent.max(known.failed)?;
        let addresses = known.usable(now)?;
        if now.since(failed) >= ASK_AGAIN && (silent.is_none() || memory.underway == 0) {
            drop(memory);
            self.ask(name);
        }
        Some(addresses)
    }

    /// Asks the resolver, unless it is being asked. What it says becomes known by itself.
    fn ask(&self, name: &str) -> watch::Receiver<bool> {
        let mut memory = lock(&self.memory);
        if let Some(underway) = &memory.of(name).underway {
            return underway.clone();
        }
        let (tell, over) = watch::channel(false);
        memory.of(name).underway = Some(over.clone());
        memory.underway += 1;
        drop(memory);
        let (question, places) = ((self.resolver)(name.to_owned()), Arc::clone(&self.places));
        let (memory, name) = (Arc::clone(&self.memory), name.to_owned());
        let clock = Arc::clone(&self.clock);
        let mut asking = lock(&self.asking);
        // Those that are over are taken out, so that the set stays small.
        while asking.try_join_next().is_some() {}
        asking.spawn(async move {
            let place = places.acquire().await;
            let answer = question.await;
            drop(place);
            lock(&memory).learn(&name, answer, clock.now());
            tell.send_replace(true);
        });
        over
    }
}

impl Memory {
    fn of(&mut self, name: &str) -> &mut Known {
        self.names.entry(name.to_owned()).or_default()
    }

    fn learn(&mut self, name: &str, answer: io::Result<Vec<IpAddr>>, now: Boot) {
        self.underway = self.underway.saturating_sub(1);
        let known = self.of(name);
        known.underway = None;
        match answer {
            Ok(addresses) if !addresses.is_empty() => {
                known.addresses = addresses;
                known.learned = Some(now);
                if known.failed.take().is_some() {
                    tracing::info!("the name of a provider or partner is resolved again");
                }
                self.silent = None;
            }
            Ok(_) | Err(_) => known.fail(now),
        }
    }
}

impl Known {
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
