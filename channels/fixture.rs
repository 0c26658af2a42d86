//! An update, a clock and parcels for tests.

use crate::network::Network;
use crate::registry::{Surroundings, Via, build};
use ipnet::IpNet;
use oyez_domain::address::{Address, AddressKind};
use oyez_domain::channel::ChannelName;
use oyez_domain::id::{BroadcastId, Ordinal};
use oyez_domain::notice::Notice;
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::reference::ReferenceKey;
use oyez_domain::rendered::Rendered;
use oyez_domain::time::{Boot, Wall};
use oyez_domain::{BoxFuture, Channel, Clock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A clock that stands at 10:30 on 27 November 2025.
pub(crate) struct StoppedClock;

/// What the clock shows.
pub(crate) const NOW: Wall = Wall(1_764_239_400_000_000);

/// A secret that partners would share with us.
pub(crate) const PARTNER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

impl Clock for StoppedClock {
    fn now(&self) -> Boot {
        Boot(Duration::from_secs(1))
    }
    fn wall(&self) -> Wall {
        NOW
    }
    fn sleep_until(&self, _: Boot) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Loopback opened, time stopped.
pub(crate) fn surroundings() -> Surroundings {
    surroundings_with(&["127.0.0.0/8".parse().unwrap()])
}

/// Time stopped, and these networks opened.
pub(crate) fn surroundings_with(allowed: &[IpNet]) -> Surroundings {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    Surroundings {
        network: Network::new(allowed, BTreeMap::new(), Arc::clone(&clock)),
        clock,
    }
}

/// A channel from its settings as TOML would give them.
pub(crate) fn channel(kind: &str, settings: &Value) -> Arc<dyn Channel> {
    let via: Via = serde_json::from_value(json!({ kind: settings })).unwrap();
    build(&name(), &via, &surroundings()).unwrap()
}

/// The name of every channel in tests.
pub(crate) fn name() -> ChannelName {
    "test_channel".parse().unwrap()
}

/// The update as its author wrote it, every field filled.
pub(crate) fn notice() -> Notice {
    notice_with(&json!({}))
}

/// The update with some of its fields replaced.
pub(crate) fn notice_with(changes: &Value) -> Notice {
    let mut update = json!({
        "id": "upd_01kb1qz8t0e6q7n2r3s4t5v6w7", "reference": "7QX-4HM",
        "incident": "inc_01kb1mz8t0e6q7n2r3s4t5v6w7", "kind": "update", "phase": "investigating",
        "headline": "Phones & payments: what to do", "what_to_do": ["Call 020 7641 6000 if it is urgent.", ".keep dots"],
        "what_not_to_do": ["Do not cancel your Direct Debit."], "detail": "First <b>line</b>\n.second line\n\nŵŷ paragraph",
        "next_update_by": {"by": 1_764_259_200_000_000i64}, "state": "released",
        "created_at": 1_764_239_300_000_000i64, "released_at": 1_764_239_400_000_000i64
    });
    update
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    Notice {
        organisation: serde_json::from_value(json!({
            "name": "Westminster City Council", "contact_telephone": "020 7641 6000",
            "public_host": "status.example.gov.uk", "public_url": "https://status.example.gov.uk",
            "time_zone": "Europe/London"
        }))
        .unwrap(),
        incident: serde_json::from_value(json!({
            "id": "inc_01kb1mz8t0e6q7n2r3s4t5v6w7", "title": "Cyber security incident",
            "phase": "investigating", "opened_at": 1_763_974_800_000_000i64,
            "known": ["Known thing"], "not_known": ["Unknown thing"], "doing": ["Doing thing"],
            "assurances": ["Sure thing"], "affected": [{"name": "Kensington", "advice": "Ask your own council."}]
        }))
        .unwrap(),
        update: serde_json::from_value(update).unwrap(),
        services: serde_json::from_value(json!([
            {"id": "phones", "name": "Contact centre", "state": "limited", "note": "Waits are long.",
             "telephone": "020 7641 6000", "hours": {"mon": "09:00-17:00", "tue": "09:00-17:00", "wed": "09:00-16:00"}},
            {"id": "halls", "name": "Community halls", "state": "down"}
        ]))
        .unwrap(),
        language: "en".to_owned(),
    }
}

/// A parcel to an address, as the engine would hand it over.
pub(crate) fn parcel(rendered: Rendered, kind: AddressKind, address: &str) -> Parcel {
    numbered_parcel(Arc::new(rendered), kind, address, 1)
}

/// A parcel with its own place in the audience.
pub(crate) fn numbered_parcel(
    rendered: Arc<Rendered>,
    kind: AddressKind,
    address: &str,
    ordinal: u32,
) -> Parcel {
    let key = ReferenceKey::new(&[7; 32]);
    Parcel {
        reference: key.seal(BroadcastId(3), Ordinal(ordinal)),
        address: Address::stored(kind, address.to_owned()),
        destination: String::new(),
        secret: Secret::new(PARTNER_SECRET),
        rendered,
        stop_token: key.stop_token(i64::from(ordinal)),
        attempt: 1,
        first_armed_at: NOW,
        now: NOW,
    }
}
