//! Reading the kernel's table.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use netlink_packet_core::DecodeError;

use super::exchange::Exchange;
use super::wire::Wire;
use crate::attr::{CommandAttr, InfoAttr};
use crate::error::IpvsError;
use crate::message::{Command, IpvsMessage};
use crate::repr::codec::{emit_key, parse_destination, parse_service};
use crate::repr::{
    DestinationView, Info, ServiceKey, ServiceSpec, ServiceView, Snapshot, Stats, Timeouts, Version,
};

const SERVICES: &str = "read the services of the IPVS table";
const DESTINATIONS: &str = "read the destinations of a service";
const INFO: &str = "ask for the version of IPVS";
const TIMEOUTS: &str = "read the timeouts of IPVS";

/// Services in one dump, then the destinations of each in a dump of its own: the kernel has no
/// dump of all, and a socket can have but one dump under way.
pub(super) fn snapshot<W: Wire>(exchange: &mut Exchange<W>) -> Result<Snapshot, IpvsError> {
    let mut snapshot = Snapshot::default();
    for (key, spec, stats) in services(exchange)? {
        let view = ServiceView {
            spec,
            stats,
            destinations: BTreeMap::new(),
        };
        snapshot.services.insert(key, view);
    }
    for (key, view) in &mut snapshot.services {
        view.destinations = destinations(exchange, key)?;
    }
    Ok(snapshot)
}

pub(super) fn services<W: Wire>(
    exchange: &mut Exchange<W>,
) -> Result<Vec<(ServiceKey, ServiceSpec, Stats)>, IpvsError> {
    let mut services = Vec::new();
    let question = IpvsMessage::Command(Command::GetService, Vec::new());
    for message in exchange.dump(SERVICES, &question)? {
        for attribute in attributes(&message) {
            if let CommandAttr::Service(list) = attribute {
                services.push(parse_service(list).map_err(malformed(SERVICES))?);
            }
        }
    }
    Ok(services)
}

pub(super) fn destinations<W: Wire>(
    exchange: &mut Exchange<W>,
    key: &ServiceKey,
) -> Result<BTreeMap<SocketAddr, DestinationView>, IpvsError> {
    let mut destinations = BTreeMap::new();
    let named = CommandAttr::Service(emit_key(key));
    let question = IpvsMessage::Command(Command::GetDest, vec![named]);
    for message in exchange.dump(DESTINATIONS, &question)? {
        for attribute in attributes(&message) {
            if let CommandAttr::Destination(list) = attribute {
                let (address, destination) =
                    parse_destination(key.family(), list).map_err(malformed(DESTINATIONS))?;
                destinations.insert(address, destination);
            }
        }
    }
    Ok(destinations)
}

pub(super) fn info<W: Wire>(exchange: &mut Exchange<W>) -> Result<Info, IpvsError> {
    let answer = exchange.ask(INFO, IpvsMessage::Command(Command::GetInfo, Vec::new()))?;
    let IpvsMessage::Info(attributes) = answer else {
        return Err(malformed(INFO)("not an answer to this".into()));
    };
    let (mut version, mut size) = (None, 0);
    for attribute in attributes {
        match attribute {
            InfoAttr::Version(number) => version = Some(number),
            InfoAttr::ConnectionTableSize(number) => size = number,
            InfoAttr::Other(_) => {}
        }
    }
    let version = version.ok_or_else(|| malformed(INFO)("no version".into()))?;
    let [_, major, minor, patch] = version.to_be_bytes();
    Ok(Info {
        version: Version {
            major,
            minor,
            patch,
        },
        connection_table_size: size,
    })
}

pub(super) fn timeouts<W: Wire>(exchange: &mut Exchange<W>) -> Result<Timeouts, IpvsError> {
    let answer = exchange.ask(
        TIMEOUTS,
        IpvsMessage::Command(Command::GetConfig, Vec::new()),
    )?;
    let mut timeouts = Timeouts::default();
    for attribute in attributes(&answer) {
        match attribute {
            CommandAttr::TimeoutTcp(seconds) => timeouts.tcp = *seconds,
            CommandAttr::TimeoutTcpFin(seconds) => timeouts.tcp_fin = *seconds,
            CommandAttr::TimeoutUdp(seconds) => timeouts.udp = *seconds,
            _ => {}
        }
    }
    Ok(timeouts)
}

pub(super) fn attributes(message: &IpvsMessage) -> &[CommandAttr] {
    match message {
        IpvsMessage::Command(_, attributes) => attributes,
        IpvsMessage::Info(_) => &[],
    }
}

pub(super) fn malformed(act: &'static str) -> impl Fn(DecodeError) -> IpvsError {
    move |source| IpvsError::Malformed { act, source }
}
