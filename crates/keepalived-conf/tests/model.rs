//! What good files come to, and what is left of bad ones.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use keepalived_conf::{
    Authentication, Centis, CheckKind, Family, Forwarding, Granularity, InitialState, Protocol,
    SimplePassword, Transport, VirtualServerKey,
};
use support::{fixture, read};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_good_file() {
    let loaded = fixture("good.conf");
    assert!(
        loaded.diagnostics.is_empty(),
        "{}",
        support::rendered(&loaded)
    );
    assert_eq!((loaded.test_status(), loaded.start_status()), (0, None));
    let model = loaded.model;
    assert_eq!(model.global.router_id.as_deref(), Some("LVS_1"));
    assert_eq!(model.sync_groups[0].members, ["VI_1", "VI_2"]);

    let [first, second] = model.instances.as_slice() else {
        panic!("two instances")
    };
    assert_eq!(
        (first.state, first.vrid, first.priority, first.version),
        (InitialState::Backup, 51, 150, 2)
    );
    assert_eq!(
        (first.advert_interval, first.nopreempt),
        (Centis(200), true)
    );
    assert_eq!(
        first.auth,
        Authentication::Simple(SimplePassword(*b"secret\0\0"))
    );
    assert!(!format!("{model:?}").contains("secret"));
    assert_eq!(first.garp.refresh, secs(60));
    let vip = &first.addresses[0];
    assert_eq!(
        (vip.address, vip.prefix_len),
        (IpAddr::from([10, 0, 0, 100]), 24)
    );
    assert_eq!(
        (vip.broadcast, vip.label.as_deref()),
        (Some(Ipv4Addr::new(10, 0, 0, 255)), Some("eth1:1"))
    );
    assert_eq!(
        (
            first.addresses[1].prefix_len,
            first.excluded_addresses[0].prefix_len
        ),
        (32, 64)
    );
    assert_eq!(
        (second.version, second.advert_interval, second.priority),
        (3, Centis(25), 100)
    );
    assert_eq!(
        (second.garp.delay, second.garp.lower_prio_delay),
        (secs(1), secs(1))
    );

    let [web, mark] = model.virtual_servers.as_slice() else {
        panic!("two services")
    };
    assert_eq!(web.key, VirtualServerKey::Address(socket("10.0.0.100:80")));
    assert_eq!(
        (web.protocol, web.family, web.scheduler.name()),
        (Protocol::Tcp, Family::Inet, "sh")
    );
    assert!(web.flags.sh_port && web.flags.sh_fallback && web.alpha);
    assert_eq!((web.quorum, web.hysteresis), (2, 1));
    let persistence = web.persistence.as_ref().unwrap();
    assert_eq!(persistence.timeout, 600);
    assert_eq!(
        persistence.granularity,
        Granularity::Netmask(Ipv4Addr::new(255, 255, 255, 0))
    );
    assert_eq!(web.sorry_server, Some(socket("10.0.0.200:8080")));

    let real = &web.real_servers[0];
    assert_eq!(
        (real.weight, real.upper_threshold, real.lower_threshold),
        (3, 100, 50)
    );
    assert!(real.inhibit_on_failure && real.alpha);
    let check = &real.checks[0];
    assert_eq!(
        (check.delay_loop, check.warmup, check.connect_timeout),
        (secs(6), secs(6), secs(3))
    );
    assert_eq!(
        (check.retry, check.delay_before_retry, check.connect.port),
        (4, secs(2), 8081)
    );
    let CheckKind::Http(get) = &check.kind else {
        panic!("HTTP_GET")
    };
    assert_eq!(get.urls[0].digest.unwrap()[..3], [0x9b, 0x3a, 0x0c]);
    assert_eq!(get.urls[0].virtualhost.as_deref(), Some("www.example.org"));
    assert_eq!(get.urls[1].virtualhost.as_deref(), Some("b.example.org"));
    assert_eq!(get.urls[1].status, [200..=204, 301..=301]);
    let tcp = &web.real_servers[1].checks[0];
    assert_eq!(
        (tcp.retry, tcp.delay_loop, tcp.delay_before_retry),
        (0, secs(10), secs(1))
    );
    assert_eq!(
        (tcp.connect.fwmark, tcp.connect.bind_address),
        (Some(7), Some(IpAddr::from([10, 0, 0, 1])))
    );
    assert_eq!(tcp.connect.address, IpAddr::from([10, 0, 0, 12]));

    assert_eq!(mark.key, VirtualServerKey::Fwmark(5.try_into().unwrap()));
    assert_eq!(
        (mark.forwarding, mark.real_servers[0].address),
        (Forwarding::DirectRoute, socket("10.0.0.13:0"))
    );
}

