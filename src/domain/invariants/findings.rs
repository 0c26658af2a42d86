//! Cases that break an invariant, and inputs that were missing to look for them.

use super::verdict::{Finding, Judgement};
use crate::channel::ChannelName;
use std::collections::{BTreeMap, BTreeSet};

/// Cases spelt out for each invariant at most; the rest is counted.
const LISTED: usize = 10;

/// What one search brought to light.
#[derive(Debug, Default)]
pub(super) struct Findings {
    cases: Vec<String>,
    all: u64,
    missing: Vec<String>,
    remarks: Vec<String>,
    /// What was not known, and of which channels.
    unknown: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Findings {
    /// A case that breaks the invariant. Only the first few are put into words.
    pub(super) fn broken(&mut self, words: impl FnOnce() -> String) {
        self.all += 1;
        if self.cases.len() < LISTED {
            self.cases.push(words());
        }
    }

    /// Part of the search could not be made; each reason is said once.
    pub(super) fn missing(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.missing.contains(&why) {
            self.missing.push(why);
        }
    }

    /// A channel's rule was not known, so that part of the search could not be made.
    pub(super) fn unknown(&mut self, rule: &'static str, channel: &ChannelName) {
        let channels = self.unknown.entry(rule).or_default();
        channels.insert(channel.to_string());
    }

    /// What the search could not see, although enough is left to say that the invariant holds.
    pub(super) fn remark(&mut self, why: impl Into<String>) {
        self.remarks.push(why.into());
    }

    /// How many cases there are.
    pub(super) fn all(&self) -> u64 {
        self.all
    }

    /// One case breaks an invariant; otherwise it holds only where nothing was missing.
    pub(super) fn judge(mut self, id: &str, says: &str) -> Judgement {
        for (rule, channels) in std::mem::take(&mut self.unknown) {
            let channels: Vec<_> = channels.into_iter().collect();
            let why = format!("needs the {rule} of {} (--config)", channels.join(", "));
            self.missing(why);
        }
        let listed = self.cases.len() as u64;
        let (finding, mut why) = if self.all > 0 {
            (Finding::Violated, self.cases.join("; "))
        } else if self.missing.is_empty() {
            (Finding::Held, self.remarks.join("; "))
        } else {
            (Finding::NotCheckable, self.missing.join("; "))
        };
        if self.all > listed {
            why.push_str(&format!("; and {} more", self.all - listed));
        }
        Judgement {
            id: id.to_owned(),
            says: says.to_owned(),
            finding,
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_case_outweighs_what_is_missing() {
        let mut findings = Findings::default();
        findings.missing("no log");
        findings.missing("no log");
        findings.broken(|| "somebody".to_owned());
        let judged = findings.judge("I1", "says");
        assert_eq!(
            (judged.finding, judged.why.as_str()),
            (Finding::Violated, "somebody")
        );
        let mut findings = Findings::default();
        findings.missing("no log");
        findings.missing("no log");
        let judged = findings.judge("I1", "says");
        assert_eq!(
            (judged.finding, judged.why.as_str()),
            (Finding::NotCheckable, "no log")
        );
        assert_eq!(
            Findings::default().judge("I1", "says").finding,
            Finding::Held
        );
    }

    #[test]
    fn channels_that_lack_the_same_rule_are_named_together() {
        let mut findings = Findings::default();
        for channel in ["sms", "email", "sms"] {
            findings.unknown("limit", &channel.parse().unwrap());
        }
        let judged = findings.judge("I8", "says");
        assert_eq!(judged.why, "needs the limit of email, sms (--config)");
    }

    #[test]
    fn a_flood_of_cases_is_counted_and_not_spelt_out() {
        let mut findings = Findings::default();
        (0..1000).for_each(|n| findings.broken(|| n.to_string()));
        let judged = findings.judge("I1", "says");
        assert!(judged.why.ends_with("9; and 990 more"), "{}", judged.why);
    }
}
