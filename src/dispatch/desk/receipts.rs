//! What providers report later.

use super::{Desk, DeskResult};
use crate::supervisor::Live;
use oyez_domain::LedgerError;
use oyez_domain::address::Address;
use oyez_domain::channel::ChannelName;
use oyez_domain::inbound::Inbound;
use oyez_domain::ledger::{ReceiptAbout, ReceiptRecord, Received, WrittenBack};
use oyez_domain::receipt::{Callback, CallbackRefusal, LARGEST_CALLBACK, Receipt, ReceiptKey};
use oyez_domain::subscriber::Heard;
use oyez_domain::test_message::TESTS;

impl Desk {
    /// The largest callback that a provider's adapter reads, in bytes.
    pub fn largest_callback(&self, channel: &ChannelName, provider: Option<&str>) -> usize {
        let live = self.lives.named(channel, provider);
        live.map_or(LARGEST_CALLBACK, |live| {
            live.channel.adapter.largest_callback()
        })
    }

    /// Takes in a callback of the channel's provider of this kind, or of its first, raw; the adapter verifies and reads
    /// it.
    pub async fn receive_callback(
        &self,
        channel: &ChannelName,
        provider: Option<&str>,
        callback: &Callback<'_>,
    ) -> DeskResult<Received> {
        let live = self
            .lives
            .named(channel, provider)
            .ok_or_else(|| LedgerError::NotFound(format!("the channel {channel}")))?;
        let adapter = &live.channel.adapter;
        let read = adapter.read_inbound(callback).and_then(|inbound| {
            let receipts = match inbound {
                Some(_) => Vec::new(),
                None => adapter.read_receipts(callback)?,
            };
            Ok((inbound, receipts))
        });
        let (inbound, receipts) = read.inspect_err(|refusal| refused(channel, *refusal))?;
        if let Some(inbound) = inbound {
            return self.hear(live, inbound).await;
        }
        let (records, strangers) = self.located(live, receipts);
        if strangers > 0 {
            tracing::warn!(channel.name = %channel, receipts = strangers, "receipts that name nothing we sent; ignored");
        }
        let mut received = self.ledger.receive(&records).await?;
        received.never_armed += strangers;
        Ok(received)
    }

    /// Takes in what a provider lists. Others may send by the same account: what is not ours is no matter.
    pub(crate) async fn receive_listed(
        &self,
        live: &Live,
        receipts: Vec<Receipt>,
    ) -> DeskResult<Received> {
        let (records, _) = self.located(live, receipts);
        Ok(self.ledger.receive(&records).await?)
    }

    /// Each receipt with the delivery that it is about, and how many name none that could be ours.
    fn located(&self, live: &Live, receipts: Vec<Receipt>) -> (Vec<ReceiptRecord>, u64) {
        let mut records = Vec::with_capacity(receipts.len());
        let mut strangers = 0;
        for receipt in receipts {
            let about = match receipt.key {
                ReceiptKey::Reference(text) => self
                    .reference_key
                    .open(&text)
                    .map(|(broadcast, ordinal)| ReceiptAbout::Delivery(broadcast, ordinal)),
                ReceiptKey::ProviderId(id) => Some(ReceiptAbout::ProviderId {
                    channel: live.channel.name.clone(),
                    provider: live.channel.kind().to_owned(),
                    id,
                }),
            };
            match about {
                // A test message is no delivery: nothing follows from its receipt.
                Some(ReceiptAbout::Delivery(TESTS, _)) => {
                    tracing::info!(channel.name = %live.channel.name, status = ?receipt.status, "receipt of a test message");
                }
                Some(about) => records.push(ReceiptRecord {
                    about,
                    at: self.clock.wall(),
                    status: receipt.status,
                    reason: receipt.reason,
                }),
                None => strangers += 1,
            }
        }
        (records, strangers)
    }

    /// Does what a person's text asks for: a STOP holds for what is queued and on its way out, too.
    async fn hear(&self, live: &Live, inbound: Inbound) -> DeskResult<Received> {
        let channel = &live.channel.name;
        let Ok(from) = Address::uk_telephone(&inbound.from) else {
            tracing::warn!(channel.name = %channel, id = inbound.id, "a text from what is no telephone number of ours; ignored");
            return Ok(Received::default());
        };
        let text = WrittenBack {
            channel: channel.clone(),
            // Two providers of one channel may use the same identifier.
            provider_id: match live.rank {
                0 => inbound.id,
                1.. => format!("{}/{}", live.channel.kind(), inbound.id),
            },
            from,
            wish: inbound.wish,
        };
        let desk = self.clone();
        let heard = async move {
            let by = desk.by(&format!("resident by {}", text.channel));
            let heard = desk.ledger.hear(&text, &by).await?;
            for live in desk.lives.all() {
                match heard {
                    Heard::Stopped(Some(address)) => live.gate.shut_address(address),
                    Heard::Lifted(Some(address)) => live.gate.open_address(address),
                    Heard::Stopped(None) | Heard::Lifted(None) | Heard::Nothing => {}
                }
            }
            let changed = heard != Heard::Nothing;
            Ok(Received {
                applied: u64::from(changed),
                repeated: u64::from(!changed),
                ..Received::default()
            })
        };
        self.lives.errands.carry_out(heard).await
    }
}

/// Whoever calls without proof changes nothing, and is noted.
fn refused(channel: &ChannelName, refusal: CallbackRefusal) {
    match refusal {
        CallbackRefusal::Unauthenticated => {
            tracing::warn!(channel.name = %channel, event = "security", "a callback without proof was refused; it changed nothing");
        }
        CallbackRefusal::NotTaken | CallbackRefusal::Malformed => {
            tracing::debug!(channel.name = %channel, %refusal, "callback refused");
        }
    }
}
