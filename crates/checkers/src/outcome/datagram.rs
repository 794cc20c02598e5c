//! What became of a datagram.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Seconds;
use crate::spec::ReplyByte;

/// What a check by datagram saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatagramFailure {
    /// No reply came.
    NoReply {
        /// The time allowed.
        after: Duration,
        /// What came last of all that was no reply to us.
        stray: Option<Stray>,
    },
    /// Nobody has the port there.
    PortUnreachable,
    /// The datagram could not be sent, or the network gave it back.
    NotDelivered {
        /// The kernel's words.
        reason: String,
    },
    /// The reply's length is another.
    Length {
        /// The length; of a longer reply only that it is longer.
        seen: usize,
        /// Those that are well.
        wanted: RangeInclusive<u16>,
    },
    /// A byte of the reply is another.
    Byte {
        /// Which one, the first being 1.
        place: usize,
        /// The byte.
        seen: u8,
        /// What it should be.
        wanted: ReplyByte,
    },
    /// The name server says that something went wrong.
    Rcode {
        /// Its response code (RFC 1035 4.1.1), not 0.
        seen: u8,
        /// The code's name: `NXDOMAIN`.
        name: String,
    },
    /// There is no such name in DNS.
    NotAName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A datagram that is no reply to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stray {
    /// It cannot be read.
    Unreadable,
    /// It has another identifier.
    OtherId,
    /// It is a question itself.
    Question,
    /// It answers another question.
    OtherQuestion,
    /// It comes from another host.
    OtherHost,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stray::Unreadable => "something unreadable came",
            Stray::OtherId => "one with another id came",
            Stray::Question => "a question came",
            Stray::OtherQuestion => "one to another question came",
            Stray::OtherHost => "one of another host came",
        })
    }
}

impl fmt::Display for DatagramFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatagramFailure::NoReply { after, stray } => {
                write!(f, "no reply within {}", Seconds(*after))?;
                match stray {
                    Some(stray) => write!(f, ", but {stray}"),
                    None => Ok(()),
                }
            }
            DatagramFailure::PortUnreachable => f.write_str("ICMP port unreachable"),
            DatagramFailure::NotDelivered { reason } => write!(f, "not delivered: {reason}"),
            DatagramFailure::Length { seen, wanted } => {
                let (least, most) = (wanted.start(), wanted.end());
                if *seen > usize::from(*most) {
                    write!(f, "reply of more than {most} bytes")
                } else {
                    write!(f, "reply of {seen} bytes, wanted {least} to {most}")
                }
            }
            DatagramFailure::Byte {
                place,
                seen,
                wanted,
            } => write!(
                f,
                "byte {place} of the reply is {seen:02x}, wanted {wanted}"
            ),
            DatagramFailure::Rcode { seen, name } => write!(f, "rcode {seen} ({name}), wanted 0"),
            DatagramFailure::NotAName { name, reason } => {
                write!(f, "cannot ask for {}: {reason}", name.escape_debug())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_seen() {
        let after = Duration::from_secs(3);
        let cases = [
            (
                DatagramFailure::NoReply { after, stray: None },
                "no reply within 3.0 s",
            ),
            (
                DatagramFailure::NoReply {
                    after,
                    stray: Some(Stray::OtherId),
                },
                "no reply within 3.0 s, but one with another id came",
            ),
            (DatagramFailure::PortUnreachable, "ICMP port unreachable"),
            (
                DatagramFailure::Length {
                    seen: 5,
                    wanted: 6..=255,
                },
                "reply of 5 bytes, wanted 6 to 255",
            ),
            (
                DatagramFailure::Length {
                    seen: 256,
                    wanted: 0..=255,
                },
                "reply of more than 255 bytes",
            ),
            (
                DatagramFailure::Byte {
                    place: 2,
                    seen: 0x65,
                    wanted: ReplyByte {
                        value: 0x70,
                        mask: 0xf0,
                    },
                },
                "byte 2 of the reply is 65, wanted 7X",
            ),
            (
                DatagramFailure::Rcode {
                    seen: 3,
                    name: "NXDOMAIN".into(),
                },
                "rcode 3 (NXDOMAIN), wanted 0",
            ),
        ];
        for (failure, text) in cases {
            assert_eq!(failure.to_string(), text);
        }
    }
}
