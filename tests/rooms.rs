//! Rooms of staff: each gets an update once, and what may be out is left to a person.

use crate::office::Office;
use serde_json::{Value, json};
use std::time::Duration;

const ROOMS: [&str; 4] = [
    "staff_slack",
    "staff_discord",
    "staff_teams",
    "staff_telegram",
];

/// An office with every room, each of which follows the same script.
async fn office(script: Value) -> Office {
    let all = |value: Value| ROOMS.into_iter().map(move |room| (room, value.clone()));
    let channels: Value = all(json!({})).collect();
    Office::open(channels, all(script).collect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_room_gets_an_update_once_and_waits_where_it_is_told_to() {
    let busy = json!({ "http": { "status": 429, "retry_after": "1" } });
    let office = office(json!({ "rules": [{ "times": 1, "do": busy }] })).await;
    for room in ROOMS {
        let adapter = &office.live(room).channel.adapter;
        assert!(adapter.check().await.is_ok(), "{room}");
    }
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (4, 0));
    for room in ROOMS {
        let written: Vec<_> = office
            .log(room)
            .into_iter()
            .filter(|it| !it.key.is_empty())
            .collect();
        let replies: Vec<_> = written.iter().map(|record| record.effect).collect();
        assert_eq!(replies, [false, true], "{room}");
        assert_eq!(written[0].key, written[1].key, "{room}");
    }
    office.is_in_order().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_stand_in_a_room_is_not_written_again_by_itself() {
    let office = office(json!({ "rules": [{ "times": 1, "do": "drop_after_effect" }] })).await;
    let update = office.put_out().await;
    let ended = office.finish(update).await.counts;
    assert_eq!((ended.accepted, ended.unknown), (0, 4));
    office
        .throughout(Duration::from_millis(500), async || {
            ROOMS.iter().all(|room| office.log(room).len() == 1)
        })
        .await;
    office.is_in_order().await;
}
