//! One partner in trouble is its own: the others get every update at once, and it gets everything once it is back.

use crate::office::{Office, PARTNER_SECRET};
use serde_json::{Value, json};
use std::time::Duration;

const UPDATES: usize = 12;
const FAULTY: &str = "camden";
const OTHERS: [&str; 2] = ["hackney", "islington"];

async fn office(fault: Value) -> Office {
    // Fewer requests at once than updates: a partner that hangs must not take them all.
    let channels = json!({ "partners": {
        "pace": { "concurrency": 4 },
        "retry": { "max_attempts": 1 },
    }});
    let mut fault = fault;
    fault["when"]["to"] = json!(FAULTY);
    let endpoints =
        json!({ FAULTY: PARTNER_SECRET, OTHERS[0]: PARTNER_SECRET, OTHERS[1]: PARTNER_SECRET });
    let script = json!({ "partners": { "rules": [fault], "endpoints": endpoints } });
    let office = Office::open(channels, script).await;
    office
        .partners("partners", &[FAULTY, OTHERS[0], OTHERS[1]])
        .await;
    office
}

/// Puts out every update at once; the other two partners get them all within two seconds.
async fn others_get_theirs(office: &Office) {
    let began = office.now_us();
    for _ in 0..UPDATES {
        office.put_out().await;
    }
    let reached = || {
        let log = office.log("partners");
        log.into_iter().filter(|r| r.effect && r.to != FAULTY)
    };
    office
        .until("the others get theirs", async || {
            reached().count() >= OTHERS.len() * UPDATES
        })
        .await;
    let last = reached().map(|r| r.t_us).max().unwrap();
    assert!(last - began <= 2_000_000, "after {} µs", last - began);
    for other in OTHERS {
        let times = office
            .log("partners")
            .iter()
            .filter(|r| r.effect && r.to == other)
            .count();
        assert_eq!(times, UPDATES, "{other}");
    }
}

fn asked(office: &Office) -> usize {
    office
        .log("partners")
        .iter()
        .filter(|r| r.to == FAULTY)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_refuses_us_is_left_alone_and_named_with_its_reason() {
    let office = office(json!({ "do": { "http": { "status": 401 } } })).await;
    others_get_theirs(&office).await;
    office
        .until("only the one partner waits", async || {
            let row = office.desk.queue().await.unwrap().remove(0);
            row.pending == UPDATES as u64
        })
        .await;
    let row = office.desk.queue().await.unwrap().remove(0);
    assert_eq!((row.shut_partners, row.paused), (1, None));
    assert_eq!(row.shut[0].name, FAULTY);
    assert_eq!(row.shut[0].waiting.reason.code(), "auth_failed");
    assert_eq!(asked(&office), 1, "one refusal is enough");
    // Nobody is charged: with one attempt each they would have failed.
    for broadcast in &row.broadcasts {
        assert_eq!((broadcast.counts.failed, broadcast.counts.pending), (0, 1));
    }
    office.turn_clock(Duration::from_secs(60));
    office
        .until("it is tried again", async || asked(&office) == 2)
        .await;
    let span = Duration::from_millis(200);
    office.throughout(span, async || asked(&office) == 2).await;
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_hangs_holds_up_nobody() {
    let office = office(json!({ "latency_ms": 15_000 })).await;
    others_get_theirs(&office).await;
    assert!(asked(&office) <= 2, "{} requests hang", asked(&office));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_whose_address_is_wrong_holds_up_nobody() {
    let office = office(json!({ "do": { "http": { "status": 404 } } })).await;
    others_get_theirs(&office).await;
    assert!(asked(&office) <= 3, "{} requests", asked(&office));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_asks_for_patience_gets_it_and_then_everything_once() {
    let busy = json!({
        "when": { "since": "first_request", "from_ms": 0, "to_ms": 3000 },
        "do": { "http": { "status": 429, "retry_after": "3" } },
    });
    let office = office(busy).await;
    others_get_theirs(&office).await;
    assert!(asked(&office) <= 4, "{} requests", asked(&office));
    let asked_before = asked(&office);
    office
        .until("it gets everything", async || {
            let log = office.log("partners");
            log.iter().filter(|r| r.to == FAULTY && r.effect).count() == UPDATES
        })
        .await;
    let log = office.log("partners");
    let to_it: Vec<_> = log.iter().filter(|r| r.to == FAULTY).collect();
    let refused: Vec<_> = to_it.iter().filter(|r| r.reply == "429").collect();
    assert_eq!(
        refused.len(),
        asked_before,
        "none while it had asked for patience"
    );
    let next = to_it.iter().find(|r| r.effect).unwrap();
    assert!(next.t_us - refused[0].t_us >= 2_900_000);
    office
        .until("all are settled", async || {
            let rows = office.desk.queue().await.unwrap();
            rows.iter().all(|row| row.pending == 0)
        })
        .await;
    office.is_in_order().await;
}
