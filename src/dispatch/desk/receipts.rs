//! What providers report later.

use super::{Desk, DeskResult};
use oyez_domain::LedgerError;
use oyez_domain::channel::ChannelName;
use oyez_domain::ledger::{ReceiptRecord, Received};
use oyez_domain::receipt::{Callback, ReceiptKey};

impl Desk {
    /// Takes in a provider's callback, raw; the adapter verifies and reads it.
    pub async fn receive_callback(
        &self,
        channel: &ChannelName,
        callback: &Callback<'_>,
    ) -> DeskResult<Received> {
        let live = self
            .lives
            .get(channel)
            .ok_or_else(|| LedgerError::NotFound(format!("the channel {channel}")))?;
        let receipts = live.channel.adapter.read_receipts(callback)?;
        let mut records = Vec::with_capacity(receipts.len());
        let mut strangers = 0;
        for receipt in receipts {
            let place = match &receipt.key {
                ReceiptKey::Reference(text) => self.reference_key.open(text),
                ReceiptKey::ProviderId(id) => self.ledger.by_provider_id(channel, id).await?,
            };
            match place {
                Some((broadcast, ordinal)) => records.push(ReceiptRecord {
                    broadcast,
                    ordinal,
                    at: self.clock.wall(),
                    status: receipt.status,
                    reason: receipt.reason,
                }),
                None => strangers += 1,
            }
        }
        if strangers > 0 {
            tracing::warn!(channel.name = %channel, receipts = strangers, "receipts that name nothing we sent; ignored");
        }
        let mut received = self.ledger.receive(&records).await?;
        received.never_armed += strangers;
        Ok(received)
    }
}
