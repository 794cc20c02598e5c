//! VRRP instances and groups of the model, as the failover thread wants them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keepalived_conf::{
    self as conf, Authentication, InitialState, Model, Route, Rule, TrackKind, Transport,
    VirtualAddress, VrrpInstance,
};
use vrrp::{
    Announcing, AntiReplay, Auth, AuthHmac, Centis, GroupConfig, HmacKey, HmacMode, InstanceConfig,
    Micros, Name, Peer, Priority, Unicast, Version, Vrid,
};

use super::buffer::Buffer;
use super::device::{Devices, PlannedDevice};
use super::implied::implied;
use super::ipvs::is_identifier;
use super::statics::{self, PlannedStatics};
use super::timeliness::{self, Timeliness};
use super::track::{self, Known, PlannedTrack, TrackPlan};
use super::{About, LeftOut, PlannedSession, Programs};
use crate::failover::firewall::DropRules;
use crate::kernel::nft;

/// What VRRP is to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VrrpPlan {
    /// Instances, in the order of the file.
    pub instances: Vec<PlannedInstance>,
    /// Sync groups, in the order of the file.
    pub groups: Vec<PlannedGroup>,
    /// What is there whoever is master.
    pub statics: PlannedStatics,
    /// What is to be run and watched for them.
    pub track: TrackPlan,
    /// `vrrp_startup_delay`.
    pub startup_delay: Micros,
    /// `vrrp_delay_after_boot`.
    pub delay_after_boot: Micros,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// How packets to addresses with `no_accept` are dropped; none where there are no such addresses.
    pub drop_rules: Option<DropRules>,
    /// What keeps their thread on time.
    pub timeliness: Timeliness,
    /// How long a change of a link must last to count.
    pub delays: Vec<conf::InterfaceDelay>,
    /// The name of the nftables tables of VRRP, if it was given.
    pub table: Option<String>,
    /// The kernel is not to report multicast groups of the link (`disable_local_igmp`).
    pub quiet_groups: bool,
    /// Interfaces whose announcements wait for each other.
    pub garp_groups: Vec<conf::GarpGroup>,
}

/// A sync group, with names where the router has numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedGroup {
    /// For the router; what it tracks is filled in when the names have numbers.
    pub config: GroupConfig,
    /// What it tracks.
    pub tracked: Vec<PlannedTrack>,
}

/// An instance, with names where the kernel has numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedInstance {
    /// For the router; its interface is filled in when the name is looked up.
    pub config: InstanceConfig,
    /// The interface's name; none of unicast adverts from a source that was given.
    pub interface: Option<String>,
    /// The name of the VRF that those are in, of an instance without an interface.
    pub vrf: Option<String>,
    /// Links of its own, in the order in which they get their names.
    pub devices: Vec<PlannedDevice>,
    /// Where its adverts go out and come in.
    pub by: By,
    /// The source of its adverts must be there (`track_src_ip`).
    pub tracks_source: bool,
    /// How its addresses are announced.
    pub pace: Pace,
    /// What to put on interfaces while master: VIPs, then excluded ones.
    pub addresses: Vec<PlannedAddress>,
    /// Whether its interface keeps the other addresses of a network when the first of them goes.
    pub promote_secondaries: bool,
    /// Routes while master.
    pub routes: Vec<Route>,
    /// Rules while master.
    pub rules: Vec<Rule>,
    /// What it tracks besides its interface.
    pub tracked: Vec<PlannedTrack>,
    /// What may wait in its socket.
    pub buffer: Buffer,
}

impl PlannedInstance {
    /// The name of its interface, or of the VRF that it has instead.
    #[must_use]
    pub fn named(&self) -> Option<&String> {
        self.interface.as_ref().or(self.vrf.as_ref())
    }

    /// Whether nobody minds that this address is taken away (`no_track`).
    #[must_use]
    pub fn untracked(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|one| one.address.address == address && one.address.options.no_track)
    }

    /// The link of its own that is there for its adverts, also where those leave from the interface below.
    #[must_use]
    pub fn own_device(&self) -> Option<&PlannedDevice> {
        self.devices.first().filter(|_| self.by != By::Interface)
    }

    /// Whether there is something that it cannot do without, besides the link that its adverts go through.
    #[must_use]
    pub fn has_prerequisites(&self) -> bool {
        let above = self.by == By::Base && !self.config.dont_track_link;
        above || self.tracks_source
    }
}

