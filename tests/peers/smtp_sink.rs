//! Mail as Postfix's `smtp-sink` receives it, and the faults it can play.

use super::{Judge, down, letter, rendered, resident, serving, until};
use crate::adapters::{RealClock, changed, channel, parcel};
use crate::mime::Mail;
use futures_util::future::join_all;
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::time::Wall;
use oyez_domain::{Channel, Clock};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// An `smtp-sink` that writes each mail into a file and says every command it hears.
struct Sink {
    judge: Judge,
    port: u16,
    folder: TempDir,
}

impl Sink {
    async fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let template = format!("{}/mail.", folder.path().display());
        let (judge, port) = serving(|port| {
            let address = format!("127.0.0.1:{port}");
            let usual = ["-4", "-a", "-v", "-d", template.as_str()];
            let arguments = [&usual, options, &[address.as_str(), "128"]].concat();
            Judge::start("OYEZ_TEST_SMTP_SINK", &arguments)
        })
        .await;
        Self {
            judge,
            port,
            folder,
        }
    }

    /// Our adapter with this relay, some settings replaced.
    fn channel(&self, changes: Value) -> Arc<dyn Channel> {
        let settings = json!({
            "host": "127.0.0.1", "port": self.port, "tls": "none", "hello": "oyez.example.gov.uk",
            "from": "Westminster City Council <updates@status.example.gov.uk>",
            "bounce_domain": "bounces.example.gov.uk"
        });
        channel("smtp", changed(settings, changes))
    }

    /// The mails it has, as soon as there are so many.
    async fn mails(&self, count: usize) -> Vec<Mail> {
        until(&self.judge, "the mails", || {
            let files = std::fs::read_dir(self.folder.path()).unwrap();
            let raw = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
            let whole: Vec<_> = raw.filter(|raw| raw.contains("--\n")).collect();
            let mails = whole.iter().map(|raw| Mail::read(raw)).collect();
            (whole.len() == count).then_some(mails)
        })
        .await
    }

    /// Waits until it has heard a command so often.
    async fn heard(&self, command: &str, times: usize) {
        let line = format!("smtp-sink: {command}");
        let enough = || (self.judge.count(&line) >= times).then_some(());
        until(&self.judge, command, enough).await;
        assert_eq!(self.judge.count(&line), times, "{command}");
    }
}

