//! What a reload would change, as lines that name each object as the log does. Pure.
//!
//! A line begins with `+` for what comes, `-` for what goes, `~` for what changes.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use checkers::Probe;
use ipvs_netlink::{DestinationSpec, Operation, ServiceKey, Table, differences};
use keepalived_conf::TrackKind;
use vrrp::{InstanceConfig, Micros};

use super::{PlannedAddress, PlannedGroup, PlannedInstance, PlannedTrack, VrrpPlan};
use crate::lvs::wanted::{ServiceName, WantedCheck, WantedService};

/// What changes for VRRP: instances, groups, what they track, addresses.
#[must_use]
pub fn vrrp(have: &VrrpPlan, want: &VrrpPlan) -> Vec<String> {
    let mut lines = Vec::new();
    let name = |one: &PlannedInstance| one.config.name.clone();
    let before: HashMap<_, _> = have.instances.iter().map(|one| (name(one), one)).collect();
    let after: HashSet<_> = want.instances.iter().map(name).collect();
    for gone in have
        .instances
        .iter()
        .filter(|one| !after.contains(&name(one)))
    {
        lines.push(format!("- ({}) instance{}", gone.config.name, place(gone)));
        addresses(&mut lines, gone, &gone.addresses, &[]);
    }
    for one in &want.instances {
        match before.get(&one.config.name) {
            None => {
                lines.push(format!(
                    "+ ({}) instance{}, priority {}",
                    one.config.name,
                    place(one),
                    one.config.priority.get()
                ));
                addresses(&mut lines, one, &[], &one.addresses);
            }
            Some(was) => {
                instance(&mut lines, was, one);
                addresses(&mut lines, one, &was.addresses, &one.addresses);
            }
        }
    }
    let group = |one: &PlannedGroup| one.config.name.clone();
    let before: HashMap<_, _> = have.groups.iter().map(|one| (group(one), one)).collect();
    let after: HashSet<_> = want.groups.iter().map(group).collect();
    for gone in have
        .groups
        .iter()
        .filter(|one| !after.contains(&group(one)))
    {
        lines.push(format!("- VRRP_Group({})", gone.config.name));
    }
    for one in &want.groups {
        let name = &one.config.name;
        let members = one.config.members.join(" ");
        match before.get(name) {
            None => lines.push(format!("+ VRRP_Group({name}) of {members}")),
            Some(was) if was.config.members != one.config.members => lines.push(format!(
                "~ VRRP_Group({name}) members {} -> {members}",
                was.config.members.join(" ")
            )),
            Some(was) if was.config.tracking_weight != one.config.tracking_weight => {
                lines.push(format!("~ VRRP_Group({name}) other settings"));
            }
            Some(_) => {}
        }
        let was = before.get(name).map_or(&[][..], |was| &was.tracked);
        tracks(
            &mut lines,
            &format!("VRRP_Group({name})"),
            was,
            &one.tracked,
        );
    }
    trackers(&mut lines, have, want);
    lines
}

fn place(instance: &PlannedInstance) -> String {
    let vrid = instance.config.vrid;
    match (&instance.interface, &instance.vrf) {
        (Some(interface), _) => format!(" on {interface}, virtual router {vrid}"),
        (None, Some(vrf)) => format!(" in VRF {vrf}, virtual router {vrid}"),
        (None, None) => format!(", virtual router {vrid}"),
    }
}

fn instance(lines: &mut Vec<String>, was: &PlannedInstance, one: &PlannedInstance) {
    let name = &one.config.name;
    let (before, after) = (&was.config, &one.config);
    let mut turn = |what: &str, from: String, to: String| {
        if from != to {
            lines.push(format!("~ ({name}) {what} {from} -> {to}"));
        }
    };
    turn("place", place(was), place(one));
    turn(
        "version",
        before.version.number().to_string(),
        after.version.number().to_string(),
    );
    turn(
        "priority",
        before.priority.get().to_string(),
        after.priority.get().to_string(),
    );
    let interval = |config: &InstanceConfig| format!("{} s", Micros::from(config.advert_interval));
    turn("advert interval", interval(before), interval(after));
    let preempts = |config: &InstanceConfig| if config.nopreempt { "off" } else { "on" }.to_owned();
    turn("preemption", preempts(before), preempts(after));
    // All the rest: adverts, announcements, keys (which nobody is shown).
    let rest = InstanceConfig {
        version: after.version,
        priority: after.priority,
        advert_interval: after.advert_interval,
        nopreempt: after.nopreempt,
        vrid: after.vrid,
        addresses: after.addresses.clone(),
        ..before.clone()
    };
    let links = |one: &PlannedInstance| (one.by, one.devices.clone());
    if links(was) != links(one) {
        lines.push(format!("~ ({name}) links of its own"));
    }
    let told = |one: &PlannedInstance| (one.pace, one.tracks_source);
    if rest != *after || told(was) != told(one) {
        lines.push(format!("~ ({name}) other settings"));
    }
    tracks(lines, &format!("({name})"), &was.tracked, &one.tracked);
}

