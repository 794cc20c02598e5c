//! Why a packet is not used.

use std::fmt;

use crate::state::State;

/// The reasons, in the order in which RFC 5880 6.8.6 looks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Too few bytes for a control packet, or for the authentication section that it says it has.
    TooSmall {
        /// How many.
        bytes: usize,
    },
    /// Not version 1.
    Version(u8),
    /// The length field is not what came.
    Length {
        /// What it says.
        field: u8,
        /// What came.
        bytes: usize,
    },
    /// The detection multiplier is zero.
    ZeroMultiplier,
    /// The multipoint bit is set.
    Multipoint,
    /// The sender's discriminator is zero.
    ZeroDiscriminator,
    /// A packet without our discriminator, of which the sender claims to know us.
    StateWithoutDiscriminator(State),
    /// No session has that discriminator, or, where it is zero, that neighbour.
    NoSession {
        /// Your Discriminator.
        discriminator: u32,
    },
    /// It has come too far (RFC 5881 5, RFC 5082).
    Hops {
        /// Its time to live, or hop limit.
        ttl: u8,
        /// The least that is accepted.
        least: u8,
    },
    /// It is authenticated, and we use no authentication.
    Authenticated,
    /// It came for a session with another neighbour.
    OtherNeighbour,
}

impl Reject {
    /// The bytes are no control packet, whoever sent them.
    #[must_use]
    pub const fn is_bogus(self) -> bool {
        matches!(
            self,
            Reject::TooSmall { .. }
                | Reject::Version(_)
                | Reject::Length { .. }
                | Reject::ZeroMultiplier
                | Reject::Multipoint
                | Reject::ZeroDiscriminator
                | Reject::StateWithoutDiscriminator(_)
        )
    }
}

impl fmt::Display for Reject {
    /// In keepalived's words where it has some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::TooSmall { bytes } => write!(f, "Packet is too small: {bytes} bytes"),
            Reject::Version(version) => write!(f, "Packet is of unsupported version: {version}"),
            Reject::Length { field, bytes } => write!(
                f,
                "Packet size mismatch: length field: {field} bytes, buffer size: {bytes} bytes"
            ),
            Reject::ZeroMultiplier => f.write_str("Packet 'detection multiplier' field is zero"),
            Reject::Multipoint => f.write_str("Packet has 'multipoint' flag"),
            Reject::ZeroDiscriminator => f.write_str("Packet 'my discriminator' field is zero"),
            Reject::StateWithoutDiscriminator(_) => f.write_str(
                "Packet 'your discriminator' field is zero and 'state' field is not Down or AdminDown",
            ),
            Reject::NoSession { discriminator } => write!(
                f,
                "session is not found - your discriminator field is 0x{discriminator:08x}"
            ),
            Reject::Hops { ttl, least } => write!(f, "Packet ttl({ttl}) < {least} - discarding"),
            Reject::Authenticated => {
                f.write_str("auth bit is set, but no authentication  is in use")
            }
            Reject::OtherNeighbour => {
                f.write_str("the session of that discriminator has another neighbor")
            }
        }
    }
}
