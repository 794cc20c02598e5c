//! The IP authentication header that VRRPv2 over IPv4 may stand behind (RFC 2402 2, RFC 2338 5.3.6.3): 24 bytes, HMAC-MD5-96.
//!
//! ```text
//! next=112 length=4 0 0 | spi:4 | sequence:4 | icv:12
//! ```
//!
//! keepalived's habits (seen on 2.2.7): the security parameters index is the source address; the ICV is keyed with the eight bytes of the
//! password and covers the IP header with type of service, fragmentation and checksum zero, identification as it is sent,
//! and a time to live of 0 in a unicast packet only; then this header with its ICV zero, and the PDU with its checksum.

use std::net::Ipv4Addr;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::ipv4::Header;

/// IP protocol number of the authentication header.
pub const PROTOCOL: u8 = 51;
/// Bytes of the header.
pub const LENGTH: usize = 24;
/// Bytes of it before the ICV.
const FIXED: usize = 12;
/// Bytes of the ICV.
const ICV: usize = 12;
/// Its length in words of 32 bits, less 2 (RFC 2402 2.2).
const WORDS: u8 = 4;

/// An authentication header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentic {
    /// The security parameters index; of keepalived's adverts their source address.
    pub spi: Ipv4Addr,
    /// The number of the advert: greater than any before it on its segment.
    pub sequence: u32,
    /// The integrity check value.
    pub icv: [u8; ICV],
}

/// Bytes that are no authentication header before a VRRP PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed authentication header")]
pub struct Malformed;

impl Authentic {
    /// Splits what follows the IP header into the authentication header and the PDU. The ICV is not looked at.
    ///
    /// # Errors
    /// [`Malformed`] when it is too short, of another length, or before another protocol than VRRP.
    pub fn parse(bytes: &[u8]) -> Result<(Authentic, &[u8]), Malformed> {
        let Some((&[next, words, _, _, a, b, c, d, e, f, g, h], rest)) =
            bytes.split_first_chunk::<FIXED>()
        else {
            return Err(Malformed);
        };
        let Some((&icv, pdu)) = rest.split_first_chunk::<ICV>() else {
            return Err(Malformed);
        };
        if next != super::PROTOCOL || words != WORDS {
            return Err(Malformed);
        }
        let authentic = Authentic {
            spi: Ipv4Addr::new(a, b, c, d),
            sequence: u32::from_be_bytes([e, f, g, h]),
            icv,
        };
        Ok((authentic, pdu))
    }

    /// Signs a PDU that is sent behind `header`, whose protocol is [`PROTOCOL`].
    #[must_use]
    pub fn sign(secret: &[u8; 8], header: &Header, sequence: u32, pdu: &[u8]) -> Authentic {
        let mut authentic = Authentic {
            spi: header.source,
            sequence,
            icv: [0; ICV],
        };
        let mac = authentic
            .digest(secret, header, pdu)
            .finalize()
            .into_bytes();
        if let Some(icv) = mac.first_chunk::<ICV>() {
            authentic.icv = *icv;
        }
        authentic
    }

    /// Whether the password signed it. Takes as long wherever the first difference is.
    #[must_use]
    pub fn verify(&self, secret: &[u8; 8], header: &Header, pdu: &[u8]) -> bool {
        self.digest(secret, header, pdu)
            .verify_truncated_left(&self.icv)
            .is_ok()
    }

