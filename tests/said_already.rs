//! The same words to the same people on the same incident within a day are noticed before they go out; nothing else is.

use crate::office::{Office, name};
use serde_json::json;

const EMAIL: &str = "residents_email";

#[tokio::test]
async fn the_same_words_to_the_same_people_are_noticed_unless_they_were_stopped() {
    let office = Office::open(json!({ EMAIL: {} }), json!({})).await;
    office.populate(3).await;
    // What has gone out already cannot be stopped.
    let channel = name(EMAIL);
    let hold = office
        .desk
        .hold_channel(Some(&channel), Some("later"), "test");
    hold.await.unwrap();
    let incident = json!({ "incident": office.open_incident().await });
    let first = office.write_update(incident.clone()).await;
    office.release(first).await;
    let draft = async |changes| {
        let update = office.write_update(changes).await;
        office.desk.find_update(&update.to_string()).await.unwrap()
    };
    let second = draft(incident.clone()).await;
    let before = office.desk.said_before(&second).await.unwrap();
    assert_eq!(before.map(|before| before.id), Some(first));
    for other in [
        json!({}),
        json!({ "incident": incident["incident"], "headline": "Do not pay anybody who calls" }),
        json!({ "incident": incident["incident"], "audience": { "topics": ["waste"] } }),
    ] {
        let other = draft(other).await;
        assert_eq!(office.desk.said_before(&other).await.unwrap(), None);
    }
    let stop = office.desk.stop(first, None, "wrong number", "test");
    stop.await.unwrap();
    assert_eq!(office.desk.said_before(&second).await.unwrap(), None);
}

#[tokio::test]
async fn a_repeated_request_does_not_take_an_update_for_its_own_forerunner() {
    let office = Office::open(json!({ EMAIL: {} }), json!({})).await;
    office.populate(3).await;
    let update = office.write_update(json!({})).await;
    // As a second request sees it that began before the first one was through.
    let draft = office.desk.find_update(&update.to_string()).await.unwrap();
    office.release(update).await;
    assert_eq!(office.desk.said_before(&draft).await.unwrap(), None);
}
