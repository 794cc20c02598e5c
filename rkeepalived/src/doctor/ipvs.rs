//! What balancing needs: the kernel's modules, forwarding, filters that let answers through, ARP where servers are here, too.

use std::collections::BTreeSet;

use ipvs_netlink::{Family, Forwarding, ServiceKey};

use super::{Finding, Host, Interface, number, set};
use crate::lvs::wanted::WantedService;
use crate::plan::Plan;

pub(super) fn examine(plan: &Plan, host: &dyn Host, links: &[Interface]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if plan.services.is_empty() {
        return findings;
    }
    if !host.has_ipvs() && !host.has_module("ip_vs") {
        findings.push(Finding {
            seen: "the kernel has no IPVS".into(),
            harm: "no virtual server can be".into(),
            remedy: "install the kernel's modules (linux-image, not linux-image-cloud), or use a kernel with CONFIG_IP_VS".into(),
        });
        return findings;
    }
    let schedulers = plan
        .services
        .iter()
        .map(|service| service.spec.scheduler.to_string());
    for scheduler in schedulers.collect::<BTreeSet<_>>() {
        let module = format!("ip_vs_{scheduler}");
        if !host.has_module(&module) {
            findings.push(Finding {
                seen: format!("the kernel has no scheduler {scheduler}"),
                harm: "its virtual servers are refused".into(),
                remedy: format!("`modprobe {module}` says why; or use another lb_algo"),
            });
        }
    }
    let uses = |family: Family, wanted: fn(&Forwarding) -> bool| {
        let services = plan.services.iter();
        services
            .filter(|service| is_of(service, family))
            .flat_map(|service| &service.servers)
            .any(|server| wanted(&server.spec.forwarding))
    };
    let masquerades = |forwarding: &Forwarding| *forwarding == Forwarding::Masquerade;
    for (family, name) in [
        (Family::Inet, "net.ipv4.ip_forward"),
        (Family::Inet6, "net.ipv6.conf.all.forwarding"),
    ] {
        if uses(family, masquerades) && number(host, name) == Some(0) {
            findings.push(Finding {
                seen: format!("{name} is 0, and lb_kind NAT is used"),
                harm: "answers of the real servers are not sent on to the clients".into(),
                remedy: set(name, "1"),
            });
        }
    }
    findings.extend(reverse_path(plan, host, links));
    findings.extend(persistence(plan, host));
    findings.extend(tunnels(plan, links));
    findings.extend(arp(plan, host, links));
    findings
}

fn is_of(service: &WantedService, family: Family) -> bool {
    service.places.iter().any(|place| place.family() == family)
}

/// A strict reverse path filter drops what comes in by another interface than answers would go out by.
fn reverse_path(plan: &Plan, host: &dyn Host, links: &[Interface]) -> Vec<Finding> {
    let tunnelled = plan.services.iter().flat_map(|service| &service.servers);
    let mut tunnelled = tunnelled.map(|server| server.spec.forwarding);
    if !tunnelled.any(|forwarding| matches!(forwarding, Forwarding::Tunnel(_))) {
        return Vec::new();
    }
    let all = number(host, "net.ipv4.conf.all.rp_filter").unwrap_or(0);
    let strict = links
        .iter()
        .filter(|link| link.name != "lo")
        .filter(|link| {
            let own = number(host, &format!("net.ipv4.conf.{}.rp_filter", link.name));
            // The larger of both counts (ip-sysctl).
            own.unwrap_or(0).max(all) == 1
        });
    let strict: Vec<&str> = strict.map(|link| link.name.as_str()).collect();
    if strict.is_empty() {
        return Vec::new();
    }
    let name = format!(
        "net.ipv4.conf.{}.rp_filter",
        strict.first().unwrap_or(&"all")
    );
    vec![Finding {
        seen: format!(
            "rp_filter is 1 (strict) on {}, and lb_kind TUN is used",
            strict.join(", ")
        ),
        harm:
            "ICMP of the tunnels' way, and clients that come in by another interface, are dropped"
                .into(),
        remedy: set(&name, "2"),
    }]
}

/// Whether weight 0 ends persistence.
fn persistence(plan: &Plan, host: &dyn Host) -> Option<Finding> {
    let name = "net.ipv4.vs.expire_quiescent_template";
    let mut services = plan.services.iter();
    let persists = services.any(|service| service.spec.persistence.is_some());
    (persists && number(host, name) == Some(0)).then(|| Finding {
        seen: format!("{name} is 0, and persistence_timeout is used"),
        harm: "clients of a server with weight 0 (inhibit_on_failure, drain) go on coming to it"
            .into(),
        remedy: set(name, "1"),
    })
}

