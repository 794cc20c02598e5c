//! Stories of one router. The log lines and their order are those that keepalived wrote in the same story.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::net::IpAddr;

use support::*;
use vrrp::{Action, Centis, Config, Event, Interface, Micros, Name, Router, StateView, Time};

#[test]
fn a_start_removes_leftovers_and_waits() {
    let mut router = Router::new();
    let actions = router.configure(at(10), alone(instance("V1", 100)), &links());
    assert_eq!(
        lines(actions),
        [
            "(V1) removing VIPs.",
            "clear V1",
            "(V1) Entering BACKUP STATE (init)",
            "notify V1 BACKUP 100"
        ]
    );
    assert_eq!(router.deadline(), Some(Time::new(13_609_375)));
}

#[test]
fn becoming_master_advertises_first() {
    let mut router = started(alone(instance("V1", 150)));
    let now = router.deadline().unwrap();
    assert_eq!(now, Time::new(3_414_062));
    let actions = router.handle(now, Event::Timer);
    let sent = Action::Send {
        instance: Name::from("V1"),
        interface: 1,
        vrf: 0,
        source: IpAddr::from([10, 9, 0, 1]),
        destination: IpAddr::from([224, 0, 0, 18]),
        ttl: Some(255),
        protocol: 112,
        identification: 0,
        // As captured from keepalived with the same configuration.
        payload: [
            &[
                0x21, 0x33, 0x96, 0x01, 0x01, 0x01, 0x94, 0xa1, 0x0a, 0x09, 0x00, 0x64,
            ],
            b"secretlo".as_slice(),
        ]
        .concat(),
    };
    assert!(actions.iter().any(|action| *action == sent), "{actions:?}");
    assert_eq!(
        lines(actions),
        [
            "(V1) Receive advertisement timeout",
            "send V1 150",
            "(V1) Entering MASTER STATE",
            "(V1) setting VIPs.",
            "set V1",
            "announce V1 5",
            "notify V1 MASTER 150",
        ]
    );
    assert_eq!(router.deadline(), Some(Time::new(4_414_062)));
}

#[test]
fn a_master_advertises_each_second_and_announces_again_after_five() {
    let (mut router, start) = master(alone(instance("V1", 150)));
    for second in 1..=4 {
        let now = start + Micros::from_secs(second);
        assert_eq!(router.deadline(), Some(now));
        assert_eq!(tick(&mut router, now), ["send V1 150"]);
    }
    assert_eq!(
        tick(&mut router, start + Micros::from_secs(5)),
        ["send V1 150", "announce V1 5"]
    );
    assert_eq!(
        tick(&mut router, start + Micros::from_secs(6)),
        ["send V1 150"]
    );
    // A driver that slept does not send what it missed.
    assert_eq!(
        tick(&mut router, start + Micros::from_secs(60)),
        ["send V1 150"]
    );
    assert_eq!(router.deadline(), Some(start + Micros::from_secs(61)));
}

#[test]
fn refreshes_come_at_their_period() {
    let mut config = instance("V1", 150);
    config.announce.refresh = Micros::new(2_500_000);
    config.announce.delay = Micros::ZERO;
    let (mut router, start) = master(alone(config));
    assert_eq!(
        tick(&mut router, start + Micros::new(2_500_000)),
        ["send V1 150", "announce V1 1"]
    );
    assert_eq!(
        tick(&mut router, start + Micros::new(5_000_000)),
        ["send V1 150", "announce V1 1"]
    );
}

#[test]
fn an_owner_is_master_at_once() {
    let mut router = Router::new();
    let actions = router.configure(at(0), alone(instance("V1", 255)), &links());
    assert_eq!(
        lines(actions),
        [
            "(V1) removing VIPs.",
            "clear V1",
            "(V1) Receive advertisement timeout",
            "send V1 255",
            "(V1) Entering MASTER STATE",
            "(V1) setting VIPs.",
            "set V1",
            "announce V1 5",
            "notify V1 MASTER 255",
        ]
    );
}

