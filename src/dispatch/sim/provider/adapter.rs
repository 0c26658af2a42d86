//! Our side: what an adapter makes of what the provider says.

use super::Kind;
use super::service::{self, Call, Says};
use crate::sim::weather::Fault;
use crate::sim::world::World;
use oyez_domain::channel::{Capabilities, ChannelName, LengthUnit};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::ports::LookUp;
use oyez_domain::receipt::{Callback, CallbackRefusal, Receipt, ReceiptKey, ReceiptStatus};
use oyez_domain::rendered::{Fit, Rendered};
use oyez_domain::time::Wall;
use oyez_domain::{BoxFuture, Channel, Clock, Refusal};
use std::sync::Arc;
use std::time::Duration;

/// One way out, to a simulated provider.
pub(crate) struct SimProvider {
    world: Arc<World>,
    name: ChannelName,
    kind: Kind,
    capabilities: Capabilities,
    start: u64,
    /// As the engine of this start has it, which the wall clock may have left.
    clock: Arc<dyn Clock>,
}

impl SimProvider {
    /// As the start with this number holds it.
    pub(crate) fn new(world: &Arc<World>, kind: Kind, start: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            start,
            clock,
            world: Arc::clone(world),
            name: kind.channel().parse().unwrap(),
            kind,
            capabilities: kind.capabilities(),
        }
    }

    fn outcome(&self, says: Says, now: Wall) -> Outcome {
        let scope = match self.kind {
            Kind::Partners => Scope::Destination,
            Kind::Keyed
            | Kind::Asked
            | Kind::Receipted
            | Kind::Plain
            | Kind::Numbered
            | Kind::Posts => Scope::Channel,
        };
        match says {
            Says::NoConnection => Outcome::ChannelDown {
                reason: Reason::Connect,
                scope,
            },
            Says::NoReply => Outcome::Unknown {
                reason: Reason::Timeout,
            },
            Says::Taken(id) => Outcome::Accepted {
                reference: Some(id),
            },
            Says::ComeBack(wait) => {
                let heard = if self.world.bugs.retry_after_ignored {
                    Duration::from_millis(200)
                } else {
                    wait
                };
                Outcome::Throttled {
                    until: now.plus(heard),
                    scope,
                }
            }
            Says::WrongPassword => Outcome::ChannelRefused {
                reason: Reason::AuthFailed,
                scope,
            },
            Says::OutOfOrder => Outcome::ChannelDown {
                reason: Reason::ProviderDown,
                scope,
            },
            Says::NotNow => Outcome::Deferred {
                reason: Reason::TryLater,
            },
            Says::NoSuchAddress => Outcome::Rejected {
                reason: Reason::AddressUnknown,
                suppress: self.kind == Kind::Plain,
            },
        }
    }
}

impl Channel for SimProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn render(&self, _notice: &Notice) -> Result<Rendered, Refusal> {
        Ok(Rendered {
            pieces: Vec::new(),
            preview: String::new(),
            fit: Fit::plain(0, None, LengthUnit::Byte),
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let mut key = parcel.reference.as_str().to_owned();
            if self.world.bugs.key_changed && parcel.attempt > 1 {
                key.push_str(&parcel.attempt.to_string());
            }
            let call = Call {
                key: &key,
                to: parcel.address.reveal(),
                destination: &parcel.destination,
                start: self.start,
            };
            if self.world.bugs.carried_twice && parcel.attempt > 1 {
                service::handle(&self.world, &self.name, &call);
            }
            let reply = service::handle(&self.world, &self.name, &call);
            let clock = &self.clock;
            clock.sleep_until(clock.now().plus(reply.after)).await;
            Verdict::new(self.outcome(reply.says, clock.wall()), "")
        })
    }

    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, LookUp> {
        Box::pin(async move {
            let (world, key) = (&self.world, parcel.reference.as_str());
            let wait = world.chance.milliseconds(5, 60);
            world.clock.sleep_until(world.clock.now().plus(wait)).await;
            if world.hits(&self.name, Fault::CannotTell) {
                return LookUp::CannotTell;
            }
            let now = world.now();
            world.provider(&self.name, |provider| match provider.look_up(key, now) {
                Some(id) => LookUp::Found(Some(id.to_owned())),
                None => LookUp::NotThere,
            })
        })
    }

    /// A callback reads `signed ref REFERENCE STATUS` or `signed id IDENTIFIER STATUS`.
    fn read_receipts(&self, callback: &Callback<'_>) -> Result<Vec<Receipt>, CallbackRefusal> {
        let body = std::str::from_utf8(callback.body).map_err(|_| CallbackRefusal::Malformed)?;
        let words: Vec<_> = body.split(' ').collect();
        let ["signed", about, name, status] = words.as_slice() else {
            return Err(CallbackRefusal::Unauthenticated);
        };
        let status = status.parse().ok().and_then(ReceiptStatus::from_number);
        let key = if *about == "ref" {
            ReceiptKey::Reference((*name).to_owned())
        } else {
            ReceiptKey::ProviderId((*name).to_owned())
        };
        Ok(vec![Receipt {
            key,
            status: status.ok_or(CallbackRefusal::Malformed)?,
            reason: None,
            provider_time: None,
        }])
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(std::future::ready(Ok("simulated".to_owned())))
    }
}
