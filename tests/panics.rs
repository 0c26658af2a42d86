//! An adapter that fails for some takes neither the others nor the channel with it.

use crate::office::{Office, name};
use oyez_dispatch::settings::{ChannelSettings, ConfiguredChannel};
use oyez_domain::address::AddressKind;
use oyez_domain::channel::{Capabilities, Family, IdempotencyClass, LengthUnit, OnUnknown};
use oyez_domain::notice::Notice;
use oyez_domain::outcome::{Outcome, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::rendered::{Fit, Rendered};
use oyez_domain::{BoxFuture, Channel, Refusal};
use serde_json::json;
use std::sync::Arc;

const CAPABILITIES: Capabilities = Capabilities {
    kind: "brittle",
    family: Family::Email,
    carries: AddressKind::Email,
    unit: LengthUnit::Byte,
    limit: None,
    receipts: false,
    receipts_by_provider_id: false,
    idempotency: IdempotencyClass::Nothing,
    key_seconds: None,
    look_up: false,
    on_unknown: OnUnknown::Hold,
    needs: &[],
};

/// Takes every parcel, but panics over some.
struct Brittle;

impl Channel for Brittle {
    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn render(&self, _: &Notice) -> Result<Rendered, Refusal> {
        let fit = Fit::plain(0, None, LengthUnit::Byte);
        Ok(Rendered {
            pieces: Vec::new(),
            preview: String::new(),
            fit,
        })
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Verdict> {
        Box::pin(async {
            let number = oyez_sandbox::resident_number(parcel.address.reveal());
            assert_ne!(number.map(|number| number % 16), Some(7), "on purpose");
            Verdict::new(Outcome::Accepted { reference: None }, "taken")
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async { Ok(String::new()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_panics_leave_three_unknown_and_everybody_else_served() {
    let settings: ChannelSettings = serde_json::from_value(json!({})).unwrap();
    let brittle = ConfiguredChannel {
        weight: None,
        name: name("brittle_email"),
        settings,
        adapter: Arc::new(Brittle),
    };
    let office = Office::with(|_| vec![brittle], json!({})).await;
    office.populate(50).await;
    for _ in 0..2 {
        let update = office.put_out().await;
        let ended = office.finish(update).await.counts;
        assert_eq!((ended.accepted, ended.unknown), (47, 3));
    }
}
