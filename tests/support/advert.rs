//! VRRPv2 advertisements built by hand, right and wrong, and sent from a host of the lab.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Netns;

/// RFC 3768 5.2.2: where advertisements go.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// RFC 3768 5.2.4: VRRP's protocol number.
pub const VRRP: u8 = 112;

/// An advertisement of RFC 3768 5.1, every field free to be wrong.
#[derive(Debug, Clone)]
pub struct Advert {
    /// Virtual router id.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Virtual addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Authentication type: 0 none, 1 simple text password.
    pub auth_type: u8,
    /// Advertisement interval in seconds.
    pub interval: u8,
    /// Authentication data.
    pub password: [u8; 8],
    /// The IP header's time to live.
    pub ttl: u8,
    /// Added to the right checksum.
    pub checksum_error: u16,
    /// Bytes cut off at the end.
    pub cut: usize,
}

impl Advert {
    /// A right one with a priority above all others of the lab: whoever accepts it must yield.
    #[must_use]
    pub fn commanding(vrid: u8, address: Ipv4Addr, password: &[u8; 8]) -> Self {
        Self {
            vrid,
            priority: 250,
            addresses: vec![address],
            auth_type: 1,
            interval: 1,
            password: *password,
            ttl: 255,
            checksum_error: 0,
            cut: 0,
        }
    }

    /// The VRRP message.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![
            0x21,
            self.vrid,
            self.priority,
            count,
            self.auth_type,
            self.interval,
            0,
            0,
        ];
        bytes.extend(self.addresses.iter().flat_map(Ipv4Addr::octets));
        bytes.extend(self.password);
        let checksum = checksum(&bytes)
            .wrapping_add(self.checksum_error)
            .to_be_bytes();
        if let Some(field) = bytes.get_mut(6..8) {
            field.copy_from_slice(&checksum);
        }
        bytes.truncate(bytes.len().saturating_sub(self.cut));
        bytes
    }

    /// Sends it `times` times, `pace` apart, from `host` through its eth1.
    ///
    /// # Errors
    /// When the kernel refuses the packet.
    pub fn send(&self, host: &Netns, source: Ipv4Addr, times: u32, pace: Duration) -> Result<()> {
        host.run(|| {
            let socket = Socket::new(
                Domain::IPV4,
                Type::RAW,
                Some(Protocol::from(i32::from(VRRP))),
            )?;
            socket.set_multicast_if_v4(&source)?;
            socket.set_multicast_ttl_v4(u32::from(self.ttl))?;
            socket.bind(&SocketAddrV4::new(source, 0).into())?;
            for _ in 0..times {
                socket
                    .send_to(&self.emit(), &SocketAddrV4::new(GROUP, 0).into())
                    .context("send an advertisement")?;
                std::thread::sleep(pace);
            }
            Ok(())
        })
    }
}

/// Hears the advertisements on the wire as `host` receives them, for `span`: source, the VRRP message, the time to live.
///
/// # Errors
/// When the socket fails.
pub fn listen(host: &Netns, own: Ipv4Addr, span: Duration) -> Result<Vec<(Ipv4Addr, Vec<u8>, u8)>> {
    host.run(|| {
        let socket = Socket::new(
            Domain::IPV4,
            Type::RAW,
            Some(Protocol::from(i32::from(VRRP))),
        )?;
        socket.join_multicast_v4(&GROUP, &own)?;
        let end = Instant::now() + span;
        let mut heard = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(heard);
            }
            socket.set_read_timeout(Some(left))?;
            let mut bytes = vec![0_u8; 2048];
            match std::io::Read::read(&mut &socket, &mut bytes) {
                Ok(length) => {
                    bytes.truncate(length);
                    heard.extend(split(&bytes));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("hear advertisements"),
            }
        }
    })
}

/// Takes the IPv4 header off.
fn split(packet: &[u8]) -> Option<(Ipv4Addr, Vec<u8>, u8)> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    Some((
        Ipv4Addr::from(source),
        packet.get(header..)?.to_vec(),
        *packet.get(8)?,
    ))
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
            [high] => u32::from(*high) << 8,
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_keepalived_sends() {
        // Seen on the wire: keepalived with vrid 51, priority 150, 10.9.0.100, password `secretlo`.
        let mut advert = Advert::commanding(51, Ipv4Addr::new(10, 9, 0, 100), b"secretlo");
        advert.priority = 150;
        let seen = [
            &[0x21, 0x33, 0x96, 1, 1, 1, 0x94, 0xa1, 0x0a, 9, 0, 0x64][..],
            b"secretlo",
        ]
        .concat();
        assert_eq!(advert.emit(), seen);
        advert.cut = 5;
        assert_eq!(advert.emit(), seen[..15]);
    }

    #[test]
    fn the_ip_header_is_taken_off() {
        let mut packet = vec![
            0x45, 0xc0, 0, 40, 0, 1, 0, 0, 255, 112, 0, 0, 172, 16, 1, 2, 224, 0, 0, 18,
        ];
        packet.extend([0x21, 50]);
        assert_eq!(
            split(&packet),
            Some((Ipv4Addr::new(172, 16, 1, 2), vec![0x21, 50], 255))
        );
        assert_eq!(split(&packet[..10]), None);
    }
}
