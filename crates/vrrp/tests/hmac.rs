//! Signed adverts: who is believed, and what each reject says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use support::{alone, at, instance, lines, links};
use vrrp::wire::ipv4::Header;
use vrrp::{
    Action, AntiReplay, Auth, AuthHmac, Clocks, Event, HmacKey, HmacMode, InstanceConfig, Micros,
    Priority, RejectKind, Router, StateView, Time, Version,
};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";
/// 2026-11-18, in seconds.
const EPOCH: u64 = 1_795_000_000;

fn auth(mode: HmacMode) -> AuthHmac {
    AuthHmac {
        keys: vec![HmacKey {
            id: 1,
            secret: SECRET.to_vec(),
        }],
        active: 1,
        window: Micros::from_secs(5),
        replay: AntiReplay::Time,
        mode,
    }
}

fn config(version: Version, auth: AuthHmac, priority: u8) -> InstanceConfig {
    InstanceConfig {
        version,
        auth: Auth::Hmac(Arc::new(auth)),
        ..instance("V1", priority)
    }
}

fn clocks(seconds: u64) -> Clocks {
    Clocks {
        wall: Micros::new(seconds * 1_000_000),
        boot: Micros::from_secs(100),
    }
}

fn router(config: InstanceConfig, wall: u64) -> Router {
    let mut router = Router::new();
    router.set_clocks(clocks(wall));
    let _ = router.configure(at(0), alone(config), &links());
    router
}

/// What a peer with this configuration and clock would send as master at that time, as a packet from 10.9.0.2.
fn sent(config: InstanceConfig, wall: u64, now: Time) -> Vec<u8> {
    let owner = InstanceConfig {
        priority: Priority::OWNER,
        source: Some([10, 9, 0, 2].into()),
        ..config
    };
    let mut router = Router::new();
    router.set_clocks(clocks(wall));
    let actions = router.configure(now, alone(owner), &links());
    let payload = actions
        .into_iter()
        .find_map(|action| match action {
            Action::Send { payload, .. } => Some(payload),
            _ => None,
        })
        .unwrap();
    let header = Header {
        identification: 0,
        ttl: 255,
        protocol: 112,
        source: [10, 9, 0, 2].into(),
        destination: [224, 0, 0, 18].into(),
    };
    header.emit(&payload).unwrap()
}

fn hear(router: &mut Router, now: Time, bytes: &[u8]) -> Vec<String> {
    let interface = 1;
    lines(router.handle(now, Event::Datagram { interface, bytes }))
}

/// What becomes of a packet: believed, or the kind of its reject.
fn fate(router: &mut Router, now: Time, bytes: &[u8]) -> Option<RejectKind> {
    let before = router.view()[0].stats.clone();
    hear(router, now, bytes);
    let after = router.view()[0].stats.clone();
    if after.adverts_received > before.adverts_received {
        return None;
    }
    let mut kinds = after.rejects();
    let kind = kinds.find(|(kind, count)| before.rejected(*kind) < *count);
    Some(kind.unwrap().0)
}

#[test]
fn signed_adverts_are_believed_in_both_versions() {
    for version in [Version::V2, Version::V3] {
        let config = config(version, auth(HmacMode::Enforce), 100);
        let packet = sent(config.clone(), EPOCH, at(1));
        assert_eq!(
            packet.len(),
            20 + 28 + if version == Version::V2 { 20 } else { 12 }
        );
        let mut router = router(config, EPOCH);
        assert_eq!(fate(&mut router, at(1), &packet), None);
    }
}

#[test]
fn each_reject_has_its_reason() {
    let ours = config(Version::V3, auth(HmacMode::Enforce), 100);
    let mut router = router(ours.clone(), EPOCH);
    let bare = InstanceConfig {
        auth: Auth::None,
        ..ours.clone()
    };
    let unsigned = sent(bare, EPOCH, at(1));
    assert_eq!(
        fate(&mut router, at(1), &unsigned),
        Some(RejectKind::SealMissing)
    );
    let good = sent(ours.clone(), EPOCH, at(1));
    let mut malformed = good.clone();
    malformed[20 + 12] = 9;
    assert_eq!(
        fate(&mut router, at(1), &malformed),
        Some(RejectKind::SealMalformed)
    );
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(
        fate(&mut router, at(1), &forged),
        Some(RejectKind::SealInvalid)
    );
    let mut keys = auth(HmacMode::Enforce);
    keys.keys[0].id = 2;
    keys.active = 2;
    let strange = sent(config(Version::V3, keys, 100), EPOCH, at(1));
    assert_eq!(
        fate(&mut router, at(1), &strange),
        Some(RejectKind::SealKey)
    );
    for wall in [EPOCH - 6, EPOCH + 6] {
        let stale = sent(ours.clone(), wall, at(1));
        assert_eq!(
            fate(&mut router, at(1), &stale),
            Some(RejectKind::SealStale)
        );
    }
    assert_eq!(fate(&mut router, at(1), &good), None);
    assert_eq!(
        fate(&mut router, at(1), &good),
        Some(RejectKind::SealReplay)
    );
    let later = sent(ours, EPOCH, at(2));
    assert_eq!(fate(&mut router, at(2), &later), None);
}

