//! BFD packets over UDP: one socket for each port that is listened on, one for each session that speaks.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

/// RFC 5881 4.
const ONE_HOP: u16 = 3784;
/// RFC 5883 5.
const MULTIHOP: u16 = 4784;
/// RFC 5881 4: a source port is one of these.
const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;
/// How many source ports are tried before it is given up.
const TRIES: usize = 32;
/// Room for packets that come in while the failover thread is busy elsewhere.
const RECEIVE_BUFFER: usize = 256 << 10;

/// A port that is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Over IPv6.
    pub six: bool,
    /// That of RFC 5883.
    pub multihop: bool,
}

impl Port {
    /// The port that packets from this neighbour come to, which is the one that those to it go to.
    #[must_use]
    pub fn of(neighbour: IpAddr, multihop: bool) -> Port {
        Port {
            six: neighbour.is_ipv6(),
            multihop,
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        if self.multihop { MULTIHOP } else { ONE_HOP }
    }

    fn any(self) -> IpAddr {
        match self.six {
            true => Ipv6Addr::UNSPECIFIED.into(),
            false => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

fn socket(six: bool) -> io::Result<Socket> {
    let domain = if six { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if six {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Where packets come in.
pub struct Listener(Socket);

/// A datagram that came in; its bytes are in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length.
    pub length: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// The address of ours that it came to.
    pub to: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
}

impl Listener {
    /// Opens the socket, not blocking.
    ///
    /// # Errors
    /// When the kernel refuses: somebody else has the port.
    pub fn open(port: Port) -> io::Result<Listener> {
        let socket = socket(port.six)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        if port.six {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        }
        socket.bind(&SocketAddr::new(port.any(), port.number()).into())?;
        Ok(Listener(socket))
    }

    /// Receives one datagram.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = cmsg_space!(libc::in6_pktinfo, libc::c_int);
        let mut slices = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            self.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let from = message.address.and_then(|address| {
            let v4 = address
                .as_sockaddr_in()
                .map(|v4| SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()));
            v4.or_else(|| {
                let v6 = address.as_sockaddr_in6()?;
                Some(SocketAddr::new(IpAddr::V6(v6.ip()), v6.port()))
            })
        });
        let (mut to, mut ttl) = (None, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    let octets = info.ipi_addr.s_addr.to_ne_bytes();
                    to = Some(IpAddr::from(octets));
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    to = Some(IpAddr::from(info.ipi6_addr.s6_addr));
                }
                ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => {
                    ttl = u8::try_from(hops).ok();
                }
                _ => {}
            }
        }
        match (from, to, ttl) {
            (Some(from), Some(to), Some(ttl)) => Ok(Received {
                length: message.bytes,
                from,
                to,
                ttl,
            }),
            // All were asked for above.
            _ => Err(io::Error::other("the kernel told no addresses of a packet")),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Where a session's packets leave from, always by the same source port (RFC 5881 4).
pub struct Speaker {
    socket: Socket,
    to: SocketAddr,
}

impl Speaker {
    /// Opens the socket, not blocking; `draw` gives numbers for its port.
    ///
    /// # Errors
    /// When the kernel refuses: the source address is not on this host.
    pub fn open(
        source: Option<IpAddr>,
        neighbour: IpAddr,
        multihop: bool,
        ttl: u8,
        mut draw: impl FnMut(std::ops::RangeInclusive<u16>) -> u16,
    ) -> io::Result<Speaker> {
        let port = Port::of(neighbour, multihop);
        let socket = socket(port.six)?;
        match port.six {
            true => socket.set_unicast_hops_v6(u32::from(ttl))?,
            false => socket.set_ttl_v4(u32::from(ttl))?,
        }
        let source = source.unwrap_or(port.any());
        let mut tries = 0;
        loop {
            let from = SocketAddr::new(source, draw(SOURCE_PORTS));
            match socket.bind(&from.into()) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Speaker {
            socket,
            to: SocketAddr::new(neighbour, port.number()),
        })
    }

    /// Sends one packet.
    ///
    /// # Errors
    /// When the kernel refuses it: no route.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send_to(packet, &self.to.into()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_packet_arrives_with_its_addresses_and_hops() {
        for (neighbour, six) in [("127.0.0.1", false), ("::1", true)] {
            let neighbour: IpAddr = neighbour.parse().unwrap();
            // Those who test beside us have other ports.
            let Ok(listener) = Listener::open(Port {
                six,
                multihop: true,
            }) else {
                println!("not run: somebody has the port, or there is no such family");
                continue;
            };
            let speaker =
                Speaker::open(Some(neighbour), neighbour, true, 254, fastrand::u16).unwrap();
            speaker.send(b"hello").unwrap();
            listener.0.set_nonblocking(false).unwrap();
            listener
                .0
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let mut buffer = [0; 64];
            let received = listener.receive(&mut buffer).unwrap();
            assert_eq!(&buffer[..received.length], b"hello");
            assert_eq!(
                (received.from.ip(), received.to, received.ttl),
                (neighbour, neighbour, 254)
            );
            assert!(SOURCE_PORTS.contains(&received.from.port()));
        }
    }
}
