//! The office's channels: the usual settings of each kind, and what a test changes in them.

use super::clock::OfficeClock;
use oyez_channels::{Network, Surroundings, Via, build};
use oyez_dispatch::settings::{ChannelSettings, ConfiguredChannel};
use oyez_domain::Clock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the gateway's receipts carry.
pub(crate) const RECEIPT_TOKEN: &str = "made-up-receipt-token";
/// What events to partners are signed with.
pub(crate) const PARTNER_SECRET: &str = "whsec_bWFkZS11cC1zZWNyZXQtb2YtYS1ib3JvdWdo";

/// Where the providers and the office itself are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) smtp: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) office: SocketAddr,
    pub(crate) clock: OfficeClock,
}

/// Channels by name. The end of a name says its kind; its value is laid over the usual settings.
pub(crate) fn configured(channels: &Value, places: &Places) -> Vec<ConfiguredChannel> {
    let clock: Arc<dyn Clock> = Arc::new(places.clock.clone());
    let loopback = ["127.0.0.0/8".parse().unwrap()];
    let around = Surroundings {
        network: Network::new(&loopback, BTreeMap::new(), Arc::clone(&clock)),
        clock,
    };
    let one = |(name, changes): (&String, &Value)| {
        let mut settings = json!({
            "retry": { "max_attempts": 3, "base_milliseconds": 100, "cap_milliseconds": 400 },
            "via": usual(name, places),
        });
        lay_over(&mut settings, changes);
        let via = settings.as_object_mut().unwrap().remove("via").unwrap();
        let via: Via = serde_json::from_value(via).unwrap();
        let settings: ChannelSettings = serde_json::from_value(settings).unwrap();
        assert_eq!(settings.check(name), []);
        let name = name.parse().unwrap();
        let adapter = build(&name, &via, &around).unwrap();
        ConfiguredChannel {
            weight: None,
            name,
            settings,
            adapter,
        }
    };
    channels.as_object().unwrap().iter().map(one).collect()
}

fn usual(name: &str, places: &Places) -> Value {
    let http = places.http;
    match name.rsplit('_').next().unwrap() {
        "email" => json!({ "smtp": {
            "host": "127.0.0.1",
            "port": places.smtp.port(),
            "tls": "none",
            "from": "Westminster City Council <updates@status.example.gov.uk>",
            "hello": name,
        }}),
        "sms" => json!({ "sms_http": {
            "url": format!("http://{http}/{name}/sms/messages"),
            "id_pointer": "/id",
            "body": {
                "kind": "json",
                "template": r#"{"to":"{to}","text":"{text}","reference":"{ref}","callback_url":"{callback_url}"}"#,
            },
            "callback_url": format!("http://{}/callbacks/{name}", places.office),
            "callback": {
                "auth": "bearer",
                "secret": RECEIPT_TOKEN,
                "ref_pointer": "/reference",
                "id_pointer": "/id",
                "status_pointer": "/status",
                "reason_pointer": "/error",
                "map": { "delivered": "delivered", "failed": "undelivered" },
                "reasons": { "phone_off": "phone_off" },
            },
        }}),
        "mastodon" => json!({ "mastodon": {
            "server": format!("http://{http}/{name}/mastodon"),
            "token": "made-up",
        }}),
        "slack" => json!({ "slack": {
            "url": format!("http://{http}/{name}/slack/services/T0/B0/made-up"),
        }}),
        "discord" => json!({ "discord": {
            "url": format!("http://{http}/{name}/discord/api/webhooks/42/made-up"),
        }}),
        "teams" => json!({ "teams": {
            "url": format!("http://{http}/{name}/teams/workflows/1/invoke?sig=made-up"),
        }}),
        "telegram" => json!({ "telegram": {
            "server": format!("http://{http}/{name}/telegram"),
            "token": "110201543:made-up",
            "chat": "@council",
        }}),
        "partners" => json!({ "webhook": {} }),
        other => panic!("no kind of channel is known by the name {other}"),
    }
}

/// Replaces what stands in both, table by table; `null` leaves a key out.
fn lay_over(base: &mut Value, changes: &Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, change) in changes {
                lay_over(base.entry(key).or_insert(Value::Null), change);
            }
            base.retain(|_, value| !value.is_null());
        }
        (base, change) => *base = change.clone(),
    }
}
