//! The log as the judge of a sender.

use std::collections::BTreeSet;

use crate::support::{Mail, play};
use oyez_sandbox::Scenario;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_that_arrived_has_its_line_whole_and_in_order() {
    let stage = play(Scenario::default()).await;
    let addr = stage.sandbox.smtp_addr();
    let mut senders = JoinSet::new();
    for sender in 0..8 {
        senders.spawn(async move {
            let mut mail = Mail::open(addr).await;
            mail.reply().await;
            mail.ask("EHLO e").await;
            for number in 0..50 {
                let reply = mail
                    .send(&format!("r{number}@x"), &format!("k{sender}-{number}"))
                    .await;
                assert!(reply.starts_with("250 "), "{reply}");
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    let text = std::fs::read_to_string(stage.sandbox.log_path()).unwrap();
    assert!(text.ends_with('\n'));
    let fields = [
        "t_us",
        "wall",
        "channel",
        "to",
        "key",
        "reply",
        "effect",
        "provider_id",
        "bytes",
    ];
    for line in text.lines() {
        let record: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).unwrap();
        assert_eq!(
            record.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            fields.into()
        );
    }
    let records = stage.records();
    assert!(records.is_sorted_by_key(|record| record.t_us));
    let mut keys: Vec<_> = records
        .iter()
        .filter(|record| record.effect)
        .map(|record| record.key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 400);
}

#[tokio::test]
async fn two_sandboxes_in_one_process_know_nothing_of_each_other() {
    let (one, two) = (
        play(Scenario::default()).await,
        play(Scenario::default()).await,
    );
    Mail::greet(&one, "e").await.send("a@x", "k").await;
    assert_eq!((one.records().len(), two.records().len()), (1, 0));
    assert!(two.sandbox.counts().is_empty());
}

#[tokio::test]
async fn after_shutdown_nothing_listens_and_open_connections_are_cut() {
    let stage = play(Scenario::default()).await;
    let (smtp, http) = (stage.sandbox.smtp_addr(), stage.sandbox.http_addr());
    let mut open = Mail::greet(&stage, "e").await;
    stage.sandbox.shutdown().await;
    assert_eq!(open.reply().await, "");
    assert!(tokio::net::TcpStream::connect(smtp).await.is_err());
    assert!(tokio::net::TcpStream::connect(http).await.is_err());
}
