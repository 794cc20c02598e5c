//! Connecting as the configuration says: own socket, own source address, interface and firewall mark; for streams and for
//! datagrams.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use crate::datagrams::Carrier;
use crate::ephemeral;
use crate::outcome::Failure;
use crate::spec::Dial;

const PING_DENIED: &str =
    "open a socket for ICMP (net.ipv4.ping_group_range does not have our group)";

/// Connects to `dial.target` before `deadline`.
///
/// # Errors
/// The failure that was seen.
pub async fn connect(dial: &Dial, deadline: Instant) -> Result<TcpStream, Failure> {
    timeout_at(deadline, open(dial))
        .await
        .unwrap_or(Err(Failure::ConnectTimedOut {
            after: dial.timeout,
        }))
}

/// Connects to `dial.target`, for a caller who keeps the time.
///
/// # Errors
/// The failure that was seen.
pub async fn open(dial: &Dial) -> Result<TcpStream, Failure> {
    let socket = prepare(dial, Type::STREAM, Protocol::TCP)?;
    let socket = TcpSocket::from_std_stream(socket.into());
    match socket.connect(dial.target).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Failure::Refused),
        // The kernel's own limit, shorter than ours.
        Err(error) => Err(Failure::Unreachable {
            reason: reason(&error),
        }),
        Ok(stream) if may_be_itself(dial) && is_itself(&stream, dial.target) => {
            Err(Failure::Refused)
        }
        Ok(stream) => Ok(stream),
    }
}

/// The end of an attempt that begins now and may take `timeout`.
pub fn deadline(timeout: Duration) -> Instant {
    // More than an `Instant` can hold is as good as a year.
    let now = Instant::now();
    now.checked_add(timeout)
        .unwrap_or(now + 365 * Duration::from_secs(86_400))
}

/// Whether our own port can be the target's at all; mostly it cannot, and there is nothing to ask the kernel.
fn may_be_itself(dial: &Dial) -> bool {
    let port = dial.target.port();
    match dial.bind.map(|source| source.port()) {
        None | Some(0) => ephemeral::includes(port),
        Some(ours) => ours == port,
    }
}

/// Whether the kernel chose the very port that we connect to as our own, so that our SYN met itself (RFC 9293
/// section 3.5, simultaneous open). That happens with servers on our own addresses, and nobody listens there.
fn is_itself(stream: &TcpStream, target: SocketAddr) -> bool {
    // Another port of ours, as nearly always, settles it with one system call.
    let ours = stream.local_addr().ok();
    ours.filter(|ours| ours.port() == target.port())
        .is_some_and(|ours| stream.peer_addr().is_ok_and(|theirs| ours == theirs))
}

/// A socket for datagrams to `dial.target`, not connected yet. Once it is, each ICMP error to what it sent comes back as
/// an error of the next call; without more asked for, Linux tells of a closed port only.
///
/// # Errors
/// The failure that was seen.
pub fn datagram(dial: &Dial, carrier: Carrier) -> Result<Socket, Failure> {
    let ipv6 = dial.target.is_ipv6();
    let protocol = match carrier {
        Carrier::Udp => Protocol::UDP,
        Carrier::Icmp if ipv6 => Protocol::ICMPV6,
        Carrier::Icmp => Protocol::ICMPV4,
    };
    let socket = prepare(dial, Type::DGRAM, protocol)?;
    let asked = if ipv6 {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)
    } else {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)
    };
    match asked {
        Ok(()) => Ok(socket),
        Err(errno) => Err(failed("ask for ICMP errors", &errno.into())),
    }
}

fn prepare(dial: &Dial, kind: Type, protocol: Protocol) -> Result<Socket, Failure> {
    let domain = Domain::for_address(dial.target);
    let kind = kind.nonblocking().cloexec();
    let socket = Socket::new(domain, kind, Some(protocol)).map_err(|error| {
        let ping = protocol == Protocol::ICMPV4 || protocol == Protocol::ICMPV6;
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        match ping && denied {
            true => failed(PING_DENIED, &error),
            false => failed("open a socket", &error),
        }
    })?;
    if let Some(mark) = dial.fwmark {
        socket
            .set_mark(mark)
            .map_err(|error| failed(format!("set mark {mark}"), &error))?;
    }
    if let Some(interface) = &dial.bind_interface {
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(|error| failed(format!("bind to interface {interface}"), &error))?;
    }
    if let Some(source) = dial.bind {
        if source.port() != 0 {
            // The port of the last attempt may still be in TIME_WAIT, or in use by the attempt of another check.
            socket
                .set_reuse_address(true)
                .map_err(|error| failed(format!("reuse port {}", source.port()), &error))?;
        }
        socket
            .bind(&SockAddr::from(source))
            .map_err(|error| failed(format!("bind to {source}"), &error))?;
    }
    Ok(socket)
}

fn failed(act: impl Into<String>, error: &io::Error) -> Failure {
    Failure::Socket {
        act: act.into(),
        reason: reason(error),
    }
}

/// The kernel's words for an error, without the number that std adds.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}
