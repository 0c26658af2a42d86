//! A small run in which everything is as it should be, for tests to break in one place.

use super::{ChannelRules, Evidence, Finding, PaceRules, Request, judge};
use crate::address::Address;
use crate::broadcast::{BroadcastState, Counts};
use crate::channel::ChannelName;
use crate::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use crate::ledger::{
    Answered, ArmedRun, AttemptEnd, BroadcastEvidence, BroadcastView, DisarmedRun, Recipient,
    Start, SystemEvidence, WindowId,
};
use crate::outcome::OutcomeCode;
use crate::retry::RetryPolicy;
use crate::time::{Boot, Wall};
use std::collections::BTreeMap;
use std::time::Duration;

/// Two broadcasts of one incident on one channel, the first of which tests play with. Times are in milliseconds
/// from the first start of the program.
pub(super) struct Play {
    pub(super) broadcast: BroadcastEvidence,
    /// A newer update of the same incident, to the first recipient alone.
    pub(super) newer: Option<BroadcastEvidence>,
    pub(super) requests: Option<Vec<Request>>,
    pub(super) system: SystemEvidence,
    pub(super) rules: BTreeMap<ChannelName, ChannelRules>,
    pub(super) unclean_ends: u64,
    windows: i64,
}

/// Three recipients announced by one start after 1 s, reached and accepted within the next; nobody else.
pub(super) fn play() -> Play {
    let mut play = Play {
        broadcast: broadcast(1, 3),
        newer: None,
        requests: Some(Vec::new()),
        system: SystemEvidence {
            starts: vec![start(1, 0, true)],
            resumes: Vec::new(),
            answered: vec![Answered {
                made: "upd_1".to_owned(),
                stands: true,
            }],
        },
        rules: BTreeMap::from([(channel(), rules())]),
        unclean_ends: 0,
        windows: 0,
    };
    play.arm(0, 2, 1, 1000);
    for ordinal in 0..3 {
        play.reach(ordinal, 1100 + 100 * u64::from(ordinal));
        play.end(ordinal, 1, OutcomeCode::Accepted, 1500);
    }
    play
}

pub(super) fn channel() -> ChannelName {
    "residents_sms".parse().unwrap()
}

pub(super) fn rules() -> ChannelRules {
    ChannelRules {
        keyed: false,
        by_destination: false,
        by_provider: false,
        pace: Some(PaceRules {
            rate_per_second: Some(10.0),
            burst: 1,
            concurrency: 2,
        }),
        retry: Some(RetryPolicy {
            max_attempts: 3,
            base_milliseconds: 1000,
            cap_milliseconds: 4000,
        }),
        hourly_cap: Some(100),
    }
}

pub(super) fn start(boot: i64, milliseconds: u64, ended: bool) -> Start {
    Start {
        boot,
        at: wall(milliseconds),
        ended,
    }
}

/// The moment so many milliseconds after the first start.
pub(super) fn wall(milliseconds: u64) -> Wall {
    Wall(0).plus(Duration::from_millis(milliseconds))
}

/// A broadcast with so many recipients of whom nothing is known.
pub(super) fn broadcast(number: u32, people: u32) -> BroadcastEvidence {
    let view = BroadcastView {
        id: BroadcastId(number),
        update: UpdateId::from_bytes([u8::try_from(number).unwrap(); 16]),
        reference: "7QX-4HM".parse().unwrap(),
        channel: channel(),
        kind: "sms_http".to_owned(),
        state: BroadcastState::Done,
        counts: Counts::default(),
        in_flight: 0,
        waiting: 0,
        planned: true,
        urgent: false,
        duplicate_bound: 2,
        released_at: wall(500),
        first_outcome_at: None,
        last_outcome_at: None,
        next_due_at: None,
        reasons: Vec::new(),
    };
    let recipient = |n: u32| Recipient {
        ordinal: Ordinal(n),
        address_id: i64::from(n) + 70,
        address: Address::account(&to(n)),
        stops: Vec::new(),
    };
    BroadcastEvidence {
        view,
        incident: IncidentId::from_bytes([9; 16]),
        expires_at: wall(600_000),
        holds_unknown: false,
        audience: (0..people).map(recipient).collect(),
        armed: Vec::new(),
        providers: BTreeMap::new(),
        disarmed: Vec::new(),
        ends: Vec::new(),
        spans: Vec::new(),
        receipts: Vec::new(),
    }
}

/// Whom the recipient with this ordinal is.
pub(super) fn to(ordinal: u32) -> String {
    format!("resident{ordinal}")
}

