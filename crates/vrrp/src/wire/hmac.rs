//! The trailer of keepalived's `auth_hmac` (keepalived 2.4, draft): 28 bytes after a PDU of either version.
//!
//! ```text
//! type=1 key-id 0 0 | seconds:4 | 1/65536 s:2 counter:2 | mac:16
//! ```
//!
//! The mac is the first half of HMAC-SHA256 over a pseudo header of 20 bytes (IP version, VRRP version, virtual router id, 0,
//! and the source address padded to 16 bytes), the PDU with its checksum zero, the first 12 bytes of the trailer, and
//! 16 zeros. The checksum of the PDU does not cover the trailer.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a trailer.
pub const LENGTH: usize = 28;
/// Bytes of it that are signed.
const SIGNED: usize = 12;
/// Bytes of the mac.
const MAC: usize = 16;
/// Where the checksum of a PDU is, in either version.
const CHECKSUM: std::ops::Range<usize> = 6..8;

/// When something was signed, and in which order: later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Whole seconds, since 1970 or since the sender was booted.
    pub seconds: u32,
    /// 1/65536 of a second.
    pub fraction: u16,
    /// Counts what was signed within the same 1/65536 of a second.
    pub counter: u16,
}

impl Stamp {
    /// The stamp of so many microseconds; what is beyond 2106 wraps.
    #[must_use]
    pub fn of(micros: u64, counter: u16) -> Stamp {
        let [_, _, _, _, a, b, c, d] = (micros / 1_000_000).to_be_bytes();
        let fraction = (micros % 1_000_000) * 65_536 / 1_000_000;
        Stamp {
            seconds: u32::from_be_bytes([a, b, c, d]),
            fraction: u16::try_from(fraction).unwrap_or(u16::MAX),
            counter,
        }
    }

    /// The least stamp that is greater.
    #[must_use]
    pub fn next(self) -> Stamp {
        let [a, b, c, d] = self.seconds.to_be_bytes();
        let [e, f] = self.fraction.to_be_bytes();
        let [g, h] = self.counter.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = u64::from_be_bytes([a, b, c, d, e, f, g, h])
            .saturating_add(1)
            .to_be_bytes();
        Stamp {
            seconds: u32::from_be_bytes([a, b, c, d]),
            fraction: u16::from_be_bytes([e, f]),
            counter: u16::from_be_bytes([g, h]),
        }
    }

    /// Microseconds.
    #[must_use]
    pub fn micros(self) -> u64 {
        u64::from(self.seconds) * 1_000_000 + u64::from(self.fraction) * 1_000_000 / 65_536
    }
}

/// A trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Which key signed it, 1..=255.
    pub key: u8,
    /// When.
    pub stamp: Stamp,
    /// The signature.
    pub mac: [u8; MAC],
}

/// What a signature covers besides the trailer.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// Source address of the packet.
    pub source: IpAddr,
    /// Version of the PDU.
    pub version: u8,
    /// Virtual router id of the PDU.
    pub vrid: u8,
    /// The PDU, whatever its checksum.
    pub pdu: &'a [u8],
}

/// Bytes that are no trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed authentication trailer")]
pub struct Malformed;

impl Trailer {
    /// Reads a trailer. Its signature is not looked at.
    ///
    /// # Errors
    /// [`Malformed`] when it has another length, another type, or reserved bytes that are not 0.
    pub fn parse(bytes: &[u8]) -> Result<Trailer, Malformed> {
        let Ok(bytes) = <&[u8; LENGTH]>::try_from(bytes) else {
            return Err(Malformed);
        };
        let &[1, key, 0, 0, s0, s1, s2, s3, f0, f1, c0, c1, ref mac @ ..] = bytes else {
            return Err(Malformed);
        };
        Ok(Trailer {
            key,
            stamp: Stamp {
                seconds: u32::from_be_bytes([s0, s1, s2, s3]),
                fraction: u16::from_be_bytes([f0, f1]),
                counter: u16::from_be_bytes([c0, c1]),
            },
            mac: *mac,
        })
    }

    /// Signs with a key of 32 to 64 bytes.
    #[must_use]
    pub fn sign(key: u8, secret: &[u8], stamp: Stamp, signed: &Signed<'_>) -> Trailer {
        let mut trailer = Trailer {
            key,
            stamp,
            mac: [0; MAC],
        };
        let mac = trailer.digest(secret, signed).finalize().into_bytes();
        if let Some(half) = mac.first_chunk::<MAC>() {
            trailer.mac = *half;
        }
        trailer
    }

    /// Whether a key signed it. Takes as long wherever the first difference is.
    #[must_use]
    pub fn verify(&self, secret: &[u8], signed: &Signed<'_>) -> bool {
        self.digest(secret, signed)
            .verify_truncated_left(&self.mac)
            .is_ok()
    }

