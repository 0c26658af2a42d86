//! Which identifiers of providers are kept apart: those that receipts need, and no others.

use super::Scratch;
use crate::conformance::stage::{MAIL, Plan, Stage, accepted, at, first_window, order};
use oyez_domain::ledger::{Recorded, Released};

/// Releases, and accepts everything under an identifier; how many identifiers stand in the table.
async fn identifiers_kept(receipts_name_them: bool) -> i64 {
    let scratch = Scratch::new();
    let mut stage = Stage::with_people(&scratch, 3).await;
    let plan = Plan::default();
    let update = stage.draft(&plan).await;
    let mut order = order(&update, &plan);
    for broadcast in &mut order.broadcasts {
        broadcast.receipts_by_provider_id = receipts_name_them;
    }
    let released: Released = stage.ledger.release(&order).await.unwrap();
    let window = first_window(&released);
    let outcomes = window.armed.iter().map(|armed| Recorded {
        provider_id: Some(format!("m-{}", armed.ordinal.0)),
        ..accepted(&window, armed, at(11))
    });
    let outcomes: Vec<_> = outcomes.collect();
    stage.record(&outcomes).await;
    assert_eq!(stage.view(update.id, MAIL).await.counts.accepted, 3);
    let database = rusqlite::Connection::open(scratch.settings().database()).unwrap();
    let count = "SELECT count(*) FROM provider_message";
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn identifiers_are_kept_only_where_receipts_need_them() {
    assert_eq!(identifiers_kept(true).await, 3);
    assert_eq!(identifiers_kept(false).await, 0);
}
