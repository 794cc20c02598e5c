//! The client on a real kernel. Where the kernel has no IPVS each test says `not run`.
//!
//! Each test has a network namespace of its own: a thread leaves for a new one, opens its client
//! there and calls `ipvsadm` from there. Needs root; `ipvsadm` where it compares with that.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod namespace;
mod tables;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipvs_netlink::*;
use namespace::{ip, ipvsadm, live, saved};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use tables::*;

/// Connects in the calling thread's network namespace.
fn connect() -> Result<Client, IpvsError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    runtime.unwrap().block_on(Client::connect())
}

/// All of them were done.
fn everything(applied: &Applied, operations: &[Operation]) {
    if let Some(first) = applied.failed.first() {
        panic!(
            "{} failed, the first: {}",
            applied.failed.len(),
            first.source
        );
    }
    assert_eq!(applied.done, operations.len());
}

/// Brings the kernel to this table and checks that it says so itself.
fn reach(client: &mut Client, want: &Table) -> Vec<Operation> {
    let operations = diff(&client.dump().unwrap(), want);
    let applied = client.apply(&operations);
    everything(&applied, &operations);
    assert!(applied.adopted.is_empty(), "{:?}", applied.adopted);
    assert_eq!(&client.dump().unwrap(), want);
    operations
}

#[test]
fn a_table_with_everything_is_reported_as_it_was_asked() {
    live("a_table_with_everything", || {
        let mut client = connect().unwrap();
        assert_eq!(client.info().unwrap().version.to_string(), "1.2.1");
        let want = colourful();
        assert_eq!(reach(&mut client, &want).len(), want.entries());
        assert_eq!(diff(&client.dump().unwrap(), &want), []);
        // What ipvsadm makes of it. Its words for what it cannot make itself (bypass) are its own.
        let lines = saved();
        for line in [
            "-A -t 10.0.0.1:80 -s wlc -p 300 -M 255.255.255.0",
            "-a -t 10.0.0.1:80 -r 192.0.2.11:80 -g -w 0",
            "-a -t 10.0.0.1:80 -r [2001:db8::99]:80 -i -w 2147483647 --tun-type ipip",
            "-A -u [2001:db8::1]:53 -s wrr -o",
            "-A -u 10.0.0.4:5060 -s rr -p 30 --pe sip",
            "-A --sctp-service 10.0.0.3:9899 -s sh -b sh-fallback,sh-port",
            "-A -f 1 -s mh -b mh-port",
            "-a -f 1 -r 192.0.2.12:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
            "-a -f 1 -r 192.0.2.13:0 -i -w 1 --tun-type gre --tun-csum",
            "-a -f 1 -r 192.0.2.14:0 -i -w 1 --tun-type gue --tun-port 6081 --tun-remcsum",
            "-A -f 1 -6 -s rr -p 60 -M 64",
        ] {
            assert!(
                lines.iter().any(|each| each == line),
                "{line} in {lines:#?}"
            );
        }
        assert_eq!(lines.len(), want.entries());
    });
}

#[test]
fn what_ipvsadm_made_is_read() {
    live("what_ipvsadm_made_is_read", || {
        let rules = "-A -t 10.0.0.1:80 -s wlc -p 300 -M 255.255.255.0\n\
                     -a -t 10.0.0.1:80 -r 192.0.2.10:8080 -m -w 5 -x 100 -y 50\n\
                     -A -f 7 -6 -s dh\n\
                     -a -f 7 -6 -r [2001:db8::5]:0 -g -w 2\n";
        assert!(ipvsadm(&["-R"], rules).0);
        let mut limited = weighted(Forwarding::Masquerade, 5);
        limited.upper_threshold = 100;
        limited.lower_threshold = 50;
        let mask = Netmask::V4(Ipv4Addr::new(255, 255, 255, 0));
        let want = table(vec![
            (
                tcp("10.0.0.1:80"),
                persistent(Scheduler::WLC, 300, mask),
                vec![("192.0.2.10:8080", limited)],
            ),
            (
                fwmark(Family::Inet6, 7),
                plain(Scheduler::DH),
                vec![("[2001:db8::5]:0", weighted(Forwarding::DirectRoute, 2))],
            ),
        ]);
        assert_eq!(connect().unwrap().dump().unwrap(), want);
    });
}

