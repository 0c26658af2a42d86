//! Promises about receipts that name a message by the provider's identifier, known or not known yet.

use super::Store;
use super::stage::{KIND, MAIL, Plan, Stage, TEXT, accepted, at, channel, first_window, unknown};
use oyez_domain::delivery::DeliveryState::{self, Delivered, Undelivered};
use oyez_domain::ledger::{
    Armed, PARKED_RECEIPTS, PARKED_SECONDS, ReceiptAbout, ReceiptRecord, Received, Recorded, Window,
};
use oyez_domain::receipt::ReceiptStatus as Status;
use oyez_domain::time::Wall;

fn named(name: &str, provider_id: &str, status: Status, now: Wall) -> ReceiptRecord {
    ReceiptRecord {
        about: ReceiptAbout::ProviderId {
            channel: channel(name),
            provider: KIND.to_owned(),
            id: provider_id.to_owned(),
        },
        at: now,
        status,
        reason: None,
    }
}

fn accepted_as(window: &Window, armed: &Armed, now: Wall, provider_id: &str) -> Recorded {
    Recorded {
        provider_id: Some(provider_id.to_owned()),
        ..accepted(window, armed, now)
    }
}

async fn receive(stage: &Stage<'_>, receipt: ReceiptRecord) -> Received {
    stage.ledger.receive(&[receipt]).await.unwrap()
}

const PARKED: Received = Received {
    applied: 0,
    repeated: 0,
    never_armed: 0,
    parked: 1,
};
const APPLIED: Received = Received {
    applied: 1,
    parked: 0,
    ..PARKED
};
const REPEATED: Received = Received {
    repeated: 1,
    parked: 0,
    ..PARKED
};

/// A complaint that waited for its message stops the address from when it is known whose it is.
pub async fn a_parked_complaint_counts_from_when_it_is_joined(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let complaint = named(MAIL, "m-1", Status::Complained, at(11));
    assert_eq!(receive(&stage, complaint).await, PARKED);
    let joined = accepted_as(&window, &window.armed[0], at(40), "m-1");
    stage.record(&[joined]).await;
    let evidence = stage.ledger.evidence(window.broadcast).await.unwrap();
    let stops = &evidence.audience[0].stops;
    assert_eq!(stops.len(), 1);
    assert_eq!((stops[0].from, stops[0].concluded), (at(40), false));
}

/// Channels do not share identifiers, and neither do messages.
pub async fn an_identifier_means_one_message_of_one_channel(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let (first, second) = (&window.armed[0], &window.armed[1]);
    stage
        .record(&[
            accepted_as(&window, first, at(11), "m-1"),
            accepted_as(&window, second, at(11), "m-2"),
        ])
        .await;
    let elsewhere = named(TEXT, "m-1", Status::Undelivered, at(12));
    assert_eq!(receive(&stage, elsewhere).await, PARKED);
    let here = named(MAIL, "m-2", Status::Delivered, at(12));
    assert_eq!(receive(&stage, here.clone()).await, APPLIED);
    assert_eq!(receive(&stage, here).await, REPEATED);
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(states, [DeliveryState::Accepted, Delivered]);
    stage.check_truth().await;
}

/// Receipts that overtake the provider's own reply wait for it, through a crash if need be, and are joined with it.
pub async fn receipts_that_come_too_early_are_joined_with_the_acceptance(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    stage.release(&Plan::default()).await;
    for status in [Status::Underway, Status::Delivered] {
        let early = named(MAIL, "m-1", status, at(11));
        assert_eq!(receive(&stage, early.clone()).await, PARKED);
        assert_eq!(receive(&stage, early).await, REPEATED);
    }
    let mut stage = stage.crash(at(12)).await;
    let window = stage.window(MAIL, at(13)).await;
    let outcomes = [
        accepted_as(&window, &window.armed[0], at(14), "m-1"),
        accepted_as(&window, &window.armed[1], at(14), "m-2"),
    ];
    stage.record(&outcomes).await;
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(states, [Delivered, DeliveryState::Accepted]);
    let counts = stage.view(window.update, MAIL).await.counts;
    assert_eq!((counts.accepted, counts.delivered), (2, 1));
    stage.check_truth().await;
    let again = named(MAIL, "m-1", Status::Delivered, at(15));
    assert_eq!(receive(&stage, again).await, REPEATED);
}

/// An acceptance that comes for what was unknown brings its parked receipts along.
pub async fn a_parked_receipt_is_no_evidence_before_it_is_joined(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 1).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let doubt = unknown(&window, &window.armed[0], at(11));
    stage.record(&[doubt]).await;
    let early = named(MAIL, "m-1", Status::Undelivered, at(12));
    assert_eq!(receive(&stage, early).await, PARKED);
    assert_eq!(stage.view(window.update, MAIL).await.counts.unknown, 1);
    let mut late = accepted_as(&window, &window.armed[0], at(13), "m-1");
    late.attempt = 2;
    stage.record(&[late]).await;
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(states, [Undelivered]);
    stage.check_truth().await;
}

/// After its time a parked receipt is forgotten, whatever comes then.
pub async fn a_parked_receipt_is_forgotten_in_the_end(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let plan = Plan {
        expires_after: 10 * PARKED_SECONDS,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    for (id, seconds) in [("m-1", 11), ("m-2", 12)] {
        receive(&stage, named(MAIL, id, Status::Delivered, at(seconds))).await;
    }
    let late = at(11 + PARKED_SECONDS);
    let outcomes = [
        accepted_as(&window, &window.armed[0], late, "m-1"),
        accepted_as(&window, &window.armed[1], late, "m-2"),
    ];
    stage.record(&outcomes).await;
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(states, [DeliveryState::Accepted, Delivered]);
    stage.check_truth().await;
}

/// Strangers' receipts cannot fill the disk: the oldest give way.
pub async fn parking_has_an_end(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 2).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    receive(&stage, named(MAIL, "m-1", Status::Delivered, at(11))).await;
    receive(&stage, named(MAIL, "m-2", Status::Delivered, at(12))).await;
    let strangers: Vec<_> = (1..PARKED_RECEIPTS)
        .map(|n| named(MAIL, &format!("stranger-{n}"), Status::Delivered, at(13)))
        .collect();
    let received = stage.ledger.receive(&strangers).await.unwrap();
    assert_eq!(received.parked, u64::from(PARKED_RECEIPTS) - 1);
    let outcomes = [
        accepted_as(&window, &window.armed[0], at(14), "m-1"),
        accepted_as(&window, &window.armed[1], at(14), "m-2"),
    ];
    stage.record(&outcomes).await;
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(states, [DeliveryState::Accepted, Delivered]);
}