/// What is wrapped has less room.
fn tunnels(plan: &Plan, links: &[Interface]) -> Option<Finding> {
    let servers = plan.services.iter().flat_map(|service| &service.servers);
    let mut wrapped =
        servers.filter(|server| matches!(server.spec.forwarding, Forwarding::Tunnel(_)));
    let first = wrapped.next()?;
    let links = links.iter().filter(|link| link.name != "lo" && link.up);
    let least = links.map(|link| link.mtu).min()?;
    // IPv4 in IPv4 takes 20 bytes, the others more.
    (least < 1520).then(|| Finding {
        seen: format!("the MTU is {least}, and {} is reached through a tunnel", first.address),
        harm: "packets of full size do not fit with the tunnel's header".into(),
        remedy: format!(
            "raise the MTU between director and servers to 1520 at least, or lower the servers' MSS: `iptables -t mangle -A POSTROUTING -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss {}` there",
            least.saturating_sub(60)
        ),
    })
}

/// An address that stands on `lo` is answered for by everybody who has it, unless ARP is told not to.
fn arp(plan: &Plan, host: &dyn Host, links: &[Interface]) -> Option<Finding> {
    let loopback = links.iter().find(|link| link.name == "lo")?;
    let places = plan.services.iter().flat_map(|service| &service.places);
    let mut vips = places.filter_map(|place| match place {
        ServiceKey::Socket(_, address) => Some(address.ip()),
        ServiceKey::Fwmark(..) => None,
    });
    let vip = vips.find(|vip| vip.is_ipv4() && loopback.addresses.contains(vip))?;
    let ignores = number(host, "net.ipv4.conf.all.arp_ignore").unwrap_or(0) >= 1;
    let announces = number(host, "net.ipv4.conf.all.arp_announce").unwrap_or(0) >= 2;
    (!ignores || !announces).then(|| Finding {
        seen: format!("{vip} stands on lo, and arp_ignore is not 1 or arp_announce not 2"),
        harm: "this host answers ARP for it beside the director".into(),
        remedy: format!(
            "{}; likewise net.ipv4.conf.all.arp_announce = 2",
            set("net.ipv4.conf.all.arp_ignore", "1")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Made, eth1};
    use super::*;
    use crate::plan::tests::planned;

    const NAT: &str = "
        virtual_server 10.0.0.1 80 {
            lb_algo wlc
            lb_kind NAT
            persistence_timeout 50
            protocol TCP
            real_server 10.0.0.10 80 {
            }
        }";
    const TUN: &str = "
        virtual_server 10.0.0.1 80 {
            lb_algo wlc
            lb_kind TUN
            protocol TCP
            real_server 10.0.0.10 80 {
            }
        }";

    fn seen(file: &'static str, host: &Made) -> Vec<String> {
        let findings = examine(&planned(file), host, &host.links);
        findings.into_iter().map(|finding| finding.seen).collect()
    }

    #[test]
    fn masquerading_needs_forwarding_and_persistence_an_end() {
        let host = Made {
            sysctls: [
                ("net.ipv4.ip_forward", "0"),
                ("net.ipv4.vs.expire_quiescent_template", "0"),
            ]
            .into(),
            without: vec!["ip_vs_wlc"],
            ..Made::default()
        };
        assert_eq!(
            seen(NAT, &host),
            [
                "the kernel has no scheduler wlc",
                "net.ipv4.ip_forward is 0, and lb_kind NAT is used",
                "net.ipv4.vs.expire_quiescent_template is 0, and persistence_timeout is used",
            ]
        );
        assert!(seen(NAT, &Made::default()).is_empty());
        let without = Made {
            without: vec!["ip_vs"],
            ..Made::default()
        };
        assert_eq!(seen(NAT, &without), ["the kernel has no IPVS"]);
    }

    #[test]
    fn tunnels_need_room_and_loopback_addresses_silence() {
        let lo = Interface {
            name: "lo".into(),
            up: true,
            mtu: 65_536,
            addresses: vec!["10.0.0.1".parse().unwrap()],
        };
        let host = Made {
            sysctls: [("net.ipv4.conf.eth1.rp_filter", "1")].into(),
            links: vec![lo, eth1(&[])],
            ..Made::default()
        };
        assert_eq!(
            seen(TUN, &host),
            [
                "rp_filter is 1 (strict) on eth1, and lb_kind TUN is used",
                "the MTU is 1500, and 10.0.0.10:80 is reached through a tunnel",
                "10.0.0.1 stands on lo, and arp_ignore is not 1 or arp_announce not 2",
            ]
        );
    }
}
