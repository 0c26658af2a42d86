//! The mail adapter against a relay that plays a script, stage by stage.

use crate::conformance::relay::{Play, Relay, accepted, adapter, down, is, send_all, usual};
use futures_util::future::join_all;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[tokio::test]
async fn messages_go_over_one_connection_each_with_its_own_sender() {
    for pipelining in [true, false] {
        let relay = Relay::playing(|_| Play::Usual).await;
        let (channel, parcels) = adapter(relay.address, &json!({"pipelining": pipelining}), 3);
        assert_eq!(send_all(&channel, &parcels).await, vec![accepted(); 3]);
        let heard = relay.commands();
        assert_eq!(heard.first().unwrap(), "1 connect");
        assert_eq!(heard.get(1).unwrap(), "1 EHLO test_channel");
        assert!(heard.iter().all(|line| line.starts_with("1 ")), "{heard:?}");
        for parcel in &parcels {
            let mail = format!(
                "1 MAIL FROM:<b+{}@status.example.gov.uk> SIZE=",
                parcel.reference
            );
            assert_eq!(
                heard.iter().filter(|line| line.starts_with(&mail)).count(),
                1
            );
        }
        assert_eq!(relay.messages().len(), 3);
    }
}

#[tokio::test]
async fn a_dead_mailbox_costs_neither_the_connection_nor_the_next_resident() {
    for pipelining in [true, false] {
        let relay = Relay::playing(|heard| match heard.line.as_str() {
            "RCPT TO:<r2@example.org>" => {
                Play::Say("550-5.1.1 <r2@example.org>\r\n550 5.1.1 unknown")
            }
            _ => Play::Usual,
        })
        .await;
        let (channel, parcels) = adapter(relay.address, &json!({"pipelining": pipelining}), 3);
        let rejected = Outcome::Rejected {
            reason: Reason::AddressUnknown,
            suppress: true,
        };
        assert_eq!(
            send_all(&channel, &parcels).await,
            [accepted(), rejected, accepted()]
        );
        assert!(relay.commands().iter().all(|line| line.starts_with("1 ")));
        assert!(relay.commands().contains(&"1 RSET".to_owned()));
        let messages = relay.messages();
        let to_nobody = messages.iter().filter(|message| message.is_empty()).count();
        assert_eq!(
            messages.len() - to_nobody,
            2,
            "nothing reached the refused address"
        );
    }
}

fn stages() -> Vec<(&'static str, &'static str, Outcome)> {
    vec![
        (
            "connect",
            "554 no service",
            Outcome::ChannelRefused {
                reason: Reason::Blocked,
                scope: Scope::Channel,
            },
        ),
        ("connect", "451 busy", down(Reason::ProviderDown)),
        (
            "connect",
            "HTTP/1.1 400 Bad Request",
            down(Reason::Protocol),
        ),
        (
            "EHLO",
            "502 no",
            Outcome::ChannelRefused {
                reason: Reason::Misconfigured,
                scope: Scope::Channel,
            },
        ),
        ("MAIL", "452 4.3.1 disk", down(Reason::ProviderDown)),
        (
            "RCPT",
            "450 4.2.0 greylisted",
            Outcome::Deferred {
                reason: Reason::TryLater,
            },
        ),
        (
            "RCPT",
            "552 5.2.2 full",
            Outcome::Deferred {
                reason: Reason::InboxFull,
            },
        ),
        (
            "DATA",
            "451 4.3.0 later",
            Outcome::Deferred {
                reason: Reason::TryLater,
            },
        ),
        (
            ".",
            "554 5.7.1 spam",
            Outcome::BadMessage {
                reason: Reason::ContentRejected,
            },
        ),
        (
            ".",
            "451 4.3.0 later",
            Outcome::Deferred {
                reason: Reason::TryLater,
            },
        ),
        ("MAIL", "421 4.3.2 bye", down(Reason::ProviderDown)),
        (".", "421 4.3.2 bye", down(Reason::ProviderDown)),
    ]
}

