//! VRRP packets over raw sockets: one for each interface and family by multicast, one for each family that hears and sends
//! unicast adverts on every interface, and one for each VRF and family that does so there.

use std::collections::BTreeSet;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use vrrp::Family;
use vrrp::wire::ipv4::Header;
use vrrp::wire::{PROTOCOL, ah};

use super::Outgoing;

/// Room for adverts that come in while the failover thread is busy elsewhere.
const RECEIVE_BUFFER: usize = 256 << 10;
/// RFC 3768 section 5.2.3; of unicast adverts over IPv4 too unless configured otherwise.
const TTL: u8 = 255;

/// Where a socket hears and sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the interface, or of the VRF of unicast adverts; 0 is every interface, for those that are in none.
    pub interface: u32,
    /// Over IPv6.
    pub six: bool,
    /// Behind an authentication header (`auth_type AH`): another IP protocol.
    pub authenticated: bool,
}

/// What is heard in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Multicast groups.
    pub groups: BTreeSet<IpAddr>,
    /// Bytes that may wait, where the configuration says so.
    pub buffer: Option<u32>,
}

impl Place {
    /// On the interface with this number, over this family, without an authentication header.
    #[must_use]
    pub fn new(interface: u32, family: Family) -> Place {
        Place {
            interface,
            six: family == Family::Inet6,
            authenticated: false,
        }
    }
}

/// A raw socket of protocol 112, or 51.
pub struct AdvertSocket {
    place: Place,
    socket: Socket,
}

/// A packet that came in; its bytes are in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The whole IPv4 packet.
    V4 {
        /// Its length.
        length: usize,
        /// As below.
        arrived: u32,
    },
    /// What followed the IPv6 header.
    V6 {
        /// Its length.
        length: usize,
        /// The packet's source address.
        source: Ipv6Addr,
        /// Its destination address.
        destination: Ipv6Addr,
        /// Its hop limit.
        hop_limit: u8,
        /// Number of the interface that it came in by, of one in a VRF that one's; the socket's own where that is bound.
        arrived: u32,
    },
}

impl Place {
    fn protocol(self) -> u8 {
        match self.authenticated {
            true => ah::PROTOCOL,
            false => PROTOCOL,
        }
    }
}

impl AdvertSocket {
    /// Opens the socket, not blocking.
    ///
    /// # Errors
    /// When the kernel refuses: no such interface, or no `CAP_NET_RAW`.
    pub fn open(place: Place) -> io::Result<AdvertSocket> {
        let domain = if place.six {
            Domain::IPV6
        } else {
            Domain::IPV4
        };
        let socket = Socket::new(
            domain,
            Type::RAW,
            Some(Protocol::from(i32::from(place.protocol()))),
        )?;
        socket.set_nonblocking(true)?;
        if place.six {
            socket.set_multicast_hops_v6(u32::from(TTL))?;
            socket.set_multicast_loop_v6(false)?;
            socket.set_multicast_all_v6(false)?;
            socket.set_recv_hoplimit_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        } else {
            socket.set_header_included_v4(true)?;
            socket.set_multicast_loop_v4(false)?;
            socket.set_multicast_all_v4(false)?;
            if place.interface == 0 {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            }
        }
        if let Some(index) = NonZeroU32::new(place.interface) {
            let bound = if place.six {
                socket.bind_device_by_index_v6(Some(index))
            } else {
                socket.bind_device_by_index_v4(Some(index))
            };
            bound.or_else(|error| {
                // SO_BINDTOIFINDEX came with Linux 5.0; by name it has always worked.
                let name = nix::net::if_::if_indextoname(place.interface).map_err(|_| error)?;
                socket.bind_device(Some(name.to_bytes()))
            })?;
        }
        Ok(AdvertSocket { place, socket })
    }

