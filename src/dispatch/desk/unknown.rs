//! What may have been sent: listed for a person, and settled as the person decides.

use super::{Desk, DeskResult};
use oyez_domain::LedgerError;
use oyez_domain::address::Address;
use oyez_domain::channel::ChannelName;
use oyez_domain::delivery::DeliveryState;
use oyez_domain::id::{BroadcastId, Ordinal, UpdateId};
use oyez_domain::ledger::{Decision, DeliveryFilter, Done, Idempotency, UnknownFilter};
use oyez_domain::outcome::Reason;
use oyez_domain::reference::UpdateReference;
use oyez_domain::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Deliveries of one update to one address that are looked at, one a channel.
const TO_ONE: u32 = 50;

/// Deliveries of one update on one channel that may have been sent, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownRow {
    /// The update.
    pub update: UpdateId,
    /// Its reference.
    pub reference: UpdateReference,
    /// Its headline.
    pub headline: String,
    /// The channel.
    pub channel: ChannelName,
    /// Why nobody can tell.
    pub reason: Option<Reason>,
    /// The same in words.
    pub label: String,
    /// How many.
    pub count: u64,
    /// Since when, for the one that has waited longest.
    pub since: Wall,
}

impl Desk {
    /// What may have been sent and waits for a receipt or a person, oldest update first.
    pub async fn unknowns(&self, which: &UnknownFilter) -> DeskResult<Vec<UnknownRow>> {
        let mut rows: Vec<UnknownRow> = Vec::new();
        for group in self.ledger.unknowns(which).await? {
            let known = rows.iter().rev().find(|row| row.update == group.update);
            let (reference, headline) = match known {
                Some(row) => (row.reference.clone(), row.headline.clone()),
                None => {
                    let update = self.ledger.update(group.update).await?;
                    (update.reference, update.headline.to_string())
                }
            };
            rows.push(UnknownRow {
                update: group.update,
                reference,
                headline,
                channel: group.channel,
                reason: group.reason,
                label: group.reason.unwrap_or(Reason::Uncertain).label().to_owned(),
                count: group.deliveries,
                since: group.since,
            });
        }
        Ok(rows)
    }

    /// Of these, only what went to one address; a filter that finds nothing where that is so.
    pub async fn unknown_to(
        &self,
        which: UnknownFilter,
        address: &Address,
    ) -> DeskResult<UnknownFilter> {
        let groups = self.ledger.unknowns(&which).await?;
        let updates: BTreeSet<_> = groups.into_iter().map(|group| group.update).collect();
        let filter = DeliveryFilter {
            address: Some(address.clone()),
            channel: which.channel.clone(),
            state: Some(DeliveryState::Unknown),
            after: None,
            limit: TO_ONE,
        };
        let mut deliveries = Vec::new();
        for update in updates {
            let found = self.ledger.deliveries(update, &filter).await?;
            deliveries.extend(found.iter().map(|found| (found.broadcast, found.ordinal)));
        }
        // An empty list would mean everybody. Broadcasts are counted from 1.
        if deliveries.is_empty() {
            deliveries.push((BroadcastId(0), Ordinal(0)));
        }
        Ok(UnknownFilter {
            deliveries,
            ..which
        })
    }

    /// Settles what may have been sent as a person decides; how many it were.
    pub async fn decide_unknown(
        &self,
        which: &UnknownFilter,
        decision: Decision,
        key: Option<&Idempotency>,
        actor: &str,
    ) -> DeskResult<Done<u64>> {
        let by = self.by(actor);
        let decided = self.ledger.decide_unknown(which, decision, key, &by);
        let decided = decided.await?;
        if decided.value == 0 && !decided.replayed {
            let why = "nothing is listed there as possibly sent; nothing was changed".to_owned();
            return Err(LedgerError::State(why).into());
        }
        self.lives.ring_all();
        Ok(decided)
    }
}
