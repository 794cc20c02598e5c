//! One exchange of datagrams with one peer, within one deadline.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::dial::{self, deadline, reason};
use crate::outcome::{DatagramFailure, Failure, Stray};
use crate::spec::Dial;

/// What carries the datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// UDP.
    Udp,
    /// ICMP echo, of the target's family.
    Icmp,
}

/// Datagrams that were there before the socket knew its peer are thrown away, up to so many.
const DRAINED: usize = 256;

/// A socket that is connected to `dial.target`: nobody else's datagrams come, and an ICMP error to ours does.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    deadline: Instant,
    after: Duration,
}

impl Datagrams {
    /// Opens the socket; from now on the dial's timeout runs.
    ///
    /// # Errors
    /// The failure that was seen; no route to the peer is one.
    pub fn open(dial: &Dial, carrier: Carrier) -> Result<Datagrams, Failure> {
        let deadline = deadline(dial.timeout);
        Datagrams::connect(dial::datagram(dial, carrier)?, dial, deadline)
    }

    fn connect(socket: Socket, dial: &Dial, deadline: Instant) -> Result<Datagrams, Failure> {
        socket
            .connect(&dial.target.into())
            .map_err(|error| undelivered(&error))?;
        drain(&socket);
        let socket = UdpSocket::from_std(socket.into()).map_err(|error| Failure::Socket {
            act: "watch a socket".into(),
            reason: reason(&error),
        })?;
        Ok(Datagrams {
            socket,
            deadline,
            after: dial.timeout,
        })
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// The failure that was seen.
    pub async fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        match timeout_at(self.deadline, self.socket.send(bytes)).await {
            Err(_) => Err(Failure::SendTimedOut { after: self.after }),
            Ok(Err(error)) => Err(undelivered(&error)),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// The next datagram, of which `room` bytes are kept, and whose it is; `None` if none comes in time.
    ///
    /// # Errors
    /// The failure that was seen: the network gave ours back.
    pub async fn receive(&self, room: usize) -> Result<Option<(Vec<u8>, SocketAddr)>, Failure> {
        let interest = Interest::READABLE | Interest::ERROR;
        loop {
            // The second condition ends a flood.
            let ready = match timeout_at(self.deadline, self.socket.ready(interest)).await {
                Err(_) => return Ok(None),
                Ok(_) if Instant::now() >= self.deadline => return Ok(None),
                Ok(Err(error)) => return Err(undelivered(&error)),
                Ok(Ok(ready)) => ready,
            };
            if ready.is_error() {
                self.given_back()?;
            }
            let mut buffer = vec![0; room];
            match self.socket.try_recv_from(&mut buffer) {
                Ok((count, from)) => {
                    buffer.truncate(count);
                    return Ok(Some((buffer, from)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(undelivered(&error)),
            }
        }
    }

    fn given_back(&self) -> Result<(), Failure> {
        match self.socket.take_error() {
            Ok(Some(error)) | Err(error) => Err(undelivered(&error)),
            // That was an error before the connection; what the kernel keeps of it would wake us again and again.
            Ok(None) => {
                let cleared = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                let _would_block = self.socket.try_io(Interest::ERROR, cleared);
                Ok(())
            }
        }
    }

    /// That no reply came; `stray` came last of what was none.
    #[must_use]
    pub fn no_reply(&self, stray: Option<Stray>) -> Failure {
        Failure::Datagram(DatagramFailure::NoReply {
            after: self.after,
            stray,
        })
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
/// Where there are none.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    match openssl::rand::rand_bytes(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Failure::Socket {
            act: "get a random number".into(),
            reason: error.to_string(),
        }),
    }
}

/// Between its binding and its connecting a socket takes anybody's datagrams; and where the source port is fixed, there
/// may be late ones that belong to an earlier attempt.
fn drain(socket: &Socket) {
    for _ in 0..DRAINED {
        match socket.recv(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

fn undelivered(error: &io::Error) -> Failure {
    Failure::Datagram(match error.kind() {
        io::ErrorKind::ConnectionRefused => DatagramFailure::PortUnreachable,
        _ => DatagramFailure::NotDelivered {
            reason: reason(error),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_before_the_connection_is_nobodys_answer() {
        let [peer, foreign] = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let dial = Dial {
            target: peer.local_addr().unwrap(),
            bind: Some("127.0.0.1:0".parse().unwrap()),
            bind_interface: None,
            fwmark: None,
            timeout: Duration::from_secs(20),
        };
        let socket = dial::datagram(&dial, Carrier::Udp).unwrap();
        let ours = socket.local_addr().unwrap().as_socket().unwrap();
        for _ in 0..3 {
            foreign.send_to(b"foreign", ours).unwrap();
            peer.send_to(b"late", ours).unwrap();
        }
        let datagrams = Datagrams::connect(socket, &dial, deadline(dial.timeout)).unwrap();
        foreign.send_to(b"foreign", ours).unwrap();
        peer.send_to(b"answer", ours).unwrap();
        let (datagram, from) = datagrams.receive(100).await.unwrap().unwrap();
        assert_eq!((&datagram[..], from), (&b"answer"[..], dial.target));
    }

    #[tokio::test]
    async fn an_error_from_before_the_connection_is_nobodys_either() {
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let dial = Dial {
            target: peer.local_addr().unwrap(),
            bind: Some("127.0.0.1:0".parse().unwrap()),
            bind_interface: None,
            fwmark: None,
            timeout: Duration::from_millis(100),
        };
        let socket = dial::datagram(&dial, Carrier::Udp).unwrap();
        let ours = socket.local_addr().unwrap().as_socket().unwrap();
        // RFC 863: a port that nobody has any more. The error is there when the call returns.
        let closed: SocketAddr = "127.0.0.1:9".parse().unwrap();
        socket.connect(&closed.into()).unwrap();
        socket.send(b"to nobody").unwrap();
        let datagrams = Datagrams::connect(socket, &dial, deadline(dial.timeout)).unwrap();
        assert_eq!(datagrams.receive(100).await, Ok(None));
        peer.send_to(b"answer", ours).unwrap();
        let later = Datagrams {
            deadline: deadline(Duration::from_secs(20)),
            ..datagrams
        };
        let (datagram, _) = later.receive(100).await.unwrap().unwrap();
        assert_eq!(datagram, b"answer");
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
    }
}
