//! The client on a pretended kernel.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::batch::apply;
use super::exchange::Exchange;
use super::pretend::{FAMILY, Kernel};
use super::read::snapshot;
use super::*;
use crate::sample;
use crate::*;

/// A client on a kernel that holds this table.
fn client(kernel: Kernel) -> Exchange<Kernel> {
    Exchange::new(kernel, FAMILY)
}

fn key(port: u16) -> ServiceKey {
    ServiceKey::Socket(Protocol::Tcp, SocketAddr::from(([10, 0, 0, 1], port)))
}

fn server(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 80))
}

fn spec() -> DestinationSpec {
    DestinationSpec::new(Forwarding::Masquerade, 1)
}

fn service() -> ServiceSpec {
    ServiceSpec::new(Scheduler::RR)
}

fn many(ports: u16) -> Vec<Operation> {
    let add = |port| Operation::AddService(key(port), service());
    (1..=ports).map(add).collect()
}

#[test]
fn a_thousand_operations_take_five_datagrams() {
    let mut client = client(Kernel::default());
    let applied = apply(&mut client, &many(1000));
    assert_eq!((applied.done, applied.failed.len()), (1000, 0));
    assert_eq!(client.wire().datagrams, [200; 5]);
}

#[test]
fn what_is_there_already_is_adopted() {
    let mut client = client(Kernel::default());
    let _ = apply(&mut client, &many(1));
    let mut other = service();
    other.scheduler = Scheduler::WLC;
    let operations = [
        Operation::AddService(key(1), other.clone()),
        Operation::AddDestination(key(1), server(1), spec()),
        Operation::AddDestination(
            key(1),
            server(1),
            DestinationSpec {
                weight: 9,
                ..spec()
            },
        ),
        Operation::SetDestination(key(1), server(2), spec()),
        Operation::SetService(key(2), service()),
        Operation::AddDestination(key(2), server(3), spec()),
        Operation::DeleteDestination(key(1), server(7)),
        Operation::DeleteDestination(key(7), server(7)),
        Operation::DeleteService(key(7)),
    ];
    let applied = apply(&mut client, &operations);
    assert_eq!(applied.done, operations.len(), "{:?}", applied.failed);
    assert_eq!(applied.adopted.len(), 7);
    let table = client.wire().table();
    assert_eq!(table.services[&key(1)].spec, other);
    assert_eq!(table.services[&key(1)].destinations[&server(1)].weight, 9);
    assert_eq!(table.services[&key(1)].destinations.len(), 2);
    assert_eq!(table.services[&key(2)].destinations.len(), 1);
}

#[test]
fn what_cannot_be_is_reported_and_does_not_stop_the_rest() {
    let mut client = client(Kernel::default());
    let nosuch = ServiceSpec::new(Scheduler::new("nosuch").unwrap());
    let mut mixed = service();
    mixed.persistence = Some(Persistence {
        timeout: 1,
        netmask: Netmask::V6(64),
        engine: None,
    });
    let operations = [
        Operation::AddService(key(1), nosuch),
        Operation::AddDestination(key(1), server(1), spec()),
        Operation::AddService(key(3), mixed),
        Operation::AddService(key(2), service()),
    ];
    let applied = apply(&mut client, &operations);
    assert_eq!(applied.done, 1);
    let reasons: Vec<_> = applied
        .failed
        .iter()
        .map(|f| f.source.to_string())
        .collect();
    assert_eq!(
        reasons,
        [
            "cannot add service TCP 10.0.0.1:3: scheduler rr persistent 1 s netmask 64: its netmask \
             is of the other address family",
            "cannot add service TCP 10.0.0.1:1: scheduler nosuch: the kernel has no scheduler \
             `nosuch` (load it: modprobe ip_vs_nosuch)",
            "cannot add destination 192.0.2.1:80 to TCP 10.0.0.1:1: Masq weight 1: there is no \
             service TCP 10.0.0.1:1",
        ]
    );
}

