//! Posts to a partner who verifies them with the `standardwebhooks` package, and signatures of a pair of keys with PyNaCl.

use super::{Judge, rendered, until};
use crate::adapters::{channel, parcel};
use oyez_domain::Channel;
use oyez_domain::address::Address;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Secret;
use serde_json::{Value, json};
use std::sync::Arc;

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STRANGER: &str = "whsec_b3llei1kb2NzLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM=";

struct Partner {
    judge: Judge,
    url: String,
    channel: Arc<dyn Channel>,
}

impl Partner {
    async fn start() -> Self {
        Self::trusting([OLD, NEW, STRANGER]).await
    }

    /// A partner who trusts the first two of these.
    async fn trusting(keys: [&str; 3]) -> Self {
        let judge = Judge::script("judge_standardwebhooks.py", &keys);
        let port = judge.report("port").await["port"].as_u64().unwrap();
        Self {
            judge,
            url: format!("http://127.0.0.1:{port}/oyez"),
            channel: channel("webhook", json!({})),
        }
    }

    /// Posts the update signed with these secrets; what we say of it and what the partner says.
    async fn post(&self, secrets: &str, number: u32) -> (Verdict, Value) {
        let before = self.posts().len();
        let address = Address::endpoint(&self.url).unwrap();
        let rendered = rendered(&*self.channel, json!({}));
        let mut parcel = parcel(&rendered, address, number);
        parcel.destination = "borough".to_owned();
        parcel.secret = Secret::new(secrets);
        let verdict = self.channel.send(&parcel).await;
        let report = until(&self.judge, "the post", || {
            self.posts().into_iter().nth(before)
        })
        .await;
        assert_eq!(report["id"], parcel.reference.as_str());
        (verdict, report)
    }

    fn posts(&self) -> Vec<Value> {
        let mut reports = self.judge.reports();
        reports.retain(|report| report.get("post").is_some());
        reports
    }
}

fn accepted() -> Outcome {
    Outcome::Accepted { reference: None }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_post_verifies_and_nothing_changed_in_it_does() {
    let partner = Partner::start().await;
    let (verdict, report) = partner.post(OLD, 1).await;
    assert_eq!(verdict.outcome, accepted(), "{verdict:?}");
    assert_eq!(
        report["good"],
        json!({ "old": true, "new": false, "stranger": false })
    );
    assert_eq!(report["tampered"], true, "the judge did change the body");
    for (what, verifies) in report["changed"].as_object().unwrap() {
        assert_eq!(verifies, false, "another {what} still verifies");
    }
    assert_eq!(report["type"], "application/json");
    let event: Value = serde_json::from_str(report["body"].as_str().unwrap()).unwrap();
    assert_eq!(event["type"], "update.published");
    assert_eq!(event["data"]["reference"], "7QX-4HM");
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn the_id_stays_the_same_over_attempts() {
    let partner = Partner::start().await;
    let (_, first) = partner.post(OLD, 1).await;
    let (_, again) = partner.post(OLD, 1).await;
    let (_, other) = partner.post(OLD, 2).await;
    assert_eq!(first["id"], again["id"]);
    assert_ne!(first["id"], other["id"]);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn during_a_change_of_secrets_either_one_verifies() {
    let partner = Partner::start().await;
    for secrets in [format!("{NEW} {OLD}"), format!("{OLD} {NEW}")] {
        let (verdict, report) = partner.post(&secrets, 1).await;
        assert_eq!(verdict.outcome, accepted(), "{verdict:?}");
        assert_eq!(
            report["good"],
            json!({ "old": true, "new": true, "stranger": false })
        );
    }
    let (_, report) = partner.post(NEW, 2).await;
    assert_eq!(
        report["good"],
        json!({ "old": false, "new": true, "stranger": false })
    );
}

/// The pairs of the Svix libraries and of bytes 0 to 31, and their public halves.
const OLD_PAIR: [&str; 2] = [
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
    "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
];
const NEW_PAIR: [&str; 2] = [
    "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==",
    "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
];

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_pair_of_keys_verifies_with_its_public_half_alone_and_beside_an_old_one() {
    let partner = Partner::trusting([OLD_PAIR[1], NEW_PAIR[1], STRANGER]).await;
    let both = format!("{} {}", NEW_PAIR[0], OLD_PAIR[0]);
    for (secrets, old, new) in [
        (OLD_PAIR[0], true, false),
        (&both, true, true),
        (NEW_PAIR[0], false, true),
    ] {
        let (verdict, report) = partner.post(secrets, 1).await;
        assert_eq!(verdict.outcome, accepted(), "{verdict:?}");
        assert_eq!(
            report["good"],
            json!({ "old": old, "new": new, "stranger": false })
        );
        for (what, verifies) in report["changed"].as_object().unwrap() {
            assert_eq!(verifies, false, "another {what} still verifies");
        }
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_partner_who_does_not_know_the_secret_refuses_for_itself_only() {
    let partner = Partner::start().await;
    let (verdict, report) = partner.post(STRANGER, 1).await;
    assert_eq!(
        report["good"],
        json!({ "old": false, "new": false, "stranger": true })
    );
    let expected = Outcome::ChannelRefused {
        reason: Reason::AuthFailed,
        scope: Scope::Destination,
    };
    assert_eq!(verdict.outcome, expected, "{verdict:?}");
}
