//! Promises about the release itself.

use super::Store;
use super::stage::{MAIL, Plan, Stage, TEXT, addresses, at, by, email, first_window, order};
use oyez_domain::LedgerError;
use oyez_domain::address::AddressKind;
use oyez_domain::broadcast::BroadcastState;
use oyez_domain::ledger::{Idempotency, Taken};
use oyez_domain::update::UpdateState;

fn key(hash: u8) -> Idempotency {
    Idempotency {
        scope: "cli release".to_owned(),
        key: "k1".to_owned(),
        request_hash: [hash; 32],
    }
}

/// The second answer is the first again, without windows, and nobody is asked twice.
pub async fn a_release_with_the_same_key_happens_once(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let plan = Plan {
        key: Some(key(1)),
        ..Plan::default()
    };
    let update = stage.draft(&plan).await;
    let first = stage.ledger.release(&order(&update, &plan)).await.unwrap();
    let again = stage.ledger.release(&order(&update, &plan)).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!(again.update, first.update);
    let (id, name, window) = again.broadcasts.first().unwrap();
    assert_eq!((*id, name), (first.broadcasts[0].0, &first.broadcasts[0].1));
    assert_eq!(*window, None, "a repeat hands out no work");
    assert_eq!(stage.ledger.broadcast_ids().await.unwrap().len(), 1);
    assert_eq!(stage.view(update.id, MAIL).await.counts.asked, 6);
    stage.check_truth().await;
}

/// One key names one request.
pub async fn a_reused_key_with_another_request_is_refused(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let plan = Plan {
        key: Some(key(1)),
        ..Plan::default()
    };
    stage.release(&plan).await;
    let other = stage.draft(&plan).await;
    let mut order = order(&other, &plan);
    order.key = Some(key(2));
    let refused = stage.ledger.release(&order).await;
    assert_eq!(refused.unwrap_err(), LedgerError::KeyReused);
    let untouched = stage.ledger.update(other.id).await.unwrap();
    assert_eq!(untouched.state, UpdateState::Draft);
}

/// What is out cannot be put out or written again.
pub async fn a_released_update_never_changes(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let plan = Plan::default();
    let released = stage.release(&plan).await;
    let again = stage.ledger.release(&order(&released.update, &plan)).await;
    assert!(matches!(again, Err(LedgerError::State(_))), "{again:?}");
    let rewritten = stage
        .ledger
        .save_update(&released.update, None, &by(at(20)))
        .await;
    assert!(matches!(rewritten, Err(LedgerError::State(_))));
    let stored = stage.ledger.update(released.update.id).await.unwrap();
    assert_eq!(stored.released_at, Some(at(10)));
}

/// With nobody to reach, nothing is released and nothing is left behind.
pub async fn an_update_for_nobody_is_refused(store: &dyn Store) {
    let mut stage = Stage::set(store).await;
    let plan = Plan::default();
    let update = stage.draft(&plan).await;
    let refused = stage
        .ledger
        .release(&order(&update, &plan))
        .await
        .unwrap_err();
    let LedgerError::Refused(refusal) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(refusal.field, "audience");
    assert!(stage.ledger.broadcast_ids().await.unwrap().is_empty());
    let draft = stage.ledger.update(update.id).await.unwrap();
    assert_eq!(draft.state, UpdateState::Draft);
}

/// A channel without anybody is done at once; the others go on.
pub async fn a_channel_with_nobody_is_done_at_once(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let plan = Plan {
        channels: vec![
            ("partners", AddressKind::Endpoint),
            (MAIL, AddressKind::Email),
        ],
        ..Plan::default()
    };
    let update = stage.release(&plan).await.update.id;
    assert_eq!(
        stage.view(update, "partners").await.state,
        BroadcastState::Done
    );
    assert_eq!(
        stage.view(update, MAIL).await.state,
        BroadcastState::Sending
    );
    let open = stage.ledger.broadcasts(None).await.unwrap();
    assert_eq!(open.len(), 1, "only what is not done");
}

