//! Why a packet was not believed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::time::Micros;
use crate::wire::ipv4::HeaderError;

/// Why a packet was dropped, with what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// Not even an IPv4 packet.
    Header(HeaderError),
    /// Another protocol than 112.
    Protocol(u8),
    /// Fewer bytes than the PDU needs.
    Truncated {
        /// Bytes after the IP header.
        seen: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// A time to live, or hop limit, out of bounds: by multicast it crossed a router (RFC 3768 5.2.3), of a unicast peer it
    /// is not what was configured.
    Ttl {
        /// The one in the packet.
        seen: u8,
        /// The least that is well.
        least: u8,
        /// The most that is well.
        most: u8,
    },
    /// Another version than the instance speaks.
    Version {
        /// Version of the packet.
        seen: u8,
        /// Version of the instance.
        expected: u8,
    },
    /// Another type than 1, advertisement.
    Type(u8),
    /// Another authentication type than the instance's, of those that exist.
    AuthMismatch {
        /// Type in the packet.
        seen: u8,
        /// Type of the instance.
        expected: u8,
    },
    /// An authentication type that does not exist.
    AuthType(u8),
    /// A wrong password.
    Password,
    /// What should be an authentication header before a VRRP PDU is none.
    AhMalformed,
    /// No authentication header (`auth_type AH`).
    AhMissing,
    /// An authentication header whose security parameters index is not the sender's address.
    AhSpi(Ipv4Addr),
    /// An authentication header whose number is not greater than the last.
    AhReplay {
        /// The number in the packet.
        seen: u32,
        /// The last that was seen or sent.
        last: u32,
    },
    /// An authentication header that is not right: another password, or the packet was changed on its way.
    AhInvalid,
    /// No signature (`auth_hmac`).
    SealMissing,
    /// What should be a signature is none.
    SealMalformed,
    /// Signed so long ago, or so far ahead, by the sender's clock.
    SealStale {
        /// How far it is off ours.
        off: Micros,
    },
    /// Signed with a key that we do not have.
    SealKey(u8),
    /// A signature that is not right.
    SealInvalid,
    /// Signed no later than what was heard of the sender before.
    SealReplay,
    /// Another advertisement interval than ours (RFC 3768 7.1).
    Interval {
        /// Seconds in the packet.
        seen: u8,
        /// Seconds of the instance.
        expected: u8,
    },
    /// More bytes after the PDU than the PDU's own lengths account for.
    Length {
        /// Bytes after the IP header.
        seen: usize,
        /// Bytes of the PDU.
        expected: usize,
    },
    /// A wrong checksum.
    Checksum {
        /// Version of the packet.
        version: u8,
    },
    /// Sent to everyone, where adverts are sent to peers.
    NotUnicast,
    /// Not from a configured peer (`check_unicast_src`).
    Stranger,
    /// Sent to us alone, where multicast is expected.
    NotMulticast,
    /// To the owner of the addresses, which heeds no other (`owner_ignore_adverts`).
    OwnerIgnores,
    /// It claims to come from the address that we send from.
    OwnAddress,
    /// For a virtual router id that no instance has on that interface.
    UnknownVrid(u8),
}

/// The kind of a [`Reject`], without what was seen: the reason that is counted and logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectKind {
    /// [`Reject::Header`].
    Header,
    /// [`Reject::Protocol`].
    Protocol,
    /// [`Reject::Truncated`].
    Truncated,
    /// [`Reject::Ttl`].
    Ttl,
    /// [`Reject::Version`].
    Version,
    /// [`Reject::Type`].
    Type,
    /// [`Reject::AuthMismatch`].
    AuthMismatch,
    /// [`Reject::AuthType`].
    AuthType,
    /// [`Reject::Password`].
    Password,
    /// [`Reject::AhMalformed`].
    AhMalformed,
    /// [`Reject::AhMissing`].
    AhMissing,
    /// [`Reject::AhSpi`].
    AhSpi,
    /// [`Reject::AhReplay`].
    AhReplay,
    /// [`Reject::AhInvalid`].
    AhInvalid,
    /// [`Reject::SealMissing`].
    SealMissing,
    /// [`Reject::SealMalformed`].
    SealMalformed,
    /// [`Reject::SealStale`].
    SealStale,
    /// [`Reject::SealKey`].
    SealKey,
    /// [`Reject::SealInvalid`].
    SealInvalid,
    /// [`Reject::SealReplay`].
    SealReplay,
    /// [`Reject::Interval`].
    Interval,
    /// [`Reject::Length`].
    Length,
    /// [`Reject::Checksum`].
    Checksum,
    /// [`Reject::NotUnicast`].
    NotUnicast,
    /// [`Reject::Stranger`].
    Stranger,
    /// [`Reject::NotMulticast`].
    NotMulticast,
    /// [`Reject::OwnerIgnores`].
    OwnerIgnores,
    /// [`Reject::OwnAddress`].
    OwnAddress,
    /// [`Reject::UnknownVrid`].
    UnknownVrid,
}

