//! Counters: `IPVS_STATS_ATTR_*`, the same numbers for the 32-bit and the 64-bit set.

use netlink_packet_core::{DecodeError, DefaultNla, Nla, NlaBuffer, Parseable};

use super::value::emit_bytes;
use crate::uapi::*;

/// Which counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsField {
    /// Connections scheduled.
    Connections,
    /// Incoming packets.
    PacketsIn,
    /// Outgoing packets.
    PacketsOut,
    /// Incoming bytes.
    BytesIn,
    /// Outgoing bytes.
    BytesOut,
    /// Connections per second.
    ConnectionsRate,
    /// Incoming packets per second.
    PacketsInRate,
    /// Outgoing packets per second.
    PacketsOutRate,
    /// Incoming bytes per second.
    BytesInRate,
    /// Outgoing bytes per second.
    BytesOutRate,
}

impl StatsField {
    /// Every counter, in the kernel's order.
    pub const ALL: [StatsField; 10] = [
        StatsField::Connections,
        StatsField::PacketsIn,
        StatsField::PacketsOut,
        StatsField::BytesIn,
        StatsField::BytesOut,
        StatsField::ConnectionsRate,
        StatsField::PacketsInRate,
        StatsField::PacketsOutRate,
        StatsField::BytesInRate,
        StatsField::BytesOutRate,
    ];

    fn number(self) -> u16 {
        match self {
            StatsField::Connections => IPVS_STATS_ATTR_CONNS,
            StatsField::PacketsIn => IPVS_STATS_ATTR_INPKTS,
            StatsField::PacketsOut => IPVS_STATS_ATTR_OUTPKTS,
            StatsField::BytesIn => IPVS_STATS_ATTR_INBYTES,
            StatsField::BytesOut => IPVS_STATS_ATTR_OUTBYTES,
            StatsField::ConnectionsRate => IPVS_STATS_ATTR_CPS,
            StatsField::PacketsInRate => IPVS_STATS_ATTR_INPPS,
            StatsField::PacketsOutRate => IPVS_STATS_ATTR_OUTPPS,
            StatsField::BytesInRate => IPVS_STATS_ATTR_INBPS,
            StatsField::BytesOutRate => IPVS_STATS_ATTR_OUTBPS,
        }
    }

    fn from_number(number: u16) -> Option<StatsField> {
        StatsField::ALL
            .into_iter()
            .find(|field| field.number() == number)
    }
}

/// One counter. The kernel chooses the width: 64 bits in `STATS64` and for bytes in `STATS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsAttr {
    /// A counter of 32 bits.
    Narrow(StatsField, u32),
    /// A counter of 64 bits.
    Wide(StatsField, u64),
    /// Padding and what we do not know.
    Other(DefaultNla),
}

impl Nla for StatsAttr {
    fn value_len(&self) -> usize {
        match self {
            StatsAttr::Narrow(..) => 4,
            StatsAttr::Wide(..) => 8,
            StatsAttr::Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            StatsAttr::Narrow(field, _) | StatsAttr::Wide(field, _) => field.number(),
            StatsAttr::Other(other) => other.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            StatsAttr::Narrow(_, value) => emit_bytes(&value.to_ne_bytes(), buffer),
            StatsAttr::Wide(_, value) => emit_bytes(&value.to_ne_bytes(), buffer),
            StatsAttr::Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for StatsAttr {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<Self, DecodeError> {
        let value = attribute.value();
        if let Some(field) = StatsField::from_number(attribute.kind()) {
            if let Ok(bytes) = <[u8; 4]>::try_from(value) {
                return Ok(StatsAttr::Narrow(field, u32::from_ne_bytes(bytes)));
            }
            if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                return Ok(StatsAttr::Wide(field, u64::from_ne_bytes(bytes)));
            }
        }
        Ok(StatsAttr::Other(DefaultNla::parse(attribute)?))
    }
}
