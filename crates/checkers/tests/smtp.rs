//! `SMTP_CHECK` against real sockets.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use checkers::{Evidence, Failure, Outcome, Probe, SmtpFailure, SmtpFault, SmtpProbe, SmtpStep};
use servers::{attempt, dial, refusing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

fn probe(target: SocketAddr, timeout: Duration) -> Probe {
    Probe::Smtp(SmtpProbe {
        dial: dial(target, timeout),
        helo_name: "checker.example.org".into(),
    })
}

/// What a server does with a connection.
#[derive(Clone, Copy)]
enum Act {
    Say(&'static [u8]),
    /// Waits for a line.
    Hear,
    /// Waits for the other side's end.
    Hang,
}
use Act::{Hang, Hear, Say};

/// One attempt with a server that does these things and closes, and what the server heard.
async fn talk(acts: &'static [Act], timeout: Duration) -> (Outcome, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        for act in acts {
            match act {
                Say(bytes) => stream.write_all(bytes).await.unwrap_or_default(),
                Hear => {
                    while !matches!(
                        stream.read_u8().await.inspect(|byte| heard.push(*byte)),
                        Ok(b'\n') | Err(_)
                    ) {}
                }
                Hang => drop(stream.read_to_end(&mut heard).await),
            }
        }
        told.send(String::from_utf8(heard).unwrap()).unwrap();
    });
    let outcome = attempt(probe(address, timeout)).await;
    (outcome, heard.await.unwrap())
}

fn failure(step: SmtpStep, fault: SmtpFault) -> Outcome {
    Outcome::Failure(Failure::Smtp(SmtpFailure { step, fault }))
}

async fn said(acts: &'static [Act]) -> String {
    match talk(acts, LONG).await.0 {
        Outcome::Success(_) => "well".into(),
        Outcome::Failure(failure) => failure.to_string(),
    }
}

#[tokio::test]
async fn a_server_that_speaks_is_a_success() {
    let acts = &[
        Say(b"220 hi\r\n"),
        Hear,
        Say(b"250 ok\r\n"),
        Hear,
        Say(b"221 bye\r\n"),
        Hang,
    ];
    let (outcome, heard) = talk(acts, LONG).await;
    assert_eq!(outcome, Outcome::Success(Evidence::Spoke));
    assert_eq!(heard, "HELO checker.example.org\r\nQUIT\r\n");
}

#[tokio::test]
async fn pieces_and_several_lines_are_a_success() {
    let acts = &[
        Say(b"220-hi\r\n22"),
        Say(b"0 there\r\n"),
        Hear,
        Say(b"250-a\n"),
        Say(b"250 b\n"),
        Hear,
        // keepalived behaviour: whatever it says.
        Say(b"500 what?\r\n"),
    ];
    assert_eq!(said(acts).await, "well");
}

#[tokio::test]
async fn each_reply_has_to_be_the_right_one() {
    assert_eq!(
        said(&[Say(b"554 no service\r\n"), Hang]).await,
        "greeting 554 no service, wanted 220"
    );
    assert_eq!(
        said(&[Say(b"421-busy\r\n421 later\r\n"), Hang]).await,
        "greeting 421 busy, wanted 220"
    );
    assert_eq!(
        said(&[Say(b"220 hi\r\n"), Hear, Say(b"501 who?\r\n"), Hang]).await,
        "reply to HELO 501 who?, wanted 250"
    );
    assert_eq!(
        said(&[Say(b"SSH-2.0-x\r\n"), Hang]).await,
        "greeting is not SMTP: a line without a code"
    );
    assert_eq!(
        said(&[Say(b"220 hi\r\n250 ok\r\n"), Hang]).await,
        "more than a greeting, unasked"
    );
    assert_eq!(
        said(&[Say(&[b'2'; 600]), Hang]).await,
        "greeting is not SMTP: a line of more than 512 bytes"
    );
}

#[tokio::test]
async fn the_farewell_has_to_come() {
    assert_eq!(
        said(&[Say(b"220 hi\r\n"), Hear, Say(b"250 ok\r\n"), Hear]).await,
        "closed before the reply to QUIT"
    );
    assert_eq!(said(&[]).await, "closed before the greeting");
}

#[tokio::test]
async fn a_mute_server_fails_at_the_deadline() {
    let mute = |step| failure(step, SmtpFault::Mute { after: SHORT });
    assert_eq!(talk(&[Hang], SHORT).await.0, mute(SmtpStep::Greeting));
    let acts = &[Say(b"220 hi\r\n"), Hear, Say(b"250 o"), Hang];
    assert_eq!(talk(acts, SHORT).await.0, mute(SmtpStep::Helo));
}

#[tokio::test]
async fn a_server_that_never_ends_a_reply_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(b"220-more\r\n").await.is_ok() {}
    });
    let started = Instant::now();
    let Outcome::Failure(failure) = attempt(probe(address, LONG)).await else {
        unreachable!("it says nothing but 220-")
    };
    assert_eq!(
        failure.to_string(),
        "greeting is not SMTP: more than 65536 bytes"
    );
    assert!(started.elapsed() < LONG);
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let (_kept, address) = refusing();
    assert_eq!(
        attempt(probe(address, LONG)).await,
        Outcome::Failure(Failure::Refused)
    );
}
