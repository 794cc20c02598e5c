//! What is tracked moves priorities, keeps instances out, and lets them in again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use support::{alone, at, instance, lines, links, master, pair, started};
use vrrp::{Config, Event, InstanceConfig, Router, Standing, StateView, Time, Tracked, TrackerId};

const SCRIPT: TrackerId = TrackerId(7);

fn tracking(weight: i16) -> InstanceConfig {
    InstanceConfig {
        tracked: vec![Tracked {
            id: SCRIPT,
            weight,
            reverse: false,
        }],
        ..instance("V1", 100)
    }
}

fn stands(router: &mut Router, seconds: u64, standing: Standing) -> Vec<String> {
    let id = SCRIPT;
    lines(router.handle(at(seconds), Event::Tracked { id, standing }))
}

fn state(router: &Router) -> StateView {
    router.view()[0].state
}

#[test]
fn a_script_that_could_be_a_fault_is_waited_for() {
    let mut router = Router::new();
    let said = lines(router.configure(at(0), alone(tracking(0)), &links()));
    // Seen on keepalived 2.2.7: VIPs that were left are removed, and nothing is said of a state until the script has ended.
    assert_eq!(said, ["(V1) removing VIPs.", "clear V1"]);
    assert_eq!((state(&router), router.deadline()), (StateView::Init, None));
    let said = stands(&mut router, 2, Standing::Up);
    assert_eq!(said, ["(V1) Entering BACKUP STATE", "notify V1 BACKUP 100"]);
    assert_eq!(state(&router), StateView::Backup);
}

#[test]
fn or_its_failure_is_a_fault_from_which_success_leads_back() {
    let mut router = started(alone(tracking(0)));
    assert_eq!(
        stands(&mut router, 2, Standing::Down),
        ["(V1) Entering FAULT STATE", "notify V1 FAULT 100"]
    );
    assert!(stands(&mut router, 3, Standing::Down).is_empty());
    assert_eq!(
        stands(&mut router, 4, Standing::Up),
        ["(V1) Entering BACKUP STATE", "notify V1 BACKUP 100"]
    );
}

#[test]
fn an_owner_whose_script_succeeds_is_master_at_once() {
    let owner = InstanceConfig {
        priority: vrrp::Priority::OWNER,
        ..tracking(0)
    };
    let mut router = started(alone(owner));
    assert_eq!(state(&router), StateView::Init);
    stands(&mut router, 1, Standing::Up);
    assert_eq!(state(&router), StateView::Master);
}

#[test]
fn a_weight_moves_the_priority_of_the_next_adverts_and_is_told() {
    let (mut router, _) = master(alone(tracking(20)));
    assert_eq!(
        stands(&mut router, 10, Standing::Up),
        [
            "(V1) Changing effective priority from 100 to 120",
            "notify V1 MASTER_PRIORITY 120"
        ]
    );
    assert_eq!(router.view()[0].effective_priority, 120);
    let said = lines(router.handle(at(11), Event::Timer));
    // The second burst of announcements is due as well.
    assert_eq!(said, ["send V1 120", "announce V1 5"]);
    stands(&mut router, 12, Standing::Down);
    assert_eq!(router.view()[0].effective_priority, 100);
}

#[test]
fn a_better_backup_is_quicker_from_the_moment_on_that_it_is_better() {
    let mut router = started(alone(tracking(128)));
    let before = router.deadline().unwrap();
    stands(&mut router, 1, Standing::Up);
    // 128/256 of a second less of skew time.
    assert_eq!((before - router.deadline().unwrap()).get(), 500_000);
}

/// Found by seed 6469 of the simulation.
#[test]
fn one_that_is_better_all_at_once_is_due_now_and_not_in_the_past() {
    let mut router = started(alone(tracking(128)));
    // 0.1 s before its master-down time of 3.609375 s is over, half a second of it falls away.
    let late = Time::new(3_509_375);
    let (id, standing) = (SCRIPT, Standing::Up);
    let _ = router.handle(late, Event::Tracked { id, standing });
    assert_eq!(router.deadline(), Some(late));
    let _ = router.handle(late, Event::Timer);
    assert_eq!(state(&router), StateView::Master);
}

#[test]
fn an_owner_is_not_moved() {
    let owner = InstanceConfig {
        priority: vrrp::Priority::OWNER,
        ..tracking(-50)
    };
    let mut router = started(alone(owner));
    assert!(stands(&mut router, 1, Standing::Down).is_empty());
    assert_eq!(router.view()[0].effective_priority, 255);
}

#[test]
fn in_a_group_only_faults_of_members_count_unless_weights_are_to() {
    let grouped = |tracking_weight: bool, weight: i16| {
        let mut config: Config = pair(100);
        config.groups[0].tracking_weight = tracking_weight;
        config.instances[0].tracked = tracking(weight).tracked;
        config
    };
    let mut router = started(grouped(false, 20));
    stands(&mut router, 1, Standing::Up);
    assert_eq!(router.view()[0].effective_priority, 100);
    let mut router = started(grouped(true, 20));
    stands(&mut router, 1, Standing::Up);
    assert_eq!(router.view()[0].effective_priority, 120);
    assert_eq!(router.view()[1].effective_priority, 100);
    let mut router = started(grouped(false, 0));
    stands(&mut router, 1, Standing::Down);
    let states: Vec<StateView> = router.view().iter().map(|one| one.state).collect();
    assert_eq!(states, [StateView::Fault, StateView::Fault]);
}

#[test]
fn what_a_group_tracks_counts_for_each_of_its_members() {
    let mut config: Config = pair(100);
    config.groups[0].tracked = tracking(-20).tracked;
    let mut router = started(config);
    stands(&mut router, 1, Standing::Down);
    let priorities: Vec<u8> = router
        .view()
        .iter()
        .map(|one| one.effective_priority)
        .collect();
    assert_eq!(priorities, [80, 80]);
}

#[test]
fn a_reload_keeps_what_is_known_and_forgets_what_is_no_longer_tracked() {
    let mut router = started(alone(tracking(20)));
    stands(&mut router, 1, Standing::Up);
    let _ = router.configure(at(2), alone(tracking(30)), &links());
    assert_eq!(router.view()[0].effective_priority, 130);
    let _ = router.configure(at(3), alone(instance("V1", 100)), &links());
    assert_eq!(router.view()[0].effective_priority, 100);
    let _ = router.configure(at(4), alone(tracking(30)), &links());
    assert_eq!(router.view()[0].effective_priority, 100);
}

#[test]
fn a_script_added_at_a_reload_does_not_disturb_a_master_before_it_has_ended() {
    let (mut router, now) = master(alone(instance("V1", 100)));
    let _ = router.configure(now, alone(tracking(0)), &links());
    assert_eq!(state(&router), StateView::Master);
    stands(&mut router, 60, Standing::Down);
    assert_eq!(state(&router), StateView::Fault);
}
