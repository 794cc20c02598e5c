//! Connecting as the configuration says: own socket, own source address, interface and firewall mark.

use std::io;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use crate::outcome::Failure;
use crate::spec::Dial;

/// Connects to `dial.target` before `deadline`.
///
/// # Errors
/// The failure that was seen.
pub async fn connect(dial: &Dial, deadline: Instant) -> Result<TcpStream, Failure> {
    let socket = prepare(dial)?;
    match timeout_at(deadline, socket.connect(dial.target)).await {
        Err(_) => Err(Failure::ConnectTimedOut {
            after: dial.timeout,
        }),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Failure::Refused),
        // The kernel's own limit, shorter than ours.
        Ok(Err(error)) => Err(Failure::Unreachable {
            reason: reason(&error),
        }),
        Ok(Ok(stream)) if is_itself(&stream) => Err(Failure::Refused),
        Ok(Ok(stream)) => Ok(stream),
    }
}

/// The end of an attempt that begins now and may take `timeout`.
pub fn deadline(timeout: Duration) -> Instant {
    // More than an `Instant` can hold is as good as a year.
    let now = Instant::now();
    now.checked_add(timeout)
        .unwrap_or(now + 365 * Duration::from_secs(86_400))
}

/// Whether the kernel chose the very port that we connect to as our own, so that our SYN met itself (RFC 9293
/// section 3.5, simultaneous open). That happens with servers on our own addresses, and nobody listens there.
fn is_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(ours), Ok(theirs)) if ours == theirs)
}

fn prepare(dial: &Dial) -> Result<TcpSocket, Failure> {
    let failed = |act: String| {
        move |error: io::Error| Failure::Socket {
            act,
            reason: reason(&error),
        }
    };
    let domain = Domain::for_address(dial.target);
    let socket = Socket::new(
        domain,
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )
    .map_err(failed("open a socket".into()))?;
    if let Some(mark) = dial.fwmark {
        socket
            .set_mark(mark)
            .map_err(failed(format!("set mark {mark}")))?;
    }
    if let Some(interface) = &dial.bind_interface {
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(failed(format!("bind to interface {interface}")))?;
    }
    if let Some(source) = dial.bind {
        if source.port() != 0 {
            // The port of the last attempt may still be in TIME_WAIT.
            socket
                .set_reuse_address(true)
                .map_err(failed(format!("reuse port {}", source.port())))?;
        }
        socket
            .bind(&SockAddr::from(source))
            .map_err(failed(format!("bind to {source}")))?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// The kernel's words for an error, without the number that std adds.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}
