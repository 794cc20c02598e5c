//! Virtual servers of the model, in the kernel's terms.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use checkers::Timing;
use ipvs_netlink::{
    DestinationSpec, Forwarding, Netmask, Persistence, PersistenceEngine, Protocol, Scheduler,
    ServiceFlags, ServiceSpec, TunnelChecksum, TunnelKind,
};
use keepalived_conf as conf;

use super::check::check;
use super::mail::Alerts;
use super::page::Pages;
use super::place::{self, Places, Taken};
use super::script::Scripts;
use super::{About, LeftOut, PlannedSession, Programs};
use crate::lvs::wanted::{
    Scripts as WantedScripts, ServiceName, SorryServer, WantedCheck, WantedFile, WantedServer,
    WantedService, WantedSession,
};
use crate::lvs::weight::FileWeight;

/// Plans the model's virtual servers; also answers what had to be left out. With `one_mark` a group of addresses only
/// has one mark for all of them (`nftables_ipvs`).
#[must_use]
pub fn services(
    model: conf::Model,
    programs: &dyn Programs,
    one_mark: bool,
    bfd: &[PlannedSession],
) -> (Vec<WantedService>, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let scripts = Scripts::new(programs, model.global.enable_script_security);
    let files = model.track_files.into_iter();
    let sessions = bfd.iter().filter(|session| session.checker);
    let tracked = Tracked {
        sessions: sessions
            .map(|session| session.config.name.clone())
            .collect(),
        files: files
            .map(|file| (file.name, Path::new(&file.path).into()))
            .collect(),
        init_notifies: model.global.rs_init_notifies,
        alerts: Alerts::of(&model.global),
    };
    let groups = model.virtual_server_groups.into_iter();
    let groups = groups.map(|group| (group.name, group.entries)).collect();
    let mut ground = Ground {
        groups,
        users: HashMap::new(),
        places: Places::default(),
        one_mark,
    };
    let mut shared = Shared {
        timing: None,
        pages: Pages::new(model.ssl),
    };
    let mut services = Vec::with_capacity(model.virtual_servers.len());
    for (at, server) in model.virtual_servers.into_iter().enumerate() {
        let mut texts = Vec::new();
        let service = ground.stand(&server, &mut texts).and_then(|standing| {
            service(
                &server,
                standing,
                &scripts,
                &tracked,
                &mut shared,
                &mut texts,
            )
        });
        match service {
            Ok(service) => services.push(service),
            Err(reason) => texts.push(format!("virtual server {} left out: {reason}", server.key)),
        }
        let about = About::VirtualServer(at);
        left_out.extend(texts.into_iter().map(|text| LeftOut { about, text }));
    }
    (services, left_out)
}

/// What stands outside the virtual servers and concerns them.
struct Tracked {
    /// BFD sessions that checks may be.
    sessions: BTreeSet<Arc<str>>,
    /// Where each `track_file` is.
    files: HashMap<String, Arc<Path>>,
    /// `rs_init_notifies`.
    init_notifies: bool,
    /// Of which servers mails tell.
    alerts: Alerts,
}

/// Where virtual servers stand.
struct Ground {
    /// The entries of each group.
    groups: HashMap<String, Vec<conf::GroupEntry>>,
    /// So many virtual servers use each so far.
    users: HashMap<String, usize>,
    places: Places,
    one_mark: bool,
}

/// What many checks have in common is kept once.
struct Shared {
    timing: Option<Arc<Timing>>,
    pages: Pages,
}

impl Shared {
    fn timing(&mut self, timing: Arc<Timing>) -> Arc<Timing> {
        match &self.timing {
            Some(last) if *last == timing => last.clone(),
            _ => {
                self.timing = Some(timing.clone());
                timing
            }
        }
    }
}

/// A virtual server's name and where it is in the kernel.
struct Standing {
    name: ServiceName,
    taken: Taken,
}

fn is_address(entry: &conf::GroupEntry) -> bool {
    matches!(entry, conf::GroupEntry::Addresses { .. })
}

