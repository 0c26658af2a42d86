//! Test messages.

use super::state::{Answer, State};
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::ledger::Idempotency;
use oyez_domain::parcel::Secret;
use oyez_domain::test_message::{TESTS_PER_HOUR, TestAnnounced, TestOrder, TestReady, TestTo};
use oyez_domain::time::Wall;
use oyez_domain::{LedgerError, LedgerResult};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

impl State {
    pub(super) fn announce_test(
        &mut self,
        test: &TestOrder,
        key: &Idempotency,
        now: Wall,
    ) -> LedgerResult<TestAnnounced> {
        if let Some(Answer::Test(result)) = self.answered(Some(key))? {
            return Ok(TestAnnounced::Before(result.clone()));
        }
        if let Some(why) = self.holds.get(&None) {
            return Err(LedgerError::State(format!("everything is held: {why}")));
        }
        let lately = self.tests.iter();
        let lately =
            lately.filter(|(channel, at)| *channel == test.channel && now.since(*at) < HOUR);
        if lately.count() >= usize::try_from(TESTS_PER_HOUR).unwrap() {
            let why = format!("{TESTS_PER_HOUR} test messages within an hour are enough");
            return Err(LedgerError::State(why));
        }
        let ready = match &test.to {
            TestTo::Address(address) => self.ready(address),
            TestTo::Partner(name) => self.ready_for(name, now)?,
        };
        if self.suppressed.contains_key(&ready.address) {
            let why = "this address must not be written to: it is suppressed".to_owned();
            return Err(LedgerError::State(why));
        }
        self.tests.push((test.channel.clone(), now));
        self.remember(Some(key), Answer::Test(None));
        Ok(TestAnnounced::Ready(ready))
    }

    fn ready(&self, address: &Address) -> TestReady {
        TestReady {
            address: address.clone(),
            address_id: self.rows.get(address).copied(),
            destination: String::new(),
            secret: Secret::default(),
        }
    }

    fn ready_for(&self, name: &str, now: Wall) -> LedgerResult<TestReady> {
        let known = (1..).zip(&self.addresses);
        let mut known = known.filter(|(_, known)| known.address.kind() == AddressKind::Endpoint);
        let found = known.find_map(|(row, known)| {
            let partner = known.partner.as_ref()?;
            (partner.current && partner.name == name).then_some((row, known, partner))
        });
        let (row, known, partner) =
            found.ok_or_else(|| LedgerError::NotFound(format!("the endpoint {name}")))?;
        Ok(TestReady {
            address: known.address.clone(),
            address_id: Some(row),
            destination: name.to_owned(),
            secret: partner.signs(now),
        })
    }
}