impl Reject {
    /// The reason without what was seen.
    #[must_use]
    pub fn kind(&self) -> RejectKind {
        match self {
            Reject::Header(_) => RejectKind::Header,
            Reject::Protocol(_) => RejectKind::Protocol,
            Reject::Truncated { .. } => RejectKind::Truncated,
            Reject::Ttl { .. } => RejectKind::Ttl,
            Reject::Version { .. } => RejectKind::Version,
            Reject::Type(_) => RejectKind::Type,
            Reject::AuthMismatch { .. } => RejectKind::AuthMismatch,
            Reject::AuthType(_) => RejectKind::AuthType,
            Reject::Password => RejectKind::Password,
            Reject::AhMalformed => RejectKind::AhMalformed,
            Reject::AhMissing => RejectKind::AhMissing,
            Reject::AhSpi(_) => RejectKind::AhSpi,
            Reject::AhReplay { .. } => RejectKind::AhReplay,
            Reject::AhInvalid => RejectKind::AhInvalid,
            Reject::SealMissing => RejectKind::SealMissing,
            Reject::SealMalformed => RejectKind::SealMalformed,
            Reject::SealStale { .. } => RejectKind::SealStale,
            Reject::SealKey(_) => RejectKind::SealKey,
            Reject::SealInvalid => RejectKind::SealInvalid,
            Reject::SealReplay => RejectKind::SealReplay,
            Reject::Interval { .. } => RejectKind::Interval,
            Reject::Length { .. } => RejectKind::Length,
            Reject::Checksum { .. } => RejectKind::Checksum,
            Reject::NotUnicast => RejectKind::NotUnicast,
            Reject::Stranger => RejectKind::Stranger,
            Reject::NotMulticast => RejectKind::NotMulticast,
            Reject::OwnerIgnores => RejectKind::OwnerIgnores,
            Reject::OwnAddress => RejectKind::OwnAddress,
            Reject::UnknownVrid(_) => RejectKind::UnknownVrid,
        }
    }
}

impl RejectKind {
    /// One word for tables and metrics, in lower case with `_`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            RejectKind::Header => "header",
            RejectKind::Protocol => "protocol",
            RejectKind::Truncated => "truncated",
            RejectKind::Ttl => "ttl",
            RejectKind::Version => "version",
            RejectKind::Type => "type",
            RejectKind::AuthMismatch => "auth_mismatch",
            RejectKind::AuthType => "auth_type",
            RejectKind::Password => "password",
            RejectKind::AhMalformed => "ah_malformed",
            RejectKind::AhMissing => "ah_missing",
            RejectKind::AhSpi => "ah_spi",
            RejectKind::AhReplay => "ah_replay",
            RejectKind::AhInvalid => "ah_invalid",
            RejectKind::SealMissing => "hmac_missing",
            RejectKind::SealMalformed => "hmac_malformed",
            RejectKind::SealStale => "hmac_stale",
            RejectKind::SealKey => "hmac_unknown_key",
            RejectKind::SealInvalid => "hmac_invalid",
            RejectKind::SealReplay => "hmac_replay",
            RejectKind::Interval => "interval",
            RejectKind::Length => "length",
            RejectKind::Checksum => "checksum",
            RejectKind::NotUnicast => "not_unicast",
            RejectKind::Stranger => "stranger",
            RejectKind::NotMulticast => "not_multicast",
            RejectKind::OwnerIgnores => "owner_ignores",
            RejectKind::OwnAddress => "own_address",
            RejectKind::UnknownVrid => "unknown_vrid",
        }
    }
}

