//! Counts what a host's programs ask of IPVS, on the wire: a `nlmon` device copies every netlink message of the host.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, anyhow, bail};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::GenlMessage;
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_sys::protocols::NETLINK_GENERIC;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt::RcvBuf,
};

use crate::netns::Netns;

/// How many of each command that changes the table were sent, by the kernel's name for it.
pub type Commands = BTreeMap<&'static str, u32>;

/// The kernel's name of a command that changes the table, by its number in `enum` of linux/ip_vs.h.
fn change(command: u8) -> Option<&'static str> {
    match command {
        1 => Some("NEW_SERVICE"),
        2 => Some("SET_SERVICE"),
        3 => Some("DEL_SERVICE"),
        5 => Some("NEW_DEST"),
        6 => Some("SET_DEST"),
        7 => Some("DEL_DEST"),
        16 => Some("ZERO"),
        17 => Some("FLUSH"),
        _ => None,
    }
}

/// An open tap. Its device goes away with the host.
#[derive(Debug)]
pub struct Tap {
    socket: OwnedFd,
    device: usize,
    family: u16,
}

impl Tap {
    /// Adds the device and starts to record.
    ///
    /// # Errors
    /// When the kernel has no `nlmon` or no IPVS.
    pub fn open(host: &Netns) -> Result<Self> {
        host.ip_batch("link add nlmon0 type nlmon\nlink set nlmon0 up\n")
            .context("add the nlmon device")?;
        host.run(|| {
            let family = resolve("IPVS")?;
            let device = usize::try_from(if_nametoindex("nlmon0").context("find nlmon0")?)?;
            let socket = socket(
                AddressFamily::Packet,
                SockType::Datagram,
                SockFlag::SOCK_NONBLOCK,
                Some(SockProtocol::EthAll),
            )
            .context("open a packet socket")?;
            setsockopt(&socket, RcvBuf, &(4 << 20)).context("enlarge the buffer")?;
            Ok(Self {
                socket,
                device,
                family,
            })
        })
    }

    /// The commands since the tap was opened or last read.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn read(&self) -> Result<Commands> {
        let mut commands = Commands::new();
        let mut frame = vec![0; 1 << 18];
        loop {
            // The socket hears every device of the host, so that the sender's device is asked each time.
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut frame) {
                Ok((length, Some(from))) if from.ifindex() == self.device => {
                    for name in changes(frame.get(..length).unwrap_or_default(), self.family) {
                        *commands.entry(name).or_default() += 1;
                    }
                }
                Ok(_) => {}
                Err(Errno::EAGAIN) => return Ok(commands),
                Err(error) => return Err(error).context("read from the tap"),
            }
        }
    }
}

/// The table-changing commands among the requests in one frame, which may be a batch of several.
fn changes(mut bytes: &[u8], family: u16) -> Vec<&'static str> {
    let mut found = Vec::new();
    while let Some((&[l0, l1, l2, l3, t0, t1, f0, f1, ..], rest)) = bytes.split_first_chunk::<16>()
    {
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).unwrap_or(0);
        let request = u16::from_ne_bytes([f0, f1]) & NLM_F_REQUEST != 0;
        if request && u16::from_ne_bytes([t0, t1]) == family {
            found.extend(rest.first().copied().and_then(change));
        }
        bytes = bytes
            .get(length.next_multiple_of(4).max(16)..)
            .unwrap_or_default();
    }
    found
}

/// The number of a generic netlink family.
fn resolve(name: &str) -> Result<u16> {
    let mut socket = netlink_sys::Socket::new(NETLINK_GENERIC).context("open a netlink socket")?;
    socket.bind_auto()?;
    let question = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(name.to_owned())],
    };
    let mut question = NetlinkMessage::from(GenlMessage::from_payload(question));
    question.header.flags = NLM_F_REQUEST;
    question.finalize();
    let mut bytes = vec![0; question.buffer_len()];
    question.serialize(&mut bytes);
    socket.send_to(&bytes, &netlink_sys::SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<GenlMessage<GenlCtrl>>::deserialize(&answer)
        .map_err(|error| anyhow!("{error}"))?;
    let NetlinkPayload::InnerMessage(answer) = answer.payload else {
        bail!("the kernel has no {name}")
    };
    let id = answer
        .payload
        .nlas
        .iter()
        .find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(id) => Some(*id),
            _ => None,
        });
    id.ok_or_else(|| anyhow!("{name} has no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A netlink header, the generic header's command and version, and padding.
    fn message(kind: u16, flags: u16, command: u8) -> Vec<u8> {
        let mut bytes = 20_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend([command, 1, 0, 0]);
        bytes
    }

    #[test]
    fn a_batch_counts_each_message() {
        let batch = [
            message(30, 1, 5),
            message(30, 5, 6),
            message(30, 1, 4),
            message(31, 1, 6),
            message(30, 2, 6),
        ]
        .concat();
        assert_eq!(changes(&batch, 30), ["NEW_DEST", "SET_DEST"]);
    }

    #[test]
    fn a_cut_frame_ends_the_walk() {
        let batch = message(30, 1, 6);
        assert_eq!(changes(&batch[..12], 30), [""; 0]);
        assert_eq!(changes(&[0; 64], 30), [""; 0]);
    }
}
