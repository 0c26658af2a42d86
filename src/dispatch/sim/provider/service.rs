//! The provider's side: what it takes, what it remembers, what it says and when.

use super::Kind;
use crate::sim::weather::Fault;
use crate::sim::world::{Deed, World};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::invariants::Request;
use oyez_domain::receipt::ReceiptStatus;
use oyez_domain::time::Boot;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the adapter waits for a reply.
const PATIENCE: Duration = Duration::from_secs(5);

/// One provider.
pub(crate) struct Provider {
    kind: Kind,
    /// By key: the identifier it gave, and when it took the message.
    taken: BTreeMap<String, (String, Duration)>,
    /// By destination (empty where all go together): who asked us to wait until when.
    wait: BTreeMap<String, Duration>,
}

/// A request on its way to the provider.
pub(super) struct Call<'a> {
    pub(super) key: &'a str,
    pub(super) to: &'a str,
    pub(super) destination: &'a str,
    /// The start of the program that sends it.
    pub(super) start: u64,
}

/// What the adapter gets to hear, and after how long.
pub(super) struct Reply {
    pub(super) says: Says,
    pub(super) after: Duration,
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    NoConnection,
    NoReply,
    Taken(String),
    ComeBack(Duration),
    WrongPassword,
    OutOfOrder,
    NotNow,
    NoSuchAddress,
}

impl Provider {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            taken: BTreeMap::new(),
            wait: BTreeMap::new(),
        }
    }

    /// Whether it has a message, if it can already tell.
    pub(super) fn look_up(&self, key: &str, now: Duration) -> Option<&str> {
        let (id, at) = self.taken.get(key)?;
        (now.saturating_sub(*at) >= self.kind.settles_within()).then_some(id)
    }

    /// Takes a message, or recognises it. Whether it was new, and its identifier.
    fn take(&mut self, key: &str, now: Duration) -> (bool, String) {
        let known = self.taken.get(key).filter(|(_, at)| {
            let forgotten = self
                .kind
                .key_seconds()
                .map(u64::from)
                .map(Duration::from_secs);
            let still = forgotten.is_none_or(|after| now.saturating_sub(*at) < after);
            self.kind.knows_keys() && still
        });
        if let Some((id, _)) = known {
            return (false, id.clone());
        }
        let id = format!("{}-{}-{key}", self.kind.channel(), self.taken.len());
        self.taken.insert(key.to_owned(), (id.clone(), now));
        (true, id)
    }
}

/// Handles one request.
pub(super) fn handle(world: &World, channel: &ChannelName, call: &Call<'_>) -> Reply {
    let hits = |fault| world.hits(channel, fault);
    let chance = &world.chance;
    let soon = chance.milliseconds(5, 60);
    let reply = |says| Reply { says, after: soon };
    // A provider that refuses does so at once: what leaves before we hear of it says nothing about us.
    let refusal = |says| Reply {
        says,
        after: Duration::from_millis(1),
    };
    if hits(Fault::Unreachable) {
        return reply(Says::NoConnection);
    }
    let silence = Reply {
        says: Says::NoReply,
        after: PATIENCE,
    };
    if hits(Fault::Lost) {
        return silence;
    }
    let now = world.now();
    let wait = |provider: &mut Provider| provider.wait.get(call.destination).copied();
    let until = world.provider(channel, wait).filter(|until| *until > now);
    let until = until.or_else(|| {
        hits(Fault::Throttled).then(|| now + Duration::from_secs(chance.between(2, 20)))
    });
    let seen = world.request(channel, call.key, call.to);
    if let Some(until) = until {
        world.provider(channel, |p| {
            p.wait.insert(call.destination.to_owned(), until)
        });
        let seen = Request {
            not_before: Some(Boot(until)),
            ..seen
        };
        world.saw(seen, call.start);
        return refusal(Says::ComeBack(until - now));
    }
    let refusals = [
        (Fault::Unauthorised, Says::WrongPassword),
        (Fault::Broken, Says::OutOfOrder),
        (Fault::Deferred, Says::NotNow),
        (Fault::Rejected, Says::NoSuchAddress),
    ];
    if let Some((fault, says)) = refusals.into_iter().find(|(fault, _)| hits(*fault)) {
        let seen = Request {
            refused_us: fault == Fault::Unauthorised,
            ..seen
        };
        world.saw(seen, call.start);
        return refusal(says);
    }
    let id = reach(world, channel, call);
    if hits(Fault::Swallowed) {
        return reply(Says::NoReply);
    }
    if hits(Fault::TooLate) {
        return silence;
    }
    let after = if hits(Fault::Slow) {
        chance.milliseconds(500, 4000)
    } else {
        soon
    };
    Reply {
        says: Says::Taken(id),
        after,
    }
}

