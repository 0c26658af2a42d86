//! The promise behind all others: whatever happens in whatever order, the counters are the fold of the evidence.

use super::Store;
use super::dice::Dice;
use super::stage::{
    MAIL, Plan, Stage, TEXT, accepted, at, by, channel, deferred, email, mobile, outcome, receipt,
};
use oyez_domain::LedgerError;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::id::{BroadcastId, Ordinal, UpdateId};
use oyez_domain::ledger::{
    Armed, Decision, Follow, Ledger, Recorded, Taken, UnknownFilter, Window,
};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::subscriber::SuppressionCause;
use std::collections::{BTreeMap, BTreeSet};

/// What the player remembers: windows with something still to be told of them.
struct Play<'s> {
    stage: Stage<'s>,
    dice: Dice,
    now: u64,
    updates: Vec<UpdateId>,
    open: Vec<(Window, Vec<usize>)>,
    last: Vec<Recorded>,
    /// A start that was taken over and lives on, with what it has to tell.
    older: Option<Older>,
    /// What may have reached anybody, as far as the player knows.
    reached: BTreeMap<Address, Vec<BroadcastId>>,
    /// Deliveries that a receipt was handed in for: nothing of them is on its way any more.
    proven: BTreeSet<(BroadcastId, Ordinal)>,
}

struct Older {
    ledger: Box<dyn Ledger>,
    open: Vec<(Window, Vec<usize>)>,
    batch: u64,
}

const PEOPLE: u32 = 14;
const MOVES: usize = 120;

/// Random verbs, crashes included: the counters stay true, nobody is announced twice at once, and nothing old
/// arrives after something new.
pub async fn counters_stay_true_in_game(store: &dyn Store, seed: u64) {
    let stage = Stage::with_people(store, PEOPLE).await;
    let mut play = Play {
        stage,
        dice: Dice::new(seed),
        now: 10,
        updates: Vec::new(),
        open: Vec::new(),
        last: Vec::new(),
        older: None,
        reached: BTreeMap::new(),
        proven: BTreeSet::new(),
    };
    play.release().await;
    for _ in 0..MOVES {
        play = play.step().await;
        play.stage.check_truth().await;
    }
    play.finish().await;
}