#[test]
fn lost_answers_are_asked_for_one_by_one() {
    let mut client = client(Kernel {
        room: Some(3),
        ..Kernel::default()
    });
    let _ = apply(&mut client, &many(9));
    let bad = Operation::AddService(key(1), ServiceSpec::new(Scheduler::new("nosuch").unwrap()));
    let mut operations: Vec<_> = (20..40)
        .map(|port| Operation::AddDestination(key(port), server(1), spec()))
        .collect();
    operations.push(Operation::DeleteService(key(1)));
    operations.push(bad);
    let applied = apply(&mut client, &operations);
    assert_eq!(applied.done, 1);
    assert_eq!(applied.failed.len(), 21);
    for failure in &applied.failed {
        assert!(
            matches!(failure.source, IpvsError::Refused { .. }),
            "{failure:?}"
        );
    }
    assert_eq!(client.wire().table().services.len(), 8);
}

// netlink_rcv_skb() sends no acknowledgement for an operation that ends with EINTR.
#[test]
fn an_operation_without_an_answer_is_asked_for_again() {
    let mut client = client(Kernel {
        silences: 1,
        ..Kernel::default()
    });
    let applied = apply(&mut client, &many(3));
    assert_eq!((applied.done, applied.failed.len()), (3, 0));
    assert_eq!(client.wire().datagrams, [3, 1]);
    assert_eq!(client.wire().table().services.len(), 3);
}

#[test]
fn an_operation_that_is_never_answered_is_reported() {
    let mut client = client(Kernel {
        silences: usize::MAX,
        ..Kernel::default()
    });
    let applied = apply(&mut client, &many(3));
    assert_eq!(applied.done, 2);
    assert!(matches!(
        applied.failed[0].source,
        IpvsError::Unanswered { .. }
    ));
}

#[test]
fn an_interrupted_dump_is_asked_for_again() {
    let mut client = client(Kernel {
        interruptions: 2,
        ..Kernel::default()
    });
    let _ = apply(&mut client, &many(3));
    assert_eq!(snapshot(&mut client).unwrap().services.len(), 3);
    // One datagram made them; three dumps of services, one of destinations for each.
    assert_eq!(client.wire().datagrams.len(), 1 + 3 + 3);
}

#[test]
fn a_dump_that_is_always_interrupted_is_an_error() {
    let mut client = client(Kernel {
        interruptions: usize::MAX,
        ..Kernel::default()
    });
    assert!(matches!(
        snapshot(&mut client),
        Err(IpvsError::DumpInterrupted { attempts: 5 })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn applying_a_diff_gives_what_was_wanted(have in sample::table(), want in sample::table()) {
        let mut client = client(Kernel::holding(&have));
        let operations = diff(&have, &want);
        let applied = apply(&mut client, &operations);
        prop_assert_eq!(applied.done, operations.len());
        prop_assert!(applied.adopted.is_empty());
        prop_assert_eq!(&client.wire().table(), &want);
        prop_assert_eq!(snapshot(&mut client).unwrap().into_table(), want);
    }

    // The kernel holds something else than was believed: for services and destinations that are
    // wanted the end is the same.
    #[test]
    fn a_diff_against_an_outdated_table_still_makes_what_is_wanted(
        believed in sample::table(), held in sample::table(), want in sample::table(),
    ) {
        let mut client = client(Kernel::holding(&held));
        let operations = diff(&believed, &want);
        let applied = apply(&mut client, &operations);
        prop_assert_eq!(applied.done + applied.failed.len(), operations.len());
        let known = |key: &ServiceKey| believed.services.get(key) != want.services.get(key);
        for (key, service) in want.services.iter().filter(|(key, _)| known(key)) {
            if believed.services.contains_key(key) {
                continue;
            }
            let have = client.wire().table().services[key].clone();
            prop_assert_eq!(&have.spec, &service.spec);
            for (address, spec) in &service.destinations {
                prop_assert_eq!(&have.destinations[address], spec);
            }
        }
    }
}
