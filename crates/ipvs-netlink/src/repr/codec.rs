//! Between values and attributes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;

use netlink_packet_core::DecodeError;

use super::*;
use crate::attr::{DestinationAttr, Flags, ServiceAttr, StatsAttr, StatsField};
use crate::uapi;

fn emit_address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}

fn parse_address(family: Family, bytes: [u8; 16]) -> IpAddr {
    match family {
        Family::Inet6 => Ipv6Addr::from(bytes).into(),
        Family::Inet => {
            let [a, b, c, d, ..] = bytes;
            Ipv4Addr::new(a, b, c, d).into()
        }
    }
}

/// The attributes that name a service.
pub(crate) fn emit_key(key: &ServiceKey) -> Vec<ServiceAttr> {
    let mut attributes = vec![ServiceAttr::Family(key.family().number())];
    match key {
        ServiceKey::Socket(protocol, address) => attributes.extend([
            ServiceAttr::Protocol(protocol.number()),
            ServiceAttr::Address(emit_address(address.ip())),
            ServiceAttr::Port(address.port()),
        ]),
        ServiceKey::Fwmark(_, mark) => attributes.push(ServiceAttr::Fwmark(mark.get())),
    }
    attributes
}

/// All attributes of a service to be made or changed, in ipvsadm's order.
///
/// The mask of flags is full: what is not asked for is cleared. The kernel keeps
/// `IP_VS_SVC_F_HASHED` by itself. A netmask goes along even without persistence, since the
/// kernel refuses an IPv6 service whose prefix length is not 1 to 128.
pub(crate) fn emit_service(key: &ServiceKey, spec: &ServiceSpec) -> Vec<ServiceAttr> {
    let mut attributes = emit_key(key);
    let persistence = spec.persistence.as_ref();
    let persistent = match persistence {
        Some(_) => uapi::IP_VS_SVC_F_PERSISTENT,
        None => 0,
    };
    let netmask = match persistence.map_or(Netmask::host(key.family()), |p| p.netmask) {
        Netmask::V4(mask) => mask.octets(),
        Netmask::V6(length) => u32::from(length).to_ne_bytes(),
    };
    attributes.push(ServiceAttr::SchedulerName(spec.scheduler.to_string()));
    if let Some(engine) = persistence.and_then(|p| p.engine.as_ref()) {
        attributes.push(ServiceAttr::EngineName(engine.to_string()));
    }
    attributes.extend([
        ServiceAttr::Flags(Flags {
            flags: spec.flags.bits() | persistent,
            mask: u32::MAX,
        }),
        ServiceAttr::Timeout(persistence.map_or(0, |p| p.timeout)),
        ServiceAttr::Netmask(netmask),
    ]);
    attributes
}

/// A service as the kernel reports it, without destinations.
///
/// # Errors
/// An attribute that every service has is missing, or a value is none that the kernel may hold.
pub(crate) fn parse_service(
    attributes: &[ServiceAttr],
) -> Result<(ServiceKey, ServiceSpec, Stats), DecodeError> {
    let (mut family, mut protocol, mut address, mut port, mut mark) = (None, None, None, 0, None);
    let (mut scheduler, mut engine, mut netmask) = (None, None, None);
    let (mut flags, mut timeout) = (0, 0);
    let (mut stats, mut stats64) = (None, None);
    for attribute in attributes {
        match attribute {
            ServiceAttr::Family(number) => family = Family::from_number(*number),
            ServiceAttr::Protocol(number) => protocol = Protocol::from_number(*number),
            ServiceAttr::Address(bytes) => address = Some(*bytes),
            ServiceAttr::Port(number) => port = *number,
            ServiceAttr::Fwmark(number) => mark = NonZeroU32::new(*number),
            ServiceAttr::SchedulerName(name) => scheduler = Some(name),
            ServiceAttr::EngineName(name) => engine = Some(name),
            ServiceAttr::Flags(value) => flags = value.flags,
            ServiceAttr::Timeout(seconds) => timeout = *seconds,
            ServiceAttr::Netmask(bytes) => netmask = Some(*bytes),
            ServiceAttr::Stats(list) => stats = Some(list),
            ServiceAttr::Stats64(list) => stats64 = Some(list),
            ServiceAttr::Other(_) => {}
        }
    }
    let family = family.ok_or("a service without a known address family")?;
    let key = match mark {
        Some(mark) => ServiceKey::Fwmark(family, mark),
        None => {
            let protocol = protocol.ok_or("a service without mark and known protocol")?;
            let address = address.ok_or("a service without mark and address")?;
            let address = SocketAddr::new(parse_address(family, address), port);
            ServiceKey::Socket(protocol, address)
        }
    };
    let invalid = |name: InvalidName| DecodeError::from(name.to_string());
    let scheduler = scheduler.ok_or("a service without a scheduler's name")?;
    let persistence = if flags & uapi::IP_VS_SVC_F_PERSISTENT == 0 {
        None
    } else {
        let bytes = netmask.ok_or("a persistent service without a netmask")?;
        Some(Persistence {
            timeout,
            netmask: match family {
                Family::Inet => Netmask::V4(Ipv4Addr::from(bytes)),
                Family::Inet6 => {
                    let length = u8::try_from(u32::from_ne_bytes(bytes));
                    Netmask::V6(length.map_err(|_| "a prefix length above 128")?)
                }
            },
            engine: engine
                .map(|name| PersistenceEngine::new(name))
                .transpose()
                .map_err(invalid)?,
        })
    };
    let spec = ServiceSpec {
        scheduler: Scheduler::new(scheduler).map_err(invalid)?,
        flags: ServiceFlags::from_bits(flags),
        persistence,
    };
    Ok((key, spec, parse_stats(stats64.or(stats))))
}

