//! Any bytes as a configuration and a sequence of what happens to a router, on virtual time.
//!
//! What must hold: no panic; addresses are set and cleared in turn, and announced only while they are set; a master holds its
//! addresses, and nobody else does; a timer that was handled lies in the future; a stop gives everything back.

#![no_main]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use vrrp::wire::ah::{self, Authentic};
use vrrp::wire::hmac::{Signed, Stamp, Trailer};
use vrrp::wire::ipv4::Header;
use vrrp::wire::v3::{Addresses, Cover};
use vrrp::wire::{v2, v3};
use vrrp::{
    Action, Actions, AntiReplay, Auth, AuthHmac, Centis, Clocks, Config, Event, GroupConfig,
    HmacKey, HmacMode, InstanceConfig, Interface, MULTICAST_GROUP, Micros, Name, Priority, Router,
    Standing, StateView, Time, Tracked, TrackerId, Version, Vrid,
};

const PASSWORD: &[u8; 8] = b"secretlo";
const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const NAMES: [&str; 4] = ["A", "B", "C", "D"];
const WALL: u64 = 1_795_000_000_000_000;

/// The bytes that are left.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Only after the configuration is missing bytes zero.
    fn any(&mut self) -> u8 {
        self.byte().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        u64::from(u16::from_be_bytes([self.any(), self.any()]))
    }

    fn some(&mut self) -> &'a [u8] {
        let length = usize::from(self.any()).min(self.0.len());
        let (some, rest) = self.0.split_at(length);
        self.0 = rest;
        some
    }
}

struct World {
    router: Router,
    config: Config,
    links: [Interface; 2],
    now: u64,
    held: BTreeMap<Name, bool>,
}

fuzz_target!(|input: &[u8]| {
    let mut bytes = Bytes(input);
    let mut world = World {
        router: Router::new(),
        config: config(&mut bytes),
        links: [1, 2].map(|index| link(index, true, true)),
        now: 0,
        held: BTreeMap::new(),
    };
    world.router.set_clocks(Clocks {
        wall: Micros::new(WALL),
        boot: Micros::from_secs(60),
    });
    world.configure();
    while let Some(what) = bytes.byte() {
        world.step(what, &mut bytes);
    }
    let actions = world.router.shutdown(Time::new(world.now));
    world.perform(actions, false);
    assert!(!world.held.values().any(|held| *held), "left behind");
});

fn link(index: u32, up: bool, addressed: bool) -> Interface {
    let last = u8::try_from(index).expect("two of them");
    Interface {
        index,
        up,
        source: addressed.then_some(Ipv4Addr::new(10, 9, last, 1)),
        source6: None,
    }
}

fn config(bytes: &mut Bytes<'_>) -> Config {
    let general = bytes.any();
    let count = usize::from(general & 3) + 1;
    let instances: Vec<InstanceConfig> = NAMES
        .into_iter()
        .take(count)
        .map(|name| instance(name, bytes))
        .collect();
    let group = instances.iter().map(|one| Name::clone(&one.name));
    let groups = vec![GroupConfig::new(Name::from("G"), group.take(2).collect())];
    Config {
        instances,
        groups: if general & 4 == 0 { Vec::new() } else { groups },
        startup_delay: Micros::new(u64::from(general >> 4) * 300_000),
        log_unknown_vrids: general & 8 != 0,
        ..Config::default()
    }
}

fn instance(name: &str, bytes: &mut Bytes<'_>) -> InstanceConfig {
    let (flags, more, priority) = (bytes.any(), bytes.any(), bytes.any());
    let interface = 1 + u32::from(flags & 1);
    let version = match flags & 2 {
        0 => Version::V2,
        _ => Version::V3,
    };
    let auth = match (flags >> 2) & 3 {
        0 => Auth::None,
        1 => Auth::Simple(*PASSWORD),
        2 => Auth::Ah(*PASSWORD),
        _ => Auth::Hmac(Arc::new(AuthHmac {
            keys: vec![HmacKey {
                id: 1,
                secret: KEY.to_vec(),
            }],
            active: 1,
            window: Micros::from_secs(5),
            replay: AntiReplay::Time,
            mode: HmacMode::Permissive,
        })),
    };
    let tracked = Tracked {
        id: TrackerId(1),
        weight: i16::from(more) - 128,
        reverse: flags & 16 != 0,
    };
    let vrid = Vrid::new(1 + (more & 1)).unwrap_or_else(|| unreachable!());
    let priority = Priority::new(priority.max(1)).unwrap_or(Priority::OWNER);
    InstanceConfig {
        version,
        auth,
        advert_interval: Centis::new(if version == Version::V2 { 100 } else { 30 }),
        addresses: vec![[10, 9, 0, 100].into()],
        nopreempt: flags & 32 != 0,
        preempt_delay: Micros::from_secs(u32::from(flags >> 6)),
        timer_expired_backup: Priority::new(more),
        owner_ignore_adverts: more & 2 != 0,
        accept: more & 4 != 0,
        lower_prio_no_advert: more & 8 != 0,
        higher_prio_send_advert: more & 16 != 0,
        skip_check_adv_addr: more & 32 != 0,
        tracked: if more & 64 == 0 {
            Vec::new()
        } else {
            vec![tracked]
        },
        ..InstanceConfig::new(Name::from(name), interface, vrid, priority)
    }
}

