//! An operator has a router give mastership away, and take it back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use support::*;
use vrrp::{Event, HandoverRefusal, InstanceConfig, Micros, Router, StateView, Time};

fn ask(router: &mut Router, now: Time, back: bool) -> Vec<String> {
    router.may_hand_over("V1", back).unwrap();
    let instance = "V1";
    lines(router.handle(now, Event::Handover { instance, back }))
}

#[test]
fn a_master_goes_with_priority_zero_bears_with_the_next_one_and_comes_back_within_its_skew_time() {
    let (mut router, start) = master(alone(instance("V1", 150)));
    assert_eq!(
        ask(&mut router, start, false),
        [
            "(V1) Operator hands mastership over; standing back until another master is gone",
            "(V1) Entering BACKUP STATE",
            "send V1 0",
            "(V1) sent 0 priority",
            "(V1) removing VIPs.",
            "clear V1",
            "notify V1 BACKUP 150",
        ]
    );
    assert!(router.view()[0].standing_back);
    let mut now = start + Micros::new(700_000);
    hear(&mut router, now, 2, 100);
    for _ in 0..10 {
        now = now + Micros::from_secs(1);
        assert!(hear(&mut router, now, 2, 100).is_empty());
    }
    assert_eq!(
        ask(&mut router, now, true),
        ["(V1) Operator takes mastership back"]
    );
    // RFC 3768 6.1: (256 - 150) / 256 s.
    let due = router.deadline().unwrap();
    assert_eq!(due, now + Micros::new(414_062));
    hear(&mut router, now + Micros::new(400_000), 2, 100);
    assert_eq!(
        router.deadline(),
        Some(due),
        "a worse master delays it no more"
    );
    let _ = router.handle(due, Event::Timer);
    let view = &router.view()[0];
    assert_eq!((view.state, view.standing_back), (StateView::Master, false));
}

#[test]
fn nopreempt_does_not_keep_it_from_coming_back() {
    let config = InstanceConfig {
        nopreempt: true,
        ..instance("V1", 150)
    };
    let (mut router, start) = master(alone(config));
    ask(&mut router, start, false);
    let now = start + Micros::from_secs(1);
    hear(&mut router, now, 2, 100);
    ask(&mut router, now, true);
    let due = router.deadline().unwrap();
    hear(&mut router, now + Micros::new(400_000), 2, 100);
    assert_eq!(router.deadline(), Some(due));
}

#[test]
fn where_nobody_takes_over_it_is_master_again_and_stands_back_no_more() {
    let (mut router, start) = master(alone(instance("V1", 150)));
    ask(&mut router, start, false);
    let due = router.deadline().unwrap();
    assert_eq!(due, start + Micros::new(3_414_062));
    let said = tick(&mut router, due);
    assert!(
        said.contains(&"(V1) Nobody took over, so mastership is ours again".to_owned()),
        "{said:?}"
    );
    hear(&mut router, due + Micros::from_secs(1), 2, 100);
    assert_eq!(router.view()[0].state, StateView::Master);
}

#[test]
fn it_outlives_a_reload() {
    let (mut router, start) = master(alone(instance("V1", 150)));
    ask(&mut router, start, false);
    let _ = router.configure(
        start + Micros::from_secs(1),
        alone(instance("V1", 160)),
        &links(),
    );
    assert!(router.view()[0].standing_back);
}

#[test]
fn a_group_goes_and_comes_together() {
    let (mut router, start) = master(pair(150));
    ask(&mut router, start, false);
    let states =
        |router: &Router| -> Vec<StateView> { router.view().iter().map(|one| one.state).collect() };
    assert_eq!(states(&router), [StateView::Backup, StateView::Backup]);
    ask(&mut router, start + Micros::from_secs(1), true);
    while states(&router).contains(&StateView::Backup) {
        let due = router.deadline().unwrap();
        let _ = router.handle(due, Event::Timer);
    }
    assert!(router.view().iter().all(|one| !one.standing_back));
}

#[test]
fn what_cannot_be_is_refused() {
    let (mut router, start) = master(alone(instance("V1", 150)));
    let refused = |router: &Router, name, back| router.may_hand_over(name, back).unwrap_err();
    assert_eq!(
        refused(&router, "V9", false),
        HandoverRefusal::Unknown("V9".into())
    );
    assert_eq!(
        refused(&router, "V1", true),
        HandoverRefusal::Master("V1".into())
    );
    ask(&mut router, start, false);
    assert_eq!(
        refused(&router, "V1", false),
        HandoverRefusal::NoMaster("V1".into())
    );
    hear(&mut router, start + Micros::from_secs(1), 2, 200);
    assert_eq!(
        refused(&router, "V1", true).to_string(),
        "10.9.0.2 is master with priority 200 and V1 has 150: hand over there"
    );
    let (owner, _) = (started(alone(instance("V1", 255))), ());
    assert_eq!(
        refused(&owner, "V1", false),
        HandoverRefusal::Owner("V1".into())
    );
}
