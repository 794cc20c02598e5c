//! VRRPv3 over IPv4 and IPv6 (RFC 5798 5.1, RFC 9568 5.1).
//!
//! ```text
//! version|type vrid priority count | reserved:4 interval:12 checksum | address * count
//! ```
//!
//! The checksum covers a pseudo header (RFC 5798 5.2.8): always over IPv6, where the kernel makes and verifies it; over IPv4
//! too by the RFC, though some routers leave it out there (`v3_checksum_as_v2`) and keepalived up to 1.3.6 put the
//! multicast group in the place of a unicast destination.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::PROTOCOL;
use super::checksum::checksum;

/// The greatest interval: twelve bits of centiseconds.
pub const MAX_INTERVAL: u16 = 0x0fff;

/// Bytes of the fixed header.
const HEADER: usize = 8;

/// One advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Virtual router id as on the wire, 0..=255.
    pub vrid: u8,
    /// Priority as on the wire; 0 says that the master leaves.
    pub priority: u8,
    /// Hundredths of a second between adverts, 0..=[`MAX_INTERVAL`].
    pub interval: u16,
    /// The addresses, at most 255, all of the family that the advert is sent over.
    pub addresses: Addresses,
}

/// Addresses of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Over IPv4.
    V4(Vec<Ipv4Addr>),
    /// Over IPv6.
    V6(Vec<Ipv6Addr>),
}

impl Addresses {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Addresses::V4(addresses) => addresses.len(),
            Addresses::V6(addresses) => addresses.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The address family that an advert is sent over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Family {
        match address {
            IpAddr::V4(_) => Family::Inet,
            IpAddr::V6(_) => Family::Inet6,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Family::Inet => 4,
            Family::Inet6 => 16,
        }
    }
}

/// What a checksum covers besides the PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Nothing: VRRPv2's habit.
    PduAlone,
    /// A pseudo header with these addresses, of one family.
    Pseudo {
        /// The source address of the packet.
        source: IpAddr,
        /// Its destination address.
        destination: IpAddr,
    },
}

impl Cover {
    /// The bytes before the PDU in the sum. IPv4 after RFC 793 3.1, IPv6 after RFC 8200 8.1.
    fn pseudo_header(self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40);
        // A PDU is at most 8 + 255 * 16 bytes.
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        match self {
            Cover::PduAlone => {}
            Cover::Pseudo {
                source: IpAddr::V4(source),
                destination: IpAddr::V4(destination),
            } => {
                bytes.extend(source.octets());
                bytes.extend(destination.octets());
                bytes.extend([0, PROTOCOL]);
                bytes.extend(length.to_be_bytes());
            }
            Cover::Pseudo {
                source,
                destination,
            } => {
                bytes.extend(sixteen(source));
                bytes.extend(sixteen(destination));
                bytes.extend(u32::from(length).to_be_bytes());
                bytes.extend([0, 0, 0, PROTOCOL]);
            }
        }
        bytes
    }
}

fn sixteen(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// A PDU that was taken apart but not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Its fields.
    pub advert: Advert,
    /// Low four bits of the first byte; 1 for an advertisement.
    pub kind: u8,
    /// Its bytes, without what follows.
    pdu: &'a [u8],
    /// Bytes after the PDU: a trailer, or padding.
    pub trailing: &'a [u8],
}

impl Parsed<'_> {
    /// Whether the checksum is right if it covers `cover`.
    #[must_use]
    pub fn checksum_ok(&self, cover: Cover) -> bool {
        let mut summed = cover.pseudo_header(self.pdu.len());
        summed.extend(self.pdu);
        checksum(&summed) == 0
    }
}

/// Why bytes are no VRRPv3 PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer bytes than needed.
    #[error("{seen} bytes of a VRRPv3 PDU that needs {needed}")]
    Truncated {
        /// Bytes there are.
        seen: usize,
        /// Bytes the header and its address count ask for.
        needed: usize,
    },
    /// Another version.
    #[error("VRRP version {0}")]
    Version(u8),
}

