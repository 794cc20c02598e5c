//! VRRPv2 over IPv4 (RFC 3768 5.1), with the authentication data of RFC 2338 5.3.10 that keepalived always sends.
//!
//! ```text
//! version|type vrid priority count | auth-type interval checksum | address * count | 8 bytes of authentication data
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use super::checksum::checksum;

/// One advertisement.
#[derive(Clone, PartialEq, Eq)]
pub struct Advert {
    /// Virtual router id as on the wire, 0..=255.
    pub vrid: u8,
    /// Priority as on the wire; 0 says that the master leaves.
    pub priority: u8,
    /// Authentication type: 0 none, 1 simple text password, 2 IP authentication header.
    pub auth_type: u8,
    /// Seconds between adverts.
    pub interval: u8,
    /// The addresses; at most 255.
    pub addresses: Vec<Ipv4Addr>,
    /// Authentication data, zeros without a password.
    pub auth_data: [u8; 8],
}

impl fmt::Debug for Advert {
    /// All but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advert")
            .field("vrid", &self.vrid)
            .field("priority", &self.priority)
            .field("auth_type", &self.auth_type)
            .field("interval", &self.interval)
            .field("addresses", &self.addresses)
            .field("auth_data", &"***")
            .finish()
    }
}

/// A PDU that was taken apart but not believed: its [`Advert`] and what can only be judged against all its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Its fields.
    pub advert: Advert,
    /// Low four bits of the first byte; 1 for an advertisement.
    pub kind: u8,
    /// Whether the checksum is right.
    pub checksum_ok: bool,
    /// Bytes after the PDU, which some senders pad with.
    pub trailing: usize,
}

/// Why bytes are no VRRPv2 PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer bytes than needed.
    #[error("{seen} bytes of a VRRPv2 PDU that needs {needed}")]
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

/// Bytes of the fixed header.
const HEADER: usize = 8;
/// Bytes of the authentication data.
const AUTH: usize = 8;

impl Advert {
    /// Takes a PDU apart. Nothing is judged but the version and the length: the address count must leave room for the
    /// authentication data.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes are too few or of another version.
    pub fn parse(bytes: &[u8]) -> Result<Parsed, ParseError> {
        let Some((
            &[
                version_type,
                vrid,
                priority,
                count,
                auth_type,
                interval,
                _,
                _,
            ],
            rest,
        )) = bytes.split_first_chunk::<HEADER>()
        else {
            return Err(ParseError::Truncated {
                seen: bytes.len(),
                needed: HEADER,
            });
        };
        if version_type >> 4 != 2 {
            return Err(ParseError::Version(version_type >> 4));
        }
        let needed = HEADER + usize::from(count) * 4 + AUTH;
        let truncated = ParseError::Truncated {
            seen: bytes.len(),
            needed,
        };
        let (addresses, rest) = rest
            .split_at_checked(usize::from(count) * 4)
            .ok_or(truncated)?;
        let (&auth_data, rest) = rest.split_first_chunk::<AUTH>().ok_or(truncated)?;
        let pdu = bytes.get(..needed).ok_or(truncated)?;
        let addresses = addresses
            .chunks_exact(4)
            .filter_map(|octets| <[u8; 4]>::try_from(octets).ok())
            .map(Ipv4Addr::from)
            .collect();
        Ok(Parsed {
            advert: Advert {
                vrid,
                priority,
                auth_type,
                interval,
                addresses,
                auth_data,
            },
            kind: version_type & 0x0f,
            checksum_ok: checksum(pdu) == 0,
            trailing: rest.len(),
        })
    }

    /// The PDU of type 1, with its checksum. Addresses past the 255th are left out, since the count is one byte.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let opening = [
            0x21,
            self.vrid,
            self.priority,
            count,
            self.auth_type,
            self.interval,
        ];
        let mut body = Vec::with_capacity(usize::from(count) * 4 + AUTH);
        for address in self.addresses.iter().take(usize::from(count)) {
            body.extend(address.octets());
        }
        body.extend(self.auth_data);
        let mut pdu = Vec::with_capacity(HEADER + body.len());
        pdu.extend(opening);
        // The checksum is made with its own field zero, so two zero bytes more do not change it.
        let sum = checksum(&[opening.as_slice(), &[0, 0], &body].concat());
        pdu.extend(sum.to_be_bytes());
        pdu.extend(body);
        pdu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sent by keepalived: vrid 51, priority 150, PASS.
    const CAPTURED: [u8; 20] = [
        0x21, 0x33, 0x96, 0x01, 0x01, 0x01, 0x94, 0xa1, 0x0a, 0x09, 0x00, 0x64, 0x73, 0x65, 0x63,
        0x72, 0x65, 0x74, 0x6c, 0x6f,
    ];

    fn advert() -> Advert {
        Advert {
            vrid: 51,
            priority: 150,
            auth_type: 1,
            interval: 1,
            addresses: vec![Ipv4Addr::new(10, 9, 0, 100)],
            auth_data: *b"secretlo",
        }
    }

    #[test]
    fn a_captured_advert_parses() {
        let parsed = Advert::parse(&CAPTURED).unwrap();
        assert_eq!(
            parsed,
            Parsed {
                advert: advert(),
                kind: 1,
                checksum_ok: true,
                trailing: 0
            }
        );
    }

    #[test]
    fn emitted_as_captured() {
        assert_eq!(advert().emit(), CAPTURED);
    }

    #[test]
    fn each_cut_is_truncated() {
        for cut in 0..CAPTURED.len() {
            let needed = if cut < 8 { 8 } else { 20 };
            assert_eq!(
                Advert::parse(&CAPTURED[..cut]),
                Err(ParseError::Truncated { seen: cut, needed })
            );
        }
    }

    #[test]
    fn each_flipped_bit_is_noticed() {
        for bit in 0..CAPTURED.len() * 8 {
            let mut bytes = CAPTURED;
            bytes[bit / 8] ^= 1 << (bit % 8);
            match Advert::parse(&bytes) {
                Ok(parsed) => assert!(!parsed.checksum_ok, "bit {bit}"),
                Err(error) => assert!(
                    (4..8).contains(&bit) || (24..32).contains(&bit),
                    "bit {bit}: {error}"
                ),
            }
        }
    }

    #[test]
    fn padding_is_counted_not_summed() {
        let mut padded = CAPTURED.to_vec();
        padded.extend([0xaa; 10]);
        let parsed = Advert::parse(&padded).unwrap();
        assert!(parsed.checksum_ok);
        assert_eq!(parsed.trailing, 10);
    }

    #[test]
    fn a_password_does_not_print() {
        assert!(!format!("{:?}", advert()).contains("115"));
    }

    #[test]
    fn at_most_255_addresses() {
        let mut many = advert();
        many.addresses = vec![Ipv4Addr::LOCALHOST; 300];
        let parsed = Advert::parse(&many.emit()).unwrap();
        assert_eq!(parsed.advert.addresses.len(), 255);
        assert!(parsed.checksum_ok);
    }
}