    /// Its bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (fixed, icv) = bytes.split_at_mut(FIXED);
        fixed.copy_from_slice(&self.fixed());
        icv.copy_from_slice(&self.icv);
        bytes
    }

    fn fixed(&self) -> [u8; FIXED] {
        let [a, b, c, d] = self.spi.octets();
        let [e, f, g, h] = self.sequence.to_be_bytes();
        [super::PROTOCOL, WORDS, 0, 0, a, b, c, d, e, f, g, h]
    }

    fn digest(&self, secret: &[u8; 8], header: &Header, pdu: &[u8]) -> Hmac<Md5> {
        let Ok(mut digest) = Hmac::<Md5>::new_from_slice(secret) else {
            // HMAC takes keys of any length.
            return Hmac::<Md5>::new(&Default::default());
        };
        let total = u16::try_from(20 + LENGTH + pdu.len()).unwrap_or(u16::MAX);
        let ttl = match header.destination.is_multicast() {
            true => header.ttl,
            false => 0,
        };
        digest.update(&[0x45, 0]);
        digest.update(&total.to_be_bytes());
        digest.update(&header.identification.to_be_bytes());
        digest.update(&[0, 0, ttl, header.protocol, 0, 0]);
        digest.update(&header.source.octets());
        digest.update(&header.destination.octets());
        digest.update(&self.fixed());
        digest.update(&[0; ICV]);
        digest.update(pdu);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sent by keepalived 2.2.7 with the password `secretlo`, to the group.
    const MULTICAST: [u8; 64] = [
        0x45, 0xc0, 0x00, 0x40, 0x00, 0x01, 0x00, 0x00, 0xff, 0x33, 0xd0, 0xac, 0x0a, 0x09, 0x00,
        0x02, 0xe0, 0x00, 0x00, 0x12, 0x70, 0x04, 0x00, 0x00, 0x0a, 0x09, 0x00, 0x02, 0x00, 0x00,
        0x00, 0x01, 0x29, 0x58, 0x45, 0x45, 0xc9, 0x5a, 0xe9, 0x38, 0xfd, 0x5a, 0x27, 0xd0, 0x21,
        0x33, 0x64, 0x01, 0x02, 0x01, 0x6e, 0x5d, 0x0a, 0x09, 0x00, 0x64, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00,
    ];
    /// Its second advert to a peer, with the password `abc`.
    const UNICAST: [u8; 64] = [
        0x45, 0xc0, 0x00, 0x40, 0x00, 0x02, 0x00, 0x00, 0xff, 0x33, 0xa6, 0xb4, 0x0a, 0x09, 0x00,
        0x01, 0x0a, 0x09, 0x00, 0x02, 0x70, 0x04, 0x00, 0x00, 0x0a, 0x09, 0x00, 0x01, 0x00, 0x00,
        0x00, 0x02, 0x60, 0x7e, 0x8c, 0x24, 0x07, 0xe8, 0x15, 0xe5, 0x58, 0xe7, 0x93, 0x75, 0x21,
        0x33, 0x96, 0x01, 0x02, 0x01, 0x3c, 0x5d, 0x0a, 0x09, 0x00, 0x64, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00,
    ];

    #[test]
    fn captured_packets_verify_and_are_signed_the_same() {
        for (packet, secret, sequence) in
            [(MULTICAST, b"secretlo", 1), (UNICAST, b"abc\0\0\0\0\0", 2)]
        {
            let (header, payload) = Header::parse(&packet).unwrap();
            assert_eq!(header.protocol, PROTOCOL);
            let (authentic, pdu) = Authentic::parse(payload).unwrap();
            assert_eq!(
                (authentic.spi, authentic.sequence),
                (header.source, sequence)
            );
            assert!(authentic.verify(secret, &header, pdu));
            let again = Authentic::sign(secret, &header, sequence, pdu);
            assert_eq!(again.emit(), payload[..LENGTH]);
        }
    }

    #[test]
    fn each_flipped_bit_is_noticed_but_those_that_routers_change() {
        // Type of service; flags and fragment; checksum; and of the authentication header the reserved bytes, which are sent as 0.
        let mutable = [1, 6, 7, 10, 11, 22, 23];
        for bit in 0..MULTICAST.len() * 8 {
            let mut packet = MULTICAST;
            packet[bit / 8] ^= 1 << (bit % 8);
            let Ok((header, payload)) = Header::parse(&packet) else {
                continue;
            };
            let Ok((authentic, pdu)) = Authentic::parse(payload) else {
                continue;
            };
            assert_eq!(
                authentic.verify(b"secretlo", &header, pdu),
                mutable.contains(&(bit / 8)),
                "bit {bit}"
            );
        }
        let mut hop = UNICAST;
        hop[8] = 254;
        let (header, payload) = Header::parse(&hop).unwrap();
        let (authentic, pdu) = Authentic::parse(payload).unwrap();
        assert!(authentic.verify(b"abc\0\0\0\0\0", &header, pdu));
        assert!(!authentic.verify(b"abd\0\0\0\0\0", &header, pdu));
    }

    #[test]
    fn what_is_no_authentication_header() {
        let payload = &MULTICAST[20..];
        assert_eq!(Authentic::parse(&payload[..LENGTH - 1]), Err(Malformed));
        for (place, value) in [(0, 17), (1, 5)] {
            let mut bytes = payload.to_vec();
            bytes[place] = value;
            assert_eq!(Authentic::parse(&bytes), Err(Malformed));
        }
        let (_, pdu) = Authentic::parse(&payload[..LENGTH]).unwrap();
        assert!(pdu.is_empty());
    }
}
