//! Who else may hold the virtual addresses: other daemons here, other masters there.

use super::{Finding, Host, Interface};
use crate::plan::Plan;
use crate::status::view::{InstanceState, Status};

/// Programs that put virtual addresses on interfaces, or fill the IPVS table.
const RIVALS: [&str; 9] = [
    "keepalived",
    "rkeepalived",
    "ucarp",
    "vrrpd",
    "heartbeat",
    "pacemakerd",
    "corosync",
    "ldirectord",
    "surealived",
];

pub(super) fn examine(
    plan: &Plan,
    host: &dyn Host,
    links: &[Interface],
    status: Option<&Status>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = status.map(|status| status.daemon.pid);
    let rival = |name: &str| RIVALS.contains(&name);
    let mut others = host.processes();
    others.retain(|(pid, name)| rival(name) && Some(*pid) != ours && *pid != std::process::id());
    // Without the status of ours, one daemon is ours.
    let lone = status.is_none() && others.len() == 1;
    for (pid, name) in others.into_iter().filter(|_| !lone) {
        findings.push(Finding {
            seen: format!("{name} runs here, too (pid {pid})"),
            harm: "two programs fight over the virtual addresses or the IPVS table".into(),
            remedy: format!(
                "stop one of them: `kill {pid}`, and `systemctl disable --now` of its unit"
            ),
        });
    }
    let Some(status) = status else {
        return findings;
    };
    for instance in &status.vrrp.instances {
        let master = instance.state == InstanceState::Master;
        let recent = instance.advert_interval_ms.saturating_mul(3).max(1000);
        let fresh = instance.peers.iter().filter(|peer| {
            peer.priority > 0 && status.at_ms.saturating_sub(peer.last_seen_ms) <= recent
        });
        for peer in fresh.filter(|_| master) {
            findings.push(Finding {
                seen: format!("({}) is MASTER, and {} advertises, too (priority {})", instance.name, peer.address, peer.priority),
                harm: "two masters hold the addresses".into(),
                remedy: format!("see on {} why it does not hear us: its firewall, its authentication, its virtual_router_id", peer.address),
            });
        }
        if master {
            continue;
        }
        let planned = plan.vrrp.instances.iter();
        let mut planned = planned.filter(|one| *one.config.name == *instance.name);
        let addresses = planned.next().map(|one| one.addresses.as_slice());
        for address in addresses.unwrap_or_default() {
            let here = links
                .iter()
                .find(|link| link.addresses.contains(&address.address.address));
            if let Some(link) = here.filter(|link| link.name != "lo") {
                findings.push(Finding {
                    seen: format!(
                        "{} stands on {} although ({}) is {}",
                        address.address.address,
                        link.name,
                        instance.name,
                        instance.state.name()
                    ),
                    harm: "this host and the master both answer for it".into(),
                    remedy: format!(
                        "`ip address del {}/{} dev {}`, and find who put it there",
                        address.address.address, address.address.prefix_len, link.name
                    ),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Made, eth1};
    use super::*;
    use crate::plan::tests::planned;
    use crate::status::view::VrrpCounters;

    const FILE: &str = "
        vrrp_instance VI_1 {
            interface eth1
            virtual_router_id 51
            virtual_ipaddress {
                10.0.0.1/24
            }
        }";

    fn status(state: &str) -> Status {
        let status = serde_json::json!({
            "version": 1, "at_ms": 100_000,
            "daemon": {
                "version": "", "pid": 7, "started_ms": 0, "uptime_ms": 0, "config": "", "reloads": 0, "last_event": 0,
                "log_level": "info",
            },
            "vrrp": {
                "instances": [{
                    "name": "VI_1", "interface": "eth1", "vrid": 51, "vrrp_version": 2, "state": state, "since_ms": 0,
                    "priority": 100, "effective_priority": 100, "advert_interval_ms": 1000, "standing_back": false,
                    "addresses": [], "counters": VrrpCounters::default(),
                    "peers": [{"address": "10.0.0.3", "priority": 90, "adverts": 4, "last_seen_ms": 99_500}],
                }],
                "sync_groups": [], "trackers": [],
            },
            "virtual_servers": [],
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn other_programs_and_other_masters_are_told_of() {
        let host = Made {
            links: vec![eth1(&["10.0.0.9", "10.0.0.1"])],
            processes: vec![(7, "keepalived"), (8, "ucarp"), (9, "bash")],
            ..Made::default()
        };
        let seen = |state| -> Vec<String> {
            let findings = examine(&planned(FILE), &host, &host.links, Some(&status(state)));
            findings.into_iter().map(|finding| finding.seen).collect()
        };
        assert_eq!(
            seen("MASTER"),
            [
                "ucarp runs here, too (pid 8)",
                "(VI_1) is MASTER, and 10.0.0.3 advertises, too (priority 90)",
            ]
        );
        assert_eq!(
            seen("BACKUP"),
            [
                "ucarp runs here, too (pid 8)",
                "10.0.0.1 stands on eth1 although (VI_1) is BACKUP",
            ]
        );
        let one = Made {
            processes: vec![(7, "keepalived")],
            ..Made::default()
        };
        assert!(examine(&planned(FILE), &one, &[], None).is_empty());
    }
}
