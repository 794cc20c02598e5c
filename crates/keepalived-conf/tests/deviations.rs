//! Where we differ from keepalived on purpose and no other test says so: rows of `docs/deviations.md`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use keepalived_conf::{Code, Loaded, Scheduler, Severity, load};
use support::{Host, read, rendered};

/// `LINE:MESSAGE` of each complaint, notes aside.
fn complaints(loaded: &Loaded) -> Vec<String> {
    let found = loaded.diagnostics.iter();
    found
        .filter(|d| d.severity > Severity::Note)
        .map(|d| format!("{}:{}", loaded.position(d).unwrap().line, d.message))
        .collect()
}

fn notes(loaded: &Loaded) -> usize {
    let found = loaded.diagnostics.iter();
    found.filter(|d| d.severity == Severity::Note).count()
}

const SERVICE: &str = "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 192.0.2.2 80 {\n}\n}\n";

#[test]
fn of_two_virtual_servers_in_one_place_the_first_is_used() {
    let second = SERVICE.replace("rr", "wlc");
    let loaded = read(SERVICE.to_owned() + &second);
    assert_eq!(loaded.test_status(), 0, "{}", rendered(&loaded));
    assert_eq!(loaded.model.virtual_servers.len(), 1);
    assert_eq!(
        loaded.model.virtual_servers[0].scheduler,
        Scheduler::RoundRobin
    );
    assert!(loaded.diagnostics.iter().any(|d| d.code == Code::Duplicate));
}

#[test]
fn a_random_number_of_an_impossible_range_stays_as_it_is() {
    let loaded = read("$A=1\n\"x${_RANDOM 5 4}\"\n");
    assert_eq!(complaints(&loaded), ["2:Unknown keyword 'x${_RANDOM 5 4}'"]);
}

#[test]
fn a_carriage_return_inside_a_line_ends_it_and_loses_nothing() {
    let loaded = read("one\rtwo\nthree\n");
    assert_eq!(
        complaints(&loaded),
        [
            "1:Unknown keyword 'one'",
            "1:Unknown keyword 'two'",
            "2:Unknown keyword 'three'"
        ]
    );
}

#[test]
fn an_escaped_sign_in_a_definition_begins_no_comment() {
    let loaded = read("$A=a\\#b\nx$A\n");
    assert_eq!(complaints(&loaded), ["2:Unknown keyword 'xa#b'"]);
}

#[test]
fn a_comment_ends_a_definition_of_several_lines() {
    let loaded = read("$A=one \\\n two # c \\\nthree\n$A\n");
    let words = complaints(&loaded);
    assert!(
        words.contains(&"3:Unknown keyword 'three'".to_owned()),
        "{words:?}"
    );
    assert!(notes(&loaded) > 0);
}

#[test]
fn the_first_line_of_an_expansion_may_be_a_definition() {
    let loaded = read("$A= \\\n$B=inside \\\nx$B\n$A\n");
    assert_eq!(complaints(&loaded), ["4:Unknown keyword 'xinside'"]);
}

#[test]
fn an_include_in_a_definition_is_read_in_its_place() {
    let files = [
        (
            "test.conf",
            "$A= \\\nvrrp_instance A { \\\ninclude more.conf \\\n}\n$A\n",
        ),
        (
            "more.conf",
            "interface eth1\nvirtual_router_id 5\npriority 7\n",
        ),
    ];
    let files = files.map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()));
    let host = Host {
        files: HashMap::from(files),
        interfaces: vec!["eth1".to_owned()],
        ..Host::default()
    };
    let loaded = load(Path::new("test.conf"), &host);
    let instances = &loaded.model.instances;
    assert_eq!(instances.len(), 1, "{}", rendered(&loaded));
    assert_eq!(instances[0].priority, 7);
}
