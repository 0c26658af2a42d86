//! A post that may be out is looked for on the account before anything is posted again.

use crate::adapters::{notice, parcel};
use crate::office::{Office, name};
use oyez_domain::Channel;
use oyez_domain::address::Address;
use oyez_domain::outcome::Outcome;
use oyez_domain::parcel::Parcel;
use oyez_domain::ports::LookUp;
use oyez_domain::time::Wall;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const POSTS: &str = "council_mastodon";

async fn account(script: Value) -> (Office, Arc<dyn Channel>) {
    let office = Office::open(json!({ POSTS: {} }), json!({ POSTS: script })).await;
    let live = office.desk.lives.get(&name(POSTS)).unwrap();
    let adapter = Arc::clone(&live.channel.adapter);
    (office, adapter)
}

/// A post with this headline, the `ordinal`-th of its broadcast.
fn post(account: &dyn Channel, headline: &str, ordinal: u32) -> Parcel {
    let rendered = account.render(&notice(json!({ "headline": headline })));
    let rendered = Arc::new(rendered.unwrap());
    parcel(&rendered, Address::account(POSTS), ordinal)
}

async fn send(account: &dyn Channel, post: &Parcel) -> Option<String> {
    let outcome = account.send(post).await.outcome;
    let Outcome::Accepted { reference } = outcome else {
        panic!("{outcome:?}")
    };
    reference
}

#[tokio::test]
async fn a_post_is_found_by_what_was_written_and_no_other_is_taken_for_it() {
    let (_office, account) = account(json!({})).await;
    let one = post(&*account, "Roads <closed> & \"flooded\" @council", 1);
    assert_eq!(account.look_up(&one).await, LookUp::NotThere, "nothing is");
    let link = send(&*account, &one).await;
    assert!(link.is_some());
    let other = post(&*account, "Schools are closed", 2);
    assert_eq!(account.look_up(&other).await, LookUp::NotThere);
    send(&*account, &other).await;
    assert_eq!(account.look_up(&one).await, LookUp::Found(link));
}

#[tokio::test]
async fn a_post_is_found_behind_others_and_nobody_guesses_behind_very_many() {
    let (_office, account) = account(json!({})).await;
    let first = post(&*account, "The first", 1);
    let link = send(&*account, &first).await;
    for ordinal in 2..=45 {
        send(&*account, &post(&*account, "Another", ordinal)).await;
    }
    assert_eq!(account.look_up(&first).await, LookUp::Found(link));
    for ordinal in 46..=60 {
        send(&*account, &post(&*account, "Another", ordinal)).await;
    }
    assert_eq!(account.look_up(&first).await, LookUp::CannotTell);
}

#[tokio::test]
async fn what_was_posted_long_before_is_another_post() {
    let (_office, account) = account(json!({})).await;
    let before = post(&*account, "Offices are closed today", 1);
    send(&*account, &before).await;
    let Wall(now) = before.first_armed_at;
    let today = Parcel {
        first_armed_at: Wall(now).plus(Duration::from_secs(3_600)),
        ..before
    };
    assert_eq!(account.look_up(&today).await, LookUp::NotThere);
}

#[tokio::test]
async fn an_account_that_may_not_be_read_says_nothing() {
    let (_office, account) = account(json!({ "bearer_token": "another" })).await;
    let post = post(&*account, "Roads are closed", 1);
    assert_eq!(account.look_up(&post).await, LookUp::CannotTell);
}
