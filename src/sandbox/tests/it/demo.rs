//! The story of the demonstration, played by a simple sender and compared with what the script foretells.

use std::collections::BTreeMap;

use crate::support::{Mail, Stage, play};
use oyez_sandbox::{DemoScript, Ending, Secret, resident_number};

fn script(recipients: u64) -> DemoScript {
    DemoScript {
        recipients,
        email: "residents_email".to_owned(),
        sms: "residents_sms".to_owned(),
        social: "mastodon".to_owned(),
        partners: "neighbours".to_owned(),
        receipt_token: Secret::new("r"),
        social_token: Secret::new("s"),
        endpoints: BTreeMap::new(),
    }
}

fn emails(recipients: u64) -> Vec<String> {
    (1..=recipients).map(DemoScript::email_of).collect()
}

fn mobiles(recipients: u64) -> Vec<String> {
    (1..=recipients).map(DemoScript::mobile_of).collect()
}

#[test]
fn a_resident_is_known_by_the_number_in_every_address() {
    for number in [1, 13, 250, 999, 1_000, 12_345, 9_999_999] {
        assert_eq!(resident_number(&DemoScript::email_of(number)), Some(number));
        assert_eq!(
            resident_number(&DemoScript::mobile_of(number)),
            Some(number)
        );
    }
    assert_eq!(resident_number("kensington_and_chelsea"), None);
}

#[test]
fn a_thousand_residents_end_as_the_story_says() {
    let scenario = script(1_000).scenario();
    scenario.check().unwrap();
    let email = scenario.expected("residents_email", emails(1_000));
    assert_eq!(
        (email.asked, email.accepted, email.failed, email.delivered),
        (1_000, 996, 4, 0)
    );
    assert_eq!(email.endings[&DemoScript::email_of(250)], Ending::Rejected);
    assert_eq!(email.endings[&DemoScript::email_of(7)], Ending::Accepted);
    let sms = scenario.expected("residents_sms", mobiles(1_000));
    assert_eq!((sms.asked, sms.accepted, sms.failed), (1_000, 995, 5));
    assert_eq!(sms.delivered + sms.undelivered, sms.accepted);
    assert_eq!(sms.undelivered, 11);
    assert_eq!(sms.endings[&DemoScript::mobile_of(213)], Ending::Rejected);
    assert_eq!(
        sms.endings[&DemoScript::mobile_of(102)],
        Ending::Undelivered
    );
    let partners = scenario.expected(
        "neighbours",
        ["hammersmith_and_fulham", "kensington_and_chelsea"],
    );
    assert_eq!((partners.accepted, partners.failed), (2, 0));
}

#[test]
fn a_small_town_sees_the_same_story() {
    for recipients in [10, 40, 100] {
        let scenario = script(recipients).scenario();
        assert!(
            scenario
                .expected("residents_email", emails(recipients))
                .failed
                > 0,
            "{recipients}"
        );
        let sms = scenario.expected("residents_sms", mobiles(recipients));
        assert!(
            sms.failed > 0 && sms.undelivered > 0 && sms.delivered > 0,
            "{recipients}: {sms:?}"
        );
    }
}

#[tokio::test]
async fn a_sender_that_retries_ends_as_foretold_and_one_that_repeats_does_not() {
    let scenario = script(100).scenario();
    let email = scenario.expected("residents_email", emails(100));
    let stage = play(scenario).await;
    let mut greylisted = 0;
    let mut mail = Mail::greet(&stage, "residents_email").await;
    for to in emails(100) {
        if mail.send(&to, &to).await.starts_with("451 4.7.1") {
            greylisted += 1;
            mail.send(&to, &to).await;
        }
    }
    assert!(greylisted > 0);
    assert_eq!(
        email.disagreements("residents_email", &stage.records()),
        Vec::<String>::new()
    );
    mail.send(&DemoScript::email_of(1), "again").await;
    mail.send("stranger@demo.invalid", "astray").await;
    let disagreements = email.disagreements("residents_email", &stage.records());
    assert_eq!(disagreements.len(), 2, "{disagreements:?}");
}

async fn hook(stage: &Stage, endpoint: &str) -> u16 {
    let timestamp = jiff::Timestamp::UNIX_EPOCH.to_string();
    let headers = [
        ("webhook-id", "m"),
        ("webhook-timestamp", timestamp.as_str()),
    ];
    stage
        .post(&format!("/neighbours/hook/{endpoint}"), &headers, "{}")
        .await
        .unwrap()
        .status
}

#[tokio::test]
async fn one_borough_is_down_for_two_seconds_from_its_first_request() {
    let stage = play(script(1_000).scenario()).await;
    assert_eq!(hook(&stage, "kensington_and_chelsea").await, 401);
    let mut polls = tokio::time::interval(std::time::Duration::from_millis(20));
    while hook(&stage, "hammersmith_and_fulham").await == 503 {
        polls.tick().await;
    }
    let records = stage.records();
    let down: Vec<_> = records
        .iter()
        .filter(|record| record.to == "hammersmith_and_fulham")
        .collect();
    let lasted_us = down[down.len() - 1].t_us - down[0].t_us;
    // The log's time is a little later than the decision's.
    assert!(lasted_us > 1_900_000, "{lasted_us}");
}