/// A message reaches its recipient, unless the provider recognises it as one that did.
fn reach(world: &World, channel: &ChannelName, call: &Call<'_>) -> String {
    let now = world.now();
    let (kind, (new, id)) = world.provider(channel, |p| (p.kind, p.take(call.key, now)));
    let seen = Request {
        effect: new,
        ..world.request(channel, call.key, call.to)
    };
    world.saw(seen, call.start);
    if new && kind.gives_receipts() {
        report(world, channel, kind, call.key, &id);
    }
    id
}

/// Plans what the provider reports of a message later.
fn report(world: &World, channel: &ChannelName, kind: Kind, key: &str, id: &str) {
    let chance = &world.chance;
    let hits = |fault| world.hits(channel, fault);
    let last = match chance.below(20) {
        0 | 1 => ReceiptStatus::Undelivered,
        2 => ReceiptStatus::UndeliveredForNow,
        3 if chance.one_in(20) => ReceiptStatus::Complained,
        _ => ReceiptStatus::Delivered,
    };
    let mut statuses = vec![last];
    if chance.one_in(4) {
        statuses.push(ReceiptStatus::Underway);
    }
    if last == ReceiptStatus::UndeliveredForNow && chance.one_in(2) {
        statuses.push(ReceiptStatus::Delivered);
    }
    if hits(Fault::ReceiptsTwice) {
        statuses.extend(statuses.clone());
    }
    let name = match kind {
        Kind::Numbered => format!("id {id}"),
        Kind::Keyed
        | Kind::Asked
        | Kind::Receipted
        | Kind::Plain
        | Kind::Posts
        | Kind::Partners => format!("ref {key}"),
    };
    for status in statuses {
        let wait = if hits(Fault::ReceiptsEarly) {
            Duration::ZERO
        } else if hits(Fault::ReceiptsLate) {
            chance.milliseconds(5000, 60_000)
        } else {
            chance.milliseconds(200, 4000)
        };
        call_back(
            world,
            channel,
            wait,
            format!("signed {name} {}", status.number()),
        );
    }
    if hits(Fault::Forged) {
        forge(world, channel, &name);
    }
}

/// Somebody makes receipts up: unsigned, of our making for what was never sent, or with an identifier out of the air.
fn forge(world: &World, channel: &ChannelName, name: &str) {
    let chance = &world.chance;
    let status = chance.pick(&ReceiptStatus::ALL).number();
    let place = (
        BroadcastId(u32::try_from(chance.between(1, 9)).unwrap()),
        Ordinal(u32::try_from(chance.between(10_000, 20_000)).unwrap()),
    );
    let never_sent = world.key.seal(place.0, place.1);
    let body = match chance.below(3) {
        0 => format!("unsigned {name} {status}"),
        1 => format!("signed ref {never_sent} {status}"),
        _ => format!("signed id made-up-{} {status}", chance.below(1000)),
    };
    call_back(world, channel, chance.milliseconds(1, 5000), body);
}

fn call_back(world: &World, channel: &ChannelName, wait: Duration, body: String) {
    let channel = channel.clone();
    world.after(wait, Deed::CallBack { channel, body });
}
