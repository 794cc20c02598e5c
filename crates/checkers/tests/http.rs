//! `HTTP_GET` and `SSL_GET` against servers that answer well, badly, slowly and not at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod servers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use checkers::{Evidence, Failure, HttpProbe, HttpVersion, Outcome, PagePattern, Probe};
use pattern::{Pattern, Range};
use servers::{attempt, http, refusing, says, serve};
use tokio::io::AsyncWriteExt;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

// md5sum of "hello\n", and of no bytes.
const HELLO: &str = "b1946ac92492d2347c6235b4d2611184";
const NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

fn with(mut probe: HttpProbe, change: impl FnOnce(&mut HttpProbe)) -> Probe {
    change(&mut probe);
    Probe::Http(probe)
}

async fn failure(probe: Probe) -> Failure {
    match attempt(probe).await {
        Outcome::Failure(failure) => failure,
        Outcome::Success(evidence) => panic!("{evidence:?}"),
    }
}

/// Without a digest where none was wanted.
fn answered(status: u16, digest: &str, length: u64) -> Outcome {
    Outcome::Success(Evidence::Answered {
        status,
        digest: digest.parse().ok(),
        length,
    })
}

fn hashing(probe: HttpProbe, digest: &str) -> Probe {
    with(probe, |probe| {
        for url in &mut probe.urls {
            url.digest = digest.parse().ok();
        }
    })
}

fn searching(target: SocketAddr, pattern: &str, negate: bool, range: Range) -> Probe {
    let pattern = PagePattern {
        pattern: Arc::new(Pattern::compile(pattern, &[]).unwrap()),
        negate,
        range,
    };
    with(http(target, LONG), |probe| {
        for url in &mut probe.urls {
            url.pattern = Some(pattern.clone());
        }
    })
}

#[tokio::test]
async fn a_good_page_is_a_success() {
    let server = says(OK).await;
    let probe = with(http(server.address, LONG), |probe| {
        for url in &mut probe.urls {
            url.digest = Some(HELLO.parse().unwrap());
        }
    });
    assert_eq!(attempt(probe).await, answered(200, HELLO, 6));
}

#[tokio::test]
async fn the_request_is_the_one_keepalived_sends() {
    let mut server = says(OK).await;
    let probe = with(http(server.address, LONG), |probe| {
        probe.version = HttpVersion::V1_1;
        for url in &mut probe.urls {
            url.virtualhost = Some("www.example.org".into());
        }
    });
    attempt(probe).await;
    // Recorded from keepalived 2.2.7.
    assert_eq!(
        server.requests.recv().await.unwrap(),
        b"GET /x HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.org\r\n\r\n"
    );
}

#[tokio::test]
async fn the_status_counts_also_with_a_digest() {
    let server = says(b"HTTP/1.1 503 Busy\r\n\r\nhello\n").await;
    let probe = with(http(server.address, LONG), |probe| {
        for url in &mut probe.urls {
            url.digest = Some(HELLO.parse().unwrap());
        }
    });
    assert_eq!(
        failure(probe).await.to_string(),
        "status 503, wanted 200-299"
    );
}

#[tokio::test]
async fn a_configured_status_replaces_the_usual_ones() {
    let server = says(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n").await;
    let wanting = |status: u16| {
        with(http(server.address, LONG), |probe| {
            for url in &mut probe.urls {
                url.status = vec![status..=status];
            }
        })
    };
    assert_eq!(attempt(wanting(302)).await, answered(302, "", 0));
    assert_eq!(
        failure(wanting(200)).await.to_string(),
        "status 302, wanted 200"
    );
}

#[tokio::test]
async fn another_page_is_told_by_its_digest() {
    let server = says(OK).await;
    let probe = with(http(server.address, LONG), |probe| {
        for url in &mut probe.urls {
            url.digest = Some(NOTHING.parse().unwrap());
        }
    });
    assert_eq!(
        failure(probe).await.to_string(),
        format!("digest {HELLO}, wanted {NOTHING}")
    );
}

#[tokio::test]
async fn what_is_no_answer_is_told() {
    let (_kept, closed) = refusing();
    let silent = says(b"").await.address;
    let garbage = says(b"\x00\xff garbage\r\n\r\n").await.address;
    let cut = says(b"HTTP/1.1 200 OK\r\nCont").await.address;
    assert_eq!(
        failure(Probe::Http(http(closed, LONG))).await,
        Failure::Refused
    );
    assert_eq!(
        failure(Probe::Http(http(silent, LONG))).await,
        Failure::ClosedEarly { received: 0 }
    );
    assert_eq!(
        failure(Probe::Http(http(garbage, LONG))).await.to_string(),
        r#"the answer is not HTTP: "\x00\xff garbage""#
    );
    assert_eq!(
        failure(Probe::Http(http(cut, LONG))).await,
        Failure::ClosedEarly { received: 21 }
    );
}

#[tokio::test]
async fn a_reset_is_told() {
    let server = serve(|stream| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    let failure = failure(Probe::Http(http(server.address, LONG))).await;
    assert_eq!(
        failure.to_string(),
        "connection lost after 0 bytes: Connection reset by peer"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_fails_at_the_deadline() {
    let server = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let started = Instant::now();
    let failure = failure(Probe::Http(http(server.address, SHORT))).await;
    assert_eq!(
        failure,
        Failure::NoAnswer {
            after: SHORT,
            received: 0
        }
    );
    assert!(started.elapsed() < LONG);
}

#[tokio::test]
async fn a_server_that_drips_fails_at_the_deadline_too() {
    let server = serve(|mut stream| async move {
        for &byte in OK.iter().cycle() {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(SHORT / 20).await;
        }
    })
    .await;
    let started = Instant::now();
    let Failure::NoAnswer { after, received } =
        failure(Probe::Http(http(server.address, SHORT))).await
    else {
        panic!("dripping is no answer")
    };
    assert_eq!(after, SHORT);
    assert!(received > 0);
    assert!(started.elapsed() < LONG);
}

#[tokio::test]
async fn a_chunked_body_is_hashed_as_it_stands() {
    let server =
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n")
            .await;
    // As keepalived 2.2.7's genhash says.
    let digest = "8aea47faa8ff765544508726bbcd3b9d";
    let outcome = attempt(hashing(http(server.address, LONG), digest)).await;
    assert_eq!(outcome, answered(200, digest, 16));
}

#[tokio::test]
async fn a_large_body_is_hashed_and_not_kept() {
    const SIZE: u64 = 100 * 1024 * 1024;
    let server = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        let zeroes = vec![0; 1024 * 1024];
        for _ in 0..SIZE / 1024 / 1024 {
            if stream.write_all(&zeroes).await.is_err() {
                break;
            }
        }
    })
    .await;
    let before = peak();
    // head -c 100M /dev/zero | md5sum
    let digest = "2f282b84e7e608d5852449ed940bfc51";
    let outcome = attempt(hashing(http(server.address, 6 * LONG), digest)).await;
    assert_eq!(outcome, answered(200, digest, SIZE));
    assert!(peak() - before < 50 * 1024, "{before} -> {} KiB", peak());
}

/// The most memory this process has had, in KiB (proc(5), VmHWM).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn bytes_that_are_always_there_do_not_stop_the_clock() {
    let server = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        let zeroes = vec![0; 1024 * 1024];
        while stream.write_all(&zeroes).await.is_ok() {}
    })
    .await;
    let started = Instant::now();
    let failure = failure(hashing(http(server.address, SHORT), NOTHING)).await;
    assert!(
        matches!(failure, Failure::NoAnswer { received: 1.., .. }),
        "{failure}"
    );
    assert!(started.elapsed() < LONG);
}

