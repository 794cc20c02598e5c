//! The door to the kernel: datagrams out, datagrams in.

use std::io;

use netlink_packet_core::ErrorMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::error::IpvsError;

/// Room for a datagram; the kernel's dumps are at most 32 KiB each.
const DATAGRAM: usize = 64 * 1024;

/// Room for the answers to a batch: the kernel charges under 1 KiB for an answer of 36 bytes.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// The kernel answers before `send` returns, so this is for bugs only.
const PATIENCE_SECONDS: i64 = 10;

/// Datagrams to and from the kernel, or what plays its part in a test.
pub(crate) trait Wire {
    /// Sends one datagram of one or more messages.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Appends the next datagram to `buffer`. Without `wait`, `WouldBlock` says that there is none.
    fn receive(&mut self, buffer: &mut Vec<u8>, wait: bool) -> io::Result<()>;
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).send(bytes)
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, wait: bool) -> io::Result<()> {
        (**self).receive(buffer, wait)
    }
}

/// A netlink socket, connected to the kernel in the network namespace of the thread that opened it.
pub(crate) struct NetlinkSocket(Socket);

impl NetlinkSocket {
    pub(crate) fn open() -> Result<NetlinkSocket, IpvsError> {
        let failed = |source| IpvsError::Socket {
            act: "open a netlink socket",
            source,
        };
        let mut socket = Socket::new(NETLINK_GENERIC).map_err(failed)?;
        socket.bind_auto().map_err(failed)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
        // An answer to a refused message then carries its header, not the whole of it: room for
        // ten times more of them. Kernels before 4.3 cannot, and work all the same.
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_ext_ack(true);
        // The limit of net.core.rmem_max does not hold for CAP_NET_ADMIN, which we need anyway.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)
                .map_err(|errno| failed(errno.into()))?;
        }
        let patience = TimeVal::seconds(PATIENCE_SECONDS);
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)
            .map_err(|errno| failed(errno.into()))?;
        Ok(NetlinkSocket(socket))
    }
}

impl Wire for NetlinkSocket {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = self.0.send(bytes, 0)?;
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::WriteZero,
                "the kernel took a part of a datagram",
            ))
        }
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, wait: bool) -> io::Result<()> {
        buffer.reserve(DATAGRAM);
        let wait = if wait {
            MsgFlags::empty()
        } else {
            MsgFlags::MSG_DONTWAIT
        };
        let flags = (MsgFlags::MSG_TRUNC | wait).bits();
        loop {
            let before = buffer.len();
            match self.0.recv(buffer, flags) {
                Ok(length) if length == buffer.len() - before => return Ok(()),
                Ok(length) => {
                    let message = format!("a datagram of {length} bytes is longer than expected");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The errno of an error message, which carries it negated.
pub(crate) fn errno(error: &ErrorMessage) -> Errno {
    Errno::from_raw(error.raw_code().saturating_abs())
}
