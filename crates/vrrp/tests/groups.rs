//! Stories of a sync group. The log lines and their order are those that keepalived wrote in the same story.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use support::*;
use vrrp::{Config, Event, GroupConfig, Micros, Name, Router, StateView, Time};

fn states(router: &Router) -> Vec<StateView> {
    router.view().iter().map(|one| one.state).collect()
}

#[test]
fn a_group_starts_together_and_is_reported_first() {
    let mut router = Router::new();
    assert_eq!(
        lines(router.configure(at(0), pair(100), &links())),
        [
            "(V1) removing VIPs.",
            "clear V1",
            "(V2) removing VIPs.",
            "clear V2",
            "(V1) Entering BACKUP STATE (init)",
            "(V2) Entering BACKUP STATE (init)",
            "notify group G BACKUP 0",
            "notify V1 BACKUP 100",
            "notify V2 BACKUP 100",
        ]
    );
}

#[test]
fn the_last_member_to_time_out_takes_the_others_along() {
    let mut router = started(pair(100));
    let now = router.deadline().unwrap();
    assert_eq!(
        tick(&mut router, now),
        [
            "(V1) Receive advertisement timeout",
            "(V2) Receive advertisement timeout",
            "send V2 100",
            "(V2) Entering MASTER STATE",
            "(V2) setting VIPs.",
            "set V2",
            "announce V2 5",
            "notify V2 MASTER 100",
            "VRRP_Group(G) Syncing instances to MASTER state",
            "send V1 100",
            "(V1) Entering MASTER STATE",
            "(V1) setting VIPs.",
            "set V1",
            "announce V1 5",
            "notify V1 MASTER 100",
            "notify group G MASTER 0",
        ]
    );
}

#[test]
fn a_member_that_times_out_early_waits() {
    let mut config = pair(100);
    config.instances[0].priority = vrrp::Priority::new(200).unwrap();
    let mut router = started(config);
    assert_eq!(router.deadline(), Some(Time::new(3_218_750)));
    assert_eq!(
        tick(&mut router, Time::new(3_218_750)),
        ["(V1) Receive advertisement timeout"]
    );
    assert_eq!(states(&router), [StateView::Backup, StateView::Backup]);
    assert_eq!(router.deadline(), Some(Time::new(3_609_375)));
    let mut heard = router.clone();
    let said = tick(&mut router, Time::new(3_609_375));
    assert_eq!(said[0], "(V2) Receive advertisement timeout");
    assert_eq!(states(&router), [StateView::Master, StateView::Master]);
    // Had the waiting member heard a better master meanwhile, the other would wait for it.
    assert_eq!(
        hear(&mut heard, Time::new(3_300_000), 2, 250),
        ["(V1) master set to 10.9.0.2"]
    );
    assert_eq!(
        tick(&mut heard, Time::new(3_609_375)),
        ["(V2) Receive advertisement timeout"]
    );
    assert_eq!(states(&heard), [StateView::Backup, StateView::Backup]);
    assert_eq!(heard.deadline(), Some(Time::new(6_518_750)));
}

#[test]
fn one_that_yields_takes_the_others_along() {
    let (mut router, now) = master(pair(100));
    assert_eq!(
        hear(&mut router, now, 2, 140),
        [
            "(V1) Master received advert from 10.9.0.2 with higher priority 140, ours 100",
            "(V1) Entering BACKUP STATE",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 BACKUP 100",
            "VRRP_Group(G) Syncing instances to BACKUP state",
            "(V2) Entering BACKUP STATE",
            "(V2) removing VIPs.",
            "clear V2",
            "notify V2 BACKUP 100",
            "notify group G BACKUP 0",
        ]
    );
}

#[test]
fn a_worse_master_seen_by_one_makes_all_announce() {
    let (mut router, now) = master(pair(100));
    assert_eq!(
        hear(&mut router, now, 2, 50)[1..],
        [
            "send V1 100",
            "announce V1 5",
            "announce V2 5",
            "notify V1 MASTER_RX_LOWER_PRI 100"
        ]
    );
}

