//! What the promises are played on: an incident, people, channels, and shorthand for the verbs.

use super::Store;
use oyez_domain::BoxFuture;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::audience::AudienceRule;
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, IncidentId, Ordinal, SubscriberId, UpdateId};
use oyez_domain::incident::{Incident, IncidentDraft, Phase};
use oyez_domain::invariants::{Evidence, judge};
use oyez_domain::ledger::{
    Armed, Ask, BroadcastView, By, DeliveryFilter, Follow, Idempotency, Ledger, NewBroadcast,
    ReceiptAbout, ReceiptRecord, Recorded, ReleaseOrder, Released, Taken, Window,
};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::reference::UpdateReference;
use oyez_domain::subscriber::NewSubscriber;
use oyez_domain::time::Wall;
use oyez_domain::update::{Update, UpdateDraft};
use std::time::Duration;

/// When every play begins.
pub const BEGINNING: Wall = Wall(1_764_239_400_000_000);

/// The channel most promises are played on.
pub const MAIL: &str = "residents_email";

/// A second channel, for texts.
pub const TEXT: &str = "residents_sms";

/// So many seconds after the beginning.
pub fn at(seconds: u64) -> Wall {
    BEGINNING.plus(Duration::from_secs(seconds))
}

/// A channel's name.
pub fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

/// Whoever does things in a play.
pub fn by(now: Wall) -> By {
    By {
        actor: "play".to_owned(),
        at: now,
    }
}

/// A ledger with an incident on it, and what is needed to play.
pub struct Stage<'s> {
    store: &'s dyn Store,
    /// The ledger.
    pub ledger: Box<dyn Ledger>,
    /// The incident.
    pub incident: Incident,
    made: u8,
    batch: u64,
}

/// What a play may vary of a release.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Channels by name, and what they carry.
    pub channels: Vec<(&'static str, AddressKind)>,
    /// Whom it concerns.
    pub audience: AudienceRule,
    /// Whether it overtakes.
    pub urgent: bool,
    /// Ordinals in a window.
    pub window_rows: u32,
    /// Subscriptions in a page.
    pub page_rows: u32,
    /// Whether orphans wait for a person.
    pub holds_unknown: bool,
    /// Seconds after the beginning at which it is too late.
    pub expires_after: u64,
    /// When it is released, in seconds after the beginning.
    pub released_after: u64,
    /// Which incident; the stage's own without one.
    pub incident: Option<IncidentId>,
    /// Whether it takes the place of older updates.
    pub supersedes: bool,
    /// The key of the request.
    pub key: Option<Idempotency>,
    /// Ordinals that may be armed with the release.
    pub first_rows: u32,
    /// Destinations that are shut.
    pub shut: Vec<(String, Wall)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            channels: vec![(MAIL, AddressKind::Email)],
            audience: AudienceRule::default(),
            urgent: false,
            window_rows: 4,
            page_rows: 100,
            holds_unknown: false,
            expires_after: 86_400,
            released_after: 10,
            incident: None,
            supersedes: false,
            key: None,
            first_rows: u32::MAX,
            shut: Vec::new(),
        }
    }
}

impl<'s> Stage<'s> {
    /// An open ledger with an incident and nobody in it.
    pub async fn set(store: &'s dyn Store) -> Self {
        let ledger = store.open(BEGINNING).await;
        let incident = incident(1);
        let by = by(BEGINNING);
        ledger.open_incident(&incident, None, &by).await.unwrap();
        Self {
            store,
            ledger,
            incident,
            made: 0,
            batch: 0,
        }
    }

    /// The same with so many people, each with an email address and a mobile.
    pub async fn with_people(store: &'s dyn Store, people: u32) -> Self {
        let stage = Self::set(store).await;
        let people: Vec<_> = (0..people).map(person).collect();
        let by = by(at(1));
        stage.ledger.add_subscribers(&people, &by).await.unwrap();
        stage
    }

    /// The program ends without a word and is started again.
    pub async fn crash(self, now: Wall) -> Self {
        let Self {
            store,
            ledger,
            incident,
            made,
            ..
        } = self;
        drop(ledger);
        Self {
            store,
            ledger: store.open(now).await,
            incident,
            made,
            batch: 0,
        }
    }

    /// Another start takes over without the end of this one, which goes on as what is returned.
    pub async fn take_over(&mut self, now: Wall) -> Box<dyn Ledger> {
        let newer = self.store.open_beside(now).await;
        self.succeed(newer)
    }

    /// The play goes on with a newer start; the older one is returned.
    pub fn succeed(&mut self, newer: Box<dyn Ledger>) -> Box<dyn Ledger> {
        self.batch = 0;
        std::mem::replace(&mut self.ledger, newer)
    }

