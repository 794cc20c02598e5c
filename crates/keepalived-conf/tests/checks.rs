//! What the checks of a real server become in the model; what is complained about has its fixtures.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use keepalived_conf::{
    BfdCheck, Check, CheckKind, DnsCheck, DnsType, FileCheck, FileWeight, Loaded, RegexOption,
    ReplyByte, SmtpCheck, UdpCheck, UdpReply,
};
use support::read;

fn loaded(lines: &str) -> Loaded {
    read(format!(
        "global_defs {{\nchecker_log_all_failures\n}}\nvirtual_server 10.0.0.1 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n\
         delay_loop 7\nvirtualhost vs.example.org\nreal_server 10.0.0.2 80 {{\nwarmup 2\n{lines}\n}}\n}}\n"
    ))
}

fn checks(lines: &str) -> Vec<Check> {
    loaded(lines).model.virtual_servers[0].real_servers[0]
        .checks
        .clone()
}

fn only(lines: &str) -> Check {
    let mut checks = checks(lines);
    assert_eq!(checks.len(), 1, "{lines}");
    checks.remove(0)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// keepalived 2.4: behaviour of each kind where nothing is said.
#[test]
fn patience_of_each_kind() {
    let patience = |lines: &str| {
        let check = only(lines);
        assert_eq!((check.delay_loop, check.warmup), (secs(7), secs(2)));
        assert_eq!((check.connect_timeout, check.alpha), (secs(5), false));
        assert!(check.log_all_failures);
        (check.retry, check.delay_before_retry)
    };
    assert_eq!(patience("TCP_CHECK {\n}"), (1, secs(1)));
    assert_eq!(patience("PING_CHECK {\n}"), (1, secs(1)));
    assert_eq!(patience("UDP_CHECK {\n}"), (1, secs(1)));
    assert_eq!(patience("SMTP_CHECK {\n}"), (1, secs(1)));
    assert_eq!(patience("DNS_CHECK {\n}"), (3, secs(7)));
    let page = "url {\npath /\n}\n}";
    assert_eq!(patience(&format!("HTTP_GET {{\n{page}")), (1, secs(3)));
    assert_eq!(patience(&format!("SSL_GET {{\n{page}")), (1, secs(3)));
}

#[test]
fn a_connection() {
    let lines = "connect_ip 10.0.0.7\nconnect_port 81\nbindto 10.0.0.9\nbind_port 5\nbind_if eth1\nfwmark 6\n\
                 log_all_failures off\nalpha\nretry 0\ndelay_before_retry 1.5";
    let check = only(&format!("PING_CHECK {{\n{lines}\n}}"));
    let connect = &check.connect;
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!((connect.address, connect.port), (ip("10.0.0.7"), 81));
    assert_eq!(
        (connect.bind_address, connect.bind_port, connect.fwmark),
        (Some(ip("10.0.0.9")), Some(5), Some(6))
    );
    assert_eq!(connect.bind_interface.as_deref(), Some("eth1"));
    assert_eq!(
        (check.alpha, check.retry, check.log_all_failures),
        (true, 0, false)
    );
    assert_eq!(check.delay_before_retry, Duration::from_millis(1500));
    // What is refused leaves the real server's address, and nothing to come from.
    let connect = only("TCP_CHECK {\nbindto ::1\nfwmark 0\n}").connect;
    assert_eq!(
        (connect.address, connect.port, connect.bind_address),
        (ip("10.0.0.2"), 80, None)
    );
    assert_eq!(connect.fwmark, None);
    assert!(checks("TCP_CHECK {\nconnect_ip fe80::1\n}").is_empty());
}

#[test]
fn each_host_of_a_mail_check_is_a_check() {
    let lines = "SMTP_CHECK {\nconnect_ip 10.0.0.6\nretry 4\nhelo_name a\nhelo_name b\nhost {\nconnect_port 25\n}\n\
                 host {\nconnect_ip 10.0.0.8\nretry 5\n}\n}";
    let checks = checks(lines);
    let seen: Vec<_> = checks
        .iter()
        .map(|check| {
            (
                check.connect.address.to_string(),
                check.connect.port,
                check.retry,
            )
        })
        .collect();
    let expected = [
        ("10.0.0.2".to_owned(), 25, 4),
        ("10.0.0.8".to_owned(), 80, 5),
    ];
    assert_eq!(seen, expected);
    let helo = |helo_name: &str| {
        CheckKind::Smtp(SmtpCheck {
            helo_name: helo_name.to_owned(),
        })
    };
    assert!(checks.iter().all(|check| check.kind == helo("a")));
    assert_eq!(
        only("SMTP_CHECK {\n}").kind,
        helo("smtpchecker.keepalived.org")
    );
}

#[test]
fn questions() {
    let kind = |lines: &str| only(&format!("DNS_CHECK {{\n{lines}\n}}")).kind;
    let asks = |query, name: &str| {
        let name = name.to_owned();
        CheckKind::Dns(DnsCheck { query, name })
    };
    assert_eq!(kind(""), asks(DnsType::Soa, "."));
    assert_eq!(
        kind("type aaaa\nname www.example.org."),
        asks(DnsType::Aaaa, "www.example.org")
    );
    assert_eq!(kind("type PTR\nname a..b"), asks(DnsType::Soa, "."));
}

#[test]
fn datagrams() {
    let kind = |lines: &str| only(&format!("UDP_CHECK {{\n{lines}\n}}")).kind;
    let check = |payload: &[u8], reply| {
        let payload = payload.to_vec();
        CheckKind::Udp(Box::new(UdpCheck { payload, reply }))
    };
    assert_eq!(
        UdpCheck::DEFAULT_PAYLOAD,
        b"keepalived check - keepalived ch"
    );
    assert_eq!(kind(""), check(UdpCheck::DEFAULT_PAYLOAD, None));
    assert_eq!(kind("payload \"ab c\" d"), check(&[0xab, 0xc, 0xd], None));
    let reply = UdpReply {
        min_length: 3,
        max_length: 255,
        bytes: vec![ReplyByte {
            value: 0x10,
            mask: 0xf0,
        }],
    };
    assert_eq!(
        kind("payload ff\nrequire_reply 1X\nmin_reply_length 3"),
        check(&[0xff], Some(reply))
    );
}

#[test]
fn what_is_watched() {
    let text = "track_file f {\nfile /tmp/f\nweight 7 reverse\n}\nbfd_instance b {\nneighbor_ip 10.0.0.9\n}\n\
                virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.2 80 {\nalpha\n\
                FILE_CHECK {\ntrack_file f\nweight -5 reverse\n}\nFILE_CHECK {\ntrack_file f\n}\nFILE_CHECK {\n\
                track_file g\n}\nBFD_CHECK {\nname b\nalpha no\n}\nBFD_CHECK {\nname b\n}\n}\n}\n";
    let loaded = read(text);
    let checks = &loaded.model.virtual_servers[0].real_servers[0].checks;
    let file = |weight| {
        let track_file = "f".to_owned();
        CheckKind::File(FileCheck { track_file, weight })
    };
    let weight = |factor| FileWeight {
        factor,
        reverse: true,
    };
    let bfd = CheckKind::Bfd(BfdCheck {
        name: "b".to_owned(),
    });
    let kinds: Vec<&CheckKind> = checks.iter().map(|check| &check.kind).collect();
    assert_eq!(kinds, [&file(weight(-5)), &file(weight(7)), &bfd]);
    let alpha: Vec<bool> = checks.iter().map(|check| check.alpha).collect();
    assert_eq!(alpha, [true, true, false]);
}

#[test]
fn pages() {
    let lines = "SSL_GET {\ntls_compliant\nurl {\npath /a\nregex \"a \\\\d\"\nregex_options caseless utf caseless\n\
                 regex_no_match\nregex_min_offset 5\nregex_max_offset 9\nregex_stack 1 2\n}\nurl {\npath /b\n\
                 tls_compliant off\nvirtualhost b.example.org\n}\nvirtualhost c.example.org\nfast_recovery\n}";
    let CheckKind::Http(get) = only(lines).kind else {
        panic!("SSL_GET");
    };
    assert!(get.ssl && get.fast_recovery && !get.enable_sni);
    let [a, b] = get.urls.as_slice() else {
        panic!("two pages");
    };
    assert_eq!((a.tls_compliant, b.tls_compliant), (true, false));
    let names = (a.virtualhost.as_deref(), b.virtualhost.as_deref());
    assert_eq!(names, (Some("c.example.org"), Some("b.example.org")));
    let regex = a.regex.as_deref().unwrap();
    assert_eq!(regex.pattern, "a \\d");
    assert_eq!(regex.options, [RegexOption::Caseless, RegexOption::Utf]);
    assert!(regex.negate && b.regex.is_none());
    assert_eq!(
        (regex.min_offset, regex.max_offset, regex.stack),
        (5, Some(9), Some((1, 2)))
    );
}

/// keepalived 2.2.7, seen: of two offsets that cannot be, it goes by neither.
#[test]
fn offsets_and_stacks_that_cannot_be_are_ignored() {
    let lines = "HTTP_GET {\nurl {\npath /\nregex a\nregex_min_offset 300\nregex_max_offset 200\nregex_stack 2 1\n}\n}";
    let CheckKind::Http(get) = only(lines).kind else {
        panic!("HTTP_GET");
    };
    let regex = get.urls[0].regex.as_deref().unwrap();
    assert_eq!(
        (regex.min_offset, regex.max_offset, regex.stack),
        (0, None, None)
    );
}
