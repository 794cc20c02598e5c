//! A synchronisation daemon: `IPVS_DAEMON_ATTR_*`.

use netlink_packet_core::{
    DecodeError, DefaultNla, ErrorContext, Nla, NlaBuffer, Parseable, parse_string, parse_u8,
    parse_u16, parse_u32,
};

use super::value::{emit_bytes, emit_text, parse_array};
use crate::uapi::*;

/// One attribute of a synchronisation daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonAttr {
    /// `IP_VS_STATE_*`.
    State(u32),
    /// Name of the interface for multicast.
    Interface(String),
    /// Only daemons of one id hear each other.
    SyncId(u32),
    /// Largest UDP payload.
    MaxLength(u16),
    /// IPv4 multicast group.
    Group([u8; 4]),
    /// IPv6 multicast group.
    Group6([u8; 16]),
    /// UDP port, in host order (the one port of IPVS that is).
    Port(u16),
    /// Multicast TTL.
    Ttl(u8),
    /// What we do not know.
    Other(DefaultNla),
}

impl Nla for DaemonAttr {
    fn value_len(&self) -> usize {
        match self {
            DaemonAttr::State(_) | DaemonAttr::SyncId(_) | DaemonAttr::Group(_) => 4,
            DaemonAttr::Interface(name) => name.len() + 1,
            DaemonAttr::MaxLength(_) | DaemonAttr::Port(_) => 2,
            DaemonAttr::Group6(_) => 16,
            DaemonAttr::Ttl(_) => 1,
            DaemonAttr::Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            DaemonAttr::State(_) => IPVS_DAEMON_ATTR_STATE,
            DaemonAttr::Interface(_) => IPVS_DAEMON_ATTR_MCAST_IFN,
            DaemonAttr::SyncId(_) => IPVS_DAEMON_ATTR_SYNC_ID,
            DaemonAttr::MaxLength(_) => IPVS_DAEMON_ATTR_SYNC_MAXLEN,
            DaemonAttr::Group(_) => IPVS_DAEMON_ATTR_MCAST_GROUP,
            DaemonAttr::Group6(_) => IPVS_DAEMON_ATTR_MCAST_GROUP6,
            DaemonAttr::Port(_) => IPVS_DAEMON_ATTR_MCAST_PORT,
            DaemonAttr::Ttl(_) => IPVS_DAEMON_ATTR_MCAST_TTL,
            DaemonAttr::Other(other) => other.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            DaemonAttr::State(value) | DaemonAttr::SyncId(value) => {
                emit_bytes(&value.to_ne_bytes(), buffer);
            }
            DaemonAttr::Interface(name) => emit_text(name, buffer),
            DaemonAttr::MaxLength(value) | DaemonAttr::Port(value) => {
                emit_bytes(&value.to_ne_bytes(), buffer);
            }
            DaemonAttr::Group(bytes) => emit_bytes(bytes, buffer),
            DaemonAttr::Group6(bytes) => emit_bytes(bytes, buffer),
            DaemonAttr::Ttl(value) => emit_bytes(&[*value], buffer),
            DaemonAttr::Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for DaemonAttr {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<Self, DecodeError> {
        let value = attribute.value();
        let parsed = match attribute.kind() {
            IPVS_DAEMON_ATTR_STATE => parse_u32(value).map(DaemonAttr::State),
            IPVS_DAEMON_ATTR_MCAST_IFN => parse_string(value).map(DaemonAttr::Interface),
            IPVS_DAEMON_ATTR_SYNC_ID => parse_u32(value).map(DaemonAttr::SyncId),
            IPVS_DAEMON_ATTR_SYNC_MAXLEN => parse_u16(value).map(DaemonAttr::MaxLength),
            IPVS_DAEMON_ATTR_MCAST_GROUP => parse_array(value).map(DaemonAttr::Group),
            IPVS_DAEMON_ATTR_MCAST_GROUP6 => parse_array(value).map(DaemonAttr::Group6),
            IPVS_DAEMON_ATTR_MCAST_PORT => parse_u16(value).map(DaemonAttr::Port),
            IPVS_DAEMON_ATTR_MCAST_TTL => parse_u8(value).map(DaemonAttr::Ttl),
            _ => DefaultNla::parse(attribute).map(DaemonAttr::Other),
        };
        parsed.context(format!("daemon attribute {}", attribute.kind()))
    }
}
