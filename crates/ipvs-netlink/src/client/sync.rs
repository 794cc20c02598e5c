//! Synchronisation daemons of the kernel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use super::exchange::Exchange;
use super::read::{attributes, malformed};
use super::wire::Wire;
use crate::attr::{CommandAttr, DaemonAttr};
use crate::error::IpvsError;
use crate::message::{Command, IpvsMessage};
use crate::repr::{Daemon, DaemonState};
use crate::uapi;

const DAEMONS: &str = "read the synchronisation daemons of IPVS";

fn number(state: DaemonState) -> u32 {
    match state {
        DaemonState::Master => uapi::IP_VS_STATE_MASTER,
        DaemonState::Backup => uapi::IP_VS_STATE_BACKUP,
    }
}

pub(super) fn start(daemon: &Daemon) -> IpvsMessage {
    let mut list = vec![
        DaemonAttr::State(number(daemon.state)),
        DaemonAttr::Interface(daemon.interface.clone()),
        DaemonAttr::SyncId(daemon.sync_id),
    ];
    list.extend(daemon.max_length.map(DaemonAttr::MaxLength));
    list.extend(daemon.group.map(|group| match group {
        IpAddr::V4(group) => DaemonAttr::Group(group.octets()),
        IpAddr::V6(group) => DaemonAttr::Group6(group.octets()),
    }));
    list.extend(daemon.port.map(DaemonAttr::Port));
    list.extend(daemon.ttl.map(DaemonAttr::Ttl));
    IpvsMessage::Command(Command::NewDaemon, vec![CommandAttr::Daemon(list)])
}

pub(super) fn stop(state: DaemonState) -> IpvsMessage {
    let list = vec![DaemonAttr::State(number(state))];
    IpvsMessage::Command(Command::DelDaemon, vec![CommandAttr::Daemon(list)])
}

pub(super) fn daemons<W: Wire>(exchange: &mut Exchange<W>) -> Result<Vec<Daemon>, IpvsError> {
    let question = IpvsMessage::Command(Command::GetDaemon, Vec::new());
    let mut daemons = Vec::new();
    for message in exchange.dump(DAEMONS, &question)? {
        for attribute in attributes(&message) {
            if let CommandAttr::Daemon(list) = attribute {
                daemons.push(parse(list).map_err(malformed(DAEMONS))?);
            }
        }
    }
    Ok(daemons)
}

fn parse(attributes: &[DaemonAttr]) -> Result<Daemon, DecodeError> {
    let mut state = None;
    let mut daemon = Daemon {
        state: DaemonState::Backup,
        interface: String::new(),
        sync_id: 0,
        max_length: None,
        group: None,
        port: None,
        ttl: None,
    };
    for attribute in attributes {
        match attribute {
            DaemonAttr::State(uapi::IP_VS_STATE_MASTER) => state = Some(DaemonState::Master),
            DaemonAttr::State(uapi::IP_VS_STATE_BACKUP) => state = Some(DaemonState::Backup),
            DaemonAttr::State(_) | DaemonAttr::Other(_) => {}
            DaemonAttr::Interface(name) => daemon.interface.clone_from(name),
            DaemonAttr::SyncId(number) => daemon.sync_id = *number,
            DaemonAttr::MaxLength(bytes) => daemon.max_length = Some(*bytes),
            DaemonAttr::Group(bytes) => daemon.group = Some(Ipv4Addr::from(*bytes).into()),
            DaemonAttr::Group6(bytes) => daemon.group = Some(Ipv6Addr::from(*bytes).into()),
            DaemonAttr::Port(number) => daemon.port = Some(*number),
            DaemonAttr::Ttl(number) => daemon.ttl = Some(*number),
        }
    }
    daemon.state = state.ok_or("a synchronisation daemon without a known state")?;
    Ok(daemon)
}