fn addresses(
    lines: &mut Vec<String>,
    instance: &PlannedInstance,
    before: &[PlannedAddress],
    after: &[PlannedAddress],
) {
    let name = &instance.config.name;
    let shown = |address: &PlannedAddress| {
        let PlannedAddress {
            interface, address, ..
        } = address;
        format!("{}/{} dev {interface}", address.address, address.prefix_len)
    };
    for (sign, from, to) in [('-', before, after), ('+', after, before)] {
        let there: HashSet<String> = to.iter().map(shown).collect();
        for address in from.iter().map(shown) {
            if !there.contains(&address) {
                lines.push(format!("{sign} ({name}) ip address {address}"));
            }
        }
    }
    for address in after {
        let same = |other: &&PlannedAddress| shown(other) == shown(address);
        if before.iter().find(same).is_some_and(|was| was != address) {
            lines.push(format!("~ ({name}) ip address {}", shown(address)));
        }
    }
}

fn tracks(lines: &mut Vec<String>, whose: &str, before: &[PlannedTrack], after: &[PlannedTrack]) {
    let shown = |track: &PlannedTrack| {
        let reverse = if track.reverse { " reverse" } else { "" };
        let (kind, name, weight) = (kind(track.kind), &track.name, track.weight);
        format!("{kind} {name} weight {weight}{reverse}")
    };
    for (sign, from, to) in [('-', before, after), ('+', after, before)] {
        for track in from.iter().filter(|track| !to.contains(track)) {
            lines.push(format!("{sign} {whose} tracks {}", shown(track)));
        }
    }
}

fn kind(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Interface => "interface",
        TrackKind::Script => "script",
        TrackKind::File => "file",
        TrackKind::Process => "process",
        TrackKind::Bfd => "bfd",
    }
}

fn trackers(lines: &mut Vec<String>, have: &VrrpPlan, want: &VrrpPlan) {
    let (before, after) = (&have.track.scripts, &want.track.scripts);
    for script in before {
        if !after.iter().any(|other| other.name == script.name) {
            lines.push(format!("- VRRP_Script({})", script.name));
        }
    }
    for script in after {
        match before.iter().find(|other| other.name == script.name) {
            None => lines.push(format!("+ VRRP_Script({})", script.name)),
            Some(was) if was != script => {
                lines.push(format!("~ VRRP_Script({}), which starts anew", script.name));
            }
            Some(_) => {}
        }
    }
}

/// What changes for the checks.
pub fn checks<'a>(
    have: impl Iterator<Item = &'a WantedService>,
    want: &'a [WantedService],
) -> Vec<String> {
    let mut before: HashMap<(&ServiceName, SocketAddr), &[WantedCheck]> = HashMap::new();
    let mut order = Vec::new();
    for service in have {
        for server in &service.servers {
            let place = (&service.name, server.address);
            before.insert(place, &server.checks);
            order.push(place);
        }
    }
    let mut lines = Vec::new();
    let mut after = HashSet::new();
    for service in want {
        for server in &service.servers {
            let place = (&service.name, server.address);
            after.insert(place);
            let was = before.get(&place).copied().unwrap_or_default();
            differ(&mut lines, place, was, &server.checks);
        }
    }
    for place in order {
        if !after.contains(&place) {
            let was = before.get(&place).copied().unwrap_or_default();
            differ(&mut lines, place, was, &[]);
        }
    }
    lines
}