impl fmt::Display for RejectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A [`Reject`] with its sender, as a line for the log.
pub(crate) struct Complaint<'a> {
    reject: &'a Reject,
    peer: IpAddr,
}

impl Reject {
    pub(crate) fn complaint(&self, peer: IpAddr) -> Complaint<'_> {
        Complaint { reject: self, peer }
    }
}

impl fmt::Display for Complaint<'_> {
    /// keepalived's words. It counts lengths from the IP header on, so 20 bytes are added to those of the PDU.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peer;
        match self.reject {
            Reject::Header(error) => write!(f, "bad IP packet from {peer}: {error}"),
            Reject::Protocol(protocol) => write!(f, "packet of IP protocol {protocol} from {peer}"),
            Reject::Truncated { seen, needed } => {
                let (seen, needed) = (seen.saturating_add(20), needed.saturating_add(20));
                write!(
                    f,
                    "vrrp packet too short from {peer}, length {seen} and expect {needed}"
                )
            }
            Reject::Ttl { seen, least, most } => {
                write!(
                    f,
                    "invalid TTL/HL from {peer}. Received {seen} and expect {least}"
                )?;
                if least == most {
                    Ok(())
                } else {
                    write!(f, "-{most}")
                }
            }
            Reject::Version { seen, expected } => write!(
                f,
                "wrong VRRP version from {peer}. Received {seen} and expect {expected}"
            ),
            Reject::Type(seen) => write!(f, "Invalid packet type from {peer}. {seen} and expect 1"),
            Reject::AuthMismatch { seen, expected } => {
                write!(
                    f,
                    "received a {seen} auth from {peer}, expecting {expected}!"
                )
            }
            Reject::AuthType(seen) => write!(f, "Invalid auth type from {peer}: {seen}"),
            Reject::Password => write!(f, "received an invalid passwd from {peer}!"),
            Reject::AhMalformed => write!(f, "malformed authentication header from {peer}"),
            Reject::AhMissing => {
                write!(f, "no authentication header before the advert from {peer}")
            }
            Reject::AhSpi(seen) => write!(
                f,
                "IPSEC AH : invalid IPSEC SPI value. {seen} and expect {peer}"
            ),
            Reject::AhReplay { seen, last } => write!(
                f,
                "IPSEC-AH : sequence number {seen} already processed. Packet dropped. Local({last}) (from {peer})"
            ),
            Reject::AhInvalid => write!(
                f,
                "IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password ! (from {peer})"
            ),
            Reject::SealMissing => write!(f, "no HMAC in the advert from {peer}"),
            Reject::SealMalformed => write!(f, "malformed HMAC in the advert from {peer}"),
            Reject::SealStale { off } => write!(
                f,
                "HMAC of the advert from {peer} is {off} s off our clock: set the clocks, or raise time_window"
            ),
            Reject::SealKey(key) => {
                write!(f, "HMAC key {key} of the advert from {peer} is not ours")
            }
            Reject::SealInvalid => write!(f, "wrong HMAC in the advert from {peer}"),
            Reject::SealReplay => write!(f, "advert from {peer} was signed before: a replay"),
            Reject::Interval { seen, expected } => {
                write!(
                    f,
                    "advertisement interval mismatch with {peer} mine={expected} sec rcv'd={seen} sec"
                )
            }
            Reject::Length { seen, expected } => {
                let (seen, expected) = (seen.saturating_add(20), expected.saturating_add(20));
                write!(
                    f,
                    "vrrp packet too long from {peer}, length {seen} and expect {expected}"
                )
            }
            Reject::Checksum { version } => {
                write!(f, "Invalid VRRPv{version} checksum from {peer}")
            }
            Reject::NotUnicast => write!(
                f,
                "Expected unicast packet but received multicast packet from {peer}"
            ),
            Reject::Stranger => write!(f, "unicast source address {peer} not a unicast peer"),
            Reject::NotMulticast => write!(
                f,
                "Expected multicast packet but received unicast packet from {peer}"
            ),
            Reject::OwnerIgnores => write!(
                f,
                "Dropping packet(s) from {peer} since we are address owner"
            ),
            Reject::OwnAddress => {
                write!(
                    f,
                    "WARNING - advert received from remote host with our IP address {peer}"
                )
            }
            Reject::UnknownVrid(vrid) => write!(f, "unknown VRID {vrid} from {peer}"),
        }
    }
}
