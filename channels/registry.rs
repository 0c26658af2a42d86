//! The front door: settings in, channels out, and the only match over kinds.

use crate::govuk_notify::{self, GovukNotify, Medium};
use crate::network::Network;
use crate::{
    discord, file, kannel, mastodon, slack, sms_http, smtp, teams, telegram, twilio, vonage,
    webhook,
};
use oyez_domain::channel::{Capabilities, ChannelName};
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
    /// Texts through GOV.UK Notify.
    GovukNotifySms(Box<govuk_notify::Settings>),
    /// Mails through GOV.UK Notify.
    GovukNotifyEmail(Box<govuk_notify::Settings>),
    /// Texts through Twilio.
    Twilio(Box<twilio::Settings>),
    /// Texts through Vonage.
    Vonage(Box<vonage::Settings>),
    /// Texts through a Kannel gateway.
    Kannel(Box<kannel::Settings>),
    /// Posts on Mastodon.
    Mastodon(Box<mastodon::Settings>),
    /// Messages to a room on Slack.
    Slack(Box<slack::Settings>),
    /// Messages to a room on Discord.
    Discord(Box<discord::Settings>),
    /// Messages to a room on Microsoft Teams.
    Teams(Box<teams::Settings>),
    /// Messages to a channel or group on Telegram.
    Telegram(Box<telegram::Settings>),
    /// Partners' webhooks.
    Webhook(webhook::Settings),
    /// Files in a folder.
    File(file::Settings),
}

/// Every kind there is, for `oyez channel kinds`.
pub const KINDS: &[Capabilities] = &[
    smtp::CAPABILITIES,
    sms_http::CAPABILITIES,
    govuk_notify::SMS,
    govuk_notify::EMAIL,
    twilio::CAPABILITIES,
    vonage::CAPABILITIES,
    kannel::CAPABILITIES,
    mastodon::CAPABILITIES,
    slack::CAPABILITIES,
    discord::CAPABILITIES,
    teams::CAPABILITIES,
    telegram::CAPABILITIES,
    webhook::CAPABILITIES,
    file::CAPABILITIES,
];

