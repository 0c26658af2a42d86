//! The simulated store: a ledger in memory whose commits take time and can go wrong, and which a crash cuts short.

mod forget;
mod halt;
mod people;
mod ports;
mod read;
mod receive;
mod record;
mod release;
mod state;
mod take;
mod test_message;
mod writing;

use super::bugs::Bugs;
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{BroadcastEvidence, NewEndpoint, SystemEvidence};
use oyez_domain::subscriber::NewSubscriber;
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, LedgerError, LedgerResult};
use state::{Delivery, State};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// What a commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is kept, and the caller is told so.
    Kept,
    /// Nothing happens, and the caller is told that the store is busy.
    Refused,
    /// It is kept, and the caller is told that the store is busy. Until something later is committed, a crash may
    /// forget it. Who asked for work cannot know that there is some now: then the store is out of order as well.
    KeptUnsaid,
    /// Nothing happens, and the store is out of order until the program starts anew.
    Down,
}

/// What surrounds the store: how long verbs take, and what becomes of commits.
pub(crate) trait Surroundings: Send + Sync {
    /// Returns when the verb's turn has come, with its fate.
    fn before<'a>(&'a self, verb: &'static str) -> BoxFuture<'a, Fate>;
    /// Returns when the answer has reached the caller.
    fn after<'a>(&'a self, verb: &'static str) -> BoxFuture<'a, ()>;
    /// Something was committed.
    fn committed(&self, verb: &'static str);
}

/// The disk: it outlives the program.
#[derive(Clone)]
pub(crate) struct SimStore(Arc<Disk>);

struct Disk {
    images: Mutex<Images>,
    surroundings: Option<Arc<dyn Surroundings>>,
    bugs: Bugs,
}

#[derive(Default)]
struct Images {
    /// What every verb sees.
    live: State,
    /// What a crash leaves, where that differs: the state before the first commit that nobody was told of.
    durable: Option<State>,
}

impl Images {
    /// What comes now may be forgotten in a crash.
    fn keep_durable(&mut self) {
        if self.durable.is_none() {
            self.durable = Some(self.live.clone());
        }
    }
}

fn out_of_order() -> LedgerError {
    LedgerError::Down("an I/O error".to_owned())
}

/// The store as one start of the program holds it.
pub(crate) struct SimLedger {
    disk: Arc<Disk>,
    start: i64,
    /// The store is out of order until the program starts anew.
    down: CancellationToken,
}

impl SimStore {
    /// An empty store.
    pub(crate) fn new(surroundings: Option<Arc<dyn Surroundings>>, bugs: Bugs) -> Self {
        Self(Arc::new(Disk {
            images: Mutex::default(),
            surroundings,
            bugs,
        }))
    }

    /// Opens it as a start of the program at `now`. An earlier start that still runs is fenced off from then on.
    pub(crate) fn start(&self, now: Wall) -> SimLedger {
        let mut images = self.0.images();
        let start = images.live.start(now, self.0.bugs.checkpoint_at_fetch);
        images.durable = None;
        drop(images);
        SimLedger {
            disk: Arc::clone(&self.0),
            start,
            down: CancellationToken::new(),
        }
    }

    /// The program ended without a word: what nobody was told of is forgotten, or kept, as `forgets` says.
    pub(crate) fn crash(&self, forgets: bool) {
        let mut images = self.0.images();
        let durable = images.durable.take();
        if let Some(durable) = durable.filter(|_| forgets) {
            images.live = durable;
        }
    }
}

impl Disk {
    fn images(&self) -> MutexGuard<'_, Images> {
        self.images.lock().unwrap()
    }

    async fn before(&self, verb: &'static str) -> Fate {
        match &self.surroundings {
            Some(surroundings) => surroundings.before(verb).await,
            None => Fate::Kept,
        }
    }

    async fn after(&self, verb: &'static str) {
        if let Some(surroundings) = &self.surroundings {
            surroundings.after(verb).await;
        }
    }
}

