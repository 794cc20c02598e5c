//! Two systems on a path that loses, delays and is cut, on virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;

use bfd::{Action, Chance, Config, Micros, Packet, Sessions, State, Time};

const MS: u64 = 1000;
const SEEDS: u64 = 100;

/// xorshift, so that a seed is a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

#[derive(Clone, Copy)]
struct Path {
    /// Packets lost of a hundred.
    loss: u64,
    /// How long a way is at the most, in microseconds.
    delay: u64,
    /// Ways differ, so that packets overtake each other.
    reorders: bool,
    cut: bool,
}

struct World {
    dice: Dice,
    now: u64,
    ends: [Sessions; 2],
    path: Path,
    /// By arrival: whom, what.
    under_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    serial: u64,
    /// When each end turned, and to what.
    turns: Vec<(u64, usize, bool)>,
}

fn address(end: usize) -> IpAddr {
    IpAddr::from([192, 0, 2, u8::try_from(end).unwrap() + 1])
}

fn config(end: usize, min_tx: u32, min_rx: u32, multiplier: u8, passive: bool) -> Config {
    Config {
        name: "s".into(),
        neighbour: address(1 - end),
        source: Some(address(end)),
        multihop: false,
        min_rx: Micros(min_rx),
        min_tx: Micros(min_tx),
        idle_tx: Micros(1_000_000),
        multiplier: NonZeroU8::new(multiplier).unwrap(),
        passive,
        least_ttl: Some(255),
    }
}

impl World {
    fn new(seed: u64, configs: [Config; 2]) -> World {
        let mut world = World {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            now: 0,
            ends: [Sessions::new(), Sessions::new()],
            path: Path {
                loss: 0,
                delay: 2 * MS,
                reorders: false,
                cut: false,
            },
            under_way: BTreeMap::new(),
            serial: 0,
            turns: Vec::new(),
        };
        for (end, config) in configs.into_iter().enumerate() {
            world.configure(end, config);
        }
        world.turns.clear();
        world
    }

    fn chance(&mut self) -> Chance {
        Chance(u16::try_from(self.dice.below(65_536)).unwrap())
    }

    fn configure(&mut self, end: usize, config: Config) {
        let (now, chance) = (Time::new(self.now), self.chance());
        let first = u32::try_from(self.dice.below(1 << 32)).unwrap();
        let actions = self.ends[end].configure(now, chance, vec![config], first);
        self.perform(end, actions);
    }

    fn perform(&mut self, end: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { packet, .. } => {
                    if !self.path.cut && self.dice.below(100) >= self.path.loss {
                        self.serial += 1;
                        let less = self.dice.below(self.path.delay + 1);
                        let less = if self.path.reorders { less } else { 0 };
                        let at = self.now + self.path.delay - less;
                        let whom = (1 - end, packet.to_vec());
                        self.under_way.insert((at, self.serial), whom);
                    }
                }
                Action::Turned { up, .. } => self.turns.push((self.now, end, up)),
                Action::Log(_) => {}
            }
        }
    }

    fn run(&mut self, until: u64) {
        loop {
            let timer = (0..2)
                .filter_map(|end| Some((self.ends[end].deadline()?.get().max(self.now), end)))
                .min();
            let arrival = self.under_way.keys().next().copied();
            let at = timer
                .map(|(at, _)| at)
                .into_iter()
                .chain(arrival.map(|(at, _)| at))
                .min();
            let Some(at) = at.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = at;
            let chance = self.chance();
            let now = Time::new(at);
            match arrival.filter(|(arrives, _)| *arrives == at) {
                Some(key) => {
                    let (end, bytes) = self.under_way.remove(&key).unwrap();
                    let packet = Packet {
                        from: SocketAddr::new(address(1 - end), 49_152),
                        to: address(end),
                        ttl: 255,
                        multihop: false,
                        bytes: &bytes,
                    };
                    let actions = self.ends[end].receive(now, chance, &packet);
                    self.perform(end, actions);
                }
                None => {
                    let (_, end) = timer.unwrap();
                    let actions = self.ends[end].timer(now, chance);
                    self.perform(end, actions);
                }
            }
        }
    }

    fn states(&self) -> [State; 2] {
        [0, 1].map(|end: usize| self.ends[end].view()[0].local.0)
    }

    fn drawn(seed: u64) -> World {
        let mut dice = Dice(seed + 1);
        let mut end = |end: usize, passive: bool| {
            let interval = |dice: &mut Dice| u32::try_from((5 + dice.below(300)) * MS).unwrap();
            let (tx, rx) = (interval(&mut dice), interval(&mut dice));
            let multiplier = u8::try_from(3 + dice.below(5)).unwrap();
            config(end, tx, rx, multiplier, passive)
        };
        let passive = seed.is_multiple_of(3);
        World::new(seed, [end(0, false), end(1, passive)])
    }
}

