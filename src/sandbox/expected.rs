//! How each recipient ends if the sender does its work: read off the script, then compared with the log.

use std::collections::BTreeMap;

use crate::log::LogRecord;
use crate::play::Point;
use crate::scenario::{Action, ChannelScript, ReceiptOutcome, Scenario, Stage};

/// The end of one recipient's delivery, for a sender that retries what can be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Taken by the provider, without a receipt.
    Accepted,
    /// Taken, and reported as delivered.
    Delivered,
    /// Taken, and reported as failed.
    Undelivered,
    /// Refused for good.
    Rejected,
    /// Refused each time in a way that asks for another try.
    Exhausted,
}

impl Ending {
    /// Whether the provider took the message.
    pub fn is_taken(self) -> bool {
        match self {
            Self::Accepted | Self::Delivered | Self::Undelivered => true,
            Self::Rejected | Self::Exhausted => false,
        }
    }
}

/// What one channel should report at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Recipients in all.
    pub asked: u64,
    /// Taken by the provider, those with a receipt included.
    pub accepted: u64,
    /// Reported as delivered.
    pub delivered: u64,
    /// Reported as failed.
    pub undelivered: u64,
    /// Rejected or exhausted.
    pub failed: u64,
    /// The end of each address.
    pub endings: BTreeMap<String, Ending>,
}

impl Scenario {
    /// How the given addresses of a channel end. Rules that act on a share, a count or for a time only are outlived
    /// by retrying; those that depend on the address alone decide.
    pub fn expected<A: Into<String>>(
        &self,
        channel: &str,
        addresses: impl IntoIterator<Item = A>,
    ) -> Expected {
        let script = self
            .channels
            .get(channel)
            .or_else(|| self.channels.get("*"));
        let mut expected = Expected::default();
        for address in addresses {
            let address = address.into();
            let ending = script.map_or(Ending::Accepted, |script| script.ending(&address));
            expected.add(address, ending);
        }
        expected
    }
}

impl ChannelScript {
    fn ending(&self, address: &str) -> Ending {
        self.lasting_refusal(address)
            .unwrap_or_else(|| self.reported(address))
    }

    /// The first rule at each point that refuses this address for ever, unless an earlier one lets it through.
    fn lasting_refusal(&self, address: &str) -> Option<Ending> {
        [
            Point::Smtp(Stage::Rcpt),
            Point::Smtp(Stage::Data),
            Point::Smtp(Stage::Dot),
            Point::Http,
        ]
        .into_iter()
        .find_map(|point| {
            let mut rules = self.rules.iter().filter(|rule| rule.acts_at(point));
            let lasting = rules.find(|rule| {
                rule.times.is_none()
                    && rule.times_each.is_none()
                    && rule.when.is_lasting()
                    && rule.when.names(address)
                    && !matches!(rule.action, Some(Action::RateLimit { .. }))
            })?;
            lasting.action.as_ref().and_then(refusal)
        })
    }

    fn reported(&self, address: &str) -> Ending {
        let mut receipts = self.receipts.iter().filter(|rule| rule.fraction.is_none());
        match receipts
            .find(|rule| rule.is_for(address, "", 0))
            .map(|rule| rule.outcome)
        {
            Some(ReceiptOutcome::Delivered) => Ending::Delivered,
            Some(ReceiptOutcome::Undelivered) => Ending::Undelivered,
            Some(ReceiptOutcome::Delayed | ReceiptOutcome::Complained | ReceiptOutcome::None)
            | None => Ending::Accepted,
        }
    }
}

fn refusal(action: &Action) -> Option<Ending> {
    match action {
        Action::Smtp { code: 500.., .. } => Some(Ending::Rejected),
        Action::Http { effect: true, .. }
        | Action::Http {
            status: 200..=299, ..
        } => None,
        Action::Http {
            status: 408 | 425 | 429 | 500..,
            ..
        } => Some(Ending::Exhausted),
        Action::Http { .. } => Some(Ending::Rejected),
        Action::Smtp { .. } | Action::DropBeforeEffect => Some(Ending::Exhausted),
        Action::DropAfterEffect | Action::SlowDrip { .. } | Action::RateLimit { .. } => None,
    }
}

impl Expected {
    fn add(&mut self, address: String, ending: Ending) {
        self.asked += 1;
        self.accepted += u64::from(ending.is_taken());
        self.failed += u64::from(!ending.is_taken());
        self.delivered += u64::from(ending == Ending::Delivered);
        self.undelivered += u64::from(ending == Ending::Undelivered);
        self.endings.insert(address, ending);
    }

    /// Compares with a log: each address that should be reached must have been, exactly once, and no other at all.
    /// One line per disagreement, in the order of the addresses.
    pub fn disagreements(&self, channel: &str, records: &[LogRecord]) -> Vec<String> {
        let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
        for record in records
            .iter()
            .filter(|record| record.channel == channel && record.effect)
        {
            *reached.entry(&record.to).or_default() += 1;
        }
        let mut lines = Vec::new();
        for (address, ending) in &self.endings {
            let (times, wanted) = (
                reached.remove(address.as_str()).unwrap_or(0),
                u64::from(ending.is_taken()),
            );
            if times != wanted {
                lines.push(format!(
                    "{channel}: {address} was reached {times} times instead of {wanted}"
                ));
            }
        }
        lines.extend(
            reached
                .keys()
                .map(|address| format!("{channel}: {address} was reached but never asked for")),
        );
        lines
    }
}