#[test]
fn a_backup_believes_its_betters_and_equals() {
    let mut router = started(alone(instance("V1", 100)));
    assert_eq!(
        hear(&mut router, at(1), 2, 150),
        ["(V1) master set to 10.9.0.2"]
    );
    assert_eq!(router.deadline(), Some(Time::new(4_609_375)));
    assert_eq!(
        hear(&mut router, at(2), 3, 100),
        ["(V1) master changed from 10.9.0.2 to 10.9.0.3"]
    );
    assert_eq!(router.deadline(), Some(Time::new(5_609_375)));
    assert_eq!(
        hear(&mut router, at(3), 4, 99),
        ["(V1) received lower priority (99) advert from 10.9.0.4 - discarding"]
    );
    assert_eq!(router.deadline(), Some(Time::new(5_609_375)));
    let view = &router.view()[0];
    assert_eq!(
        (view.master, view.master_priority),
        (Some(IpAddr::from([10, 9, 0, 3])), 100)
    );
    assert_eq!(view.stats.adverts_received, 3);
}

#[test]
fn priority_zero_leaves_the_skew_time_only() {
    let mut router = started(alone(instance("V1", 100)));
    assert_eq!(
        hear(&mut router, at(1), 2, 0),
        ["(V1) Backup received priority 0 advertisement"]
    );
    assert_eq!(router.deadline(), Some(Time::new(1_609_375)));
    assert_eq!(router.view()[0].stats.priority_zero_received, 1);
}

#[test]
fn nopreempt_bears_with_a_worse_master() {
    let mut router = started(alone(vrrp::InstanceConfig {
        nopreempt: true,
        ..instance("V1", 100)
    }));
    assert_eq!(
        hear(&mut router, at(1), 2, 1),
        ["(V1) master set to 10.9.0.2"]
    );
    assert_eq!(router.deadline(), Some(Time::new(4_609_375)));
}

#[test]
fn preempt_delay_runs_from_the_first_worse_advert() {
    // The story of keepalived with preempt_delay 5: discards in the sixth, seventh and eighth second, then takes over.
    let config = vrrp::InstanceConfig {
        preempt_delay: Micros::from_secs(5),
        ..instance("V1", 150)
    };
    let mut router = started(alone(config));
    assert_eq!(
        hear(&mut router, at(1), 2, 100),
        [
            "(V1) start preempt delay (5.000000)",
            "(V1) master set to 10.9.0.2"
        ]
    );
    for second in 2..=5 {
        assert!(hear(&mut router, at(second), 2, 100).is_empty());
    }
    assert_eq!(router.deadline(), Some(Time::new(8_414_062)));
    for second in 6..=8 {
        let discarding = ["(V1) received lower priority (100) advert from 10.9.0.2 - discarding"];
        assert_eq!(hear(&mut router, at(second), 2, 100), discarding);
    }
    assert_eq!(tick(&mut router, Time::new(8_414_062))[1], "send V1 150");
}

#[test]
fn a_better_master_cancels_the_preempt_delay() {
    let config = vrrp::InstanceConfig {
        preempt_delay: Micros::from_secs(5),
        ..instance("V1", 150)
    };
    let mut router = started(alone(config));
    assert_eq!(hear(&mut router, at(1), 2, 100).len(), 2);
    assert_eq!(
        hear(&mut router, at(4), 3, 200),
        ["(V1) master changed from 10.9.0.2 to 10.9.0.3"]
    );
    assert_eq!(
        hear(&mut router, at(7), 2, 100)[0],
        "(V1) start preempt delay (5.000000)"
    );
}

