//! The status over HTTP, read only: metrics, health, JSON, and a page for people. Off unless `--http` asks for it.
//!
//! What it must not know: how to change anything. It asks at the desk; nobody who has work to do waits for it: connections are
//! bounded in number and in time. Enter at [`serve`]. Tests: beside the parts; `answer` on its own documents.

mod answer;
mod exposition;
pub mod metrics;
mod page;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::answer::Answers;
use super::desk::Desk;

pub use self::exposition::Form;

/// Connections at a time; further ones wait in the kernel.
const CONNECTIONS: usize = 32;
/// For a request's head.
const HEAD: Duration = Duration::from_secs(5);
/// For a whole connection, however many requests it carries: one that reads nothing is not kept.
const CONNECTION: Duration = Duration::from_secs(50);
/// For the answer that is under way then.
const LAST: Duration = Duration::from_secs(10);
/// After the system would accept none, for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A place where the status is served.
#[derive(Debug)]
pub struct Http {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
}

impl Http {
    /// Opens it. Within a runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn open(address: SocketAddr) -> io::Result<Http> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Http {
            address: listener.local_addr()?,
            listener: tokio::net::TcpListener::from_std(listener)?,
        })
    }

    /// Answers for ever.
    pub async fn serve(self, desk: Desk) -> Infallible {
        let answers = Arc::new(Answers::new(desk, self.address));
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // Never closed.
            let place = room.clone().acquire_owned().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        connection(stream, answers).await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Answers all requests of a connection. What goes wrong with it is the other end's trouble.
async fn connection(stream: TcpStream, answers: Arc<Answers>) {
    let service = service_fn(|request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.answer(&request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(16 << 10)
            .serve_connection(TokioIo::new(stream), service)
    );
    if timeout(CONNECTION, connection.as_mut()).await.is_err() {
        // An answer that is under way may end.
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST, connection).await;
    }
}