    /// Sets how many bytes may wait; as many as there is room for unless told otherwise. More than `net.core.rmem_max` it cannot be.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_buffer(&self, bytes: Option<u32>) -> io::Result<()> {
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
        self.socket
            .set_recv_buffer_size(bytes.unwrap_or(RECEIVE_BUFFER))
    }

    /// Joins a multicast group; one that is joined already is fine.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn join(&self, group: IpAddr) -> io::Result<()> {
        let joined = match group {
            IpAddr::V4(group) => self.socket.join_multicast_v4_n(
                &group,
                &InterfaceIndexOrAddress::Index(self.place.interface),
            ),
            IpAddr::V6(group) => self.socket.join_multicast_v6(&group, self.place.interface),
        };
        match joined {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            other => other,
        }
    }

    /// Sends one advert of the socket's family; its interface is where a link-local destination is.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn send(&self, advert: &Outgoing<'_>) -> io::Result<()> {
        match (advert.source, advert.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.send_v4(source, destination, advert)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => self.send_v6(
                advert.interface,
                source,
                destination,
                advert.ttl,
                advert.payload,
            ),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn send_v4(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        advert: &Outgoing<'_>,
    ) -> io::Result<()> {
        // The kernel fills in the checksum, and an identification of 0 (raw(7), IP_HDRINCL).
        let header = Header {
            identification: advert.identification,
            ttl: advert.ttl.unwrap_or(TTL),
            protocol: advert.protocol,
            source,
            destination,
        };
        let packet = header
            .emit(advert.payload)
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.socket
            .send_to(&packet, &SocketAddrV4::new(destination, 0).into())
            .map(drop)
    }

    fn send_v6(
        &self,
        interface: u32,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        ttl: Option<u8>,
        payload: &[u8],
    ) -> io::Result<()> {
        let scoped = destination.is_multicast() || destination.is_unicast_link_local();
        let scope = if scoped { interface } else { 0 };
        let from = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr {
                s6_addr: source.octets(),
            },
            ipi6_ifindex: scope,
        };
        let hops = ttl.map(libc::c_int::from);
        let mut control = vec![ControlMessage::Ipv6PacketInfo(&from)];
        control.extend(hops.as_ref().map(ControlMessage::Ipv6HopLimit));
        let to = SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, scope));
        sendmsg(
            self.socket.as_raw_fd(),
            &[io::IoSlice::new(payload)],
            &control,
            MsgFlags::empty(),
            Some(&to),
        )?;
        Ok(())
    }

    /// Receives one packet.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        match (self.place.six, self.place.interface) {
            (true, _) => self.receive_v6(buffer),
            (false, 0) => self.receive_v4(buffer),
            (false, arrived) => {
                let length = io::Read::read(&mut &self.socket, buffer)?;
                Ok(Received::V4 { length, arrived })
            }
        }
    }

    fn receive_v4(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = cmsg_space!(libc::in_pktinfo);
        let mut slices = [IoSliceMut::new(buffer)];
        let message = recvmsg::<()>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let arrived = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => u32::try_from(info.ipi_ifindex).ok(),
            _ => None,
        });
        Ok(Received::V4 {
            length: message.bytes,
            // What the kernel does not tell is taken as it always was.
            arrived: arrived.unwrap_or(0),
        })
    }

    fn receive_v6(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = cmsg_space!(libc::in6_pktinfo, libc::c_int);
        let mut slices = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrIn6>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let source = message.address.map(|address| address.ip());
        let (mut destination, mut hop_limit, mut arrived) = (None, None, 0);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                    arrived = info.ipi6_ifindex;
                }
                ControlMessageOwned::Ipv6HopLimit(limit) => hop_limit = u8::try_from(limit).ok(),
                _ => {}
            }
        }
        match (source, destination, hop_limit) {
            (Some(source), Some(destination), Some(hop_limit)) => Ok(Received::V6 {
                length: message.bytes,
                source,
                destination,
                hop_limit,
                arrived,
            }),
            // Both were asked for above.
            _ => Err(io::Error::other("the kernel told no addresses of a packet")),
        }
    }
}

impl AsRawFd for AdvertSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for AdvertSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
