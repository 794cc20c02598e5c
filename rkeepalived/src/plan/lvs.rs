//! Virtual servers of the model, in the kernel's terms.

use ipvs_netlink::{
    DestinationSpec, Family, Forwarding, Netmask, Persistence, PersistenceEngine, Protocol,
    Scheduler, ServiceFlags, ServiceKey, ServiceSpec, TunnelChecksum, TunnelKind,
};
use keepalived_conf as conf;

use super::check::check;
use super::script::Scripts;
use super::{About, LeftOut, Programs};
use crate::lvs::wanted::{SorryServer, WantedServer, WantedService};

/// Plans the model's virtual servers; also answers what had to be left out.
#[must_use]
pub fn services(model: conf::Model, programs: &dyn Programs) -> (Vec<WantedService>, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let scripts = Scripts {
        programs,
        secure: model.global.enable_script_security,
    };
    let mut services = Vec::with_capacity(model.virtual_servers.len());
    for (at, server) in model.virtual_servers.into_iter().enumerate() {
        let mut texts = Vec::new();
        match service(&server, &scripts, &mut texts) {
            Ok(service) => services.push(service),
            Err(reason) => texts.push(format!("virtual server {} left out: {reason}", server.key)),
        }
        let about = About::VirtualServer(at);
        left_out.extend(texts.into_iter().map(|text| LeftOut { about, text }));
    }
    (services, left_out)
}

fn service(
    server: &conf::VirtualServer,
    scripts: &Scripts<'_>,
    left_out: &mut Vec<String>,
) -> Result<WantedService, String> {
    let key = key(server)?;
    let spec = ServiceSpec {
        scheduler: Scheduler::new(server.scheduler.name()).map_err(|error| error.to_string())?,
        flags: flags(server.flags),
        persistence: server
            .persistence
            .as_ref()
            .map(|persistence| wanted_persistence(persistence, server.family))
            .transpose()?,
    };
    let mut wanted = WantedService {
        key,
        spec,
        servers: Vec::with_capacity(server.real_servers.len()),
        quorum: server.quorum,
        hysteresis: server.hysteresis,
        sorry: server.sorry_server.map(|address| SorryServer {
            address,
            spec: DestinationSpec {
                forwarding: forwarding(server.sorry_server_forwarding),
                weight: 1,
                upper_threshold: 0,
                lower_threshold: 0,
            },
            inhibit: server.sorry_server_inhibit,
        }),
    };
    for real in &server.real_servers {
        let mut checks = Vec::new();
        if !real.not_yet.is_empty() {
            let (address, missing) = (real.address, real.not_yet.join(", "));
            left_out.push(format!(
                "real server {address} is NOT checked by {missing}: not there yet"
            ));
        }
        for planned in &real.checks {
            match check(planned, scripts, left_out) {
                Ok(check) => checks.extend(check),
                Err(reason) => left_out.push(format!(
                    "a check of real server {} left out, so it is NOT checked by it: {reason}",
                    real.address
                )),
            }
        }
        wanted.servers.push(WantedServer {
            address: real.address,
            spec: DestinationSpec {
                forwarding: forwarding(real.forwarding),
                weight: real.weight,
                upper_threshold: real.upper_threshold,
                lower_threshold: real.lower_threshold,
            },
            inhibit: real.inhibit_on_failure,
            checks,
        });
    }
    if server.ha_suspend {
        left_out.push(format!(
            "virtual server {}: ha_suspend is not there yet, its checks always run",
            server.key
        ));
    }
    Ok(wanted)
}

fn key(server: &conf::VirtualServer) -> Result<ServiceKey, String> {
    let family = match server.family {
        conf::Family::Inet => Family::Inet,
        conf::Family::Inet6 => Family::Inet6,
    };
    Ok(match server.key {
        conf::VirtualServerKey::Group(_) => {
            return Err("virtual server groups are not there yet".into());
        }
        conf::VirtualServerKey::Fwmark(mark) => ServiceKey::Fwmark(family, mark),
        conf::VirtualServerKey::Address(address) => {
            let protocol = match server.protocol {
                conf::Protocol::Tcp => Protocol::Tcp,
                conf::Protocol::Udp => Protocol::Udp,
                conf::Protocol::Sctp => Protocol::Sctp,
            };
            ServiceKey::Socket(protocol, address)
        }
    })
}

/// The scheduler's flags share three bits, whose meaning depends on the scheduler (linux/ip_vs.h: `IP_VS_SVC_F_SCHED_*`).
fn flags(flags: conf::SchedulerFlags) -> ServiceFlags {
    ServiceFlags {
        one_packet: flags.one_packet,
        sched_1: flags.flag_1 || flags.sh_fallback || flags.mh_fallback,
        sched_2: flags.flag_2 || flags.sh_port || flags.mh_port,
        sched_3: flags.flag_3,
    }
}

fn wanted_persistence(
    persistence: &conf::Persistence,
    family: conf::Family,
) -> Result<Persistence, String> {
    let netmask = match (persistence.granularity, family) {
        (conf::Granularity::Netmask(mask), conf::Family::Inet) => Netmask::V4(mask),
        (conf::Granularity::Prefix(bits), conf::Family::Inet6) => Netmask::V6(bits),
        _ => return Err("its persistence_granularity is of the other address family".into()),
    };
    Ok(Persistence {
        timeout: persistence.timeout,
        netmask,
        engine: persistence
            .engine
            .as_deref()
            .map(PersistenceEngine::new)
            .transpose()
            .map_err(|error| error.to_string())?,
    })
}

fn forwarding(forwarding: conf::Forwarding) -> Forwarding {
    match forwarding {
        conf::Forwarding::Nat => Forwarding::Masquerade,
        conf::Forwarding::DirectRoute => Forwarding::DirectRoute,
        conf::Forwarding::Tunnel(tunnel) => Forwarding::Tunnel(match tunnel {
            conf::Tunnel::Ipip => TunnelKind::Ipip,
            conf::Tunnel::Gue {
                port,
                checksum: kind,
            } => TunnelKind::Gue {
                port: port.get(),
                checksum: checksum(kind),
            },
            conf::Tunnel::Gre { checksum: kind } => TunnelKind::Gre {
                checksum: checksum(kind),
            },
        }),
    }
}

fn checksum(checksum: conf::TunnelChecksum) -> TunnelChecksum {
    match checksum {
        conf::TunnelChecksum::None => TunnelChecksum::None,
        conf::TunnelChecksum::Checksum => TunnelChecksum::Checksum,
        conf::TunnelChecksum::Remote => TunnelChecksum::Remote,
    }
}