#[test]
fn the_published_file_once_corrected() {
    let text = std::fs::read_to_string(support::folder().join("blog.conf")).unwrap();
    let loaded = read(text.replace("virtual_router_id 500", "virtual_router_id 50"));
    assert_eq!((loaded.test_status(), loaded.start_status()), (5, None));
    let instance = &loaded.model.instances[0];
    assert_eq!(
        (instance.state, instance.vrid, instance.priority),
        (InitialState::Master, 50, 100)
    );
    assert_eq!(
        instance.auth,
        Authentication::Simple(SimplePassword(*b"LvSbAlan"))
    );
    let service = &loaded.model.virtual_servers[0];
    assert_eq!(
        (service.scheduler.name(), service.forwarding),
        ("rr", Forwarding::DirectRoute)
    );
    assert_eq!(
        (service.persistence.as_ref(), service.delay_loop),
        (None, secs(1))
    );
    let addresses: Vec<_> = service
        .real_servers
        .iter()
        .map(|real| real.address)
        .collect();
    assert_eq!(
        addresses,
        [socket("172.16.1.10:80"), socket("172.16.1.11:80")]
    );
    let CheckKind::Http(get) = &service.real_servers[1].checks[0].kind else {
        panic!("HTTP_GET")
    };
    assert_eq!(
        (get.urls[0].path.as_str(), get.urls[0].digest.unwrap()[0]),
        ("/teste.html", 0x78)
    );
}

#[test]
fn defaults_of_an_instance() {
    let loaded = read(
        "vrrp_instance V {\ninterface eth1\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n",
    );
    let instance = &loaded.model.instances[0];
    assert_eq!(
        (instance.state, instance.priority, instance.version),
        (InitialState::Backup, 100, 2)
    );
    assert_eq!(
        (instance.advert_interval, instance.down_timer_adverts),
        (Centis(100), 3)
    );
    assert_eq!(
        (
            instance.garp.delay,
            instance.garp.repeat,
            instance.garp.refresh
        ),
        (secs(5), 5, secs(0))
    );
    assert_eq!(
        (
            instance.garp.lower_prio_delay,
            instance.garp.lower_prio_repeat
        ),
        (secs(5), 5)
    );
    assert_eq!(
        (instance.preempt_delay, &instance.auth, instance.nopreempt),
        (secs(0), &Authentication::None, false)
    );
    assert_eq!(
        instance.transport,
        Transport::Multicast(Ipv4Addr::new(224, 0, 0, 18).into())
    );
}

#[test]
fn a_master_without_a_priority_owns_the_address() {
    let text = "vrrp_instance V {\nstate MASTER\nstate BACKUP\ninterface eth1\nvirtual_router_id 1\n\
                virtual_ipaddress {\n10.0.0.1\n}\n}\n";
    let instance = &read(text).model.instances[0];
    assert_eq!(
        (instance.state, instance.priority),
        (InitialState::Master, 255)
    );
}

