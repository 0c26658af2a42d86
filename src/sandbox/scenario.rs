//! What the played providers shall do wrong, to whom and when: read from JSON, checked whole before it is used.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The script of a sandbox. The default plays every provider as its documentation says, without faults;
/// `example.json` beside this file has every fault once.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// By channel: first path segment of the URL, or the name given in EHLO. `*` stands for every other channel.
    pub channels: BTreeMap<String, ChannelScript>,
}

/// What one channel does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelScript {
    /// Faults; at each point of a request the first rule that matches and has something to do wins.
    pub rules: Vec<Rule>,
    /// Receipts of an SMS gateway; the first that matches wins, and without one a message is delivered. Of a mail relay
    /// the mails that come back: only where a rule says so.
    pub receipts: Vec<ReceiptRule>,
    /// Where receipts go for a provider whose callback address is set on its own page (GOV.UK Notify), and where a mail
    /// relay hands in what comes back.
    pub receipt_url: Option<String>,
    /// What receipts are proved with: a bearer token, Twilio's token, Vonage's signature secret.
    pub receipt_token: Option<Secret>,
    /// Bearer token an SMS gateway or Mastodon asks for, or the secret that another provider signs us in with. Mastodon without one takes any token, but asks for some.
    pub bearer_token: Option<Secret>,
    /// Offers AUTH PLAIN and takes mail only after it.
    pub smtp_login: Option<Login>,
    /// Webhook secrets (`whsec_…`) or public keys (`whpk_…`) by endpoint; others are 404. With none at all, signatures are not checked.
    pub endpoints: BTreeMap<String, Secret>,
}

/// One fault and when it is played.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Which requests it is for; nothing set means all.
    pub when: When,
    /// How often it is played in all; no limit if absent.
    pub times: Option<u32>,
    /// How often it is played for one address (`1` is a greylist).
    pub times_each: Option<u32>,
    /// The point of an SMTP dialogue; `dot` if absent, except that a rate limit acts at `mail`. A rule with a stage is for SMTP only.
    pub stage: Option<Stage>,
    /// Waited between the effect and the reply, in milliseconds.
    pub latency_ms: u64,
    /// What to do beyond waiting.
    #[serde(rename = "do")]
    pub action: Option<Action>,
}

/// Conditions of a rule; all that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// The address, with `*` for any run of characters; letter case does not count.
    pub to: Option<String>,
    /// The number an address ends in, see [`crate::resident_number`].
    pub number: Option<Number>,
    /// The nth request of the channel, from 1; at `connect` the nth connection of the relay.
    pub nth: Option<u64>,
    /// Requests of the channel that are let pass before the rule begins to hold.
    pub after: Option<u64>,
    /// Every so many requests of the channel.
    pub every: Option<u64>,
    /// A share of the references, 0 to 1, chosen by their hash: the same reference is always in or always out.
    pub fraction: Option<f64>,
    /// Where `from_ms` and `to_ms` count from.
    pub since: Since,
    /// First millisecond of a window.
    pub from_ms: Option<u64>,
    /// First millisecond after a window.
    pub to_ms: Option<u64>,
}

/// Numbered residents: those whose number divided by `every` leaves `rest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The divisor, at least 1.
    pub every: u64,
    /// The remainder.
    #[serde(default)]
    pub rest: u64,
}

/// The start of a time window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// When the sandbox started, or this scenario was set.
    #[default]
    Start,
    /// The first request on this channel.
    FirstRequest,
    /// The first request for this address.
    FirstOfAddress,
}

/// A point in the SMTP dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Instead of the banner. The client has no name yet, so such rules of all channels apply to every client.
    Connect,
    /// The answer to MAIL.
    Mail,
    /// The answer to RCPT.
    Rcpt,
    /// The answer to DATA.
    Data,
    /// The answer to the final dot; `to` is then the first recipient.
    Dot,
}

/// What a provider does instead of, or on top of, its usual answer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// An SMTP reply; 421 closes the connection. A line feed in the text makes the reply multi-line.
    Smtp {
        /// Reply code, 400 to 599.
        code: u16,
        /// Text, beginning with the enhanced code if there is one: `5.1.1 No such mailbox`.
        text: String,
    },
    /// An HTTP answer in place of the usual one.
    Http {
        /// Status, 200 to 599.
        status: u16,
        /// Body as it stands; the API's own form of error if absent.
        #[serde(default)]
        body: Option<String>,
        /// More headers, for instance `location` or `content-type`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Value of `Retry-After`: seconds, a date, or rubbish on purpose.
        #[serde(default)]
        retry_after: Option<String>,
        /// Whether the message is taken all the same.
        #[serde(default)]
        effect: bool,
    },
    /// Cuts the connection; the message was not taken.
    DropBeforeEffect,
    /// Takes the message, then cuts the connection without a reply.
    DropAfterEffect,
    /// Takes the message and sends the reply byte by byte.
    SlowDrip {
        /// Milliseconds between two bytes.
        ms_per_byte: u64,
    },
    /// Beyond this many requests in any one second: 429 with `Retry-After`, or 451 at `mail`.
    RateLimit {
        /// Requests taken in any one second, at least 1.
        max_per_second: u32,
        /// Value of `Retry-After`; `1` if absent.
        #[serde(default)]
        retry_after: Option<String>,
    },
}

/// What an SMS gateway or a mail relay reports later about a message it took.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptRule {
    /// The address, as in [`When::to`].
    pub to: Option<String>,
    /// The resident's number, as in [`When::number`].
    pub number: Option<Number>,
    /// A share of the references, as in [`When::fraction`].
    pub fraction: Option<f64>,
    /// What is reported.
    pub outcome: ReceiptOutcome,
    /// The gateway's word for why it failed; `phone_off` if absent. Of a mail relay, the status and what it said:
    /// `5.1.1 No such user`.
    pub error: Option<String>,
    /// Milliseconds between the effect and the receipt. With a rule's latency a receipt can come before the reply.
    pub delay_ms: u64,
    /// Share of the receipts that are sent twice.
    pub duplicate: f64,
    /// Share of the receipts that are held back, so that later ones overtake them.
    pub reorder: f64,
    /// How long those are held back, in milliseconds; 500 if absent.
    pub reorder_ms: Option<u64>,
    /// Forgeries sent beside each receipt: by turns a wrong token for a real message, and a message that never was.
    pub forged: u32,
}

/// What a receipt says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptOutcome {
    /// Status `delivered`.
    #[default]
    Delivered,
    /// Status `failed`; a mail comes back.
    Undelivered,
    /// A mail is late, which its relay says.
    Delayed,
    /// The reader of a mail complains, and a report of abuse comes.
    Complained,
    /// No receipt ever comes.
    None,
}

/// Name and password of AUTH PLAIN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A password, token or signing secret; does not show itself in debug output.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a scenario is not used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not JSON, or not of a scenario's shape; the text names line and column.
    #[error("the scenario cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A value that makes no sense.
    #[error("the scenario is wrong at {at}: {problem}")]
    Wrong {
        /// Where, as a path: `channels.residents_sms.rules[2].when.fraction`.
        at: String,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// When it is not JSON, has an unknown field, or a value out of range.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_json::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }
}