#[test]
fn a_fault_of_one_is_a_fault_of_all() {
    let (mut router, now) = master(pair(100));
    assert_eq!(
        lines(router.handle(now, Event::Link(link(2, false)))),
        [
            "(V2) Entering FAULT STATE",
            "send V2 0",
            "(V2) sent 0 priority",
            "(V2) removing VIPs.",
            "clear V2",
            "notify V2 FAULT 100",
            "VRRP_Group(G) Syncing instances to FAULT state",
            "(V1) Entering FAULT STATE",
            "send V1 0",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 FAULT 100",
            "notify group G FAULT 0",
        ]
    );
    assert!(lines(router.handle(now, Event::Link(link(1, false)))).is_empty());
    assert!(
        lines(router.handle(now, Event::Link(link(2, true)))).is_empty(),
        "the other link is still down"
    );
    let later = now + Micros::from_secs(7);
    let _ = router.handle(later, Event::Link(link(2, false)));
    let _ = router.handle(later, Event::Link(link(1, true)));
    assert_eq!(
        lines(router.handle(later, Event::Link(link(2, true)))),
        [
            "(V2) Entering BACKUP STATE",
            "notify V2 BACKUP 100",
            "VRRP_Group(G) Syncing instances to BACKUP state",
            "(V1) Entering BACKUP STATE",
            "notify V1 BACKUP 100",
            "notify group G BACKUP 0",
        ]
    );
}

#[test]
fn a_group_with_a_fault_starts_in_fault() {
    let mut router = Router::new();
    let said = lines(router.configure(at(0), pair(255), &[link(1, true), link(2, false)]));
    assert_eq!(
        said[4..],
        [
            "(V1) Entering FAULT STATE (init)",
            "(V2) Entering FAULT STATE (init)",
            "notify group G FAULT 0",
            "notify V1 FAULT 255",
            "notify V2 FAULT 255",
        ]
    );
}

#[test]
fn owners_start_as_masters_only_all_together() {
    assert_eq!(
        states(&started(pair(255))),
        [StateView::Master, StateView::Master]
    );
    let mut config = pair(255);
    config.instances[1].priority = vrrp::Priority::new(100).unwrap();
    assert_eq!(
        states(&started(config)),
        [StateView::Backup, StateView::Backup]
    );
}

#[test]
fn an_address_taken_from_one_makes_all_take_over_again() {
    let (mut router, now) = master(pair(100));
    let said = lines(router.handle(now, Event::AddressRemoved { instance: "V1" }));
    assert_eq!(
        said.iter()
            .filter(|line| line.ends_with("sent 0 priority"))
            .count(),
        2
    );
    assert_eq!(router.deadline(), Some(now + Micros::new(609_375)));
    let said = tick(&mut router, now + Micros::new(609_375));
    assert!(said.contains(&"(V1) Entering MASTER STATE".to_owned()));
    assert!(said.contains(&"(V2) Entering MASTER STATE".to_owned()));
}

#[test]
fn a_reload_that_groups_a_master_with_a_backup_makes_both_backup() {
    let mut config = pair(100);
    config.groups.clear();
    let mut router = started(config);
    assert_eq!(hear(&mut router, at(3), 2, 200).len(), 1);
    assert!(tick(&mut router, Time::new(3_609_375)).contains(&"set V2".to_owned()));
    assert_eq!(states(&router), [StateView::Backup, StateView::Master]);
    let said = lines(router.configure(at(4), pair(100), &links()));
    assert!(said.contains(&"clear V2".to_owned()), "{said:?}");
    assert_eq!(states(&router), [StateView::Backup, StateView::Backup]);
}

#[test]
fn a_reload_that_ungroups_frees_a_member_from_the_fault_of_another() {
    let mut router = started(pair(100));
    let _ = router.handle(at(1), Event::Link(link(2, false)));
    let mut config = pair(100);
    config.groups.clear();
    let said = lines(router.configure(at(2), config, &[link(1, true), link(2, false)]));
    assert_eq!(said, ["(V1) Entering BACKUP STATE", "notify V1 BACKUP 100"]);
    let groups = vec![GroupConfig::new(
        Name::from("X"),
        vec![Name::from("nobody")],
    )];
    let said = router.configure(
        at(3),
        Config {
            groups,
            ..pair(100)
        },
        &links(),
    );
    assert_eq!(
        lines(said),
        ["(V2) Entering BACKUP STATE", "notify V2 BACKUP 100"]
    );
}
