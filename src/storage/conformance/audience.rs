//! Promises about whom a release concerns.

use super::Store;
use super::stage::{MAIL, Plan, Stage, TEXT, at, by, email, first_window, mobile, person};
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::audience::AudienceRule;
use oyez_domain::ledger::{NewEndpoint, Released};
use oyez_domain::parcel::Secret;
use oyez_domain::subscriber::SuppressionCause;
use std::collections::BTreeSet;

async fn audience(stage: &Stage<'_>, released: &Released) -> Vec<Address> {
    let (id, ..) = released.broadcasts.first().unwrap();
    let evidence = stage.ledger.evidence(*id).await.unwrap();
    evidence
        .audience
        .into_iter()
        .map(|recipient| recipient.address)
        .collect()
}

/// Whoever comes or goes while the audience is written out, it is that of the release.
pub async fn an_audience_is_frozen_as_of_its_release(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 10).await;
    let plan = Plan {
        page_rows: 3,
        ..Plan::default()
    };
    let released = stage.release(&plan).await;
    assert_eq!(
        stage.view(released.update.id, MAIL).await.counts.asked,
        3,
        "one page"
    );
    let late: Vec<_> = (10..15).map(person).collect();
    stage
        .ledger
        .add_subscribers(&late, &by(at(11)))
        .await
        .unwrap();
    stage.plan_all(at(12)).await;
    let view = stage.view(released.update.id, MAIL).await;
    assert!(view.planned);
    let expected: Vec<_> = (0..10).map(email).collect();
    assert_eq!(audience(&stage, &released).await, expected);
    stage.check_truth().await;
}

/// One page or many: the same people.
pub async fn pages_of_any_size_find_the_same_people(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 11).await;
    let mut audiences = BTreeSet::new();
    for page_rows in [1, 3, 11, 500] {
        let plan = Plan {
            page_rows,
            ..Plan::default()
        };
        let released = stage.release(&plan).await;
        stage.plan_all(at(11)).await;
        audiences.insert(audience(&stage, &released).await);
    }
    assert_eq!(audiences.len(), 1);
    stage.check_truth().await;
}

/// However often an address was handed in, it is asked once.
pub async fn an_address_is_asked_once(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 3).await;
    let mut twin = person(9);
    twin.addresses = vec![email(0), email(0), email(9), mobile(1)];
    let people = [person(2), twin];
    stage
        .ledger
        .add_subscribers(&people, &by(at(2)))
        .await
        .unwrap();
    let released = stage.release(&Plan::default()).await;
    let asked = audience(&stage, &released).await;
    assert_eq!(asked, [0, 1, 2, 9].map(email));
}

/// Any wanted topic is enough; no topic means all; languages narrow it further.
pub async fn topics_and_languages_choose_whom_it_concerns(store: &dyn Store) {
    let mut stage = Stage::set(store).await;
    let mut people: Vec<_> = (0..4).map(person).collect();
    people[0].topics = vec!["bins".to_owned()];
    people[1].topics = vec!["roads".to_owned(), "schools".to_owned()];
    people[3].topics = vec!["roads".to_owned()];
    people[3].language = "cy".to_owned();
    stage
        .ledger
        .add_subscribers(&people, &by(at(1)))
        .await
        .unwrap();
    let rule = |topics: &[&str], languages: &[&str]| AudienceRule {
        topics: topics.iter().map(|&t| t.to_owned()).collect(),
        languages: languages.iter().map(|&l| l.to_owned()).collect(),
        ..AudienceRule::default()
    };
    for (rule, expected) in [
        (rule(&[], &[]), vec![0, 1, 2, 3]),
        (rule(&["roads"], &[]), vec![1, 2, 3]),
        (rule(&["roads", "bins"], &[]), vec![0, 1, 2, 3]),
        (rule(&["roads"], &["cy"]), vec![3]),
        (rule(&["parking"], &["en"]), vec![2]),
    ] {
        let plan = Plan {
            audience: rule,
            page_rows: 1,
            ..Plan::default()
        };
        let released = stage.release(&plan).await;
        stage.plan_all(at(11)).await;
        let expected: Vec<_> = expected.into_iter().map(email).collect();
        assert_eq!(
            audience(&stage, &released).await,
            expected,
            "{:?}",
            plan.audience
        );
    }
}

