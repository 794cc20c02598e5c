//! What is read and has no effect so far: it is said, the model names what matters of it, and no status changes.

#![allow(clippy::unwrap_used)]

mod support;

use keepalived_conf::{CheckKind, Code, Loaded, Severity, Shape, Status, keywords};
use support::{read, rendered};

fn instance(lines: &str) -> Loaded {
    read(format!(
        "global_defs {{\ndynamic_interfaces\n}}\nvrrp_script chk {{\nscript \"</dev/null\"\n}}\nvrrp_instance V {{\ninterface eth1\nvirtual_router_id 1\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{lines}}}\n"
    ))
}

fn real_server(lines: &str) -> Loaded {
    read(format!(
        "track_file f {{\nfile /tmp/f\n}}\nbfd_instance b {{\nneighbor_ip 10.0.0.9\n}}\n\
         virtual_server 10.0.0.1 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.2 80 {{\n{lines}}}\n}}\n"
    ))
}

/// The notes, of which every complaint is one; that the host lacks the scripts is no matter here.
fn notes(loaded: &Loaded) -> Vec<&str> {
    let all = loaded.diagnostics.iter();
    let notes: Vec<_> = all
        .filter(|diagnostic| diagnostic.code != Code::ScriptMissing)
        .collect();
    for diagnostic in &notes {
        assert_eq!(diagnostic.severity, Severity::Note, "{}", rendered(loaded));
        let codes = [Code::NotYet, Code::Ignored];
        assert!(codes.contains(&diagnostic.code), "{}", rendered(loaded));
    }
    assert_eq!((loaded.test_status(), loaded.start_status()), (0, None));
    notes
        .iter()
        .map(|diagnostic| diagnostic.message.as_str())
        .collect()
}

#[test]
fn an_instance_names_what_it_should_not_go_without() {
    let lines = "use_vmac\nvmac_xmit_base\ntrack_script {\nchk\n}\ntrack_interface {\neth2\n}\nno_accept\n\
                 notify_master /bin/x\nunicast_src_ip 10.0.0.5\nunicast_peer {\n10.0.0.6\n}\nno_accept\n\
                 smtp_alert\n";
    let loaded = instance(lines);
    assert_eq!(loaded.model.instances[0].not_yet, [""; 0]);
    let key = "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}\nstrict_mode\n";
    let signed = instance(key);
    assert_eq!(signed.model.instances[0].not_yet, [""; 0]);
    notes(&signed);
    notes(&loaded);
}

#[test]
fn what_asks_for_nothing_is_not_named() {
    let names = |lines| instance(lines).model.instances[0].not_yet.clone();
    assert_eq!(names(""), [""; 0]);
    assert_eq!(names("strict_mode off\nowner_ignore_adverts no\n"), [""; 0]);
    assert_eq!(
        names("unicast_src_ip 10.0.0.5\nunicast_ttl 9\nvmac_xmit_base\nunicast_peer {\n}\n"),
        [""; 0]
    );
    assert_eq!(names("track_script {\n}\nnotify /bin/x\n"), [""; 0]);
    assert_eq!(
        names("authentication {\nauth_type PASS\nauth_pass x\n}\n"),
        [""; 0]
    );
}

#[test]
fn a_real_server_goes_without_no_check() {
    let url = "url {\npath /\nregex a\nregex_no_match\n}\n";
    let lines = format!(
        "PING_CHECK {{\nretry 2\n}}\nSMTP_CHECK {{\nhost {{\nconnect_port 25\n}}\n}}\nDNS_CHECK {{\n}}\nUDP_CHECK {{\n}}\n\
         FILE_CHECK {{\ntrack_file f\n}}\nBFD_CHECK {{\nname b\n}}\nPING_CHECK {{\n}}\nTCP_CHECK {{\n}}\n\
         HTTP_GET {{\n{url}{url}}}\nSSL_GET {{\ntls_compliant\n{url}}}\n"
    );
    let loaded = real_server(&lines);
    let real = &loaded.model.virtual_servers[0].real_servers[0];
    assert!(real.not_yet.is_empty(), "{:?}", real.not_yet);
    assert_eq!(real.checks.len(), 10);
    assert!(!notes(&loaded).iter().any(|note| note.contains("CHECK")));
}