fn differ(
    lines: &mut Vec<String>,
    (service, address): (&ServiceName, SocketAddr),
    before: &[WantedCheck],
    after: &[WantedCheck],
) {
    let server = service.server(address);
    let mut say = |sign: char, check: &WantedCheck, more: &str| {
        let kind = probe(&check.probe);
        lines.push(format!(
            "{sign} {kind} of service {server} of VS {service}{more}"
        ));
    };
    let mut left: Vec<&WantedCheck> = before.iter().collect();
    let mut fresh = Vec::new();
    for check in after {
        match left.iter().position(|was| was.is_alike(check)) {
            Some(at) => {
                let was = left.remove(at);
                if was != check {
                    say('~', check, ": times");
                }
            }
            None => fresh.push(check),
        }
    }
    for check in fresh {
        match left
            .iter()
            .position(|was| probe(&was.probe) == probe(&check.probe))
        {
            Some(at) => {
                left.remove(at);
                say('~', check, ", which starts anew");
            }
            None => say('+', check, ""),
        }
    }
    left.into_iter().for_each(|check| say('-', check, ""));
}

fn probe(probe: &Probe) -> &'static str {
    match probe {
        Probe::Tcp(_) => "TCP_CHECK",
        Probe::Http(http) if http.tls.is_some() => "SSL_GET",
        Probe::Http(_) => "HTTP_GET",
        Probe::Misc(_) => "MISC_CHECK",
        Probe::Smtp(_) => "SMTP_CHECK",
        Probe::Dns(_) => "DNS_CHECK",
        Probe::Udp(_) => "UDP_CHECK",
        Probe::Ping(_) => "PING_CHECK",
    }
}

/// What changes in the kernel's table.
#[must_use]
pub fn kernel(have: &Table, operations: impl Iterator<Item = Operation>) -> Vec<String> {
    operations.map(|operation| line(have, operation)).collect()
}

/// What would put right what somebody else did to the services of `left` in the kernel's table. Services of others are
/// none of ours.
#[must_use]
pub fn drift(left: &Table, kernel: &Table) -> Vec<String> {
    let mut ours = kernel.clone();
    ours.services
        .retain(|key, _| left.services.contains_key(key));
    self::kernel(&ours, differences(&ours, left))
}

fn line(have: &Table, operation: Operation) -> String {
    let of = |key: ServiceKey| ServiceName::from(key);
    let server = |key: ServiceKey, address: SocketAddr| {
        let service = ServiceName::from(key);
        format!("service {} of VS {service}", service.server(address))
    };
    match operation {
        Operation::AddService(key, spec) => {
            format!("+ VS {}: scheduler {}", of(key), spec.scheduler)
        }
        Operation::SetService(key, spec) => {
            let was = have.services.get(&key).map(|service| &service.spec);
            let was = was.map_or(String::new(), |was| was.scheduler.to_string());
            let (name, now) = (of(key), spec.scheduler.to_string());
            match was == now {
                true => format!("~ VS {name}: flags or persistence"),
                false => format!("~ VS {name}: scheduler {was} -> {now}"),
            }
        }
        Operation::DeleteService(key) => format!("- VS {} and its servers", of(key)),
        Operation::AddDestination(key, address, spec) => format!(
            "+ {}: {}, weight {}",
            server(key, address),
            spec.forwarding,
            spec.weight
        ),
        Operation::SetDestination(key, address, spec) => {
            let was = have.services.get(&key);
            let was = was.and_then(|service| service.destinations.get(&address));
            format!("~ {}: {}", server(key, address), turned(was, &spec))
        }
        Operation::DeleteDestination(key, address) => format!("- {}", server(key, address)),
        Operation::Flush => "- every VS".to_owned(),
    }
}

