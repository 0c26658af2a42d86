//! Mail to a relay made of aiosmtpd that asks for STARTTLS and a password.

use super::{Judge, down, letter, refused, rendered, until};
use crate::adapters::{changed, channel, parcel};
use crate::mime::Mail;
use data_encoding::BASE64;
use oyez_domain::address::Address;
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::{Channel, Refusal};
use serde_json::{Value, json};
use std::sync::Arc;

/// Certificate for this address, both ways to sign in.
const USUAL: [&str; 4] = ["127.0.0.1", "starttls", "plain", "login"];

struct Relay {
    judge: Judge,
    port: u64,
    authority: String,
}

impl Relay {
    async fn start(arguments: &[&str]) -> Self {
        let judge = Judge::script("judge_aiosmtpd.py", arguments);
        let ready = judge.report("port").await;
        Self {
            judge,
            port: ready["port"].as_u64().unwrap(),
            authority: ready["authority"].as_str().unwrap().to_owned(),
        }
    }

    /// Our adapter with this relay, some settings replaced; `null` leaves one out.
    fn channel(&self, changes: Value) -> Arc<dyn Channel> {
        let settings = json!({
            "host": "127.0.0.1", "port": self.port, "ca_file": self.authority,
            "username": "council", "password": "correct horse",
            "from": "Westminster City Council <updates@status.example.gov.uk>"
        });
        channel("smtp", changed(settings, changes))
    }

    /// The mails it took.
    fn mails(&self) -> Vec<Value> {
        let mut reports = self.judge.reports();
        reports.retain(|report| report.get("mail").is_some());
        reports
    }

    /// How often it heard a command.
    fn times(&self, command: &str) -> usize {
        self.heard()
            .iter()
            .filter(|(said, _)| said == command)
            .count()
    }

    /// The commands it heard, each with whether the connection was secured.
    fn heard(&self) -> Vec<(String, bool)> {
        let reports = self.judge.reports();
        let commands = reports.iter().filter_map(|report| {
            let command = report.get("command")?.as_str()?.to_owned();
            Some((command, report["secured"].as_bool()?))
        });
        commands.collect()
    }

    /// The commands it heard, as soon as so many conversations are over.
    async fn heard_in(&self, conversations: usize) -> Vec<(String, bool)> {
        let over = || (self.judge.count("\"over\"") >= conversations).then(|| self.heard());
        until(&self.judge, "the end of the conversation", over).await
    }

