//! An SMTP dialogue without faults.

use crate::support::{Mail, play, play_json};
use oyez_sandbox::Scenario;

#[tokio::test]
async fn a_message_is_taken_and_logged_with_recipient_and_key() {
    let stage = play(Scenario::default()).await;
    let mut mail = Mail::greet(&stage, "residents_email").await;
    let reply = mail.send("resident0001@demo.invalid", "7QX-1").await;
    let id = reply.strip_prefix("250 2.0.0 Ok: queued as ").unwrap();
    let records = stage.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(
        (record.channel.as_str(), record.to.as_str()),
        ("residents_email", "resident0001@demo.invalid")
    );
    assert_eq!(
        (record.key.as_str(), record.reply.as_str(), record.effect),
        ("7QX-1", "250", true)
    );
    assert_eq!(record.provider_id.as_deref(), Some(id));
    assert_eq!(mail.ask("QUIT").await, "221 2.0.0 Bye");
    assert_eq!(mail.reply().await, "");
}

#[tokio::test]
async fn a_pipelined_batch_is_answered_in_order_over_one_connection() {
    let stage = play(Scenario::default()).await;
    let mut mail = Mail::greet(&stage, "e").await;
    let envelope = "MAIL FROM:<b@x>\r\nRCPT TO:<a@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n";
    let message = "Message-ID: <k@x>\r\n\r\nhi\r\n.\r\n";
    mail.write(&format!(
        "{envelope}{message}{envelope}{message}NOOP\r\nRSET\r\nQUIT\r\n"
    ))
    .await;
    for code in [
        "250", "250", "250", "354", "250", "250", "250", "250", "354", "250", "250", "250", "221",
    ] {
        let reply = mail.reply().await;
        assert!(reply.starts_with(code), "{code}: {reply}");
    }
    assert_eq!(stage.sandbox.counts()["e"].effects, 4);
}

#[tokio::test]
async fn dots_are_unstuffed_and_the_message_is_kept() {
    let stage = play(Scenario::default()).await;
    let mut mail = Mail::greet(&stage, "e").await;
    for command in ["MAIL FROM:<> SIZE=40", "RCPT TO:<a@x>", "DATA"] {
        mail.ask(command).await;
    }
    let reply = mail
        .ask("Message-ID: <k@x>\r\n\r\n..\r\n..two\r\nlast\r\n.")
        .await;
    assert!(reply.starts_with("250 "), "{reply}");
    let kept = stage.sandbox.latest("e").unwrap();
    assert_eq!(&kept[..], b"Message-ID: <k@x>\r\n\r\n.\r\n.two\r\nlast\r\n");
    assert_eq!(stage.records()[0].bytes, u64::try_from(kept.len()).unwrap());
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_the_dialogue_goes_on() {
    let stage = play(Scenario::default()).await;
    let mut mail = Mail::greet(&stage, "e").await;
    assert!(mail.ask("RCPT TO:<a@x>").await.starts_with("503 "));
    assert!(mail.ask("DATA").await.starts_with("503 "));
    assert!(mail.ask("MAIL FROM:oops").await.starts_with("501 "));
    assert!(
        mail.ask("MAIL FROM:<b@x> SIZE=999999999")
            .await
            .starts_with("552 5.3.4")
    );
    assert!(mail.ask("WIZ").await.starts_with("500 "));
    assert!(mail.send("a@x", "k").await.starts_with("250 "));
}

#[tokio::test]
async fn mail_is_taken_only_after_the_login_the_scenario_asks_for() {
    let stage =
        play_json(r#"{"channels":{"e":{"smtp_login":{"user":"crier","password":"bell"}}}}"#).await;
    let mut mail = Mail::greet(&stage, "e").await;
    assert!(mail.ask("EHLO e").await.contains("250-AUTH PLAIN"));
    assert!(mail.send("a@x", "k").await.starts_with("530 "));
    assert!(
        mail.ask("AUTH PLAIN AGNyaWVyAHdyb25n")
            .await
            .starts_with("535 ")
    );
    assert!(mail.send("a@x", "k").await.starts_with("530 "));
    assert_eq!(mail.ask("AUTH PLAIN").await, "334");
    assert!(mail.ask("AGNyaWVyAGJlbGw=").await.starts_with("235 "));
    assert!(mail.send("a@x", "k").await.starts_with("250 "));
    assert_eq!(stage.sandbox.counts()["e"].effects, 1);
}
