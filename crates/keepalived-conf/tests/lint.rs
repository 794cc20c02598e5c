//! What keepalived accepts in silence and people regret.

#![allow(clippy::unwrap_used)]

mod support;

use keepalived_conf::{Code, Loaded, Severity, examine};

fn examined(text: &str) -> Loaded {
    let path = std::path::Path::new("test.conf");
    let host = support::Host {
        files: [(path.to_owned(), text.as_bytes().to_vec())].into(),
        interfaces: vec!["eth0".to_owned(), "eth1".to_owned()],
        scripts: Vec::new(),
    };
    examine(path, &host)
}

/// The lints of a text, each as its code and the text it is about.
fn lints(text: &str) -> Vec<(Code, String)> {
    let loaded = examined(text);
    let ours = [
        Code::DeafAddress,
        Code::VridOnSegment,
        Code::ServiceClash,
        Code::RealIsVirtual,
    ];
    let found = loaded.diagnostics.iter().filter(|d| ours.contains(&d.code));
    found
        .map(|d| {
            assert_eq!(d.severity, Severity::Note);
            let text = loaded.sources.text(d.span);
            (d.code, String::from_utf8_lossy(text).into_owned())
        })
        .collect()
}

fn instance(name: &str, interface: &str, id: u8, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n interface {interface}\n virtual_router_id {id}\n {more}\n virtual_ipaddress {{\n 192.0.2.{id}/24\n }}\n}}\n"
    )
}

#[test]
fn strict_mode_without_accept() {
    let strict = "global_defs {\n vrrp_strict\n}\n";
    let deaf = vec![(Code::DeafAddress, "192.0.2.7/24".to_owned())];
    let of = |more: &str| lints(&(strict.to_owned() + &instance("A", "eth0", 7, more)));
    assert_eq!(of(""), deaf);
    assert_eq!(of("accept"), []);
    assert_eq!(of("strict_mode off"), []);
    assert_eq!(of("priority 255"), []);
    assert_eq!(lints(&instance("A", "eth0", 7, "strict_mode")), deaf);
    assert_eq!(lints(&instance("A", "eth0", 7, "")), []);
}

#[test]
fn one_router_id_in_one_network() {
    let two = |other: &str| lints(&(instance("A", "eth0", 7, "") + other));
    assert_eq!(
        two(&instance("B", "eth1", 7, "")),
        [(Code::VridOnSegment, "7".to_owned())]
    );
    assert_eq!(two(&instance("B", "eth1", 8, "")), []);
    let elsewhere = instance("B", "eth1", 7, "").replace("192.0.2.", "198.51.100.");
    assert_eq!(two(&elsewhere), []);
}

const SERVICE: &str = "virtual_server WHERE {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n real_server 192.0.2.9 80 {\n }\n}\n";

#[test]
fn two_services_in_one_place() {
    let at = |place: &str| SERVICE.replace("WHERE", place);
    let group = "virtual_server_group G {\n 192.0.2.1 80\n fwmark 5\n}\n";
    let clash = |text: &str| vec![(Code::ServiceClash, text.to_owned())];
    assert_eq!(
        lints(&(group.to_owned() + &at("group G") + &at("192.0.2.1 80"))),
        clash("192.0.2.1")
    );
    assert_eq!(
        lints(&(group.to_owned() + &at("fwmark 5") + &at("group G"))),
        clash("group")
    );
    assert_eq!(
        lints(&(group.to_owned() + &at("group G") + &at("192.0.2.1 81"))),
        []
    );
    assert_eq!(
        lints(&(at("192.0.2.1 80") + &at("192.0.2.1 80").replace("TCP", "UDP"))),
        []
    );
}

#[test]
fn a_real_server_that_is_virtual() {
    let service = SERVICE.replace("WHERE", "192.0.2.1 80");
    let found = vec![(Code::RealIsVirtual, "192.0.2.9".to_owned())];
    assert_eq!(lints(&service), []);
    assert_eq!(lints(&(instance("A", "eth0", 9, "") + &service)), found);
    assert_eq!(lints(&service.replace("192.0.2.1 ", "192.0.2.9 ")), found);
}

#[test]
fn a_clash_names_the_service_that_was_there_first() {
    let group = "virtual_server_group G {\n 192.0.2.1 80\n}\n";
    let text = group.to_owned()
        + &SERVICE.replace("WHERE", "group G")
        + &SERVICE.replace("WHERE", "192.0.2.1 80");
    let loaded = examined(&text);
    let clash = loaded
        .diagnostics
        .iter()
        .find(|d| d.code == Code::ServiceClash);
    assert_eq!(
        clash.unwrap().message,
        "`virtual_server group G` listens here already: the kernel has room for one"
    );
}

#[test]
fn a_group_that_many_services_use() {
    let group = |entries: &str| format!("virtual_server_group g {{\n{entries}}}\n");
    let services = |count| "virtual_server group g {\n}\n".repeat(count);
    let one = lints(&(group("192.0.2.1 80\n") + &services(3)));
    assert_eq!(one, vec![(Code::ServiceClash, "group".to_owned()); 2]);
    let udp =
        "virtual_server group g {\nprotocol UDP\n}\nvirtual_server group g {\nprotocol TCP\n}\n";
    assert_eq!(lints(&(group("192.0.2.1 80\n") + udp)), []);
    // Each of them would be looked into for each of the services.
    let started = std::time::Instant::now();
    lints(&(group(&"192.0.2.0-255 80\n".repeat(2000)) + &services(10_000)));
    let passed = started.elapsed();
    assert!(passed < std::time::Duration::from_secs(4), "{passed:?}");
}