/// How addresses are announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// `vrrp_garp_interval`: between two gratuitous ARPs on one interface.
    pub garp: Duration,
    /// `vrrp_gna_interval`: between two unsolicited neighbour advertisements.
    pub gna: Duration,
    /// `garp_extra_if all`: addresses on other interfaces that are no links of ours are announced now and then, too.
    pub extra_all: bool,
}

/// Where adverts go out and come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The interface; there is no link of its own.
    Interface,
    /// The first of its links.
    Device,
    /// The interface below that (`vmac_xmit_base`).
    Base,
}

/// An address to put on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAddress {
    /// The interface's name.
    pub interface: String,
    /// The place among the instance's links of the one on that interface that has it.
    pub device: Option<usize>,
    /// Address, prefix, label and so on.
    pub address: VirtualAddress,
}

/// Plans the model's instances; also answers what had to be left out.
pub fn plan(
    model: &Model,
    programs: &dyn Programs,
    bfd: &[PlannedSession],
) -> (VrrpPlan, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let mut plan = VrrpPlan {
        statics: statics::statics(model),
        ..VrrpPlan::default()
    };
    let (scripts, faults) = track::scripts(model, programs);
    left_out.extend(faults.into_iter().map(|text| LeftOut {
        about: About::Vrrp,
        text,
    }));
    let known = Known {
        scripts: scripts.iter().map(|script| script.name.as_str()).collect(),
        sessions: bfd
            .iter()
            .filter(|session| session.vrrp)
            .map(|session| &*session.config.name)
            .collect(),
    };
    let (rules, lenient) = match drop_rules(model, programs) {
        Ok(rules) => (Some(rules), None),
        Err(reason) => (None, Some(reason)),
    };
    for (at, instance) in model.instances.iter().enumerate() {
        let mut leave_out = |text| {
            let about = About::Instance(at);
            left_out.push(LeftOut { about, text });
        };
        match planned(instance, model, &known) {
            Ok(mut planned) => {
                if let Some(reason) = lenient.as_ref().filter(|_| !planned.config.accept) {
                    planned.config.accept = true;
                    leave_out(format!(
                        "({}) packets to its addresses are taken, in spite of no_accept or strict mode: {reason}",
                        instance.name
                    ));
                }
                for address in nowhere(instance) {
                    leave_out(format!(
                        "({}) {}/{} is put nowhere: the instance has no interface; write `dev NAME` behind it",
                        instance.name, address.address, address.prefix_len
                    ));
                }
                let implied = implied(model, instance, &planned.tracked);
                planned.tracked.extend(implied);
                plan.instances.push(planned);
                if !instance.not_yet.is_empty() {
                    let without = instance.not_yet.join(", ");
                    leave_out(format!(
                        "({}) runs without {without}: not there yet",
                        instance.name
                    ));
                }
            }
            Err(reason) => leave_out(format!("({}) left out: {reason}", instance.name)),
        }
    }
    let deaf = plan.instances.iter().any(|one| !one.config.accept);
    plan.drop_rules = rules.filter(|_| deaf);
    plan.startup_delay = Micros::from(model.global.vrrp_startup_delay);
    plan.delay_after_boot = Micros::from(model.global.vrrp_delay_after_boot);
    plan.log_unknown_vrids = model.global.log_unknown_vrids;
    plan.delays.clone_from(&model.interface_delays);
    plan.garp_groups.clone_from(&model.garp_groups);
    plan.quiet_groups = model.global.interfaces.disable_local_igmp;
    let table = model.global.firewall.table.clone();
    plan.table = table.filter(|table| is_identifier(table));
    plan.groups = model
        .sync_groups
        .iter()
        .map(|group| PlannedGroup {
            config: GroupConfig {
                name: Arc::from(group.name.as_str()),
                members: group
                    .members
                    .iter()
                    .map(|member| Name::from(member.as_str()))
                    .filter(|member| {
                        plan.instances
                            .iter()
                            .any(|instance| instance.config.name == *member)
                    })
                    .collect(),
                tracked: Vec::new(),
                tracking_weight: group.tracking_weight,
            },
            tracked: track::entries(&group.tracked, &known),
        })
        .filter(|group| !group.config.members.is_empty())
        .collect();
    let used: BTreeSet<(TrackKind, String)> = plan
        .instances
        .iter()
        .flat_map(|instance| &instance.tracked)
        .chain(plan.groups.iter().flat_map(|group| &group.tracked))
        .map(|entry| (entry.kind, entry.name.clone()))
        .collect();
    let is_used = |kind, name: &String| used.contains(&(kind, name.clone()));
    plan.timeliness = timeliness::plan(model, !bfd.is_empty());
    plan.track = TrackPlan {
        processes: track::processes(model)
            .into_iter()
            .filter(|process| is_used(TrackKind::Process, &process.name))
            .collect(),
        process_buffer: model.global.receive_buffers.processes,
        files: track::files(model)
            .into_iter()
            .filter(|file| is_used(TrackKind::File, &file.name))
            .collect(),
        scripts: scripts
            .into_iter()
            .filter(|script| is_used(TrackKind::Script, &script.name))
            .collect(),
    };
    (plan, left_out)
}

