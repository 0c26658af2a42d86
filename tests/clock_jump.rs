//! A wall clock that jumps lets nothing expire, until a person says that the new time is right.

use crate::office::{Office, name};
use oyez_domain::id::UpdateId;
use oyez_domain::trouble::TroubleCode;
use serde_json::json;
use std::time::Duration;

const PEOPLE: u32 = 30;
const CHANNEL: &str = "residents_email";
/// Longer than any message is useful.
const TEN_DAYS: Duration = Duration::from_secs(10 * 86_400);

/// An update is released and held; then the clock jumps, and everybody is told.
async fn held_over_a_jump(office: &Office) -> UpdateId {
    let channel = name(CHANNEL);
    let hold = office
        .desk
        .hold_channel(Some(&channel), Some("later"), "test");
    hold.await.unwrap();
    let update = office.put_out().await;
    office.clock.jump(TEN_DAYS);
    let told = office.desk.troubles().await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].code, TroubleCode::ClockStepped);
    assert!(
        told[0].line.contains("is 864000 s ahead"),
        "{}",
        told[0].line
    );
    update
}

async fn resume(office: &Office) {
    let channel = name(CHANNEL);
    let resume = office.desk.hold_channel(Some(&channel), None, "test");
    resume.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_expires_because_the_clock_jumped() {
    let office = Office::open(json!({ CHANNEL: {} }), json!({})).await;
    office.populate(PEOPLE).await;
    let before = office.desk.clock.wall();
    let update = held_over_a_jump(&office).await;
    let moved = office.desk.clock.wall().since(before);
    assert!(moved < TEN_DAYS, "people are not shown the doubtful time");
    resume(&office).await;
    let counts = office.finish(update).await.counts;
    assert_eq!((counts.accepted, counts.expired), (u64::from(PEOPLE), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_a_person_trusts_the_new_time_what_is_too_late_expires() {
    let office = Office::open(json!({ CHANNEL: {} }), json!({})).await;
    office.populate(PEOPLE).await;
    let update = held_over_a_jump(&office).await;
    assert!(office.desk.trust_clock("test"));
    assert_eq!(office.desk.troubles().await.unwrap(), []);
    resume(&office).await;
    let counts = office.finish(update).await.counts;
    assert_eq!((counts.accepted, counts.expired), (0, u64::from(PEOPLE)));
}
