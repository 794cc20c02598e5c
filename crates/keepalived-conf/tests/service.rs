//! What the model says of virtual servers, their groups and their real servers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use keepalived_conf::{
    Family, Forwarding, Granularity, GroupEntry, Protocol, RealServer, Scheduler, Severity, Tunnel,
    TunnelChecksum, VirtualServer, VirtualServerKey,
};
use support::{read, rendered};

const USUAL: &str = "protocol TCP\nlb_algo rr\nlb_kind NAT\n";

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The one virtual server of a text that keepalived has nothing against.
fn service(text: &str) -> VirtualServer {
    let loaded = read(text);
    assert_eq!(loaded.test_status(), 0, "{}", rendered(&loaded));
    assert_eq!(
        loaded.model.virtual_servers.len(),
        1,
        "{}",
        rendered(&loaded)
    );
    loaded.model.virtual_servers.first().unwrap().clone()
}

/// The one real server of a virtual server with these lines; whatever is said of it.
fn real_server(heading: &str, lines: &str) -> RealServer {
    let text = format!("virtual_server {heading} {{\n{USUAL}persistence_timeout 5\n{lines}}}\n");
    let loaded = read(&text);
    let service = loaded.model.virtual_servers.first().unwrap();
    assert_eq!(service.real_servers.len(), 1, "{}", rendered(&loaded));
    service.real_servers.first().unwrap().clone()
}

#[test]
fn a_group_and_who_uses_it() {
    let loaded = read(format!(
        "virtual_server group web {{\n{USUAL}real_server 10.1.0.1 {{\n}}\n}}\n\
         virtual_server_group web {{\n10.0.0.1 80\n10.0.0.2-5\n10.0.1.0/30 81\nfwmark 5 inet\nfwmark 6\n}}\n\
         virtual_server group web {{\nprotocol UDP\nlb_algo rr\nlb_kind NAT\npersistence_timeout 5\nreal_server 10.1.0.1 53 {{\n}}\n}}\n"
    ));
    let [group] = loaded.model.virtual_server_groups.as_slice() else {
        panic!("one group")
    };
    let addresses = |first: [u8; 4], last: [u8; 4], port| GroupEntry::Addresses {
        first: IpAddr::from(first),
        last: IpAddr::from(last),
        port,
    };
    let mark = |mark: u32, family| GroupEntry::Fwmark {
        mark: mark.try_into().unwrap(),
        family,
    };
    assert_eq!(group.name, "web");
    assert_eq!(
        group.entries,
        [
            addresses([10, 0, 0, 1], [10, 0, 0, 1], 80),
            addresses([10, 0, 0, 2], [10, 0, 0, 5], 0),
            addresses([10, 0, 1, 0], [10, 0, 1, 3], 81),
            mark(5, Some(Family::Inet)),
            mark(6, None),
        ]
    );
    let [tcp, udp] = loaded.model.virtual_servers.as_slice() else {
        panic!("two services: {}", rendered(&loaded))
    };
    assert_eq!(tcp.key, VirtualServerKey::Group("web".to_owned()));
    assert_eq!(
        (tcp.protocol, udp.protocol, tcp.family),
        (Protocol::Tcp, Protocol::Udp, Family::Inet)
    );
    // An entry for every port wants persistence.
    assert_eq!(tcp.persistence.as_ref().unwrap().timeout, 360);
    assert_eq!(udp.persistence.as_ref().unwrap().timeout, 5);
    assert_eq!(tcp.real_servers[0].address, socket("10.1.0.1:0"));
    let said: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity > Severity::Note)
        .map(|diagnostic| (diagnostic.late, diagnostic.message.as_str()))
        .collect();
    let message = "Virtual server [web]:0: zero port only valid for persistent services - setting";
    assert_eq!(said, [(true, message)]);
}

#[test]
fn a_group_that_cannot_be_used_leaves_the_service_out() {
    for group in [
        "virtual_server_group other {\n10.0.0.1 80\n}\n",
        "virtual_server_group web {\n2001:db8::1 80\n}\n",
        "virtual_server_group web {\n10.0.0.1 80\n2001:db8::1 80\n}\n",
    ] {
        let loaded = read(format!(
            "{group}virtual_server group web {{\n{USUAL}real_server 10.1.0.1 80 {{\n}}\n}}\n"
        ));
        assert_eq!(loaded.test_status(), 0, "{}", rendered(&loaded));
        assert!(loaded.model.virtual_servers.is_empty());
        assert_eq!(loaded.model.virtual_server_groups.len(), 1);
        let notes = rendered(&loaded);
        assert!(notes.contains("nothing is served here"), "{notes}");
    }
}