    /// Its bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (signed, mac) = bytes.split_at_mut(SIGNED);
        signed.copy_from_slice(&self.head());
        mac.copy_from_slice(&self.mac);
        bytes
    }

    fn head(&self) -> [u8; SIGNED] {
        let [s0, s1, s2, s3] = self.stamp.seconds.to_be_bytes();
        let [f0, f1] = self.stamp.fraction.to_be_bytes();
        let [c0, c1] = self.stamp.counter.to_be_bytes();
        [1, self.key, 0, 0, s0, s1, s2, s3, f0, f1, c0, c1]
    }

    fn digest(&self, secret: &[u8], signed: &Signed<'_>) -> Hmac<Sha256> {
        let Ok(mut digest) = Hmac::<Sha256>::new_from_slice(secret) else {
            // HMAC takes keys of any length.
            return Hmac::<Sha256>::new(&Default::default());
        };
        let (family, mut source) = match signed.source {
            IpAddr::V4(address) => (4, address.octets().to_vec()),
            IpAddr::V6(address) => (6, address.octets().to_vec()),
        };
        source.resize(16, 0);
        digest.update(&[family, signed.version, signed.vrid, 0]);
        digest.update(&source);
        let mut pdu = signed.pdu.to_vec();
        if let Some(checksum) = pdu.get_mut(CHECKSUM) {
            checksum.fill(0);
        }
        digest.update(&pdu);
        digest.update(&self.head());
        digest.update(&[0; MAC]);
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    /// Sent by keepalived 2.4.3 from 10.9.0.1 with key 1.
    const PDU: [u8; 12] = [
        0x31, 0x36, 0x78, 0x01, 0x00, 0x64, 0x61, 0x5c, 0x0a, 0x09, 0x00, 0x66,
    ];
    const TRAILER: [u8; LENGTH] = [
        0x01, 0x01, 0x00, 0x00, 0x6b, 0x00, 0x39, 0xc7, 0xd2, 0x5c, 0x00, 0x00, 0xce, 0xa0, 0x76,
        0xb6, 0xaa, 0x44, 0x63, 0xc4, 0xb6, 0x7c, 0xad, 0x28, 0x0d, 0x4e, 0x66, 0x40,
    ];

    fn signed() -> Signed<'static> {
        Signed {
            source: IpAddr::from([10, 9, 0, 1]),
            version: 3,
            vrid: 0x36,
            pdu: &PDU,
        }
    }

    #[test]
    fn a_captured_trailer_verifies_and_is_signed_the_same() {
        let trailer = Trailer::parse(&TRAILER).unwrap();
        assert_eq!((trailer.key, trailer.stamp.seconds), (1, 0x6b00_39c7));
        assert!(trailer.verify(SECRET, &signed()));
        assert_eq!(
            Trailer::sign(1, SECRET, trailer.stamp, &signed()).emit(),
            TRAILER
        );
    }

    #[test]
    fn each_flipped_bit_is_noticed_but_the_checksums() {
        for bit in 0..PDU.len() * 8 {
            let mut pdu = PDU;
            pdu[bit / 8] ^= 1 << (bit % 8);
            let other = Signed {
                pdu: &pdu,
                ..signed()
            };
            let trailer = Trailer::parse(&TRAILER).unwrap();
            assert_eq!(
                trailer.verify(SECRET, &other),
                CHECKSUM.contains(&(bit / 8)),
                "bit {bit}"
            );
        }
        for bit in 0..LENGTH * 8 {
            let mut bytes = TRAILER;
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(trailer) = Trailer::parse(&bytes) {
                assert!(!trailer.verify(SECRET, &signed()), "bit {bit}");
            }
        }
    }

    #[test]
    fn another_sender_another_key() {
        let trailer = Trailer::parse(&TRAILER).unwrap();
        let other = Signed {
            source: IpAddr::from([10, 9, 0, 2]),
            ..signed()
        };
        assert!(!trailer.verify(SECRET, &other));
        assert!(!trailer.verify(b"fedcba9876543210fedcba9876543210", &signed()));
    }

    #[test]
    fn what_is_no_trailer() {
        for (place, value) in [(0, 2), (2, 1), (3, 1)] {
            let mut bytes = TRAILER;
            bytes[place] = value;
            assert_eq!(Trailer::parse(&bytes), Err(Malformed));
        }
        assert_eq!(Trailer::parse(&TRAILER[..27]), Err(Malformed));
        assert_eq!(Trailer::parse(&[]), Err(Malformed));
    }

    #[test]
    fn stamps_are_ordered_like_the_time() {
        let stamp = Stamp::of(1_795_000_000_500_000, 0);
        assert_eq!((stamp.seconds, stamp.fraction), (1_795_000_000, 32_768));
        assert_eq!(stamp.micros(), 1_795_000_000_500_000);
        let full = Stamp {
            seconds: 7,
            fraction: u16::MAX,
            counter: u16::MAX,
        };
        assert_eq!(full.next(), Stamp::of(8_000_000, 0));
        assert!(Stamp::of(1_000_000, 1) > Stamp::of(1_000_000, 0));
        assert!(Stamp::of(1_000_016, 0) > Stamp::of(1_000_000, 9));
    }
}