#[test]
fn a_table_becomes_another() {
    live("a_table_becomes_another", || {
        let mut client = connect().unwrap();
        let first = colourful();
        reach(&mut client, &first);
        let mut second = first.clone();
        let web = Arc::make_mut(second.services.get_mut(&tcp("10.0.0.1:80")).unwrap());
        web.spec = plain(Scheduler::SED);
        web.destinations.shift_remove(&at("192.0.2.11:80"));
        let changed = weighted(Forwarding::DirectRoute, 9);
        web.destinations.insert(at("192.0.2.10:8080"), changed);
        let sip = ServiceKey::Socket(Protocol::Udp, at("10.0.0.4:5060"));
        let sip = Arc::make_mut(second.services.get_mut(&sip).unwrap());
        let persistence = &mut sip.spec.persistence;
        persistence.as_mut().unwrap().engine = None;
        second.services.remove(&fwmark(Family::Inet, 1));
        assert_eq!(reach(&mut client, &second).len(), 5);
        reach(&mut client, &first);
        let flush = [Operation::Flush];
        everything(&client.apply(&flush), &flush);
        assert_eq!(client.dump().unwrap(), Table::default());
    });
}

#[test]
fn every_scheduler_that_the_kernel_has() {
    live("every_scheduler", || {
        let mut client = connect().unwrap();
        for (port, scheduler) in (1..).zip(Scheduler::KNOWN) {
            let key = tcp(&format!("10.0.0.1:{port}"));
            let operations = [Operation::AddService(key, plain(scheduler.clone()))];
            let applied = client.apply(&operations);
            for failure in applied.failed {
                // `twos` is of 6.2.
                assert_eq!(scheduler.as_str(), "twos");
                let text = failure.source.to_string();
                assert!(text.contains("modprobe ip_vs_twos"), "{text}");
            }
        }
        let count = client.dump().unwrap().services.len();
        assert!(count >= Scheduler::KNOWN.len() - 1, "{count}");
    });
}

#[test]
fn what_the_kernel_has_otherwise_is_adopted() {
    live("adopted", || {
        let mut client = connect().unwrap();
        let (web, gone) = (tcp("10.0.0.1:80"), tcp("10.0.0.77:80"));
        let (one, two) = (at("192.0.2.1:80"), at("192.0.2.2:80"));
        let spec = weighted(Forwarding::Masquerade, 1);
        let heavy = weighted(Forwarding::Masquerade, 8);
        let first = [
            Operation::AddService(web, plain(Scheduler::RR)),
            Operation::AddDestination(web, one, spec.clone()),
        ];
        everything(&client.apply(&first), &first);
        let second = [
            Operation::AddService(web, plain(Scheduler::WLC)),
            Operation::AddDestination(web, one, heavy.clone()),
            Operation::SetDestination(web, two, spec.clone()),
            Operation::SetService(gone, plain(Scheduler::LC)),
            Operation::AddDestination(gone, two, spec.clone()),
            Operation::DeleteDestination(web, at("192.0.2.99:80")),
            Operation::DeleteDestination(tcp("10.0.0.99:80"), one),
            Operation::DeleteService(tcp("10.0.0.99:80")),
        ];
        let applied = client.apply(&second);
        everything(&applied, &second);
        assert_eq!(applied.adopted.len(), 7, "{:?}", applied.adopted);
        let want = table(vec![
            (
                web,
                plain(Scheduler::WLC),
                vec![("192.0.2.1:80", heavy), ("192.0.2.2:80", spec.clone())],
            ),
            (gone, plain(Scheduler::LC), vec![("192.0.2.2:80", spec)]),
        ]);
        assert_eq!(client.dump().unwrap(), want);
    });
}

#[test]
fn refusals_name_the_operation_and_the_reason() {
    live("refusals", || {
        let mut client = connect().unwrap();
        let web = tcp("10.0.0.1:80");
        let one = at("192.0.2.1:80");
        let six = at("[2001:db8::1]:80");
        let mut crossed = weighted(Forwarding::Masquerade, 1);
        crossed.lower_threshold = 9;
        crossed.upper_threshold = 3;
        let nosuch = plain(Scheduler::new("nosuch").unwrap());
        let heavy = weighted(Forwarding::Masquerade, 2_147_483_648);
        let operations = [
            Operation::AddService(web, plain(Scheduler::RR)),
            Operation::AddService(tcp("10.0.0.2:80"), nosuch.clone()),
            Operation::SetService(web, nosuch),
            Operation::AddDestination(web, one, crossed),
            Operation::AddDestination(web, one, heavy),
            Operation::AddDestination(web, six, weighted(Forwarding::Masquerade, 1)),
            Operation::AddDestination(
                web,
                at("255.255.255.255:80"),
                weighted(Forwarding::Masquerade, 1),
            ),
            Operation::AddDestination(tcp("10.0.0.3:80"), one, weighted(Forwarding::Masquerade, 1)),
        ];
        let applied = client.apply(&operations);
        assert_eq!(applied.done, 1);
        let errnos: Vec<_> = applied
            .failed
            .iter()
            .map(|failure| match &failure.source {
                IpvsError::Refused { errno, .. } => *errno,
                other => panic!("{other}"),
            })
            .collect();
        for failure in &applied.failed {
            println!("{}", failure.source);
        }
        assert_eq!(
            errnos,
            [
                Errno::ENOENT,
                Errno::ENOENT,
                Errno::ERANGE,
                Errno::ERANGE,
                Errno::EINVAL,
                Errno::EINVAL,
                Errno::ESRCH,
            ]
        );
    });
}