/// A request for a delivery that reached its recipient.
pub(super) fn reached(broadcast: u32, ordinal: u32, milliseconds: u64) -> Request {
    Request {
        place: Some((BroadcastId(broadcast), Ordinal(ordinal))),
        provider: channel().to_string(),
        to: to(ordinal),
        at: wall(milliseconds),
        since_boot: Boot(Duration::from_millis(milliseconds)),
        effect: true,
        refused_us: false,
        not_before: None,
    }
}

impl Play {
    /// The first start announces a run of ordinals in a window of its own.
    pub(super) fn arm(&mut self, lo: u32, hi: u32, attempt: u32, milliseconds: u64) -> WindowId {
        self.arm_by(1, lo, hi, attempt, milliseconds)
    }

    /// Another start does.
    pub(super) fn arm_by(
        &mut self,
        boot: i64,
        lo: u32,
        hi: u32,
        attempt: u32,
        milliseconds: u64,
    ) -> WindowId {
        self.windows += 1;
        let window = WindowId(self.windows);
        self.broadcast.armed.push(ArmedRun {
            window,
            boot,
            lo: Ordinal(lo),
            hi: Ordinal(hi),
            attempt,
            at: wall(milliseconds),
        });
        window
    }

    /// One announced delivery of a window is taken back.
    pub(super) fn disarm(&mut self, window: WindowId, ordinal: u32, attempt: u32) {
        self.broadcast.disarmed.push(DisarmedRun {
            window,
            lo: Ordinal(ordinal),
            hi: Ordinal(ordinal),
            attempt,
        });
    }

    /// An attempt ended for good.
    pub(super) fn end(&mut self, ordinal: u32, attempt: u32, code: OutcomeCode, milliseconds: u64) {
        self.broadcast.ends.push(AttemptEnd {
            ordinal: Ordinal(ordinal),
            attempt,
            at: wall(milliseconds),
            code,
            again: false,
            not_before: None,
            reason: None,
            late: false,
        });
    }

    /// An attempt ended and another follows.
    pub(super) fn end_again(
        &mut self,
        ordinal: u32,
        attempt: u32,
        code: OutcomeCode,
        milliseconds: u64,
    ) {
        self.end(ordinal, attempt, code, milliseconds);
        self.broadcast.ends.last_mut().unwrap().again = true;
    }

    /// A request reached the recipient.
    pub(super) fn reach(&mut self, ordinal: u32, milliseconds: u64) {
        self.ask(ordinal, milliseconds).effect = true;
    }

    /// A request reached nobody; what else is to be said of it is up to the caller.
    pub(super) fn ask(&mut self, ordinal: u32, milliseconds: u64) -> &mut Request {
        let requests = self.requests.as_mut().unwrap();
        requests.push(Request {
            effect: false,
            ..reached(1, ordinal, milliseconds)
        });
        requests.last_mut().unwrap()
    }

    /// Forgets how the attempts of one delivery ended and what reached its recipient.
    pub(super) fn forget(&mut self, ordinal: u32) {
        let here = |place: Option<(BroadcastId, Ordinal)>| {
            place == Some((BroadcastId(1), Ordinal(ordinal)))
        };
        self.broadcast.ends.retain(|end| end.ordinal.0 != ordinal);
        let requests = self.requests.as_mut().unwrap();
        requests.retain(|request| !here(request.place));
    }

    /// Everything, with the counts that the screen would show.
    pub(super) fn evidence(&self) -> Evidence {
        let mut requests = self.requests.clone();
        if let Some(requests) = &mut requests {
            requests.sort_by_key(|request| request.since_boot);
        }
        let mut broadcasts: Vec<_> = [Some(&self.broadcast), self.newer.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        for broadcast in &mut broadcasts {
            if broadcast.view.counts == Counts::default() {
                broadcast.view.counts = super::folded_counts(broadcast);
            }
        }
        Evidence {
            broadcasts,
            system: self.system.clone(),
            requests,
            not_logged: Vec::new(),
            without_reference: 0,
            unclean_ends: self.unclean_ends,
            rules: self.rules.clone(),
            ended: true,
        }
    }
}

/// The invariants that this run breaks.
pub(super) fn violated(play: &Play) -> Vec<String> {
    let judged = judge(&play.evidence()).invariants;
    judged
        .into_iter()
        .filter(|j| j.finding == Finding::Violated)
        .map(|j| j.id)
        .collect()
}
