//! The real adapters, and the demonstration's update in hand to send with them.

use config::{Config, File, FileFormat};
use oyez_channels::{Network, Surroundings, Via, build};
use oyez_domain::address::Address;
use oyez_domain::id::{BroadcastId, IncidentId, Ordinal, UpdateId};
use oyez_domain::incident::{Incident, IncidentDraft};
use oyez_domain::notice::Notice;
use oyez_domain::organisation::Organisation;
use oyez_domain::parcel::{Parcel, Secret};
use oyez_domain::reference::ReferenceKey;
use oyez_domain::rendered::Rendered;
use oyez_domain::service::Service;
use oyez_domain::time::{Boot, Wall};
use oyez_domain::update::{Update, UpdateDraft};
use oyez_domain::{BoxFuture, Channel, Clock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the demonstration tells, as it stands in the repository.
const FACTS: &str = include_str!("../config/demo.json");
/// What every instance begins with, and what the demonstration adds.
const SETTINGS: [&str; 2] = [
    include_str!("../config/default.toml"),
    include_str!("../config/demo.toml"),
];

/// The machine's own clocks: judges compare our times with theirs.
pub(crate) struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Boot {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Boot(Duration::new(
            now.tv_sec.unsigned_abs(),
            u32::try_from(now.tv_nsec).unwrap(),
        ))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Wall {
        jiff::Timestamp::now().into()
    }

    fn sleep_until(&self, when: Boot) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(when.since(self.now())))
    }
}

/// A channel from its settings, which may call this machine.
pub(crate) fn channel(kind: &str, settings: Value) -> Arc<dyn Channel> {
    channel_by(Arc::new(RealClock), kind, settings)
}

/// The same by another clock.
pub(crate) fn channel_by(clock: Arc<dyn Clock>, kind: &str, settings: Value) -> Arc<dyn Channel> {
    let via = Value::from_iter([(kind, settings)]);
    let via: Via = serde_json::from_value(via).unwrap();
    let loopback = ["127.0.0.0/8".parse().unwrap()];
    let around = Surroundings {
        network: Network::new(&loopback, BTreeMap::new(), Arc::clone(&clock)),
        clock,
    };
    build(&"council_channel".parse().unwrap(), &via, &around).unwrap()
}

/// An object with some of its fields replaced; `null` leaves one out.
pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    if let (Value::Object(fields), Value::Object(changes)) = (&mut object, changes) {
        fields.extend(changes);
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// The demonstration's facts.
pub(crate) fn facts() -> Value {
    serde_json::from_str(FACTS).unwrap()
}

/// The demonstration's update as it would be released, some of what its author wrote replaced.
pub(crate) fn notice(changes: Value) -> Notice {
    let facts = facts();
    let now = RealClock.wall();
    let incident = incident(&facts, now);
    let services: Vec<Service> = serde_json::from_value(facts["services"].clone()).unwrap();
    Notice {
        organisation: organisation(),
        update: update(&facts, &incident, changes, now),
        incident,
        services,
        language: "en".to_owned(),
    }
}

/// The organisation of the demonstration.
pub(crate) fn organisation() -> Organisation {
    let settings = SETTINGS.map(|toml| File::from_str(toml, FileFormat::Toml));
    let settings = Config::builder().add_source(settings.to_vec());
    settings.build().unwrap().get("organisation").unwrap()
}

fn incident(facts: &Value, now: Wall) -> Incident {
    let draft: IncidentDraft = serde_json::from_value(facts["incident"].clone()).unwrap();
    draft.check(IncidentId::new(now, [1; 10]), now).unwrap()
}

fn update(facts: &Value, incident: &Incident, changes: Value, now: Wall) -> Update {
    let in_an_hour = now.plus(Duration::from_secs(3600)).rfc3339();
    let filled = json!({ "incident": incident.id, "next_update_by": in_an_hour });
    let draft = changed(changed(facts["update"].clone(), filled), changes);
    let draft: UpdateDraft = serde_json::from_value(draft).unwrap();
    let reference = "7QX-4HM".parse().unwrap();
    let id = UpdateId::new(now, [2; 10]);
    draft.check(id, reference, incident.phase, now).unwrap()
}

/// The parcel of one recipient.
pub(crate) fn parcel(rendered: &Arc<Rendered>, address: Address, ordinal: u32) -> Parcel {
    let key = ReferenceKey::new(&[7; 32]);
    Parcel {
        reference: key.seal(BroadcastId(3), Ordinal(ordinal)),
        address,
        destination: String::new(),
        secret: Secret::default(),
        rendered: Arc::clone(rendered),
        stop_token: key.stop_token(i64::from(ordinal)),
        attempt: 1,
        first_armed_at: RealClock.wall(),
        now: RealClock.wall(),
    }
}
