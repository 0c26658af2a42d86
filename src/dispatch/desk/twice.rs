//! Noticing that the same words are about to go to the same people again.

use super::{Desk, DeskResult};
use oyez_domain::audience::AudienceRule;
use oyez_domain::update::{Update, UpdateState};
use std::time::Duration;

/// How long words count as just said.
const LATELY: Duration = Duration::from_secs(86_400);
/// Updates looked at, newest first.
const LOOKED_AT: u32 = 50;

impl Desk {
    /// The update that said the same on the same incident to the same people within the last day, if `draft` is one
    /// that has not gone out. One that was stopped does not count, nor does the draft itself, which a request beside this
    /// one may have released meanwhile.
    pub async fn said_before(&self, draft: &Update) -> DeskResult<Option<Update>> {
        if draft.state != UpdateState::Draft {
            return Ok(None);
        }
        let now = self.clock.wall();
        let said = |other: &Update| {
            let lately = other.released_at.is_some_and(|at| now.since(at) < LATELY);
            other.id != draft.id
                && other.state == UpdateState::Released
                && lately
                && other.incident == draft.incident
                && other.says_the_same(draft)
                && meet(&other.audience, &draft.audience)
        };
        let updates = self.ledger.released_updates(LOOKED_AT).await?;
        Ok(updates.into_iter().find(said))
    }
}

/// Whether two rules mean the same people on some channel.
fn meet(one: &AudienceRule, other: &AudienceRule) -> bool {
    let all = one.channels.is_empty() || other.channels.is_empty();
    let mut named = one.channels.iter();
    one.topics == other.topics
        && one.languages == other.languages
        && (all || named.any(|name| other.channels.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_people_are_those_of_the_same_rule_on_a_channel_of_both() {
        let rule = |channels: &[&str], topics: &[&str]| AudienceRule {
            channels: channels.iter().map(|name| name.parse().unwrap()).collect(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            languages: Vec::new(),
        };
        assert!(meet(&rule(&[], &[]), &rule(&["mail"], &[])));
        assert!(meet(&rule(&["mail", "sms"], &[]), &rule(&["sms"], &[])));
        assert!(!meet(&rule(&["mail"], &[]), &rule(&["sms"], &[])));
        assert!(!meet(&rule(&[], &["waste"]), &rule(&[], &[])));
    }
}
