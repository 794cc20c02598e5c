//! An ICMP echo request and its reply (RFC 792, RFC 4443 4). Pure.
//!
//! The kernel fills in checksum and identifier, and gives a socket the replies with its identifier only; but from any
//! host, so the data tells whether a reply is ours.

/// Type and code of a message and what is left for the kernel; the sequence number; the data.
const LENGTH: usize = 8 + DATA;

/// Bytes of data.
pub const DATA: usize = 32;

/// More than a reply to us has.
pub const LOOKED_AT: usize = LENGTH + 1;

/// The number of the only request of an attempt.
const SEQUENCE: [u8; 2] = [0, 1];

/// One echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    ipv6: bool,
    data: [u8; DATA],
}

impl Echo {
    /// A request with data that nobody can guess.
    #[must_use]
    pub fn new(ipv6: bool, data: [u8; DATA]) -> Echo {
        Echo { ipv6, data }
    }

    /// As handed to the kernel.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        self.message(if self.ipv6 { 128 } else { 8 }, [0, 0])
    }

    /// Whether `message` is the reply.
    #[must_use]
    pub fn is_answered_by(&self, message: &[u8]) -> bool {
        let Some(&[_, _, _, _, identifier @ .., _, _]) = message.first_chunk::<8>() else {
            return false;
        };
        let mut wanted = self.message(if self.ipv6 { 129 } else { 0 }, identifier);
        // The checksum, which the kernel has verified.
        for (wanted, seen) in wanted.iter_mut().zip(message).skip(2).take(2) {
            *wanted = *seen;
        }
        wanted == message
    }

    fn message(&self, kind: u8, [high, low]: [u8; 2]) -> Vec<u8> {
        let [first, second] = SEQUENCE;
        let mut message = vec![kind, 0, 0, 0, high, low, first, second];
        message.extend_from_slice(&self.data);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: [u8; DATA] = [0x5a; DATA];

    fn reply(kind: u8, sequence: u8, data: [u8; DATA]) -> Vec<u8> {
        // Checksum and identifier as a kernel would fill them in.
        [&[kind, 0, 0xbe, 0xef, 0x12, 0x34, 0, sequence][..], &data].concat()
    }

    #[test]
    fn a_request_is_of_its_family() {
        assert_eq!(Echo::new(false, MINE).emit()[..8], [8, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(
            Echo::new(true, MINE).emit()[..8],
            [128, 0, 0, 0, 0, 0, 0, 1]
        );
    }

    #[test]
    fn only_the_reply_to_it_is_one() {
        let echo = Echo::new(false, MINE);
        assert!(echo.is_answered_by(&reply(0, 1, MINE)));
        assert!(Echo::new(true, MINE).is_answered_by(&reply(129, 1, MINE)));
        assert!(!echo.is_answered_by(&reply(8, 1, MINE)), "a request");
        assert!(!echo.is_answered_by(&reply(129, 1, MINE)), "IPv6");
        assert!(!echo.is_answered_by(&reply(0, 2, MINE)), "another one");
        assert!(!echo.is_answered_by(&reply(0, 1, [1; DATA])), "another's");
        let mut longer = reply(0, 1, MINE);
        longer.push(0);
        assert!(!echo.is_answered_by(&longer));
        for length in 0..LENGTH {
            assert!(!echo.is_answered_by(&reply(0, 1, MINE)[..length]));
        }
    }
}