impl Advert {
    /// Takes a PDU that came over `family` apart. Nothing is judged but the version and the length.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes are too few or of another version.
    pub fn parse(bytes: &[u8], family: Family) -> Result<Parsed<'_>, ParseError> {
        let Some((&[version_type, vrid, priority, count, high, low, _, _], rest)) =
            bytes.split_first_chunk::<HEADER>()
        else {
            return Err(ParseError::Truncated {
                seen: bytes.len(),
                needed: HEADER,
            });
        };
        if version_type >> 4 != 3 {
            return Err(ParseError::Version(version_type >> 4));
        }
        let length = usize::from(count) * family.bytes();
        let needed = HEADER + length;
        let truncated = ParseError::Truncated {
            seen: bytes.len(),
            needed,
        };
        let (addresses, trailing) = rest.split_at_checked(length).ok_or(truncated)?;
        let addresses = match family {
            Family::Inet => Addresses::V4(
                addresses
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|octets| Ipv4Addr::from(*octets))
                    .collect(),
            ),
            Family::Inet6 => Addresses::V6(
                addresses
                    .as_chunks::<16>()
                    .0
                    .iter()
                    .map(|octets| Ipv6Addr::from(*octets))
                    .collect(),
            ),
        };
        Ok(Parsed {
            advert: Advert {
                vrid,
                priority,
                interval: u16::from_be_bytes([high, low]) & MAX_INTERVAL,
                addresses,
            },
            kind: version_type & 0x0f,
            pdu: bytes.get(..needed).ok_or(truncated)?,
            trailing,
        })
    }

    /// The PDU of type 1, with a checksum over `cover`. Addresses past the 255th are left out, since the count is one
    /// byte; an interval that is too long is the greatest.
    #[must_use]
    pub fn emit(&self, cover: Cover) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let mut pdu = Vec::with_capacity(HEADER + usize::from(count) * 16);
        pdu.extend([0x31, self.vrid, self.priority, count]);
        pdu.extend(self.interval.min(MAX_INTERVAL).to_be_bytes());
        pdu.extend([0, 0]);
        match &self.addresses {
            Addresses::V4(addresses) => addresses
                .iter()
                .take(usize::from(count))
                .for_each(|address| pdu.extend(address.octets())),
            Addresses::V6(addresses) => addresses
                .iter()
                .take(usize::from(count))
                .for_each(|address| pdu.extend(address.octets())),
        }
        let mut summed = cover.pseudo_header(pdu.len());
        summed.extend(&pdu);
        let sum = checksum(&summed).to_be_bytes();
        if let Some(field) = pdu.get_mut(6..8) {
            field.copy_from_slice(&sum);
        }
        pdu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sent by keepalived 2.4.3 from 10.9.0.1 to 224.0.0.18: vrid 53, priority 120, every 0.25 s.
    const CAPTURED: [u8; 12] = [
        0x31, 0x35, 0x78, 0x01, 0x00, 0x19, 0x61, 0xa9, 0x0a, 0x09, 0x00, 0x65,
    ];

    const MULTICAST: Cover = Cover::Pseudo {
        source: IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1)),
        destination: IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
    };

    fn advert() -> Advert {
        Advert {
            vrid: 53,
            priority: 120,
            interval: 25,
            addresses: Addresses::V4(vec![Ipv4Addr::new(10, 9, 0, 101)]),
        }
    }

    #[test]
    fn a_captured_advert_parses() {
        let parsed = Advert::parse(&CAPTURED, Family::Inet).unwrap();
        assert_eq!(parsed.advert, advert());
        assert_eq!(parsed.kind, 1);
        assert!(parsed.checksum_ok(MULTICAST));
        assert!(!parsed.checksum_ok(Cover::PduAlone));
        assert!(parsed.trailing.is_empty());
    }

    #[test]
    fn emitted_as_captured() {
        assert_eq!(advert().emit(MULTICAST), CAPTURED);
        let alone = advert().emit(Cover::PduAlone);
        assert!(
            Advert::parse(&alone, Family::Inet)
                .unwrap()
                .checksum_ok(Cover::PduAlone)
        );
    }

    #[test]
    fn each_cut_is_truncated() {
        for cut in 0..CAPTURED.len() {
            let needed = if cut < 8 { 8 } else { 12 };
            assert_eq!(
                Advert::parse(&CAPTURED[..cut], Family::Inet),
                Err(ParseError::Truncated { seen: cut, needed })
            );
        }
    }

    #[test]
    fn the_family_decides_how_long_an_address_is() {
        assert_eq!(
            Advert::parse(&CAPTURED, Family::Inet6),
            Err(ParseError::Truncated {
                seen: 12,
                needed: 24
            })
        );
        let six = Advert {
            addresses: Addresses::V6(vec!["fe80::1".parse().unwrap(), Ipv6Addr::LOCALHOST]),
            ..advert()
        };
        let cover = Cover::Pseudo {
            source: "fe80::2".parse().unwrap(),
            destination: "ff02::12".parse().unwrap(),
        };
        let bytes = six.emit(cover);
        assert_eq!(bytes.len(), 40);
        let parsed = Advert::parse(&bytes, Family::Inet6).unwrap();
        assert_eq!(parsed.advert, six);
        assert!(parsed.checksum_ok(cover));
    }

    #[test]
    fn each_flipped_bit_is_noticed() {
        for bit in 0..CAPTURED.len() * 8 {
            let mut bytes = CAPTURED;
            bytes[bit / 8] ^= 1 << (bit % 8);
            match Advert::parse(&bytes, Family::Inet) {
                Ok(parsed) => assert!(!parsed.checksum_ok(MULTICAST), "bit {bit}"),
                Err(error) => assert!(
                    (4..8).contains(&bit) || (24..32).contains(&bit),
                    "bit {bit}: {error}"
                ),
            }
        }
    }

    #[test]
    fn the_reserved_bits_are_no_interval() {
        let mut bytes = CAPTURED;
        bytes[4] |= 0xf0;
        assert_eq!(
            Advert::parse(&bytes, Family::Inet).unwrap().advert.interval,
            25
        );
        let long = Advert {
            interval: u16::MAX,
            ..advert()
        };
        let bytes = long.emit(MULTICAST);
        assert_eq!(bytes[4..6], [0x0f, 0xff]);
    }

    #[test]
    fn what_follows_is_handed_on() {
        let mut longer = CAPTURED.to_vec();
        longer.extend([1, 2, 3]);
        let parsed = Advert::parse(&longer, Family::Inet).unwrap();
        assert!(parsed.checksum_ok(MULTICAST));
        assert_eq!(parsed.trailing, [1, 2, 3]);
    }

    #[test]
    fn at_most_255_addresses() {
        let many = Advert {
            addresses: Addresses::V4(vec![Ipv4Addr::LOCALHOST; 300]),
            ..advert()
        };
        let bytes = many.emit(MULTICAST);
        let parsed = Advert::parse(&bytes, Family::Inet).unwrap();
        assert_eq!(parsed.advert.addresses.len(), 255);
        assert!(parsed.checksum_ok(MULTICAST));
    }
}
