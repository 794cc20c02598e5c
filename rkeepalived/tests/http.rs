//! The status over HTTP, as a browser, a scraper and a probe see it. With an empty configuration, on loopback alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

struct Daemon {
    process: Child,
    address: SocketAddr,
    notified: UnixDatagram,
    _folder: TempDir,
}

impl Daemon {
    /// Runs and is ready.
    fn start(address: SocketAddr, watchdog: Option<Duration>) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("keepalived.conf"), "global_defs {\n}\n").unwrap();
        let notified = UnixDatagram::bind(file("notify")).unwrap();
        notified
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rkeepalived"));
        command
            .args(["-n", "-G", "-f"])
            .arg(file("keepalived.conf"))
            .arg("-p")
            .arg(file("parent.pid"))
            .arg("--socket")
            .arg(file("sockets"))
            .arg(format!("--http={address}"))
            .env("NOTIFY_SOCKET", file("notify"))
            .stderr(Stdio::null());
        if let Some(time) = watchdog {
            command.env("WATCHDOG_USEC", time.as_micros().to_string());
        }
        let daemon = Daemon {
            process: command.spawn().unwrap(),
            address,
            notified,
            _folder: folder,
        };
        assert_eq!(daemon.heard(), "READY=1\n");
        daemon
    }

    fn heard(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.notified.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// The whole answer, head and body.
    fn answer(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn got(&self, path: &str, more: &str) -> String {
        self.answer(&format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n"
        ))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody has.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn all_places_answer() {
    let daemon = Daemon::start(free(), None);
    for (path, wanted) in [
        ("/", "<!DOCTYPE html>"),
        ("/metrics", "\nkeepalived_up 1\n"),
        ("/livez", "\r\n\r\nok\n"),
        ("/readyz", "\r\n\r\nok\n"),
        ("/status.json", "{\"version\":1,"),
        ("/page.css", "prefers-color-scheme"),
        ("/page.js", "use strict"),
    ] {
        let answer = daemon.got(path, "");
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{path}: {answer}"
        );
        assert!(answer.contains(wanted), "{path}: {answer}");
    }
    // The last piece, and the chunk that ends them (RFC 9112 section 7.1).
    let open = "Accept: application/openmetrics-text;version=1.0.0\r\n";
    let answer = daemon.got("/metrics", open);
    assert!(answer.ends_with("\n# EOF\n\r\n0\r\n\r\n"), "{answer}");
    // Whoever does not know chunks has it until the connection ends.
    let answer = daemon.answer(&format!("GET /metrics HTTP/1.0\r\n{open}\r\n"));
    assert!(answer.ends_with("\n# EOF\n"), "{answer}");
    assert!(!answer.contains("chunked"), "{answer}");
    let answer = daemon.answer("POST / HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 405 "), "{answer}");
}

#[test]
fn clients_that_say_nothing_or_rubbish_hold_up_nobody() {
    let daemon = Daemon::start(free(), None);
    let silent: Vec<TcpStream> = (0..16)
        .map(|_| TcpStream::connect(daemon.address).unwrap())
        .collect();
    let answer = daemon.answer("\u{16}\u{3}\u{1} rubbish\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(daemon.got("/livez", "").ends_with("ok\n"));
    drop(silent);
}

#[test]
fn a_port_that_somebody_has_does_not_stop_the_daemon() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    Daemon::start(taken.local_addr().unwrap(), None);
}

#[test]
fn systemd_s_watchdog_hears_of_us() {
    let daemon = Daemon::start(free(), Some(Duration::from_millis(400)));
    assert_eq!(daemon.heard(), "WATCHDOG=1\n");
    assert_eq!(daemon.heard(), "WATCHDOG=1\n");
}
