//! What providers report later.

use super::{Desk, DeskResult};
use oyez_domain::LedgerError;
use oyez_domain::channel::ChannelName;
use oyez_domain::ledger::{ReceiptAbout, ReceiptRecord, Received};
use oyez_domain::receipt::{Callback, LARGEST_CALLBACK, ReceiptKey};

impl Desk {
    /// The largest callback that a channel's adapter reads, in bytes.
    pub fn largest_callback(&self, channel: &ChannelName) -> usize {
        let live = self.lives.get(channel);
        live.map_or(LARGEST_CALLBACK, |live| {
            live.channel.adapter.largest_callback()
        })
    }

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
            let about = match receipt.key {
                ReceiptKey::Reference(text) => self
                    .reference_key
                    .open(&text)
                    .map(|(broadcast, ordinal)| ReceiptAbout::Delivery(broadcast, ordinal)),
                ReceiptKey::ProviderId(id) => Some(ReceiptAbout::ProviderId(channel.clone(), id)),
            };
            match about {
                Some(about) => records.push(ReceiptRecord {
                    about,
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
