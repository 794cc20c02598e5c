//! The real servers of one virtual server, asked of the kernel over netlink: cheap enough to be asked each millisecond.
//!
//! The few bytes of netlink are spelled here once more rather than taken from ipvs-netlink: the
//! instrument shall not be made of what it measures. Numbers are from linux/netlink.h, genetlink.h and ip_vs.h.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use netlink_packet_core::NetlinkBuffer;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

use crate::workload::PORT;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const IPVS_CMD_GET_DEST: u8 = 8;
const IPVS_CMD_ATTR_SERVICE: u16 = 1;
const IPVS_CMD_ATTR_DEST: u16 = 2;
const IPVS_SVC_ATTR_AF: u16 = 1;
const IPVS_SVC_ATTR_PROTOCOL: u16 = 2;
const IPVS_SVC_ATTR_ADDR: u16 = 3;
const IPVS_SVC_ATTR_PORT: u16 = 4;
const IPVS_DEST_ATTR_ADDR: u16 = 1;
const IPVS_DEST_ATTR_WEIGHT: u16 = 4;
const NLA_F_NESTED: u16 = 0x8000;
const AF_INET: u16 = 2;
const IPPROTO_TCP: u16 = 6;

/// A real server of the table and its weight.
pub type Entry = (Ipv4Addr, u32);

/// Asks again and again for one virtual server's real servers.
pub struct Listing {
    socket: Socket,
    request: Vec<u8>,
}

impl Listing {
    /// Of the virtual server at this address, in the current network namespace.
    pub fn of(service: Ipv4Addr) -> Result<Listing> {
        let mut socket = Socket::new(NETLINK_GENERIC).context("opening a netlink socket")?;
        socket.bind_auto().context("binding a netlink socket")?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .context("connecting a netlink socket")?;
        let family = ipvs_family(&mut socket)?;
        let service = attributes(&[
            (IPVS_SVC_ATTR_AF, &AF_INET.to_ne_bytes()),
            (IPVS_SVC_ATTR_PROTOCOL, &IPPROTO_TCP.to_ne_bytes()),
            (IPVS_SVC_ATTR_ADDR, &padded(service)),
            (IPVS_SVC_ATTR_PORT, &PORT.to_be_bytes()),
        ]);
        let body = attributes(&[(IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED, &service)]);
        let request = message(family, NLM_F_REQUEST | NLM_F_DUMP, IPVS_CMD_GET_DEST, &body);
        Ok(Listing { socket, request })
    }

    /// What stands there now; nothing while the virtual server itself is not there.
    pub fn read(&mut self) -> Result<Vec<Entry>> {
        self.socket
            .send(&self.request, 0)
            .context("asking for a service")?;
        let mut entries = Vec::new();
        loop {
            let (bytes, _) = self.socket.recv_from_full().context("reading a service")?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (kind, payload, next) = split(rest)?;
                match kind {
                    NLMSG_DONE => return Ok(entries),
                    NLMSG_ERROR => bail!("the kernel refused to list a service"),
                    _ => entries.extend(entry(payload.get(4..).unwrap_or_default())),
                }
                rest = next;
            }
        }
    }
}

fn entry(body: &[u8]) -> Option<Entry> {
    let destination = attribute(body, IPVS_CMD_ATTR_DEST)?;
    let address = attribute(destination, IPVS_DEST_ATTR_ADDR)?.first_chunk::<4>()?;
    let weight = attribute(destination, IPVS_DEST_ATTR_WEIGHT)?.first_chunk::<4>()?;
    Some((Ipv4Addr::from(*address), u32::from_ne_bytes(*weight)))
}

/// The value of the first attribute of that kind.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((&[l0, l1, t0, t1], _)) = rest.split_first_chunk::<4>() {
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        if u16::from_ne_bytes([t0, t1]) & !NLA_F_NESTED == wanted {
            return rest.get(4..len);
        }
        rest = rest.get(len.next_multiple_of(4).max(4)..)?;
    }
    None
}

/// The number the kernel gave the generic netlink family `IPVS`.
fn ipvs_family(socket: &mut Socket) -> Result<u16> {
    let body = attributes(&[(CTRL_ATTR_FAMILY_NAME, b"IPVS\0")]);
    let request = message(GENL_ID_CTRL, NLM_F_REQUEST, CTRL_CMD_GETFAMILY, &body);
    socket
        .send(&request, 0)
        .context("asking for the family IPVS")?;
    let (bytes, _) = socket.recv_from_full().context("reading the family IPVS")?;
    let (kind, payload, _) = split(&bytes)?;
    if kind == NLMSG_ERROR {
        bail!("this kernel has no IPVS");
    }
    attribute(payload.get(4..).unwrap_or_default(), CTRL_ATTR_FAMILY_ID)
        .and_then(<[u8]>::first_chunk::<2>)
        .map(|number| u16::from_ne_bytes(*number))
        .context("the kernel gave no number for the family IPVS")
}

/// The first message's type and payload, and what follows it.
fn split(bytes: &[u8]) -> Result<(u16, &[u8], &[u8])> {
    let message = NetlinkBuffer::new_checked(bytes).context("a netlink message")?;
    let len = usize::try_from(message.length())?;
    let payload = bytes.get(16..len).unwrap_or_default();
    Ok((
        message.message_type(),
        payload,
        bytes.get(len.next_multiple_of(4)..).unwrap_or_default(),
    ))
}

/// A generic netlink message: netlink header, generic header, body.
fn message(kind: u16, flags: u16, command: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(20 + body.len()).unwrap_or(u32::MAX);
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]); // sequence number and port: one request at a time on an own socket
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(body);
    bytes
}

fn attributes(list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, value) in list {
        let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        bytes.extend(len.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// An address as ip_vs.h wants it: 16 bytes, IPv4 in the first four.
fn padded(address: Ipv4Addr) -> [u8; 16] {
    let [a, b, c, d] = address.octets();
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}
