//! What the simulated store holds: plain collections, each delivery with everything that ever happened to it.

use oyez_domain::address::{Address, AddressKind};
use oyez_domain::broadcast::{BroadcastState, Counts};
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::{DeliveryState, Record, fold, settled_by};
use oyez_domain::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use oyez_domain::incident::Incident;
use oyez_domain::invariants;
use oyez_domain::ledger::{
    ArmedRun, AttemptView, DisarmedRun, NewBroadcast, ReceiptRecord, SettledRun, WindowId,
};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::parcel::Secret;
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::service::Service;
use oyez_domain::subscriber::{NewSubscriber, SuppressionCause};
use oyez_domain::test_message::TestResult;
use oyez_domain::time::Wall;
use oyez_domain::update::Update;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) sequence: u64,
    pub(super) starts: Vec<Started>,
    pub(super) incidents: BTreeMap<IncidentId, Incident>,
    pub(super) services: Vec<Service>,
    pub(super) updates: BTreeMap<UpdateId, Written>,
    /// By scope and key: the request, and what it was answered.
    pub(super) answers: BTreeMap<(String, String), ([u8; 32], Answer)>,
    /// The first has row 1.
    pub(super) addresses: Vec<Known>,
    pub(super) rows: BTreeMap<Address, i64>,
    pub(super) subscriptions: BTreeMap<(AddressKind, i64), Subscription>,
    pub(super) suppressed: BTreeMap<Address, (SuppressionCause, Wall)>,
    /// Messages that missed their address lately, by row and broadcast.
    pub(super) misses: BTreeMap<(i64, BroadcastId), Wall>,
    /// Stops that START lifted: from, until.
    pub(super) lifted: BTreeMap<Address, Vec<(Wall, Wall)>>,
    /// Texts that came in, by channel and identifier.
    pub(super) heard: BTreeSet<(ChannelName, String)>,
    pub(super) staged: BTreeMap<u64, Vec<NewSubscriber>>,
    /// The first has number 1.
    pub(super) broadcasts: Vec<Broadcast>,
    /// The first has number 1.
    pub(super) windows: Vec<Announced>,
    pub(super) holds: BTreeMap<Option<ChannelName>, String>,
    pub(super) resumes: Vec<(Option<ChannelName>, Wall)>,
    /// Test messages: on which channel, when.
    pub(super) tests: Vec<(ChannelName, Wall)>,
    /// Receipts that name an identifier no acceptance has brought yet.
    pub(super) parked: Vec<ReceiptRecord>,
}

/// One start of the program.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub(super) at: Wall,
    pub(super) ended: bool,
    pub(super) batches: BTreeSet<u64>,
}

/// An update, with its surroundings once it is out.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) update: Update,
    pub(super) frozen: Option<(Incident, Vec<Service>)>,
}

/// What a request made.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Incident(IncidentId),
    Update(UpdateId),
    Release(UpdateId, Vec<(BroadcastId, ChannelName)>),
    /// How many deliveries a decision was about.
    Decided(u64),
    /// A test message, and what came of it.
    Test(Option<TestResult>),
}

impl Answer {
    /// The name of what it made.
    pub(super) fn made(&self) -> String {
        match self {
            Self::Incident(id) => id.to_string(),
            Self::Update(id) | Self::Release(id, _) => id.to_string(),
            Self::Decided(many) => format!("{many} deliveries"),
            Self::Test(_) => "a test message".to_owned(),
        }
    }
}

/// An address, and whose endpoint it is.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) address: Address,
    pub(super) partner: Option<Partner>,
}

/// The partner behind an endpoint's address.
#[derive(Debug, Clone)]
pub(super) struct Partner {
    pub(super) name: String,
    pub(super) secret: Secret,
    /// The secret before it, and until when it signs beside it.
    pub(super) previous: Option<(Secret, Wall)>,
    /// It has not moved away.
    pub(super) current: bool,
}

impl Partner {
    /// What messages to it are signed with.
    pub(super) fn signs(&self, now: Wall) -> Secret {
        let previous = self.previous.as_ref().filter(|(_, until)| *until > now);
        let all: Vec<Secret> = previous
            .map(|(secret, _)| secret.clone())
            .into_iter()
            .collect();
        Secret::all(&[vec![self.secret.clone()], all].concat())
    }
}

/// Since when and until when an address is asked.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) from: u64,
    pub(super) to: Option<u64>,
    pub(super) topics: Vec<String>,
    pub(super) language: Arc<str>,
}

