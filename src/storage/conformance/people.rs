//! Promises about people, imports and addresses never to be used.

use super::Store;
use super::stage::{MAIL, Plan, Stage, TEXT, at, by, email, incident, mobile, person};
use oyez_domain::LedgerError;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::inbound::Wish;
use oyez_domain::ledger::{Idempotency, Stop, WrittenBack};
use oyez_domain::subscriber::{Heard, Imported, SuppressionCause};

/// Nothing of an import is asked before it is committed, and all of it afterwards.
pub async fn an_import_becomes_visible_at_once(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    for slice in [1..4, 4..6] {
        let people: Vec<_> = slice.map(person).collect();
        stage.ledger.stage_import(7, &people).await.unwrap();
    }
    let before = stage.release(&Plan::default()).await.update.id;
    assert_eq!(stage.view(before, MAIL).await.counts.asked, 2);
    let imported = stage
        .ledger
        .commit_import(7, true, &by(at(20)))
        .await
        .unwrap();
    let expected = Imported {
        rows: 5,
        added: 8,
        known: 2,
        suppressed: 0,
        landlines: 0,
    };
    assert_eq!(imported, expected);
    let after = stage.release(&Plan::default()).await.update.id;
    assert_eq!(stage.view(after, MAIL).await.counts.asked, 6);
    stage.plan_all(at(21)).await;
    assert_eq!(
        stage.view(before, MAIL).await.counts.asked,
        2,
        "as of its release"
    );
}

/// An import that is given up leaves nobody behind.
pub async fn an_import_that_is_given_up_leaves_nothing(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let people: Vec<_> = (1..6).map(person).collect();
    stage.ledger.stage_import(7, &people).await.unwrap();
    stage
        .ledger
        .commit_import(7, false, &by(at(20)))
        .await
        .unwrap();
    let again = stage.ledger.commit_import(7, true, &by(at(21))).await;
    assert!(matches!(again, Err(LedgerError::NotFound(_))), "{again:?}");
    let update = stage.release(&Plan::default()).await.update.id;
    assert_eq!(stage.view(update, MAIL).await.counts.asked, 2);
    let imported = stage
        .ledger
        .add_subscribers(&people, &by(at(22)))
        .await
        .unwrap();
    assert_eq!(
        (imported.added, imported.known),
        (8, 2),
        "forgotten, not hidden"
    );
}

/// An import that a crash interrupts is given up.
pub async fn an_interrupted_import_is_given_up(store: &dyn Store) {
    let stage = Stage::set(store).await;
    stage.ledger.stage_import(7, &[person(1)]).await.unwrap();
    let stage = stage.crash(at(20)).await;
    let gone = stage.ledger.commit_import(7, true, &by(at(21))).await;
    assert!(matches!(gone, Err(LedgerError::NotFound(_))), "{gone:?}");
    assert!(stage.ledger.subscriber_counts().await.unwrap().is_empty());
}

/// With one person who cannot be added, none is.
pub async fn people_are_added_all_or_none(store: &dyn Store) {
    let stage = Stage::set(store).await;
    let mut wrong = person(3);
    wrong.addresses = vec![Address::account("council")];
    let refused = stage
        .ledger
        .add_subscribers(&[person(1), wrong], &by(at(1)))
        .await;
    assert!(
        matches!(refused, Err(LedgerError::Refused(_))),
        "{refused:?}"
    );
    assert!(stage.ledger.subscriber_counts().await.unwrap().is_empty());
}

/// An address suppressed before it was known stays suppressed when it is imported.
pub async fn a_suppressed_person_stays_suppressed(store: &dyn Store) {
    let mut stage = Stage::set(store).await;
    let cause = SuppressionCause::OptOut;
    stage
        .ledger
        .suppress(&email(1), cause, &by(at(1)))
        .await
        .unwrap();
    stage
        .ledger
        .suppress(&email(1), cause, &by(at(1)))
        .await
        .unwrap();
    let people: Vec<_> = (0..3).map(person).collect();
    let imported = stage
        .ledger
        .add_subscribers(&people, &by(at(2)))
        .await
        .unwrap();
    assert_eq!((imported.added, imported.suppressed), (6, 1));
    let counts = stage.ledger.subscriber_counts().await.unwrap();
    assert_eq!(
        counts,
        [(AddressKind::Email, 3, 1), (AddressKind::Mobile, 3, 0)]
    );
    let update = stage.release(&Plan::default()).await.update.id;
    stage.drain(MAIL, at(11)).await;
    assert_eq!(stage.view(update, MAIL).await.counts.suppressed, 1);
}

/// A row that does not exist cannot be stopped.
pub async fn an_opt_out_of_nobody_is_not_found(store: &dyn Store) {
    let stage = Stage::set(store).await;
    let missing = stage.ledger.opt_out(99, &by(at(1))).await;
    assert!(matches!(missing, Err(LedgerError::NotFound(_))));
    let missing = stage.ledger.is_stopped(99).await;
    assert!(matches!(missing, Err(LedgerError::NotFound(_))));
}