impl Ground {
    fn stand(
        &mut self,
        server: &conf::VirtualServer,
        left_out: &mut Vec<String>,
    ) -> Result<Standing, String> {
        let protocol = match server.protocol {
            conf::Protocol::Tcp => Protocol::Tcp,
            conf::Protocol::Udp => Protocol::Udp,
            conf::Protocol::Sctp => Protocol::Sctp,
        };
        let family = place::family(server.family);
        let name = match &server.key {
            conf::VirtualServerKey::Address(address) => ServiceName::Socket(protocol, *address),
            conf::VirtualServerKey::Fwmark(mark) => ServiceName::Fwmark(family, *mark),
            conf::VirtualServerKey::Group(group) => {
                let users = self.users.entry(group.clone()).or_default();
                let nth = *users;
                *users = users.saturating_add(1);
                let entries = self.groups.get(group).into_iter().flatten();
                let has_addresses = entries.into_iter().any(is_address);
                ServiceName::Group {
                    name: group.as_str().into(),
                    nth,
                    protocol: has_addresses.then_some(protocol),
                }
            }
        };
        let alone = place::alone(&server.key);
        let (asked, one_mark) = match &server.key {
            conf::VirtualServerKey::Group(group) => {
                let entries = self.groups.get(group).ok_or("its group is not there")?;
                // keepalived behaviour: one mark in a group, and all its addresses are services each.
                let one_mark = self.one_mark && entries.iter().all(is_address);
                (entries.as_slice(), one_mark)
            }
            _ => (alone.as_slice(), false),
        };
        let (taken, mut lacks) = self.places.take(&name, asked, family, one_mark);
        if taken == Taken::default()
            && let Some(lack) = lacks.pop()
        {
            return Err(lack.to_string());
        }
        left_out.extend(
            lacks
                .iter()
                .map(|lack| format!("virtual server {name}: {lack}")),
        );
        Ok(Standing { name, taken })
    }
}

fn service(
    server: &conf::VirtualServer,
    Standing { name, taken }: Standing,
    scripts: &Scripts<'_>,
    tracked: &Tracked,
    shared: &mut Shared,
    left_out: &mut Vec<String>,
) -> Result<WantedService, String> {
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
        name,
        places: taken.places,
        marked: taken.marked,
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
        scripts: WantedScripts {
            up: scripts.script(server.quorum_up.as_deref(), "quorum_up", left_out),
            down: scripts.script(server.quorum_down.as_deref(), "quorum_down", left_out),
            mail: tracked.alerts.service(server),
        },
        omega: server.omega,
        init_notifies: tracked.init_notifies,
        ha_suspend: server.ha_suspend,
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
            match check(planned, scripts, &mut shared.pages, left_out) {
                Ok(check) => checks.extend(check.map(|check| WantedCheck {
                    timing: shared.timing(check.timing),
                    ..check
                })),
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
            files: files(real, tracked),
            sessions: sessions(real, tracked, left_out),
            scripts: WantedScripts {
                up: scripts.script(real.notify_up.as_deref(), "notify_up", left_out),
                down: scripts.script(real.notify_down.as_deref(), "notify_down", left_out),
                mail: tracked.alerts.server(real),
            },
        });
    }
    Ok(wanted)
}

/// The files whose numbers count for a real server.
fn files(real: &conf::RealServer, tracked: &Tracked) -> Vec<WantedFile> {
    let files = real.checks.iter().filter_map(|check| match &check.kind {
        conf::CheckKind::File(file) => Some(WantedFile {
            name: file.track_file.as_str().into(),
            path: tracked.files.get(&file.track_file)?.clone(),
            weight: FileWeight {
                factor: file.weight.factor,
                reverse: file.weight.reverse,
            },
        }),
        _ => None,
    });
    files.collect()
}

/// The BFD sessions that a real server depends on.
fn sessions(
    real: &conf::RealServer,
    tracked: &Tracked,
    left_out: &mut Vec<String>,
) -> Vec<WantedSession> {
    let mut sessions = Vec::new();
    for check in &real.checks {
        let conf::CheckKind::Bfd(bfd) = &check.kind else {
            continue;
        };
        match tracked.sessions.get(bfd.name.as_str()) {
            Some(name) => sessions.push(WantedSession {
                name: name.clone(),
                alpha: check.alpha,
            }),
            None => left_out.push(format!(
                "real server {} is NOT checked by BFD_CHECK {}: that session does not run, or is for vrrp only",
                real.address, bfd.name
            )),
        }
    }
    sessions
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