#[test]
fn a_batch_in_which_all_fail_is_answered_in_full() {
    live("all_fail", || {
        let mut client = connect().unwrap();
        let nosuch = plain(Scheduler::new("nosuch").unwrap());
        let operations: Vec<_> = (1..=400)
            .map(|port| Operation::AddService(tcp(&format!("10.0.0.1:{port}")), nosuch.clone()))
            .collect();
        let applied = client.apply(&operations);
        assert_eq!((applied.done, applied.failed.len()), (0, 400));
        for (failure, operation) in applied.failed.iter().zip(&operations) {
            assert_eq!(&failure.operation, operation);
            assert!(matches!(
                failure.source,
                IpvsError::Refused {
                    errno: Errno::ENOENT,
                    ..
                }
            ));
        }
        assert_eq!(client.dump().unwrap(), Table::default());
    });
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (act(), start.elapsed())
}

#[test]
fn eleven_thousand_entries_are_loaded_faster_than_ipvsadm_does() {
    live("eleven_thousand_entries", || {
        let mut client = connect().unwrap();
        let want = large(1000, 10);
        let operations = diff(&Table::default(), &want);
        assert_eq!(operations.len(), 11_000);
        let (applied, ours) = timed(|| client.apply(&operations));
        everything(&applied, &operations);
        let (dumped, reading) = timed(|| client.dump().unwrap());
        assert!(dumped == want);
        // ipvsadm in another namespace: what was deleted lingers for a minute and slows additions.
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip(&["link", "set", "lo", "up"]);
        let text = rules(&want);
        let ((restored, _), theirs) = timed(|| ipvsadm(&["-R"], &text));
        assert!(restored);
        assert!(connect().unwrap().dump().unwrap() == want);
        println!("11000 entries: ours {ours:?}, ipvsadm --restore {theirs:?}, read in {reading:?}");
        // Measured: 10 to 20 times faster. A third is for a machine that is busy with something else.
        assert!(ours * 3 < theirs, "{ours:?} against {theirs:?}");
    });
}

#[test]
fn ten_thousand_are_deleted() {
    live("ten_thousand_deleted", || {
        let mut client = connect().unwrap();
        let want = large(1000, 10);
        reach(&mut client, &want);
        let operations: Vec<_> = want
            .services
            .iter()
            .flat_map(|(key, service)| {
                let delete = |address: &SocketAddr| Operation::DeleteDestination(*key, *address);
                service.destinations.keys().map(delete)
            })
            .collect();
        assert_eq!(operations.len(), 10_000);
        let (applied, duration) = timed(|| client.apply(&operations));
        everything(&applied, &operations);
        println!("10000 deletions: {duration:?}");
        let (again, duration) = timed(|| client.apply(&operations));
        everything(&again, &operations);
        println!("10000 deletions of what is gone: {duration:?}");
        assert_eq!(again.adopted.len(), 10_000);
        assert_eq!(client.dump().unwrap().entries(), 1000);
    });
}

#[test]
fn a_large_table_is_read() {
    live("a_large_table_is_read", || {
        let mut client = connect().unwrap();
        let want = large(2277, 16);
        let operations = diff(&Table::default(), &want);
        everything(&client.apply(&operations), &operations);
        let (dumped, ours) = timed(|| client.dump().unwrap());
        assert!(dumped == want);
        let (_, theirs) = timed(saved);
        println!("2277 services of 16: read in {ours:?}, ipvsadm -Sn {theirs:?}");
        // Measured: half of ipvsadm's time when optimised, half as much again when not.
        assert!(ours < theirs * 4, "{ours:?} against {theirs:?}");
    });
}