impl SimLedger {
    /// One transaction: `work` checks before it changes anything.
    async fn write<T>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&mut State) -> LedgerResult<T>,
    ) -> LedgerResult<T> {
        let fate = self.disk.before(verb).await;
        let answer = self.commit(verb, fate, work);
        if let Some(surroundings) = &self.disk.surroundings {
            surroundings.committed(verb);
        }
        self.disk.after(verb).await;
        answer
    }

    fn commit<T>(
        &self,
        verb: &'static str,
        fate: Fate,
        work: impl FnOnce(&mut State) -> LedgerResult<T>,
    ) -> LedgerResult<T> {
        let mut images = self.disk.images();
        if self.down.is_cancelled() {
            return Err(out_of_order());
        }
        match fate {
            Fate::Refused => Err(LedgerError::Busy("another writer".to_owned())),
            Fate::Down => {
                self.down.cancel();
                Err(out_of_order())
            }
            Fate::KeptUnsaid => {
                images.keep_durable();
                work(&mut images.live)?;
                if matches!(verb, "take" | "release") {
                    self.down.cancel();
                    return Err(out_of_order());
                }
                Err(LedgerError::Busy("the answer was lost".to_owned()))
            }
            // A sound store announces nothing before it is on the disk.
            Fate::Kept if self.disk.bugs.outcome_before_intent && verb == "take" => {
                images.keep_durable();
                work(&mut images.live)
            }
            // What was written before is on the disk with it.
            Fate::Kept => {
                let answer = work(&mut images.live);
                images.durable = None;
                answer
            }
        }
    }

    /// One transaction that is undone when it is refused halfway.
    async fn write_whole<T>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&mut State) -> LedgerResult<T>,
    ) -> LedgerResult<T> {
        let undoing = |state: &mut State| {
            let before = state.clone();
            let answer = work(state);
            if answer.is_err() {
                *state = before;
            }
            answer
        };
        self.write(verb, undoing).await
    }

    async fn read<T>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&State) -> LedgerResult<T>,
    ) -> LedgerResult<T> {
        self.disk.before(verb).await;
        let answer = work(&self.disk.images().live);
        self.disk.after(verb).await;
        answer
    }
}

impl SimStore {
    /// Everything the judge may ask for, without asking the program.
    pub(crate) fn evidence(&self) -> (Vec<BroadcastEvidence>, SystemEvidence) {
        let images = self.0.images();
        let of_one = |id| images.live.evidence(id).unwrap();
        let broadcasts = images.live.broadcasts.iter().map(|b| of_one(b.id));
        (broadcasts.collect(), images.live.system_evidence())
    }

    /// Whether anything is still to be planned, sent or recorded.
    pub(crate) fn is_quiet(&self) -> bool {
        let images = self.0.images();
        let mut all = images.live.broadcasts.iter();
        all.all(|b| b.planned && !b.deliveries.iter().any(Delivery::is_open))
    }

    /// Why a channel is held, if it is.
    pub(crate) fn why_held(&self, channel: &ChannelName) -> Option<String> {
        let images = self.0.images();
        images.live.holds.get(&Some(channel.clone())).cloned()
    }

    /// What has no end yet, for people.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let images = self.0.images();
        let holds = images.live.holds.iter();
        let mut found: Vec<_> = holds
            .map(|(name, why)| format!("{name:?}: {why}"))
            .collect();
        for broadcast in &images.live.broadcasts {
            let (id, channel, state) = (broadcast.id.0, &broadcast.rules.channel, broadcast.state);
            for (ordinal, delivery) in broadcast.deliveries.iter().enumerate() {
                if delivery.is_open() {
                    let place = delivery.place;
                    found.push(format!("{state:?} {id} ({channel}) {ordinal}: {place:?}"));
                }
            }
        }
        found
    }

    /// Everything that happened to one delivery, for people.
    pub(crate) fn story(&self, broadcast: BroadcastId, ordinal: Ordinal) -> String {
        let images = self.0.images();
        let Ok(broadcast) = images.live.broadcast(broadcast) else {
            return "no such broadcast".to_owned();
        };
        let armed = broadcast
            .armed
            .iter()
            .filter(|run| (run.lo..=run.hi).contains(&ordinal));
        let armed: Vec<_> = armed.collect();
        let disarmed = broadcast
            .disarmed
            .iter()
            .filter(|run| (run.lo..=run.hi).contains(&ordinal));
        let disarmed: Vec<_> = disarmed.collect();
        let delivery = broadcast.delivery(ordinal);
        let rules = &broadcast.rules;
        format!("{rules:#?}\n{armed:#?}\n{disarmed:#?}\n{delivery:#?}")
    }

    /// Attempts that were charged to recipients.
    pub(crate) fn charged(&self) -> u64 {
        let images = self.0.images();
        let all = images.live.broadcasts.iter().flat_map(|b| &b.deliveries);
        all.map(|delivery| u64::from(delivery.charged)).sum()
    }

    /// How many deliveries there are.
    pub(crate) fn deliveries(&self) -> u64 {
        let images = self.0.images();
        let sizes = images
            .live
            .broadcasts
            .iter()
            .map(|b| b.deliveries.len() as u64);
        sizes.sum()
    }
}

impl SimStore {
    /// Puts people and partners in before anything happens.
    pub(crate) fn populate(&self, residents: &[NewSubscriber], partners: &[NewEndpoint]) {
        let mut images = self.0.images();
        images.live.add_subscribers(residents).unwrap();
        images.live.put_endpoints(partners).unwrap();
    }
}
