//! Bytes of the wire: one file a protocol, each with `parse` (bytes to value) and `emit` (value to bytes).
//!
//! It must not know instances, timers or what an advert means; whether an advert is *accepted* is for
//! `machine/receive.rs`. Enter at [`ipv4::Header::parse`], then [`v2::Advert::parse`], or [`ah::Authentic::parse`] before it. Tests: in each file with literals
//! from captures, and `tests/properties.rs` (any bytes never panic, emit then parse is identity).

pub mod ah;
pub mod checksum;
pub mod hmac;
pub mod ipv4;
pub mod v2;
pub mod v3;

/// IP protocol number of VRRP (RFC 3768 5.2.4).
pub const PROTOCOL: u8 = 112;

/// What every version begins with: version and type in one byte, then the virtual router id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// High four bits of the first byte.
    pub version: u8,
    /// Low four bits of the first byte; 1 is an advertisement, and there is no other.
    pub kind: u8,
    /// Virtual router id.
    pub vrid: u8,
}

impl Opening {
    /// Reads the first two bytes; `None` when there are fewer.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Opening> {
        let (&[version_type, vrid], _) = bytes.split_first_chunk::<2>()?;
        Some(Opening {
            version: version_type >> 4,
            kind: version_type & 0x0f,
            vrid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_of_a_captured_advert() {
        assert_eq!(
            Opening::parse(&[0x21, 0x33, 0x96]),
            Some(Opening {
                version: 2,
                kind: 1,
                vrid: 51
            })
        );
        assert_eq!(
            Opening::parse(&[0x31, 0x35]),
            Some(Opening {
                version: 3,
                kind: 1,
                vrid: 53
            })
        );
        assert_eq!(Opening::parse(&[0x21]), None);
    }
}
