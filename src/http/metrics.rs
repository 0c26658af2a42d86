//! `/metrics`: numbers for machines that watch this one.

use crate::problem::{Kind, Problem};
use crate::state::House;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use oyez_dispatch::breaker::BreakerState;
use oyez_dispatch::progress::CountsView;
use oyez_dispatch::queue::QueueRow;
use oyez_domain::outcome::Reason;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

type Labels = [(&'static str, String); 2];
type Counts = Family<Labels, Gauge>;
type Single = Family<[(&'static str, String); 1], Gauge>;
type Speeds = Family<[(&'static str, String); 1], Gauge<f64, AtomicU64>>;

/// Numbers in the text format of Prometheus. Labels are channels, states and codes: their number is bounded.
pub(crate) async fn show(State(house): State<House>) -> Result<Response, Problem> {
    let rows = house.desk.queue().await?;
    let holds = house.desk.ledger.holds().await?;
    let channels = Channels::default();
    for row in &rows {
        let held = holds
            .iter()
            .any(|(name, _)| name.as_ref().is_none_or(|name| *name == row.channel));
        channels.count(row, held);
    }
    let mut registry = Registry::with_prefix("oyez");
    channels.register(&mut registry);
    store(&mut registry, &house).await?;
    turned_away(&mut registry, &house);
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|_| Problem::new(Kind::Internal, "The numbers could not be written."))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

/// What is counted of each channel.
#[derive(Default)]
struct Channels {
    queued: Counts,
    unsettled: Counts,
    speeds: Speeds,
    limits: Speeds,
    paces: Speeds,
    breakers: Counts,
    paused: Counts,
    providers: Counts,
    shut: Single,
}

impl Channels {
    fn count(&self, row: &QueueRow, held: bool) {
        let channel = [("channel", row.channel.to_string())];
        count(&self.queued, row);
        outcomes(&self.unsettled, row);
        self.speeds
            .get_or_create(&channel)
            .set(row.per_second.unwrap_or(0.0));
        if let Some(limit) = row.limit_per_second {
            self.limits.get_or_create(&channel).set(limit);
        }
        if let Some(pace) = row.pace_per_second {
            self.paces.get_or_create(&channel).set(pace);
        }
        health(&self.breakers, &self.paused, row, held);
        for provider in &row.providers {
            let labels = [
                ("channel", row.channel.to_string()),
                ("provider", provider.kind.clone()),
            ];
            let in_use = i64::from(provider.in_use);
            self.providers.get_or_create(&labels).set(in_use);
        }
        self.shut
            .get_or_create(&channel)
            .set(gauge(row.shut_partners));
    }

    fn register(self, registry: &mut Registry) {
        registry.register(
            "queue_deliveries",
            "Deliveries that are not settled, by channel and state",
            self.queued,
        );
        registry.register(
            "broadcast_deliveries",
            "Deliveries of unfinished broadcasts, by channel and outcome",
            self.unsettled,
        );
        registry.register(
            "outcomes_per_second",
            "Outcomes a second at the moment",
            self.speeds,
        );
        registry.register(
            "limit_per_second",
            "The limit of a channel, where it has one",
            self.limits,
        );
        registry.register(
            "pace_per_second",
            "The pace in force: the limit of a channel, or less of it for a while after trouble",
            self.paces,
        );
        registry.register(
            "breaker_state",
            "1 for the state in which a channel's breaker is",
            self.breakers,
        );
        registry.register(
            "channel_paused",
            "1 while a channel sends nothing, by reason; 0 with the reason none while it may send",
            self.paused,
        );
        registry.register(
            "provider_in_use",
            "1 for each provider that a channel with several sends through at the moment",
            self.providers,
        );
        registry.register(
            "shut_partners",
            "Partners that get nothing at the moment",
            self.shut,
        );
    }
}

/// Room, log and troubles of the instance.
/// Requests for which there was no room.
fn turned_away(registry: &mut Registry, house: &House) {
    let requests = Single::default();
    for (lane, many) in house.lanes.turned_away() {
        let labels = [("lane", lane.to_owned())];
        requests.get_or_create(&labels).set(gauge(many));
    }
    registry.register(
        "http_turned_away",
        "Requests answered with 503 since the start because too many were there, by what they were short of",
        requests,
    );
}

async fn store(registry: &mut Registry, house: &House) -> Result<(), Problem> {
    let condition = house.desk.ledger.condition();
    let (wal, free) = (Gauge::<i64>::default(), Gauge::<i64>::default());
    wal.set(gauge(condition.log_bytes));
    registry.register(
        "store_wal_bytes",
        "Bytes of the store's write-ahead log that are in use",
        wal,
    );
    if let Some(bytes) = condition.free_bytes {
        free.set(gauge(bytes));
        registry.register(
            "store_free_bytes",
            "Bytes that may still be written on the file system of the data directory",
            free,
        );
    }
    let troubles = Single::default();
    for trouble in house.desk.troubles().await? {
        let labels = [("code", trouble.code.code().to_owned())];
        troubles.get_or_create(&labels).set(1);
    }
    registry.register(
        "trouble",
        "1 for each thing that stands in the way of the whole instance",
        troubles,
    );
    Ok(())
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(family: &Counts, row: &QueueRow) {
    let fresh = row
        .pending
        .saturating_sub(row.in_flight)
        .saturating_sub(row.waiting);
    for (state, many) in [
        ("pending", fresh),
        ("sending", row.in_flight),
        ("waiting", row.waiting),
    ] {
        let labels = [
            ("channel", row.channel.to_string()),
            ("state", state.to_owned()),
        ];
        family.get_or_create(&labels).set(gauge(many));
    }
}

/// The breaker's state, and why nothing is sent.
fn health(breakers: &Counts, paused: &Counts, row: &QueueRow, held: bool) {
    for state in BreakerState::ALL {
        let labels = [
            ("channel", row.channel.to_string()),
            ("state", state.code().to_owned()),
        ];
        let is_in = i64::from(row.breaker == state);
        breakers.get_or_create(&labels).set(is_in);
    }
    let reason = match &row.paused {
        _ if held => Some(Reason::Held),
        Some(waiting) => Some(waiting.reason),
        None => None,
    };
    let labels = [
        ("channel", row.channel.to_string()),
        ("reason", reason.map_or("none", Reason::code).to_owned()),
    ];
    let is_paused = i64::from(reason.is_some());
    paused.get_or_create(&labels).set(is_paused);
}

fn outcomes(family: &Counts, row: &QueueRow) {
    let sum =
        |of: fn(&CountsView) -> u64| row.broadcasts.iter().map(|b| of(&b.counts)).sum::<u64>();
    let outcomes = [
        ("accepted", sum(|c| c.accepted)),
        ("failed", sum(|c| c.failed)),
        ("unknown", sum(|c| c.unknown)),
        ("suppressed", sum(|c| c.suppressed)),
        ("stopped", sum(|c| c.stopped)),
        ("expired", sum(|c| c.expired)),
        ("superseded", sum(|c| c.superseded)),
    ];
    for (outcome, many) in outcomes {
        let labels = [
            ("channel", row.channel.to_string()),
            ("outcome", outcome.to_owned()),
        ];
        family.get_or_create(&labels).set(gauge(many));
    }
}
