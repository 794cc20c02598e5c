//! The IPv4 header before a VRRP PDU, as a raw socket delivers it (RFC 791 3.1).

use std::net::Ipv4Addr;

/// What VRRP needs of an IPv4 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Identification; where a raw socket sends it, 0 leaves it to the kernel.
    pub identification: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol number.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
}

/// What is wrong with the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Fewer bytes than the header, or the packet, says it has.
    #[error("{seen} bytes of an IPv4 packet that needs {needed}")]
    Truncated {
        /// Bytes there are.
        seen: usize,
        /// Bytes there should be.
        needed: usize,
    },
    /// Not IPv4.
    #[error("IP version {0}")]
    Version(u8),
    /// A header length below 20 bytes, or a total length below the header's.
    #[error("impossible lengths in an IPv4 header")]
    Length,
}

impl Header {
    /// Splits a packet into its header and its payload. The total length of the header decides where the payload
    /// ends: what follows is padding of the link layer and is dropped.
    ///
    /// The header's checksum is not looked at; the kernel has verified it.
    ///
    /// # Errors
    /// [`HeaderError`] when the bytes are no whole IPv4 packet.
    pub fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), HeaderError> {
        let Some((fixed, _)) = bytes.split_first_chunk::<20>() else {
            return Err(HeaderError::Truncated {
                seen: bytes.len(),
                needed: 20,
            });
        };
        let &[
            version_ihl,
            _,
            t0,
            t1,
            i0,
            i1,
            _,
            _,
            ttl,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ] = fixed;
        if version_ihl >> 4 != 4 {
            return Err(HeaderError::Version(version_ihl >> 4));
        }
        let header_length = usize::from(version_ihl & 0x0f) * 4;
        let total_length = usize::from(u16::from_be_bytes([t0, t1]));
        if header_length < 20 || total_length < header_length {
            return Err(HeaderError::Length);
        }
        let Some(payload) = bytes.get(header_length..total_length) else {
            return Err(HeaderError::Truncated {
                seen: bytes.len(),
                needed: total_length,
            });
        };
        let header = Header {
            identification: u16::from_be_bytes([i0, i1]),
            ttl,
            protocol,
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
        };
        Ok((header, payload))
    }

    /// The packet with this header (20 bytes, TOS 0xc0, not fragmented) before `payload`, with its
    /// checksum. `None` when the payload does not fit in 65 535 bytes. Raw sockets make their own header; this is for
    /// tests and simulated links.
    #[must_use]
    pub fn emit(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let total = u16::try_from(payload.len().checked_add(20)?).ok()?;
        let mut header = Vec::with_capacity(usize::from(total));
        header.extend([0x45, 0xc0]);
        header.extend(total.to_be_bytes());
        header.extend(self.identification.to_be_bytes());
        header.extend([0, 0, self.ttl, self.protocol]);
        let mut rest = Vec::with_capacity(8);
        rest.extend(self.source.octets());
        rest.extend(self.destination.octets());
        let mut summed = header.clone();
        summed.extend(&rest);
        header.extend(super::checksum::checksum(&summed).to_be_bytes());
        header.extend(rest);
        header.extend(payload);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sent by keepalived 2.2.7, captured on a veth: vrid 51, priority 255, one address.
    const CAPTURED: [u8; 40] = [
        0x45, 0xc0, 0x00, 0x28, 0x00, 0x01, 0x00, 0x00, 0xff, 0x70, 0xd0, 0x87, 0x0a, 0x09, 0x00,
        0x02, 0xe0, 0x00, 0x00, 0x12, 0x21, 0x33, 0xff, 0x01, 0x01, 0x01, 0x2b, 0x6e, 0x0a, 0x09,
        0x00, 0x97, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74, 0x6c, 0x6f,
    ];

    const HEADER: Header = Header {
        identification: 1,
        ttl: 255,
        protocol: 112,
        source: Ipv4Addr::new(10, 9, 0, 2),
        destination: Ipv4Addr::new(224, 0, 0, 18),
    };

    #[test]
    fn a_captured_packet() {
        let (header, payload) = Header::parse(&CAPTURED).unwrap();
        assert_eq!(header, HEADER);
        assert_eq!(payload, &CAPTURED[20..]);
    }

    #[test]
    fn link_padding_is_dropped() {
        let mut padded = CAPTURED.to_vec();
        padded.extend([0; 6]);
        assert_eq!(Header::parse(&padded).unwrap().1, &CAPTURED[20..]);
    }

    #[test]
    fn options_are_skipped() {
        let mut packet = CAPTURED.to_vec();
        packet[0] = 0x46;
        packet[3] = 0x2c;
        packet.splice(20..20, [0x94, 0x04, 0, 0]);
        assert_eq!(Header::parse(&packet).unwrap().1, &CAPTURED[20..]);
    }

    #[test]
    fn what_is_no_packet() {
        assert_eq!(
            Header::parse(&CAPTURED[..19]),
            Err(HeaderError::Truncated {
                seen: 19,
                needed: 20
            })
        );
        assert_eq!(
            Header::parse(&CAPTURED[..39]),
            Err(HeaderError::Truncated {
                seen: 39,
                needed: 40
            })
        );
        let mut packet = CAPTURED;
        packet[0] = 0x65;
        assert_eq!(Header::parse(&packet), Err(HeaderError::Version(6)));
        packet[0] = 0x44;
        assert_eq!(Header::parse(&packet), Err(HeaderError::Length));
        packet[0] = 0x45;
        packet[3] = 19;
        assert_eq!(Header::parse(&packet), Err(HeaderError::Length));
    }

    #[test]
    fn an_emitted_header_sums_to_zero() {
        let packet = HEADER.emit(&CAPTURED[20..]).unwrap();
        assert_eq!(super::super::checksum::checksum(&packet[..20]), 0);
        assert_eq!(packet[..], CAPTURED);
        assert_eq!(Header::parse(&packet).unwrap(), (HEADER, &CAPTURED[20..]));
    }
}