#[test]
fn every_scheduler() {
    for scheduler in Scheduler::ALL {
        let name = scheduler.name();
        let service = service(&format!(
            "virtual_server 10.0.0.1 80 {{\nprotocol TCP\nlb_algo {name}\nlb_kind NAT\nreal_server 10.0.0.2 80 {{\n}}\n}}\n"
        ));
        assert_eq!(service.scheduler, scheduler);
    }
}

#[test]
fn tunnels() {
    let method = |words: &str| {
        real_server(
            "10.0.0.1 80",
            &format!("real_server 10.0.0.2 80 {{\nlvs_method {words}\n}}\n"),
        )
        .forwarding
    };
    let gue = |port: u16, checksum| {
        let port = port.try_into().unwrap();
        Forwarding::Tunnel(Tunnel::Gue { port, checksum })
    };
    let ipip = Forwarding::Tunnel(Tunnel::Ipip);
    assert_eq!(method("TUN"), ipip);
    assert_eq!(method("TUN type ipip nocsum"), ipip);
    assert_eq!(
        method("TUN port 6080 type gue remcsum"),
        gue(6080, TunnelChecksum::Remote)
    );
    assert_eq!(
        method("TUN type gre csum"),
        Forwarding::Tunnel(Tunnel::Gre {
            checksum: TunnelChecksum::Checksum
        })
    );
    // What is wrong with a tunnel makes no other method of it.
    assert_eq!(method("TUN type gue"), ipip);
    assert_eq!(method("TUN fast"), ipip);
    assert_eq!(method("DR fast"), Forwarding::DirectRoute);
    assert_eq!(method("dr"), Forwarding::Nat);
}

#[test]
fn ports() {
    let address = |heading: &str, server: &str| {
        real_server(heading, &format!("real_server {server} {{\n}}\n")).address
    };
    let routed = |heading: &str, server: &str| {
        let lines = format!("lb_kind DR\nreal_server {server} {{\n}}\n");
        real_server(heading, &lines).address
    };
    assert_eq!(address("10.0.0.1 80", "10.0.0.2 81"), socket("10.0.0.2:81"));
    assert_eq!(address("10.0.0.1 80", "10.0.0.2"), socket("10.0.0.2:80"));
    assert_eq!(routed("10.0.0.1 80", "10.0.0.2 81"), socket("10.0.0.2:80"));
    assert_eq!(routed("10.0.0.1", "10.0.0.2 81"), socket("10.0.0.2:0"));
    assert_eq!(address("fwmark 5", "10.0.0.2 81"), socket("10.0.0.2:81"));
    assert_eq!(routed("fwmark 5", "10.0.0.2 81"), socket("10.0.0.2:0"));
}

#[test]
fn where_the_family_of_a_mark_comes_from() {
    let family = |lines: &str| {
        let text = format!("virtual_server fwmark 5 {{\nlb_algo rr\nlb_kind TUN\n{lines}}}\n");
        let service = service(&text);
        let granularity = service.persistence.map(|said| said.granularity);
        (service.family, service.real_servers.len(), granularity)
    };
    let v4 = "real_server 10.0.0.2 {\n}\n";
    let v6 = "real_server 2001:db8::2 {\n}\n";
    let v6_routed = "real_server 2001:db8::3 {\nlvs_method DR\n}\n";
    assert_eq!(family(v4), (Family::Inet, 1, None));
    assert_eq!(family(v6), (Family::Inet6, 1, None));
    assert_eq!(family(&format!("{v6}{v4}")), (Family::Inet, 2, None));
    assert_eq!(
        family(&format!("{v4}{v6_routed}")),
        (Family::Inet6, 2, None)
    );
    assert_eq!(
        family(&format!("ip_family inet6\n{v4}")),
        (Family::Inet6, 1, None)
    );
    let prefix = Some(Granularity::Prefix(64));
    assert_eq!(
        family(&format!("persistence_granularity 64\n{v4}")),
        (Family::Inet6, 1, prefix)
    );
    let mask = Some(Granularity::Netmask(Ipv4Addr::new(255, 255, 255, 0)));
    assert_eq!(
        family(&format!("persistence_granularity 255.255.255.0\n{v6}")),
        (Family::Inet, 1, mask)
    );
}

