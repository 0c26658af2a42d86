//! Receipts that never came are made up for: the provider's list says what became of the messages, page by page.

use crate::adapters::channel;
use crate::office::{Office, Places, RECEIPT_TOKEN, name};
use oyez_dispatch::settings::ConfiguredChannel;
use serde_json::{Value, json};
use std::time::Duration;

const SMS: &str = "residents_sms";
const UUID: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";
/// Two pages of the service's list and a bit.
const PEOPLE: u32 = 620;
/// With the empty one at its end.
const PAGES: usize = 4;

/// An office whose texts go through GOV.UK Notify, which loses its callbacks as told.
async fn office(receipts: Value) -> Office {
    let make = |places: Places| {
        let settings = json!({
            "api_key": format!("made_up-{UUID}-{UUID}"),
            "template_id": UUID,
            "callback_token": RECEIPT_TOKEN,
            "server": format!("http://{}/{SMS}/notify", places.http),
        });
        vec![ConfiguredChannel {
            weight: None,
            name: name(SMS),
            settings: serde_json::from_value(json!({})).unwrap(),
            // By the machine's own clock: the service takes no token that is half a minute off.
            adapter: channel("govuk_notify_sms", settings),
        }]
    };
    let office = Office::with(make, json!({ SMS: { "receipts": receipts } })).await;
    office.populate(PEOPLE).await;
    office
}

/// How many pages of its list the service was asked for.
fn pages(office: &Office) -> usize {
    let log = office.log(SMS);
    log.iter().filter(|record| record.key.is_empty()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_minutes_later_the_providers_list_is_read_once_and_every_receipt_is_made_up_for() {
    let office = office(json!([{ "outcome": "none" }])).await;
    let update = office.put_out().await;
    let counts = office.finish(update).await.counts;
    assert_eq!((counts.accepted, counts.delivered), (u64::from(PEOPLE), 0));
    assert_eq!(pages(&office), 0, "a receipt may take its time");

    office.turn_clock(Duration::from_secs(601));
    office
        .until("every message has its receipt", async || {
            office.counts(update, SMS).await.delivered == Some(PEOPLE.into())
        })
        .await;
    let all_read = async || pages(&office) == PAGES;
    office.until("the list is read to its end", all_read).await;

    office.turn_clock(Duration::from_secs(6 * 3600));
    office
        .throughout(Duration::from_millis(300), all_read)
        .await;
    office.is_in_order().await;
}
