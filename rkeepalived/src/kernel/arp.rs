//! Gratuitous ARP over a packet socket.
//!
//! The frame is what keepalived sends: an ARP request, sender and target both the VIP, target hardware
//! address and Ethernet destination all ones (RFC 826 for the layout, RFC 5227 section 1.1 for the use).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket};

const BROADCAST: [u8; 6] = [0xff; 6];
/// `ARPHRD_ETHER` of linux/if_arp.h.
const ETHERNET: u16 = 1;

/// A packet socket that sends out of one Ethernet interface.
pub struct ArpSocket {
    socket: OwnedFd,
    hardware: [u8; 6],
}

impl ArpSocket {
    /// Opens the socket for the interface with this number.
    ///
    /// # Errors
    /// When there is no such interface, it is not Ethernet, or the kernel gives no socket.
    pub fn open(interface: u32) -> io::Result<ArpSocket> {
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
        Ok(ArpSocket { socket, hardware })
    }

    /// Announces `address` once.
    ///
    /// # Errors
    /// When the kernel refuses the frame, as it does while the interface is down.
    pub fn announce(&self, address: Ipv4Addr) -> io::Result<()> {
        let frame = emit(self.hardware, address);
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
            "the interface is not Ethernet, it has no ARP",
        )),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no such interface")),
    }
}

fn emit(hardware: [u8; 6], address: Ipv4Addr) -> Vec<u8> {
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
    use super::emit;

    #[test]
    fn the_frame_is_a_broadcast_request_for_the_senders_own_address() {
        let frame = emit(
            [0xd6, 0xf3, 0x4a, 0xd5, 0x3f, 0xf6],
            "172.16.1.1".parse().unwrap(),
        );
        // Captured from keepalived 2.2.7 with the same MAC and VIP (`tcpdump -xx arp`).
        let captured = "ffffffffffffd6f34ad53ff60806 0001080006040001 d6f34ad53ff6 ac100101 ffffffffffff ac100101";
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, captured.replace(' ', ""));
    }
}