#[tokio::test]
async fn each_stage_has_its_own_outcome() {
    for (at, reply, expected) in stages() {
        for pipelining in [true, false] {
            let relay = Relay::playing(move |heard| {
                if is(heard, at) {
                    Play::Say(reply)
                } else {
                    Play::Usual
                }
            })
            .await;
            let (channel, parcels) = adapter(relay.address, &json!({"pipelining": pipelining}), 1);
            assert_eq!(
                send_all(&channel, &parcels).await,
                std::slice::from_ref(&expected),
                "{at} {reply}"
            );
        }
    }
}

#[tokio::test]
async fn a_relay_that_leaves_or_falls_silent_has_taken_nothing_before_the_dot() {
    let mut cases = Vec::new();
    for at in ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        for (pipelining, silent) in [(true, true), (true, false), (false, true), (false, false)] {
            cases.push(async move {
                let relay = Relay::playing(move |heard| match (is(heard, at), silent) {
                    (true, true) => Play::Hang,
                    (true, false) => Play::Cut,
                    (false, _) => Play::Usual,
                })
                .await;
                let (channel, parcels) =
                    adapter(relay.address, &json!({"pipelining": pipelining}), 1);
                let expected = match (at, silent) {
                    (".", true) => Outcome::Unknown {
                        reason: Reason::Timeout,
                    },
                    (".", false) => Outcome::Unknown {
                        reason: Reason::Uncertain,
                    },
                    (_, true) => down(Reason::Timeout),
                    (_, false) => down(Reason::Connect),
                };
                assert_eq!(
                    send_all(&channel, &parcels).await,
                    [expected],
                    "{at} {silent}"
                );
            });
        }
    }
    join_all(cases).await;
}

#[tokio::test]
async fn a_late_reply_is_never_taken_for_the_next_messages() {
    let relay = Relay::playing(|heard| {
        if heard.connection == 1 && is(heard, ".") {
            Play::Late(Duration::from_millis(1300), "554 5.7.1 spam")
        } else {
            Play::Usual
        }
    })
    .await;
    let (channel, parcels) = adapter(relay.address, &json!({}), 2);
    let unknown = Outcome::Unknown {
        reason: Reason::Timeout,
    };
    assert_eq!(send_all(&channel, &parcels).await, [unknown, accepted()]);
    assert!(
        relay.commands().contains(&"2 EHLO test_channel".to_owned()),
        "a new connection"
    );
}

#[tokio::test]
async fn a_send_that_is_given_up_takes_its_connection_along() {
    let relay = Relay::playing(|heard| {
        if heard.connection == 1 && is(heard, ".") {
            Play::Hang
        } else {
            Play::Usual
        }
    })
    .await;
    let (channel, parcels) = adapter(relay.address, &json!({"dot_seconds": 600}), 2);
    let given_up = tokio::time::timeout(Duration::from_millis(300), channel.send(&parcels[0]));
    assert!(given_up.await.is_err());
    assert_eq!(channel.send(&parcels[1]).await.outcome, accepted());
    assert!(
        relay.commands().contains(&"2 EHLO test_channel".to_owned()),
        "a new connection"
    );
}

#[tokio::test]
async fn a_connection_closed_while_it_rested_is_renewed_without_a_word() {
    for goodbye in [
        "250 2.0.0 Ok: queued as 4ZxQ1",
        "250 2.0.0 Ok: queued as 4ZxQ1\r\n421 4.4.2 idle",
    ] {
        let relay = Relay::playing(move |heard| {
            if heard.connection == 1 && is(heard, ".") {
                Play::SayAndCut(goodbye)
            } else {
                Play::Usual
            }
        })
        .await;
        let (channel, parcels) = adapter(relay.address, &json!({}), 2);
        assert_eq!(send_all(&channel, &parcels).await, [accepted(), accepted()]);
        assert_eq!(relay.messages().len(), 2);
    }
}

#[tokio::test]
async fn a_connection_serves_so_many_messages_and_no_more() {
    let relay = Relay::playing(|_| Play::Usual).await;
    let (channel, parcels) = adapter(relay.address, &json!({"messages_per_connection": 2}), 5);
    assert_eq!(send_all(&channel, &parcels).await, vec![accepted(); 5]);
    let opened = relay
        .commands()
        .iter()
        .filter(|line| line.ends_with("connect"))
        .count();
    assert_eq!(opened, 3);
}

