//! Posts as `mastodon_mock` takes them, and the faults it can play.

use super::{Judge, down, refused, rendered, serving};
use crate::adapters::{RealClock, changed, channel, notice, parcel};
use oyez_domain::address::Address;
use oyez_domain::outcome::{Outcome, Reason, Scope, Verdict};
use oyez_domain::parcel::Parcel;
use oyez_domain::ports::LookUp;
use oyez_domain::{Channel, Clock};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

struct Instance {
    _judge: Judge,
    port: u16,
    client: reqwest::Client,
}

impl Instance {
    #[expect(
        clippy::disallowed_methods,
        reason = "asks the judge, through none of our code"
    )]
    async fn start() -> Self {
        let (judge, port) = serving(|port| {
            let port = port.to_string();
            let place = [
                "--in-memory",
                "--host",
                "127.0.0.1",
                "--port",
                port.as_str(),
            ];
            let arguments = [&["-m", "mastodon_mock", "serve"] as &[&str], &place].concat();
            Judge::start("OYEZ_TEST_PYTHON", &arguments)
        })
        .await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            _judge: judge,
            port,
            client,
        }
    }

    /// Our adapter with this instance, some settings replaced.
    fn channel(&self, changes: Value) -> Arc<dyn Channel> {
        let server = format!("http://127.0.0.1:{}", self.port);
        let settings = json!({ "server": server, "token": "mock_token" });
        channel("mastodon", changed(settings, changes))
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.port);
        let request = self.client.get(url).bearer_auth("mock_token");
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.json().await.unwrap()
    }

    /// What stands on our account, newest first.
    async fn statuses(&self) -> Vec<Value> {
        let account = self.get("accounts/verify_credentials").await;
        let id = account["id"].as_str().unwrap();
        let statuses = self.get(&format!("accounts/{id}/statuses")).await;
        statuses.as_array().unwrap().clone()
    }

    /// Answers the next post with a fault.
    async fn play(&self, effect: Value) {
        let url = format!("http://127.0.0.1:{}/api/v1/_mock/faults", self.port);
        let posts = json!({ "methods": ["POST"], "path": "/api/v1/statuses" });
        let fault = json!({ "match": posts, "effect": effect, "count": 1 });
        let answer = self.client.post(url).json(&fault).send().await.unwrap();
        answer.error_for_status().unwrap();
    }
}

fn post(channel: &dyn Channel, number: u32) -> Parcel {
    let account = Address::account("council_channel");
    parcel(&rendered(channel, json!({})), account, number)
}

