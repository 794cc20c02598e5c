//! `TCP_CHECK` against real sockets.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::time::{Duration, Instant};

use checkers::{Evidence, Failure, Outcome, Probe};
use servers::{attempt, dial, refusing};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn a_listening_port_is_a_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probe = Probe::Tcp(dial(listener.local_addr().unwrap(), LONG));
    assert_eq!(attempt(probe).await, Outcome::Success(Evidence::Connected));
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let (_kept, address) = refusing();
    assert_eq!(
        attempt(Probe::Tcp(dial(address, LONG))).await,
        Outcome::Failure(Failure::Refused)
    );
}

#[tokio::test]
async fn a_connection_with_itself_is_none() {
    let (kept, address) = refusing();
    drop(kept);
    let mut probe = dial(address, LONG);
    // What the kernel does by chance with a closed port in its range for outgoing connections.
    probe.bind = Some(address);
    assert_eq!(
        attempt(Probe::Tcp(probe)).await,
        Outcome::Failure(Failure::Refused)
    );
}

#[tokio::test]
async fn the_source_address_is_the_one_configured() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut probe = dial(listener.local_addr().unwrap(), LONG);
    let (kept, source) = {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    };
    drop(kept);
    probe.bind = Some(source);
    assert_eq!(
        attempt(Probe::Tcp(probe)).await,
        Outcome::Success(Evidence::Connected)
    );
    assert_eq!(listener.accept().await.unwrap().1, source);
}

#[tokio::test]
async fn a_source_address_that_is_not_ours_is_told() {
    let mut probe = dial("127.0.0.1:9".parse().unwrap(), LONG);
    probe.bind = Some("192.0.2.1:0".parse().unwrap());
    let Outcome::Failure(failure) = attempt(Probe::Tcp(probe)).await else {
        unreachable!("192.0.2.1 is nobody's (RFC 5737)")
    };
    assert_eq!(
        failure.to_string(),
        "cannot bind to 192.0.2.1:0: Cannot assign requested address"
    );
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_told() {
    let mut probe = dial("127.0.0.1:9".parse().unwrap(), LONG);
    probe.bind_interface = Some("nosuch0".into());
    let Outcome::Failure(Failure::Socket { act, .. }) = attempt(Probe::Tcp(probe)).await else {
        unreachable!("there is no such interface")
    };
    assert_eq!(act, "bind to interface nosuch0");
}

#[tokio::test]
async fn a_server_that_drops_packets_fails_at_the_deadline() {
    // With its queue full, Linux drops the SYN of a connection.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let started = Instant::now();
    let failure = loop {
        match attempt(Probe::Tcp(dial(address, SHORT))).await {
            Outcome::Failure(failure) => break failure,
            Outcome::Success(_) => {
                let waiting =
                    tokio::time::timeout(SHORT, tokio::net::TcpStream::connect(address)).await;
                queued.extend(waiting.ok().map(Result::unwrap));
            }
        }
        assert!(started.elapsed() < LONG, "the queue never filled");
    };
    assert_eq!(failure, Failure::ConnectTimedOut { after: SHORT });
}