/// The first window is armed in the release's own transaction; a busy channel's is not.
pub async fn only_an_idle_channel_starts_with_the_release(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 6).await;
    let first = stage.release(&Plan::default()).await;
    assert_eq!(
        addresses(&first_window(&first)),
        (0..4).map(email).collect::<Vec<_>>()
    );
    let both = Plan {
        channels: vec![(MAIL, AddressKind::Email), (TEXT, AddressKind::Mobile)],
        released_after: 11,
        ..Plan::default()
    };
    let second = stage.release(&both).await;
    let started: Vec<_> = second
        .broadcasts
        .iter()
        .map(|(_, _, w)| w.is_some())
        .collect();
    assert_eq!(started, [false, true]);
    stage.check_truth().await;
}

/// What was put out is listed by its release, whatever is written meanwhile.
pub async fn drafts_crowd_out_nothing_that_was_released(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let mut released = Vec::new();
    for after in [11, 12] {
        let plan = Plan {
            released_after: after,
            ..Plan::default()
        };
        released.insert(0, stage.release(&plan).await.update.id);
    }
    let draft = stage
        .draft(&Plan {
            released_after: 13,
            ..Plan::default()
        })
        .await;
    let newest = stage.ledger.updates(1).await.unwrap();
    assert_eq!(newest[0].id, draft.id);
    let out = |limit| {
        let ledger = &stage.ledger;
        async move {
            let updates = ledger.released_updates(limit).await.unwrap();
            updates.iter().map(|update| update.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(out(1).await, released[..1]);
    assert_eq!(out(9).await, released);
}

/// The organisation's own account is the whole audience of a channel that posts to it.
pub async fn a_post_goes_to_the_channels_own_account(store: &dyn Store) {
    let mut stage = Stage::set(store).await;
    let posts = vec![
        ("council_mastodon", AddressKind::Account),
        ("council_x", AddressKind::Account),
    ];
    let plan = Plan {
        channels: posts,
        ..Plan::default()
    };
    for _ in 0..2 {
        let released = stage.release(&plan).await;
        for (_, name, window) in &released.broadcasts {
            let window = match window {
                Some(window) => window.clone(),
                None => stage.window(name.as_str(), at(12)).await,
            };
            let [post] = window.armed.as_slice() else {
                panic!("one post, not {window:?}")
            };
            assert_eq!(post.address.reveal(), name.as_str());
            stage.accept(&window, at(12)).await;
        }
    }
    let idle = stage.take_rows("council_x", 10, at(13)).await;
    assert_eq!(idle, Taken::Idle(None));
    stage.check_truth().await;
}

/// The snapshot of a released update does not change with the incident; a draft shows what is now.
pub async fn a_statement_is_frozen_at_release(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let service = |state: &str| {
        let json = serde_json::json!([{"id": "housing", "name": "Housing", "state": state}]);
        serde_json::from_value::<Vec<oyez_domain::service::Service>>(json).unwrap()
    };
    let ledger = &stage.ledger;
    ledger
        .put_services(&service("ok"), &by(at(1)))
        .await
        .unwrap();
    let plan = Plan::default();
    let mut update = stage.draft(&plan).await;
    update.services = [("housing".to_owned(), "down".parse().unwrap())].into();
    stage
        .ledger
        .save_update(&update, None, &by(at(2)))
        .await
        .unwrap();
    let ledger = &stage.ledger;
    let preview = ledger.statement(update.id).await.unwrap();
    assert_eq!(
        preview.services,
        service("down"),
        "as the update would have it"
    );
    assert_eq!(
        ledger.services().await.unwrap(),
        service("ok"),
        "not in force yet"
    );
    ledger.release(&order(&update, &plan)).await.unwrap();
    assert_eq!(
        ledger.services().await.unwrap(),
        service("down"),
        "in force"
    );
    ledger
        .put_services(&service("limited"), &by(at(20)))
        .await
        .unwrap();
    let frozen = ledger.statement(update.id).await.unwrap();
    assert_eq!(frozen.services, service("down"));
    assert_eq!(frozen.incident.id, stage.incident.id);
}
