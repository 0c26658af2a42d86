//! One test message through a channel's own adapter, to one address, on record before it leaves.

use super::{Desk, DeskResult};
use crate::sender::send;
use crate::supervisor::Live;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::Ordinal;
use oyez_domain::ledger::{Done, Idempotency};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::Rendered;
use oyez_domain::test_message::{
    TESTS, TestAnnounced, TestOrder, TestReady, TestResult, TestTo, notice,
};
use oyez_domain::{LedgerError, Refusal};
use std::sync::Arc;

/// What a test showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The adapter's kind.
    pub kind: &'static str,
    /// Enough of the address to recognise it.
    pub to: String,
    /// The message as a person would read it.
    pub text: String,
    /// What came of it.
    pub result: TestResult,
}

impl Desk {
    /// Sends one test message to `to`: an email address, a telephone number, an account or a partner's name, as the
    /// channel's kind takes it, through its provider of the kind `via`, or its first. It goes out although the channel is
    /// held, for that is how a person sees whether it works.
    pub async fn test_channel(
        &self,
        name: &ChannelName,
        via: Option<&str>,
        to: &str,
        key: &Idempotency,
        actor: &str,
    ) -> DeskResult<Done<Tested>> {
        let live = self.live(name, via)?;
        let order = TestOrder {
            channel: name.clone(),
            via: live.channel.kind(),
            to: parse(live, to)?,
        };
        let (desk, key, actor) = (self.clone(), key.clone(), actor.to_owned());
        let errand = async move { desk.send_test(&order, &key, &actor).await };
        self.lives.errands.carry_out(errand).await
    }

    fn live(&self, name: &ChannelName, via: Option<&str>) -> DeskResult<&Live> {
        let missing = || LedgerError::NotFound(format!("the channel {name}"));
        let first = self.lives.get(name).ok_or_else(missing)?;
        let Some(via) = via else { return Ok(first) };
        let mut providers = self.lives.providers(name);
        let meant = providers.find(|live| live.channel.kind() == via);
        let unknown = || {
            let kinds = self.lives.providers(name).map(|live| live.channel.kind());
            let kinds: Vec<_> = kinds.collect();
            let why = format!("{name} sends through {}", kinds.join(" and "));
            Refusal::new("via", "unknown_provider", why)
        };
        Ok(meant.ok_or_else(unknown)?)
    }

    async fn send_test(
        &self,
        order: &TestOrder,
        key: &Idempotency,
        actor: &str,
    ) -> DeskResult<Done<Tested>> {
        let live = self.live(&order.channel, Some(order.via))?;
        let rendered = self.render_test(live, order)?;
        let by = self.by(actor);
        let announced = self.ledger.announce_test(order, key, &by).await?;
        let (result, replayed) = match announced {
            TestAnnounced::Before(result) => (result.unwrap_or_else(TestResult::lost), true),
            TestAnnounced::Ready(ready) => {
                let parcel = self.test_parcel(ready, &rendered);
                let verdict = send(live, &parcel).await;
                let result = TestResult::of(parcel.reference.clone(), &verdict);
                let by = self.by(actor);
                self.ledger.record_test(order, &result, key, &by).await?;
                (result, false)
            }
        };
        let to = match &order.to {
            TestTo::Address(address) => address.masked(),
            TestTo::Partner(name) => name.clone(),
        };
        let value = Tested {
            kind: live.channel.adapter.capabilities().kind,
            to,
            text: rendered.preview.clone(),
            result,
        };
        Ok(Done { value, replayed })
    }

    fn render_test(&self, live: &Live, order: &TestOrder) -> DeskResult<Arc<Rendered>> {
        let channel = &live.channel;
        let languages = &channel.settings.languages;
        let (organisation, now) = (&self.organisation, self.clock.wall());
        let notice = notice(organisation, &channel.name, languages, self.bytes(), now)?;
        let nobody = Address::account("");
        let to = match &order.to {
            TestTo::Address(address) => address,
            TestTo::Partner(_) => &nobody,
        };
        Ok(Arc::new(channel.adapter.render_test(&notice, to)?))
    }

