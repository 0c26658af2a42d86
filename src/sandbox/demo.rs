//! The story that `oyez demo` shows, and the made-up residents it happens to.

use std::collections::BTreeMap;

use crate::scenario::{
    Action, ChannelScript, Number, ReceiptOutcome, ReceiptRule, Rule, Scenario, Secret, Since,
    Stage, When,
};

/// The names and secrets that sender and sandbox agree on for a demonstration.
#[derive(Clone, Debug)]
pub struct DemoScript {
    /// How many residents there are; the faults are spread so that a smaller town sees the same story.
    pub recipients: u64,
    /// Name of the email channel, as given in EHLO.
    pub email: String,
    /// Name of the SMS channel.
    pub sms: String,
    /// Name of the Mastodon channel.
    pub social: String,
    /// Name of the partner webhooks' channel.
    pub partners: String,
    /// Token the SMS gateway puts on its receipts.
    pub receipt_token: Secret,
    /// Token the Mastodon account asks for.
    pub social_token: Secret,
    /// Webhook secrets (`whsec_…`) by endpoint.
    pub endpoints: BTreeMap<String, Secret>,
}

/// The partner whose receiver is down at first.
const PARTNER_DOWN: &str = "hammersmith_and_fulham";

impl DemoScript {
    /// The mail address of a resident, numbered from 1.
    pub fn email_of(number: u64) -> String {
        format!("resident{number:04}@demo.invalid")
    }

    /// The mobile of a resident, numbered from 1; the first 999 are in the range reserved for fiction.
    pub fn mobile_of(number: u64) -> String {
        if number < 1_000 {
            format!("+447700900{number:03}")
        } else {
            format!("+4479{number:08}")
        }
    }

    /// The story: dead addresses, greylisting, a moment of 429, invalid numbers, phones that are off, a partner down.
    pub fn scenario(&self) -> Scenario {
        let channels = [
            (self.email.clone(), self.email_script()),
            (self.sms.clone(), self.sms_script()),
            (self.social.clone(), self.social_script()),
            (self.partners.clone(), self.partners_script()),
        ];
        Scenario {
            channels: channels.into(),
        }
    }

    fn email_script(&self) -> ChannelScript {
        let dead = Rule {
            when: self.one_in(250, 0, 0),
            stage: Some(Stage::Rcpt),
            action: Some(Action::Smtp {
                code: 550,
                text: "5.1.1 No such mailbox".to_owned(),
            }),
            ..Rule::default()
        };
        let greylisted = Rule {
            when: self.one_in(333, 7, 1),
            times_each: Some(1),
            stage: Some(Stage::Rcpt),
            action: Some(Action::Smtp {
                code: 451,
                text: "4.7.1 Greylisted, try again later".to_owned(),
            }),
            ..Rule::default()
        };
        ChannelScript {
            rules: vec![dead, greylisted],
            ..ChannelScript::default()
        }
    }

    fn sms_script(&self) -> ChannelScript {
        let invalid = Rule {
            when: self.one_in(200, 13, 2),
            action: Some(http(
                400,
                Some(crate::sms::error(
                    "invalid_number",
                    "The number is not in use",
                )),
                None,
            )),
            ..Rule::default()
        };
        let busy = Rule {
            when: When {
                since: Since::FirstRequest,
                from_ms: Some(4_000),
                to_ms: Some(4_300),
                ..When::default()
            },
            action: Some(http(429, None, Some("2"))),
            ..Rule::default()
        };
        let phone_off = ReceiptRule {
            number: self.one_in(97, 5, 3).number,
            outcome: ReceiptOutcome::Undelivered,
            error: Some("phone_off".to_owned()),
            delay_ms: 400,
            ..ReceiptRule::default()
        };
        let delivered = ReceiptRule {
            delay_ms: 250,
            reorder: 0.1,
            duplicate: 0.02,
            ..ReceiptRule::default()
        };
        ChannelScript {
            rules: vec![invalid, busy],
            receipts: vec![phone_off, delivered],
            receipt_token: Some(self.receipt_token.clone()),
            ..ChannelScript::default()
        }
    }

    fn social_script(&self) -> ChannelScript {
        ChannelScript {
            bearer_token: Some(self.social_token.clone()),
            ..ChannelScript::default()
        }
    }

    fn partners_script(&self) -> ChannelScript {
        let down = Rule {
            when: When {
                to: Some(PARTNER_DOWN.to_owned()),
                since: Since::FirstOfAddress,
                to_ms: Some(2_000),
                ..When::default()
            },
            action: Some(http(503, None, None)),
            ..Rule::default()
        };
        ChannelScript {
            rules: vec![down],
            endpoints: self.endpoints.clone(),
            ..ChannelScript::default()
        }
    }

    /// Every so many residents; in a town too small for that about three, or one in four, with a rest of their own.
    fn one_in(&self, every: u64, rest: u64, small_rest: u64) -> When {
        let most = (self.recipients / 3).max(4);
        let (every, rest) = if every <= most {
            (every, rest)
        } else {
            (most, small_rest)
        };
        When {
            number: Some(Number { every, rest }),
            ..When::default()
        }
    }
}

fn http(status: u16, body: Option<String>, retry_after: Option<&str>) -> Action {
    Action::Http {
        status,
        body,
        headers: BTreeMap::new(),
        retry_after: retry_after.map(str::to_owned),
        effect: false,
    }
}
