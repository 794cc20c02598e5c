//! Routers that own their addresses (priority 255): two of them, and one that heeds nobody.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use support::{alone, hear, instance, master, tick};
use vrrp::{InstanceConfig, Micros, RejectKind, Router, StateView};

const ERROR: &str = "(V1) CONFIGURATION ERROR: local instance and a remote instance are both configured as address owner, please fix";

fn priority(router: &Router) -> (StateView, u8) {
    let one = &router.view()[0];
    (one.state, one.effective_priority)
}

/// We are 10.9.0.1. As keepalived 2.2.7, but for the last part of the first line.
#[test]
fn the_lower_address_falls_to_254_and_yields() {
    let (mut router, now) = master(alone(instance("V1", 255)));
    assert_eq!(
        hear(&mut router, now, 2, 255)[..3],
        [
            format!("{ERROR} - reducing local priority (10.9.0.2 is the other)"),
            "(V1) Master received advert from 10.9.0.2 with higher priority 255, ours 254"
                .to_owned(),
            "(V1) Entering BACKUP STATE".to_owned(),
        ]
    );
    assert_eq!(priority(&router), (StateView::Backup, 254));
    // It waits like a router of 254, and owns its addresses again when the other has gone.
    let due = router.deadline().unwrap();
    assert_eq!(due, now + Micros::new(3_007_812));
    assert!(tick(&mut router, due).contains(&"send V1 255".to_owned()));
    assert_eq!(priority(&router), (StateView::Master, 255));
}

#[test]
fn the_higher_address_stays_unless_the_other_does_not_yield() {
    let (mut router, start) = master(alone(instance("V1", 255)));
    let said = hear(&mut router, start, 0, 255);
    assert_eq!(said[0], format!("{ERROR} (10.9.0.0 is the other)"));
    assert!(said[1].contains("forcing new election"), "{said:?}");
    let mut now = start;
    let mut fell = None;
    for _ in 0..10 {
        now = now + Micros::from_secs(1);
        let said = hear(&mut router, now, 0, 255);
        if said[0].starts_with(ERROR) {
            fell = Some(said[..3].to_vec());
            break;
        }
        assert!(said[0].contains("forcing new election"), "{said:?}");
    }
    assert_eq!(
        fell.unwrap(),
        [
            format!("{ERROR} - reducing local priority (10.9.0.0 is the other)"),
            "(V1) Master received advert from 10.9.0.0 with higher priority 255, ours 254"
                .to_owned(),
            "(V1) Entering BACKUP STATE".to_owned(),
        ]
    );
    // Longer than a backup waits (3.003906 s).
    assert_eq!(now, start + Micros::from_secs(4));
}

/// One that yields sends nothing more; what it does much later is another matter.
#[test]
fn a_rival_that_went_is_forgotten() {
    let (mut router, now) = master(alone(instance("V1", 255)));
    let _ = hear(&mut router, now, 0, 255);
    let much_later = now + Micros::from_secs(3600);
    let said = hear(&mut router, much_later, 0, 255);
    assert!(said[0].contains("forcing new election"), "{said:?}");
    assert_eq!(priority(&router), (StateView::Master, 255));
}

#[test]
fn owner_ignore_adverts() {
    let config = |priority| InstanceConfig {
        owner_ignore_adverts: true,
        ..instance("V1", priority)
    };
    let (mut router, now) = master(alone(config(255)));
    assert_eq!(
        hear(&mut router, now, 2, 255),
        ["(V1) Dropping packet(s) from 10.9.0.2 since we are address owner"]
    );
    assert!(hear(&mut router, now, 2, 100).is_empty());
    assert_eq!(priority(&router), (StateView::Master, 255));
    let stats = &router.view()[0].stats;
    assert_eq!(stats.rejected(RejectKind::OwnerIgnores), 2);
    // Who is no owner heeds others.
    let (mut router, now) = master(alone(config(254)));
    let _ = hear(&mut router, now, 2, 255);
    assert_eq!(priority(&router), (StateView::Backup, 254));
}