fn link(verdict: &Verdict) -> &str {
    let Outcome::Accepted {
        reference: Some(link),
    } = &verdict.outcome
    else {
        panic!("{verdict:?} is no acceptance with a link")
    };
    link
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_post_stands_on_the_account_as_it_was_written() {
    let instance = Instance::start().await;
    let channel = instance.channel(json!({}));
    let parcel = post(&*channel, 1);
    let verdict = channel.send(&parcel).await;
    let statuses = instance.statuses().await;
    assert_eq!(statuses.len(), 1);
    let status = &statuses[0];
    assert_eq!(status["url"], link(&verdict), "our reference is its link");
    assert_eq!(status["visibility"], "public");
    assert_eq!(status["language"], "en");
    let id = status["id"].as_str().unwrap();
    let source = instance.get(&format!("statuses/{id}/source")).await;
    assert_eq!(source["text"], parcel.rendered.preview);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn the_same_reference_is_posted_once_and_another_is_another_post() {
    let instance = Instance::start().await;
    let channel = instance.channel(json!({}));
    let first = channel.send(&post(&*channel, 1)).await;
    let again = channel.send(&post(&*channel, 1)).await;
    assert_eq!(link(&first), link(&again));
    assert_eq!(instance.statuses().await.len(), 1);
    let other = channel.send(&post(&*channel, 2)).await;
    assert_ne!(link(&first), link(&other));
    assert_eq!(instance.statuses().await.len(), 2);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn one_word_too_long_is_refused_here_or_by_the_instance_and_never_cut() {
    let instance = Instance::start().await;
    let strict = instance.channel(json!({}));
    let long =
        |characters: usize| json!({ "versions": { "council_channel": "x".repeat(characters) } });
    let refusal = strict.render(&notice(long(501))).unwrap_err();
    assert_eq!(refusal.code, "too_long");
    assert!(refusal.why.starts_with("1 character too long"), "{refusal}");

    let mistaken = instance.channel(json!({ "limit": 5000 }));
    let send = async |characters| {
        let rendered = rendered(&*mistaken, long(characters));
        let parcel = parcel(&rendered, Address::account("council_channel"), 1);
        mistaken.send(&parcel).await
    };
    let verdict = send(501).await;
    let reason = Reason::ContentRejected;
    assert_eq!(
        verdict.outcome,
        Outcome::BadMessage { reason },
        "{verdict:?}"
    );
    assert_eq!(verdict.reply, "422");
    assert!(instance.statuses().await.is_empty());
    link(&send(500).await);
    let check = mistaken.check().await.unwrap_err();
    assert!(check.contains("set limit = 500"), "{check}");
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_rate_limit_pauses_the_channel_until_the_time_it_names() {
    let instance = Instance::start().await;
    let channel = instance.channel(json!({}));
    instance.play(json!({ "type": "ratelimit" })).await;
    let verdict = channel.send(&post(&*channel, 1)).await;
    let Outcome::Throttled { until, scope } = verdict.outcome else {
        panic!("{verdict:?} is no throttle")
    };
    assert_eq!(scope, Scope::Channel);
    let wait = until.since(RealClock.wall());
    let named = Duration::from_secs(270)..=Duration::from_secs(300);
    assert!(
        named.contains(&wait),
        "the instance said 300 s, we wait {wait:?}"
    );
    assert!(instance.statuses().await.is_empty());
    link(&channel.send(&post(&*channel, 1)).await);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_fault_of_the_instance_is_no_refusal_of_the_post() {
    let instance = Instance::start().await;
    let channel = instance.channel(json!({}));
    instance
        .play(json!({ "type": "status", "status": 503 }))
        .await;
    let verdict = channel.send(&post(&*channel, 1)).await;
    assert_eq!(verdict.outcome, down(Reason::ProviderDown), "{verdict:?}");
    instance
        .play(json!({ "type": "status", "status": 500 }))
        .await;
    let verdict = channel.send(&post(&*channel, 1)).await;
    let reason = Reason::ProviderDown;
    assert_eq!(verdict.outcome, Outcome::Deferred { reason }, "{verdict:?}");
    assert!(instance.statuses().await.is_empty());
    link(&channel.send(&post(&*channel, 1)).await);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn an_answer_that_says_nothing_is_unknown_and_trying_again_posts_once() {
    let instance = Instance::start().await;
    let channel = instance.channel(json!({}));
    instance.play(json!({ "type": "malformed" })).await;
    let verdict = channel.send(&post(&*channel, 1)).await;
    let reason = Reason::Protocol;
    assert_eq!(verdict.outcome, Outcome::Unknown { reason }, "{verdict:?}");
    let hasty = instance.channel(json!({ "timeout_seconds": 1 }));
    instance.play(json!({ "type": "timeout" })).await;
    let verdict = hasty.send(&post(&*hasty, 1)).await;
    let reason = Reason::Timeout;
    assert_eq!(verdict.outcome, Outcome::Unknown { reason }, "{verdict:?}");
    let first = channel.send(&post(&*channel, 1)).await;
    let again = channel.send(&post(&*channel, 1)).await;
    assert_eq!(link(&first), link(&again));
    assert_eq!(instance.statuses().await.len(), 1);
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_check_asks_the_instance_and_a_wrong_token_is_our_fault() {
    let instance = Instance::start().await;
    let check = instance.channel(json!({})).check().await.unwrap();
    assert!(check.contains("500 characters"), "{check}");
    let stranger = instance.channel(json!({ "token": "no_such_token" }));
    let verdict = stranger.send(&post(&*stranger, 1)).await;
    assert_eq!(verdict.outcome, refused(Reason::AuthFailed), "{verdict:?}");
    assert!(instance.statuses().await.is_empty());
}

#[tokio::test]
#[ignore = "needs an outside judge: tests/run peers"]
async fn a_post_that_may_be_out_is_found_on_the_account() {
    let instance = Instance::start().await;
    let channel = instance.channel(json!({}));
    let one = post(&*channel, 1);
    assert_eq!(channel.look_up(&one).await, LookUp::NotThere);
    let sent = channel.send(&one).await;
    let found = channel.look_up(&one).await;
    assert_eq!(found, LookUp::Found(Some(link(&sent).to_owned())));
    let stranger = instance.channel(json!({ "token": "no_such_token" }));
    assert_eq!(stranger.look_up(&one).await, LookUp::CannotTell);
}