impl Play<'_> {
    async fn step(mut self) -> Self {
        self.now += self.dice.roll(4) as u64;
        match self.dice.roll(25) {
            0 => self.release().await,
            1 => {
                self.stage.ledger.plan_page(at(self.now)).await.unwrap();
            }
            2..=6 => self.take().await,
            7..=12 => self.record().await,
            13 => self.disarm().await,
            14 | 15 => self.receive().await,
            16 => self.halt().await,
            17 => self.repeat().await,
            18 => self.suppress().await,
            19 => self.decide().await,
            20 => self.retry().await,
            21 => self.take_over().await,
            22 | 23 => self.late_word().await,
            _ => return self.crash().await,
        }
        self
    }

    async fn release(&mut self) {
        if self.updates.len() >= 4 {
            return;
        }
        let plan = Plan {
            channels: vec![(MAIL, AddressKind::Email), (TEXT, AddressKind::Mobile)],
            urgent: self.dice.roll(4) == 0,
            window_rows: 5,
            page_rows: 6,
            holds_unknown: self.dice.roll(2) == 0,
            supersedes: self.dice.roll(3) == 0,
            released_after: self.now,
            expires_after: self.now + 60 + self.dice.roll(200) as u64,
            ..Plan::default()
        };
        let released = self.stage.release(&plan).await;
        self.updates.push(released.update.id);
        for window in released.broadcasts.into_iter().filter_map(|(_, _, w)| w) {
            self.began(window);
        }
    }

    async fn take(&mut self) {
        let name = [MAIL, TEXT][self.dice.roll(2)];
        if let Taken::Window(window) = self.stage.take(name, at(self.now)).await {
            self.began(window);
        }
    }

    fn began(&mut self, window: Window) {
        self.expect_nothing_twice(&window);
        for armed in &window.armed {
            let reached = self.reached.entry(armed.address.clone()).or_default();
            let newest = reached.iter().max().copied().unwrap_or(window.broadcast);
            assert!(newest <= window.broadcast, "old after new for {armed:?}");
            reached.push(window.broadcast);
        }
        self.open.push(untold(window));
    }

    /// Nobody has two deliveries of one incident and channel on their way.
    fn expect_nothing_twice(&self, window: &Window) {
        for (other, untold) in &self.open {
            for told in untold {
                let Armed {
                    ordinal, address, ..
                } = &other.armed[*told];
                let over = self.proven.contains(&(other.broadcast, *ordinal));
                let twice = !over && window.armed.iter().any(|armed| armed.address == *address);
                assert!(
                    !twice,
                    "{address} is on the way in {other:?} and in {window:?}"
                );
            }
        }
    }

    async fn record(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at_window = self.dice.roll(self.open.len());
        let (window, mut untold) = self.open.swap_remove(at_window);
        let mut outcomes = Vec::new();
        for _ in 0..=self.dice.roll(untold.len()) {
            if untold.is_empty() {
                break;
            }
            let told = untold.swap_remove(self.dice.roll(untold.len()));
            let outcome = self.some_outcome(&window, told);
            if matches!(outcome.code, OutcomeCode::Deferred | OutcomeCode::Rejected) {
                self.not_reached(&window, told);
            }
            outcomes.push(outcome);
        }
        self.stage.record(&outcomes).await;
        self.last = outcomes;
        if !untold.is_empty() {
            self.open.push((window, untold));
        }
    }

    /// This attempt did not reach anybody.
    fn not_reached(&mut self, window: &Window, told: usize) {
        let reached = self.reached.entry(window.armed[told].address.clone());
        let reached = reached.or_default();
        if let Some(at) = reached.iter().rposition(|id| *id == window.broadcast) {
            reached.remove(at);
        }
    }

    fn some_outcome(&mut self, window: &Window, told: usize) -> Recorded {
        let (armed, now) = (&window.armed[told], at(self.now));
        let later = at(self.now + self.dice.roll(30) as u64);
        let again = Follow::Wait {
            not_before: later,
            charged: armed.charged,
            unknowns: armed.unknowns + 1,
        };
        match self.dice.roll(10) {
            0 | 1 => deferred(window, armed, now, later),
            2 => outcome(window, armed, now, OutcomeCode::Rejected, Follow::Failed),
            3 => outcome(window, armed, now, OutcomeCode::Unknown, Follow::Unknown),
            4 => outcome(window, armed, now, OutcomeCode::Unknown, again),
            5 => outcome(window, armed, now, OutcomeCode::Deferred, Follow::Expired),
            _ => accepted(window, armed, now),
        }
    }

    async fn disarm(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let (window, mut untold) = self.open.swap_remove(self.dice.roll(self.open.len()));
        let from = window.armed[self.dice.roll(window.armed.len())].ordinal;
        let now = at(self.now);
        self.stage
            .ledger
            .disarm(window.id, from, now)
            .await
            .unwrap();
        let is_kept = |told: &usize| window.armed[*told].ordinal < from;
        let (kept, back): (Vec<_>, Vec<_>) = untold.into_iter().partition(is_kept);
        for told in back {
            self.not_reached(&window, told);
        }
        untold = kept;
        if !untold.is_empty() {
            self.open.push((window, untold));
        }
    }

    async fn receive(&mut self) {
        let ids = self.stage.ledger.broadcast_ids().await.unwrap();
        let id = ids[self.dice.roll(ids.len())];
        let ordinal = u32::try_from(self.dice.roll(PEOPLE as usize + 2)).unwrap();
        let status = ReceiptStatus::ALL[self.dice.roll(ReceiptStatus::ALL.len())];
        let receipt = receipt((id, Ordinal(ordinal)), status, at(self.now));
        self.stage.ledger.receive(&[receipt]).await.unwrap();
        self.proven.insert((id, Ordinal(ordinal)));
    }

    async fn halt(&mut self) {
        let update = self.updates[self.dice.roll(self.updates.len())];
        let (ledger, by) = (&self.stage.ledger, by(at(self.now)));
        let mail = channel(MAIL);
        match self.dice.roll(6) {
            0 => drop(ledger.stop(update, Some(&mail), "play", &by).await.unwrap()),
            1 => drop(ledger.hold_update(update, None, true, &by).await.unwrap()),
            2..=4 => drop(ledger.hold_update(update, None, false, &by).await.unwrap()),
            _ => {
                let hold = (self.dice.roll(3) == 0).then_some("play");
                ledger.hold_channel(Some(&mail), hold, &by).await.unwrap();
            }
        }
    }

    /// The result of a batch was lost: it is sent again under another number.
    async fn repeat(&mut self) {
        let again = self.last.clone();
        self.stage.record(&again).await;
    }

    async fn suppress(&mut self) {
        let number = u32::try_from(self.dice.roll(PEOPLE as usize)).unwrap();
        let address = [email(number), mobile(number)][self.dice.roll(2)].clone();
        let by = by(at(self.now));
        let cause = SuppressionCause::OptOut;
        self.stage
            .ledger
            .suppress(&address, cause, &by)
            .await
            .unwrap();
    }

    async fn decide(&mut self) {
        let decisions = [Decision::WasSent, Decision::SendAgain, Decision::GiveUp];
        let decision = decisions[self.dice.roll(3)];
        let which = UnknownFilter {
            update: Some(self.updates[self.dice.roll(self.updates.len())]),
            channel: Some(channel([MAIL, TEXT][self.dice.roll(2)])),
            ..UnknownFilter::default()
        };
        let by = by(at(self.now));
        let ledger = &self.stage.ledger;
        let decided = ledger.decide_unknown(&which, decision, None, &by).await;
        assert!(
            matches!(decided, Ok(_) | Err(LedgerError::State(_))),
            "{decided:?}"
        );
    }

    async fn retry(&mut self) {
        let update = self.updates[self.dice.roll(self.updates.len())];
        let (ledger, by) = (&self.stage.ledger, by(at(self.now)));
        let reasons = [Reason::TryLater];
        let retried = ledger.retry_failed(update, None, &reasons, None, &by).await;
        assert!(
            matches!(retried, Ok(_) | Err(LedgerError::State(_))),
            "{retried:?}"
        );
    }

    /// Another start begins while this one still lives.
    async fn take_over(&mut self) {
        self.older = None;
        let ledger = self.stage.take_over(at(self.now)).await;
        let open = std::mem::take(&mut self.open);
        self.last.clear();
        self.older = Some(Older {
            ledger,
            open,
            batch: 1_000,
        });
    }

    /// A start that was taken over tells what became of something it had announced.
    async fn late_word(&mut self) {
        let Some(mut older) = self.older.take() else {
            return;
        };
        if let Some((window, mut untold)) = older.open.pop() {
            let told = untold.swap_remove(self.dice.roll(untold.len()));
            let outcome = self.some_outcome(&window, told);
            older.batch += 1;
            let kept = older.ledger.record(older.batch, &[outcome]).await;
            assert_eq!(kept, Err(LedgerError::Fenced));
            if !untold.is_empty() {
                older.open.push((window, untold));
            }
        }
        self.older = Some(older);
    }

    async fn crash(mut self) -> Self {
        for update in &self.updates {
            super::lists::check(&*self.stage.ledger, *update).await;
        }
        self.older = None;
        self.open.clear();
        self.last.clear();
        self.stage = self.stage.crash(at(self.now)).await;
        self
    }

    /// Everything is resumed, sent and told; then nothing is pending, and everybody is accounted for.
    async fn finish(mut self) {
        let by = by(at(self.now));
        self.stage
            .ledger
            .hold_channel(Some(&channel(MAIL)), None, &by)
            .await
            .unwrap();
        for update in &self.updates {
            self.stage
                .ledger
                .hold_update(*update, None, false, &by)
                .await
                .unwrap();
        }
        self.stage.plan_all(at(self.now)).await;
        while let Some((window, untold)) = self.open.pop() {
            let (stage, now) = (&mut self.stage, at(self.now));
            let told = untold
                .iter()
                .map(|told| accepted(&window, &window.armed[*told], now));
            let told: Vec<_> = told.collect();
            stage.record(&told).await;
        }
        for later in [0, 40, 80] {
            for name in [MAIL, TEXT] {
                self.stage.drain(name, at(self.now + later)).await;
            }
        }
        self.stage.check_truth().await;
        let mut by_channel = BTreeMap::new();
        for update in &self.updates {
            for view in self.stage.ledger.broadcasts(Some(*update)).await.unwrap() {
                assert_eq!(
                    (view.counts.pending, view.in_flight, view.waiting),
                    (0, 0, 0),
                    "{view:?}"
                );
                *by_channel.entry(view.channel).or_insert(0) += view.counts.settled();
            }
        }
        let everybody = u64::from(PEOPLE) * self.updates.len() as u64;
        assert!(by_channel.values().all(|settled| *settled == everybody));
    }
}

fn untold(window: Window) -> (Window, Vec<usize>) {
    let all = (0..window.armed.len()).collect();
    (window, all)
}
