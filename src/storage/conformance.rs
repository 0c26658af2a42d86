//! What every engine behind the `Ledger` port has to promise, one function a promise.
//!
//! An engine's tests implement [`Store`] and call [`ledger_promises!`](crate::ledger_promises), which makes
//! one test of each.

mod audience;
mod crash;
mod halt;
mod incident_order;
mod outcomes;
mod people;
mod receipts;
mod release;
pub mod stage;
mod truth;

pub use audience::*;
pub use crash::*;
pub use halt::*;
pub use incident_order::*;
pub use outcomes::*;
pub use people::*;
pub use receipts::*;
pub use release::*;
pub use truth::*;

use oyez_domain::BoxFuture;
use oyez_domain::ledger::Ledger;
use oyez_domain::time::Wall;

/// An engine with an empty store of its own.
pub trait Store: Send + Sync {
    /// Opens the store as a start of the program at `now` would. What was opened before is dropped first; unless
    /// it was told to end, that is a crash.
    fn open(&self, now: Wall) -> BoxFuture<'_, Box<dyn Ledger>>;
}

/// Makes one `#[tokio::test]` of each promise; `$store` makes a fresh [`Store`].
#[macro_export]
macro_rules! ledger_promises {
    ($store:expr; $($promise:ident,)*) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::conformance::$promise(&$store).await;
            }
        )*
    };
    ($store:expr) => {
        $crate::ledger_promises! { $store;
            a_release_with_the_same_key_happens_once,
            a_reused_key_with_another_request_is_refused,
            a_released_update_never_changes,
            an_update_for_nobody_is_refused,
            a_channel_with_nobody_is_done_at_once,
            only_an_idle_channel_starts_with_the_release,
            a_post_goes_to_the_channels_own_account,
            a_statement_is_frozen_at_release,
        }
    };
}
