//! The mail adapter against a relay that plays a script, stage by stage.

use crate::fixture::{channel, notice, numbered_parcel};
use futures_util::future::join_all;
use oyez_domain::Channel;
use oyez_domain::address::AddressKind;
use oyez_domain::outcome::{Outcome, Reason, Scope};
use oyez_domain::parcel::Parcel;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Something the relay heard: a command, `connect`, or `.` with the message before it.
#[derive(Debug, Clone)]
struct Heard {
    connection: usize,
    line: String,
    message: String,
}

/// What the relay does about it.
enum Play {
    /// Answers as relays do.
    Usual,
    Say(&'static str),
    SayAndCut(&'static str),
    Cut,
    Hang,
    /// Answers too late, then goes on.
    Late(Duration, &'static str),
}

type Script = Arc<dyn Fn(&Heard) -> Play + Send + Sync>;

struct Relay {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn playing(script: impl Fn(&Heard) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (ears, script): (_, Script) = (Arc::clone(&heard), Arc::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                let (script, ears) = (Arc::clone(&script), Arc::clone(&ears));
                connections.spawn(async move {
                    serve(stream, number, &script, &ears).await;
                });
            }
        });
        Self {
            address,
            heard,
            _tasks: tasks,
        }
    }

    fn commands(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|heard| format!("{} {}", heard.connection, heard.line))
            .collect()
    }

    fn messages(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .filter(|h| h.line == ".")
            .map(|h| h.message.clone())
            .collect()
    }
}

async fn serve(
    stream: TcpStream,
    connection: usize,
    script: &Script,
    ears: &Mutex<Vec<Heard>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut heard = Heard {
        connection,
        line: "connect".to_owned(),
        message: String::new(),
    };
    let mut in_data = false;
    loop {
        ears.lock().unwrap().push(heard.clone());
        let play = script(&heard);
        let usual = usual(&heard.line);
        let (said, wait, cut) = match play {
            Play::Usual => (usual, Duration::ZERO, false),
            Play::Say(said) => (said, Duration::ZERO, false),
            Play::SayAndCut(said) => (said, Duration::ZERO, true),
            Play::Late(wait, said) => (said, wait, false),
            Play::Cut => return None,
            Play::Hang => std::future::pending().await,
        };
        tokio::time::sleep(wait).await;
        stream
            .get_mut()
            .write_all(format!("{said}\r\n").as_bytes())
            .await
            .ok()?;
        if cut {
            return None;
        }
        in_data = heard.line == "DATA" && said.starts_with("354") || in_data && heard.line != ".";
        heard.message.clear();
        heard.line = read_line(&mut stream).await?;
        while in_data && heard.line != "." {
            heard.message.push_str(&heard.line);
            heard.message.push('\n');
            heard.line = read_line(&mut stream).await?;
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then_some(())?;
    Some(
        line.strip_suffix("\r\n")
            .expect("lines end with CRLF")
            .to_owned(),
    )
}

fn usual(line: &str) -> &'static str {
    match line.split([' ', ':']).next().unwrap_or("") {
        "connect" => "220 relay.test ESMTP",
        "EHLO" => "250-relay.test\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN",
        "DATA" => "354 go ahead",
        "." => "250 2.0.0 Ok: queued as 4ZxQ1",
        "QUIT" => "221 bye",
        "AUTH" => "235 2.7.0 welcome",
        _ => "250 2.1.0 Ok",
    }
}

/// An adapter for this relay and a parcel for each of so many residents.
fn adapter(at: SocketAddr, changes: Value, residents: u32) -> (Arc<dyn Channel>, Vec<Parcel>) {
    let mut settings = json!({
        "host": "127.0.0.1", "port": at.port(), "tls": "none", "from": "WCC <updates@status.example.gov.uk>",
        "hello": "test_channel", "connections": 1, "reply_seconds": 1, "dot_seconds": 1
    });
    settings
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let channel = channel("smtp", settings);
    let rendered = Arc::new(channel.render(&notice()).unwrap());
    let parcel = |n: u32| {
        let address = format!("r{n}@example.org");
        numbered_parcel(Arc::clone(&rendered), AddressKind::Email, &address, n)
    };
    (channel, (1..=residents).map(parcel).collect())
}

async fn send_all(channel: &Arc<dyn Channel>, parcels: &[Parcel]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for parcel in parcels {
        outcomes.push(channel.send(parcel).await.outcome);
    }
    outcomes
}

fn accepted() -> Outcome {
    Outcome::Accepted {
        reference: Some("4ZxQ1".to_owned()),
    }
}

fn down(reason: Reason) -> Outcome {
    Outcome::ChannelDown {
        reason,
        scope: Scope::Channel,
    }
}

fn is(heard: &Heard, command: &str) -> bool {
    heard.line.starts_with(command)
}

#[tokio::test]
async fn messages_go_over_one_connection_each_with_its_own_sender() {
    for pipelining in [true, false] {
        let relay = Relay::playing(|_| Play::Usual).await;
        let (channel, parcels) = adapter(relay.address, json!({"pipelining": pipelining}), 3);
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
        let (channel, parcels) = adapter(relay.address, json!({"pipelining": pipelining}), 3);
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

#[tokio::test]
async fn each_stage_has_its_own_outcome() {
    for (at, reply, expected) in [
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
    ] {
        for pipelining in [true, false] {
            let relay = Relay::playing(move |heard| {
                if is(heard, at) {
                    Play::Say(reply)
                } else {
                    Play::Usual
                }
            })
            .await;
            let (channel, parcels) = adapter(relay.address, json!({"pipelining": pipelining}), 1);
            assert_eq!(
                send_all(&channel, &parcels).await,
                [expected.clone()],
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
                    adapter(relay.address, json!({"pipelining": pipelining}), 1);
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
    let (channel, parcels) = adapter(relay.address, json!({}), 2);
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
    let (channel, parcels) = adapter(relay.address, json!({"dot_seconds": 600}), 2);
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
        let (channel, parcels) = adapter(relay.address, json!({}), 2);
        assert_eq!(send_all(&channel, &parcels).await, [accepted(), accepted()]);
        assert_eq!(relay.messages().len(), 2);
    }
}

#[tokio::test]
async fn a_connection_serves_so_many_messages_and_no_more() {
    let relay = Relay::playing(|_| Play::Usual).await;
    let (channel, parcels) = adapter(relay.address, json!({"messages_per_connection": 2}), 5);
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
    let (channel, parcels) = adapter(relay.address, json!({"connections": 3}), 20);
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
        let (channel, parcels) = adapter(relay.address, account.clone(), 1);
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
    let (channel, parcels) = adapter(relay.address, account, 1);
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
            let (channel, parcels) = adapter(relay.address, settings, 1);
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
    let (channel, parcels) = adapter(address, json!({}), 1);
    assert_eq!(send_all(&channel, &parcels).await, [down(Reason::Connect)]);
    assert!(
        channel
            .check()
            .await
            .unwrap_err()
            .contains("Could not connect")
    );
}