/// What adapters need from outside.
#[derive(Clone)]
pub struct Surroundings {
    /// What outbound calls go through.
    pub network: Network,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Via {
    /// The kind's name, e.g. `smtp`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Smtp(_) => smtp::CAPABILITIES.kind,
            Self::SmsHttp(_) => sms_http::CAPABILITIES.kind,
            Self::GovukNotifySms(_) => govuk_notify::SMS.kind,
            Self::GovukNotifyEmail(_) => govuk_notify::EMAIL.kind,
            Self::Twilio(_) => twilio::CAPABILITIES.kind,
            Self::Vonage(_) => vonage::CAPABILITIES.kind,
            Self::Kannel(_) => kannel::CAPABILITIES.kind,
            Self::Mastodon(_) => mastodon::CAPABILITIES.kind,
            Self::Slack(_) => slack::CAPABILITIES.kind,
            Self::Discord(_) => discord::CAPABILITIES.kind,
            Self::Teams(_) => teams::CAPABILITIES.kind,
            Self::Telegram(_) => telegram::CAPABILITIES.kind,
            Self::Webhook(_) => webhook::CAPABILITIES.kind,
            Self::File(_) => file::CAPABILITIES.kind,
        }
    }

    /// Every fault in the settings, without building anything. Fields are named below `via.KIND`.
    pub fn check(&self) -> Vec<Refusal> {
        match self {
            Self::Smtp(settings) => settings.check(),
            Self::SmsHttp(settings) => settings.check(),
            Self::GovukNotifySms(settings) | Self::GovukNotifyEmail(settings) => settings.check(),
            Self::Twilio(settings) => settings.check(),
            Self::Vonage(settings) => settings.check(),
            Self::Kannel(settings) => settings.check(),
            Self::Mastodon(settings) => settings.check(),
            Self::Slack(settings) => settings.check(),
            Self::Discord(settings) => settings.check(),
            Self::Teams(settings) => settings.check(),
            Self::Telegram(settings) => settings.check(),
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
        Via::GovukNotifySms(settings) => {
            Arc::new(GovukNotify::build(Medium::Sms, name, settings, around)?)
        }
        Via::GovukNotifyEmail(settings) => {
            Arc::new(GovukNotify::build(Medium::Email, name, settings, around)?)
        }
        Via::Twilio(settings) => Arc::new(twilio::Twilio::build(name, settings, around)?),
        Via::Vonage(settings) => Arc::new(vonage::Vonage::build(name, settings, around)?),
        Via::Kannel(settings) => Arc::new(kannel::Kannel::build(name, settings, around)?),
        Via::Mastodon(settings) => Arc::new(mastodon::Mastodon::build(name, settings, around)?),
        Via::Slack(settings) => Arc::new(slack::Slack::build(name, settings, around)?),
        Via::Discord(settings) => Arc::new(discord::Discord::build(name, settings, around)?),
        Via::Teams(settings) => Arc::new(teams::Teams::build(name, settings, around)?),
        Via::Telegram(settings) => Arc::new(telegram::Telegram::build(name, settings, around)?),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{name, surroundings};
    use serde_json::{Value, json};

    /// Complete settings of every kind, each with a secret where it can have one.
    fn examples() -> Vec<(&'static str, Value)> {
        vec![
            (
                "smtp",
                json!({"host": "mx.example.org", "from": "a@example.org", "username": "u", "password": "s3cret"}),
            ),
            (
                "sms_http",
                json!({
                    "url": "https://sms.example.net/v1", "auth": "bearer", "secret": "s3cret", "id_pointer": "/id",
                    "body": {"kind": "form", "template": "to={to}&text={text}"},
                    "callback": {"auth": "bearer", "secret": "s3cret", "ref_pointer": "/ref", "status_pointer": "/s",
                                 "map": {"ok": "delivered"}}
                }),
            ),
            (
                "govuk_notify_sms",
                json!({"api_key": notify_key(), "template_id": "9d751e0e-f929-4891-82a1-a3e1c3c18ee3"}),
            ),
            (
                "govuk_notify_email",
                json!({"api_key": notify_key(), "template_id": "9d751e0e-f929-4891-82a1-a3e1c3c18ee3"}),
            ),
            (
                "twilio",
                json!({"account_sid": format!("AC{}", "0".repeat(32)), "auth_token": "s3cret", "from": "Council"}),
            ),
            (
                "vonage",
                json!({"api_key": "k", "api_secret": "s3cret", "from": "Council"}),
            ),
            (
                "kannel",
                json!({"url": "https://sms.example.net/cgi-bin/sendsms", "username": "u", "password": "s3cret"}),
            ),
            (
                "mastodon",
                json!({"server": "https://m.example", "token": "s3cret"}),
            ),
            (
                "slack",
                json!({"url": "https://hooks.slack.com/services/T0/B0/s3cret"}),
            ),
            (
                "discord",
                json!({"url": "https://discord.com/api/webhooks/42/s3cret"}),
            ),
            (
                "teams",
                json!({"url": "https://e.environment.api.powerplatform.com/workflows/1/triggers/manual/paths/invoke?sig=s3cret"}),
            ),
            (
                "telegram",
                json!({"token": "110201543:s3cret", "chat": "@council"}),
            ),
            ("webhook", json!({})),
            ("file", json!({"folder": "/tmp"})),
        ]
    }

    fn notify_key() -> String {
        let uuid = "3d844edf-8d35-48ac-975b-e847b4f122b0";
        format!("s3cret-{uuid}-{uuid}")
    }

    fn read(kind: &str, settings: &Value) -> Via {
        serde_json::from_value(json!({ kind: settings })).unwrap()
    }

    fn codes(kind: &str, settings: &Value) -> Vec<String> {
        match build(&name(), &read(kind, settings), &surroundings()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults
                .into_iter()
                .map(|f| format!("{} {}", f.field, f.code))
                .collect(),
        }
    }

    #[test]
    fn every_kind_is_listed_built_and_named() {
        let listed: Vec<_> = KINDS.iter().map(|kind| kind.kind).collect();
        let examples = examples();
        assert_eq!(
            listed,
            examples.iter().map(|(kind, _)| *kind).collect::<Vec<_>>()
        );
        for (kind, settings) in examples {
            let via = read(kind, &settings);
            assert_eq!(via.kind(), kind);
            assert_eq!(
                build(&name(), &via, &surroundings())
                    .unwrap()
                    .capabilities()
                    .kind,
                kind
            );
        }
    }

    #[test]
    fn what_a_kind_needs_cannot_be_left_out() {
        for ((kind, settings), listed) in examples().into_iter().zip(KINDS) {
            for need in listed.needs {
                let mut without = settings.clone();
                without.as_object_mut().unwrap().remove(*need);
                let via: Result<Via, _> = serde_json::from_value(json!({ kind: without }));
                let refused = via.map_or(true, |via| !via.check().is_empty());
                assert!(refused, "{kind} without {need}");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        for (kind, mut settings) in examples() {
            settings["tiemout"] = 1.into();
            let via: Result<Via, _> = serde_json::from_value(json!({ kind: settings }));
            assert!(via.unwrap_err().to_string().contains("tiemout"), "{kind}");
        }
    }

    #[test]
    fn settings_never_print_their_secrets() {
        for (kind, settings) in examples() {
            assert!(
                !format!("{:?}", read(kind, &settings)).contains("s3cret"),
                "{kind}"
            );
        }
    }

    #[test]
    fn every_fault_is_reported_at_once_with_its_place() {
        let faults = codes(
            "smtp",
            &json!({
                "host": "bad host", "from": "nobody", "tls": "none", "connections": 0, "username": "u", "hello": "a b"
            }),
        );
        let at = |field: &str, code: &str| format!("channels.test_channel.via.smtp.{field} {code}");
        for fault in [
            at("host", "malformed_host"),
            at("from", "malformed_email"),
            at("tls", "clear_text"),
            at("connections", "out_of_range"),
            at("password", "missing"),
            at("hello", "malformed_host"),
        ] {
            assert!(faults.contains(&fault), "{fault}: {faults:?}");
        }
    }

    #[test]
    fn clear_text_mail_stays_on_this_machine() {
        let with = |host: &str| {
            codes(
                "smtp",
                &json!({"host": host, "from": "a@example.org", "tls": "none"}),
            )
        };
        for host in ["localhost", "127.0.0.1", "127.3.2.1", "::1", "[::1]"] {
            assert_eq!(with(host), [""; 0], "{host}");
        }
        for host in [
            "mx.example.org",
            "10.0.0.1",
            "localhost.example.org",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(
                with(host),
                ["channels.test_channel.via.smtp.tls clear_text"],
                "{host}"
            );
        }
    }

    #[test]
    fn a_gateway_whose_success_is_a_bare_status_is_refused() {
        let settings = json!({"url": "https://sms.example.net/v1", "body": {"kind": "form", "template": "to={to}&text={text}"}});
        assert_eq!(
            codes("sms_http", &settings),
            ["channels.test_channel.via.sms_http.success too_weak"]
        );
    }

    #[test]
    fn a_gateway_without_receipts_says_so() {
        let of = |settings: Value| {
            let via = read("sms_http", &settings);
            let channel = build(&name(), &via, &surroundings()).unwrap();
            (
                channel.capabilities().receipts,
                channel.capabilities().idempotency.code(),
            )
        };
        let (_, mut settings) = examples().swap_remove(1);
        assert_eq!(of(settings.clone()), (true, "receipt"));
        settings.as_object_mut().unwrap().remove("callback");
        assert_eq!(of(settings), (false, "nothing"));
    }
}
