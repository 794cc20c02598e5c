//! Lines as they are read.

use std::net::SocketAddr;
use std::time::Duration;

use checkers::{
    CheckId, DatagramFailure, Dial, DnsProbe, Evidence, Failure, Health, HttpProbe, HttpVersion,
    Outcome, Probe, Report, SmtpFailure, SmtpFault, SmtpProbe, SmtpStep, UdpProbe,
};
use ipvs_netlink::Protocol;

use super::*;

fn server() -> ServerName {
    ServerName(Some(Protocol::Tcp), "172.16.1.10:80".parse().unwrap())
}

fn service() -> ServiceName {
    ServiceName::Socket(Protocol::Tcp, "172.16.1.1:80".parse().unwrap())
}

fn dial() -> Dial {
    Dial {
        target: SocketAddr::from(([172, 16, 1, 10], 80)),
        bind: None,
        bind_interface: None,
        fwmark: None,
        timeout: Duration::from_secs(1),
    }
}

fn http() -> Probe {
    Probe::Http(HttpProbe {
        dial: dial(),
        tls: None,
        sni: false,
        version: HttpVersion::V1_0,
        fast_recovery: false,
        urls: Vec::new(),
    })
}

#[test]
fn a_failure_that_changes_nothing_is_told_in_keepalived_s_words() {
    let told = |probe, failure, attempt| {
        Line::Checked(Box::new(Checked {
            probe,
            server: server(),
            service: service(),
            report: Report {
                id: CheckId(1),
                outcome: Outcome::Failure(failure),
                change: None,
                attempt,
                retry: 2,
                elapsed: Duration::from_millis(4),
                dynamic_weight: None,
            },
        }))
        .to_string()
    };
    let status = Failure::Status {
        seen: 500,
        wanted: vec![200..=299],
    };
    assert_eq!(
        told(http(), status, 1),
        "HTTP status code error to server [172.16.1.10]:tcp:80. (status 500, wanted 200-299, after 0.004 s, 1 of 3)"
    );
    let early = Failure::ClosedEarly { received: 0 };
    assert!(
        told(http(), early, 2)
            .starts_with("Read, no data received from  server [172.16.1.10]:tcp:80. (")
    );
    assert_eq!(
        told(Probe::Tcp(dial()), Failure::Refused, 2),
        "TCP connection to [172.16.1.10]:tcp:80 failed. (connection refused, after 0.004 s, 2 of 3)"
    );
    let misc = || {
        Probe::Misc(checkers::MiscProbe {
            command: vec!["/usr/bin/test".into()],
            timeout: Duration::from_secs(1),
            dynamic: false,
            user: None,
        })
    };
    let exited = || Failure::Exited { status: 1 };
    assert_eq!(
        told(misc(), exited(), 1),
        "Misc check for [[172.16.1.10]:tcp:80 VS [172.16.1.1]:tcp:80] by [/usr/bin/test] failed, will do 2 retries (exited with status 1)."
    );
    assert_eq!(
        told(misc(), exited(), 2),
        "Misc check for [[172.16.1.10]:tcp:80 VS [172.16.1.1]:tcp:80] by [/usr/bin/test] failed on retry 1/2 (exited with status 1)."
    );
}

fn checked(probe: Probe, outcome: Outcome, attempt: u32, retry: u32) -> String {
    let change = if outcome.is_success() {
        Health::Up
    } else {
        Health::Down
    };
    Line::Checked(Box::new(Checked {
        probe,
        server: server(),
        service: service(),
        report: Report {
            id: CheckId(1),
            outcome,
            change: Some(change),
            attempt,
            retry,
            elapsed: Duration::from_millis(4),
            dynamic_weight: None,
        },
    }))
    .to_string()
}

// The texts before the parentheses are what keepalived 2.2.7 logged for the same events.

#[test]
fn a_check_says_its_verdict_in_keepaliveds_words_and_then_why() {
    let refused = || Outcome::Failure(Failure::Refused);
    assert_eq!(
        checked(http(), refused(), 2, 1),
        "HTTP_CHECK on service [172.16.1.10]:tcp:80 failed after 1 retries. (connection refused, after 0.004 s)"
    );
    assert_eq!(
        checked(Probe::Tcp(dial()), refused(), 1, 0),
        "TCP_CHECK on service [172.16.1.10]:tcp:80 failed. (connection refused, after 0.004 s)"
    );
    let up = || Outcome::Success(Evidence::Connected);
    assert_eq!(
        checked(http(), up(), 0, 1),
        "Remote Web server [172.16.1.10]:tcp:80 succeed on service."
    );
    assert_eq!(
        checked(Probe::Tcp(dial()), up(), 0, 1),
        "TCP connection to [172.16.1.10]:tcp:80 success."
    );
}

