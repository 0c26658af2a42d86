//! The further kinds of channel that `--every-kind` shows, each with a provider of its own played locally.

use oyez_dispatch::progress::BroadcastProgress;
use oyez_sandbox::{ChannelScript, DemoScript, Expected, ReceiptOutcome, ReceiptRule, Scenario};
use std::fmt::{self, Write as _};
use std::net::SocketAddr;

/// A channel of a further kind.
struct Further {
    channel: &'static str,
    /// Its own settings, with `{at}` for where its provider is.
    via: &'static str,
    to: To,
}

/// Whom a channel reaches.
enum To {
    /// The numbered residents, each by the address as the provider writes it.
    Residents(fn(u64) -> String),
    /// The one room behind it.
    Room,
}

/// One of each kind that the demonstration's own channels leave out; the folder stands with the story.
const FURTHER: [Further; 9] = [
    Further {
        channel: "notify_email",
        via: r#"govuk_notify_email = { server = "{at}/notify", api_key = "demo-3d844edf-8d35-48ac-975b-e847b4f122b0-3d844edf-8d35-48ac-975b-e847b4f122b0", template_id = "f33517ff-2a88-4f6e-b855-c550268ce08a" }"#,
        to: To::Residents(DemoScript::email_of),
    },
    Further {
        channel: "notify_sms",
        via: r#"govuk_notify_sms = { server = "{at}/notify", api_key = "demo-3d844edf-8d35-48ac-975b-e847b4f122b0-3d844edf-8d35-48ac-975b-e847b4f122b0", template_id = "9d751e0e-f929-4891-82a1-a3e1c3c18ee3" }"#,
        to: To::Residents(DemoScript::mobile_of),
    },
    Further {
        channel: "twilio_sms",
        via: r#"twilio = { server = "{at}/twilio", account_sid = "AC00000000000000000000000000000000", auth_token = "made-up", from = "WCCouncil" }"#,
        to: To::Residents(DemoScript::mobile_of),
    },
    Further {
        channel: "vonage_sms",
        via: r#"vonage = { server = "{at}/vonage", api_key = "demo", api_secret = "made-up", from = "WCCouncil" }"#,
        to: To::Residents(digits),
    },
    Further {
        channel: "kannel_sms",
        via: r#"kannel = { url = "{at}/kannel/cgi-bin/sendsms", username = "demo", password = "made-up", from = "WCCouncil" }"#,
        to: To::Residents(DemoScript::mobile_of),
    },
    Further {
        channel: "staff_slack",
        via: r#"slack = { url = "{at}/slack/services/T0/B0/made-up" }"#,
        to: To::Room,
    },
    Further {
        channel: "staff_discord",
        via: r#"discord = { url = "{at}/discord/api/webhooks/1/made-up" }"#,
        to: To::Room,
    },
    Further {
        channel: "staff_teams",
        via: r#"teams = { url = "{at}/teams/workflows/1/invoke?sig=made-up" }"#,
        to: To::Room,
    },
    Further {
        channel: "staff_telegram",
        via: r#"telegram = { server = "{at}/telegram", token = "110201543:made-up-made-up-made-up-made-up-made", chat = "@council" }"#,
        to: To::Room,
    },
];

/// Vonage takes numbers without their plus sign.
fn digits(number: u64) -> String {
    let mobile = DemoScript::mobile_of(number);
    mobile.trim_start_matches('+').to_owned()
}

/// Their settings, with providers at `http`.
pub(super) fn toml(http: SocketAddr, rate: Option<f64>) -> Result<String, fmt::Error> {
    let mut toml = String::new();
    let rate = rate.unwrap_or(60.0);
    for Further { channel, via, .. } in FURTHER {
        writeln!(
            toml,
            "[channels.{channel}]\npace = {{ rate_per_second = {rate:?}, concurrency = 8 }}\nvia.{}",
            via.replace("{at}", &format!("http://{http}/{channel}"))
        )?;
    }
    Ok(toml)
}

/// Adds what their providers do: they take everything and report nothing.
pub(super) fn join(scenario: &mut Scenario) {
    let silent = || ChannelScript {
        receipts: vec![ReceiptRule {
            outcome: ReceiptOutcome::None,
            ..ReceiptRule::default()
        }],
        ..ChannelScript::default()
    };
    let scripts = FURTHER.map(|further| (further.channel.to_owned(), silent()));
    scenario.channels.extend(scripts);
}

/// Whether one of these channels reached everybody but those whose number another provider had refused for good by then: such a
/// number is left alone on every channel, and which come to it before that depends on the moment.
pub(super) fn left_some_alone(broadcast: &BroadcastProgress) -> bool {
    let counts = &broadcast.counts;
    let further = FURTHER
        .iter()
        .any(|further| further.channel == broadcast.channel.as_str());
    further && counts.suppressed > 0 && counts.accepted + counts.suppressed == counts.asked
}

/// How each recipient ends on one of these channels; nothing for any other channel.
pub(super) fn expected(scenario: &Scenario, channel: &str, residents: u32) -> Option<Expected> {
    let mut further = FURTHER.into_iter();
    let further = further.find(|further| further.channel == channel)?;
    Some(match further.to {
        To::Residents(address) => {
            scenario.expected(channel, (1..=u64::from(residents)).map(address))
        }
        To::Room => scenario.expected(channel, [channel]),
    })
}
