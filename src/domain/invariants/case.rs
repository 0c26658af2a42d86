//! One broadcast's evidence, sorted by recipient.

use super::Effect;
use crate::delivery::{DeliveryState, Record, fold};
use crate::id::Ordinal;
use crate::ledger::BroadcastEvidence;
use std::collections::BTreeMap;

/// One broadcast with everything folded.
pub(super) struct Case<'a> {
    pub(super) evidence: &'a BroadcastEvidence,
    pub(super) records: BTreeMap<Ordinal, Vec<Record>>,
    /// How often each recipient was reached.
    pub(super) copies: BTreeMap<Ordinal, u64>,
}

impl<'a> Case<'a> {
    pub(super) fn new(evidence: &'a BroadcastEvidence, effects: Option<&[Effect]>) -> Self {
        let mut records: BTreeMap<Ordinal, Vec<Record>> = evidence
            .audience
            .iter()
            .map(|(o, _)| (*o, Vec::new()))
            .collect();
        for (lo, hi, attempt, _) in &evidence.armed {
            spread(&mut records, *lo, *hi, Record::Armed { attempt: *attempt });
        }
        for (lo, hi, attempt) in &evidence.disarmed {
            spread(
                &mut records,
                *lo,
                *hi,
                Record::Disarmed { attempt: *attempt },
            );
        }
        for (lo, hi, code) in &evidence.spans {
            // A range that was settled as a whole is the last word on everything in it that had no success.
            spread(
                &mut records,
                *lo,
                *hi,
                Record::Outcome {
                    attempt: u32::MAX,
                    code: *code,
                    reason: None,
                    again: false,
                },
            );
        }
        for (ordinal, attempt, code, again) in &evidence.outcomes {
            let record = Record::Outcome {
                attempt: *attempt,
                code: *code,
                reason: None,
                again: *again,
            };
            records.entry(*ordinal).or_default().push(record);
        }
        for (ordinal, status) in &evidence.receipts {
            records
                .entry(*ordinal)
                .or_default()
                .push(Record::Receipt(*status));
        }
        let mut copies = BTreeMap::new();
        for (broadcast, ordinal) in effects
            .into_iter()
            .flatten()
            .filter_map(|effect| effect.place)
        {
            if broadcast == evidence.view.id {
                *copies.entry(ordinal).or_default() += 1;
            }
        }
        Self {
            evidence,
            records,
            copies,
        }
    }

    pub(super) fn states(&self) -> impl Iterator<Item = (Ordinal, DeliveryState)> {
        self.records
            .iter()
            .map(|(ordinal, records)| (*ordinal, fold(records)))
    }

    /// D.
    pub(super) fn bound(&self) -> u64 {
        u64::from(self.evidence.view.duplicate_bound)
    }

    /// Copies beyond the first.
    pub(super) fn duplicates(&self) -> u64 {
        self.copies.values().map(|copies| copies - 1).sum()
    }

    pub(super) fn name(&self, ordinal: Ordinal) -> String {
        format!(
            "broadcast {} ({}), ordinal {}",
            self.evidence.view.id.0, self.evidence.view.channel, ordinal.0
        )
    }

    pub(super) fn copies(&self, ordinal: Ordinal) -> u64 {
        self.copies.get(&ordinal).copied().unwrap_or(0)
    }
}

fn spread(records: &mut BTreeMap<Ordinal, Vec<Record>>, lo: Ordinal, hi: Ordinal, record: Record) {
    for (_, list) in records.range_mut(lo..=hi) {
        list.push(record);
    }
}
