//! The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.

/// Checksum over `bytes`; an odd last byte is padded with a zero. Over bytes that hold their own right checksum it is 0.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut words = bytes.chunks_exact(2);
    let mut sum: u64 = 0;
    for word in words.by_ref() {
        if let &[high, low] = word {
            sum += u64::from(u16::from_be_bytes([high, low]));
        }
    }
    if let &[last] = words.remainder() {
        sum += u64::from(u16::from_be_bytes([last, 0]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The loop leaves 16 bits.
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        // RFC 1071 section 3: the sum of these is ddf2.
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
    }

    #[test]
    fn an_odd_byte_is_padded() {
        assert_eq!(checksum(&[0x12]), !0x1200);
        assert_eq!(checksum(&[]), 0xffff);
    }
}