#[test]
fn a_clean_path_comes_up_within_three_idle_intervals_and_stays() {
    for seed in 0..SEEDS {
        let mut world = World::drawn(seed);
        world.run(3_000 * MS);
        assert_eq!(world.states(), [State::Up; 2], "seed {seed}");
        world.run(30_000 * MS);
        assert_eq!(world.turns.len(), 2, "seed {seed}: {:?}", world.turns);
    }
}

#[test]
fn a_cut_is_seen_within_the_detection_time_and_mended_after_it() {
    for seed in 0..SEEDS {
        let mut world = World::drawn(seed);
        world.run(5_000 * MS);
        let detection = [0, 1].map(|end: usize| world.ends[end].view()[0].detection_time);
        world.path.cut = true;
        world.under_way.clear();
        let (cut, turned) = (world.now, world.turns.len());
        world.run(cut + 5_000 * MS);
        for &(at, end, up) in &world.turns[turned..] {
            assert!(!up, "seed {seed}");
            let after = std::time::Duration::from_micros(at - cut);
            assert!(
                after <= detection[end],
                "seed {seed}: {after:?} of {detection:?}"
            );
        }
        assert_eq!(world.turns.len(), turned + 2, "seed {seed}");
        world.path.cut = false;
        world.run(cut + 10_000 * MS);
        assert_eq!(world.states(), [State::Up; 2], "seed {seed}");
    }
}

#[test]
fn a_bad_path_leaves_both_ends_alike_once_it_is_good() {
    for seed in 0..SEEDS {
        let mut world = World::drawn(seed);
        world.path = Path {
            loss: 40,
            delay: 50 * MS,
            reorders: true,
            cut: false,
        };
        world.run(30_000 * MS);
        world.path = Path {
            loss: 0,
            delay: 2 * MS,
            reorders: false,
            cut: false,
        };
        world.run(45_000 * MS);
        assert_eq!(world.states(), [State::Up; 2], "seed {seed}");
    }
}

#[test]
fn other_intervals_never_take_a_good_path_down() {
    for seed in 0..SEEDS {
        let mut world = World::drawn(seed);
        world.run(5_000 * MS);
        for round in 0..10 {
            let end = usize::try_from(world.dice.below(2)).unwrap();
            let interval =
                |world: &mut World| u32::try_from((5 + world.dice.below(900)) * MS).unwrap();
            let (tx, rx) = (interval(&mut world), interval(&mut world));
            let passive = end == 1 && seed.is_multiple_of(3);
            world.configure(end, config(end, tx, rx, 3, passive));
            world.run(world.now + 700 * MS * (round % 3 + 1));
        }
        let downs = world.turns.iter().filter(|(_, _, up)| !up).count();
        assert_eq!(downs, 0, "seed {seed}: {:?}", world.turns);
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut world = World::drawn(seed);
        world.path.loss = 30;
        world.run(20_000 * MS);
        world.turns
    };
    assert_eq!(run(7), run(7));
}
