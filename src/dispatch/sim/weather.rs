//! What goes wrong in a period: a random subset of faults, a quarter of the periods without any.

use super::chance::Chance;
use oyez_domain::channel::ChannelName;
use std::collections::BTreeMap;

/// What can go wrong at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// No connection can be made.
    Unreachable,
    /// The request never arrives, and nobody says so.
    Lost,
    /// The message is taken, and the connection breaks before the reply.
    Swallowed,
    /// Too fast: a 429 that says how long to wait.
    Throttled,
    /// Our password is refused.
    Unauthorised,
    /// The provider's own 503.
    Broken,
    /// The message is taken, and the reply comes after we have given up waiting.
    TooLate,
    /// The reply takes seconds.
    Slow,
    /// Not now, says the receiver.
    Deferred,
    /// There is no such address.
    Rejected,
    /// Asked for a message, the provider cannot say.
    CannotTell,
    /// A receipt comes before the reply.
    ReceiptsEarly,
    /// Receipts take up to a minute.
    ReceiptsLate,
    /// Receipts come twice.
    ReceiptsTwice,
    /// Somebody makes receipts up.
    Forged,
}

const FAULTS: [Fault; 15] = [
    Fault::Unreachable,
    Fault::Lost,
    Fault::Swallowed,
    Fault::Throttled,
    Fault::Unauthorised,
    Fault::Broken,
    Fault::TooLate,
    Fault::Slow,
    Fault::Deferred,
    Fault::Rejected,
    Fault::CannotTell,
    Fault::ReceiptsEarly,
    Fault::ReceiptsLate,
    Fault::ReceiptsTwice,
    Fault::Forged,
];

/// What goes wrong in one period. Numbers say how often: once in so many times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// A commit does not happen.
    pub(crate) busy: Option<u64>,
    /// A commit happens, and the answer is lost.
    pub(crate) unsaid: Option<u64>,
    /// A commit fails for good.
    pub(crate) down: Option<u64>,
    /// The longest a verb takes, in milliseconds.
    pub(crate) slow: u64,
    providers: BTreeMap<ChannelName, BTreeMap<Fault, u64>>,
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) fn fair() -> Self {
        Self::slow(2)
    }

    /// Nothing goes wrong, but every verb of the store takes up to so many milliseconds, twice.
    pub(crate) fn slow(milliseconds: u64) -> Self {
        Self {
            slow: milliseconds,
            ..Self::default()
        }
    }

    /// One period's faults.
    pub(crate) fn drawn(chance: &Chance, channels: &[ChannelName]) -> Self {
        if chance.one_in(4) {
            return Self::fair();
        }
        let store = |many| chance.one_in(3).then(|| chance.pick(many));
        let mut weather = Self {
            busy: store(&[3, 10, 40]),
            unsaid: store(&[3, 10, 40]),
            down: chance.one_in(8).then_some(50),
            slow: chance.pick(&[2, 2, 20, 400]),
            providers: BTreeMap::new(),
        };
        for channel in channels {
            if chance.one_in(3) {
                continue;
            }
            for fault in FAULTS {
                if chance.one_in(5) {
                    let often = chance.pick(&[1, 3, 10, 30]);
                    weather.put(channel, fault, often);
                }
            }
        }
        weather
    }

    /// Lets a fault happen once in `often` times on a channel.
    pub(crate) fn put(&mut self, channel: &ChannelName, fault: Fault, often: u64) {
        // Nothing but faults at every request would show no more than an outage does.
        let often = match fault {
            Fault::Unreachable | Fault::Unauthorised | Fault::Broken => often,
            Fault::Throttled => often.max(10),
            Fault::Lost
            | Fault::Swallowed
            | Fault::TooLate
            | Fault::Slow
            | Fault::Deferred
            | Fault::Rejected
            | Fault::CannotTell
            | Fault::ReceiptsEarly
            | Fault::ReceiptsLate
            | Fault::ReceiptsTwice
            | Fault::Forged => often.max(3),
        };
        let of_channel = self.providers.entry(channel.clone()).or_default();
        of_channel.insert(fault, often);
    }

    /// Whether a fault happens now.
    pub(crate) fn hits(&self, chance: &Chance, channel: &ChannelName, fault: Fault) -> bool {
        let often = self
            .providers
            .get(channel)
            .and_then(|faults| faults.get(&fault));
        often.is_some_and(|often| chance.one_in(*often))
    }
}
