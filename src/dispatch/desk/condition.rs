//! How the instance itself is: what stands in its way, and a person's word on the clock.

use super::{Desk, DeskResult};
use oyez_domain::trouble::{Trouble, TroubleCode};

impl Desk {
    /// What stands in the way of the whole instance at the moment, the gravest first.
    pub async fn troubles(&self) -> DeskResult<Vec<Trouble>> {
        let mut troubles = Vec::new();
        if self.ending.is_cancelled() {
            let line = "The program is ending: what is on its way is finished and recorded, nothing more is sent";
            troubles.push(Trouble::new(TroubleCode::Ending, line));
        }
        let holds = self.ledger.holds().await?;
        if let Some((_, why)) = holds.into_iter().find(|(channel, _)| channel.is_none()) {
            let line = format!("Everything is held: {why}");
            troubles.push(Trouble::new(TroubleCode::Held, line));
        }
        troubles.extend(self.ledger.condition().troubles);
        troubles.extend(self.public.troubles());
        troubles.extend(self.guard.expiry_frozen().map(|freeze| freeze.trouble()));
        troubles.sort_by_key(|trouble| !trouble.code.is_grave());
        Ok(troubles)
    }

    /// A person says that the machine's wall clock is right. Returns whether it was in doubt.
    pub fn trust_clock(&self, actor: &str) -> bool {
        let accepted = self.guard.trust();
        if let Some(freeze) = accepted {
            let seconds = freeze.off_by / 1_000_000;
            tracing::warn!(actor, seconds, "the new time of the clock was accepted");
            self.lives.ring_all();
        }
        accepted.is_some()
    }
}
