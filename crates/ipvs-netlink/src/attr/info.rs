//! The answer to `IPVS_CMD_GET_INFO`: `IPVS_INFO_ATTR_*`.

use netlink_packet_core::{DecodeError, DefaultNla, Nla, NlaBuffer, Parseable, parse_u32};

use super::value::emit_bytes;
use crate::uapi::*;

/// What the kernel says of its IPVS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InfoAttr {
    /// Three bytes of a version, the first in bits 16 to 23.
    Version(u32),
    /// Buckets of the connection table.
    ConnectionTableSize(u32),
    /// What we do not know.
    Other(DefaultNla),
}

impl Nla for InfoAttr {
    fn value_len(&self) -> usize {
        match self {
            InfoAttr::Version(_) | InfoAttr::ConnectionTableSize(_) => 4,
            InfoAttr::Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            InfoAttr::Version(_) => IPVS_INFO_ATTR_VERSION,
            InfoAttr::ConnectionTableSize(_) => IPVS_INFO_ATTR_CONN_TAB_SIZE,
            InfoAttr::Other(other) => other.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            InfoAttr::Version(value) | InfoAttr::ConnectionTableSize(value) => {
                emit_bytes(&value.to_ne_bytes(), buffer);
            }
            InfoAttr::Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for InfoAttr {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<Self, DecodeError> {
        let value = attribute.value();
        Ok(match attribute.kind() {
            IPVS_INFO_ATTR_VERSION => InfoAttr::Version(parse_u32(value)?),
            IPVS_INFO_ATTR_CONN_TAB_SIZE => InfoAttr::ConnectionTableSize(parse_u32(value)?),
            _ => InfoAttr::Other(DefaultNla::parse(attribute)?),
        })
    }
}