#[test]
fn defaults_of_checks() {
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.2 80 {\n\
                HTTP_GET {\nurl {\npath /\n}\n}\nTCP_CHECK {\n}\nMISC_CHECK {\nmisc_path \"/bin/check 1\"\n}\n}\n}\n";
    let loaded = read(text);
    assert_eq!(loaded.test_status(), 0);
    let checks = &loaded.model.virtual_servers[0].real_servers[0].checks;
    let times: Vec<_> = checks
        .iter()
        .map(|c| (c.retry, c.delay_before_retry, c.delay_loop, c.warmup))
        .collect();
    let minute = secs(60);
    assert_eq!(
        times,
        [
            (1, secs(3), minute, minute),
            (1, secs(1), minute, minute),
            (0, secs(1), minute, minute)
        ]
    );
    assert!(checks.iter().all(|check| check.connect_timeout == secs(5)));
    let CheckKind::Misc(misc) = &checks[2].kind else {
        panic!("MISC_CHECK")
    };
    assert_eq!(
        (misc.script.argv.as_slice(), misc.timeout),
        (["/bin/check".to_owned(), "1".to_owned()].as_slice(), minute)
    );
}

#[test]
fn an_unknown_block_closes_the_block_around_it() {
    let loaded = read("virtual_server 10.0.0.1 80 {\nfoo {\nlb_algo rr\n}\nlb_kind NAT\n}\n");
    let codes: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|d| d.code.to_string())
        .collect();
    let expected = [
        "unknown-keyword",
        "unexpected-brace",
        "no-real-servers",
        "unknown-keyword",
        "extra-brace",
    ];
    assert_eq!(codes, expected, "{}", support::rendered(&loaded));
}

/// As `keepalived -t` showed by what it said about ports that only NAT can change.
#[test]
fn a_server_takes_the_method_said_before_it() {
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nreal_server 10.0.0.2 80 {\n}\nlb_kind NAT\n\
                sorry_server 10.0.0.9 81\nreal_server 10.0.0.3 81 {\n}\nlb_kind DR\nreal_server 10.0.0.4 80 {\n}\n}\n";
    let loaded = read(text);
    assert!(
        loaded.diagnostics.is_empty(),
        "{}",
        support::rendered(&loaded)
    );
    let service = &loaded.model.virtual_servers[0];
    let methods: Vec<_> = service
        .real_servers
        .iter()
        .map(|real| real.forwarding)
        .collect();
    assert_eq!(
        methods,
        [
            Forwarding::DirectRoute,
            Forwarding::Nat,
            Forwarding::DirectRoute
        ]
    );
    assert_eq!(
        (service.forwarding, service.sorry_server_forwarding),
        (Forwarding::DirectRoute, Forwarding::Nat)
    );
}

#[test]
fn the_second_of_two_is_dropped() {
    let service = |protocol: &str| {
        format!(
            "virtual_server 10.0.0.1 53 {{\nprotocol {protocol}\nlb_algo rr\nlb_kind NAT\n\
             real_server 10.0.0.2 53 {{\n}}\n}}\n"
        )
    };
    let loaded = read(service("TCP") + &service("UDP") + &service("TCP"));
    let protocols: Vec<_> = loaded
        .model
        .virtual_servers
        .iter()
        .map(|service| service.protocol)
        .collect();
    assert_eq!(protocols, [Protocol::Tcp, Protocol::Udp]);
    let text = "vrrp_instance V {\ninterface eth1\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n10.0.0.1\n\
                10.0.0.1/24\n}\n}\n";
    let loaded = read(text);
    assert_eq!(loaded.model.instances[0].addresses.len(), 2);
    assert_eq!(
        loaded.diagnostics[0].message,
        "(V): VIP duplicates a VIP 10.0.0.1 - ignoring"
    );
}

#[test]
fn real_servers_without_their_ports() {
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind DR\nsorry_server 10.0.0.9\n\
                real_server 10.0.0.2 {\n}\nreal_server 10.0.0.3 81 {\n}\n}\n";
    let service = &read(text).model.virtual_servers[0];
    let addresses: Vec<_> = service
        .real_servers
        .iter()
        .map(|real| real.address)
        .collect();
    assert_eq!(addresses, [socket("10.0.0.2:80"), socket("10.0.0.3:80")]);
    assert_eq!(service.sorry_server, Some(socket("10.0.0.9:80")));
}

#[test]
fn scripts_want_security() {
    use std::collections::HashMap;
    let text = |security: &str| {
        format!(
            "global_defs {{\n{security}\n}}\nvirtual_server 10.0.0.1 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n\
             quorum_up /bin/up\nreal_server 10.0.0.2 80 {{\n}}\n}}\n"
        )
    };
    for (security, status) in [
        ("", 6),
        ("enable_script_security", 5),
        ("enable_script_security\nscript_user root", 0),
    ] {
        let files = HashMap::from([("a".into(), text(security).into_bytes())]);
        let host = support::Host {
            files,
            interfaces: Vec::new(),
            scripts: vec!["/bin/up".into()],
        };
        assert_eq!(
            keepalived_conf::load("a".as_ref(), &host).test_status(),
            status
        );
    }
}
