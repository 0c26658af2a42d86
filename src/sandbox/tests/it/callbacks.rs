//! Receipts as a callback address sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{Stage, play_json};
use oyez_sandbox::Counts;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

struct Receipt {
    token: String,
    body: Value,
}

/// A callback address that takes receipts with the right token and refuses others.
struct Desk {
    url: String,
    receipts: mpsc::UnboundedReceiver<Receipt>,
    _tasks: JoinSet<()>,
}

impl Desk {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/callbacks/sms?t=1",
            listener.local_addr().unwrap()
        );
        let (sender, receipts) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, sender.clone()));
            }
        });
        Self {
            url,
            receipts,
            _tasks: tasks,
        }
    }

    async fn next(&mut self) -> Receipt {
        timeout(Duration::from_secs(10), self.receipts.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

async fn serve(stream: TcpStream, sender: mpsc::UnboundedSender<Receipt>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut headers = BTreeMap::new();
        let mut line = String::new();
        while stream.read_line(&mut line).await.unwrap_or(0) > 2 {
            if let Some((name, value)) = line.trim_end().split_once(": ") {
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            line.clear();
        }
        let Some(length) = headers.get("content-length") else {
            return;
        };
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let token = headers.get("authorization").cloned().unwrap_or_default();
        let status = if token == "Bearer secret" {
            "204 No Content"
        } else {
            "401 Unauthorized"
        };
        sender
            .send(Receipt {
                token,
                body: serde_json::from_slice(&body).unwrap(),
            })
            .unwrap();
        stream
            .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
            .await
            .unwrap();
    }
}

async fn stage_with(receipts: &str) -> Stage {
    play_json(&format!(
        r#"{{"channels":{{"sms":{{"receipt_token":"secret","receipts":[{receipts}]}}}}}}"#
    ))
    .await
}

async fn send(stage: &Stage, to: &str, reference: &str, callback: &str) -> String {
    let body = format!(
        r#"{{"to":"{to}","text":"x","reference":"{reference}","callback_url":"{callback}"}}"#
    );
    let reply = stage.post("/sms/sms/messages", &[], &body).await.unwrap();
    assert_eq!(reply.status, 202);
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_receipt_names_the_message_and_carries_the_token() {
    let stage = stage_with(r#"{"to":"*9","outcome":"undelivered","error":"absent"}"#).await;
    let mut desk = Desk::open().await;
    for (to, status, error) in [
        ("+447700900001", "delivered", Value::Null),
        ("+447700900009", "failed", "absent".into()),
    ] {
        let id = send(&stage, to, "ref-1", &desk.url).await;
        let receipt = desk.next().await;
        assert_eq!(receipt.token, "Bearer secret");
        let expected =
            serde_json::json!({"id": id, "reference": "ref-1", "status": status, "error": error});
        assert_eq!(receipt.body, expected);
    }
}

#[tokio::test]
async fn receipts_come_twice_and_overtake_each_other_on_request() {
    let stage =
        stage_with(r#"{"to":"*1","reorder":1.0,"reorder_ms":300},{"to":"*2","duplicate":1.0}"#)
            .await;
    let mut desk = Desk::open().await;
    send(&stage, "+447700900001", "held", &desk.url).await;
    send(&stage, "+447700900002", "twice", &desk.url).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(
            desk.next().await.body["reference"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(order, ["twice", "twice", "held"]);
}

#[tokio::test]
async fn forged_receipts_have_a_wrong_token_or_name_a_message_that_never_was() {
    let stage = stage_with(r#"{"forged":2}"#).await;
    let mut desk = Desk::open().await;
    let id = send(&stage, "+447700900001", "real", &desk.url).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let receipt = desk.next().await;
        let right_token = receipt.token == "Bearer secret";
        seen.push((
            right_token,
            receipt.body["id"] == id.as_str(),
            receipt.body["reference"] == "real",
        ));
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (false, true, true),
            (true, false, false),
            (true, true, true)
        ]
    );
    let expected = Counts {
        requests: 1,
        effects: 1,
        receipts_taken: 2,
        receipts_refused: 1,
    };
    let counted = async {
        while stage.sandbox.counts()["sms"] != expected {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), counted).await.unwrap();
}

#[tokio::test]
async fn a_receipt_can_come_before_the_reply() {
    let stage = play_json(r#"{"channels":{"sms":{"rules":[{"latency_ms":60000}]}}}"#).await;
    let mut desk = Desk::open().await;
    let url = desk.url.clone();
    let sending = send(&stage, "+447700900001", "early", &url);
    tokio::select! {
        _ = sending => panic!("the reply came first"),
        receipt = desk.next() => assert_eq!(receipt.body["reference"], "early"),
    }
}

#[tokio::test]
async fn a_receipt_is_tried_again_until_the_receiver_is_back() {
    let stage = stage_with("").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = closed.local_addr().unwrap();
    drop(closed);
    send(&stage, "+447700900001", "late", &format!("http://{addr}/x")).await;
    let listener = TcpListener::bind(addr).await.unwrap();
    let (stream, _) = timeout(Duration::from_secs(10), listener.accept())
        .await
        .unwrap()
        .unwrap();
    let (sender, mut receipts) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(stream, sender));
    let receipt = timeout(Duration::from_secs(10), receipts.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(receipt.body["reference"], "late");
}

#[tokio::test]
async fn a_message_without_a_receipt_gets_none() {
    let stage = stage_with(r#"{"to":"*1","outcome":"none"}"#).await;
    let mut desk = Desk::open().await;
    send(&stage, "+447700900001", "silent", &desk.url).await;
    send(&stage, "+447700900002", "spoken", &desk.url).await;
    assert_eq!(desk.next().await.body["reference"], "spoken");
    assert!(desk.receipts.try_recv().is_err());
}
