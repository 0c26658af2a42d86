//! Promises about addresses that mail does not get through to.

use super::Store;
use super::stage::{MAIL, Plan, Stage, accepted, addresses, at, email, outcome, receipt};
use oyez_domain::address::Address;
use oyez_domain::ledger::{Follow, ReceiptRecord, Window};
use oyez_domain::outcome::{OutcomeCode, Reason};
use oyez_domain::receipt::ReceiptStatus as Status;

const DAY: u64 = 24 * 3600;

/// What comes back for an address on a day: nothing where it is not listed.
fn comes_back(address: &Address, day: u64) -> Option<(Status, Reason)> {
    let full = Some((Status::BouncedForNow, Reason::InboxFull));
    let nobody = Some((Status::Bounced, Reason::Undeliverable));
    match (0..4).find(|number| *address == email(*number))? {
        // Three times within ten days.
        0 => [full, nobody, full]
            .into_iter()
            .nth(usize::try_from(day / 5).unwrap())?,
        // Three times, but not within two weeks.
        1 if [0, 5, 20].contains(&day) => full,
        // Every time, for a reason that is not the address's.
        2 => Some((Status::Bounced, Reason::Blocked)),
        _ => None,
    }
}

/// An address that mail misses three times within two weeks is given up, whether it comes back or is refused at the
/// door. A message misses once, however often that is told, and misses are forgotten after two weeks.
pub async fn an_address_that_mail_keeps_missing_is_given_up(store: &dyn Store) {
    let mut stage = Stage::with_people(store, 5).await;
    for (day, asked) in [(0, 5), (5, 5), (10, 5), (15, 3), (20, 3), (25, 3)] {
        let now = 10 + day * DAY;
        let plan = Plan {
            released_after: now,
            expires_after: now + DAY,
            window_rows: 8,
            ..Plan::default()
        };
        let released = stage.release(&plan).await;
        let window: Window = super::stage::first_window(&released);
        assert_eq!(addresses(&window).len(), asked, "day {day}");
        let refused = email(4);
        let outcomes: Vec<_> = window
            .armed
            .iter()
            .map(|armed| {
                if armed.address != refused {
                    return accepted(&window, armed, at(now + 1));
                }
                let (code, follow) = (OutcomeCode::Rejected, Follow::Failed);
                let mut ended = outcome(&window, armed, at(now + 1), code, follow);
                ended.reason = Some(Reason::InboxFull);
                ended
            })
            .collect();
        stage.record(&outcomes).await;
        for armed in &window.armed {
            let Some((status, reason)) = comes_back(&armed.address, day) else {
                continue;
            };
            let place = (window.broadcast, armed.ordinal);
            let told = |status, later| ReceiptRecord {
                reason: Some(reason),
                ..receipt(place, status, at(now + later))
            };
            let twice = [
                told(status, 2),
                told(status, 3),
                told(Status::BouncedForNow, 4),
            ];
            stage.ledger.receive(&twice).await.unwrap();
        }
        assert_eq!(stage.view(window.update, MAIL).await.counts.pending, 0);
        stage.check_truth().await;
    }
}