/// What our adapter says of one mail to a relay with this fault.
async fn outcome_with(options: &[&str]) -> Outcome {
    let sink = Sink::start(options).await;
    let channel = sink.channel(json!({}));
    channel.send(&letter(&*channel, 1)).await.outcome
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn the_whole_mail_arrives_in_groups_of_commands_and_one_by_one() {
    let detail =
        "Lines with dots:\n.\n.second\n..third\n\nTŷ and café, <b>as written</b> & no more.";
    for (options, manner) in [(&[] as &[&str], "in groups"), (&["-p"], "one by one")] {
        let sink = Sink::start(options).await;
        let channel = sink.channel(json!({}));
        let check = channel.check().await.unwrap();
        assert!(check.contains(manner), "{check}");

        let rendered = rendered(&*channel, json!({ "detail": detail }));
        let parcel = parcel(&rendered, resident(1), 1);
        let verdict = channel.send(&parcel).await;
        assert_eq!(verdict.outcome.code().code(), "accepted", "{verdict:?}");

        let mail = &sink.mails(1).await[0];
        let (reference, token) = (&parcel.reference, &parcel.stop_token);
        for (header, expected) in [
            ("x-helo-args", "oyez.example.gov.uk".to_owned()),
            // The server offers DSN (RFC 3461), so what comes back will name the delivery and not carry the mail.
            (
                "x-mail-args",
                format!("<b+{reference}@bounces.example.gov.uk> RET=HDRS ENVID={reference}"),
            ),
            ("x-rcpt-args", "<resident1@mail.test>".to_owned()),
            ("message-id", format!("<{reference}@status.example.gov.uk>")),
            ("to", "resident1@mail.test".to_owned()),
            (
                "list-unsubscribe",
                format!("<https://status.example.gov.uk/x/{token}>"),
            ),
            (
                "list-unsubscribe-post",
                "List-Unsubscribe=One-Click".to_owned(),
            ),
            ("mime-version", "1.0".to_owned()),
        ] {
            assert_eq!(mail.header(header), expected, "{header}");
        }
        assert!(
            mail.header("from")
                .contains("<updates@status.example.gov.uk>")
        );
        assert!(is_recent(mail.header("date")), "{}", mail.header("date"));

        let text = mail.part("text/plain");
        assert_eq!(
            text.trim_end(),
            rendered.preview.replace('…', token).trim_end()
        );
        assert!(text.contains("\n.\n.second\n..third\n\nTŷ and café, <b>as written</b> &"));
        let html = mail.part("text/html");
        assert!(
            html.contains("<br>\n.<br>\n.second<br>\n..third</p>"),
            "{html}"
        );
        assert!(html.contains("Tŷ and café, &lt;b&gt;as written&lt;/b&gt; &amp; no more."));
        assert!(html.contains(&format!("https://status.example.gov.uk/x/{token}")));
    }
}

fn is_recent(date: &str) -> bool {
    let sent = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    RealClock.wall().since(Wall::from(sent)) < Duration::from_secs(120)
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn many_mails_go_over_few_connections_and_each_arrives_once() {
    let sink = Sink::start(&[]).await;
    let channel = sink.channel(json!({ "connections": 4, "messages_per_connection": 1000 }));
    let rendered = rendered(&*channel, json!({}));
    let parcels: Vec<_> = (1..=200)
        .map(|number| parcel(&rendered, resident(number), number))
        .collect();
    let verdicts = join_all(parcels.iter().map(|parcel| channel.send(parcel))).await;
    for verdict in &verdicts {
        assert_eq!(verdict.outcome.code().code(), "accepted", "{verdict:?}");
    }
    let mails = sink.mails(200).await;
    let named = |header: &str| -> HashSet<String> {
        mails
            .iter()
            .map(|mail| mail.header(header).to_owned())
            .collect()
    };
    assert_eq!(named("x-rcpt-args").len(), 200);
    assert_eq!(named("message-id").len(), 200);
    for mail in &mails {
        let recipient = mail.header("x-rcpt-args");
        assert_eq!(recipient, format!("<{}>", mail.header("to")));
    }
    sink.heard(".", 200).await;
    sink.heard("EHLO", 4).await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_connection_is_renewed_after_the_configured_number_of_mails() {
    let sink = Sink::start(&[]).await;
    let channel = sink.channel(json!({ "connections": 1, "messages_per_connection": 10 }));
    for number in 1..=30 {
        let verdict = channel.send(&letter(&*channel, number)).await;
        assert_eq!(verdict.outcome.code().code(), "accepted", "{verdict:?}");
    }
    sink.heard("QUIT", 3).await;
    sink.heard("EHLO", 3).await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_mail_that_was_taken_without_an_answer_is_unknown_and_not_sent_again() {
    let sink = Sink::start(&["-q", "."]).await;
    let channel = sink.channel(json!({}));
    let parcel = letter(&*channel, 1);
    let verdict = channel.send(&parcel).await;
    let reason = Reason::Uncertain;
    assert_eq!(verdict.outcome, Outcome::Unknown { reason }, "{verdict:?}");
    let mails = sink.mails(1).await;
    assert!(
        mails[0]
            .header("message-id")
            .contains(parcel.reference.as_str())
    );
    sink.heard("DATA", 1).await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn an_answer_later_than_we_wait_is_unknown_and_one_in_time_is_taken() {
    let sink = Sink::start(&["-W", ".:2"]).await;
    let hasty = sink.channel(json!({ "dot_seconds": 1 }));
    let verdict = hasty.send(&letter(&*hasty, 1)).await;
    let reason = Reason::Timeout;
    assert_eq!(verdict.outcome, Outcome::Unknown { reason }, "{verdict:?}");
    let patient = sink.channel(json!({ "dot_seconds": 60 }));
    let verdict = patient.send(&letter(&*patient, 2)).await;
    assert_eq!(verdict.outcome.code().code(), "accepted", "{verdict:?}");
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_refused_recipient_costs_neither_the_connection_nor_the_next_one() {
    let sink = Sink::start(&["-r", "RCPT"]).await;
    let channel = sink.channel(json!({ "connections": 1 }));
    for number in 1..=3 {
        let verdict = channel.send(&letter(&*channel, number)).await;
        let reason = Reason::TryLater;
        assert_eq!(verdict.outcome, Outcome::Deferred { reason }, "{verdict:?}");
        assert!(verdict.reply.starts_with("450"), "{}", verdict.reply);
    }
    sink.heard("RCPT", 3).await;
    sink.heard("EHLO", 1).await;
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn only_a_dead_address_is_suppressed() {
    for (answer, reason, suppress) in [
        ("550 5.1.1 No such user", Reason::AddressUnknown, true),
        ("550 5.2.2 Mailbox full", Reason::InboxFull, false),
        ("554 5.7.1 Not from you", Reason::Blocked, false),
    ] {
        let outcome = outcome_with(&["-f", "RCPT", "-B", answer]).await;
        assert_eq!(outcome, Outcome::Rejected { reason, suppress }, "{answer}");
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_relay_that_hangs_up_is_down_at_every_stage_before_the_final_dot() {
    for stage in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        let outcome = outcome_with(&["-q", stage]).await;
        assert_eq!(outcome, down(Reason::Connect), "{stage}");
    }
    for stage in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        let outcome = outcome_with(&["-Q", stage]).await;
        assert_eq!(outcome, down(Reason::ProviderDown), "421 after {stage}");
    }
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_message_refused_whole_is_a_bad_message_and_a_greylisted_one_waits() {
    let outcome = outcome_with(&["-f", "."]).await;
    let reason = Reason::ContentRejected;
    assert_eq!(outcome, Outcome::BadMessage { reason });
    let outcome = outcome_with(&["-f", ".", "-B", "552 5.3.4 Message too big"]).await;
    let reason = Reason::TooLong;
    assert_eq!(outcome, Outcome::BadMessage { reason });
    let outcome = outcome_with(&["-r", ".", "-b", "451 4.7.1 Greylisted"]).await;
    let reason = Reason::TryLater;
    assert_eq!(outcome, Outcome::Deferred { reason });
}
