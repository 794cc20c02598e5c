//! Why a session left the Up state (RFC 5880 4.1).

use std::fmt;

/// A diagnostic code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Diagnostic {
    /// 0.
    #[default]
    None,
    /// 1: nothing was heard for the detection time.
    DetectionTimeExpired,
    /// 2: not used here.
    EchoFailed,
    /// 3: the neighbour said that it is down.
    NeighborSignaledDown,
    /// 4: not used here.
    ForwardingPlaneReset,
    /// 5: not used here.
    PathDown,
    /// 6: not used here.
    ConcatenatedPathDown,
    /// 7: it was taken down.
    AdministrativelyDown,
    /// 8: not used here.
    ReverseConcatenatedPathDown,
    /// 9 to 31, of the low five bits.
    Reserved(u8),
}

impl Diagnostic {
    /// From the five bits of a packet; further bits do not count.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Diagnostic {
        match bits & 0x1f {
            0 => Diagnostic::None,
            1 => Diagnostic::DetectionTimeExpired,
            2 => Diagnostic::EchoFailed,
            3 => Diagnostic::NeighborSignaledDown,
            4 => Diagnostic::ForwardingPlaneReset,
            5 => Diagnostic::PathDown,
            6 => Diagnostic::ConcatenatedPathDown,
            7 => Diagnostic::AdministrativelyDown,
            8 => Diagnostic::ReverseConcatenatedPathDown,
            other => Diagnostic::Reserved(other),
        }
    }

    /// The five bits of a packet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Diagnostic::None => 0,
            Diagnostic::DetectionTimeExpired => 1,
            Diagnostic::EchoFailed => 2,
            Diagnostic::NeighborSignaledDown => 3,
            Diagnostic::ForwardingPlaneReset => 4,
            Diagnostic::PathDown => 5,
            Diagnostic::ConcatenatedPathDown => 6,
            Diagnostic::AdministrativelyDown => 7,
            Diagnostic::ReverseConcatenatedPathDown => 8,
            Diagnostic::Reserved(bits) => bits & 0x1f,
        }
    }
}

impl fmt::Display for Diagnostic {
    /// In the words of RFC 5880 4.1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Diagnostic::None => "No Diagnostic",
            Diagnostic::DetectionTimeExpired => "Control Detection Time Expired",
            Diagnostic::EchoFailed => "Echo Function Failed",
            Diagnostic::NeighborSignaledDown => "Neighbor Signaled Session Down",
            Diagnostic::ForwardingPlaneReset => "Forwarding Plane Reset",
            Diagnostic::PathDown => "Path Down",
            Diagnostic::ConcatenatedPathDown => "Concatenated Path Down",
            Diagnostic::AdministrativelyDown => "Administratively Down",
            Diagnostic::ReverseConcatenatedPathDown => "Reverse Concatenated Path Down",
            Diagnostic::Reserved(bits) => return write!(f, "Reserved ({bits})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_goes_there_and_back() {
        for bits in 0..32 {
            assert_eq!(Diagnostic::from_bits(bits).bits(), bits);
        }
    }
}
