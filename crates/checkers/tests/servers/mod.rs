//! Small servers on 127.0.0.1, each with one way to answer.
#![allow(dead_code, reason = "each test needs a part of them only")]

use std::net::SocketAddr;
use std::time::Duration;

use checkers::{Dial, HttpProbe, HttpVersion, Probe, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server and what it was asked.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The requests, one for each connection.
    pub requests: mpsc::UnboundedReceiver<Vec<u8>>,
}

/// Starts a server that reads a request from each connection, then gives it to `answer`.
pub async fn serve<F, R>(answer: F) -> Server
where
    F: Fn(TcpStream) -> R + Send + Clone + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (asked, answer) = (asked.clone(), answer.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_buf(&mut request).await {
                        Ok(0) | Err(_) => break,
                        Ok(_) => {}
                    }
                }
                let _ = asked.send(request);
                answer(stream).await;
            });
        }
    });
    Server { address, requests }
}

/// Starts a server that answers with `bytes` and closes.
pub async fn says(bytes: &'static [u8]) -> Server {
    serve(move |mut stream| async move {
        let _ = stream.write_all(bytes).await;
    })
    .await
}

/// How to reach a server.
pub fn dial(target: SocketAddr, timeout: Duration) -> Dial {
    Dial {
        target,
        bind: None,
        bind_interface: None,
        fwmark: None,
        timeout,
    }
}

/// A check of the page `/x`, for any success status.
pub fn http(target: SocketAddr, timeout: Duration) -> HttpProbe {
    HttpProbe {
        dial: dial(target, timeout),
        tls: None,
        sni: false,
        version: HttpVersion::V1_0,
        fast_recovery: false,
        urls: vec![Url {
            path: "/x".into(),
            digest: None,
            status: vec![],
            virtualhost: None,
            pattern: None,
            tls_compliant: false,
            tls_verify: false,
        }],
    }
}

/// An address nobody listens on, kept from others as long as the socket lives.
pub fn refusing() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// One attempt for the first page.
pub async fn attempt(probe: Probe) -> checkers::Outcome {
    checkers::probe::attempt(&probe, 0).await
}