#[test]
fn mail_name_and_other_servers_too() {
    let smtp = Probe::Smtp(SmtpProbe {
        dial: dial(),
        helo_name: "smtpchecker.keepalived.org".into(),
    });
    let closed = Failure::Smtp(SmtpFailure {
        step: SmtpStep::Greeting,
        fault: SmtpFault::Closed,
    });
    assert_eq!(
        checked(smtp.clone(), Outcome::Failure(closed), 2, 1),
        "SMTP_CHECK on service [172.16.1.10]:tcp:80 failed after 1 retries. (closed before the greeting, after 0.004 s)"
    );
    assert_eq!(
        checked(smtp, Outcome::Success(Evidence::Spoke), 0, 1),
        "Remote SMTP server [172.16.1.10]:tcp:80 succeed on service."
    );
    let dns = Probe::Dns(DnsProbe {
        dial: dial(),
        name: ".".into(),
        kind: 6,
    });
    let refused = Failure::Datagram(DatagramFailure::Rcode {
        seen: 2,
        name: "SERVFAIL".into(),
    });
    assert_eq!(
        checked(dns.clone(), Outcome::Failure(refused), 1, 0),
        "DNS_CHECK ([172.16.1.10]:tcp:80) failed. (rcode 2 (SERVFAIL), wanted 0, after 0.004 s)"
    );
    assert_eq!(
        checked(
            dns,
            Outcome::Success(Evidence::Resolved { answers: 1 }),
            0,
            1
        ),
        "DNS_CHECK ([172.16.1.10]:tcp:80) success."
    );
    let udp = Probe::Udp(Box::new(UdpProbe {
        dial: dial(),
        payload: vec![0],
        reply: None,
    }));
    let closed = Outcome::Failure(Failure::Datagram(DatagramFailure::PortUnreachable));
    assert_eq!(
        checked(udp.clone(), closed.clone(), 4, 3),
        "UDP_CHECK on service [172.16.1.10]:tcp:80 failed after 3 retries. (ICMP port unreachable, after 0.004 s)"
    );
    assert_eq!(
        checked(udp, Outcome::Success(Evidence::Silent), 0, 1),
        "UDP connection to [172.16.1.10]:tcp:80 success."
    );
    assert_eq!(
        checked(Probe::Ping(dial()), closed, 1, 0),
        "ICMP CHECK on service [172.16.1.10]:tcp:80 failed. (ICMP port unreachable, after 0.004 s)"
    );
    assert_eq!(
        checked(
            Probe::Ping(dial()),
            Outcome::Success(Evidence::Replied),
            0,
            1
        ),
        "ICMP connection to [172.16.1.10]:tcp:80 success."
    );
}

#[test]
fn a_check_that_fails_at_once_does_not_claim_retries() {
    let line = checked(http(), Outcome::Failure(Failure::Refused), 1, 1);
    assert!(
        line.starts_with("HTTP_CHECK on service [172.16.1.10]:tcp:80 failed. ("),
        "{line}"
    );
}

#[test]
fn changes_of_a_virtual_server_read_as_keepaliveds() {
    let (server, service) = (server(), service());
    let line = |change| Line::Pool(change).to_string();
    assert_eq!(
        line(Change::ServerDown {
            server,
            service: service.clone(),
            inhibited: false
        }),
        "Removing service [172.16.1.10]:tcp:80 from VS [172.16.1.1]:tcp:80"
    );
    let place = |added, more| {
        line(Change::Place {
            place: service.clone(),
            more,
            group: "web".into(),
            added,
        })
    };
    assert_eq!(
        place(true, 0),
        "VS [[172.16.1.1]:tcp:80] added into group web"
    );
    assert_eq!(
        place(false, 0),
        "VS [[172.16.1.1]:tcp:80] in group web no longer exists"
    );
    assert_eq!(
        place(true, 65_535),
        "VS [[172.16.1.1]:tcp:80] and 65535 more added into group web"
    );
    assert_eq!(
        line(Change::QuorumLost {
            service: service.clone(),
            quorum: 1,
            hysteresis: 0,
            weight: 0
        }),
        "Lost quorum 1-0=1 > 0 for VS [172.16.1.1]:tcp:80"
    );
    assert_eq!(
        line(Change::QuorumGained {
            service,
            quorum: 1,
            hysteresis: 0,
            weight: 1
        }),
        "Gained quorum 1+0=1 <= 1 for VS [172.16.1.1]:tcp:80"
    );
}
