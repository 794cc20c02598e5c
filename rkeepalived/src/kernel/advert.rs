//! VRRP packets over a raw socket, one an interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

/// IP protocol 112 (RFC 3768 section 5.2.4).
const VRRP: i32 = 112;
/// Room for adverts that come in while the failover thread is busy elsewhere.
const RECEIVE_BUFFER: usize = 256 << 10;

/// A raw socket that hears multicast groups on one interface and sends out of it.
pub struct AdvertSocket {
    interface: u32,
    socket: Socket,
}

impl AdvertSocket {
    /// Opens the socket, not blocking, on the interface with this number.
    ///
    /// # Errors
    /// When the kernel refuses: no such interface, or no `CAP_NET_RAW`.
    pub fn open(interface: u32) -> io::Result<AdvertSocket> {
        let index = NonZeroU32::new(interface).ok_or(io::ErrorKind::NotFound)?;
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(VRRP)))?;
        socket.set_nonblocking(true)?;
        socket.set_header_included_v4(true)?;
        socket
            .bind_device_by_index_v4(Some(index))
            .or_else(|error| {
                // SO_BINDTOIFINDEX came with Linux 5.0; by name it has always worked.
                let name = nix::net::if_::if_indextoname(interface).map_err(|_| error)?;
                socket.bind_device(Some(name.to_bytes()))
            })?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_multicast_all_v4(false)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        Ok(AdvertSocket { interface, socket })
    }

    /// Joins a multicast group; one that is joined already is fine.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn join(&self, group: Ipv4Addr) -> io::Result<()> {
        match self
            .socket
            .join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(self.interface))
        {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            other => other,
        }
    }

    /// Sends one packet; `packet` begins with its IPv4 header.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn send(&self, destination: Ipv4Addr, packet: &[u8]) -> io::Result<()> {
        self.socket
            .send_to(packet, &SocketAddrV4::new(destination, 0).into())
            .map(drop)
    }

    /// Receives one packet with its IPv4 header; answers its length.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut &self.socket, buffer)
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
