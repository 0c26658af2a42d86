//! Judging a run: the one judge of the domain, and what only a simulation can see.

use super::people::name_of;
use super::provider::Kind;
use super::run::{Pair, Run};
use super::time::BEGINNING;
use crate::settings::ChannelSettings;
use oyez_domain::channel::ChannelName;
use oyez_domain::invariants::{ChannelRules, Evidence, Finding, PaceRules, Verdict, judge};
use oyez_domain::ledger::{BroadcastEvidence, SystemEvidence};
use oyez_domain::time::Wall;
use std::collections::BTreeMap;
use std::time::Duration;

/// No run takes longer, and wall clocks are set off by more: so every moment tells by how much.
const LONGEST: Duration = Duration::from_secs(5400);

/// What a start that was taken over does until it notices is no news of the one that took over. So these are judged
/// by what the others sent: rate, waits, refusals, order.
const NOT_OF_ZOMBIES: [&str; 4] = ["I8", "I9", "I10", "I16"];

/// What the judge says, and all violations in words.
pub(crate) fn verdict(run: &Run, steps: &[i64]) -> (Verdict, Vec<String>) {
    let mut evidence = evidence(run, steps);
    let verdict = judge(&evidence);
    let zombies = run.world.log().iter().any(|logged| logged.by_zombie);
    let mut violations = if zombies {
        let mut violations = broken(&verdict, |id| !NOT_OF_ZOMBIES.contains(&id));
        let log = run.world.log();
        let alive = log.iter().filter(|logged| !logged.by_zombie);
        evidence.requests = Some(alive.map(|logged| logged.request.clone()).collect());
        violations.extend(broken(&judge(&evidence), |id| NOT_OF_ZOMBIES.contains(&id)));
        violations
    } else {
        broken(&verdict, |_| true)
    };
    let known = run.people.known.lock().unwrap();
    violations.extend(known.untrue.iter().cloned());
    let released: Vec<_> = evidence.broadcasts.iter().map(|b| b.view.update).collect();
    for update in known.out.iter().filter(|update| !released.contains(update)) {
        violations.push(format!("I13: {update} was said to be out, and is not"));
    }
    (verdict, violations)
}

fn broken(verdict: &Verdict, which: impl Fn(&str) -> bool) -> Vec<String> {
    let broken = verdict
        .invariants
        .iter()
        .filter(|judged| judged.finding == Finding::Violated && which(&judged.id));
    let words = broken.map(|judged| format!("{} ({}): {}", judged.id, judged.says, judged.why));
    words.collect()
}

fn evidence(run: &Run, steps: &[i64]) -> Evidence {
    let (mut broadcasts, mut system) = run.store.evidence();
    let calendar = Calendar(steps);
    broadcasts.iter_mut().for_each(|b| calendar.put_right(b));
    calendar.put_right_system(&mut system);
    let unclean_ends = system.starts.iter().filter(|start| !start.ended).count() as u64;
    let log = run.world.log();
    Evidence {
        broadcasts,
        system,
        requests: Some(log.iter().map(|logged| logged.request.clone()).collect()),
        not_logged: Vec::new(),
        without_reference: 0,
        unclean_ends,
        rules: rules(&run.kinds, &run.pairs),
        ended: true,
    }
}

fn rules(kinds: &[(Kind, ChannelSettings)], pairs: &[Pair]) -> BTreeMap<ChannelName, ChannelRules> {
    let rules = kinds.iter().map(|(kind, settings)| {
        let pace = &settings.pace;
        let pair = pairs.iter().find(|pair| pair.first == *kind);
        let rules = ChannelRules {
            keyed: kind.knows_keys() && pair.is_none_or(|pair| pair.second.knows_keys()),
            by_destination: *kind == Kind::Partners,
            by_provider: pair.is_some(),
            pace: Some(PaceRules {
                rate_per_second: pace.rate_per_second,
                burst: pace.declared_burst(),
                concurrency: pace.concurrency,
            }),
            retry: Some(settings.retry),
            hourly_cap: None,
        };
        (name_of(*kind), rules)
    });
    rules.collect()
}

/// Takes back what somebody did to the wall clock, so that moments can be compared.
struct Calendar<'a>(&'a [i64]);

impl Calendar<'_> {
    fn right(&self, at: Wall) -> Wall {
        let candidates = [0].iter().chain(self.0);
        let mut moments = candidates.map(|step| Wall(at.0.saturating_sub(*step)));
        let end = BEGINNING.plus(LONGEST);
        moments
            .find(|moment| (BEGINNING..end).contains(moment))
            .unwrap_or(at)
    }

    fn put_right(&self, evidence: &mut BroadcastEvidence) {
        evidence.expires_at = self.right(evidence.expires_at);
        for recipient in &mut evidence.audience {
            for stop in &mut recipient.stops {
                stop.from = self.right(stop.from);
                stop.until = stop.until.map(|at| self.right(at));
            }
        }
        for run in &mut evidence.armed {
            run.at = self.right(run.at);
        }
        for end in &mut evidence.ends {
            end.at = self.right(end.at);
            end.not_before = end.not_before.map(|at| self.right(at));
        }
        for run in &mut evidence.spans {
            run.at = self.right(run.at);
        }
        for receipt in &mut evidence.receipts {
            receipt.at = self.right(receipt.at);
        }
    }

    fn put_right_system(&self, system: &mut SystemEvidence) {
        for start in &mut system.starts {
            start.at = self.right(start.at);
        }
        for (_, at) in &mut system.resumes {
            *at = self.right(*at);
        }
    }
}