/// keepalived behaviour: with its name for the table where the configuration has none.
fn drop_rules(model: &Model, programs: &dyn Programs) -> Result<DropRules, String> {
    let conf::Firewall {
        table,
        priority,
        by_index,
        counters,
        ..
    } = &model.global.firewall;
    let table = table.as_deref().unwrap_or("keepalived");
    if !is_identifier(table) {
        return Err(format!(
            "`{table}` cannot be the name of a table of nftables: a letter or `_`, then letters, digits, `_`, `.`"
        ));
    }
    if !programs.is_there(nft::PROGRAM) {
        return Err(format!(
            "there is no program `{}` (package nftables)",
            nft::PROGRAM
        ));
    }
    Ok(DropRules {
        table: table.to_owned(),
        priority: *priority,
        by_index: *by_index,
        counters: *counters,
    })
}

fn planned(
    instance: &VrrpInstance,
    model: &Model,
    known: &Known<'_>,
) -> Result<PlannedInstance, &'static str> {
    let (interfaces, buffer) = (&model.global.interfaces, model.global.advert_buffer);
    let version = match instance.version {
        2 => Version::V2,
        _ => Version::V3,
    };
    let transport = match &instance.transport {
        Transport::Multicast(group) => vrrp::Transport::Multicast(*group),
        Transport::Unicast(unicast) => vrrp::Transport::Unicast(peers(unicast)),
    };
    if instance.interface.is_none() && (instance.source.is_none() || is_multicast(&transport)) {
        return Err("it has no interface");
    }
    let vrid = Vrid::new(instance.vrid).ok_or("its virtual router id is 0")?;
    let priority = Priority::new(instance.priority).ok_or("its priority is 0")?;
    let interval = u16::try_from(instance.advert_interval.0)
        .map_err(|_| "its advert interval is over 655 s")?;
    let config = InstanceConfig {
        name: Arc::from(instance.name.as_str()),
        interface: 0,
        anywhere: instance.interface.is_none() && instance.vrf.is_none(),
        vrf: 0,
        version,
        family: match instance.family {
            conf::Family::Inet => vrrp::Family::Inet,
            conf::Family::Inet6 => vrrp::Family::Inet6,
        },
        vrid,
        priority,
        wants: match instance.state {
            InitialState::Master => vrrp::InitialState::Master,
            InitialState::Backup => vrrp::InitialState::Backup,
        },
        advert_interval: Centis::new(interval),
        auth: match &instance.auth {
            Authentication::Simple(password) => Auth::Simple(password.0),
            Authentication::Ah(password) => Auth::Ah(password.0),
            Authentication::Hmac(hmac) => Auth::Hmac(Arc::new(signed(hmac))),
            Authentication::None => Auth::None,
        },
        addresses: instance
            .addresses
            .iter()
            .map(|address| address.address)
            .collect(),
        source: instance.source,
        transport,
        v3_checksum_as_v2: instance.v3_checksum_as_v2,
        nopreempt: instance.nopreempt,
        preempt_delay: Micros::from(instance.preempt_delay),
        timer_expired_backup: instance
            .timer_expired_backup
            .and_then(|priority| Priority::new(priority.get())),
        owner_ignore_adverts: instance.owner_ignore_adverts,
        accept: instance.accept,
        down_timer_adverts: instance.down_timer_adverts,
        skip_check_adv_addr: instance.skip_check_adv_addr,
        announce: Announcing {
            delay: Micros::from(instance.garp.delay),
            repeat: instance.garp.repeat,
            refresh: Micros::from(instance.garp.refresh),
            refresh_repeat: instance.garp.refresh_repeat,
            lower_prio_delay: Micros::from(instance.garp.lower_prio_delay),
            lower_prio_repeat: instance.garp.lower_prio_repeat,
            extra: instance
                .garp
                .extra
                .map_or(Micros::ZERO, |extra| Micros::from(extra.interval)),
        },
        lower_prio_no_advert: instance.lower_prio_no_advert,
        higher_prio_send_advert: instance.higher_prio_send_advert,
        dont_track_link: instance.dont_track_primary,
        tracked: Vec::new(),
    };
    let mut devices = Devices::of(instance, interfaces);
    let addresses = instance
        .addresses
        .iter()
        .chain(&instance.excluded_addresses)
        .filter_map(|address| {
            let interface = address.device.as_ref().or(instance.interface.as_ref())?;
            Some(PlannedAddress {
                interface: interface.clone(),
                device: devices.seat(instance, interfaces, interface, address),
                address: address.clone(),
            })
        })
        .collect();
    Ok(PlannedInstance {
        config,
        interface: instance.interface.clone(),
        vrf: instance.vrf.clone(),
        by: match &instance.device {
            _ if !devices.own => By::Interface,
            conf::Device::Vmac(vmac) if vmac.transmit_base => By::Base,
            _ => By::Device,
        },
        tracks_source: instance.track_source && instance.source.is_some(),
        devices: devices.list,
        pace: Pace {
            garp: instance.garp.interval,
            gna: instance.garp.advertisement_interval,
            extra_all: instance.garp.extra.is_some_and(|extra| extra.all),
        },
        addresses,
        promote_secondaries: instance.promote_secondaries,
        routes: instance.routes.clone(),
        rules: instance.rules.clone(),
        tracked: track::entries(&instance.tracked, known),
        buffer: Buffer::of(instance, buffer),
    })
}

