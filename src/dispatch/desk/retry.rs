//! Trying again what failed, by reason: only what another attempt can mend.

use super::{Desk, DeskResult};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{Done, Idempotency};
use oyez_domain::outcome::Reason;
use oyez_domain::{LedgerError, Refusal};
use serde::{Deserialize, Serialize};

/// Deliveries of an update that failed on one channel for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRow {
    /// The channel.
    pub channel: ChannelName,
    /// Why they failed.
    pub reason: Reason,
    /// The same in words.
    pub label: String,
    /// How many.
    pub count: u64,
    /// Whether another attempt can succeed.
    pub can_succeed: bool,
}

impl Desk {
    /// What failed of an update, by channel and reason.
    pub async fn failures(&self, update: UpdateId) -> DeskResult<Vec<FailureRow>> {
        let row = |(channel, reason, count): (ChannelName, Reason, u64)| FailureRow {
            channel,
            reason,
            label: reason.label().to_owned(),
            count,
            can_succeed: reason.can_succeed_later(),
        };
        let failures = self.ledger.failures(update).await?;
        Ok(failures.into_iter().map(row).collect())
    }

    /// Lets failed deliveries be tried again whose last reason is one of `reasons`; how many it are.
    pub async fn retry(
        &self,
        update: UpdateId,
        channel: Option<&ChannelName>,
        reasons: &[Reason],
        key: Option<&Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<u64>> {
        check(reasons)?;
        let by = self.by(actor);
        let retried = self
            .ledger
            .retry_failed(update, channel, reasons, key, &by)
            .await?;
        if retried.value == 0 && !retried.replayed {
            let why = "nothing failed there for these reasons; nothing is tried again".to_owned();
            return Err(LedgerError::State(why).into());
        }
        self.lives.ring_all();
        Ok(retried)
    }
}

fn check(reasons: &[Reason]) -> Result<(), Vec<Refusal>> {
    if reasons.is_empty() {
        let why = "say which reasons are to be tried again";
        return Err(vec![Refusal::new("reasons", "empty", why)]);
    }
    let hopeless = reasons.iter().filter(|reason| !reason.can_succeed_later());
    let refusals: Vec<_> = hopeless
        .map(|reason| {
            let why = format!(
                "{} ({}): another try would end the same way; nothing is tried again",
                reason.label(),
                reason.code()
            );
            Refusal::new("reasons", "cannot_succeed", why)
        })
        .collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}