#[test]
fn what_a_real_server_takes_over() {
    let service = service(&format!(
        "virtual_server 10.0.0.1 80 {{\n{USUAL}smtp_alert\nsnmp_name web\n\
         real_server 10.0.0.2 80 {{\n}}\n\
         real_server 10.0.0.3 80 {{\nweight 0\ninhibit_on_failure no\nalpha no\nsmtp_alert off\nsnmp_name b\nvirtualhost c\n}}\n\
         weight 7\nvirtualhost a\ninhibit_on_failure\nalpha\n}}\n"
    ));
    let [first, second] = service.real_servers.as_slice() else {
        panic!("two servers")
    };
    assert_eq!(
        (service.smtp_alert, service.snmp_name.as_deref()),
        (Some(true), Some("web"))
    );
    assert_eq!(
        (
            first.weight,
            first.virtualhost.as_deref(),
            first.snmp_name.as_deref()
        ),
        (7, Some("a"), None)
    );
    assert_eq!(
        (first.inhibit_on_failure, first.alpha, first.smtp_alert),
        (true, true, Some(true))
    );
    assert_eq!(
        (
            second.weight,
            second.virtualhost.as_deref(),
            second.snmp_name.as_deref()
        ),
        (0, Some("c"), Some("b"))
    );
    assert_eq!(
        (second.inhibit_on_failure, second.alpha, second.smtp_alert),
        (false, false, Some(false))
    );
}

#[test]
fn the_last_sorry_server_counts() {
    let service = service(&format!(
        "virtual_server 10.0.0.1 80 {{\n{USUAL}sorry_server 10.0.0.8 80\nsorry_server_inhibit\n\
         sorry_server_lvs_method TUN\nsorry_server 10.0.0.9\nreal_server 10.0.0.2 80 {{\n}}\n}}\n"
    ));
    assert_eq!(service.sorry_server, Some(socket("10.0.0.9:80")));
    assert_eq!(service.sorry_server_forwarding, Forwarding::Nat);
    assert!(!service.sorry_server_inhibit);
}

#[test]
fn a_quorum_that_can_be_reached() {
    let quorum = |lines: &str| {
        let loaded = read(format!(
            "virtual_server 10.0.0.1 80 {{\n{USUAL}{lines}real_server 10.0.0.2 80 {{\n}}\nreal_server 10.0.0.3 80 {{\n}}\n}}\n"
        ));
        let service = &loaded.model.virtual_servers[0];
        (service.quorum, service.hysteresis)
    };
    assert_eq!(quorum(""), (1, 0));
    assert_eq!(quorum("quorum 2\nhysteresis 1\n"), (2, 1));
    assert_eq!(quorum("quorum 5\nhysteresis 4\n"), (2, 1));
    assert_eq!(quorum("quorum 0\n"), (1, 0));
    // keepalived's hysteresis is 4294967295 then.
    assert_eq!(quorum("weight 1\nquorum 1\nhysteresis 9\n"), (1, 0));
}

#[test]
fn thousands_of_groups_and_services() {
    let mut text = String::new();
    for n in 0..4000 {
        text += &format!("virtual_server_group g{n} {{\n");
        for port in 1..8 {
            text += &format!("10.0.{}.{} {port}\n", n / 250, n % 250);
        }
        text += "}\n";
        for name in [format!("g{n}"), format!("h{n}")] {
            text += &format!(
                "virtual_server group {name} {{\n{USUAL}real_server 10.1.0.1 80 {{\n}}\n}}\n"
            );
        }
    }
    let mut one = "virtual_server_group all {\n".to_owned();
    for n in 0..20_000 {
        one += &format!("10.{}.{}.{} 80\n", n / 62_500, n / 250, n % 250);
    }
    one += "}\nvirtual_server group all {\nprotocol TCP\nlb_algo rr\nlb_kind DR\n";
    for n in 0..10_000 {
        one += &format!("real_server 10.1.{}.{} 80 {{\n}}\n", n / 250, n % 250);
    }
    one += "}\n";
    for (text, services) in [(text, 4000), (one, 1)] {
        let started = Instant::now();
        let loaded = read(&text);
        // Without optimisation, on a busy machine; a quadratic step would take minutes.
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(loaded.model.virtual_servers.len(), services);
    }
}
