//! The top level of every command but info: `IPVS_CMD_ATTR_*`.

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, ErrorContext, NLA_F_NESTED, Nla, NlaBuffer, Parseable,
    parse_u32,
};

use super::value::{emit_bytes, parse_list};
use super::{DaemonAttr, DestinationAttr, ServiceAttr};
use crate::uapi::*;

/// One attribute of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandAttr {
    /// A service.
    Service(Vec<ServiceAttr>),
    /// A destination.
    Destination(Vec<DestinationAttr>),
    /// A synchronisation daemon.
    Daemon(Vec<DaemonAttr>),
    /// Idle timeout of TCP in seconds.
    TimeoutTcp(u32),
    /// Idle timeout of TCP after a FIN in seconds.
    TimeoutTcpFin(u32),
    /// Idle timeout of UDP in seconds.
    TimeoutUdp(u32),
    /// What we do not know.
    Other(DefaultNla),
}

impl Nla for CommandAttr {
    fn value_len(&self) -> usize {
        match self {
            CommandAttr::Service(list) => list.as_slice().buffer_len(),
            CommandAttr::Destination(list) => list.as_slice().buffer_len(),
            CommandAttr::Daemon(list) => list.as_slice().buffer_len(),
            CommandAttr::TimeoutTcp(_)
            | CommandAttr::TimeoutTcpFin(_)
            | CommandAttr::TimeoutUdp(_) => 4,
            CommandAttr::Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            CommandAttr::Service(_) => IPVS_CMD_ATTR_SERVICE | NLA_F_NESTED,
            CommandAttr::Destination(_) => IPVS_CMD_ATTR_DEST | NLA_F_NESTED,
            CommandAttr::Daemon(_) => IPVS_CMD_ATTR_DAEMON | NLA_F_NESTED,
            CommandAttr::TimeoutTcp(_) => IPVS_CMD_ATTR_TIMEOUT_TCP,
            CommandAttr::TimeoutTcpFin(_) => IPVS_CMD_ATTR_TIMEOUT_TCP_FIN,
            CommandAttr::TimeoutUdp(_) => IPVS_CMD_ATTR_TIMEOUT_UDP,
            CommandAttr::Other(other) => other.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            CommandAttr::Service(list) => list.as_slice().emit(buffer),
            CommandAttr::Destination(list) => list.as_slice().emit(buffer),
            CommandAttr::Daemon(list) => list.as_slice().emit(buffer),
            CommandAttr::TimeoutTcp(value)
            | CommandAttr::TimeoutTcpFin(value)
            | CommandAttr::TimeoutUdp(value) => emit_bytes(&value.to_ne_bytes(), buffer),
            CommandAttr::Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a> Parseable<NlaBuffer<&'a [u8]>> for CommandAttr {
    fn parse(attribute: &NlaBuffer<&'a [u8]>) -> Result<Self, DecodeError> {
        let value = attribute.value();
        let parsed = match attribute.kind() {
            IPVS_CMD_ATTR_SERVICE => parse_list(value).map(CommandAttr::Service),
            IPVS_CMD_ATTR_DEST => parse_list(value).map(CommandAttr::Destination),
            IPVS_CMD_ATTR_DAEMON => parse_list(value).map(CommandAttr::Daemon),
            IPVS_CMD_ATTR_TIMEOUT_TCP => parse_u32(value).map(CommandAttr::TimeoutTcp),
            IPVS_CMD_ATTR_TIMEOUT_TCP_FIN => parse_u32(value).map(CommandAttr::TimeoutTcpFin),
            IPVS_CMD_ATTR_TIMEOUT_UDP => parse_u32(value).map(CommandAttr::TimeoutUdp),
            _ => DefaultNla::parse(attribute).map(CommandAttr::Other),
        };
        parsed.context(format!("command attribute {}", attribute.kind()))
    }
}