#[tokio::test]
async fn no_more_connections_are_open_than_allowed() {
    let relay = Relay::playing(|heard| {
        if is(heard, ".") {
            Play::Late(Duration::from_millis(20), usual("."))
        } else {
            Play::Usual
        }
    })
    .await;
    let (channel, parcels) = adapter(relay.address, &json!({"connections": 3}), 20);
    let mut sends = JoinSet::new();
    for parcel in parcels {
        let channel = Arc::clone(&channel);
        sends.spawn(async move { channel.send(&parcel).await.outcome });
    }
    assert_eq!(sends.join_all().await, vec![accepted(); 20]);
    let opened = relay
        .commands()
        .iter()
        .filter(|line| line.ends_with("connect"))
        .count();
    assert_eq!(opened, 3);
}

#[tokio::test]
async fn signing_in_uses_what_the_relay_offers_and_a_wrong_password_pauses_the_channel() {
    let account = json!({"username": "oyez", "password": "s3cret"});
    for (offer, line) in [
        (
            "250-x\r\n250 AUTH PLAIN LOGIN",
            "AUTH PLAIN AG95ZXoAczNjcmV0",
        ),
        ("250-x\r\n250 AUTH LOGIN", "b3lleg=="),
    ] {
        let relay = Relay::playing(move |heard| match heard.line.as_str() {
            "EHLO test_channel" => Play::Say(offer),
            "AUTH LOGIN" => Play::Say("334 VXNlcm5hbWU6"),
            "b3lleg==" => Play::Say("334 UGFzc3dvcmQ6"),
            "czNjcmV0" => Play::Say("235 ok"),
            _ => Play::Usual,
        })
        .await;
        let (channel, parcels) = adapter(relay.address, &account, 1);
        assert_eq!(send_all(&channel, &parcels).await, [accepted()]);
        assert!(
            relay.commands().contains(&format!("1 {line}")),
            "{:?}",
            relay.commands()
        );
    }
    let relay = Relay::playing(|heard| {
        if is(heard, "AUTH") {
            Play::Say("535 5.7.8 s3cret is wrong")
        } else {
            Play::Usual
        }
    })
    .await;
    let (channel, parcels) = adapter(relay.address, &account, 1);
    let verdict = channel.send(&parcels[0]).await;
    let refused = Outcome::ChannelRefused {
        reason: Reason::AuthFailed,
        scope: Scope::Channel,
    };
    assert_eq!(
        (verdict.outcome, verdict.reply.as_str()),
        (refused, "535 5.7.8")
    );
}

#[tokio::test]
async fn a_relay_without_the_security_asked_for_gets_nothing() {
    for (tls, greeting) in [
        ("starttls", "220 x"),
        ("starttls", "220 x\r\n250 injected"),
        ("implicit", "220 x"),
    ] {
        for refusal in ["250 no extensions", "250-x\r\n250 STARTTLS"] {
            let relay = Relay::playing(move |heard| match heard.line.as_str() {
                "connect" => Play::Say(greeting),
                "EHLO test_channel" => Play::Say(refusal),
                "STARTTLS" => Play::Say("220 go\r\n250 injected"),
                _ => Play::Usual,
            })
            .await;
            let settings = json!({"tls": tls, "username": "oyez", "password": "s3cret"});
            let (channel, parcels) = adapter(relay.address, &settings, 1);
            let verdict = channel.send(&parcels[0]).await;
            let down = matches!(
                verdict.outcome,
                Outcome::ChannelDown {
                    reason: Reason::Tls | Reason::Protocol | Reason::Timeout,
                    ..
                }
            );
            assert!(down, "{tls} {refusal}: {verdict:?}");
            let heard = relay.commands().join("\n");
            assert!(
                !heard.contains("AUTH") && !heard.contains("MAIL"),
                "{heard}"
            );
        }
    }
}

#[tokio::test]
async fn an_unreachable_relay_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (channel, parcels) = adapter(address, &json!({}), 1);
    assert_eq!(send_all(&channel, &parcels).await, [down(Reason::Connect)]);
    assert!(
        channel
            .check()
            .await
            .unwrap_err()
            .contains("Could not connect")
    );
}
