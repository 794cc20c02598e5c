//! What comes later than usual: the start, and a timer of a process that was stopped; and intervals that are not the same.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use support::{alone, at, hear, hear_bytes, instance, lines, links, master, tick};
use vrrp::wire::v3::{Addresses, Advert, Cover};
use vrrp::{
    Centis, Clocks, Config, Event, InstanceConfig, Micros, Priority, Router, StateView, Time,
    Version,
};

fn delayed(priority: u8) -> Config {
    Config {
        startup_delay: Micros::new(4_500_000),
        ..alone(instance("V1", priority))
    }
}

/// As keepalived 2.2.7: BACKUP at once, MASTER 4.5 s later than without it.
#[test]
fn a_start_that_is_put_off() {
    let mut router = Router::new();
    let said = lines(router.configure(at(0), delayed(100), &links()));
    assert_eq!(said[0], "Delaying startup for 4.5 seconds");
    assert!(said.contains(&"(V1) Entering BACKUP STATE (init)".to_owned()));
    assert_eq!(router.deadline(), Some(Time::new(4_500_000 + 3_609_375)));
    // A reload later does not put off anything.
    let said = lines(router.configure(at(20), delayed(100), &links()));
    assert!(
        !said.iter().any(|line| line.contains("Delaying")),
        "{said:?}"
    );
}

#[test]
fn nobody_becomes_master_before_the_delay_is_over() {
    let mut router = Router::new();
    let _ = router.configure(at(0), delayed(100), &links());
    let _ = hear(&mut router, at(1), 2, 150);
    let _ = hear(&mut router, at(1), 2, 0);
    assert_eq!(router.deadline(), Some(Time::new(4_500_000)));
    assert!(tick(&mut router, at(4)).is_empty());
    let _ = tick(&mut router, Time::new(4_500_000));
    assert_eq!(router.view()[0].state, StateView::Master);
}

/// As keepalived 2.2.7: silence, then MASTER.
#[test]
fn an_owner_whose_start_is_put_off() {
    let mut router = Router::new();
    let said = lines(router.configure(at(0), delayed(255), &links()));
    assert_eq!(
        said,
        [
            "Delaying startup for 4.5 seconds",
            "(V1) removing VIPs.",
            "clear V1"
        ]
    );
    assert_eq!(router.deadline(), Some(Time::new(4_500_000)));
    let said = tick(&mut router, Time::new(4_500_000));
    assert_eq!(
        said[..2],
        ["(V1) Receive advertisement timeout", "send V1 255"]
    );
}

#[test]
fn a_start_soon_after_the_boot_is_put_off() {
    let config = || Config {
        startup_delay: Micros::from_secs(2),
        delay_after_boot: Micros::from_secs(60),
        ..alone(instance("V1", 100))
    };
    for (up, delay) in [(50, "10"), (59, "2"), (3600, "2")] {
        let mut router = Router::new();
        router.set_clocks(Clocks {
            wall: Micros::ZERO,
            boot: Micros::from_secs(up),
        });
        let said = lines(router.configure(at(0), config(), &links()));
        assert_eq!(said[0], format!("Delaying startup for {delay} seconds"));
    }
}

fn stubborn(nopreempt: bool) -> Config {
    alone(InstanceConfig {
        nopreempt,
        timer_expired_backup: Priority::new(200),
        ..instance("V1", 100)
    })
}

/// A backup of priority 200 waits 3.21875 s after the last advert; ours was due 1 s after it.
#[test]
fn a_master_that_slept_too_long_is_backup_with_nopreempt() {
    for (late, still) in [(2_218_749, true), (2_218_750, false)] {
        let (mut router, now) = master(stubborn(true));
        let due = router.deadline().unwrap();
        assert_eq!(due, now + Micros::from_secs(1));
        let said = tick(&mut router, due + Micros::new(late));
        if still {
            assert_eq!(said, ["send V1 100"]);
            continue;
        }
        assert_eq!(
            said,
            [
                "(V1) VRRP thread timer expired 2.218750 seconds ago, another router will have taken over",
                "(V1) Entering BACKUP STATE",
                "(V1) removing VIPs.",
                "clear V1",
                "notify V1 BACKUP 100"
            ]
        );
    }
    let (mut router, _) = master(stubborn(false));
    let due = router.deadline().unwrap();
    assert_eq!(
        tick(&mut router, due + Micros::from_secs(10))[0],
        "send V1 100"
    );
}