#[test]
fn a_master_yields_to_a_better_one_quietly() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    assert_eq!(
        hear(&mut router, now, 2, 150),
        [
            "(V1) Master received advert from 10.9.0.2 with higher priority 150, ours 100",
            "(V1) Entering BACKUP STATE",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 BACKUP 100",
        ]
    );
    assert_eq!(router.deadline(), Some(now + Micros::new(3_609_375)));
    let stats = &router.view()[0].stats;
    assert_eq!(
        (
            stats.became_master,
            stats.released_master,
            stats.priority_zero_sent
        ),
        (1, 1, 0)
    );
}

#[test]
fn higher_prio_send_advert_says_one_more() {
    let config = vrrp::InstanceConfig {
        higher_prio_send_advert: true,
        ..instance("V1", 100)
    };
    let (mut router, now) = master(alone(config));
    assert_eq!(hear(&mut router, now, 2, 150)[1], "send V1 100");
}

#[test]
fn among_equals_the_higher_address_wins() {
    let mut config = instance("V1", 100);
    config.source = Some(IpAddr::from([10, 9, 0, 5]));
    let (mut router, now) = master(alone(config));
    assert_eq!(
        hear(&mut router, now, 4, 100)[..2],
        [
            "(V1) Received advert from 10.9.0.4 with lower priority 100, ours 100, forcing new election",
            "send V1 100"
        ]
    );
    assert_eq!(router.view()[0].state, StateView::Master);
    assert_eq!(
        hear(&mut router, now, 6, 100)[..2],
        [
            "(V1) Master received advert from 10.9.0.6 with same priority 100 but higher IP address than ours",
            "(V1) Entering BACKUP STATE"
        ]
    );
}

#[test]
fn a_master_answers_a_worse_one() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    let now = now + Micros::new(300_000);
    assert_eq!(
        hear(&mut router, now, 2, 50),
        [
            "(V1) Received advert from 10.9.0.2 with lower priority 50, ours 100, forcing new election",
            "send V1 100",
            "announce V1 5",
            "notify V1 MASTER_RX_LOWER_PRI 100",
        ]
    );
    assert_eq!(router.deadline(), Some(now + Micros::from_secs(1)));
    assert_eq!(
        hear(&mut router, now, 2, 0),
        ["(V1) Master received priority 0 message", "send V1 100"]
    );
}

#[test]
fn lower_prio_no_advert_does_not_answer() {
    let mut config = instance("V1", 100);
    config.lower_prio_no_advert = true;
    config.announce.lower_prio_repeat = 0;
    let (mut router, now) = master(alone(config));
    assert_eq!(
        hear(&mut router, now, 2, 50)[1..],
        ["notify V1 MASTER_RX_LOWER_PRI 100"]
    );
}

#[test]
fn a_link_that_falls_is_a_fault_and_one_that_comes_back_is_not() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    assert_eq!(
        lines(router.handle(now, Event::Link(link(1, false)))),
        [
            "(V1) Entering FAULT STATE",
            "send V1 0",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 FAULT 100",
        ]
    );
    assert_eq!(router.deadline(), None);
    assert!(
        hear(&mut router, now, 2, 150).is_empty(),
        "in fault it hears nothing"
    );
    let no_address = Interface {
        index: 1,
        up: true,
        source: None,
        source6: None,
    };
    assert!(
        lines(router.handle(now, Event::Link(no_address))).is_empty(),
        "no address is a fault, too"
    );
    assert_eq!(
        lines(router.handle(now, Event::Link(link(1, true)))),
        ["(V1) Entering BACKUP STATE", "notify V1 BACKUP 100"]
    );
    assert_eq!(router.deadline(), Some(now + Micros::new(3_609_375)));
}

#[test]
fn a_configured_source_needs_no_address_on_the_interface() {
    let mut config = instance("V1", 100);
    config.source = Some(IpAddr::from([10, 9, 0, 7]));
    let mut router = Router::new();
    let actions = router.configure(
        at(0),
        alone(config),
        &[Interface {
            index: 1,
            up: true,
            source: None,
            source6: None,
        }],
    );
    assert!(lines(actions).contains(&"(V1) Entering BACKUP STATE (init)".to_owned()));
    let mut router = Router::new();
    let actions = router.configure(at(0), alone(instance("V1", 100)), &[]);
    assert_eq!(
        lines(actions)[2..],
        ["(V1) Entering FAULT STATE (init)", "notify V1 FAULT 100"]
    );
}

