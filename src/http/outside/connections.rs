//! The accept loop, over real sockets.

use super::house::{Fixture, TOKEN};
use crate::places::Rank;
use crate::serve::{Guest, Listeners, bind_socket, converse, serve};
use crate::state::Door;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

const GUEST: Guest = Guest {
    door: Door::Network,
    rank: Rank::Ordinary,
};

async fn everything(mut stream: impl AsyncReadExt + Unpin) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn answers_come_over_network_and_socket_and_the_end_is_clean() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    std::fs::write(&path, "left behind by a crash").unwrap();
    let socket = bind_socket(&path).unwrap();
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let end = CancellationToken::new();
    let listeners = Listeners {
        network: vec![tcp],
        socket: Some(socket),
    };
    let served = serve(
        listeners,
        fixture.settings.clone(),
        fixture.desk.clone(),
        std::sync::Arc::clone(&fixture.house.accounts),
        end.clone(),
    );
    let visit = async {
        let mut network = TcpStream::connect(address).await.unwrap();
        network
            .write_all(
                b"GET /api/v1/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            )
            .await
            .unwrap();
        assert!(everything(network).await.starts_with("HTTP/1.1 401"));
        let mut network = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/v1/queue HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        );
        network.write_all(request.as_bytes()).await.unwrap();
        assert!(everything(network).await.starts_with("HTTP/1.1 200"));
        let mut operator = UnixStream::connect(&path).await.unwrap();
        operator
            .write_all(b"GET /api/v1/queue HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        assert!(everything(operator).await.starts_with("HTTP/1.1 200"));
        // A stream that is open does not hold up the end.
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        end.cancel();
        assert!(everything(stream).await.contains("retry: 3000"));
    };
    tokio::join!(served, visit);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let fixture = Fixture::new();
    let (mut client, server) = tokio::io::duplex(4096);
    let (patience, end) = (Duration::from_millis(50), CancellationToken::new());
    let conversation = converse(server, GUEST, fixture.router.clone(), patience, end);
    let dribble = async {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            .await
            .unwrap();
        everything(client).await
    };
    let both = async { tokio::join!(conversation, dribble) };
    let ((), answer) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("the connection is cut");
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_not_read_at_all() {
    let fixture = Fixture::new();
    for head in [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    ] {
        let (mut client, server) = tokio::io::duplex(4096);
        let conversation = converse(
            server,
            GUEST,
            fixture.router.clone(),
            Duration::from_secs(10),
            CancellationToken::new(),
        );
        let talk = async {
            client.write_all(head.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            everything(client).await
        };
        let ((), answer) = tokio::join!(conversation, talk);
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
}