fn version_3(priority: u8) -> Config {
    alone(InstanceConfig {
        version: Version::V3,
        auth: vrrp::Auth::None,
        ..instance("V1", priority)
    })
}

fn hear_version_3(router: &mut Router, now: Time, priority: u8, interval: u16) -> Vec<String> {
    let advert = Advert {
        vrid: 51,
        priority,
        interval,
        addresses: Addresses::V4(vec![[10, 9, 0, 100].into()]),
    };
    let cover = Cover::Pseudo {
        source: [10, 9, 0, 2].into(),
        destination: [224, 0, 0, 18].into(),
    };
    hear_bytes(router, now, 2, &advert.emit(cover))
}

/// As keepalived 2.2.7.
#[test]
fn a_backup_of_version_3_waits_by_the_masters_interval() {
    let mut router = Router::new();
    let _ = router.configure(at(0), version_3(100), &links());
    assert_eq!(
        hear_version_3(&mut router, at(1), 150, 50),
        [
            "(V1) advertisement interval updated from 1000ms to 500ms by master",
            "(V1) master set to 10.9.0.2"
        ]
    );
    assert!(hear_version_3(&mut router, at(2), 150, 50).is_empty());
    // 3 * 0.5 s, and 156/256 of 0.5 s.
    let due = at(2) + Micros::new(1_500_000 + 304_687);
    assert_eq!(router.deadline(), Some(due));
    let said = tick(&mut router, due);
    assert_eq!(
        said[2..4],
        [
            "(V1) Entering MASTER STATE",
            "(V1) changing advert interval from 500ms to locally configured 1000ms"
        ]
    );
    assert_eq!(
        router.deadline(),
        Some(due + Micros::from(Centis::new(100)))
    );
    let said = hear_version_3(&mut router, due, 150, 200);
    assert!(
        said.contains(
            &"(V1) advertisement interval updated from 1000ms to 2000ms by master".to_owned()
        ),
        "{said:?}"
    );
}

#[test]
fn foreign_virtual_routers_are_logged_once_where_that_is_asked_for() {
    for log in [true, false] {
        let mut router = Router::new();
        let config = Config {
            log_unknown_vrids: log,
            ..alone(InstanceConfig {
                vrid: vrrp::Vrid::new(52).unwrap(),
                ..instance("V1", 100)
            })
        };
        let _ = router.configure(at(0), config, &links());
        let said = hear(&mut router, at(1), 2, 100);
        let line = "Unknown VRID(51) received on interface number 1. ignoring... (from 10.9.0.2; further ones are only counted)";
        assert_eq!(said, if log { vec![line] } else { vec![] });
        assert!(hear(&mut router, at(2), 3, 100).is_empty());
        let strays = router.strays().rejects().map(|(_, count)| count);
        assert_eq!(strays.sum::<u64>(), 2);
    }
}

#[test]
fn no_accept_is_said_before_the_addresses() {
    let mut router = Router::new();
    let config = alone(InstanceConfig {
        accept: false,
        ..instance("V1", 100)
    });
    let said = lines(router.configure(at(0), config, &links()));
    assert_eq!(said[2], "(V1) removing firewall drop rule");
    let due = router.deadline().unwrap();
    let said = lines(router.handle(due, Event::Timer));
    assert_eq!(
        said[3..6],
        [
            "(V1) setting firewall drop rule",
            "(V1) setting VIPs.",
            "set V1"
        ]
    );
}