    /// A newer start as it is being opened.
    pub fn opening(&self, now: Wall) -> BoxFuture<'s, Box<dyn Ledger>> {
        self.store.open_beside(now)
    }

    /// Stores a draft.
    pub async fn draft(&mut self, plan: &Plan) -> Update {
        self.made += 1;
        let now = at(plan.released_after);
        let update = draft(plan.incident.unwrap_or(self.incident.id), self.made, plan);
        let by = by(now);
        self.ledger.save_update(&update, None, &by).await.unwrap();
        update
    }

    /// Drafts and releases; what it armed counts as taken.
    pub async fn release(&mut self, plan: &Plan) -> Released {
        let update = self.draft(plan).await;
        self.ledger.release(&order(&update, plan)).await.unwrap()
    }

    /// Plans every audience to its end.
    pub async fn plan_all(&self, now: Wall) {
        while self.ledger.plan_page(now).await.unwrap().is_some() {}
    }

    /// What a channel gets when it asks for so many.
    pub async fn take_rows(&self, name: &str, rows: u32, now: Wall) -> Taken {
        let channel = channel(name);
        let asked = Ask {
            rows,
            ..ask(&channel, now)
        };
        self.ledger.take(&asked).await.unwrap()
    }

    /// What a channel gets.
    pub async fn take(&self, name: &str, now: Wall) -> Taken {
        self.take_rows(name, 100, now).await
    }

    /// The window a channel gets; there has to be one.
    pub async fn window(&self, name: &str, now: Wall) -> Window {
        match self.take(name, now).await {
            Taken::Window(window) => window,
            other @ (Taken::Idle(_) | Taken::Held(_)) => panic!("no window but {other:?}"),
        }
    }

    /// All windows a channel gets at this moment.
    pub async fn windows(&self, name: &str, now: Wall) -> Vec<Window> {
        let mut windows = Vec::new();
        while let Taken::Window(window) = self.take(name, now).await {
            windows.push(window);
        }
        windows
    }

    /// Records outcomes in a batch of their own.
    pub async fn record(&mut self, outcomes: &[Recorded]) {
        self.batch += 1;
        self.ledger.record(self.batch, outcomes).await.unwrap();
    }

    /// Everything in a window is accepted.
    pub async fn accept(&mut self, window: &Window, now: Wall) {
        let outcomes: Vec<_> = window
            .armed
            .iter()
            .map(|a| accepted(window, a, now))
            .collect();
        self.record(&outcomes).await;
    }

    /// Everything in a window from the `from`th delivery on is accepted.
    pub async fn accept_rest(&mut self, window: &Window, from: usize, now: Wall) {
        let rest = &window.armed[from..];
        let outcomes: Vec<_> = rest.iter().map(|a| accepted(window, a, now)).collect();
        self.record(&outcomes).await;
    }

    /// Takes and accepts until a channel has nothing more for now.
    pub async fn drain(&mut self, name: &str, now: Wall) {
        while let Taken::Window(window) = self.take(name, now).await {
            self.accept(&window, now).await;
        }
    }

    /// One receipt.
    pub async fn receive(&self, place: (BroadcastId, Ordinal), status: ReceiptStatus, now: Wall) {
        let receipt = receipt(place, status, now);
        self.ledger.receive(&[receipt]).await.unwrap();
    }

    /// A broadcast of an update, as people see it.
    pub async fn view(&self, update: UpdateId, name: &str) -> BroadcastView {
        let views = self.ledger.broadcasts(Some(update)).await.unwrap();
        let of_channel = views.into_iter().find(|v| v.channel.as_str() == name);
        of_channel.unwrap()
    }

    /// The states of an update's deliveries on one channel, by ordinal.
    pub async fn states(&self, update: UpdateId, name: &str) -> Vec<DeliveryState> {
        let filter = DeliveryFilter {
            channel: Some(channel(name)),
            limit: 10_000,
            ..DeliveryFilter::default()
        };
        let deliveries = self.ledger.deliveries(update, &filter).await.unwrap();
        deliveries.into_iter().map(|d| d.state).collect()
    }

    /// The judge finds nothing wrong: the counters are what the evidence folds to, and what stands in the ledger
    /// could have happened.
    pub async fn check_truth(&self) {
        let mut evidence = Evidence {
            system: self.ledger.system_evidence().await.unwrap(),
            unclean_ends: self.ledger.unclean_ends().await.unwrap(),
            ..Evidence::default()
        };
        for id in self.ledger.broadcast_ids().await.unwrap() {
            evidence
                .broadcasts
                .push(self.ledger.evidence(id).await.unwrap());
        }
        assert_eq!(judge(&evidence).violations, [] as [String; 0]);
    }
}

/// The kind of the provider that everything goes through here unless a test says otherwise.
pub const KIND: &str = "play";

/// What a worker asks with nothing out of the ordinary.
pub fn ask(channel: &ChannelName, now: Wall) -> Ask<'_> {
    Ask {
        channel,
        provider: KIND,
        only_its_own: false,
        rows: 100,
        now,
        may_expire: true,
        shut_destinations: &[],
    }
}

/// An incident, different for each number.
pub fn incident(number: u8) -> Incident {
    let id = IncidentId::new(BEGINNING, [number; 10]);
    let draft = IncidentDraft {
        title: "Our systems are down".to_owned(),
        ..IncidentDraft::default()
    };
    draft.check(id, BEGINNING).unwrap()
}

