//! Hears that links or addresses changed. What changed is looked up afterwards, so that a notice lost
//! to a full socket (`ENOBUFS`) costs nothing.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use bytes::BytesMut;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::libc;

/// Groups of linux/rtnetlink.h: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR.
const GROUPS: [u32; 3] = [1, 5, 9];

/// A socket that becomes readable when a link or an address changed.
pub struct Watch {
    socket: Socket,
}

impl Watch {
    /// Opens the socket, not blocking, in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<Watch> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in GROUPS {
            socket.add_membership(group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(Watch { socket })
    }

    /// Reads what there is, without looking at it.
    ///
    /// # Errors
    /// `WouldBlock` once nothing is left; anything else is a broken socket.
    pub fn drain(&self) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(1 << 16);
        loop {
            buffer.clear();
            match self.socket.recv(&mut buffer, 0) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
