//! Promises about partners' endpoints: what they are signed with, and when nothing goes there.

use super::Store;
use super::stage::{Plan, Stage, accepted, at, by, first_window, outcome};
use oyez_domain::LedgerError;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::ledger::{EndpointView, Follow, KeyChange, NewEndpoint, Window};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::parcel::Secret;
use oyez_domain::time::Wall;

const PARTNERS: &str = "partners";

fn endpoint(name: &str, secret: &str) -> NewEndpoint {
    NewEndpoint {
        name: name.to_owned(),
        url: Address::endpoint(&format!("https://partner.example.org/{name}")).unwrap(),
        secret: Secret::new(secret),
    }
}

async fn with_partners<'s>(store: &'s dyn Store, names: &[&str]) -> Stage<'s> {
    let stage = Stage::set(store).await;
    let endpoints: Vec<_> = names.iter().map(|name| endpoint(name, name)).collect();
    stage
        .ledger
        .put_endpoints(&endpoints, &by(at(1)))
        .await
        .unwrap();
    stage
}

/// An update to every partner, and what is armed of it at once.
async fn told(stage: &mut Stage<'_>, seconds: u64) -> Window {
    let plan = Plan {
        channels: vec![(PARTNERS, AddressKind::Endpoint)],
        released_after: seconds,
        ..Plan::default()
    };
    first_window(&stage.release(&plan).await)
}

fn signs(window: &Window) -> Vec<(&str, &str)> {
    let armed = window.armed.iter();
    let mut found: Vec<_> = armed
        .map(|armed| (armed.destination.as_str(), armed.secret.reveal()))
        .collect();
    found.sort_unstable();
    found
}

async fn view(stage: &Stage<'_>, name: &str, now: Wall) -> EndpointView {
    let all = stage.ledger.endpoints(now).await.unwrap();
    all.into_iter().find(|view| view.name == name).unwrap()
}

/// What signed before signs beside a new key until its time is over, however often the key changes meanwhile.
pub async fn an_old_key_signs_beside_a_new_one_for_a_while(store: &dyn Store) {
    let mut stage = with_partners(store, &["k", "l"]).await;
    for (secret, seconds) in [("k2", 10), ("k3", 20)] {
        let change = KeyChange {
            name: "k".to_owned(),
            secret: Secret::new(secret),
            both_until: at(100),
        };
        stage
            .ledger
            .change_key(&change, &by(at(seconds)))
            .await
            .unwrap();
    }
    let window = told(&mut stage, 30).await;
    assert_eq!(signs(&window), [("k", "k3 k2 k"), ("l", "l")]);
    assert_eq!(view(&stage, "k", at(30)).await.both_until, Some(at(100)));
    stage.accept(&window, at(31)).await;
    let window = told(&mut stage, 100).await;
    assert_eq!(signs(&window), [("k", "k3"), ("l", "l")]);
    assert_eq!(view(&stage, "k", at(100)).await.both_until, None);
    let nobody = KeyChange {
        name: "n".to_owned(),
        secret: Secret::new("n"),
        both_until: at(200),
    };
    let missing = stage.ledger.change_key(&nobody, &by(at(101))).await;
    assert!(matches!(missing, Err(LedgerError::NotFound(_))));
}

/// One that answered that it is gone is asked no more, and is asked again once it is registered again.
pub async fn a_partner_that_is_gone_gets_nothing_until_it_is_registered_again(store: &dyn Store) {
    let mut stage = with_partners(store, &["k", "l"]).await;
    let window = told(&mut stage, 10).await;
    for armed in &window.armed {
        let recorded = if armed.destination == "k" {
            let mut gone = outcome(
                &window,
                armed,
                at(11),
                OutcomeCode::Rejected,
                Follow::Failed,
            );
            gone.reason = Some(Reason::EndpointGone);
            gone.suppress = true;
            gone
        } else {
            accepted(&window, armed, at(11))
        };
        stage.record(&[recorded]).await;
    }
    assert_eq!(view(&stage, "k", at(12)).await.shut_at, Some(at(11)));
    assert_eq!(view(&stage, "l", at(12)).await.shut_at, None);
    let window = told(&mut stage, 20).await;
    assert_eq!(signs(&window), [("l", "l")]);
    let update = window.update;
    stage.accept(&window, at(21)).await;
    let counts = stage.view(update, PARTNERS).await.counts;
    assert_eq!((counts.accepted, counts.suppressed), (1, 1));
    let again = [endpoint("k", "k")];
    stage
        .ledger
        .put_endpoints(&again, &by(at(30)))
        .await
        .unwrap();
    assert_eq!(view(&stage, "k", at(31)).await.shut_at, None);
    let window = told(&mut stage, 40).await;
    assert_eq!(signs(&window), [("k", "k"), ("l", "l")]);
    stage.check_truth().await;
}

/// One that was taken away gets no update that is released afterwards.
pub async fn a_partner_that_was_taken_away_gets_nothing_more(store: &dyn Store) {
    let mut stage = with_partners(store, &["k", "l"]).await;
    stage.ledger.remove_endpoint("k", &by(at(5))).await.unwrap();
    let names: Vec<_> = stage.ledger.endpoints(at(6)).await.unwrap();
    assert_eq!(names.len(), 1);
    let window = told(&mut stage, 10).await;
    assert_eq!(signs(&window), [("l", "l")]);
    let again = stage.ledger.remove_endpoint("k", &by(at(11))).await;
    assert!(matches!(again, Err(LedgerError::NotFound(_))));
}
