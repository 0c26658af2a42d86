//! Every kind that speaks HTTP as the suite sees it: settings that lead to the stage, how success and a fault look.

use crate::fixture::{channel, notice, parcel};
use oyez_domain::Channel;
use oyez_domain::channel::IdempotencyClass;
use oyez_domain::outcome::Scope;
use oyez_domain::parcel::Parcel;
use serde_json::{Value, json};
use std::sync::Arc;

/// A secret that must not be seen anywhere.
pub(super) const TOKEN: &str = "very-secret-token";
/// The same as it stands at the end of a Notify key.
const KEY: &str =
    "council-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0";
/// Nothing of these may be seen in what is kept of an answer, in an error or in debug output.
pub(super) const SECRETS: [&str; 4] = [
    TOKEN,
    "3d844edf-8d35-48ac-975b-e847b4f122b0",
    "C2FVsBQIhrscChlQIMV",
    "447700900123",
];
const CALLBACK: &str = "https://status.example.gov.uk/callbacks/test_channel";

/// One kind under test.
pub(super) struct Provider {
    pub(super) kind: &'static str,
    /// Where the message goes; `{server}` stands for the stage.
    address: &'static str,
    /// Settings; `{server}` stands for the stage.
    settings: fn() -> Value,
    /// The answer that takes a message.
    pub(super) success: (u16, &'static str),
    /// What is kept of it.
    pub(super) identifier: Option<&'static str>,
    /// Another such answer with `{id}` where the provider's identifier stands, if it gives one.
    pub(super) names: Option<&'static str>,
    /// The API's own word for "temporarily out of order", which proves that it took nothing.
    pub(super) own_fault: &'static str,
    /// What its word is that it took a message.
    pub(super) proof: Proof,
}

/// What proves that a message was taken.
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// The body of the answer.
    Body,
    /// One status alone, that of the success.
    OwnStatus,
    /// Any status of success.
    AnyStatus,
}