#[test]
fn a_page_goes_without_nothing() {
    let loaded = real_server(
        "SSL_GET {\ntls_compliant\ntls_verify\nfast_recovery\nlog_all_failures\nurl {\npath /\ntls_verify off\n}\n\
         url {\npath /x\nregex a\nregex_no_match\nregex_options utf\nregex_stack 1 2\nregex_max_offset 9\n}\n}\n",
    );
    let inside = notes(&loaded)
        .iter()
        .filter(|note| note.contains("tls_") || note.contains("regex"))
        .count();
    assert_eq!(inside, 0, "{}", rendered(&loaded));
    let real = &loaded.model.virtual_servers[0].real_servers[0];
    assert!(real.not_yet.is_empty());
    let CheckKind::Http(get) = &real.checks[0].kind else {
        unreachable!("{real:?}");
    };
    let verify: Vec<bool> = get.urls.iter().map(|url| url.tls_verify).collect();
    assert_eq!(verify, [false, true]);
}

#[test]
fn scripts_and_names_are_modelled_and_noted() {
    let text = "global_defs {\nprocess_names\nvrrp_process_name v\nchecker_process_name c\nlvs_process_name l\n\
                }\nvirtual_server 10.0.0.1 80 {\nprotocol TCP\n\
                lb_algo rr\nlb_kind NAT\nomega\nha_suspend\nquorum_up /bin/u\nquorum_down /bin/d\nreal_server 10.0.0.2 80 {\n\
                notify_up /bin/u\nnotify_down /bin/d\nHTTP_GET {\nfast_recovery\nlog_all_failures\nurl {\npath /\n}\n}\n\
                TCP_CHECK {\nlog_all_failures\n}\nMISC_CHECK {\nmisc_path /bin/m\nlog_all_failures\n}\n}\n}\n";
    let loaded = read(text);
    let names: Vec<&str> = notes(&loaded)
        .iter()
        .map(|note| note.split('`').nth(1).unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "process_names",
            "vrrp_process_name",
            "checker_process_name",
            "lvs_process_name",
        ]
    );
    let service = &loaded.model.virtual_servers[0];
    assert!(service.omega && service.ha_suspend && service.quorum_up.is_some());
    let real = &service.real_servers[0];
    assert!(real.notify_down.is_some() && real.checks[0].log_all_failures);
    assert!(real.not_yet.is_empty());
}

/// What the daemon acts on, outside of the check blocks: `works.txt`, a keyword a line, as `BLOCK NAME`.
#[test]
fn what_works() {
    let expected: Vec<&str> = include_str!("works.txt").lines().collect();
    for block in [
        "global_defs",
        "vrrp_sync_group",
        "vrrp_instance",
        "virtual_server/real_server",
    ] {
        let mut found: Vec<String> = keywords()
            .iter()
            .filter(|row| row.block == block && row.shape != Shape::Option)
            .filter(|row| row.status == Status::Works)
            .map(|row| format!("{block} {}", row.name))
            .collect();
        found.sort_unstable();
        let mut named: Vec<&str> = expected.clone();
        named.retain(|line| line.split_once(' ').is_some_and(|(of, _)| of == block));
        named.sort_unstable();
        assert_eq!(found, named, "{block}");
    }
}

#[test]
fn notes_do_not_crowd_out_what_is_wrong() {
    let servers: String = (0..5000)
        .map(|n| {
            format!(
                "real_server 10.0.{}.{} 80 {{\nsmtp_alert\n}}\n",
                n / 250,
                n % 250 + 1
            )
        })
        .collect();
    let loaded = read(format!(
        "virtual_server 10.9.0.1 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n{servers}nonsense\n}}\n"
    ));
    assert!(
        loaded
            .diagnostics
            .iter()
            .any(|d| d.message == "Unknown keyword 'nonsense'")
    );
    assert_eq!(loaded.model.virtual_servers[0].real_servers.len(), 5000);
    assert!(loaded.diagnostics.len() < 2000);
}