fn turned(was: Option<&DestinationSpec>, now: &DestinationSpec) -> String {
    let parts = |spec: &DestinationSpec| {
        [
            ("weight", spec.weight.to_string()),
            ("forwarding", spec.forwarding.to_string()),
            ("u_threshold", spec.upper_threshold.to_string()),
            ("l_threshold", spec.lower_threshold.to_string()),
        ]
    };
    let Some(was) = was else {
        return format!("weight {}", now.weight);
    };
    let pairs = parts(was).into_iter().zip(parts(now));
    let turned = pairs.filter(|((_, from), (_, to))| from != to);
    let turned = turned.map(|((what, from), (_, to))| format!("{what} {from} -> {to}"));
    turned.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::pool::Pool;
    use crate::plan::tests::planned;

    const BEFORE: &str = "
        vrrp_instance VI_1 {
            interface eth1
            virtual_router_id 51
            priority 100
            virtual_ipaddress {
                10.0.0.1/24
                10.0.0.2/24
            }
        }
        virtual_server 10.0.0.1 80 {
            lb_algo wlc
            lb_kind NAT
            protocol TCP
            real_server 10.0.0.10 80 {
                weight 5
                TCP_CHECK {
                }
            }
            real_server 10.0.0.11 80 {
            }
        }";

    /// A server was taken away and one's weight changed by hand; somebody else's service is none of ours.
    #[test]
    fn what_was_done_by_hand_is_drift() {
        let left = crate::lvs::driver::table(planned(BEFORE).services);
        assert!(drift(&left, &left).is_empty());
        let mut kernel = left.clone();
        let (key, service) = left.services.iter().next().unwrap();
        let mut other = (**service).clone();
        let first: SocketAddr = "10.0.0.10:80".parse().unwrap();
        other.destinations.shift_remove(&first);
        let second: SocketAddr = "10.0.0.11:80".parse().unwrap();
        other.destinations.get_mut(&second).unwrap().weight = 7;
        kernel.services.insert(*key, other.into());
        let strange = "192.0.2.1:80".parse().unwrap();
        let strange = ServiceKey::Socket(ipvs_netlink::Protocol::Tcp, strange);
        kernel.services.insert(strange, service.clone());
        assert_eq!(
            drift(&left, &kernel),
            [
                "+ service [10.0.0.10]:tcp:80 of VS [10.0.0.1]:tcp:80: Masq, weight 5",
                "~ service [10.0.0.11]:tcp:80 of VS [10.0.0.1]:tcp:80: weight 7 -> 1",
            ]
        );
    }

    const AFTER: &str = "
        vrrp_instance VI_1 {
            interface eth1
            virtual_router_id 51
            priority 150
            virtual_ipaddress {
                10.0.0.1/24
                10.0.0.3/24
            }
        }
        virtual_server 10.0.0.1 80 {
            lb_algo rr
            lb_kind NAT
            protocol TCP
            real_server 10.0.0.10 80 {
                weight 7
                TCP_CHECK {
                    connect_port 81
                }
                DNS_CHECK {
                }
            }
        }";

    #[test]
    fn each_object_is_named_as_in_the_log() {
        let (before, after) = (planned(BEFORE), planned(AFTER));
        assert_eq!(
            vrrp(&before.vrrp, &after.vrrp),
            [
                "~ (VI_1) priority 100 -> 150",
                "- (VI_1) ip address 10.0.0.2/24 dev eth1",
                "+ (VI_1) ip address 10.0.0.3/24 dev eth1",
            ]
        );
        assert_eq!(
            checks(before.services.iter(), &after.services),
            [
                "~ TCP_CHECK of service [10.0.0.10]:tcp:80 of VS [10.0.0.1]:tcp:80, which starts anew",
                "+ DNS_CHECK of service [10.0.0.10]:tcp:80 of VS [10.0.0.1]:tcp:80",
            ]
        );
        let table = |services: Vec<WantedService>| {
            let mut pool = Pool::default();
            let _ = pool.configure(services);
            pool.table()
        };
        let (have, want) = (table(before.services), table(after.services));
        assert_eq!(
            kernel(&have, differences(&have, &want)),
            [
                "~ VS [10.0.0.1]:tcp:80: scheduler wlc -> rr",
                "~ service [10.0.0.10]:tcp:80 of VS [10.0.0.1]:tcp:80: weight 5 -> 7",
                "- service [10.0.0.11]:tcp:80 of VS [10.0.0.1]:tcp:80",
            ]
        );
    }

    #[test]
    fn the_same_file_changes_nothing() {
        let (before, after) = (planned(BEFORE), planned(BEFORE));
        assert!(vrrp(&before.vrrp, &after.vrrp).is_empty());
        assert!(checks(before.services.iter(), &after.services).is_empty());
    }
}