/// The kinds that speak HTTP. A test fails when one of the registry is missing.
pub(super) const PROVIDERS: [Provider; 12] = [
    Provider {
        kind: "webhook",
        address: "{server}/hooks/one",
        settings: || json!({}),
        success: (204, ""),
        identifier: None,
        names: None,
        own_fault: r#"{"error":"temporary"}"#,
        // Standard Webhooks: any 2xx is success, whatever stands in it.
        proof: Proof::AnyStatus,
    },
    Provider {
        kind: "mastodon",
        address: "test_channel",
        settings: || json!({"server": "{server}", "token": TOKEN}),
        success: (200, r#"{"id":"42","url":"https://m.example/@wcc/42"}"#),
        identifier: Some("https://m.example/@wcc/42"),
        names: Some(r#"{"id":"42","url":"{id}"}"#),
        own_fault: r#"{"error":"There was a temporary problem serving your request"}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "slack",
        address: "test_channel",
        settings: || json!({"url": format!("{{server}}/services/T024BE7LH/B024BE7LI/{TOKEN}")}),
        success: (200, "ok"),
        identifier: None,
        names: None,
        own_fault: "rollup_error",
        proof: Proof::Body,
    },
    Provider {
        kind: "discord",
        address: "test_channel",
        settings: || json!({"url": format!("{{server}}/api/webhooks/223704706495545344/{TOKEN}")}),
        success: (200, r#"{"id":"334385199974967042","type":0,"content":"x"}"#),
        identifier: Some("334385199974967042"),
        names: Some(r#"{"id":"{id}","type":0}"#),
        own_fault: r#"{"code":0,"message":"503: Service Unavailable"}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "teams",
        address: "test_channel",
        settings: || json!({"url": format!("{{server}}/workflows/1/triggers/manual/paths/invoke?api-version=1&sig={TOKEN}")}),
        success: (202, ""),
        identifier: None,
        names: None,
        // It promises no form of error.
        own_fault: "",
        proof: Proof::OwnStatus,
    },
    Provider {
        kind: "telegram",
        address: "test_channel",
        settings: || json!({"server": "{server}", "token": format!("110201543:{TOKEN}"), "chat": "@council"}),
        success: (
            200,
            r#"{"ok":true,"result":{"message_id":42,"chat":{"id":-1001234567890},"date":1764239400}}"#,
        ),
        identifier: Some("-1001234567890/42"),
        // A number, which cannot be anything else.
        names: None,
        own_fault: r#"{"ok":false,"error_code":503,"description":"Service Unavailable"}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "sms_http",
        address: "+447700900123",
        settings: || {
            json!({
                "url": "{server}/sms/messages", "auth": "bearer", "secret": TOKEN, "id_pointer": "/id",
                "body": {"kind": "json", "template": r#"{"to":"{to}","text":"{text}","reference":"{ref}"}"#},
                "rules": [{"status": 400, "pointer": "/code", "matches": "^invalid_number$",
                           "outcome": "rejected", "reason": "number_invalid", "suppress": true}]
            })
        },
        success: (202, r#"{"id":"m-7","status":"queued"}"#),
        identifier: Some("m-7"),
        names: Some(r#"{"id":"{id}"}"#),
        own_fault: r#"{"code":"unavailable","message":"later"}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "govuk_notify_sms",
        address: "+447700900123",
        settings: notify,
        success: (
            201,
            r#"{"id":"740e5834-3a29-46b4-9a6f-16142fde533a","reference":"r","content":{"body":"b","from_number":"GOVUK"}}"#,
        ),
        identifier: Some("740e5834-3a29-46b4-9a6f-16142fde533a"),
        names: Some(r#"{"id":"{id}"}"#),
        own_fault: r#"{"status_code":503,"errors":[{"error":"Exception","message":"Internal server error"}]}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "govuk_notify_email",
        address: "resident@example.org",
        settings: notify,
        success: (
            201,
            r#"{"id":"740e5834-3a29-46b4-9a6f-16142fde533b","reference":"r","content":{"body":"b","subject":"s"}}"#,
        ),
        identifier: Some("740e5834-3a29-46b4-9a6f-16142fde533b"),
        names: Some(r#"{"id":"{id}"}"#),
        own_fault: r#"{"status_code":503,"errors":[{"error":"Exception","message":"Internal server error"}]}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "twilio",
        address: "+447700900123",
        settings: || {
            json!({
                "account_sid": "AC00000000000000000000000000000000", "auth_token": TOKEN, "from": "Council",
                "callback_url": CALLBACK, "server": "{server}"
            })
        },
        success: (
            201,
            r#"{"sid":"SM00000000000000000000000000000001","status":"queued"}"#,
        ),
        identifier: Some("SM00000000000000000000000000000001"),
        names: Some(r#"{"sid":"{id}","status":"queued"}"#),
        own_fault: r#"{"code":20503,"message":"Service Unavailable","status":503}"#,
        proof: Proof::Body,
    },
    Provider {
        kind: "vonage",
        address: "+447700900123",
        settings: || {
            json!({
                "api_key": "abcd1234", "api_secret": TOKEN, "from": "Council", "signature_secret": TOKEN,
                "callback_url": CALLBACK, "server": "{server}"
            })
        },
        success: (
            200,
            r#"{"message-count":"1","messages":[{"status":"0","message-id":"0A0000001234567B"}]}"#,
        ),
        identifier: Some("0A0000001234567B"),
        names: Some(r#"{"message-count":"1","messages":[{"status":"0","message-id":"{id}"}]}"#),
        // It says everything with 200; a 503 of any form is a proxy's.
        own_fault: "",
        proof: Proof::Body,
    },
    Provider {
        kind: "kannel",
        address: "+447700900123",
        settings: || json!({"url": "{server}/cgi-bin/sendsms", "username": "wcc", "password": TOKEN, "callback_url": CALLBACK}),
        success: (202, "0: Accepted for delivery"),
        identifier: None,
        names: None,
        own_fault: "Temporal failure, try again later.",
        proof: Proof::Body,
    },
];

fn notify() -> Value {
    json!({
        "api_key": KEY, "template_id": "9d751e0e-f929-4891-82a1-a3e1c3c18ee3", "callback_token": TOKEN,
        "server": "{server}"
    })
}

/// The provider of a kind.
pub(super) fn of(kind: &str) -> &'static Provider {
    let found = PROVIDERS.iter().find(|provider| provider.kind == kind);
    found.expect("it is in the list")
}

impl Provider {
    /// An adapter that talks to `base`, such as `http://127.0.0.1:1`, and a parcel for it.
    pub(super) fn adapter(&self, base: &str) -> (Arc<dyn Channel>, Parcel) {
        let settings = (self.settings)().to_string().replace("{server}", base);
        let mut settings: Value = serde_json::from_str(&settings).unwrap();
        settings["timeout_seconds"] = 2.into();
        let channel = channel(self.kind, &settings);
        let rendered = channel.render(&notice()).unwrap();
        let address = self.address.replace("{server}", base);
        let parcel = parcel(rendered, channel.capabilities().carries, &address);
        (channel, parcel)
    }

    /// Whether the provider knows a message by our key, so that a second copy cannot come of trying again.
    pub(super) fn is_keyed(channel: &dyn Channel) -> bool {
        match channel.capabilities().idempotency {
            IdempotencyClass::NativeKey => true,
            IdempotencyClass::LookUp | IdempotencyClass::Receipt | IdempotencyClass::Nothing => {
                false
            }
        }
    }

    /// Whom an outage or a refusal concerns: one partner, or the channel.
    pub(super) fn scope(&self) -> Scope {
        match self.kind {
            "webhook" => Scope::Destination,
            _ => Scope::Channel,
        }
    }
}
