//! How many messages an update would be, before it is put out.

use crate::door::{self, Door};
use crate::terminal::{count, word};
use oyez_channels::registry::KINDS;
use oyez_domain::address::AddressKind;
use serde::Serialize;
use serde_json::Value;

/// How many messages an update would be on each channel.
#[derive(Debug, Default, Serialize)]
pub(super) struct Audience {
    /// Together; null where nobody here can count, because the store is on another machine.
    pub(super) messages: Option<u64>,
    /// Whether fewer may get it: topics and languages are applied at the release.
    at_most: bool,
    channels: Vec<Share>,
}

/// One channel's share.
#[derive(Debug, Serialize)]
struct Share {
    channel: String,
    messages: u64,
}

impl Audience {
    /// Counts addresses of the right kind that may be used, channel by channel.
    pub(super) async fn count(door: &Door, update: &Value) -> anyhow::Result<Self> {
        let Some(addresses) = door.subscriber_counts().await? else {
            return Ok(Self::default());
        };
        let rule = |key: &str| {
            update
                .pointer(&format!("/audience/{key}"))
                .map(door::rows)
                .unwrap_or_default()
        };
        let named = rule("channels");
        let channels = door.get(&["channels"], &[]).await?;
        let chosen = door::rows(&channels).iter().filter(|channel| {
            named.is_empty() || channel.get("name").is_some_and(|name| named.contains(name))
        });
        let share = |channel: &Value| Share {
            channel: word(channel, "name"),
            messages: messages(channel, &addresses),
        };
        let channels: Vec<_> = chosen.map(share).collect();
        let at_most = !rule("topics").is_empty() || !rule("languages").is_empty();
        Ok(Self {
            messages: Some(channels.iter().map(|share| share.messages).sum()),
            at_most,
            channels,
        })
    }

    /// What they cost together, in pence, at the dearest language of each channel; nothing where no channel has a
    /// price.
    pub(super) fn pence(&self, previews: &Value) -> Option<f64> {
        let dearest = |share: &Share| {
            let of_channel = door::rows(previews)
                .iter()
                .filter(|preview| word(preview, "channel") == share.channel);
            let prices = of_channel.filter_map(|preview| preview.get("price_pence")?.as_f64());
            // No audience has so many that the number would lose its last digit.
            prices
                .reduce(f64::max)
                .map(|pence| pence * share.messages as f64)
        };
        self.channels
            .iter()
            .filter_map(dearest)
            .reduce(|sum, pence| sum + pence)
    }

    /// `1,003 messages: residents_email 500, residents_sms 500, …`.
    pub(super) fn words(&self) -> String {
        let Some(messages) = self.messages else {
            return "The store is on another machine, so nobody is counted here.".to_owned();
        };
        let shares: Vec<_> = self
            .channels
            .iter()
            .map(|share| format!("{} {}", share.channel, count(share.messages)))
            .collect();
        let most = if self.at_most { "At most " } else { "" };
        format!("{most}{} messages: {}", count(messages), shares.join(", "))
    }
}

fn messages(channel: &Value, addresses: &[(AddressKind, u64, u64)]) -> u64 {
    let kind = word(channel, "kind");
    match KINDS
        .iter()
        .find(|known| known.kind == kind)
        .map(|known| known.carries)
    {
        Some(AddressKind::Account) => 1,
        Some(carries) => addresses
            .iter()
            .filter(|(kind, _, _)| *kind == carries)
            .map(|(_, all, suppressed)| all.saturating_sub(*suppressed))
            .sum(),
        None => 0,
    }
}
