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
    // Within one attempt an outcome says more than the announcement, and a withdrawal says the attempt never was: then the one
    // before it decides, whose outcome may have become known only afterwards.
    let rank = |record: &Record| match record {
        Record::Armed { attempt } | Record::Disarmed { attempt } => (*attempt, 0),
        Record::Outcome { attempt, .. } => (*attempt, 1),
        Record::Receipt(_) => (0, 0),
    };
    let withdrawn = records.iter().filter_map(|record| match record {
        Record::Disarmed { attempt } => Some(*attempt),
        Record::Armed { .. } | Record::Outcome { .. } | Record::Receipt(_) => None,
    });
    let last_withdrawn = withdrawn.max().unwrap_or(0);
    let was = |record: &&Record| match record {
        Record::Armed { attempt } => !records.contains(&Record::Disarmed { attempt: *attempt }),
        Record::Outcome { .. } => true,
        Record::Disarmed { .. } | Record::Receipt(_) => false,
    };
    match records.iter().filter(was).max_by_key(|record| rank(record)) {
        Some(Record::Outcome { again: true, .. }) => DeliveryState::Waiting,
        Some(Record::Outcome {
            code, again: false, ..
        }) => settled_by(*code),
        Some(Record::Armed { attempt }) if *attempt > last_withdrawn => DeliveryState::Sending,
        // What was announced, interrupted and taken up anew is not on its way any more; nor is what was only taken back.
        Some(Record::Armed { .. } | Record::Disarmed { .. } | Record::Receipt(_)) | None => {
            if last_withdrawn > 1 {
                DeliveryState::Waiting
            } else {
                DeliveryState::Pending
            }
        }
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

    /// What may have come before the receipts, and the state it leaves a delivery in.
    fn pasts() -> Vec<(Vec<Record>, DeliveryState)> {
        use OutcomeCode as Code;
        let armed = |attempt| Record::Armed { attempt };
        vec![
            (vec![armed(1)], DeliveryState::Sending),
            (
                vec![armed(1), outcome(1, Code::Accepted, false)],
                DeliveryState::Accepted,
            ),
            (
                vec![armed(1), outcome(1, Code::Unknown, false)],
                DeliveryState::Unknown,
            ),
            (
                vec![armed(1), outcome(1, Code::Orphaned, true)],
                DeliveryState::Waiting,
            ),
            (
                vec![armed(1), outcome(1, Code::Deferred, true), armed(2)],
                DeliveryState::Sending,
            ),
            (
                vec![armed(1), outcome(1, Code::Rejected, false)],
                DeliveryState::Rejected,
            ),
            (
                vec![
                    armed(1),
                    outcome(1, Code::Unknown, false),
                    outcome(2, Code::GivenUp, false),
                ],
                DeliveryState::Unknown,
            ),
            (
                vec![
                    armed(1),
                    outcome(1, Code::Unknown, false),
                    outcome(2, Code::Reopened, true),
                    armed(3),
                    outcome(3, Code::Rejected, false),
                ],
                DeliveryState::Rejected,
            ),
        ]
    }

    /// Calls `check` with every order of these (Heap's algorithm); how many there were.
    fn each_order<T>(items: &mut [T], check: &mut impl FnMut(&[T])) -> usize {
        fn permute<T>(items: &mut [T], open: usize, check: &mut impl FnMut(&[T])) -> usize {
            if open <= 1 {
                check(items);
                return 1;
            }
            let mut orders = 0;
            for at in 0..open {
                orders += permute(items, open - 1, check);
                items.swap(if open.is_multiple_of(2) { at } else { 0 }, open - 1);
            }
            orders
        }
        permute(items, items.len(), check)
    }

    #[test]
    fn all_5040_orders_of_seven_receipts_give_one_state_after_any_past() {
        for (past, before) in pasts() {
            assert_eq!(fold(&past), before);
            let mut receipts = ReceiptStatus::ALL.map(Record::Receipt);
            let orders = each_order(&mut receipts, &mut |order| {
                let after = [past.as_slice(), order].concat();
                let overtaken = [order, past.as_slice()].concat();
                let halfway = [&order[..3], past.as_slice(), &order[3..]].concat();
                let twice = [after.as_slice(), order, past.as_slice()].concat();
                for records in [after, overtaken, halfway, twice] {
                    assert_eq!(fold(&records), DeliveryState::Undelivered, "{records:?}");
                }
            });
            assert_eq!(orders, 5040);
        }
    }

    #[test]
    fn what_some_receipts_say_depends_on_the_highest_rank_alone() {
        for chosen in 1_u32..1 << ReceiptStatus::ALL.len() {
            let some = ReceiptStatus::ALL.into_iter().enumerate();
            let some = some.filter(|(at, _)| chosen & (1 << at) != 0);
            let mut some: Vec<_> = some.map(|(_, status)| status).collect();
            let highest = some.iter().map(|status| status.rank()).max();
            let expected = match highest {
                Some(0 | 1) => DeliveryState::Accepted,
                Some(4) => DeliveryState::Delivered,
                Some(_) => DeliveryState::Undelivered,
                None => unreachable!("at least one is chosen"),
            };
            let orders = each_order(&mut some, &mut |order| {
                let records: Vec<_> = order.iter().copied().map(Record::Receipt).collect();
                assert_eq!(fold(&records), expected, "{order:?}");
            });
            assert!(orders > 0);
        }
    }

    #[test]
    fn all_5040_orders_of_attempts_and_receipts_give_one_state() {
        let mut records = [
            Record::Armed { attempt: 1 },
            outcome(1, OutcomeCode::Deferred, true),
            Record::Armed { attempt: 2 },
            outcome(2, OutcomeCode::Accepted, false),
            Record::Receipt(ReceiptStatus::Underway),
            Record::Receipt(ReceiptStatus::UndeliveredForNow),
            Record::Receipt(ReceiptStatus::Delivered),
        ];
        let orders = each_order(&mut records, &mut |order| {
            assert_eq!(fold(order), DeliveryState::Delivered, "{order:?}");
        });
        assert_eq!(orders, 5040);
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
    fn what_became_known_of_an_attempt_counts_although_the_next_was_taken_back() {
        let history = |end: Option<Record>| {
            let begun = [
                Record::Armed { attempt: 1 },
                outcome(1, OutcomeCode::Unknown, true),
                Record::Armed { attempt: 2 },
                Record::Armed { attempt: 3 },
                Record::Disarmed { attempt: 3 },
            ];
            fold(&begun.into_iter().chain(end).collect::<Vec<_>>())
        };
        // Whoever announced it was interrupted; a newer start took it up, and then not after all.
        assert_eq!(history(None), DeliveryState::Waiting);
        let settled = outcome(2, OutcomeCode::Unknown, false);
        assert_eq!(history(Some(settled)), DeliveryState::Unknown);
        let again = outcome(2, OutcomeCode::Deferred, true);
        assert_eq!(history(Some(again)), DeliveryState::Waiting);
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