#[test]
fn keys_rotate_without_a_gap() {
    let both = |active| AuthHmac {
        keys: vec![
            HmacKey {
                id: 1,
                secret: SECRET.to_vec(),
            },
            HmacKey {
                id: 2,
                secret: OTHER.to_vec(),
            },
        ],
        active,
        ..auth(HmacMode::Enforce)
    };
    let mut router = router(config(Version::V3, both(1), 100), EPOCH);
    let old = sent(config(Version::V3, both(1), 100), EPOCH, at(1));
    assert_eq!(fate(&mut router, at(1), &old), None);
    let new = sent(config(Version::V3, both(2), 100), EPOCH, at(2));
    assert_eq!(fate(&mut router, at(2), &new), None);
}

#[test]
fn modes_take_unsigned_adverts_and_sign_or_not() {
    let unsigned = InstanceConfig {
        auth: Auth::None,
        ..config(Version::V3, auth(HmacMode::Enforce), 100)
    };
    let packet = sent(unsigned, EPOCH, at(1));
    for (mode, signs) in [(HmacMode::Permissive, true), (HmacMode::ReceiveOnly, false)] {
        let ours = config(Version::V3, auth(mode), 100);
        let mut router = router(ours.clone(), EPOCH);
        assert_eq!(fate(&mut router, at(1), &packet), None, "{mode:?}");
        let length = sent(ours, EPOCH, at(1)).len();
        assert_eq!(length > packet.len(), signs, "{mode:?}");
    }
}

#[test]
fn what_is_signed_grows_also_when_the_clock_is_set_back() {
    let owner = InstanceConfig {
        priority: Priority::OWNER,
        source: Some([10, 9, 0, 2].into()),
        ..config(Version::V3, auth(HmacMode::Enforce), 100)
    };
    let mut sender = Router::new();
    sender.set_clocks(clocks(EPOCH));
    let mut receiver = router(config(Version::V3, auth(HmacMode::Enforce), 100), EPOCH);
    let packet = |actions: vrrp::Actions| {
        let payload = actions.into_iter().find_map(|action| match action {
            Action::Send { payload, .. } => Some(payload),
            _ => None,
        });
        let header = Header {
            identification: 0,
            ttl: 255,
            protocol: 112,
            source: [10, 9, 0, 2].into(),
            destination: [224, 0, 0, 18].into(),
        };
        header.emit(&payload.unwrap()).unwrap()
    };
    let first = packet(sender.configure(at(0), alone(owner), &links()));
    assert_eq!(fate(&mut receiver, at(0), &first), None);
    sender.set_clocks(clocks(EPOCH - 4));
    for second in 1..4 {
        let next = packet(sender.handle(at(second), Event::Timer));
        assert_eq!(fate(&mut receiver, at(second), &next), None, "{second}");
    }
    assert_eq!(receiver.view()[0].state, StateView::Backup);
}

#[test]
fn a_clock_that_is_off_by_more_than_half_the_window_is_complained_of_once() {
    let ours = config(Version::V3, auth(HmacMode::Enforce), 100);
    let mut router = router(ours.clone(), EPOCH);
    let skewed = |second| sent(ours.clone(), EPOCH + 3, at(second));
    let said = hear(&mut router, at(1), &skewed(1));
    let complaint = "(V1) clock of 10.9.0.2 is 3.000000 s off ours, more than half of time_window: set the clocks";
    assert!(said.iter().any(|line| line == complaint), "{said:?}");
    let said = hear(&mut router, at(2), &skewed(2));
    assert!(!said.iter().any(|line| line == complaint), "{said:?}");
}

#[test]
fn keys_do_not_print() {
    let shown = format!("{:?}", config(Version::V3, auth(HmacMode::Enforce), 100));
    assert!(
        !shown.contains("48, 49") && !shown.contains("0123"),
        "{shown}"
    );
}
