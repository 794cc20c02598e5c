//! A destination (real server): `IPVS_DEST_ATTR_*`.

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, ErrorContext, NLA_F_NESTED, Nla, NlaBuffer, Parseable,
    parse_u8, parse_u16, parse_u16_be, parse_u32,
};

use super::StatsAttr;
use super::value::{emit_bytes, parse_array, parse_list};
use crate::uapi::*;

/// One attribute of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationAttr {
    /// `union nf_inet_addr`: an IPv4 address in the first 4 bytes, or an IPv6 address.
    Address([u8; 16]),
    /// A port number.
    Port(u16),
    /// `IP_VS_CONN_F_*` within `IP_VS_CONN_F_FWD_MASK`.
    ForwardingMethod(u32),
    /// Its share.
    Weight(u32),
    /// No new connections beyond.
    UpperThreshold(u32),
    /// Open again below.
    LowerThreshold(u32),
    /// Connections now established.
    ActiveConnections(u32),
    /// Connections in other states.
    InactiveConnections(u32),
    /// Clients bound by persistence.
    PersistentConnections(u32),
    /// Counters, 32 bits.
    Stats(Vec<StatsAttr>),
    /// `AF_INET` or `AF_INET6`; kernels before 3.18 leave it out.
    Family(u16),
    /// Counters, 64 bits.
    Stats64(Vec<StatsAttr>),
    /// `IP_VS_CONN_F_TUNNEL_TYPE_*`.
    TunnelType(u8),
    /// UDP port of the tunnel.
    TunnelPort(u16),
    /// `IP_VS_TUNNEL_ENCAP_FLAG_*`.
    TunnelFlags(u16),
    /// What we do not know.
    Other(DefaultNla),
}

impl Nla for DestinationAttr {
    fn value_len(&self) -> usize {
        use DestinationAttr::*;
        match self {
            Address(_) => 16,
            Port(_) | Family(_) | TunnelPort(_) | TunnelFlags(_) => 2,
            ForwardingMethod(_)
            | Weight(_)
            | UpperThreshold(_)
            | LowerThreshold(_)
            | ActiveConnections(_)
            | InactiveConnections(_)
            | PersistentConnections(_) => 4,
            TunnelType(_) => 1,
            Stats(list) | Stats64(list) => list.as_slice().buffer_len(),
            Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        use DestinationAttr::*;
        match self {
            Address(_) => IPVS_DEST_ATTR_ADDR,
            Port(_) => IPVS_DEST_ATTR_PORT,
            ForwardingMethod(_) => IPVS_DEST_ATTR_FWD_METHOD,
            Weight(_) => IPVS_DEST_ATTR_WEIGHT,
            UpperThreshold(_) => IPVS_DEST_ATTR_U_THRESH,
            LowerThreshold(_) => IPVS_DEST_ATTR_L_THRESH,
            ActiveConnections(_) => IPVS_DEST_ATTR_ACTIVE_CONNS,
            InactiveConnections(_) => IPVS_DEST_ATTR_INACT_CONNS,
            PersistentConnections(_) => IPVS_DEST_ATTR_PERSIST_CONNS,
            Stats(_) => IPVS_DEST_ATTR_STATS | NLA_F_NESTED,
            Family(_) => IPVS_DEST_ATTR_ADDR_FAMILY,
            Stats64(_) => IPVS_DEST_ATTR_STATS64 | NLA_F_NESTED,
            TunnelType(_) => IPVS_DEST_ATTR_TUN_TYPE,
            TunnelPort(_) => IPVS_DEST_ATTR_TUN_PORT,
            TunnelFlags(_) => IPVS_DEST_ATTR_TUN_FLAGS,
            Other(other) => other.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        use DestinationAttr::*;
        match self {
            Address(bytes) => emit_bytes(bytes, buffer),
            Port(port) | TunnelPort(port) => emit_bytes(&port.to_be_bytes(), buffer),
            Family(value) | TunnelFlags(value) => emit_bytes(&value.to_ne_bytes(), buffer),
            ForwardingMethod(value)
            | Weight(value)
            | UpperThreshold(value)
            | LowerThreshold(value)
            | ActiveConnections(value)
            | InactiveConnections(value)
            | PersistentConnections(value) => emit_bytes(&value.to_ne_bytes(), buffer),
            TunnelType(value) => emit_bytes(&[*value], buffer),
            Stats(list) | Stats64(list) => list.as_slice().emit(buffer),
            Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for DestinationAttr {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<Self, DecodeError> {
        use DestinationAttr::*;
        let value = attribute.value();
        let parsed = match attribute.kind() {
            IPVS_DEST_ATTR_ADDR => parse_array(value).map(Address),
            IPVS_DEST_ATTR_PORT => parse_u16_be(value).map(Port),
            IPVS_DEST_ATTR_FWD_METHOD => parse_u32(value).map(ForwardingMethod),
            IPVS_DEST_ATTR_WEIGHT => parse_u32(value).map(Weight),
            IPVS_DEST_ATTR_U_THRESH => parse_u32(value).map(UpperThreshold),
            IPVS_DEST_ATTR_L_THRESH => parse_u32(value).map(LowerThreshold),
            IPVS_DEST_ATTR_ACTIVE_CONNS => parse_u32(value).map(ActiveConnections),
            IPVS_DEST_ATTR_INACT_CONNS => parse_u32(value).map(InactiveConnections),
            IPVS_DEST_ATTR_PERSIST_CONNS => parse_u32(value).map(PersistentConnections),
            IPVS_DEST_ATTR_STATS => parse_list(value).map(Stats),
            IPVS_DEST_ATTR_ADDR_FAMILY => parse_u16(value).map(Family),
            IPVS_DEST_ATTR_STATS64 => parse_list(value).map(Stats64),
            IPVS_DEST_ATTR_TUN_TYPE => parse_u8(value).map(TunnelType),
            IPVS_DEST_ATTR_TUN_PORT => parse_u16_be(value).map(TunnelPort),
            IPVS_DEST_ATTR_TUN_FLAGS => parse_u16(value).map(TunnelFlags),
            _ => DefaultNla::parse(attribute).map(Other),
        };
        parsed.context(format!("destination attribute {}", attribute.kind()))
    }
}
