//! Every adapter that speaks HTTP, whatever its provider answers.

use super::provider::{PROVIDERS, Provider};
use super::stage::{Play, Stage, answer, play};
use super::table::{Row, TABLE};
use crate::fixture::surroundings;
use crate::http::Outlet;
use crate::registry::KINDS;
use futures_util::future::join_all;
use oyez_domain::Channel;
use oyez_domain::outcome::{Outcome, Reason};
use oyez_domain::parcel::Parcel;
use reqwest::Method;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Kinds that speak no HTTP: the mail relay has a suite of its own (`smtp`), a folder answers nothing.
const WITHOUT_HTTP: [&str; 2] = ["smtp", "file"];

#[test]
fn every_kind_of_the_registry_is_under_test() {
    for kind in KINDS {
        let tested = PROVIDERS.iter().any(|provider| provider.kind == kind.kind);
        assert!(
            tested != WITHOUT_HTTP.contains(&kind.kind),
            "{} is missing in conformance/provider.rs",
            kind.kind
        );
    }
}

#[tokio::test]
async fn every_wrong_answer_means_what_the_table_says() {
    // All adapters are made before the first deadline begins: each reads every root certificate.
    let mut ready = Vec::new();
    for provider in &PROVIDERS {
        let stage = Stage::playing(Play::Say(Vec::new())).await;
        let (channel, parcel) = provider.adapter(&format!("http://{}", stage.address));
        ready.push((provider, stage, channel, parcel));
    }
    let every = |(provider, stage, channel, parcel)| every_row(provider, stage, channel, parcel);
    join_all(ready.into_iter().map(every)).await;
}

async fn every_row(provider: &Provider, stage: Stage, channel: Arc<dyn Channel>, parcel: Parcel) {
    let kind = provider.kind;
    let keyed = Provider::is_keyed(&*channel);
    for Row { case, play, means } in TABLE {
        stage.plays(play(provider));
        let before = stage.heard().len();
        let deadline = tokio::time::timeout(Duration::from_secs(20), channel.send(&parcel));
        let verdict = deadline.await.expect("it ends by itself");
        let expected = means.outcome(provider, keyed);
        assert_eq!(verdict.outcome, expected, "{kind}: {case}");
        let heard = stage.heard().len() - before;
        assert_eq!(heard, 1, "{kind}: {case}: nothing is followed or repeated");
    }
}

#[tokio::test]
async fn what_the_provider_takes_is_accepted_with_its_identifier() {
    for provider in &PROVIDERS {
        let (status, body) = provider.success;
        let (verdict, heard) = play(provider, Play::Say(answer(status, "", body))).await;
        let reference = provider.identifier.map(str::to_owned);
        assert_eq!(
            verdict.outcome,
            Outcome::Accepted { reference },
            "{}",
            provider.kind
        );
        assert_eq!(heard.len(), 1, "{}", provider.kind);
    }
}

#[tokio::test]
async fn an_identifier_is_opaque_short_and_printable_and_may_come_twice() {
    let long = "x".repeat(10_000);
    for (given, kept) in [
        (long.as_str(), &long[..255]),
        ("a\\u0000\\u001b[31m\\r\\nb", "a[31mb"),
        ("seen before", "seen before"),
        ("seen before", "seen before"),
    ] {
        for provider in &PROVIDERS {
            let Some(names) = provider.names else {
                continue;
            };
            let body = names.replace("{id}", given);
            let (status, _) = provider.success;
            let (verdict, _) = play(provider, Play::Say(answer(status, "", &body))).await;
            let reference = Some(kept.to_owned());
            assert_eq!(
                verdict.outcome,
                Outcome::Accepted { reference },
                "{}",
                provider.kind
            );
        }
    }
}

#[tokio::test]
async fn a_fault_is_believed_from_the_api_itself() {
    for provider in PROVIDERS.iter().filter(|p| !p.own_fault.is_empty()) {
        let (reason, scope) = (Reason::ProviderDown, provider.scope());
        let said = answer(503, "", provider.own_fault);
        let (verdict, _) = play(provider, Play::Say(said)).await;
        let down = Outcome::ChannelDown { reason, scope };
        assert_eq!(verdict.outcome, down, "{}", provider.kind);
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_down_and_has_nothing() {
    for provider in &PROVIDERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let (channel, parcel) = provider.adapter(&base);
        let (reason, scope) = (Reason::Connect, provider.scope());
        let down = Outcome::ChannelDown { reason, scope };
        assert_eq!(
            channel.send(&parcel).await.outcome,
            down,
            "{}",
            provider.kind
        );
    }
}

#[tokio::test]
async fn no_more_than_64_kib_of_an_answer_are_kept() {
    let flood = b"HTTP/1.1 200 X\r\ncontent-length: 10000000000\r\n\r\n".to_vec();
    let stage = Stage::playing(Play::Flood(flood)).await;
    let guard = surroundings().network.guard();
    let outlet = Outlet::new(guard, Duration::from_secs(10)).unwrap();
    let url = format!("http://{}/", stage.address).parse().unwrap();
    let request = outlet.request(Method::GET, url).unwrap();
    let reply = outlet.reply(request).await.unwrap();
    assert_eq!(reply.body.len(), 64 * 1024);
}
