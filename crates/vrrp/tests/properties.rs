//! What holds for any bytes and any sequence of events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use support::{at, header, link, links, on, pair};
use vrrp::wire::ipv4::Header;
use vrrp::wire::v2::Advert;
use vrrp::{Action, Actions, Config, Event, Interface, Micros, Name, Priority, Router, StateView};

fn any_advert() -> impl Strategy<Value = Advert> {
    let addresses = prop::collection::vec(any::<[u8; 4]>().prop_map(Ipv4Addr::from), 0..=255);
    (
        any::<u8>(),
        any::<u8>(),
        any::<u8>(),
        any::<u8>(),
        addresses,
        any::<[u8; 8]>(),
    )
        .prop_map(
            |(vrid, priority, auth_type, interval, addresses, auth_data)| Advert {
                vrid,
                priority,
                auth_type,
                interval,
                addresses,
                auth_data,
            },
        )
}

/// An event, in a form that can be generated.
#[derive(Debug, Clone)]
enum Happening {
    Wait(u64),
    WaitForTimer,
    Advert {
        interface: u32,
        vrid: u8,
        last: u8,
        priority: u8,
    },
    Bytes {
        interface: u32,
        bytes: Vec<u8>,
    },
    Link {
        index: u32,
        up: bool,
        address: bool,
    },
    Removed(&'static str),
    Reload {
        priority: u8,
        instances: usize,
        grouped: bool,
    },
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let priority = prop_oneof![
        Just(0_u8),
        Just(99),
        Just(100),
        Just(101),
        Just(255),
        any::<u8>()
    ];
    prop_oneof![
        2 => (0..5_000_000_u64).prop_map(Happening::Wait),
        8 => Just(Happening::WaitForTimer),
        4 => (1..3_u32, 51..53_u8, 0..4_u8, priority)
            .prop_map(|(interface, vrid, last, priority)| Happening::Advert { interface, vrid, last, priority }),
        1 => (1..3_u32, prop::collection::vec(any::<u8>(), 0..64))
            .prop_map(|(interface, bytes)| Happening::Bytes { interface, bytes }),
        2 => (1..3_u32, prop::bool::weighted(0.7), prop::bool::weighted(0.8))
            .prop_map(|(index, up, address)| Happening::Link { index, up, address }),
        1 => prop_oneof![Just("V1"), Just("V2"), Just("V3")].prop_map(Happening::Removed),
        1 => (1..=255_u8, 0..3_usize, any::<bool>())
            .prop_map(|(priority, instances, grouped)| Happening::Reload { priority, instances, grouped }),
    ]
}

/// Does what a driver would, and fails when addresses are set or cleared without need.
fn perform(
    held: &mut BTreeMap<Name, bool>,
    actions: Actions,
    reloading: bool,
) -> Result<(), TestCaseError> {
    for action in actions {
        match action {
            Action::SetAddresses { instance } => {
                let before = held.insert(instance, true);
                prop_assert!(reloading || before != Some(true), "set twice");
            }
            Action::ClearAddresses { instance } => {
                let before = held.insert(instance, false);
                prop_assert_eq!(before, Some(true), "cleared without being set");
            }
            Action::Announce { instance, rounds } => {
                prop_assert!(
                    rounds > 0 && held.get(&instance) == Some(&true),
                    "announced without being held"
                );
            }
            Action::Remind { .. }
            | Action::Send { .. }
            | Action::Notify { .. }
            | Action::Log(_) => {}
        }
    }
    Ok(())
}

fn check(router: &Router, held: &BTreeMap<Name, bool>) -> Result<(), TestCaseError> {
    let view = router.view();
    for one in &view {
        prop_assert_eq!(
            one.state == StateView::Master,
            held.get(&one.name) == Some(&true)
        );
        prop_assert_eq!(
            one.stats.became_master - one.stats.released_master,
            u64::from(one.state == StateView::Master)
        );
    }
    for group in view.iter().filter_map(|one| one.group.as_ref()) {
        let members = view.iter().filter(|one| one.group.as_ref() == Some(group));
        let states: Vec<StateView> = members.map(|one| one.state).collect();
        prop_assert!(
            states.iter().all(|state| *state == states[0]),
            "a group that is not together: {:?}",
            states
        );
    }
    let running: usize = held.values().filter(|held| **held).count();
    prop_assert_eq!(
        running,
        view.iter()
            .filter(|one| one.state == StateView::Master)
            .count(),
        "left behind"
    );
    Ok(())
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(advert in any_advert()) {
        let parsed = Advert::parse(&advert.emit()).unwrap();
        prop_assert!(parsed.checksum_ok);
        prop_assert_eq!((parsed.kind, parsed.trailing), (1, 0));
        prop_assert_eq!(parsed.advert, advert);
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        if let Ok((header, payload)) = Header::parse(&bytes) {
            prop_assert!(payload.len() <= bytes.len());
            let again = header.emit(payload).unwrap();
            prop_assert_eq!(Header::parse(&again).unwrap(), (header, payload));
        }
        if let Ok(parsed) = Advert::parse(&bytes) {
            prop_assert_eq!(16 + parsed.advert.addresses.len() * 4 + parsed.trailing, bytes.len());
        }
    }

    #[test]
    fn any_sequence_of_events_keeps_the_laws(
        priority in 1..=255_u8,
        happenings in prop::collection::vec(any_happening(), 0..80),
    ) {
        let mut router = Router::new();
        let mut held = BTreeMap::new();
        let mut now = at(0);
        let mut interfaces = links();
        // What a start clears was left by another run.
        held.extend(["V1", "V2"].map(|name| (Name::from(name), true)));
        perform(&mut held, router.configure(now, pair(priority), &interfaces), false)?;
        check(&router, &held)?;
        for happening in happenings {
            let mut reloading = false;
            let actions = match happening {
                Happening::Wait(micros) => {
                    now = now + Micros::new(micros);
                    router.handle(now, Event::Timer)
                }
                Happening::WaitForTimer => {
                    now = router.deadline().map_or(now, |at| at.max(now));
                    let actions = router.handle(now, Event::Timer);
                    prop_assert!(router.deadline().is_none_or(|at| at > now), "a deadline that has passed");
                    actions
                }
                Happening::Advert { interface, vrid, last, priority } => {
                    let segment = u8::try_from(interface).unwrap() - 1;
                    let source = Ipv4Addr::new(10, 9, segment, last);
                    let advert = Advert {
                        vrid,
                        priority,
                        auth_type: 1,
                        interval: 1,
                        addresses: vec![Ipv4Addr::new(10, 9, segment, 100)],
                        auth_data: *b"secretlo",
                    };
                    let bytes = header(source).emit(&advert.emit()).unwrap();
                    router.handle(now, Event::Datagram { interface, bytes: &bytes })
                }
                Happening::Bytes { interface, bytes } => router.handle(now, Event::Datagram { interface, bytes: &bytes }),
                Happening::Link { index, up, address } => {
                    let facts = link(index, up);
                    let facts = Interface { source: facts.source.filter(|_| address), ..facts };
                    interfaces[usize::try_from(index).unwrap() - 1] = facts;
                    router.handle(now, Event::Link(facts))
                }
                Happening::Removed(instance) => router.handle(now, Event::AddressRemoved { instance }),
                Happening::Reload { priority, instances, grouped } => {
                    reloading = true;
                    let mut config = pair(priority);
                    config.instances.push(on("V3", 1, 53, 100));
                    config.instances.rotate_left(instances);
                    config.instances.truncate(2);
                    config.instances[0].priority = Priority::new(priority).unwrap();
                    if !grouped {
                        config.groups.clear();
                    }
                    router.configure(now, config, &interfaces)
                }
            };
            perform(&mut held, actions, reloading)?;
            check(&router, &held)?;
        }
        perform(&mut held, router.shutdown(now), false)?;
        prop_assert!(!held.values().any(|held| *held), "left behind by a clean stop");
        prop_assert!(router.configure(now, Config::default(), &interfaces).is_empty());
    }
}