fn draft(incident: IncidentId, number: u8, plan: &Plan) -> Update {
    let now = at(plan.released_after);
    let draft = UpdateDraft {
        incident: incident.to_string(),
        headline: format!("Update {number}"),
        what_to_do: vec!["Call us".to_owned()],
        next_update_by: Some("none".to_owned()),
        urgent: plan.urgent,
        audience: plan.audience.clone(),
        ..UpdateDraft::default()
    };
    let reference = UpdateReference::new([number / 20, number % 20, 0, 0, 0, 0]);
    let id = UpdateId::new(now, [number; 10]);
    draft
        .check(id, reference, Phase::Investigating, now)
        .unwrap()
}

/// The order that releases a draft as planned.
pub fn order(update: &Update, plan: &Plan) -> ReleaseOrder {
    ReleaseOrder {
        update: update.id,
        broadcasts: plan
            .channels
            .iter()
            .map(|(name, carries)| NewBroadcast {
                channel: channel(name),
                kind: KIND.to_owned(),
                carries: *carries,
                duplicate_bound: 64,
                window_rows: plan.window_rows,
                holds_unknown: plan.holds_unknown,
                receipts_by_provider_id: true,
                expires_at: at(plan.expires_after),
                first_rows: plan.first_rows,
                shut_destinations: plan.shut.clone(),
            })
            .collect(),
        supersedes: plan.supersedes,
        page_rows: plan.page_rows,
        chunk_rows: 500,
        key: plan.key.clone(),
        by: by(at(plan.released_after)),
    }
}

/// A person with an email address and a mobile, different for each number.
pub fn person(number: u32) -> NewSubscriber {
    let [_, a, b, c] = number.to_be_bytes();
    NewSubscriber {
        id: SubscriberId::new(BEGINNING, [0, 0, 0, 0, 0, 0, 0, a, b, c]),
        addresses: vec![email(number), mobile(number)],
        topics: Vec::new(),
        language: "en".to_owned(),
    }
}

/// A person's email address.
pub fn email(number: u32) -> Address {
    Address::email(&format!("resident{number:07}@example.org")).unwrap()
}

/// A person's mobile.
pub fn mobile(number: u32) -> Address {
    Address::uk_telephone(&format!("07700{number:06}")).unwrap()
}

/// The window a release armed on its only channel.
pub fn first_window(released: &Released) -> Window {
    let (_, _, window) = released.broadcasts.first().unwrap();
    window.clone().unwrap()
}

/// The outcome of an armed delivery.
pub fn outcome(
    window: &Window,
    armed: &Armed,
    now: Wall,
    code: OutcomeCode,
    follow: Follow,
) -> Recorded {
    let reason = if code == OutcomeCode::Accepted {
        None
    } else if code == OutcomeCode::Unknown {
        Some(Reason::Timeout)
    } else {
        Some(Reason::TryLater)
    };
    Recorded {
        broadcast: window.broadcast,
        ordinal: armed.ordinal,
        window: window.id,
        attempt: armed.attempt,
        at: now,
        code,
        reason,
        reply: "250 ok".to_owned(),
        provider_id: None,
        suppress: false,
        follow,
    }
}

/// It was accepted.
pub fn accepted(window: &Window, armed: &Armed, now: Wall) -> Recorded {
    outcome(window, armed, now, OutcomeCode::Accepted, Follow::Accepted)
}

/// It was refused for now and is due again at `not_before`.
pub fn deferred(window: &Window, armed: &Armed, now: Wall, not_before: Wall) -> Recorded {
    let follow = Follow::Wait {
        not_before,
        charged: armed.charged + 1,
        unknowns: armed.unknowns,
    };
    outcome(window, armed, now, OutcomeCode::Deferred, follow)
}

/// It may have been sent, and is due again at `not_before`.
pub fn unknown_again(window: &Window, armed: &Armed, now: Wall, not_before: Wall) -> Recorded {
    let follow = Follow::Wait {
        not_before,
        charged: armed.charged,
        unknowns: armed.unknowns + 1,
    };
    outcome(window, armed, now, OutcomeCode::Unknown, follow)
}

/// It may have been sent, and waits for a receipt or a person.
pub fn unknown(window: &Window, armed: &Armed, now: Wall) -> Recorded {
    outcome(window, armed, now, OutcomeCode::Unknown, Follow::Unknown)
}

/// A receipt.
pub fn receipt(
    (broadcast, ordinal): (BroadcastId, Ordinal),
    status: ReceiptStatus,
    now: Wall,
) -> ReceiptRecord {
    ReceiptRecord {
        about: ReceiptAbout::Delivery(broadcast, ordinal),
        at: now,
        status,
        reason: None,
    }
}

/// The ordinals of a window.
pub fn ordinals(window: &Window) -> Vec<u32> {
    window.armed.iter().map(|armed| armed.ordinal.0).collect()
}

/// The addresses of a window.
pub fn addresses(window: &Window) -> Vec<Address> {
    window.armed.iter().map(|a| a.address.clone()).collect()
}
