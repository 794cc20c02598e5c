//! The kernel's table, looked at from outside: cheaply while somebody fills it, wholly afterwards.
//!
//! The lab kernel has one processor, so whatever watches takes time from what is watched. Reading /proc/net/ip_vs
//! formats 11 000 lines each time. Instead one service is asked for: the one written last in the
//! configuration. Its answer has at most ten entries, some 0.1 ms once a millisecond. Only when that service is
//! complete is the whole table counted, and if it should not be full yet (a daemon is free to choose its order),
//! watching goes on with the count. The same watch serves every program.
//!
//! The few bytes of netlink are spelled here once more rather than taken from ipvs-netlink: the
//! instrument shall not be made of what it measures. Numbers are from linux/netlink.h, genetlink.h and ip_vs.h.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use netlink_packet_core::NetlinkBuffer;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

use crate::workload::{PORT, Workload};

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
const IPVS_SVC_ATTR_AF: u16 = 1;
const IPVS_SVC_ATTR_PROTOCOL: u16 = 2;
const IPVS_SVC_ATTR_ADDR: u16 = 3;
const IPVS_SVC_ATTR_PORT: u16 = 4;
const NLA_F_NESTED: u16 = 0x8000;
const AF_INET: u16 = 2;
const IPPROTO_TCP: u16 = 6;

/// Between two looks; also how exact the time of loading is.
const EVERY: Duration = Duration::from_millis(1);

/// Waits for a table to fill.
pub struct Watch {
    socket: Socket,
    request: Vec<u8>,
    workload: Workload,
}

impl Watch {
    /// A watch on the current network namespace.
    pub fn new(workload: Workload) -> Result<Watch> {
        let mut socket = Socket::new(NETLINK_GENERIC).context("opening a netlink socket")?;
        socket.bind_auto().context("binding a netlink socket")?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .context("connecting a netlink socket")?;
        let family = ipvs_family(&mut socket)?;
        let service = attributes(&[
            (IPVS_SVC_ATTR_AF, &AF_INET.to_ne_bytes()),
            (IPVS_SVC_ATTR_PROTOCOL, &IPPROTO_TCP.to_ne_bytes()),
            (IPVS_SVC_ATTR_ADDR, &padded(workload.last())),
            (IPVS_SVC_ATTR_PORT, &PORT.to_be_bytes()),
        ]);
        let body = attributes(&[(IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED, &service)]);
        let request = message(family, NLM_F_REQUEST | NLM_F_DUMP, IPVS_CMD_GET_DEST, &body);
        Ok(Watch {
            socket,
            request,
            workload,
        })
    }

    /// Waits until the table is full; gives the time at which it was seen so. `alive` says whether somebody still fills it.
    pub fn full(
        &mut self,
        limit: Duration,
        alive: &mut dyn FnMut() -> Result<bool>,
    ) -> Result<Instant> {
        let started = Instant::now();
        loop {
            // Asked before looking: what a process did before its end is then surely seen.
            let hopeful = alive()?;
            if self.last_is_complete()? {
                let seen = Instant::now();
                if entries()? >= self.workload.entries() {
                    return Ok(seen);
                }
            }
            let age = started.elapsed();
            if !hopeful || age > limit {
                bail!(
                    "after {:.1} s the table has {} entries, not {}",
                    age.as_secs_f64(),
                    entries()?,
                    self.workload.entries()
                );
            }
            std::thread::sleep(EVERY);
        }
    }

    fn last_is_complete(&mut self) -> Result<bool> {
        self.socket
            .send(&self.request, 0)
            .context("asking for the last service")?;
        let mut count = 0;
        loop {
            let (bytes, _) = self
                .socket
                .recv_from_full()
                .context("reading the last service")?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (kind, _, next) = split(rest)?;
                match kind {
                    NLMSG_DONE => return Ok(count >= u32::from(self.workload.real_servers)),
                    NLMSG_ERROR => bail!("the kernel refused to list the last service"),
                    _ => count += 1,
                }
                rest = next;
            }
        }
    }
}

/// How many entries the current namespace's table has: virtual and real servers.
pub fn entries() -> Result<usize> {
    let text = fs::read_to_string("/proc/net/ip_vs").context("reading /proc/net/ip_vs")?;
    // Two lines on the version and the columns, one on the columns of real servers.
    Ok(text.lines().skip(3).count())
}

/// Whether the table is the wanted one, entry for entry, as `ipvsadm --save` tells it.
pub fn check(workload: Workload) -> Result<()> {
    let output = Command::new("ipvsadm")
        .args(["--save", "--numeric"])
        .stdin(Stdio::null())
        .output()
        .context("starting ipvsadm")?;
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines.sort();
        lines
    };
    let have = sorted(&String::from_utf8_lossy(&output.stdout));
    let want = sorted(&workload.ipvsadm());
    if let Some((have, want)) = have.iter().zip(&want).find(|(have, want)| have != want) {
        bail!("the table has `{have}` where `{want}` was asked for");
    }
    if have.len() != want.len() {
        bail!(
            "the table has {} entries, {} were asked for",
            have.len(),
            want.len()
        );
    }
    Ok(())
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
    let mut rest = payload.get(4..).unwrap_or_default();
    while let Some((&[l0, l1, t0, t1], value)) = rest.split_first_chunk::<4>() {
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        if let (CTRL_ATTR_FAMILY_ID, Some(&[a, b])) =
            (u16::from_ne_bytes([t0, t1]), value.first_chunk::<2>())
        {
            return Ok(u16::from_ne_bytes([a, b]));
        }
        let step = len.next_multiple_of(4).max(4);
        rest = rest.get(step..).unwrap_or_default();
    }
    bail!("the kernel gave no number for the family IPVS")
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