/// A window as announced; what was taken back of it stands in the broadcast.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    pub(super) broadcast: BroadcastId,
    /// The kind of the provider that it goes through.
    pub(super) provider: String,
    pub(super) deliveries: Vec<(Ordinal, u32)>,
}

/// One update on one channel.
#[derive(Debug, Clone)]
pub(super) struct Broadcast {
    pub(super) id: BroadcastId,
    pub(super) update: UpdateId,
    pub(super) incident: IncidentId,
    pub(super) urgent: bool,
    pub(super) supersedes: bool,
    /// Whose turn it has: its own, or that of the first one it takes the place of.
    pub(super) turn: BroadcastId,
    pub(super) rules: NewBroadcast,
    pub(super) page_rows: u32,
    pub(super) topics: Vec<String>,
    pub(super) languages: Vec<String>,
    pub(super) released_at: Wall,
    pub(super) sequence: u64,
    pub(super) state: BroadcastState,
    pub(super) planned: bool,
    /// The last address the planner has looked at.
    pub(super) scanned_to: i64,
    pub(super) deliveries: Vec<Delivery>,
    /// The rows of its audience.
    pub(super) asked: BTreeSet<i64>,
    pub(super) armed: Vec<ArmedRun>,
    pub(super) disarmed: Vec<DisarmedRun>,
    pub(super) spans: Vec<SettledRun>,
    pub(super) first_outcome_at: Option<Wall>,
    pub(super) last_outcome_at: Option<Wall>,
}

/// What may be done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// No worker has looked at it.
    Fresh,
    /// Announced in this window.
    Armed(WindowId),
    /// To be sent again from this moment on.
    Due(Wall),
    /// Waits for the same person's delivery of an older update.
    Behind(Wall),
    /// May have been sent.
    Unknown,
    /// Nothing more, for this reason.
    Settled(OutcomeCode),
}

/// One recipient, and everything that happened.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) row: i64,
    pub(super) language: Arc<str>,
    pub(super) place: Place,
    /// The last attempt with an end.
    pub(super) attempt: u32,
    pub(super) charged: u32,
    pub(super) unknowns: u32,
    pub(super) unsure: bool,
    /// The kind of the provider through which it may have been sent, if it may.
    pub(super) provider: Option<String>,
    pub(super) first_armed_at: Option<Wall>,
    pub(super) reason: Option<Reason>,
    pub(super) ends: Vec<End>,
    pub(super) receipts: Vec<(Wall, ReceiptStatus, Option<Reason>)>,
    /// The receipt that decides.
    pub(super) told: Option<ReceiptStatus>,
}

/// How an attempt ended, or what was decided instead.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) view: AttemptView,
    pub(super) again: bool,
    pub(super) not_before: Option<Wall>,
    /// It took the place of the note that nobody knew how the attempt had ended.
    pub(super) late: bool,
    /// The kind of the provider that it went through, where something was sent.
    pub(super) provider: Option<String>,
}

impl Delivery {
    pub(super) fn new(row: i64, language: Arc<str>) -> Self {
        Self {
            row,
            language,
            place: Place::Fresh,
            attempt: 0,
            charged: 0,
            unknowns: 0,
            unsure: false,
            provider: None,
            first_armed_at: None,
            reason: None,
            ends: Vec::new(),
            receipts: Vec::new(),
            told: None,
        }
    }

    /// Where it stands.
    pub(super) fn state(&self) -> DeliveryState {
        if let Some(status) = self.told {
            return fold(&[Record::Receipt(status)]);
        }
        match self.place {
            Place::Fresh => DeliveryState::Pending,
            Place::Armed(_) => DeliveryState::Sending,
            Place::Due(_) | Place::Behind(_) if self.attempt == 0 => DeliveryState::Pending,
            Place::Due(_) | Place::Behind(_) => DeliveryState::Waiting,
            Place::Unknown => DeliveryState::Unknown,
            Place::Settled(code) => settled_by(code),
        }
    }

    /// Whether something of it may still leave, or be on its way.
    pub(super) fn is_open(&self) -> bool {
        match self.place {
            Place::Fresh | Place::Armed(_) | Place::Due(_) | Place::Behind(_) => true,
            Place::Unknown | Place::Settled(_) => false,
        }
    }

    /// Whether anything was sent, or may have been.
    pub(super) fn was_armed(&self) -> bool {
        matches!(self.place, Place::Armed(_))
            || self.told.is_some()
            || self.ends.iter().any(|end| is_an_attempt(end.view.outcome))
    }

