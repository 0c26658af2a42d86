//! One delivery: the states people see, and the fold that derives a state from what the ledger holds.

use crate::outcome::{OutcomeCode, Reason};
use crate::receipt::ReceiptStatus;
use serde::{Deserialize, Serialize};

/// Where one recipient on one channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not begun.
    Pending,
    /// Announced; its outcome is not recorded yet.
    Sending,
    /// A provider took it.
    Accepted,
    /// Delivered, by receipt.
    Delivered,
    /// Not delivered, by receipt.
    Undelivered,
    /// Refused for good, or tried as often as allowed.
    Rejected,
    /// Refused for now; will be tried again.
    Waiting,
    /// May have been sent.
    Unknown,
    /// The address must not be used.
    Suppressed,
    /// Too late to be useful.
    Expired,
    /// A newer update took its place.
    Superseded,
    /// Halted before it was sent.
    Stopped,
}

impl DeliveryState {
    /// The code used by programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Rejected => "rejected",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Suppressed => "suppressed",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Stopped => "stopped",
        }
    }

    /// Whether no further attempt may ever be armed.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Pending | Self::Sending | Self::Waiting | Self::Unknown => false,
            Self::Accepted
            | Self::Delivered
            | Self::Undelivered
            | Self::Rejected
            | Self::Suppressed
            | Self::Expired
            | Self::Superseded
            | Self::Stopped => true,
        }
    }
}

impl DeliveryState {
    /// Whether a provider took it.
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Accepted | Self::Delivered | Self::Undelivered)
    }
}

/// One thing the ledger holds about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Sending was announced durably.
    Armed {
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// The announcement was taken back: nothing was sent under it.
    Disarmed {
        /// Which attempt.
        attempt: u32,
    },
    /// What became of an attempt.
    Outcome {
        /// Which attempt.
        attempt: u32,
        /// What the adapter reported, or what was decided instead of sending.
        code: OutcomeCode,
        /// Why.
        reason: Option<Reason>,
        /// Whether another attempt is to follow.
        again: bool,
    },
    /// What a provider reported later.
    Receipt(ReceiptStatus),
}

/// The state of a delivery, whatever the order in which its records arrived.
///
/// Evidence beats intent: a receipt outranks an acceptance, an acceptance outranks every refusal. Without
/// either, the attempt with the highest number decides.
pub fn fold(records: &[Record]) -> DeliveryState {
    let receipt = records
        .iter()
        .filter_map(|r| {
            if let Record::Receipt(status) = r {
                Some(*status)
            } else {
                None
            }
        })
        .max_by_key(|status| status.rank());
    match receipt {
        Some(ReceiptStatus::Delivered) => return DeliveryState::Delivered,
        Some(
            ReceiptStatus::Undelivered
            | ReceiptStatus::UndeliveredForNow
            | ReceiptStatus::Bounced
            | ReceiptStatus::BouncedForNow,
        ) => return DeliveryState::Undelivered,
        Some(ReceiptStatus::Underway | ReceiptStatus::Complained) => {
            return DeliveryState::Accepted;
        }
        None => {}
    }
    if records.iter().any(|r| {
        matches!(
            r,
            Record::Outcome {
                code: OutcomeCode::Accepted | OutcomeCode::Confirmed,
                ..
            }
        )
    }) {
        return DeliveryState::Accepted;
    }
    // Within one attempt an outcome says more than the announcement, and a withdrawal says the attempt never was.
    let rank = |record: &Record| match record {
        Record::Armed { attempt } => (*attempt, 0),
        Record::Disarmed { attempt } => (*attempt, 1),
        Record::Outcome { attempt, .. } => (*attempt, 2),
        Record::Receipt(_) => (0, 0),
    };
    match records.iter().max_by_key(|record| rank(record)) {
        None | Some(Record::Receipt(_)) => DeliveryState::Pending,
        Some(Record::Armed { .. }) => DeliveryState::Sending,
        Some(Record::Disarmed { attempt }) if *attempt > 1 => DeliveryState::Waiting,
        Some(Record::Disarmed { .. }) => DeliveryState::Pending,
        Some(Record::Outcome { again: true, .. }) => DeliveryState::Waiting,
        Some(Record::Outcome {
            code, again: false, ..
        }) => settled_by(*code),
    }
}

