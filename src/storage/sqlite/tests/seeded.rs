//! Each seeded mistake is noticed by the promise that forbids it: else the suite would be too weak.

use super::super::seeded_bug::{Seeded, SeededBug};
use super::Scratch;
use crate::conformance as suite;
use tokio::task::JoinSet;

/// Runs a promise on a store with a mistake and expects it to be broken.
macro_rules! noticed {
    ($($test:ident: $bug:ident breaks $promise:ident;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let mut playing = JoinSet::new();
                playing.spawn(async {
                    suite::$promise(&Scratch::seeded(Seeded::with(SeededBug::$bug))).await;
                });
                let played = playing.join_next().await.unwrap();
                assert!(
                    played.is_err_and(|end| end.is_panic()),
                    "{} kept with {:?}",
                    stringify!($promise),
                    SeededBug::$bug
                );
            }
        )*
    };
}

noticed! {
    a_place_that_moves_without_an_announcement_is_noticed:
        CheckpointAtFetch breaks orphans_are_sent_again_and_nobody_else_is;
    a_start_without_a_fence_is_noticed:
        UnfencedArm breaks an_older_start_announces_nothing;
    a_start_without_a_fence_is_noticed_in_the_race:
        UnfencedArm breaks an_older_start_never_announces_while_a_newer_begins;
    a_fence_outside_the_transaction_is_noticed_in_the_race:
        UnlockedFence breaks an_older_start_never_announces_while_a_newer_begins;
    a_receipt_that_wins_by_coming_last_is_noticed:
        ReceiptsLastWriteWins breaks receipts_in_any_order_end_in_one_state;
    expiry_by_a_clock_that_jumped_is_noticed:
        ExpiryOnJump breaks nothing_expires_while_the_clock_is_not_trusted;
}
