//! Promises about test messages.

use super::Store;
use super::stage::{Stage, at, by, channel, email};
use oyez_domain::address::Address;
use oyez_domain::ledger::{Idempotency, KeyChange, NewEndpoint};
use oyez_domain::outcome::OutcomeCode;
use oyez_domain::parcel::Secret;
use oyez_domain::subscriber::SuppressionCause;
use oyez_domain::test_message::{TESTS_PER_HOUR, TestAnnounced, TestOrder, TestResult, TestTo};
use oyez_domain::{LedgerError, LedgerResult};

const CHANNEL: &str = "residents_email";

fn key(name: &str) -> Idempotency {
    Idempotency {
        scope: "cli POST /channels/{name}/test".to_owned(),
        key: name.to_owned(),
        request_hash: [1; 32],
    }
}

fn to(number: u32) -> TestOrder {
    TestOrder {
        channel: channel(CHANNEL),
        via: "smtp",
        to: TestTo::Address(email(number)),
    }
}

fn result() -> TestResult {
    TestResult {
        outcome: OutcomeCode::Accepted,
        reply: "250 ok".to_owned(),
        provider_id: Some("7".to_owned()),
        ..TestResult::lost()
    }
}

async fn announce(
    stage: &Stage<'_>,
    order: &TestOrder,
    name: &str,
    second: u64,
) -> LedgerResult<TestAnnounced> {
    let (key, by) = (key(name), by(at(second)));
    stage.ledger.announce_test(order, &key, &by).await
}

/// A request that is repeated sends nothing again, and says what came of the first one, also after a crash between
/// announcing and recording.
pub async fn a_test_message_is_announced_once(store: &dyn Store) {
    let stage = Stage::with_people(store, 1).await;
    let order = to(0);
    let TestAnnounced::Ready(ready) = announce(&stage, &order, "a", 1).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(ready.address, email(0));
    assert!(ready.address_id.is_some(), "a subscriber can say stop");
    let stage = stage.crash(at(2)).await;
    let again = announce(&stage, &order, "a", 3).await;
    assert_eq!(again, Ok(TestAnnounced::Before(None)));
    let (result, mut key, by) = (result(), key("a"), by(at(4)));
    let ledger = &stage.ledger;
    ledger
        .record_test(&order, &result, &key, &by)
        .await
        .unwrap();
    let again = announce(&stage, &order, "a", 5).await;
    assert_eq!(again, Ok(TestAnnounced::Before(Some(result))));
    key.request_hash = [2; 32];
    let reused = ledger.announce_test(&order, &key, &by).await;
    assert_eq!(reused, Err(LedgerError::KeyReused));
}

/// Nobody who must not be written to gets one, nobody does while everything is held, and a loop over a list ends.
pub async fn a_test_message_reaches_nobody_by_accident(store: &dyn Store) {
    let stage = Stage::set(store).await;
    let (ledger, by) = (&stage.ledger, by(at(1)));
    let refused = |announced: LedgerResult<TestAnnounced>| {
        assert!(
            matches!(announced, Err(LedgerError::State(_))),
            "{announced:?}"
        );
    };
    let cause = SuppressionCause::OptOut;
    ledger.suppress(&email(9), cause, &by).await.unwrap();
    refused(announce(&stage, &to(9), "a", 1).await);
    ledger
        .hold_channel(None, Some("looking"), &by)
        .await
        .unwrap();
    refused(announce(&stage, &to(1), "a", 1).await);
    ledger.hold_channel(None, None, &by).await.unwrap();
    for nth in 0..TESTS_PER_HOUR {
        let announced = announce(&stage, &to(nth + 10), &nth.to_string(), 2).await;
        assert!(
            matches!(announced, Ok(TestAnnounced::Ready(_))),
            "{announced:?}"
        );
    }
    refused(announce(&stage, &to(8), "more", 3).await);
    let later = announce(&stage, &to(8), "more", 3603).await;
    assert!(matches!(later, Ok(TestAnnounced::Ready(_))), "{later:?}");
}

/// A partner's test is signed with every secret of the partner's that is in force, and goes where the partner is now.
pub async fn a_partners_test_goes_where_the_partner_is(store: &dyn Store) {
    let stage = Stage::set(store).await;
    let order = TestOrder {
        channel: channel("partners"),
        via: "webhook",
        to: TestTo::Partner("kensington".to_owned()),
    };
    let unknown = announce(&stage, &order, "a", 1).await;
    assert!(
        matches!(unknown, Err(LedgerError::NotFound(_))),
        "{unknown:?}"
    );
    for (path, secret) in [("old", "whsec_a"), ("new", "whsec_b")] {
        let url = format!("https://partner.example.org/{path}");
        let endpoint = NewEndpoint {
            name: "kensington".to_owned(),
            url: Address::endpoint(&url).unwrap(),
            secret: Secret::new(secret),
        };
        let by = by(at(2));
        stage.ledger.put_endpoints(&[endpoint], &by).await.unwrap();
    }
    let TestAnnounced::Ready(ready) = announce(&stage, &order, "a", 3).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(ready.address.reveal(), "https://partner.example.org/new");
    assert_eq!(ready.secret.reveal(), "whsec_b");
    assert_eq!(ready.destination, "kensington");
    let change = KeyChange {
        name: "kensington".to_owned(),
        secret: Secret::new("whsec_c"),
        both_until: at(10),
    };
    stage.ledger.change_key(&change, &by(at(4))).await.unwrap();
    for (name, second, signs) in [("b", 9, "whsec_c whsec_b"), ("c", 10, "whsec_c")] {
        let announced = announce(&stage, &order, name, second).await.unwrap();
        let TestAnnounced::Ready(ready) = announced else {
            panic!("it is new")
        };
        assert_eq!(ready.secret.reveal(), signs);
    }
}