    /// Whether this attempt's end is known, or a receipt says more.
    pub(super) fn has_evidence(&self, attempt: u32) -> bool {
        self.told.is_some() || self.ends.iter().any(|end| end.view.attempt == attempt)
    }

    /// Ends the next attempt by a decision.
    pub(super) fn decide(&mut self, code: OutcomeCode, reason: Option<Reason>, at: Wall) {
        self.attempt += 1;
        self.reason = reason;
        self.ends.push(End {
            view: AttemptView {
                attempt: self.attempt,
                at,
                outcome: code,
                reason,
                reply: String::new(),
                provider_id: None,
            },
            again: false,
            not_before: None,
            late: false,
            provider: None,
        });
    }

    /// Settles it without another attempt; what may have been sent is never called unsent.
    pub(super) fn settle_unsent(&mut self, code: OutcomeCode, reason: Reason, at: Wall) {
        if self.unsure {
            self.decide(OutcomeCode::Unknown, Some(Reason::Uncertain), at);
            self.place = Place::Unknown;
        } else {
            self.decide(code, Some(reason), at);
            self.place = Place::Settled(code);
        }
    }
}

/// Whether something was sent under it; otherwise it was decided instead.
fn is_an_attempt(code: OutcomeCode) -> bool {
    match code {
        OutcomeCode::Accepted
        | OutcomeCode::Throttled
        | OutcomeCode::Deferred
        | OutcomeCode::Rejected
        | OutcomeCode::BadMessage
        | OutcomeCode::ChannelDown
        | OutcomeCode::ChannelRefused
        | OutcomeCode::Unknown
        | OutcomeCode::Orphaned => true,
        OutcomeCode::Suppressed
        | OutcomeCode::Stopped
        | OutcomeCode::Expired
        | OutcomeCode::Superseded
        | OutcomeCode::Confirmed
        | OutcomeCode::Reopened
        | OutcomeCode::GivenUp => false,
    }
}

impl Broadcast {
    /// How many stand where.
    pub(super) fn counts(&self) -> Counts {
        invariants::counts(self.deliveries.iter().map(Delivery::state))
    }

    /// Not stopped and not done.
    pub(super) fn is_open(&self) -> bool {
        match self.state {
            BroadcastState::Sending | BroadcastState::Held => true,
            BroadcastState::Stopped | BroadcastState::Done => false,
        }
    }

    /// Whether there are recipients no worker has looked at, known or still to be found.
    pub(super) fn has_fresh(&self) -> bool {
        let fresh = |delivery: &Delivery| delivery.place == Place::Fresh;
        self.is_open() && (!self.planned || self.deliveries.iter().any(fresh))
    }

    /// Settles what is not on its way; what nobody has looked at as one range.
    pub(super) fn settle_rest(&mut self, code: OutcomeCode, reason: Reason, at: Wall) {
        self.settle_fresh(code, at);
        for delivery in &mut self.deliveries {
            if let Place::Due(_) | Place::Behind(_) = delivery.place {
                delivery.settle_unsent(code, reason, at);
            }
        }
    }

    /// Settles what nobody has looked at.
    pub(super) fn settle_fresh(&mut self, code: OutcomeCode, at: Wall) {
        self.settle_fresh_of(|_| true, code, at);
    }

    /// The same for some addresses only, in ranges.
    pub(super) fn settle_fresh_of(
        &mut self,
        which: impl Fn(i64) -> bool,
        code: OutcomeCode,
        at: Wall,
    ) {
        for (ordinal, delivery) in (0..).map(Ordinal).zip(&mut self.deliveries) {
            if delivery.place != Place::Fresh || !which(delivery.row) {
                continue;
            }
            delivery.place = Place::Settled(code);
            let (lo, hi) = (ordinal, ordinal);
            match self.spans.last_mut() {
                Some(run) if run.hi.0 + 1 == lo.0 && (run.code, run.at) == (code, at) => {
                    run.hi = hi;
                }
                Some(_) | None => self.spans.push(SettledRun { lo, hi, code, at }),
            }
        }
    }

    /// With nothing left to do it is done; with something to do again it is not.
    pub(super) fn see_whether_done(&mut self) {
        let finished = self.planned && !self.deliveries.iter().any(Delivery::is_open);
        match self.state {
            BroadcastState::Sending | BroadcastState::Held if finished => {
                self.state = BroadcastState::Done;
            }
            BroadcastState::Done if !finished => self.state = BroadcastState::Sending,
            BroadcastState::Sending
            | BroadcastState::Held
            | BroadcastState::Stopped
            | BroadcastState::Done => {}
        }
    }
}
