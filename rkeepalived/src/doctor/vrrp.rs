//! What VRRP needs: an interface that is up, an address, packets that fit, addresses that do not go with each other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Finding, Host, Interface, number, set};
use crate::plan::{Plan, PlannedInstance};

pub(super) fn examine(plan: &Plan, host: &dyn Host, links: &[Interface]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for instance in &plan.vrrp.instances {
        let Some(name) = instance.named() else {
            continue;
        };
        match links.iter().find(|link| link.name == *name) {
            None => findings.push(Finding {
                seen: format!("interface {name} is not there"),
                harm: format!("({}) stays in FAULT", instance.config.name),
                remedy: format!(
                    "make it, or name another in vrrp_instance {}; `ip link` lists them",
                    instance.config.name
                ),
            }),
            Some(link) => on(instance, link, &mut findings),
        }
    }
    findings.extend(secondaries(plan, host));
    findings
}

fn on(instance: &PlannedInstance, link: &Interface, findings: &mut Vec<Finding>) {
    let config = &instance.config;
    let name = &config.name;
    if !link.up {
        findings.push(Finding {
            seen: format!("interface {} is down, or has no carrier", link.name),
            harm: format!("({name}) stays in FAULT"),
            remedy: format!("`ip link set {} up`, or look at the cable", link.name),
        });
    }
    let ours: Vec<IpAddr> = instance
        .addresses
        .iter()
        .map(|one| one.address.address)
        .collect();
    let own = link.addresses.iter().any(|address| {
        !ours.contains(address) && address.is_ipv6() == matches!(config.family, vrrp::Family::Inet6)
    });
    if !own && config.source.is_none() {
        findings.push(Finding {
            seen: format!(
                "interface {} has no address besides the virtual ones",
                link.name
            ),
            harm: format!("({name}) has nothing to send adverts from, and stays in FAULT"),
            remedy: "give it one, or write mcast_src_ip (unicast_src_ip with unicast_peer)".into(),
        });
    }
    // RFC 3768 5.2, RFC 9568 5.2: 20 or 40 bytes of IP, 8 of VRRP, the addresses, 8 of authentication.
    let (header, each) = match config.family {
        vrrp::Family::Inet => (36, 4),
        vrrp::Family::Inet6 => (48, 16),
    };
    let count = u32::try_from(config.addresses.len().min(255)).unwrap_or(255);
    let length = header + each * count;
    if length > link.mtu {
        findings.push(Finding {
            seen: format!(
                "an advert of ({name}) has {length} bytes, and {} takes {}",
                link.name, link.mtu
            ),
            harm: "adverts are sent in fragments, or not at all".into(),
            remedy: "move addresses to virtual_ipaddress_excluded, or raise the MTU".into(),
        });
    }
}

/// Of several addresses of one network on one interface the later ones go with the first.
fn secondaries(plan: &Plan, host: &dyn Host) -> Vec<Finding> {
    let mut networks: BTreeMap<(&str, u32, u8), u32> = BTreeMap::new();
    let addresses = plan.vrrp.instances.iter().flat_map(|one| &one.addresses);
    for address in addresses {
        let IpAddr::V4(ip) = address.address.address else {
            continue;
        };
        let prefix = address.address.prefix_len;
        if prefix >= 32 {
            continue;
        }
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        let network = (address.interface.as_str(), u32::from(ip) & mask, prefix);
        *networks.entry(network).or_default() += 1;
    }
    let mut findings = Vec::new();
    let mut told: Option<&str> = None;
    for ((interface, ..), count) in networks {
        let name = format!("net.ipv4.conf.{interface}.promote_secondaries");
        let promotes = number(host, &name) == Some(1)
            || number(host, "net.ipv4.conf.all.promote_secondaries") == Some(1);
        if count > 1 && !promotes && told != Some(interface) {
            told = Some(interface);
            findings.push(Finding {
                seen: format!("{name} is 0, and {interface} gets several addresses of one network"),
                harm: "whoever removes the first of them removes all".into(),
                remedy: format!(
                    "{}; or write promote_secondaries in the vrrp_instance",
                    set(&name, "1")
                ),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Made, eth1};
    use super::*;
    use crate::plan::tests::planned;

    const FILE: &str = "
        vrrp_instance VI_1 {
            interface eth1
            virtual_router_id 51
            virtual_ipaddress {
                10.0.0.1/24
                10.0.0.2/24
            }
        }";

    fn seen(host: &Made) -> Vec<String> {
        let findings = examine(&planned(FILE), host, &host.links);
        findings.into_iter().map(|finding| finding.seen).collect()
    }

    #[test]
    fn a_host_that_is_well_has_nothing_to_say() {
        let host = Made {
            links: vec![eth1(&["10.0.0.9"])],
            sysctls: [("net.ipv4.conf.all.promote_secondaries", "1")].into(),
            ..Made::default()
        };
        assert!(seen(&host).is_empty());
    }

    #[test]
    fn what_an_instance_lacks_is_named() {
        assert_eq!(seen(&Made::default())[0], "interface eth1 is not there");
        let mut link = eth1(&["10.0.0.1"]);
        link.up = false;
        link.mtu = 40;
        let host = Made {
            links: vec![link],
            ..Made::default()
        };
        assert_eq!(
            seen(&host),
            [
                "interface eth1 is down, or has no carrier",
                "interface eth1 has no address besides the virtual ones",
                "an advert of (VI_1) has 44 bytes, and eth1 takes 40",
                "net.ipv4.conf.eth1.promote_secondaries is 0, and eth1 gets several addresses of one network",
            ]
        );
    }
}
