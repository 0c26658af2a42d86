//! Within one incident nobody reads old after new; between incidents the urgent update overtakes.

use crate::office::{Office, email};
use oyez_domain::address::Address;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EMAIL: &str = "residents_email";

async fn office(rate: u32, people: u32, script: Value) -> Office {
    let channels = json!({ EMAIL: { "pace": { "rate_per_second": rate, "concurrency": 8 } } });
    let office = Office::open(channels, script).await;
    office.populate(people).await;
    office
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_the_newer_update_before_the_older_is_settled() {
    let greylist = json!({
        "stage": "rcpt",
        "when": { "number": { "every": 10, "rest": 3 } },
        "times_each": 2,
        "do": { "smtp": { "code": 451, "text": "4.7.1 Greylisted" } },
    });
    let dead = json!({
        "stage": "rcpt",
        "when": { "number": { "every": 50, "rest": 7 } },
        "do": { "smtp": { "code": 451, "text": "4.3.0 Always later" } },
    });
    let script = json!({ EMAIL: { "rules": [greylist, dead] } });
    let office = office(200, 200, script).await;
    let incident = office.open_incident().await;
    let write = async || office.write_update(json!({ "incident": incident })).await;
    let (older, newer) = (write().await, write().await);
    office.release(older).await;
    office.accepted(older, EMAIL, 20).await;
    office.release(newer).await;
    let ended = office.finish(newer).await.counts;
    assert_eq!((ended.accepted, ended.failed), (196, 4));
    assert!(office.progress(older).await.finished);

    for number in 1..=200 {
        let address = Address::email(&email(number)).unwrap();
        let first = office.delivery(older, address.clone()).await;
        let then = office.delivery(newer, address).await;
        let (last, next) = (first.attempts.last().unwrap(), &then.attempts[0]);
        assert!(
            last.at <= next.at,
            "{first:?} was not settled before {then:?}"
        );
        assert_eq!(
            first.attempts.len(),
            if number % 10 == 3 || number % 50 == 7 {
                3
            } else {
                1
            }
        );
    }
    let of = async |update| office.broadcast(update, EMAIL).await.broadcast;
    let order = [of(older).await, of(newer).await];
    let mut seen: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for record in office.log(EMAIL).into_iter().filter(|r| r.effect) {
        let (broadcast, _) = office.desk.reference_key.open(&record.key).unwrap();
        seen.entry(record.to).or_default().push(broadcast);
    }
    assert_eq!(seen.len(), 196);
    assert!(seen.values().all(|seen| *seen == order), "{seen:?}");
    office.is_in_order().await;
}

/// One message in four seconds, and the next two of the older update are armed already when its correction comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_on_a_slow_channel_is_the_next_that_leaves() {
    let channels = json!({ EMAIL: { "pace": { "rate_per_second": 0.25, "concurrency": 8 } } });
    let office = Office::open(channels, json!({})).await;
    office.populate(20).await;
    let incident = office.open_incident().await;
    let older = office.write_update(json!({ "incident": incident })).await;
    let correction = json!({ "incident": incident, "kind": "correction" });
    let correction = office.write_update(correction).await;
    office.release(older).await;
    office.accepted(older, EMAIL, 2).await;
    let released_at = office.now_us();
    office.release(correction).await;
    office.accepted(correction, EMAIL, 1).await;
    let corrects = office.broadcast(correction, EMAIL).await.broadcast;
    let log = office.log(EMAIL).into_iter();
    let since: Vec<_> = log
        .filter(|record| record.effect && record.t_us > released_at)
        .map(|record| {
            let (broadcast, _) = office.desk.reference_key.open(&record.key).unwrap();
            (broadcast, record.t_us - released_at)
        })
        .collect();
    let (broadcast, after_us) = since[0];
    assert_eq!(
        broadcast, corrects,
        "the older update came first: {since:?}"
    );
    assert!(after_us <= 5_000_000, "{after_us} µs");
    office.is_in_order().await;
}

/// A long queue of one incident; an urgent update of another is released in the middle of it.
async fn an_urgent_update_overtakes(rate: u32, people: u32) {
    let office = office(rate, people, json!({})).await;
    let long = office.put_out().await;
    office.accepted(long, EMAIL, 2).await;
    let urgent = office.write_update(json!({ "urgent": true })).await;
    let released_at = office.now_us();
    office.release(urgent).await;
    office.accepted(urgent, EMAIL, 2).await;
    let leads = office.desk.queue().await.unwrap()[0].leads.clone();
    assert_eq!(leads, Some(office.progress(urgent).await.reference));
    office.finish(urgent).await;
    assert!(
        !office.progress(long).await.finished,
        "there was no queue to overtake"
    );
    office
        .desk
        .stop(long, None, "seen enough", "test")
        .await
        .unwrap();

    let urgent = office.broadcast(urgent, EMAIL).await.broadcast;
    let urgent = office.effects(EMAIL, urgent);
    let (first, last) = (urgent[0].0, urgent[urgent.len() - 1].0);
    let wait = first - released_at;
    assert!(
        wait <= 2_100_000,
        "the first urgent message left after {wait} µs"
    );
    let long = office.broadcast(long, EMAIL).await.broadcast;
    let between = office.effects(EMAIL, long);
    let between = between.iter().filter(|(at, _)| (first..last).contains(at));
    // What had left the queue before may still arrive among the first.
    assert!(
        between.count() <= 8,
        "the long queue went on beside the urgent update"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_update_overtakes_a_long_queue() {
    an_urgent_update_overtakes(100, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_update_overtakes_on_a_slow_channel() {
    an_urgent_update_overtakes(4, 20).await;
}
