//! Promises about receipts by the hundred: in any order, after any past, twice, and forged.

use super::Store;
use super::dice::Dice;
use super::stage::{
    MAIL, Plan, Stage, accepted, addresses, at, by, deferred, first_window, receipt, unknown,
    unknown_again,
};
use oyez_domain::delivery::{DeliveryState, Record, fold};
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::ledger::{Armed, ReceiptAbout, ReceiptRecord, Received, Recorded, Taken, Window};
use oyez_domain::outcome::Reason;
use oyez_domain::receipt::ReceiptStatus as Status;

const PEOPLE: u32 = 420;

/// What came before the receipts: nothing yet, or one of the outcomes that matter.
fn some_past(dice: &mut Dice, window: &Window, armed: &Armed) -> Option<Recorded> {
    let now = at(11);
    match dice.roll(5) {
        0 => None,
        1 => Some(accepted(window, armed, now)),
        2 => Some(deferred(window, armed, now, at(9_000))),
        3 => Some(unknown(window, armed, now)),
        _ => Some(unknown_again(window, armed, now, at(9_000))),
    }
}

/// Some of the seven in some order, some of them twice.
fn some_order(dice: &mut Dice) -> Vec<Status> {
    let mut left = Status::ALL.to_vec();
    let mut order = Vec::new();
    for _ in 0..=dice.roll(Status::ALL.len()) {
        if left.is_empty() {
            break;
        }
        order.push(left.swap_remove(dice.roll(left.len())));
        if dice.roll(3) == 0 {
            order.push(order[dice.roll(order.len())]);
        }
    }
    order
}

/// Hundreds of deliveries, each with a past and an order of receipts of its own, all interleaved and with a crash in
/// the middle: each ends where its receipts say, and the counters with them.
pub async fn receipts_in_any_order_end_in_one_state(store: &dyn Store) {
    let mut dice = Dice::new(41);
    let mut stage = Stage::with_people(store, PEOPLE).await;
    let plan = Plan {
        window_rows: PEOPLE,
        page_rows: PEOPLE + 1,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    let pasts = window.armed.iter();
    let pasts: Vec<_> = pasts
        .filter_map(|armed| some_past(&mut dice, &window, armed))
        .collect();
    stage.record(&pasts).await;
    let orders: Vec<_> = (0..PEOPLE).map(|_| some_order(&mut dice)).collect();
    let rounds = orders.iter().map(Vec::len).max().unwrap_or(0);
    for round in 0..rounds {
        let now = at(20 + round as u64);
        let places = (0..).map(|ordinal| (window.broadcast, Ordinal(ordinal)));
        let batch: Vec<_> = places
            .zip(&orders)
            .filter_map(|(place, order)| Some(receipt(place, *order.get(round)?, now)))
            .collect();
        let received = stage.ledger.receive(&batch).await.unwrap();
        assert_eq!(received.applied + received.repeated, batch.len() as u64);
        if round == 2 {
            stage = stage.crash(now).await;
        }
    }
    let expected: Vec<_> = orders.iter().map(|order| told_by(order)).collect();
    assert_eq!(stage.states(window.update, MAIL).await, expected);
    assert_eq!(
        stage.take(MAIL, at(10_000)).await,
        Taken::Idle(None),
        "nothing of it is ever sent again"
    );
    stage.check_truth().await;
}

fn told_by(order: &[Status]) -> DeliveryState {
    let records: Vec<_> = order.iter().copied().map(Record::Receipt).collect();
    fold(&records)
}

/// A thousand receipts for what was never announced, and for identifiers nobody gave: nothing moves.
pub async fn forged_receipts_change_nothing(store: &dyn Store) {
    let mut dice = Dice::new(43);
    let mut stage = Stage::with_people(store, 40).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    stage.accept_rest(&window, 1, at(11)).await;
    let before = stage.ledger.evidence(window.broadcast).await.unwrap();
    let mut total = Received::default();
    for n in 0..1_000 {
        let status = Status::ALL[dice.roll(Status::ALL.len())];
        let about = match dice.roll(3) {
            0 => ReceiptAbout::ProviderId {
                channel: super::stage::channel(MAIL),
                provider: super::stage::KIND.to_owned(),
                id: format!("forged-{n}"),
            },
            1 => ReceiptAbout::Delivery(window.broadcast, Ordinal(4 + n)),
            _ => ReceiptAbout::Delivery(BroadcastId(window.broadcast.0 + 1 + n), Ordinal(0)),
        };
        let forged = ReceiptRecord {
            about,
            at: at(12),
            status,
            reason: Some(Reason::AddressUnknown),
        };
        let received = stage.ledger.receive(&[forged]).await.unwrap();
        total.never_armed += received.never_armed;
        total.parked += received.parked;
    }
    assert_eq!(total.never_armed + total.parked, 1_000);
    let after = stage.ledger.evidence(window.broadcast).await.unwrap();
    assert_eq!(after, before);
    let next = stage.window(MAIL, at(13)).await;
    assert_eq!(addresses(&next).len(), 4, "nobody was suppressed");
    stage.check_truth().await;
}

/// Somebody who called a message unwanted got it, and gets no other.
pub async fn a_complaint_proves_the_message_and_stops_the_next(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 3).await;
    let window = first_window(&stage.release(&Plan::default()).await);
    let doubts = [unknown(&window, &window.armed[0], at(11))];
    stage.record(&doubts).await;
    stage.accept_rest(&window, 1, at(11)).await;
    let place = |ordinal| (window.broadcast, Ordinal(ordinal));
    stage.receive(place(1), Status::Delivered, at(12)).await;
    for ordinal in [0, 1] {
        stage
            .receive(place(ordinal), Status::Complained, at(13))
            .await;
    }
    use DeliveryState::{Accepted, Delivered};
    let states = stage.states(window.update, MAIL).await;
    assert_eq!(states, [Accepted, Delivered, Accepted]);
    let next = first_window(&stage.release(&Plan::default()).await);
    assert_eq!(addresses(&next), addresses(&window)[2..]);
    stage.check_truth().await;
}

/// A message that came back for good because nobody is there, or because the provider was told to stop, stops the next;
/// one that came back for another reason, or may still arrive, does not.
pub async fn a_dead_address_is_known_by_its_receipt(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 5).await;
    let plan = Plan {
        window_rows: 5,
        ..Plan::default()
    };
    let window = first_window(&stage.release(&plan).await);
    stage.accept(&window, at(11)).await;
    let told = [
        (0, Status::Bounced, Reason::AddressUnknown),
        (1, Status::Undelivered, Reason::AddressUnknown),
        (2, Status::Bounced, Reason::Blocked),
        (3, Status::BouncedForNow, Reason::AddressUnknown),
        (4, Status::Undelivered, Reason::OptedOut),
    ];
    let receipts = told.map(|(ordinal, status, reason)| ReceiptRecord {
        reason: Some(reason),
        ..receipt((window.broadcast, Ordinal(ordinal)), status, at(12))
    });
    stage.ledger.receive(&receipts).await.unwrap();
    let next = first_window(&stage.release(&plan).await);
    assert_eq!(addresses(&next), addresses(&window)[2..4]);
    let stopped = stage.ledger.is_stopped(window.armed[0].address_id).await;
    assert!(stopped.unwrap());
    let by = by(at(13));
    stage
        .ledger
        .stop(next.update, None, "done", &by)
        .await
        .unwrap();
    stage.check_truth().await;
}
