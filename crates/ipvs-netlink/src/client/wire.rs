//! The door to the kernel: datagrams out, datagrams in.

use std::io;

use netlink_packet_core::{ErrorMessage, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::GenlMessage;
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::error::IpvsError;
use crate::uapi::IPVS_GENL_NAME;

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

/// Asks for the number that the kernel gave to the family `IPVS`. Where it can, the kernel loads
/// its module for this question.
pub(crate) fn resolve_family(wire: &mut impl Wire) -> Result<u16, IpvsError> {
    const ACT: &str = "ask for the netlink family IPVS";
    let failed = |source| IpvsError::Socket { act: ACT, source };
    let question = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(IPVS_GENL_NAME.to_owned())],
    });
    let mut message = NetlinkMessage::from(question);
    message.header.flags = NLM_F_REQUEST;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    wire.send(&bytes).map_err(failed)?;
    bytes.clear();
    wire.receive(&mut bytes, true).map_err(failed)?;
    let answer = NetlinkMessage::<GenlMessage<GenlCtrl>>::deserialize(&bytes)
        .map_err(|source| IpvsError::Malformed { act: ACT, source })?;
    match answer.payload {
        NetlinkPayload::InnerMessage(message) => message
            .payload
            .nlas
            .iter()
            .find_map(|attribute| match attribute {
                GenlCtrlAttrs::FamilyId(number) => Some(*number),
                _ => None,
            })
            .ok_or_else(|| IpvsError::Malformed {
                act: ACT,
                source: "a family without a number".into(),
            }),
        NetlinkPayload::Error(error) => Err(match errno(&error) {
            Errno::ENOENT => IpvsError::NoIpvs,
            Errno::EPERM | Errno::EACCES => IpvsError::NotPermitted,
            errno => IpvsError::Failed { act: ACT, errno },
        }),
        _ => Err(IpvsError::Malformed {
            act: ACT,
            source: "neither a family nor an error".into(),
        }),
    }
}

/// The errno of an error message, which carries it negated.
pub(crate) fn errno(error: &ErrorMessage) -> Errno {
    Errno::from_raw(error.raw_code().saturating_abs())
}