/// The attributes that name a destination, in ipvsadm's order.
pub(crate) fn emit_destination_key(address: &SocketAddr) -> Vec<DestinationAttr> {
    vec![
        DestinationAttr::Family(Family::of(address).number()),
        DestinationAttr::Address(emit_address(address.ip())),
        DestinationAttr::Port(address.port()),
    ]
}

/// All attributes of a destination to be made or changed.
pub(crate) fn emit_destination(
    address: &SocketAddr,
    spec: &DestinationSpec,
) -> Vec<DestinationAttr> {
    let (method, tunnel) = match spec.forwarding {
        Forwarding::Masquerade => (uapi::IP_VS_CONN_F_MASQ, TunnelKind::Ipip),
        Forwarding::Local => (uapi::IP_VS_CONN_F_LOCALNODE, TunnelKind::Ipip),
        Forwarding::Tunnel(kind) => (uapi::IP_VS_CONN_F_TUNNEL, kind),
        Forwarding::DirectRoute => (uapi::IP_VS_CONN_F_DROUTE, TunnelKind::Ipip),
        Forwarding::Bypass => (uapi::IP_VS_CONN_F_BYPASS, TunnelKind::Ipip),
    };
    let bits = |checksum| match checksum {
        TunnelChecksum::None => uapi::IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM,
        TunnelChecksum::Checksum => uapi::IP_VS_TUNNEL_ENCAP_FLAG_CSUM,
        TunnelChecksum::Remote => uapi::IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM,
    };
    let (kind, port, flags) = match tunnel {
        TunnelKind::Ipip => (uapi::IP_VS_CONN_F_TUNNEL_TYPE_IPIP, 0, 0),
        TunnelKind::Gue { port, checksum } => {
            (uapi::IP_VS_CONN_F_TUNNEL_TYPE_GUE, port, bits(checksum))
        }
        TunnelKind::Gre { checksum } => (uapi::IP_VS_CONN_F_TUNNEL_TYPE_GRE, 0, bits(checksum)),
    };
    let mut attributes = emit_destination_key(address);
    attributes.extend([
        DestinationAttr::ForwardingMethod(method),
        DestinationAttr::Weight(spec.weight),
        DestinationAttr::TunnelType(kind),
        DestinationAttr::TunnelPort(port),
        DestinationAttr::TunnelFlags(flags),
        DestinationAttr::UpperThreshold(spec.upper_threshold),
        DestinationAttr::LowerThreshold(spec.lower_threshold),
    ]);
    attributes
}

