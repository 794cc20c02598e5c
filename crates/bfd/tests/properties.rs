//! Any bytes, any events: no panic, and what the RFC says of every moment holds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU8, NonZeroU32};

use bfd::wire::{self, Control};
use bfd::{Action, Chance, Config, Diagnostic, Micros, Packet, Sessions, State, Time};
use proptest::prelude::*;

fn control() -> impl Strategy<Value = Control> {
    let flags = any::<[bool; 4]>();
    let numbers = (
        1u8..,
        1u32..,
        1u32..,
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
    );
    (0u8..32, 0u8..4, flags, numbers).prop_map(|(diagnostic, state, flags, numbers)| {
        let (multiplier, mine, yours, tx, rx, echo) = numbers;
        Control {
            diagnostic: Diagnostic::from_bits(diagnostic),
            state: State::from_bits(state),
            poll: flags[0],
            final_: flags[1],
            independent: flags[2],
            authenticated: false,
            demand: flags[3],
            multiplier: NonZeroU8::new(multiplier).unwrap(),
            mine: NonZeroU32::new(mine).unwrap(),
            yours: NonZeroU32::new(yours),
            desired_min_tx: Micros(tx),
            required_min_rx: Micros(rx),
            required_min_echo_rx: Micros(echo),
        }
    })
}

fn config(passive: bool, multiplier: u8, min_tx: u32) -> Config {
    Config {
        name: "s".into(),
        neighbour: IpAddr::from([192, 0, 2, 2]),
        source: None,
        multihop: false,
        min_rx: Micros(10_000),
        min_tx: Micros(min_tx),
        idle_tx: Micros(1_000_000),
        multiplier: NonZeroU8::new(multiplier).unwrap(),
        passive,
        least_ttl: None,
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// After so many microseconds, a packet; `true`: with our discriminator.
    Hear(u64, Control, bool),
    Junk(Vec<u8>),
    /// After so many microseconds.
    Timer(u64),
    Configure(u8, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..3_000_000, control(), any::<bool>()).prop_map(|(wait, control, ours)| Step::Hear(wait, control, ours)),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Junk),
        3 => (0u64..3_000_000).prop_map(Step::Timer),
        1 => (1u8.., 1_000u32..2_000_000).prop_map(|(multiplier, min_tx)| Step::Configure(multiplier, min_tx)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(control in control()) {
        prop_assert_eq!(wire::parse(&wire::emit(&control)), Ok(control));
    }

    #[test]
    fn any_bytes_are_a_packet_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(control) = wire::parse(&bytes)
            && !control.authenticated
        {
            let written = wire::emit(&control);
            prop_assert_eq!(written.as_slice(), &bytes[..]);
        }
    }

    #[test]
    fn any_events(passive in any::<bool>(), chance in any::<u16>(), steps in proptest::collection::vec(step(), 1..60)) {
        let chance = Chance(chance);
        let mut sessions = Sessions::new();
        let mut now = 0;
        let mut up = false;
        let mut actions = sessions.configure(Time::new(0), chance, vec![config(passive, 3, 10_000)], 1);
        let from = SocketAddr::from(([192, 0, 2, 2], 50_000));
        let hear = |sessions: &mut Sessions, now, bytes: &[u8]| {
            let to = IpAddr::from([192, 0, 2, 1]);
            let packet = Packet { from, to, ttl: 255, multihop: false, bytes };
            sessions.receive(Time::new(now), chance, &packet)
        };
        for step in steps {
            actions.extend(match step {
                Step::Hear(wait, control, ours) => {
                    now += wait;
                    let yours = if ours { NonZeroU32::new(1) } else { control.yours };
                    hear(&mut sessions, now, &wire::emit(&Control { yours, ..control }))
                }
                Step::Junk(bytes) => hear(&mut sessions, now, &bytes),
                Step::Timer(wait) => {
                    now += wait;
                    sessions.timer(Time::new(now), chance)
                }
                Step::Configure(multiplier, min_tx) => {
                    sessions.configure(Time::new(now), chance, vec![config(passive, multiplier, min_tx)], 1)
                }
            });
            for action in actions.drain(..) {
                match action {
                    Action::Turned { up: is, .. } => up = is,
                    Action::Send { packet, .. } => {
                        let sent = wire::parse(&packet).unwrap();
                        prop_assert!(!(sent.poll && sent.final_), "RFC 5880 6.5");
                        prop_assert!(
                            sent.state == State::Up || sent.desired_min_tx >= Micros(1_000_000),
                            "RFC 5880 6.8.3"
                        );
                        prop_assert!(!passive || sent.yours.is_some(), "RFC 5880 6.8.7");
                    }
                    Action::Log(_) => {}
                }
            }
            let view = sessions.view().remove(0);
            prop_assert_eq!(view.local.0 == State::Up, up);
        }
        // Nothing that is due stays due: a driver that calls at the deadline does not spin.
        let _ = sessions.timer(Time::new(now), chance);
        prop_assert!(sessions.deadline().is_none_or(|at| at > Time::new(now)));
    }
}