#[tokio::test]
async fn an_endless_header_is_given_up() {
    let server = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n").await;
        while stream.write_all(b"X: y\r\n").await.is_ok() {}
    })
    .await;
    let failure = failure(Probe::Http(http(server.address, LONG))).await;
    assert_eq!(failure, Failure::HeaderTooLong { limit: 65536 });
}

#[tokio::test]
async fn a_page_that_is_not_there_is_no_panic() {
    let server = says(OK).await;
    let probe = with(http(server.address, LONG), |probe| probe.urls.clear());
    assert_eq!(failure(probe).await, Failure::NoUrl);
}

#[tokio::test]
async fn a_page_is_searched() {
    let server = says(b"HTTP/1.0 200 OK\r\nServer: needle\r\n\r\nhay needle hay").await;
    let told = async |pattern: &str, negate| {
        let probe = searching(server.address, pattern, negate, Range::default());
        match attempt(probe).await {
            Outcome::Success(_) => String::new(),
            Outcome::Failure(failure) => failure.to_string(),
        }
    };
    assert_eq!(told("needle", false).await, "");
    assert_eq!(
        told("needle", true).await,
        "`needle` after 4 bytes, wanted nowhere"
    );
    // The header is not searched, and the end is the end.
    assert_eq!(told("Server", false).await, "`Server` is not in 14 bytes");
    assert_eq!(told("Server", true).await, "");
    assert_eq!(told("^hay .* hay$", false).await, "");
}

#[tokio::test]
async fn pieces_and_content_length_do_not_hide_what_is_searched_for() {
    let server = serve(|mut stream| async move {
        for piece in [
            &b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nab nee"[..],
            b"dle needle",
        ] {
            let _ = stream.write_all(piece).await;
            tokio::time::sleep(SHORT / 10).await;
        }
    })
    .await;
    let range = Range::default();
    let found = attempt(searching(server.address, "needle", false, range)).await;
    assert_eq!(found, answered(200, "", 9));
    let later = Range { from: 4, ..range };
    let failure = failure(searching(server.address, "needle", false, later)).await;
    assert_eq!(failure.to_string(), "`needle` is not in 9 bytes");
}

#[tokio::test]
async fn a_large_page_is_searched_to_its_end() {
    let server = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        let filler = vec![b'.'; 1024 * 1024];
        for _ in 0..20 {
            let _ = stream.write_all(&filler).await;
        }
        let _ = stream.write_all(b"needle").await;
        let _ = stream.write_all(&filler).await;
    })
    .await;
    let range = Range::default();
    let probe = searching(server.address, "ne+dle", false, range);
    let length = 21 * 1024 * 1024 + 6;
    assert_eq!(attempt(probe).await, answered(200, "", length));
}

#[tokio::test]
async fn a_pattern_that_would_take_for_ever_is_given_up_and_others_have_their_turn() {
    let server = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
        let _ = stream.write_all(&[b'a'; 60_000]).await;
    })
    .await;
    let probe = searching(server.address, "(a+)+$(*F)", false, Range::default());
    let mut waits = 0;
    let mut attempt = std::pin::pin!(attempt(probe));
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut attempt => break outcome,
            () = tokio::task::yield_now() => waits += 1,
        }
    };
    assert!(waits > 0);
    let Outcome::Failure(failure @ Failure::TooCostly { .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        failure.to_string(),
        "`(a+)+$(*F)` takes too many steps after 0 bytes"
    );
}
