//! A service: `IPVS_SVC_ATTR_*`.

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, ErrorContext, NLA_F_NESTED, Nla, NlaBuffer, Parseable,
    parse_string, parse_u16, parse_u16_be, parse_u32,
};

use super::StatsAttr;
use super::value::{emit_bytes, emit_text, parse_array, parse_list};
use crate::uapi::*;

/// `struct ip_vs_flags`: only the bits in the mask are set or cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// `IP_VS_SVC_F_*`.
    pub flags: u32,
    /// Which of them count.
    pub mask: u32,
}

/// One attribute of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceAttr {
    /// `AF_INET` or `AF_INET6`.
    Family(u16),
    /// An IP protocol number.
    Protocol(u16),
    /// `union nf_inet_addr`: an IPv4 address in the first 4 bytes, or an IPv6 address.
    Address([u8; 16]),
    /// A port number.
    Port(u16),
    /// A firewall mark.
    Fwmark(u32),
    /// The scheduler's name.
    SchedulerName(String),
    /// Flags and which of them count.
    Flags(Flags),
    /// Persistence in seconds.
    Timeout(u32),
    /// An IPv4 mask in network order, or an IPv6 prefix length in host order.
    Netmask([u8; 4]),
    /// Counters, 32 bits.
    Stats(Vec<StatsAttr>),
    /// The persistence engine's name.
    EngineName(String),
    /// Counters, 64 bits.
    Stats64(Vec<StatsAttr>),
    /// What we do not know.
    Other(DefaultNla),
}

impl Nla for ServiceAttr {
    fn value_len(&self) -> usize {
        match self {
            ServiceAttr::Family(_) | ServiceAttr::Protocol(_) | ServiceAttr::Port(_) => 2,
            ServiceAttr::Address(_) => 16,
            ServiceAttr::Fwmark(_) | ServiceAttr::Timeout(_) | ServiceAttr::Netmask(_) => 4,
            ServiceAttr::SchedulerName(name) | ServiceAttr::EngineName(name) => name.len() + 1,
            ServiceAttr::Flags(_) => 8,
            ServiceAttr::Stats(list) | ServiceAttr::Stats64(list) => list.as_slice().buffer_len(),
            ServiceAttr::Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            ServiceAttr::Family(_) => IPVS_SVC_ATTR_AF,
            ServiceAttr::Protocol(_) => IPVS_SVC_ATTR_PROTOCOL,
            ServiceAttr::Address(_) => IPVS_SVC_ATTR_ADDR,
            ServiceAttr::Port(_) => IPVS_SVC_ATTR_PORT,
            ServiceAttr::Fwmark(_) => IPVS_SVC_ATTR_FWMARK,
            ServiceAttr::SchedulerName(_) => IPVS_SVC_ATTR_SCHED_NAME,
            ServiceAttr::Flags(_) => IPVS_SVC_ATTR_FLAGS,
            ServiceAttr::Timeout(_) => IPVS_SVC_ATTR_TIMEOUT,
            ServiceAttr::Netmask(_) => IPVS_SVC_ATTR_NETMASK,
            ServiceAttr::Stats(_) => IPVS_SVC_ATTR_STATS | NLA_F_NESTED,
            ServiceAttr::EngineName(_) => IPVS_SVC_ATTR_PE_NAME,
            ServiceAttr::Stats64(_) => IPVS_SVC_ATTR_STATS64 | NLA_F_NESTED,
            ServiceAttr::Other(other) => other.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            ServiceAttr::Family(value) | ServiceAttr::Protocol(value) => {
                emit_bytes(&value.to_ne_bytes(), buffer);
            }
            ServiceAttr::Address(bytes) => emit_bytes(bytes, buffer),
            ServiceAttr::Port(port) => emit_bytes(&port.to_be_bytes(), buffer),
            ServiceAttr::Fwmark(value) | ServiceAttr::Timeout(value) => {
                emit_bytes(&value.to_ne_bytes(), buffer);
            }
            ServiceAttr::SchedulerName(name) | ServiceAttr::EngineName(name) => {
                emit_text(name, buffer);
            }
            ServiceAttr::Flags(Flags { flags, mask }) => {
                if let Some((first, second)) = buffer.split_at_mut_checked(4) {
                    emit_bytes(&flags.to_ne_bytes(), first);
                    emit_bytes(&mask.to_ne_bytes(), second);
                }
            }
            ServiceAttr::Netmask(bytes) => emit_bytes(bytes, buffer),
            ServiceAttr::Stats(list) | ServiceAttr::Stats64(list) => list.as_slice().emit(buffer),
            ServiceAttr::Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for ServiceAttr {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<Self, DecodeError> {
        let value = attribute.value();
        let parsed = match attribute.kind() {
            IPVS_SVC_ATTR_AF => parse_u16(value).map(ServiceAttr::Family),
            IPVS_SVC_ATTR_PROTOCOL => parse_u16(value).map(ServiceAttr::Protocol),
            IPVS_SVC_ATTR_ADDR => parse_array(value).map(ServiceAttr::Address),
            IPVS_SVC_ATTR_PORT => parse_u16_be(value).map(ServiceAttr::Port),
            IPVS_SVC_ATTR_FWMARK => parse_u32(value).map(ServiceAttr::Fwmark),
            IPVS_SVC_ATTR_SCHED_NAME => parse_string(value).map(ServiceAttr::SchedulerName),
            IPVS_SVC_ATTR_FLAGS => parse_flags(value).map(ServiceAttr::Flags),
            IPVS_SVC_ATTR_TIMEOUT => parse_u32(value).map(ServiceAttr::Timeout),
            IPVS_SVC_ATTR_NETMASK => parse_array(value).map(ServiceAttr::Netmask),
            IPVS_SVC_ATTR_STATS => parse_list(value).map(ServiceAttr::Stats),
            IPVS_SVC_ATTR_PE_NAME => parse_string(value).map(ServiceAttr::EngineName),
            IPVS_SVC_ATTR_STATS64 => parse_list(value).map(ServiceAttr::Stats64),
            _ => DefaultNla::parse(attribute).map(ServiceAttr::Other),
        };
        parsed.context(format!("service attribute {}", attribute.kind()))
    }
}

fn parse_flags(value: &[u8]) -> Result<Flags, DecodeError> {
    let bytes: [u8; 8] = parse_array(value)?;
    let [a, b, c, d, e, f, g, h] = bytes;
    Ok(Flags {
        flags: u32::from_ne_bytes([a, b, c, d]),
        mask: u32::from_ne_bytes([e, f, g, h]),
    })
}