/// A repeated request to open an incident or write an update is answered as before.
pub async fn writing_with_the_same_key_happens_once(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let key = |hash| Idempotency {
        scope: "api".to_owned(),
        key: "k".to_owned(),
        request_hash: [hash; 32],
    };
    let (by, ledger) = (by(at(2)), &stage.ledger);
    let first = ledger
        .open_incident(&incident(2), Some(&key(1)), &by)
        .await
        .unwrap();
    let again = ledger
        .open_incident(&incident(3), Some(&key(1)), &by)
        .await
        .unwrap();
    assert_eq!((again.value, again.replayed), (first.value, true));
    assert_eq!(
        ledger.incidents().await.unwrap().len(),
        2,
        "the stage's own and this one"
    );
    let other = ledger.open_incident(&incident(3), Some(&key(2)), &by).await;
    assert_eq!(other.unwrap_err(), LedgerError::KeyReused);
    let update = stage.draft(&Plan::default()).await;
    let found = stage
        .ledger
        .update_by_reference(&update.reference)
        .await
        .unwrap();
    assert_eq!(found, update);
    let mut twin = update.clone();
    twin.id = oyez_domain::id::UpdateId::new(at(3), [200; 10]);
    let taken = stage.ledger.save_update(&twin, None, &by).await;
    assert!(
        matches!(taken, Err(LedgerError::Refused(_))),
        "one reference, one update"
    );
    assert_eq!(stage.ledger.updates(10).await.unwrap(), [update]);
}

/// Numbers of one kind are never mistaken for another's.
pub async fn kinds_are_counted_apart(store: &dyn Store) {
    let stage = Stage::set(store).await;
    let mut people = [person(1), person(2)];
    people[1].addresses = vec![mobile(2), Address::uk_telephone("020 7641 6000").unwrap()];
    stage
        .ledger
        .add_subscribers(&people, &by(at(1)))
        .await
        .unwrap();
    let counts = stage.ledger.subscriber_counts().await.unwrap();
    let expected = [
        (AddressKind::Email, 1, 0),
        (AddressKind::Mobile, 2, 0),
        (AddressKind::Landline, 1, 0),
    ];
    assert_eq!(counts, expected);
}

/// A STOP by text stops the address, known or not; START lifts that stop and no other; each text counts once.
pub async fn start_lifts_a_stop_by_text_and_no_other(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 3).await;
    let text = |from: u32, wish, id: &str| WrittenBack {
        channel: TEXT.parse().unwrap(),
        provider_id: id.to_owned(),
        from: mobile(from),
        wish,
    };
    let hear = async |text: WrittenBack, second| {
        let by = by(at(second));
        stage.ledger.hear(&text, &by).await.unwrap()
    };
    let stopped = hear(text(1, Wish::Stop, "a"), 2).await;
    let Heard::Stopped(Some(row)) = stopped else {
        panic!("{stopped:?}");
    };
    assert_eq!(hear(text(1, Wish::Stop, "a"), 3).await, Heard::Nothing);
    assert_eq!(hear(text(1, Wish::Other, "b"), 3).await, Heard::Nothing);
    assert!(stage.ledger.is_stopped(row).await.unwrap());
    assert_eq!(
        hear(text(1, Wish::Start, "c"), 4).await,
        Heard::Lifted(Some(row))
    );
    assert!(!stage.ledger.is_stopped(row).await.unwrap());
    assert_eq!(hear(text(1, Wish::Start, "d"), 5).await, Heard::Nothing);

    assert_eq!(
        hear(text(99, Wish::Stop, "e"), 5).await,
        Heard::Stopped(None)
    );
    hear(text(2, Wish::Stop, "f"), 5).await;
    let manual = SuppressionCause::Manual;
    let (other, by_council) = (mobile(2), by(at(6)));
    let stopped = stage.ledger.suppress(&other, manual, &by_council);
    stopped.await.unwrap();
    assert_eq!(hear(text(2, Wish::Start, "g"), 7).await, Heard::Nothing);

    let plan = Plan {
        channels: vec![(TEXT, AddressKind::Mobile)],
        ..Plan::default()
    };
    let released = stage.release(&plan).await;
    let (broadcast, _, window) = &released.broadcasts[0];
    stage.accept(window.as_ref().unwrap(), at(11)).await;
    stage.drain(TEXT, at(12)).await;
    let counts = stage.view(released.update.id, TEXT).await.counts;
    assert_eq!((counts.asked, counts.suppressed), (3, 1));
    let audience = stage.ledger.evidence(*broadcast).await.unwrap().audience;
    let stops = |ordinal: usize| audience[ordinal].stops.clone();
    let (from, until) = (at(2), Some(at(4)));
    assert_eq!(
        stops(1),
        [Stop {
            from,
            until,
            concluded: false
        }]
    );
    assert_eq!(stops(2).len(), 1);
    stage.check_truth().await;
}
