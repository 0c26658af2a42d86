//! The front door: settings in, channels out, and the only match over kinds.

use crate::{file, mastodon, sms_http, smtp, webhook};
use ipnet::IpNet;
use oyez_domain::channel::{Capabilities, ChannelName};
use oyez_domain::rendered::Fit;
use oyez_domain::{Channel, Clock, Refusal};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The adapter of one channel and its settings: the one key under `[channels.NAME.via]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Mail through a relay.
    Smtp(Box<smtp::Settings>),
    /// Texts through any gateway that speaks HTTP.
    SmsHttp(Box<sms_http::Settings>),
    /// Posts on Mastodon.
    Mastodon(Box<mastodon::Settings>),
    /// Partners' webhooks.
    Webhook(webhook::Settings),
    /// Files in a folder.
    File(file::Settings),
}

/// Every kind there is, for `oyez channel kinds`.
pub const KINDS: &[Capabilities] = &[
    smtp::CAPABILITIES,
    sms_http::CAPABILITIES,
    mastodon::CAPABILITIES,
    webhook::CAPABILITIES,
    file::CAPABILITIES,
];

/// What adapters need from outside.
#[derive(Clone)]
pub struct Surroundings {
    /// Networks that may be called beside the public internet.
    pub allow_networks: Vec<IpNet>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Via {
    /// The kind's name, e.g. `smtp`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Smtp(_) => smtp::CAPABILITIES.kind,
            Self::SmsHttp(_) => sms_http::CAPABILITIES.kind,
            Self::Mastodon(_) => mastodon::CAPABILITIES.kind,
            Self::Webhook(_) => webhook::CAPABILITIES.kind,
            Self::File(_) => file::CAPABILITIES.kind,
        }
    }

    /// Every fault in the settings, without building anything. Fields are named below `via.KIND`.
    pub fn check(&self) -> Vec<Refusal> {
        match self {
            Self::Smtp(settings) => settings.check(),
            Self::SmsHttp(settings) => settings.check(),
            Self::Mastodon(settings) => settings.check(),
            Self::Webhook(settings) => settings.check(),
            Self::File(settings) => settings.check(),
        }
    }
}

/// The channel `name`.
///
/// # Errors
/// Every fault in its settings, fields named `channels.NAME.via.KIND.FIELD`.
pub fn build(
    name: &ChannelName,
    via: &Via,
    around: &Surroundings,
) -> Result<Arc<dyn Channel>, Vec<Refusal>> {
    let faults = via.check();
    let built = if faults.is_empty() {
        adapter(name, via, around)
    } else {
        Err(faults)
    };
    built.map_err(|faults| {
        let place = format!("channels.{name}.via.{}", via.kind());
        let locate = |fault: Refusal| Refusal {
            field: format!("{place}.{}", fault.field),
            ..fault
        };
        faults.into_iter().map(locate).collect()
    })
}

fn adapter(
    name: &ChannelName,
    via: &Via,
    around: &Surroundings,
) -> Result<Arc<dyn Channel>, Vec<Refusal>> {
    Ok(match via {
        Via::Smtp(settings) => Arc::new(smtp::Smtp::build(name, settings, around)?),
        Via::SmsHttp(settings) => Arc::new(sms_http::SmsHttp::build(name, settings, around)?),
        Via::Mastodon(settings) => Arc::new(mastodon::Mastodon::build(name, settings, around)?),
        Via::Webhook(settings) => Arc::new(webhook::Webhook::build(settings, around)?),
        Via::File(settings) => Arc::new(file::Folder::build(name, settings)),
    })
}

/// A fault when a number is out of range.
pub(crate) fn between(field: &str, value: u64, range: RangeInclusive<u64>) -> Vec<Refusal> {
    if range.contains(&value) {
        return Vec::new();
    }
    let (least, most) = (range.start(), range.end());
    let why = format!("{value} is not between {least} and {most}");
    vec![Refusal::new(field, "out_of_range", why)]
}

/// Refuses what is longer than its limit, saying by how much.
pub(crate) fn within_limit(fit: &Fit, what: &str) -> Result<(), Refusal> {
    match fit.limit {
        Some(limit) if fit.length > limit => {
            let unit = match fit.unit.as_str() {
                "grapheme" => "characters",
                "part" => "parts",
                _ => "bytes",
            };
            let over = fit.length - limit;
            let why = format!(
                "{what} has {} {unit}, {over} more than the {limit} allowed",
                fit.length
            );
            Err(Refusal::new("update", "too_long", why))
        }
        Some(_) | None => Ok(()),
    }
}
