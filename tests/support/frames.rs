//! Hears what VRRP routers say on a segment: adverts, gratuitous ARPs, neighbour advertisements and reports of groups, with
//! the hardware address that each came from and when.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::netns::Netns;

/// What was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// An advert with this virtual router id and priority (RFC 9568 section 5.1), over IPv4 or IPv6.
    Advert(u8, u8),
    /// An ARP request of a host for its own address.
    Arp(Ipv4Addr),
    /// An unsolicited neighbour advertisement of this address (RFC 4861 section 4.4).
    Neighbour(Ipv6Addr),
    /// A report of the groups that somebody hears (RFC 3376, RFC 3810), or a request for a router (RFC 4861 section 4.1).
    Report,
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When we read it.
    pub at: Instant,
    /// The Ethernet source.
    pub source: [u8; 6],
    /// What it is.
    pub said: Said,
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Frames {
    heard: Receiver<Frame>,
}

impl Frames {
    /// Starts listening on all interfaces of a host.
    ///
    /// # Errors
    /// When the kernel gives no packet socket.
    pub fn start(host: &Netns) -> Result<Self> {
        let socket = host.run(|| {
            let socket = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                Some(SockProtocol::EthAll),
            )
            .context("open a packet socket")?;
            setsockopt(&socket, sockopt::RcvBuf, &(4 << 20)).context("enlarge the buffer")?;
            let pause = TimeVal::milliseconds(50);
            setsockopt(&socket, sockopt::ReceiveTimeout, &pause).context("set a timeout")?;
            Ok(socket)
        })?;
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut frame = vec![0; 1 << 11];
            loop {
                let read = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut frame);
                let at = Instant::now();
                let heard = match read {
                    Ok((length, _)) => parse(frame.get(..length).unwrap_or_default()),
                    // To see now and then whether anybody still listens. (A wait with a timeout is also interrupted where the whole
                    // process is held and goes on, signal(7).)
                    Err(Errno::EAGAIN | Errno::EINTR) => Some(([0; 6], None)),
                    Err(_) => return,
                };
                let sent = match heard {
                    Some((source, Some(said))) => sender.send(Frame { at, source, said }).is_ok(),
                    _ => true,
                };
                if !sent {
                    return;
                }
            }
        });
        Ok(Self { heard })
    }

    /// What was heard since the last look.
    #[must_use]
    pub fn heard(&self) -> Vec<Frame> {
        self.heard.try_iter().collect()
    }

    /// What is heard in this time.
    #[must_use]
    pub fn during(&self, span: Duration) -> Vec<Frame> {
        let end = Instant::now() + span;
        let mut heard = Vec::new();
        while let Ok(frame) = self
            .heard
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            heard.push(frame);
        }
        heard
    }
}

/// The source of a frame, and what it says if that is any of what is listened for.
fn parse(frame: &[u8]) -> Option<([u8; 6], Option<Said>)> {
    let source = frame.get(6..12)?.try_into().ok()?;
    let payload = frame.get(14..)?;
    let said = match frame.get(12..14)? {
        [0x08, 0x06] => arp(payload),
        [0x08, 0x00] => {
            let header = usize::from(payload.first()? & 0x0f) * 4;
            match payload.get(9)? {
                2 => Some(Said::Report),
                112 => advert(payload.get(header..)?),
                _ => None,
            }
        }
        [0x86, 0xdd] => six(payload),
        _ => None,
    };
    Some((source, said))
}

fn arp(payload: &[u8]) -> Option<Said> {
    let sender: [u8; 4] = payload.get(14..18)?.try_into().ok()?;
    let target = payload.get(24..28)?;
    let request = payload.get(6..8)? == [0, 1];
    (request && target == sender).then_some(Said::Arp(sender.into()))
}

fn advert(pdu: &[u8]) -> Option<Said> {
    match pdu {
        [_, vrid, priority, ..] => Some(Said::Advert(*vrid, *priority)),
        _ => None,
    }
}

fn six(payload: &[u8]) -> Option<Said> {
    let (mut next, mut rest) = (*payload.get(6)?, payload.get(40..)?);
    if next == 0 {
        // Hop-by-hop options, of reports (RFC 8200 section 4.3).
        next = *rest.first()?;
        let length = (usize::from(*rest.get(1)?) + 1) * 8;
        rest = rest.get(length..)?;
    }
    match (next, *rest.first()?) {
        (112, _) => advert(rest),
        (58, 136) => {
            let target: [u8; 16] = rest.get(8..24)?.try_into().ok()?;
            Some(Said::Neighbour(target.into()))
        }
        (58, 133 | 143) => Some(Said::Report),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.chunks(2).map(|pair| byte(pair).unwrap()).collect()
    }

    #[test]
    fn a_gratuitous_arp_is_one_for_the_senders_own_address() {
        // Captured from keepalived 2.2.7 (`tcpdump -xx arp`), and the same for another address.
        let own = "ffffffffffffd6f34ad53ff60806 0001080006040001 d6f34ad53ff6 ac100101 ffffffffffff ac100101";
        let source = [0xd6, 0xf3, 0x4a, 0xd5, 0x3f, 0xf6];
        let vip = Said::Arp(Ipv4Addr::new(172, 16, 1, 1));
        assert_eq!(parse(&bytes(own)), Some((source, Some(vip))));
        let other = own.replace("ffffffffffff ac100101", "ffffffffffff ac100109");
        assert_eq!(parse(&bytes(&other)), Some((source, None)));
        assert_eq!(parse(&bytes(own)[..20]), Some((source, None)));
    }

    #[test]
    fn an_advert_is_known_by_its_id_and_priority() {
        let frame = "01005e000012 00005e00013d 0800 45c0001c 00010000 ff700000 0a090001 e0000012 313d6401 00140000";
        let (source, said) = parse(&bytes(frame)).unwrap();
        assert_eq!((source[5], said), (0x3d, Some(Said::Advert(61, 100))));
    }
}