#[test]
fn timeouts_are_set_and_read() {
    live("timeouts", || {
        let mut client = connect().unwrap();
        let want = Timeouts {
            tcp: 900,
            tcp_fin: 120,
            udp: 300,
        };
        client.set_timeouts(&want).unwrap();
        assert_eq!(client.timeouts().unwrap(), want);
        let udp = Timeouts {
            udp: 7,
            ..Timeouts::default()
        };
        client.set_timeouts(&udp).unwrap();
        assert_eq!(client.timeouts().unwrap(), Timeouts { udp: 7, ..want });
        let (_, text) = ipvsadm(&["-L", "--timeout"], "");
        assert_eq!(text.trim(), "Timeout (tcp tcpfin udp): 900 120 7");
    });
}

#[test]
fn counters_count_and_are_zeroed() {
    live("counters", || {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.unwrap().success());
        let mut client = connect().unwrap();
        let key = ServiceKey::Socket(Protocol::Udp, at("127.0.0.1:53"));
        let real = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let destination = real.local_addr().unwrap();
        let operations = [
            Operation::AddService(key, plain(Scheduler::RR)),
            Operation::AddDestination(key, destination, weighted(Forwarding::Masquerade, 1)),
        ];
        everything(&client.apply(&operations), &operations);
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 {
            sender.send_to(b"hello", "127.0.0.1:53").unwrap();
        }
        let mut bytes = [0; 16];
        real.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        for _ in 0..3 {
            assert_eq!(real.recv(&mut bytes).unwrap(), 5);
        }
        let snapshot = client.dump_services().unwrap();
        let view = &snapshot.services[&key].destinations[&destination];
        // One client socket is one connection; UDP is never `active`.
        assert_eq!(view.inactive_connections, 1);
        assert_eq!(view.active_connections, 0);
        client.zero(Some(&key)).unwrap();
        client.zero(None).unwrap();
        let stats = client.dump_services().unwrap().services[&key].stats;
        assert_eq!(stats.connections, 0);
        let nobody = client.zero(Some(&tcp("10.0.0.1:1"))).unwrap_err();
        assert!(nobody.to_string().contains("ESRCH"), "{nobody}");
    });
}

#[test]
fn synchronisation_daemons_start_and_stop() {
    live("daemons", || {
        ip(&["link", "add", "d0", "type", "dummy"]);
        ip(&["link", "set", "d0", "up", "multicast", "on"]);
        ip(&["addr", "add", "192.0.2.1/24", "dev", "d0"]);
        let mut client = connect().unwrap();
        assert_eq!(client.daemons().unwrap(), []);
        let daemon = Daemon {
            state: DaemonState::Master,
            interface: "d0".to_owned(),
            sync_id: 7,
            max_length: Some(1200),
            group: None,
            port: Some(9000),
            ttl: Some(4),
        };
        client.start_daemon(&daemon).unwrap();
        let group = Some(Ipv4Addr::new(224, 0, 0, 81).into());
        assert_eq!(client.daemons().unwrap(), [Daemon { group, ..daemon }]);
        client.stop_daemon(DaemonState::Master).unwrap();
        assert_eq!(client.daemons().unwrap(), []);
        assert!(client.stop_daemon(DaemonState::Master).is_err());
    });
}

/// Set for a run of this program that may not have CAP_NET_ADMIN.
const WITHOUT_RIGHT: &str = "IPVS_NETLINK_LIVE_WITHOUT_RIGHT";

#[test]
fn without_the_right_it_says_so() {
    if std::env::var_os(WITHOUT_RIGHT).is_some() {
        let error = connect().unwrap_err();
        assert!(matches!(error, IpvsError::NotPermitted), "{error}");
        println!("refused as it should be");
        return;
    }
    live("without_the_right", || {
        // Still root, which can reach this program wherever it is, but for the one capability.
        let output = Command::new("setpriv")
            .args(["--bounding-set", "-net_admin", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "without_the_right_it_says_so", "--nocapture"])
            .env(WITHOUT_RIGHT, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("refused as it should be"), "{text}{errors}");
        assert!(output.status.success(), "{errors}");
    });
}

#[test]
fn without_ipvs_it_says_so() {
    if Path::new("/proc/net/ip_vs").exists() {
        println!("not run: without_ipvs_it_says_so: this kernel has IPVS");
        return;
    }
    let error = connect().unwrap_err();
    assert!(matches!(error, IpvsError::NoIpvs), "{error}");
}