    /// Asserts that we said nothing in the clear but our name, and never got as far as a password.
    async fn heard_only_our_name(&self) {
        assert_eq!(self.heard_in(1).await, [("EHLO".to_owned(), false)]);
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_mail_goes_secured_and_signed_in_by_either_mechanism() {
    for mechanism in ["plain", "login"] {
        let relay = Relay::start(&["127.0.0.1", "starttls", mechanism]).await;
        let channel = relay.channel(json!({}));
        let check = channel.check().await.unwrap();
        assert!(check.contains("secured by STARTTLS"), "{check}");
        let parcel = letter(&*channel, 1);
        let verdict = channel.send(&parcel).await;
        let reference = Some("JUDGE1".to_owned());
        assert_eq!(
            verdict.outcome,
            Outcome::Accepted { reference },
            "{verdict:?}"
        );

        let report = relay.judge.report("mail").await;
        assert_eq!(report["to"], json!(["resident1@mail.test"]));
        let raw = BASE64
            .decode(report["mail"].as_str().unwrap().as_bytes())
            .unwrap();
        let mail = Mail::read(&String::from_utf8(raw).unwrap());
        assert!(
            mail.header("message-id")
                .contains(parcel.reference.as_str())
        );
        assert!(
            mail.part("text/plain")
                .contains("Do not cancel your Direct Debit.")
        );
        drop(channel);
        for (command, secured) in relay.heard_in(2).await {
            assert!(secured || command == "EHLO", "{command} in the clear");
        }
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_wrong_password_stops_the_channel_and_no_mail_is_tried() {
    for mechanism in ["plain", "login"] {
        let relay = Relay::start(&["127.0.0.1", "starttls", mechanism]).await;
        let channel = relay.channel(json!({ "password": "wrong" }));
        let verdict = channel.send(&letter(&*channel, 1)).await;
        assert_eq!(verdict.outcome, refused(Reason::AuthFailed), "{verdict:?}");
        assert!(verdict.reply.starts_with("535"), "{}", verdict.reply);
        assert!(channel.check().await.is_err());
        let heard = relay.heard_in(2).await;
        assert!(heard.iter().all(|(command, _)| command != "MAIL"));
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_relay_that_asks_for_a_password_we_do_not_have_refuses_us() {
    let relay = Relay::start(&USUAL).await;
    let channel = relay.channel(json!({ "username": null, "password": null }));
    let verdict = channel.send(&letter(&*channel, 1)).await;
    assert_eq!(verdict.outcome, refused(Reason::AuthFailed), "{verdict:?}");
    assert!(verdict.reply.starts_with("530"), "{}", verdict.reply);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn an_untrusted_certificate_ends_the_conversation() {
    let relay = Relay::start(&USUAL).await;
    let channel = relay.channel(json!({ "ca_file": null }));
    let verdict = channel.send(&letter(&*channel, 1)).await;
    assert_eq!(verdict.outcome, down(Reason::Tls), "{verdict:?}");
    relay.heard_only_our_name().await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_certificate_for_another_host_ends_the_conversation() {
    let relay = Relay::start(&["relay.example.org", "starttls", "plain"]).await;
    let channel = relay.channel(json!({}));
    let verdict = channel.send(&letter(&*channel, 1)).await;
    assert_eq!(verdict.outcome, down(Reason::Tls), "{verdict:?}");
    relay.heard_only_our_name().await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_relay_without_starttls_gets_neither_password_nor_mail() {
    let relay = Relay::start(&["127.0.0.1", "plain", "login"]).await;
    let channel = relay.channel(json!({}));
    let verdict = channel.send(&letter(&*channel, 1)).await;
    assert_eq!(verdict.outcome, down(Reason::Tls), "{verdict:?}");
    relay.heard_only_our_name().await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn each_recipient_has_an_outcome_of_their_own_over_one_connection() {
    for grouped in [&[] as &[&str], &["pipelining"]] {
        each_has_an_outcome_of_their_own(grouped).await;
    }
}

async fn each_has_an_outcome_of_their_own(grouped: &[&str]) {
    let relay = Relay::start(&[&USUAL, grouped].concat()).await;
    let channel = relay.channel(json!({ "connections": 1 }));
    let check = channel.check().await.unwrap();
    assert_eq!(check.contains("in groups"), !grouped.is_empty(), "{check}");
    let rendered = rendered(&*channel, json!({}));
    let rejected = |reason, suppress| Outcome::Rejected { reason, suppress };
    let deferred = |reason| Outcome::Deferred { reason };
    let reference = || Some("JUDGE1".to_owned());
    for (number, (recipient, expected)) in (1..).zip([
        (
            "first@mail.test",
            Outcome::Accepted {
                reference: reference(),
            },
        ),
        ("gone@mail.test", rejected(Reason::AddressUnknown, true)),
        ("full@mail.test", deferred(Reason::InboxFull)),
        ("grey@mail.test", deferred(Reason::TryLater)),
        ("policy@mail.test", rejected(Reason::Blocked, false)),
        (
            "last@mail.test",
            Outcome::Accepted {
                reference: reference(),
            },
        ),
    ]) {
        let address = Address::email(recipient).unwrap();
        let verdict = channel.send(&parcel(&rendered, address, number)).await;
        assert_eq!(verdict.outcome, expected, "{recipient}: {}", verdict.reply);
        assert!(
            !verdict.reply.contains(recipient),
            "no address in what is recorded"
        );
    }
    drop(channel);
    // The check was a conversation, too.
    let heard = relay.heard_in(2).await;
    let times = |command: &str| heard.iter().filter(|(said, _)| said == command).count();
    assert_eq!((times("AUTH"), times("MAIL")), (2, 6), "{heard:?}");
    let to: Vec<_> = relay
        .mails()
        .iter()
        .map(|mail| mail["to"][0].clone())
        .collect();
    assert_eq!(to, ["first@mail.test", "last@mail.test"]);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_ca_file_that_is_no_certificate_is_a_fault_in_the_settings() {
    let relay = Relay::start(&USUAL).await;
    let key = relay.authority.replace("ca.pem", "ca.key");
    let settings =
        json!({ "smtp": { "host": "127.0.0.1", "ca_file": key, "from": "a@example.org" } });
    let via: oyez_channels::Via = serde_json::from_value(settings).unwrap();
    let fields: Vec<_> = via
        .check()
        .into_iter()
        .map(|Refusal { field, .. }| field)
        .collect();
    assert_eq!(fields, ["ca_file"]);
}

/// What our adapter says of so many mails, one after another over one connection at a time.
async fn outcomes(relay: &Relay, many: u32) -> Vec<Outcome> {
    let channel = relay.channel(json!({ "connections": 1 }));
    let mut outcomes = Vec::new();
    for number in 1..=many {
        outcomes.push(channel.send(&letter(&*channel, number)).await.outcome);
    }
    let reported = || (relay.mails().len() >= many as usize).then_some(());
    until(&relay.judge, "the mails", reported).await;
    outcomes
}

fn taken() -> Outcome {
    Outcome::Accepted {
        reference: Some("JUDGE1".to_owned()),
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_relay_that_leaves_in_the_middle_of_a_mail_is_down_and_has_taken_nothing() {
    for grouped in [
        &["leaves_in_data"] as &[&str],
        &["leaves_in_data", "pipelining"],
    ] {
        let relay = Relay::start(&[&USUAL, grouped].concat()).await;
        let channel = relay.channel(json!({}));
        let verdict = channel.send(&letter(&*channel, 1)).await;
        assert_eq!(verdict.outcome, down(Reason::ProviderDown), "{verdict:?}");
        assert!(verdict.reply.starts_with("421"), "{}", verdict.reply);
        relay.heard_in(1).await;
        assert_eq!((relay.times("DATA"), relay.mails().len()), (1, 0));
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_connection_that_takes_ten_recipients_and_no_more_is_renewed_and_nobody_waits() {
    for grouped in [
        &["ten_recipients"] as &[&str],
        &["ten_recipients", "pipelining"],
    ] {
        let relay = Relay::start(&[&USUAL, grouped].concat()).await;
        assert_eq!(outcomes(&relay, 25).await, vec![taken(); 25]);
        assert_eq!((relay.mails().len(), relay.times("AUTH")), (25, 3));
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_relay_that_hangs_up_after_each_mail_it_took_gets_each_mail_once() {
    for grouped in [
        &["leaves_after_each"] as &[&str],
        &["leaves_after_each", "pipelining"],
    ] {
        let relay = Relay::start(&[&USUAL, grouped].concat()).await;
        assert_eq!(outcomes(&relay, 5).await, vec![taken(); 5]);
        let mut to: Vec<_> = relay
            .mails()
            .iter()
            .map(|mail| mail["to"][0].to_string())
            .collect();
        to.dedup();
        assert_eq!(to.len(), 5, "{to:?}");
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_relay_that_takes_seven_bits_gets_no_eighth_and_every_letter() {
    let relay = Relay::start(&[&USUAL, &["seven_bits"] as &[&str]].concat()).await;
    let channel = relay.channel(json!({}));
    let welsh =
        json!({ "headline": "Tŷ’r Cyngor ar gau", "detail": "Mae’r ffonau’n ôl – ŵ, café, 🎉." });
    let parcel = parcel(&rendered(&*channel, welsh), super::resident(1), 1);
    let verdict = channel.send(&parcel).await;
    assert_eq!(verdict.outcome, taken(), "{verdict:?}");
    let heard = relay.judge.report("mail").await;
    let raw = BASE64
        .decode(heard["mail"].as_str().unwrap().as_bytes())
        .unwrap();
    assert!(raw.is_ascii());
    let mail = Mail::read(&String::from_utf8(raw).unwrap());
    assert!(
        mail.part("text/plain")
            .contains("Mae’r ffonau’n ôl – ŵ, café, 🎉.")
    );
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn no_bad_certificate_is_taken_although_its_authority_may_be_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/tls");
    for (name, good) in [
        ("good", true),
        ("expired", false),
        ("other_host", false),
        ("self_signed", false),
    ] {
        let relay = Relay::start(&[&format!("{folder}/{name}.pem"), "starttls", "plain"]).await;
        let channel = relay.channel(json!({}));
        let verdict = channel.send(&letter(&*channel, 1)).await;
        if good {
            assert_eq!(verdict.outcome, taken(), "{name}: {verdict:?}");
        } else {
            assert_eq!(verdict.outcome, down(Reason::Tls), "{name}: {verdict:?}");
            relay.heard_only_our_name().await;
        }
    }
}