    fn test_parcel(&self, ready: TestReady, rendered: &Arc<Rendered>) -> Parcel {
        let now = self.clock.wall();
        let ordinal = Ordinal(u32::from_be_bytes(self.bytes()));
        Parcel {
            reference: self.reference_key.seal(TESTS, ordinal),
            address: ready.address,
            destination: ready.destination,
            secret: ready.secret,
            rendered: Arc::clone(rendered),
            stop_token: self
                .reference_key
                .stop_token(ready.address_id.unwrap_or_default()),
            attempt: 1,
            first_armed_at: now,
            now,
        }
    }
}

/// The one address, as this channel takes it.
fn parse(live: &Live, to: &str) -> Result<TestTo, Refusal> {
    let adapter = &live.channel.adapter;
    let carries = adapter.capabilities().carries;
    if carries == AddressKind::Account && !adapter.tests_one_account() {
        return room(&live.channel.name, to);
    }
    address(carries, to)
}

/// A room cannot be narrowed down to one person: whoever names it means everybody in it.
fn room(channel: &ChannelName, to: &str) -> Result<TestTo, Refusal> {
    if to.trim() == channel.as_str() {
        return Ok(TestTo::Address(Address::account(channel.as_str())));
    }
    let why = format!(
        "everybody in this channel's room would see it; give {channel} itself if that is what you mean"
    );
    Err(Refusal::new("to", "whole_room", why))
}

fn address(carries: AddressKind, to: &str) -> Result<TestTo, Refusal> {
    let address = match carries {
        AddressKind::Email => Address::email(to),
        AddressKind::Mobile => Address::uk_telephone(to).and_then(mobile),
        AddressKind::Landline => Address::uk_telephone(to),
        AddressKind::Account => Address::handle(to),
        AddressKind::Endpoint => {
            let name = to.trim().parse::<ChannelName>().map_err(|_| {
                let why = "give the name of a partner's endpoint, as in `oyez endpoint put NAME`";
                Refusal::new("to", "malformed_name", why)
            })?;
            return Ok(TestTo::Partner(name.to_string()));
        }
    };
    let here = |fault: Refusal| Refusal {
        field: "to".to_owned(),
        ..fault
    };
    address.map(TestTo::Address).map_err(here)
}

fn mobile(address: Address) -> Result<Address, Refusal> {
    if address.kind() == AddressKind::Mobile {
        return Ok(address);
    }
    let why = "this is a landline, which takes no text messages";
    Err(Refusal::new("to", "not_a_mobile", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_takes_exactly_one_address_of_the_kind_that_the_channel_carries() {
        let taken = [
            (AddressKind::Email, "jo@example.org"),
            (AddressKind::Mobile, "07700 900123"),
            (AddressKind::Account, "@press@social.example.org"),
            (AddressKind::Endpoint, "kensington"),
        ];
        for (kind, to) in taken {
            assert!(address(kind, to).is_ok(), "{to}");
            for (other, _) in taken.iter().filter(|(other, _)| *other != kind) {
                // An email address is written like an account without its first sign.
                let alike = (kind, *other) == (AddressKind::Email, AddressKind::Account);
                assert!(
                    alike || address(*other, to).is_err(),
                    "{to} as {}",
                    other.code()
                );
            }
        }
        for two in [
            "jo@example.org,al@example.org",
            "jo@example.org al@example.org",
        ] {
            assert!(address(AddressKind::Email, two).is_err(), "{two}");
        }
        assert!(address(AddressKind::Mobile, "020 7641 6000").is_err());
    }

    #[test]
    fn a_room_is_tested_only_by_its_own_name() {
        let name: ChannelName = "staff_room".parse().unwrap();
        assert!(room(&name, "staff_room").is_ok());
        for other in ["@press@social.example.org", "", "staff", "staff_room,x"] {
            assert_eq!(
                room(&name, other).unwrap_err().code,
                "whole_room",
                "{other}"
            );
        }
    }
}