/// The language of a recipient comes with the window.
pub async fn a_recipient_keeps_their_language(store: &dyn Store) {
    let mut stage = Stage::set(store).await;
    let mut welsh = person(0);
    welsh.language = "cy".to_owned();
    stage
        .ledger
        .add_subscribers(&[welsh, person(1)], &by(at(1)))
        .await
        .unwrap();
    let window = first_window(&stage.release(&Plan::default()).await);
    let languages: Vec<_> = window.armed.iter().map(|a| a.language.as_str()).collect();
    assert_eq!(languages, ["cy", "en"]);
}

/// Each channel takes its own kind of address, and a landline goes nowhere.
pub async fn a_channel_asks_only_addresses_it_carries(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let mut caller = person(5);
    caller.addresses = vec![Address::uk_telephone("020 7641 6000").unwrap()];
    let imported = stage
        .ledger
        .add_subscribers(&[caller], &by(at(2)))
        .await
        .unwrap();
    assert_eq!(imported.landlines, 1);
    let plan = Plan {
        channels: vec![(TEXT, AddressKind::Mobile)],
        ..Plan::default()
    };
    let released = stage.release(&plan).await;
    assert_eq!(audience(&stage, &released).await, [0, 1].map(mobile));
}

/// A suppressed address is asked, never armed, and counted as what it is.
pub async fn a_suppressed_address_is_counted_and_never_armed(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let by = by(at(2));
    let cause = SuppressionCause::Manual;
    stage.ledger.suppress(&email(1), cause, &by).await.unwrap();
    let released = stage.release(&Plan::default()).await;
    let window = first_window(&released);
    assert!(!super::stage::addresses(&window).contains(&email(1)));
    let optout = window.armed.last().unwrap().address_id + 2;
    stage.ledger.opt_out(optout, &by).await.unwrap();
    stage.accept(&window, at(11)).await;
    stage.drain(MAIL, at(12)).await;
    let view = stage.view(released.update.id, MAIL).await;
    assert_eq!(
        (
            view.counts.asked,
            view.counts.accepted,
            view.counts.suppressed
        ),
        (6, 4, 2)
    );
    assert_eq!(view.counts.pending, 0);
    stage.check_truth().await;
}

/// Saying stop works for what waits for another attempt, too.
pub async fn an_opt_out_stops_a_retry(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let released = stage.release(&Plan::default()).await;
    let window = first_window(&released);
    let armed = &window.armed[0];
    stage
        .record(&[super::stage::deferred(&window, armed, at(11), at(20))])
        .await;
    stage
        .ledger
        .opt_out(armed.address_id, &by(at(12)))
        .await
        .unwrap();
    assert!(stage.ledger.is_stopped(armed.address_id).await.unwrap());
    stage.drain(MAIL, at(21)).await;
    let counts = stage.view(released.update.id, MAIL).await.counts;
    assert_eq!(
        (counts.suppressed, counts.accepted, counts.pending),
        (1, 0, 0)
    );
    stage.check_truth().await;
}

/// Partners get every update whatever its topics, at their newest address and with its secret.
pub async fn a_partner_is_reached_where_they_moved_to(store: &dyn Store) {
    let mut stage = Stage::set(store).await;
    let endpoint = |name: &str, path: &str, secret: &str| NewEndpoint {
        name: name.to_owned(),
        url: Address::endpoint(&format!("https://partner.example.org/{path}")).unwrap(),
        secret: Secret::new(secret),
    };
    let (kensington, lambeth) = ("kensington", "lambeth");
    let first = [
        endpoint(kensington, "old", "whsec_a"),
        endpoint(lambeth, "l", "whsec_b"),
    ];
    stage
        .ledger
        .put_endpoints(&first, &by(at(1)))
        .await
        .unwrap();
    let moved = [endpoint(kensington, "new", "whsec_c")];
    stage
        .ledger
        .put_endpoints(&moved, &by(at(2)))
        .await
        .unwrap();
    let thief = [endpoint("thief", "l", "whsec_d")];
    let stolen = stage.ledger.put_endpoints(&thief, &by(at(3))).await;
    assert!(stolen.is_err(), "an address belongs to one partner");
    let plan = Plan {
        channels: vec![("partners", AddressKind::Endpoint)],
        audience: AudienceRule {
            topics: vec!["bins".to_owned()],
            languages: vec!["cy".to_owned()],
            ..AudienceRule::default()
        },
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    let mut reached: Vec<_> = window
        .armed
        .iter()
        .map(|a| {
            (
                a.destination.as_str(),
                a.address.reveal(),
                a.secret.reveal(),
            )
        })
        .collect();
    reached.sort_unstable();
    let expected = [
        (kensington, "https://partner.example.org/new", "whsec_c"),
        (lambeth, "https://partner.example.org/l", "whsec_b"),
    ];
    assert_eq!(reached, expected);
}
