//! What is tracked, in the model.

#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;
use std::time::{Duration, Instant};

use keepalived_conf::{Code, LinkbeatMethod, TrackKind, TrackWeight};
use support::{read, rendered};

const INSTANCE: &str =
    "vrrp_instance V {\ninterface eth1\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n";

fn weight(points: i16, reverse: bool) -> TrackWeight {
    TrackWeight { points, reverse }
}

#[test]
fn an_entry_has_its_own_weight_or_that_of_what_it_names() {
    let loaded = read(format!(
        "vrrp_script s {{\nscript \"</dev/null\"\nweight -20 reverse\ninterval 0.5\n}}\ntrack_file f {{\nfile /f\n}}\n\
         {INSTANCE}track_script {{\ns\n}}\ntrack_file {{\nf weight 254 reverse\n}}\ntrack_interface {{\neth1\n}}\n\
         track_script {{\nlater\n}}\n}}\nvrrp_script later {{\nscript \"</dev/null\"\n}}\n"
    ));
    let tracked = &loaded.model.instances[0].tracked;
    let found: Vec<_> = tracked
        .iter()
        .map(|entry| (entry.kind, entry.name.as_str(), entry.weight))
        .collect();
    assert_eq!(
        found,
        [
            (TrackKind::Script, "s", weight(-20, true)),
            (TrackKind::File, "f", weight(254, true)),
        ],
        "its own interface is tracked anyway"
    );
    let script = &loaded.model.scripts[0];
    assert_eq!(script.interval, Duration::from_millis(500));
    assert_eq!(script.timeout, script.interval);
    let late = loaded
        .diagnostics
        .iter()
        .find(|diagnostic| diagnostic.code == Code::UnknownTracker)
        .unwrap();
    assert_eq!(
        late.help.as_deref(),
        Some("its vrrp_script stands further down, in line 28: it must come before what tracks it")
    );
}

#[test]
fn what_was_meant_is_guessed() {
    let loaded = read(format!(
        "vrrp_script chk_nginx {{\nscript \"</dev/null\"\n}}\n{INSTANCE}track_script {{\nchk_ngnix\n}}\n\
         track_file {{\nchk_nginx\n}}\n}}\n"
    ));
    let text = rendered(&loaded);
    assert!(text.contains("did you mean `chk_nginx`?"), "{text}");
    assert!(
        text.contains("`chk_nginx` is a vrrp_script: write it into `track_script`"),
        "{text}"
    );
}

#[test]
fn an_interface_is_listed_once_and_the_last_line_counts() {
    let model = read(
        "linkbeat_interfaces {\neth1 MII\neth1 IOCTL\n}\ninterface_up_down_delays {\neth1 1 2\neth1 3\n}\n",
    )
    .model;
    assert_eq!(model.linkbeat_interfaces.len(), 1);
    assert_eq!(model.linkbeat_interfaces[0].method, LinkbeatMethod::Ioctl);
    assert_eq!(model.interface_delays.len(), 1);
    let delay = &model.interface_delays[0];
    assert_eq!(
        (delay.down, delay.up),
        (Duration::from_secs(3), Duration::ZERO)
    );
}

#[test]
fn bfd_is_for_all_who_did_not_say_otherwise() {
    let model = read(
        "bfd_instance a {\nneighbor_ip 10.0.0.1\nvrrp\n}\nbfd_instance b {\nneighbor_ip fe80::1\nmin_rx 1.5\n}\n",
    )
    .model;
    let found: Vec<_> = model
        .bfd_instances
        .iter()
        .map(|bfd| (bfd.vrrp, bfd.checker, bfd.ttl.get()))
        .collect();
    assert_eq!(found, [(true, false, 255), (true, true, 64)]);
    assert_eq!(model.bfd_instances[1].min_rx, Duration::from_micros(1500));
}

/// Each of these would take minutes if every name were compared with every other.
#[test]
fn thousands_of_names_take_no_time() {
    let mut scripts = String::new();
    for n in 0..5000 {
        writeln!(
            scripts,
            "vrrp_script check_number_{n} {{\nscript \"</dev/null\"\n}}"
        )
        .unwrap();
    }
    writeln!(scripts, "{INSTANCE}track_script {{").unwrap();
    for n in 0..20_000 {
        writeln!(scripts, "chekc_number_{n}").unwrap();
    }
    scripts.push_str("}\n}\n");
    let mut names =
        "global_defs {\ndynamic_interfaces\n}\ngarp_group {\ngarp_interval 1\ninterfaces {\n"
            .to_owned();
    for n in 0..100_000 {
        writeln!(names, "if{n}").unwrap();
    }
    names.push_str("}\n}\n");
    let links = names
        .replace(
            "garp_group {\ngarp_interval 1\ninterfaces",
            "linkbeat_interfaces",
        )
        .replace("}\n}\n", "}\n");
    for text in [scripts, names, links] {
        let started = Instant::now();
        let _ = read(text);
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
