//! Any bytes as BFD packets, any order of packets, timers and reloads: no panic, no timer that is due for ever.
#![no_main]

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;

use bfd::{Chance, Config, Micros, Packet, Sessions, Time, wire};
use libfuzzer_sys::fuzz_target;

fn config(byte: u8) -> Config {
    Config {
        name: "s".into(),
        neighbour: IpAddr::from([192, 0, 2, 2]),
        source: None,
        multihop: byte & 1 != 0,
        min_rx: Micros(u32::from(byte) * 1000 + 1000),
        min_tx: Micros(u32::from(byte) * 777 + 1000),
        idle_tx: Micros(1_000_000),
        multiplier: NonZeroU8::new(byte).unwrap_or(NonZeroU8::MIN),
        passive: byte & 2 != 0,
        least_ttl: (byte & 4 != 0).then_some(255),
    }
}

// Each step: what, a wait, a length, bytes.
fuzz_target!(|data: &[u8]| {
    // What stands behind the packet is not kept.
    if let Ok(control) = wire::parse(data)
        && data.len() == wire::LENGTH
    {
        assert_eq!(wire::emit(&control), data);
    }
    let mut sessions = Sessions::new();
    let mut now = 0u64;
    drop(sessions.configure(Time::new(0), Chance(0), vec![config(0)], 1));
    let mut rest = data;
    while let Some((&[what, wait, draw], after)) = rest.split_first_chunk::<3>() {
        rest = after;
        now += u64::from(wait) * 10_000;
        let (at, chance) = (Time::new(now), Chance(u16::from(draw) << 8));
        match what % 4 {
            0 => drop(sessions.configure(at, chance, vec![config(draw)], u32::from(wait))),
            1 => drop(sessions.timer(at, chance)),
            _ => {
                let (bytes, after) = rest.split_at(rest.len().min(wire::LENGTH));
                rest = after;
                drop(sessions.receive(
                    at,
                    chance,
                    &Packet {
                        from: SocketAddr::from(([192, 0, 2, 2], 49_152)),
                        to: IpAddr::from([192, 0, 2, 1]),
                        ttl: draw | 0xf0,
                        multihop: draw & 1 != 0,
                        bytes,
                    },
                ));
            }
        }
    }
    drop(sessions.timer(Time::new(now), Chance(0)));
    assert!(sessions.deadline().is_none_or(|at| at > Time::new(now)));
});
