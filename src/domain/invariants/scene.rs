//! All of the evidence side by side: cases with their requests, the rules, and whether times can be compared.

use super::case::Case;
use super::{ChannelRules, Evidence, Request};
use crate::channel::ChannelName;
use crate::id::{BroadcastId, Ordinal};
use crate::time::{Boot, Wall};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What is said where an invariant needs a provider's log and there is none.
pub(super) const NO_LOG: &str = "needs a provider's log (--log)";
/// What is said where times of ledger and log cannot be compared.
pub(super) const CLOCK_SET: &str =
    "the wall clock was set while this was sent, so times cannot be compared";
/// Ledger and log read the same clock; the ledger keeps some moments in whole milliseconds.
pub(super) const RESOLUTION: Duration = Duration::from_millis(1);

/// A clock that is slewed stays within this; one that is set leaves it.
const SLEWED_MICROS: i64 = 1_000_000;
/// Announcements may be written in another order than they were dated in, by this much at most.
const QUEUED_MICROS: i64 = 5_000_000;

/// What is judged.
pub(super) struct Scene<'a> {
    pub(super) evidence: &'a Evidence,
    /// By number, which is the order of release.
    pub(super) cases: Vec<Case<'a>>,
    /// Requests with a key of ours whose broadcast is not in the ledger.
    pub(super) unknown_broadcasts: Vec<(BroadcastId, Ordinal)>,
    /// Whether the wall clock ran on without being set.
    pub(super) steady: bool,
    usual: ChannelRules,
}

impl<'a> Scene<'a> {
    pub(super) fn new(evidence: &'a Evidence) -> Self {
        let mut by_broadcast: HashMap<BroadcastId, Vec<(Ordinal, &Request)>> = HashMap::new();
        for request in evidence.requests.iter().flatten() {
            if let Some((broadcast, ordinal)) = request.place {
                let of_one = by_broadcast.entry(broadcast).or_default();
                of_one.push((ordinal, request));
            }
        }
        let mut cases: Vec<_> = evidence
            .broadcasts
            .iter()
            .map(|b| Case::new(b, by_broadcast.remove(&b.view.id).unwrap_or_default()))
            .collect();
        cases.sort_by_key(|case| case.evidence.view.id);
        let left = by_broadcast.into_iter();
        let mut unknown_broadcasts: Vec<_> = left
            .flat_map(|(id, of_one)| of_one.into_iter().map(move |(ordinal, _)| (id, ordinal)))
            .collect();
        unknown_broadcasts.sort_unstable();
        Self {
            evidence,
            steady: is_steady(evidence),
            cases,
            unknown_broadcasts,
            usual: ChannelRules::default(),
        }
    }

    /// Whether there is a log.
    pub(super) fn has_log(&self) -> bool {
        self.evidence.requests.is_some()
    }

    /// Whether there is a log that would know of this case.
    pub(super) fn is_logged(&self, case: &Case<'_>) -> bool {
        self.has_log() && !self.evidence.not_logged.contains(&case.evidence.view.id)
    }

    /// What a case's channel was allowed.
    pub(super) fn rules(&self, case: &Case<'_>) -> &ChannelRules {
        let rules = self.evidence.rules.get(&case.evidence.view.channel);
        rules.unwrap_or(&self.usual)
    }

    /// The cases of each channel that a log would know of.
    pub(super) fn channels(&self) -> BTreeMap<&'a ChannelName, Vec<&Case<'a>>> {
        let mut channels: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for case in self.cases.iter().filter(|case| self.is_logged(case)) {
            let of_one = channels.entry(&case.evidence.view.channel).or_default();
            of_one.push(case);
        }
        channels
    }
}

/// Everything that some cases' providers saw, in the order of time, with the recipient's row of address.
pub(super) fn requests<'a>(cases: &[&Case<'a>]) -> Vec<(i64, &'a Request)> {
    let mut all: Vec<_> = cases
        .iter()
        .flat_map(|case| {
            let of_one = move |(place, recipient): (usize, &crate::ledger::Recipient)| {
                let requests = case.requests(place).iter();
                let address_id = recipient.address_id;
                requests.map(move |request| (address_id, *request))
            };
            case.places().flat_map(of_one)
        })
        .collect();
    all.sort_by_key(|(_, request)| request.since_boot);
    all
}

/// A log shows a clock that was set by its second, steady clock; a ledger only one that was set back.
fn is_steady(evidence: &Evidence) -> bool {
    let offset = |at: Wall, since_boot: Boot| {
        at.0.saturating_sub(i64::try_from(since_boot.0.as_micros()).unwrap_or(i64::MAX))
    };
    let requests = evidence.requests.iter().flatten();
    let offsets = requests.map(|request| offset(request.at, request.since_boot));
    let (least, most) = offsets.fold((i64::MAX, i64::MIN), |(least, most), offset| {
        (least.min(offset), most.max(offset))
    });
    if most.saturating_sub(least) > SLEWED_MICROS {
        return false;
    }
    let mut windows: Vec<_> = evidence
        .broadcasts
        .iter()
        .flat_map(|b| b.armed.iter().map(|run| (run.window, run.at)))
        .collect();
    windows.sort_unstable();
    let mut latest = i64::MIN;
    windows.iter().all(|(_, at)| {
        let back = latest.saturating_sub(at.0) > QUEUED_MICROS;
        latest = latest.max(at.0);
        !back
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::play;
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed_with_and_without_a_log() {
        let mut play = play();
        assert!(is_steady(&play.evidence()));
        play.requests.as_mut().unwrap()[2].at = Wall(9_000_000);
        assert!(!is_steady(&play.evidence()), "the log's two clocks part");
        play.requests = None;
        assert!(is_steady(&play.evidence()));
        play.arm(0, 0, 2, 0);
        play.broadcast.armed[0].at = Wall(3_600_000_000);
        assert!(
            !is_steady(&play.evidence()),
            "a later window is dated earlier"
        );
    }
}
