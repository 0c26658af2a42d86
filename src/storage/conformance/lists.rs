//! What is listed of one state is what stands in that state, and nothing less.

use oyez_domain::delivery::DeliveryState as S;
use oyez_domain::id::UpdateId;
use oyez_domain::ledger::{DeliveryFilter, DeliveryView, Ledger};

const STATES: [S; 12] = [
    S::Pending,
    S::Sending,
    S::Accepted,
    S::Delivered,
    S::Undelivered,
    S::Rejected,
    S::Waiting,
    S::Unknown,
    S::Suppressed,
    S::Expired,
    S::Superseded,
    S::Stopped,
];

/// Compares the list of every state with the list of all.
pub(super) async fn check(ledger: &dyn Ledger, update: UpdateId) {
    let all = list(ledger, update, None).await;
    for state in STATES {
        let (mut whole, listed) = (all.clone(), list(ledger, update, Some(state)).await);
        whole.retain(|delivery| delivery.state == state);
        let places = |list: &[DeliveryView]| -> Vec<_> {
            list.iter().map(|d| (d.broadcast, d.ordinal)).collect()
        };
        assert_eq!(places(&listed), places(&whole), "listed as {state:?}");
    }
}

async fn list(ledger: &dyn Ledger, update: UpdateId, state: Option<S>) -> Vec<DeliveryView> {
    let filter = DeliveryFilter {
        state,
        limit: 10_000,
        ..DeliveryFilter::default()
    };
    ledger.deliveries(update, &filter).await.unwrap()
}