/// A destination as the kernel reports it. `family` is the service's, for kernels that do not
/// tell the destination's.
///
/// # Errors
/// An attribute that every destination has is missing, or a value is none that we know.
pub(crate) fn parse_destination(
    family: Family,
    attributes: &[DestinationAttr],
) -> Result<(SocketAddr, DestinationView), DecodeError> {
    use DestinationAttr as A;
    let (mut family, mut address, mut port) = (Some(family), None, 0);
    let (mut method, mut weight, mut upper, mut lower) = (None, 0, 0, 0);
    let (mut active, mut inactive, mut persistent) = (0, 0, 0);
    let (mut kind, mut tunnel_port, mut tunnel_flags) = (uapi::IP_VS_CONN_F_TUNNEL_TYPE_IPIP, 0, 0);
    let (mut stats, mut stats64) = (None, None);
    for attribute in attributes {
        match attribute {
            A::Address(bytes) => address = Some(*bytes),
            A::Port(number) => port = *number,
            A::ForwardingMethod(number) => method = Some(*number),
            A::Weight(number) => weight = *number,
            A::UpperThreshold(number) => upper = *number,
            A::LowerThreshold(number) => lower = *number,
            A::ActiveConnections(number) => active = *number,
            A::InactiveConnections(number) => inactive = *number,
            A::PersistentConnections(number) => persistent = *number,
            A::Stats(list) => stats = Some(list),
            A::Stats64(list) => stats64 = Some(list),
            A::Family(number) => family = Family::from_number(*number),
            A::TunnelType(number) => kind = *number,
            A::TunnelPort(number) => tunnel_port = *number,
            A::TunnelFlags(number) => tunnel_flags = *number,
            A::Other(_) => {}
        }
    }
    let family = family.ok_or("a destination of an unknown address family")?;
    let address = address.ok_or("a destination without an address")?;
    let method = method.ok_or("a destination without a forwarding method")?;
    let forwarding = match method & uapi::IP_VS_CONN_F_FWD_MASK {
        uapi::IP_VS_CONN_F_MASQ => Forwarding::Masquerade,
        uapi::IP_VS_CONN_F_LOCALNODE => Forwarding::Local,
        uapi::IP_VS_CONN_F_TUNNEL => {
            Forwarding::Tunnel(parse_tunnel(kind, tunnel_port, tunnel_flags)?)
        }
        uapi::IP_VS_CONN_F_DROUTE => Forwarding::DirectRoute,
        uapi::IP_VS_CONN_F_BYPASS => Forwarding::Bypass,
        other => return Err(format!("a destination with forwarding method {other}").into()),
    };
    let view = DestinationView {
        spec: DestinationSpec {
            forwarding,
            weight,
            upper_threshold: upper,
            lower_threshold: lower,
        },
        stats: parse_stats(stats64.or(stats)),
        active_connections: active,
        inactive_connections: inactive,
        persistent_connections: persistent,
    };
    Ok((SocketAddr::new(parse_address(family, address), port), view))
}

fn parse_tunnel(kind: u8, port: u16, flags: u16) -> Result<TunnelKind, DecodeError> {
    // Both at once is nothing that a user can ask for; remote offload rules in the kernel.
    let checksum = if flags & uapi::IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM != 0 {
        TunnelChecksum::Remote
    } else if flags & uapi::IP_VS_TUNNEL_ENCAP_FLAG_CSUM != 0 {
        TunnelChecksum::Checksum
    } else {
        TunnelChecksum::None
    };
    match kind {
        uapi::IP_VS_CONN_F_TUNNEL_TYPE_IPIP => Ok(TunnelKind::Ipip),
        uapi::IP_VS_CONN_F_TUNNEL_TYPE_GUE => Ok(TunnelKind::Gue { port, checksum }),
        uapi::IP_VS_CONN_F_TUNNEL_TYPE_GRE => Ok(TunnelKind::Gre { checksum }),
        other => Err(format!("a destination with tunnel type {other}").into()),
    }
}

fn parse_stats(attributes: Option<&Vec<StatsAttr>>) -> Stats {
    let mut stats = Stats::default();
    for attribute in attributes.into_iter().flatten() {
        let (field, value) = match attribute {
            StatsAttr::Narrow(field, value) => (field, u64::from(*value)),
            StatsAttr::Wide(field, value) => (field, *value),
            StatsAttr::Other(_) => continue,
        };
        *match field {
            StatsField::Connections => &mut stats.connections,
            StatsField::PacketsIn => &mut stats.packets_in,
            StatsField::PacketsOut => &mut stats.packets_out,
            StatsField::BytesIn => &mut stats.bytes_in,
            StatsField::BytesOut => &mut stats.bytes_out,
            StatsField::ConnectionsRate => &mut stats.connections_rate,
            StatsField::PacketsInRate => &mut stats.packets_in_rate,
            StatsField::PacketsOutRate => &mut stats.packets_out_rate,
            StatsField::BytesInRate => &mut stats.bytes_in_rate,
            StatsField::BytesOutRate => &mut stats.bytes_out_rate,
        } = value;
    }
    stats
}