#[test]
fn an_address_taken_away_makes_it_take_over_again_after_the_skew_time() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    assert_eq!(
        lines(router.handle(now, Event::AddressRemoved { instance: "V1" })),
        [
            "(V1) Entering BACKUP STATE",
            "send V1 0",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 BACKUP 100",
        ]
    );
    assert_eq!(router.deadline(), Some(now + Micros::new(609_375)));
    assert!(lines(router.handle(now, Event::AddressRemoved { instance: "V1" })).is_empty());
    assert!(lines(router.handle(now, Event::AddressRemoved { instance: "V9" })).is_empty());
}

#[test]
fn a_stop_says_goodbye_then_reports_all() {
    let (mut router, now) = master(pair(100));
    assert_eq!(
        lines(router.shutdown(now)),
        [
            "send V1 0",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "clear V1",
            "send V2 0",
            "(V2) sent 0 priority",
            "(V2) removing VIPs.",
            "clear V2",
            "notify V1 STOP 100",
            "notify V2 STOP 100",
            "notify group G STOP 0",
        ]
    );
    assert_eq!(router.deadline(), None);
}

#[test]
fn a_reload_of_the_same_changes_nothing() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    let actions = router.configure(now, alone(instance("V1", 100)), &links());
    assert_eq!(lines(actions), ["send V1 100", "set V1"]);
    let mut router = started(alone(instance("V1", 100)));
    let actions = router.configure(at(1), alone(instance("V1", 100)), &links());
    assert!(actions.is_empty());
    assert_eq!(router.deadline(), Some(Time::new(3_609_375)));
}

#[test]
fn a_reload_keeps_a_master_and_announces_new_addresses() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    let mut config = instance("V1", 90);
    config.addresses.push(IpAddr::from([10, 9, 0, 101]));
    config.advert_interval = Centis::from_secs(2);
    let actions = router.configure(now, alone(config), &links());
    assert_eq!(
        lines(actions),
        [
            "send V1 90",
            "(V1) setting VIPs.",
            "set V1",
            "announce V1 5"
        ]
    );
    assert_eq!(router.deadline(), Some(now + Micros::from_secs(2)));
}

#[test]
fn a_reload_counts_a_backups_time_anew_when_its_timers_changed() {
    let mut router = started(alone(instance("V1", 100)));
    let mut config = instance("V1", 150);
    config.auth = vrrp::Auth::Simple(*b"newsecre");
    assert!(router.configure(at(1), alone(config), &links()).is_empty());
    assert_eq!(router.deadline(), Some(Time::new(4_414_062)));
    assert_eq!(
        hear(&mut router, at(2), 2, 200),
        ["(V1) received an invalid passwd from 10.9.0.2!"]
    );
}

#[test]
fn a_reload_adds_and_removes_instances() {
    let (mut router, now) = master(alone(instance("V1", 120)));
    let actions = router.configure(now, alone(on("V2", 1, 52, 120)), &links());
    assert_eq!(
        lines(actions),
        [
            "send V1 0",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 DELETED 120",
            "(V2) Entering BACKUP STATE (init)",
            "notify V2 BACKUP 120",
        ]
    );
    let moved = alone(on("V2", 2, 52, 120));
    let said = lines(router.configure(now, moved, &links()));
    assert_eq!(
        said,
        ["(V2) Entering BACKUP STATE (init)", "notify V2 BACKUP 120"]
    );
    let twice = Config {
        instances: vec![on("V2", 2, 52, 120), on("V2", 2, 53, 120)],
        ..Config::default()
    };
    assert!(router.configure(now, twice, &links()).is_empty());
    assert_eq!(router.view().len(), 1);
}
