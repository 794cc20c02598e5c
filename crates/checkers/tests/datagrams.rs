//! `DNS_CHECK`, `UDP_CHECK` and `PING_CHECK` against real sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod servers;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use checkers::{
    DatagramFailure, DnsProbe, Evidence, Failure, Outcome, Probe, ReplyByte, Stray, UdpProbe,
    UdpReply,
};
use servers::{attempt, dial};
use tokio::net::UdpSocket;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

/// Starts a server that answers each datagram with those that `answer` makes of it, some of them from another port.
async fn answering<F>(answer: F) -> SocketAddr
where
    F: Fn(&[u8]) -> Vec<(Source, Vec<u8>)> + Send + 'static,
{
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        while let Ok((count, peer)) = socket.recv_from(&mut buffer).await {
            for (from, datagram) in answer(&buffer[..count]) {
                let socket = match from {
                    Source::Here => &socket,
                    Source::Elsewhere => &other,
                };
                socket.send_to(&datagram, peer).await.unwrap();
            }
        }
    });
    address
}

#[derive(Clone, Copy)]
enum Source {
    Here,
    Elsewhere,
}
use Source::{Elsewhere, Here};

fn udp(target: SocketAddr, timeout: Duration, reply: Option<&[u8]>) -> Probe {
    let whole = |value: &u8| ReplyByte {
        value: *value,
        mask: 0xff,
    };
    Probe::Udp(Box::new(UdpProbe {
        dial: dial(target, timeout),
        payload: b"ping".to_vec(),
        reply: reply.map(|bytes| UdpReply {
            length: 0..=255,
            bytes: bytes.iter().map(whole).collect(),
        }),
    }))
}

fn dns(target: SocketAddr, timeout: Duration) -> Probe {
    Probe::Dns(DnsProbe {
        dial: dial(target, timeout),
        name: "www.example.com".into(),
        kind: 1,
    })
}

fn failure(failure: DatagramFailure) -> Outcome {
    Outcome::Failure(Failure::Datagram(failure))
}

fn no_reply(after: Duration, stray: Option<Stray>) -> Outcome {
    failure(DatagramFailure::NoReply { after, stray })
}

/// A port that nobody has, and that nobody gets while the socket lives: it has it for TCP.
async fn closed() -> (tokio::net::TcpListener, SocketAddr) {
    loop {
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).await.is_ok() {
            return (tcp, address);
        }
    }
}

#[tokio::test]
async fn an_answer_is_a_success() {
    let server = answering(|asked| vec![(Here, asked.to_ascii_uppercase())]).await;
    for reply in [None, Some(&b""[..]), Some(b"PI")] {
        assert_eq!(
            attempt(udp(server, LONG, reply)).await,
            Outcome::Success(Evidence::Replied)
        );
    }
    assert_eq!(
        attempt(udp(server, LONG, Some(b"PO"))).await,
        failure(DatagramFailure::Byte {
            place: 2,
            seen: b'I',
            wanted: ReplyByte {
                value: b'O',
                mask: 0xff
            }
        })
    );
}

#[tokio::test]
async fn an_answer_that_is_too_long() {
    let server = answering(|_| vec![(Here, vec![b'P'; 3000])]).await;
    assert_eq!(
        attempt(udp(server, LONG, Some(b"P"))).await,
        failure(DatagramFailure::Length {
            seen: 256,
            wanted: 0..=255
        })
    );
    assert_eq!(
        attempt(udp(server, LONG, Some(b""))).await,
        Outcome::Success(Evidence::Replied)
    );
}

#[tokio::test]
async fn silence_is_a_success_unless_an_answer_is_required() {
    let server = answering(|_| Vec::new()).await;
    let started = Instant::now();
    assert_eq!(
        attempt(udp(server, SHORT, None)).await,
        Outcome::Success(Evidence::Silent)
    );
    assert!(started.elapsed() >= SHORT);
    assert_eq!(
        attempt(udp(server, SHORT, Some(b""))).await,
        no_reply(SHORT, None)
    );
}

#[tokio::test]
async fn a_closed_port_is_a_failure_at_once() {
    let (_kept, address) = closed().await;
    for probe in [
        udp(address, LONG, None),
        udp(address, LONG, Some(b"")),
        dns(address, LONG),
    ] {
        let outcome = attempt(probe).await;
        assert_eq!(outcome, failure(DatagramFailure::PortUnreachable));
    }
}

#[tokio::test]
async fn an_answer_from_elsewhere_is_none() {
    let server = answering(|asked| vec![(Elsewhere, asked.to_vec())]).await;
    assert_eq!(
        attempt(udp(server, SHORT, Some(b""))).await,
        no_reply(SHORT, None)
    );
    let both = answering(|_| vec![(Elsewhere, b"no".to_vec()), (Here, b"yes".to_vec())]).await;
    assert_eq!(
        attempt(udp(both, LONG, Some(b"yes"))).await,
        Outcome::Success(Evidence::Replied)
    );
}

