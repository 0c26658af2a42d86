//! Every adapter that speaks HTTP, whatever its provider answers.

use crate::conformance::stage::{KINDS, Play, Stage, adapter, answer, play, scope, success};
use crate::fixture::NOW;
use futures_util::future::join_all;
use oyez_domain::outcome::{Outcome, Reason};
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::test]
async fn what_the_provider_takes_is_accepted_with_its_identifier() {
    for (kind, identifier) in [
        ("webhook", None),
        ("mastodon", Some("https://m.example/@wcc/42")),
        ("sms_http", Some("m-7")),
    ] {
        let (status, body) = success(kind);
        let (verdict, heard) = play(kind, Play::Say(answer(status, "", body))).await;
        let reference = identifier.map(str::to_owned);
        assert_eq!(verdict.outcome, Outcome::Accepted { reference }, "{kind}");
        assert_eq!(heard.len(), 1, "{kind}");
    }
}

/// A message to one partner may be repeated under the same id, so its 5xx are outages; a gateway's are not.
fn has_native_key(kind: &str) -> bool {
    kind != "sms_http"
}

#[tokio::test]
async fn too_fast_is_a_wait_for_as_long_as_the_provider_says() {
    for kind in KINDS {
        for (header, seconds) in [
            ("retry-after: 7\r\n", 7),
            ("retry-after: 1.2\r\n", 2),
            ("retry-after: Thu, 27 Nov 2025 10:30:45 GMT\r\n", 45),
            ("retry-after: -5\r\n", 1),
            ("retry-after: 1e12\r\n", 3600),
            ("retry-after: soon\r\n", 30),
            ("retry-after: 3\r\nretry-after: 9\r\n", 9),
            ("", 30),
        ] {
            let (verdict, _) = play(kind, Play::Say(answer(429, header, "{}"))).await;
            let until = NOW.plus(Duration::from_secs(seconds));
            let scope = scope(kind);
            assert_eq!(
                verdict.outcome,
                Outcome::Throttled { until, scope },
                "{kind} {header}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_of_ours_pauses_and_rejects_nobody() {
    for kind in KINDS {
        for (status, reason) in [
            (301, Reason::Misconfigured),
            (307, Reason::Misconfigured),
            (401, Reason::AuthFailed),
            (402, Reason::NoCredit),
            (403, Reason::Misconfigured),
            (404, Reason::Misconfigured),
        ] {
            let headers = "location: http://127.0.0.1:9/elsewhere\r\n";
            let (verdict, heard) = play(kind, Play::Say(answer(status, headers, ""))).await;
            let scope = scope(kind);
            assert_eq!(
                verdict.outcome,
                Outcome::ChannelRefused { reason, scope },
                "{kind} {status}"
            );
            assert_eq!(heard.len(), 1, "nothing is followed or tried again");
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_gone_for_its_partner_only() {
    let (verdict, _) = play("webhook", Play::Say(answer(410, "", ""))).await;
    let gone = Outcome::Rejected {
        reason: Reason::EndpointGone,
        suppress: false,
    };
    assert_eq!(verdict.outcome, gone);
}

#[tokio::test]
async fn a_fault_is_believed_only_from_the_api_itself() {
    let own = r#"{"error":"temporary","code":"unavailable"}"#;
    for kind in KINDS {
        for (status, body) in [
            (503, own),
            (502, own),
            (503, "<html>oops"),
            (502, ""),
            (504, ""),
            (500, ""),
        ] {
            let (verdict, _) = play(kind, Play::Say(answer(status, "", body))).await;
            let scope = scope(kind);
            let reason = Reason::ProviderDown;
            let taken_by_nobody = has_native_key(kind) || (status == 503 && body == own);
            let expected = if taken_by_nobody {
                Outcome::ChannelDown { reason, scope }
            } else {
                Outcome::Unknown { reason }
            };
            assert_eq!(verdict.outcome, expected, "{kind} {status} {body}");
        }
    }
}

#[tokio::test]
async fn a_silent_or_cut_off_provider_may_have_sent_it() {
    let mut cases = Vec::new();
    for kind in KINDS {
        let (status, body) = success(kind);
        let half_a_head = answer(status, "", body)[..12].to_vec();
        for (play_this, reason) in [
            (Play::SayAndHang(Vec::new()), Reason::Timeout),
            (Play::SayAndCut(Vec::new()), Reason::Uncertain),
            (Play::SayAndCut(half_a_head.clone()), Reason::Uncertain),
            (Play::SayAndHang(half_a_head), Reason::Timeout),
        ] {
            let stage = Stage::playing(play_this).await;
            let (channel, parcel) = adapter(kind, stage.address);
            cases.push(async move {
                let verdict = channel.send(&parcel).await;
                assert_eq!(verdict.outcome, Outcome::Unknown { reason }, "{kind}");
                let heard = stage.heard().len();
                assert_eq!(heard, 1, "{kind}: nothing is repeated below the ledger");
            });
        }
    }
    join_all(cases).await;
}

#[tokio::test]
async fn a_success_without_its_body_is_no_success() {
    for kind in ["mastodon", "sms_http"] {
        let (status, body) = success(kind);
        let whole = answer(status, "", body);
        let cut = whole[..whole.len() - 3].to_vec();
        for play_this in [
            Play::SayAndCut(cut.clone()),
            Play::SayAndHang(cut),
            Play::Say(answer(
                200,
                "content-type: text/html\r\n",
                "<html>Please log in</html>",
            )),
            Play::Say(answer(200, "", "")),
            Play::Say(answer(200, "", r#"{"status":"error"}"#)),
            Play::Say(answer(200, "", r#"{"id":"42","url""#)),
        ] {
            let (verdict, _) = play(kind, play_this).await;
            let unknown = Outcome::Unknown {
                reason: Reason::Protocol,
            };
            assert_eq!(verdict.outcome, unknown, "{kind}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_in_time_and_size() {
    let head =
        |status| format!("HTTP/1.1 {status} X\r\ncontent-length: 10000000000\r\n\r\n").into_bytes();
    for kind in KINDS {
        for play_this in [Play::Flood(head(200)), Play::Drip(head(200))] {
            let deadline = tokio::time::timeout(Duration::from_secs(5), play(kind, play_this));
            let (verdict, _) = deadline.await.expect("it ends by itself");
            let expected = match kind {
                "webhook" => Outcome::Accepted { reference: None },
                _ => Outcome::Unknown {
                    reason: Reason::Protocol,
                },
            };
            assert_eq!(verdict.outcome, expected, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_down_and_has_nothing() {
    for kind in KINDS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let (channel, parcel) = adapter(kind, address);
        let down = |reason| Outcome::ChannelDown {
            reason,
            scope: scope(kind),
        };
        assert_eq!(
            channel.send(&parcel).await.outcome,
            down(Reason::Connect),
            "{kind}"
        );
    }
}