/// Addresses that no interface is named for.
fn nowhere(instance: &VrrpInstance) -> impl Iterator<Item = &VirtualAddress> {
    let all = instance
        .addresses
        .iter()
        .chain(&instance.excluded_addresses);
    all.filter(|one| one.device.is_none() && instance.interface.is_none())
}

fn signed(hmac: &conf::AuthHmac) -> AuthHmac {
    AuthHmac {
        keys: hmac
            .keys
            .iter()
            .map(|key| HmacKey {
                id: key.id.get(),
                secret: key.secret.0.clone(),
            })
            .collect(),
        active: hmac.active.get(),
        window: Micros::from(hmac.window),
        replay: match hmac.replay {
            conf::AntiReplay::Time => AntiReplay::Time,
            conf::AntiReplay::Monotonic => AntiReplay::Monotonic,
        },
        mode: match hmac.mode {
            conf::HmacMode::Enforce => HmacMode::Enforce,
            conf::HmacMode::Permissive => HmacMode::Permissive,
            conf::HmacMode::ReceiveOnly => HmacMode::ReceiveOnly,
        },
    }
}

fn is_multicast(transport: &vrrp::Transport) -> bool {
    matches!(transport, vrrp::Transport::Multicast(_))
}

fn peers(unicast: &conf::Unicast) -> Unicast {
    let peer = |peer: &conf::UnicastPeer| Peer {
        address: peer.address,
        min_ttl: peer.min_ttl,
        max_ttl: peer.max_ttl,
    };
    Unicast {
        peers: unicast.peers.iter().map(peer).collect(),
        check_source: unicast.check_source,
        fault_no_peer: unicast.fault_no_peer,
        ttl: unicast.ttl,
        checksum: match unicast.checksum {
            conf::UnicastChecksum::Detect => vrrp::UnicastChecksum::Detect,
            conf::UnicastChecksum::Old => vrrp::UnicastChecksum::Old,
            conf::UnicastChecksum::New => vrrp::UnicastChecksum::New,
        },
    }
}