/// The state a last outcome leaves a delivery in.
pub fn settled_by(code: OutcomeCode) -> DeliveryState {
    match code {
        OutcomeCode::Accepted | OutcomeCode::Confirmed => DeliveryState::Accepted,
        OutcomeCode::Throttled
        | OutcomeCode::Deferred
        | OutcomeCode::Rejected
        | OutcomeCode::BadMessage
        | OutcomeCode::ChannelDown
        | OutcomeCode::ChannelRefused => DeliveryState::Rejected,
        // A delivery that a person let go again always has `again` set, and is folded before it comes here.
        OutcomeCode::Unknown
        | OutcomeCode::Orphaned
        | OutcomeCode::Reopened
        | OutcomeCode::GivenUp => DeliveryState::Unknown,
        OutcomeCode::Suppressed => DeliveryState::Suppressed,
        OutcomeCode::Stopped => DeliveryState::Stopped,
        OutcomeCode::Expired => DeliveryState::Expired,
        OutcomeCode::Superseded => DeliveryState::Superseded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(attempt: u32, code: OutcomeCode, again: bool) -> Record {
        Record::Outcome {
            attempt,
            code,
            reason: None,
            again,
        }
    }

    /// Every order of a handful of records.
    fn orders(records: &[Record]) -> Vec<Vec<Record>> {
        if records.is_empty() {
            return vec![vec![]];
        }
        let mut all = Vec::new();
        for at in 0..records.len() {
            let mut rest = records.to_vec();
            let first = rest.remove(at);
            all.extend(orders(&rest).into_iter().map(|mut tail| {
                tail.insert(0, first);
                tail
            }));
        }
        all
    }

    #[test]
    fn all_5040_orders_of_seven_records_give_one_state() {
        let records = [
            Record::Armed { attempt: 1 },
            outcome(1, OutcomeCode::Deferred, true),
            Record::Armed { attempt: 2 },
            outcome(2, OutcomeCode::Accepted, false),
            Record::Receipt(ReceiptStatus::Underway),
            Record::Receipt(ReceiptStatus::UndeliveredForNow),
            Record::Receipt(ReceiptStatus::Delivered),
        ];
        let all = orders(&records);
        assert_eq!(all.len(), 5040);
        assert!(
            all.iter()
                .all(|order| fold(order) == DeliveryState::Delivered)
        );
    }

    #[test]
    fn a_record_that_arrives_twice_changes_nothing() {
        let once = [
            Record::Armed { attempt: 1 },
            outcome(1, OutcomeCode::Unknown, false),
        ];
        let twice = [once, once].concat();
        assert_eq!(fold(&once), DeliveryState::Unknown);
        assert_eq!(fold(&twice), fold(&once));
    }

    #[test]
    fn a_late_acceptance_beats_a_refusal() {
        let records = [
            outcome(2, OutcomeCode::Rejected, false),
            outcome(1, OutcomeCode::Accepted, false),
        ];
        assert_eq!(fold(&records), DeliveryState::Accepted);
    }

    #[test]
    fn what_was_taken_back_is_pending_again() {
        assert_eq!(
            fold(&[
                Record::Armed { attempt: 1 },
                Record::Disarmed { attempt: 1 }
            ]),
            DeliveryState::Pending
        );
        assert_eq!(
            fold(&[Record::Armed { attempt: 1 }]),
            DeliveryState::Sending
        );
        assert_eq!(fold(&[]), DeliveryState::Pending);
    }
}