#[tokio::test]
async fn the_source_is_the_one_configured() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut probe = udp(socket.local_addr().unwrap(), SHORT, None);
    let source = {
        let socket = UdpSocket::bind("127.0.0.9:0").await.unwrap();
        socket.local_addr().unwrap()
    };
    if let Probe::Udp(udp) = &mut probe {
        udp.dial.bind = Some(source);
    }
    attempt(probe).await;
    let mut buffer = [0; 10];
    assert_eq!(socket.recv_from(&mut buffer).await.unwrap(), (4, source));
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_told() {
    let target = "127.0.0.1:9".parse().unwrap();
    let mut probes = vec![dns(target, LONG), udp(target, LONG, None)];
    if may_ping(target.ip()).await {
        probes.push(Probe::Ping(dial(target, LONG)));
    }
    for mut probe in probes {
        let dial = match &mut probe {
            Probe::Dns(dns) => &mut dns.dial,
            Probe::Udp(udp) => &mut udp.dial,
            Probe::Ping(dial) => dial,
            other => unreachable!("{other:?}"),
        };
        dial.bind_interface = Some("nosuch0".into());
        let Outcome::Failure(failure) = attempt(probe).await else {
            unreachable!("there is no such interface")
        };
        assert_eq!(
            failure.to_string(),
            "cannot bind to interface nosuch0: No such device"
        );
    }
}

/// A name server's answer with these flags, and another id if `salt` is not 0.
fn answer(asked: &[u8], flags: u16, salt: u8) -> Vec<u8> {
    let mut answer = asked.to_vec();
    answer[0] ^= salt;
    answer[2..4].copy_from_slice(&flags.to_be_bytes());
    answer
}

#[tokio::test]
async fn a_name_server_that_answers_is_a_success() {
    let server = answering(|asked| vec![(Here, answer(asked, 0x8180, 0))]).await;
    assert_eq!(
        attempt(dns(server, LONG)).await,
        Outcome::Success(Evidence::Resolved { answers: 0 })
    );
}

#[tokio::test]
async fn a_response_code_is_a_failure() {
    let server = answering(|asked| vec![(Here, answer(asked, 0x8183, 0))]).await;
    let Outcome::Failure(failure) = attempt(dns(server, LONG)).await else {
        unreachable!("NXDOMAIN")
    };
    assert_eq!(failure.to_string(), "rcode 3 (NXDOMAIN), wanted 0");
}

#[tokio::test]
async fn what_is_no_answer_is_passed_over() {
    let server = answering(|asked| {
        vec![
            (Elsewhere, answer(asked, 0x8182, 0)),
            (Here, Vec::new()),
            (Here, answer(asked, 0x8182, 0x55)),
            (Here, answer(asked, 0x8180, 0)),
        ]
    })
    .await;
    assert!(attempt(dns(server, LONG)).await.is_success());
    let server = answering(|asked| vec![(Here, answer(asked, 0x8180, 0x55))]).await;
    assert_eq!(
        attempt(dns(server, SHORT)).await,
        no_reply(SHORT, Some(Stray::OtherId))
    );
}

#[tokio::test]
async fn a_flood_does_not_outlast_the_deadline() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let flood = tokio::spawn(async move {
        let (_, peer) = socket.recv_from(&mut [0; 100]).await.unwrap();
        loop {
            let _nobody_there = socket.send_to(b"not an answer", peer).await;
            tokio::task::yield_now().await;
        }
    });
    let started = Instant::now();
    assert_eq!(
        attempt(dns(server, SHORT)).await,
        no_reply(SHORT, Some(Stray::OtherId))
    );
    assert!(started.elapsed() < LONG);
    flood.abort();
}

#[tokio::test]
async fn a_name_that_is_none_is_told() {
    let mut probe = dns("127.0.0.1:9".parse().unwrap(), LONG);
    if let Probe::Dns(dns) = &mut probe {
        dns.name = "x".repeat(64);
    }
    let Outcome::Failure(failure) = attempt(probe).await else {
        unreachable!("a label has 63 bytes at most")
    };
    assert!(failure.to_string().ends_with(": long label"), "{failure}");
}

/// Whether this machine lets us send echo requests; the daemon widens the range of groups, a test does not.
async fn may_ping(address: IpAddr) -> bool {
    let outcome = attempt(Probe::Ping(dial(SocketAddr::new(address, 0), SHORT))).await;
    let denied = matches!(&outcome, Outcome::Failure(Failure::Socket { .. }));
    if denied {
        eprintln!("not run: an echo to {address}: {outcome:?}");
    }
    !denied
}

#[tokio::test]
async fn an_echo_comes_back() {
    for address in [
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        let there = address.is_ipv4() || UdpSocket::bind((address, 0)).await.is_ok();
        if there && may_ping(address).await {
            assert_eq!(
                attempt(Probe::Ping(dial(SocketAddr::new(address, 80), LONG))).await,
                Outcome::Success(Evidence::Replied)
            );
        }
    }
}
