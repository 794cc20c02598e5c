//! Gratuitous ARP and unsolicited neighbour advertisements over a packet socket.
//!
//! The frames are what keepalived sends. Of an IPv4 address: an ARP request, sender and target both the VIP, target hardware
//! address and Ethernet destination all ones (RFC 826 for the layout, RFC 5227 section 1.1 for the use). Of an IPv6 address:
//! a neighbour advertisement from the VIP to all nodes that overrides what they know (RFC 4861 sections 4.4 and 7.2.6).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket};
use vrrp::wire::checksum::checksum;

const BROADCAST: [u8; 6] = [0xff; 6];
/// `ARPHRD_ETHER` of linux/if_arp.h.
const ETHERNET: u16 = 1;

/// ff02::1, and the Ethernet address of that group (RFC 2464 section 7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_HARDWARE: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// IP protocol of ICMPv6 (RFC 4443 section 1).
const ICMPV6: u8 = 58;

/// A packet socket that sends out of one Ethernet interface.
pub struct AnnounceSocket {
    socket: OwnedFd,
    hardware: [u8; 6],
    /// The interface forwards IPv6, which its neighbour advertisements say.
    router: bool,
}

impl AnnounceSocket {
    /// Opens the socket for the interface with this number.
    ///
    /// # Errors
    /// When there is no such interface, it is not Ethernet, or the kernel gives no socket.
    pub fn open(interface: u32) -> io::Result<AnnounceSocket> {
        let address = link_address(interface)?;
        let hardware = address.addr().unwrap_or_default();
        // Protocol 0: this socket receives nothing.
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        )?;
        bind(socket.as_raw_fd(), &address)?;
        Ok(AnnounceSocket {
            socket,
            hardware,
            router: forwards(interface),
        })
    }

    /// Announces `address` once.
    ///
    /// # Errors
    /// When the kernel refuses the frame, as it does while the interface is down.
    pub fn announce(&self, address: IpAddr) -> io::Result<()> {
        let frame = match address {
            IpAddr::V4(address) => arp(self.hardware, address),
            IpAddr::V6(address) => advertisement(self.hardware, address, self.router),
        };
        send(self.socket.as_raw_fd(), &frame, MsgFlags::empty())?;
        Ok(())
    }
}

fn link_address(interface: u32) -> io::Result<LinkAddr> {
    let found = getifaddrs()?.find_map(|entry| {
        let address = *entry.address.as_ref()?.as_link_addr()?;
        (u32::try_from(address.ifindex()) == Ok(interface)).then_some(address)
    });
    match found {
        Some(address) if address.hatype() == ETHERNET => Ok(address),
        Some(_) => Err(io::Error::other(
            "the interface is not Ethernet, addresses are not announced on it",
        )),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no such interface")),
    }
}

/// Whether the kernel forwards IPv6 packets that come in by the interface.
fn forwards(interface: u32) -> bool {
    let Ok(name) = nix::net::if_::if_indextoname(interface) else {
        return false;
    };
    let path = format!(
        "/proc/sys/net/ipv6/conf/{}/forwarding",
        name.to_string_lossy()
    );
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() != "0")
}

fn advertisement(hardware: [u8; 6], address: Ipv6Addr, router: bool) -> Vec<u8> {
    // Type 136, code 0, checksum, flags, the target, and its link-layer address as option 2 of 8 bytes.
    let mut message = Vec::with_capacity(32);
    message.extend([136, 0, 0, 0]);
    message.extend([if router { 0xa0 } else { 0x20 }, 0, 0, 0]);
    message.extend(address.octets());
    message.extend([2, 1]);
    message.extend(hardware);
    let length = u8::try_from(message.len()).unwrap_or(u8::MAX);
    let mut summed = Vec::with_capacity(72);
    summed.extend(address.octets());
    summed.extend(ALL_NODES.octets());
    summed.extend([0, 0, 0, length, 0, 0, 0, ICMPV6]);
    summed.extend(&message);
    let sum = checksum(&summed).to_be_bytes();
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum);
    }
    let mut frame = Vec::with_capacity(86);
    frame.extend(ALL_NODES_HARDWARE);
    frame.extend(hardware);
    frame.extend([0x86, 0xdd]); // IPv6
    frame.extend([0x60, 0, 0, 0, 0, length, ICMPV6, 255]);
    frame.extend(address.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(message);
    frame
}

fn arp(hardware: [u8; 6], address: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend(BROADCAST);
    frame.extend(hardware);
    frame.extend([0x08, 0x06]); // ARP
    frame.extend([0, 1, 0x08, 0, 6, 4, 0, 1]); // Ethernet, IPv4, lengths, request
    frame.extend(hardware);
    frame.extend(address.octets());
    frame.extend(BROADCAST);
    frame.extend(address.octets());
    frame
}

#[cfg(test)]
mod tests {
    use super::{advertisement, arp};

    #[test]
    fn the_frame_is_a_broadcast_request_for_the_senders_own_address() {
        let frame = arp(
            [0xd6, 0xf3, 0x4a, 0xd5, 0x3f, 0xf6],
            "172.16.1.1".parse().unwrap(),
        );
        // Captured from keepalived 2.2.7 with the same MAC and VIP (`tcpdump -xx arp`).
        let captured = "ffffffffffffd6f34ad53ff60806 0001080006040001 d6f34ad53ff6 ac100101 ffffffffffff ac100101";
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, captured.replace(' ', ""));
    }

    #[test]
    fn an_advertisement_sums_to_zero_and_overrides() {
        let address = "2001:db8::100".parse().unwrap();
        let frame = advertisement([0xd6, 0xf3, 0x4a, 0xd5, 0x3f, 0xf6], address, true);
        assert_eq!(frame.len(), 86);
        // Source, destination, length and next header of the pseudo header (RFC 8200 section 8.1), then the message.
        let mut summed = frame[22..54].to_vec();
        summed.extend([0, 0, 0, 32, 0, 0, 0, 58]);
        summed.extend(&frame[54..]);
        assert_eq!(vrrp::wire::checksum::checksum(&summed), 0);
        assert_eq!(
            (frame[54], frame[58]),
            (136, 0xa0),
            "router and override, not solicited"
        );
    }
}
