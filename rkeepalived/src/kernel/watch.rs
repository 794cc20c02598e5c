//! Hears that links, addresses, routes or rules changed. What changed is looked up afterwards, so that a notice lost
//! to a full socket (`ENOBUFS`) costs nothing but a look.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use bytes::BytesMut;
use keepalived_conf::PROTOCOL_KEEPALIVED;
use keepalived_conf::ReceiveBuffer;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::libc::{
    self, BPF_ABS, BPF_B, BPF_H, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, sock_filter,
};
use socket2::{SockFilter, SockRef};

use super::room::make_room;

/// Groups of linux/rtnetlink.h: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR.
const LINKS: [u32; 3] = [1, 5, 9];
/// RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE.
const ROUTING: [u32; 4] = [7, 8, 11, 19];

/// RTM_NEWROUTE and RTM_DELROUTE.
const ROUTES: [u16; 2] = [24, 25];
/// Where the type is in a netlink header.
const TYPE: u32 = 4;
/// Where the protocol is in a message about a route: after the netlink header, in `struct rtmsg`.
const PROTOCOL: u32 = 16 + 5;

/// Notices read at a time, so that a storm of them keeps nobody from his timers.
const READS: usize = 4096;

/// Whether all that was there has been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Each notice.
    All,
    /// Some were lost to a full buffer.
    Some,
}

/// A socket that becomes readable when something changed.
pub struct Watch {
    socket: Socket,
}

impl Watch {
    /// Opens a socket for links and addresses, not blocking, in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<Watch> {
        Watch::of(&LINKS, None)
    }

    /// The same for rules, and for routes of protocol `keepalived`: those of a routing daemon, of which there may be
    /// thousands a second, are not even queued.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn routing() -> io::Result<Watch> {
        Watch::of(&ROUTING, Some(&only_ours()))
    }

    fn of(groups: &[u32], filter: Option<&[sock_filter]>) -> io::Result<Watch> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        if let Some(filter) = filter {
            let steps: Vec<SockFilter> = filter
                .iter()
                .map(|step| SockFilter::new(step.code, step.jt, step.jf, step.k))
                .collect();
            SockRef::from(&socket).attach_filter(&steps)?;
        }
        for group in groups {
            socket.add_membership(*group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(Watch { socket })
    }

    /// Gives it room for so much.
    ///
    /// # Errors
    /// When it may not be forced.
    pub fn make_room(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        make_room(&self.socket, buffer)
    }

    /// Reads what there is, without looking at it, and sets `heard` where something was lost.
    ///
    /// # Errors
    /// `WouldBlock` once nothing is left; anything else is a broken socket.
    pub fn drain(&self, heard: &mut Heard) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(1 << 16);
        for _ in 0..READS {
            buffer.clear();
            match self.socket.recv(&mut buffer, 0) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => *heard = Heard::Some,
                Err(error) => return Err(error),
            }
        }
        // The rest the next time.
        Ok(())
    }
}

/// The socket filter: all but routes of other protocols (linux/bpf_common.h; what is loaded is taken for network order).
fn only_ours() -> [sock_filter; 7] {
    let load = |size: u32, at: u32| step(BPF_LD | BPF_ABS | size, 0, 0, at);
    // What is next if it is equal, and if it is not: so many steps are left out.
    let equal = |value: u32, yes: u8, no: u8| step(BPF_JMP | BPF_JEQ | BPF_K, yes, no, value);
    let end = |bytes: u32| step(BPF_RET | BPF_K, 0, 0, bytes);
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    let [new, gone] = ROUTES.map(kind);
    [
        load(BPF_H, TYPE),
        equal(new, 1, 0),
        equal(gone, 0, 2),
        load(BPF_B, PROTOCOL),
        equal(PROTOCOL_KEEPALIVED.into(), 0, 1),
        end(u32::MAX),
        end(0),
    ]
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel's machine does with the filter; the bytes that are left.
    fn run(filter: &[sock_filter], packet: &[u8]) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let step = filter[at];
            let k = usize::try_from(step.k).unwrap_or_default();
            at += 1;
            match u32::from(step.code) {
                code if code == BPF_LD | BPF_ABS | BPF_H => {
                    accumulator = u32::from(u16::from_be_bytes([packet[k], packet[k + 1]]));
                }
                code if code == BPF_LD | BPF_ABS | BPF_B => accumulator = packet[k].into(),
                code if code == BPF_JMP | BPF_JEQ | BPF_K => {
                    let skip = if accumulator == step.k {
                        step.jt
                    } else {
                        step.jf
                    };
                    at += usize::from(skip);
                }
                _ => return step.k,
            }
        }
    }

    #[test]
    fn routes_of_others_are_not_heard() {
        let message = |kind: u16, protocol: u8| {
            let mut bytes = [0; 28];
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes[21] = protocol;
            run(&only_ours(), &bytes) > 0
        };
        // RTPROT_KEEPALIVED is 18, RTPROT_BIRD 12.
        assert!(message(24, 18) && message(25, 18));
        assert!(!message(24, 12) && !message(25, 12));
        // RTM_NEWRULE and RTM_DELRULE.
        assert!(message(32, 0) && message(33, 0));
    }

    #[test]
    fn the_kernel_takes_the_filter() {
        Watch::routing().unwrap();
    }
}