impl World {
    fn step(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        let interface = 1 + u32::from(what >> 7);
        match what & 15 {
            0 => self.now += bytes.number() * 1000,
            1 | 2 => self.timer(),
            3 | 4 => self.advert(interface, what, bytes),
            5 => {
                let bytes = bytes.some();
                self.handle(Event::Datagram { interface, bytes });
            }
            6 => {
                let payload = bytes.some();
                self.handle(Event::Datagram6 {
                    interface,
                    source: "fe80::2".parse().expect("an address"),
                    destination: "ff02::12".parse().expect("an address"),
                    hop_limit: 255,
                    payload,
                });
            }
            7 => {
                let facts = link(interface, what & 16 != 0, what & 32 != 0);
                self.handle(Event::Link(facts));
                self.links = self
                    .links
                    .map(|link| if link.index == interface { facts } else { link });
            }
            8 => {
                let instance = NAMES[usize::from(what >> 4) & 3];
                self.handle(Event::AddressRemoved { instance });
            }
            9 => {
                let number = i32::from(bytes.any()) - 128;
                let standing = match what >> 4 & 3 {
                    0 => Standing::Unknown,
                    1 => Standing::Up,
                    2 => Standing::Down,
                    _ => Standing::Number(number),
                };
                let id = TrackerId(1);
                self.handle(Event::Tracked { id, standing });
            }
            10 => {
                let instance = NAMES[usize::from(what >> 4) & 3];
                let back = what & 64 != 0;
                self.handle(Event::Handover { instance, back });
            }
            11 => {
                self.config = config(bytes);
                self.configure();
            }
            12 => self.router.set_clocks(Clocks {
                wall: Micros::new(WALL + bytes.number() * 1000),
                boot: Micros::from_secs(60),
            }),
            _ => self.timer(),
        }
    }

    /// An advert that may well be believed.
    fn advert(&mut self, interface: u32, what: u8, bytes: &mut Bytes<'_>) {
        let (priority, kind, more) = (bytes.any(), bytes.any(), bytes.any());
        let vrid = 1 + (kind & 1);
        let [_, _, segment, _] = [10, 9, u8::try_from(interface).expect("two"), 0];
        let source = Ipv4Addr::new(10, 9, segment, if what & 16 == 0 { 0 } else { 2 });
        let (version, authentication) = ((kind >> 1) & 1, (kind >> 2) & 3);
        let mut pdu = match version {
            0 => v2::Advert {
                vrid,
                priority,
                auth_type: if authentication == 3 { 0 } else { authentication },
                interval: if kind & 128 == 0 { 1 } else { 2 },
                addresses: vec![Ipv4Addr::new(10, 9, 0, 100)],
                auth_data: if authentication == 1 { *PASSWORD } else { [0; 8] },
            }
            .emit(),
            _ => v3::Advert {
                vrid,
                priority,
                interval: 1 + u16::from(more),
                addresses: Addresses::V4(vec![Ipv4Addr::new(10, 9, 0, 100)]),
            }
            .emit(Cover::Pseudo {
                source: source.into(),
                destination: MULTICAST_GROUP.into(),
            }),
        };
        let mut header = Header {
            identification: 1,
            ttl: 255,
            protocol: 112,
            source,
            destination: MULTICAST_GROUP,
        };
        if authentication == 3 {
            let signed = Signed {
                source: source.into(),
                version: 2 + version,
                vrid,
                pdu: &pdu,
            };
            let stamp = Stamp::of(WALL + self.now, 0);
            pdu.extend(Trailer::sign(1, KEY, stamp, &signed).emit());
        } else if authentication == 2 {
            header.protocol = ah::PROTOCOL;
            let authentic = Authentic::sign(PASSWORD, &header, u32::from(more) * 3, &pdu);
            pdu.splice(..0, authentic.emit());
        }
        let bytes = &header.emit(&pdu).expect("it is short");
        self.handle(Event::Datagram { interface, bytes });
    }

    fn timer(&mut self) {
        let Some(due) = self.router.deadline() else {
            return;
        };
        self.now = self.now.max(due.get());
        self.handle(Event::Timer);
        let next = self.router.deadline();
        assert!(next.is_none_or(|at| at.get() > self.now), "a busy loop");
    }

    fn handle(&mut self, event: Event<'_>) {
        let actions = self.router.handle(Time::new(self.now), event);
        self.perform(actions, false);
    }

    fn configure(&mut self) {
        let (now, config) = (Time::new(self.now), self.config.clone());
        let actions = self.router.configure(now, config, &self.links);
        self.perform(actions, true);
    }

    /// `anew`: at a start and a reload addresses may be set that are, and cleared that are not.
    fn perform(&mut self, actions: Actions, anew: bool) {
        for action in actions {
            match action {
                Action::SetAddresses { instance } => {
                    let was = self.held.insert(instance, true);
                    assert!(anew || was != Some(true), "set twice");
                }
                Action::ClearAddresses { instance } => {
                    let was = self.held.insert(instance, false);
                    assert!(anew || was == Some(true), "cleared twice");
                }
                Action::Announce { instance, rounds } => {
                    assert!(rounds > 0 && self.held.get(&instance) == Some(&true));
                }
                Action::Remind { instance } => {
                    assert_eq!(self.held.get(&instance), Some(&true));
                }
                Action::Log(notice) => {
                    let line = notice.to_string();
                    assert!(!line.chars().any(char::is_control), "{line:?}");
                }
                Action::Send { .. } | Action::Notify { .. } => {}
            }
        }
        for view in self.router.view() {
            let held = self.held.get(&view.name).copied().unwrap_or(false);
            assert_eq!(held, view.state == StateView::Master, "{}", view.name);
            assert!(view.effective_priority > 0);
        }
    }
}
