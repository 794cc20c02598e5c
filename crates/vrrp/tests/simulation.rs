//! Two to five routers on lossy segments, on virtual time.
//!
//! Each seed makes its own story: how many routers, their priorities, alone or in sync groups, and a minute of loss,
//! delay, duplication, reordering, partitions, crashes, clean stops, processes that sleep, clocks that are set, links that fall, addresses that
//! vanish and reloads; with startup delays, equal priorities, two owners, passwords, AH and signatures.
//! Then the net is whole again, and what must hold is looked at. `RKEEPALIVED_SEEDS=N` runs N seeds instead of 2 000 (which take
//! 6 s on one core), `RKEEPALIVED_SEED=N` that one alone. 100 000 of them, in two minutes of one core:
//!
//! ```text
//! RKEEPALIVED_SEEDS=100000 cargo test --release -p vrrp --test simulation
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use std::sync::Arc;

use vrrp::wire::ipv4::Header;
use vrrp::{
    Action, Actions, AntiReplay, Auth, AuthHmac, Centis, Clocks, Config, Event, Family,
    GroupConfig, HmacKey, HmacMode, InstanceConfig, Interface, Micros, Name, Peer, Priority,
    Router, Standing, StateView, Time, Tracked, TrackerId, Transport, Unicast, UnicastChecksum,
    Version, Vrid, master_down, skew,
};

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(u64::try_from(limit).unwrap())).unwrap()
    }

    fn byte(&mut self, low: u8, high: u8) -> u8 {
        low + u8::try_from(self.below(u64::from(high - low) + 1)).unwrap()
    }
}

/// The script that the instances of a host track.
const TRACKER: TrackerId = TrackerId(1);
const SECOND: u64 = 1_000_000;
const CHAOS_ENDS: u64 = 60 * SECOND;
/// The greatest preempt_delay is 5 s, the longest master-down time below 4 s; the rest is for two rounds of that.
const SETTLING: u64 = 30 * SECOND;

/// What can go wrong, or be done.
#[derive(Debug, Clone)]
enum Mischief {
    Crash(usize),
    Stop(usize),
    Start(usize),
    Partition(Vec<bool>),
    Heal,
    LinkDown(usize, u32),
    LinkUp(usize, u32),
    AddressRemoved(usize, usize),
    Reload(usize, u8),
    Script(usize, Standing),
    /// Sets the wall clock so many microseconds ahead of what it should be.
    Clock(usize, u64),
    /// The process is stopped for so many microseconds (SIGSTOP): its timers come late, packets wait.
    Freeze(usize, u64),
}

#[derive(Debug, Clone)]
enum Step {
    Deliver {
        to: usize,
        interface: u32,
        packet: Packet,
    },
    Mischief(Mischief),
}

/// A VRRP packet on its way.
#[derive(Debug, Clone)]
struct Packet {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u16,
    payload: Vec<u8>,
}

/// What the routers of a world speak.
#[derive(Debug, Clone, Copy)]
enum Tongue {
    V2,
    V3,
    V3OverIpv6,
    UnicastV2,
    UnicastV3,
}

impl Tongue {
    const ALL: [Tongue; 5] = [
        Tongue::V2,
        Tongue::V3,
        Tongue::V3OverIpv6,
        Tongue::UnicastV2,
        Tongue::UnicastV3,
    ];

    fn version(self) -> Version {
        match self {
            Tongue::V2 | Tongue::UnicastV2 => Version::V2,
            Tongue::V3 | Tongue::V3OverIpv6 | Tongue::UnicastV3 => Version::V3,
        }
    }

    fn family(self) -> Family {
        match self {
            Tongue::V3OverIpv6 => Family::Inet6,
            _ => Family::Inet,
        }
    }

    /// The address of a host on a segment.
    fn address(self, segment: u32, last: u8) -> IpAddr {
        let segment = u8::try_from(segment).unwrap();
        match self.family() {
            Family::Inet => Ipv4Addr::new(10, 0, segment, last).into(),
            Family::Inet6 => {
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, segment.into(), last.into()).into()
            }
        }
    }

    fn transport(self, segment: u32, last: u8, hosts: usize) -> Transport {
        match self {
            Tongue::V2 | Tongue::V3 => Transport::Multicast(vrrp::MULTICAST_GROUP.into()),
            Tongue::V3OverIpv6 => Transport::Multicast("ff02::12".parse().unwrap()),
            Tongue::UnicastV2 | Tongue::UnicastV3 => Transport::Unicast(Unicast {
                peers: (1..=u8::try_from(hosts).unwrap())
                    .filter(|other| *other != last)
                    .map(|other| Peer {
                        address: self.address(segment, other),
                        min_ttl: 0,
                        max_ttl: 255,
                    })
                    .collect(),
                check_source: true,
                fault_no_peer: true,
                ttl: None,
                checksum: UnicastChecksum::Detect,
            }),
        }
    }
}

/// One machine: its router while it runs, and what outlives the router.
struct Host {
    router: Option<Router>,
    config: Config,
    links: BTreeMap<u32, Interface>,
    /// Instances whose addresses are on the machine.
    holds: BTreeMap<Name, bool>,
    /// How the script stands that its instances track.
    standing: Standing,
    /// How far its wall clock is ahead.
    ahead: u64,
    /// Until then its process is stopped.
    frozen: u64,
}

struct World {
    seed: u64,
    random: Random,
    now: u64,
    hosts: Vec<Host>,
    segments: u32,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    steps: BTreeMap<u64, Step>,
    sequence: u64,
    side: Vec<bool>,
    loss: u64,
    duplication: u64,
    max_delay: u64,
    trace: Vec<String>,
}

impl Host {
    /// Which host has an address.
    fn number(address: IpAddr) -> Option<usize> {
        let last = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        usize::from(last).checked_sub(1)
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let count = 2 + random.index(4);
        let segments = 1 + u32::try_from(random.below(2)).unwrap();
        let nopreempt = random.percent(20);
        let tongue = Tongue::ALL[random.index(Tongue::ALL.len())];
        let interval = match tongue.version() {
            Version::V2 => Centis::new(100),
            Version::V3 => Centis::new(u16::from(random.byte(30, 120))),
        };
        let auth = if random.percent(30) && tongue.version() == Version::V2 {
            Auth::Ah(*b"secretlo")
        } else if random.percent(30) {
            Auth::Hmac(Arc::new(AuthHmac {
                keys: vec![HmacKey {
                    id: 1,
                    secret: b"0123456789abcdef0123456789abcdef".to_vec(),
                }],
                active: 1,
                window: Micros::from_secs(5),
                replay: AntiReplay::Time,
                mode: HmacMode::Enforce,
            }))
        } else {
            Auth::Simple(*b"secretlo")
        };
        let weights = [0, 30, -30];
        let hosts = (0..count)
            .map(|number| {
                let last = u8::try_from(number + 1).unwrap();
                // At most two owners, by mistake; the others may well be equal to one another.
                let priority = match random.below(10) {
                    0 if number < 2 && !nopreempt => 255,
                    1..=4 => 100,
                    _ => random.byte(1, 254),
                };
                let preempt_delay = if random.percent(20) {
                    random.below(5 * SECOND)
                } else {
                    0
                };
                let startup_delay = if random.percent(20) {
                    random.below(3 * SECOND)
                } else {
                    0
                };
                let timer_expired_backup = Priority::new(254).filter(|_| random.percent(50));
                let tracked = Tracked {
                    id: TRACKER,
                    weight: weights[random.index(weights.len())],
                    reverse: false,
                };
                let instance = |segment: u32| {
                    let vrid = 50 + u8::try_from(segment).unwrap();
                    let name = Name::from(format!("V{segment}"));
                    let priority = Priority::new(priority).unwrap();
                    InstanceConfig {
                        version: tongue.version(),
                        family: tongue.family(),
                        transport: tongue.transport(segment, last, count),
                        advert_interval: interval,
                        auth: auth.clone(),
                        addresses: vec![tongue.address(segment, 100)],
                        nopreempt,
                        preempt_delay: Micros::new(preempt_delay),
                        timer_expired_backup,
                        tracked: if segments > 1 {
                            Vec::new()
                        } else {
                            vec![tracked]
                        },
                        ..InstanceConfig::new(name, segment, Vrid::new(vrid).unwrap(), priority)
                    }
                };
                let instances: Vec<_> = (1..=segments).map(instance).collect();
                let members = instances.iter().map(|one| Name::clone(&one.name)).collect();
                let groups = vec![GroupConfig {
                    tracked: vec![tracked],
                    ..GroupConfig::new(Name::from("G"), members)
                }];
                let links = (1..=segments)
                    .map(|index| {
                        let (source, source6) = match tongue.address(index, last) {
                            IpAddr::V4(address) => (Some(address), None),
                            IpAddr::V6(address) => (None, Some(address)),
                        };
                        (
                            index,
                            Interface {
                                index,
                                up: true,
                                source,
                                source6,
                            },
                        )
                    })
                    .collect();
                let groups = if segments > 1 { groups } else { Vec::new() };
                Host {
                    router: None,
                    config: Config {
                        instances,
                        groups,
                        startup_delay: Micros::new(startup_delay),
                        ..Config::default()
                    },
                    links,
                    holds: BTreeMap::new(),
                    standing: Standing::Up,
                    ahead: 0,
                    frozen: 0,
                }
            })
            .collect();
        let mut world = World {
            seed,
            now: 0,
            hosts,
            segments,
            queue: BinaryHeap::new(),
            steps: BTreeMap::new(),
            sequence: 0,
            side: vec![false; count],
            loss: random.below(30),
            duplication: random.below(20),
            max_delay: 1 + random.below(300_000),
            trace: Vec::new(),
            random,
        };
        for host in 0..count {
            let at = world.random.below(5 * SECOND);
            world.schedule(at, Step::Mischief(Mischief::Start(host)));
        }
        for _ in 0..12 {
            let at = world.random.below(CHAOS_ENDS);
            let mischief = world.mischief();
            world.schedule(at, Step::Mischief(mischief));
        }
        world
    }

    fn mischief(&mut self) -> Mischief {
        let host = self.random.index(self.hosts.len());
        let interface = 1 + u32::try_from(self.random.below(u64::from(self.segments))).unwrap();
        match self.random.below(14) {
            0 => Mischief::Crash(host),
            1 => Mischief::Stop(host),
            2 | 3 => Mischief::Start(host),
            4 => Mischief::Partition(
                (0..self.hosts.len())
                    .map(|_| self.random.percent(50))
                    .collect(),
            ),
            5 => Mischief::Heal,
            6 => Mischief::LinkDown(host, interface),
            7 => Mischief::LinkUp(host, interface),
            8 => Mischief::AddressRemoved(host, usize::try_from(interface).unwrap() - 1),
            11 => Mischief::Clock(host, self.random.below(3 * SECOND)),
            12 => Mischief::Freeze(host, self.random.below(8 * SECOND)),
            9 => Mischief::Script(host, Standing::Down),
            10 => Mischief::Script(host, Standing::Up),
            _ => Mischief::Reload(host, self.random.byte(1, 254)),
        }
    }

    fn schedule(&mut self, at: u64, step: Step) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence)));
        self.steps.insert(self.sequence, step);
    }

    fn say(&mut self, line: String) {
        self.trace
            .push(format!("{:>10} {line}", Micros::new(self.now).to_string()));
    }

    fn fail(&self, what: &str) -> ! {
        let tail = self.trace.len().saturating_sub(60);
        panic!(
            "seed {}: {what}\n{}",
            self.seed,
            self.trace[tail..].join("\n")
        );
    }

    /// Lets everything happen that is due until then.
    fn run_until(&mut self, end: u64) {
        loop {
            let timer = self
                .hosts
                .iter()
                .enumerate()
                .filter_map(|(host, one)| {
                    let due = one.router.as_ref()?.deadline()?.get();
                    Some((due.max(one.frozen), host))
                })
                .min();
            let step = self.queue.peek().map(|Reverse(key)| *key);
            match (step, timer) {
                (Some((at, _)), Some((due, host))) if due < at && due <= end => {
                    self.timer(due, host)
                }
                (Some((at, sequence)), _) if at <= end => {
                    self.queue.pop();
                    self.now = at;
                    let step = self.steps.remove(&sequence).unwrap();
                    self.step(step);
                }
                (_, Some((due, host))) if due <= end => self.timer(due, host),
                _ => break,
            }
        }
        self.now = end;
    }

    fn timer(&mut self, due: u64, host: usize) {
        if due < self.now {
            self.fail("a deadline in the past");
        }
        self.now = due;
        self.handle(host, Event::Timer);
        let deadline = self.hosts[host].router.as_ref().and_then(Router::deadline);
        if deadline.is_some_and(|at| at.get() <= self.now) {
            self.fail("a deadline that is not in the future after the timer was handled");
        }
    }

    fn handle(&mut self, host: usize, event: Event<'_>) {
        let now = Time::new(self.now);
        let Some(router) = &mut self.hosts[host].router else {
            return;
        };
        let actions = router.handle(now, event);
        self.perform(host, actions, false);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Deliver {
                to,
                interface,
                packet,
            } => {
                let thaw = self.hosts[to].frozen;
                if thaw > self.now {
                    let step = Step::Deliver {
                        to,
                        interface,
                        packet,
                    };
                    self.schedule(thaw, step);
                } else if self.hosts[to].links[&interface].up {
                    self.deliver(to, interface, &packet);
                }
            }
            Step::Mischief(mischief) => {
                self.say(format!("{mischief:?}"));
                self.play(mischief);
            }
        }
    }

    fn deliver(&mut self, to: usize, interface: u32, packet: &Packet) {
        let multicast = packet.destination.is_multicast();
        let interface = if multicast { interface } else { 0 };
        match (packet.source, packet.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = Header {
                    identification: packet.identification,
                    ttl: 255,
                    protocol: packet.protocol,
                    source,
                    destination,
                };
                let bytes = header.emit(&packet.payload).unwrap();
                let bytes = &bytes;
                self.handle(to, Event::Datagram { interface, bytes });
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => self.handle(
                to,
                Event::Datagram6 {
                    interface,
                    source,
                    destination,
                    hop_limit: 255,
                    payload: &packet.payload,
                },
            ),
            _ => self.fail("a packet from one family to the other"),
        }
    }

    fn play(&mut self, mischief: Mischief) {
        let now = Time::new(self.now);
        match mischief {
            Mischief::Crash(host) => self.hosts[host].router = None,
            Mischief::Freeze(host, time) => self.hosts[host].frozen = self.now + time,
            Mischief::Stop(host) => {
                if let Some(mut router) = self.hosts[host].router.take() {
                    let actions = router.shutdown(now);
                    self.perform(host, actions, true);
                    if self.hosts[host].holds.values().any(|held| *held) {
                        self.fail("addresses left behind by a clean stop");
                    }
                }
            }
            Mischief::Start(host) => {
                if self.hosts[host].router.is_none() {
                    self.hosts[host].router = Some(Router::new());
                    self.set_clocks(host);
                    self.configure(host);
                    self.standing(host);
                }
            }
            Mischief::Reload(host, priority) => {
                for instance in &mut self.hosts[host].config.instances {
                    instance.priority = Priority::new(priority).unwrap();
                }
                self.configure(host);
            }
            Mischief::Clock(host, ahead) => {
                self.hosts[host].ahead = ahead;
                self.set_clocks(host);
            }
            Mischief::Script(host, standing) => {
                self.hosts[host].standing = standing;
                self.standing(host);
            }
            Mischief::Partition(side) => self.side = side,
            Mischief::Heal => self.side.fill(false),
            Mischief::LinkDown(host, interface) => self.link(host, interface, false),
            Mischief::LinkUp(host, interface) => self.link(host, interface, true),
            Mischief::AddressRemoved(host, index) => {
                let name = Name::clone(&self.hosts[host].config.instances[index].name);
                self.handle(host, Event::AddressRemoved { instance: &name });
            }
        }
    }

    fn set_clocks(&mut self, host: usize) {
        let ahead = self.hosts[host].ahead;
        if let Some(router) = &mut self.hosts[host].router {
            router.set_clocks(Clocks {
                wall: Micros::new(1_795_000_000 * SECOND + ahead),
                boot: Micros::ZERO,
            });
        }
    }

    fn standing(&mut self, host: usize) {
        let standing = self.hosts[host].standing;
        self.handle(
            host,
            Event::Tracked {
                id: TRACKER,
                standing,
            },
        );
    }

    fn configure(&mut self, host: usize) {
        let now = Time::new(self.now);
        let one = &mut self.hosts[host];
        let links: Vec<Interface> = one.links.values().copied().collect();
        let Some(router) = &mut one.router else {
            return;
        };
        let actions = router.configure(now, one.config.clone(), &links);
        self.perform(host, actions, true);
    }

    fn link(&mut self, host: usize, interface: u32, up: bool) {
        let link = self.hosts[host].links.get_mut(&interface).unwrap();
        link.up = up;
        let link = *link;
        self.handle(host, Event::Link(link));
    }

    /// Does what a driver would. `reconfiguring`: then addresses may be set or cleared that already are.
    fn perform(&mut self, host: usize, actions: Actions, reconfiguring: bool) {
        for action in actions {
            match action {
                Action::Send {
                    interface,
                    source,
                    destination,
                    protocol,
                    identification,
                    payload,
                    ..
                } => {
                    let packet = Packet {
                        source,
                        destination,
                        protocol,
                        identification,
                        payload,
                    };
                    self.send(host, interface, &packet);
                }
                Action::SetAddresses { instance } => {
                    if self.hosts[host].holds.insert(instance, true) == Some(true) && !reconfiguring
                    {
                        self.fail("addresses set twice");
                    }
                }
                Action::ClearAddresses { instance } => {
                    if self.hosts[host].holds.insert(instance, false) != Some(true)
                        && !reconfiguring
                    {
                        self.fail("addresses cleared that were not set");
                    }
                }
                Action::Announce { instance, rounds } => {
                    if rounds == 0 || self.hosts[host].holds.get(&instance) != Some(&true) {
                        self.fail("addresses announced that are not held");
                    }
                }
                Action::Remind { .. } => self.fail("a reminder that nobody asked for"),
                Action::Notify { subject, state, .. } => {
                    self.say(format!("host {host} notify {subject:?} {state:?}"))
                }
                Action::Log(notice) => self.say(format!("host {host} {notice}")),
            }
        }
        self.check_host(host);
    }

    fn send(&mut self, from: usize, interface: u32, packet: &Packet) {
        if !self.hosts[from].links[&interface].up {
            return;
        }
        for to in (0..self.hosts.len()).filter(|to| *to != from) {
            let hears =
                packet.destination.is_multicast() || Host::number(packet.destination) == Some(to);
            if !hears || self.side[to] != self.side[from] || self.random.percent(self.loss) {
                continue;
            }
            let copies = 1 + u64::from(self.random.percent(self.duplication));
            for _ in 0..copies {
                let at = self.now + self.random.below(self.max_delay);
                self.schedule(
                    at,
                    Step::Deliver {
                        to,
                        interface,
                        packet: packet.clone(),
                    },
                );
            }
        }
    }

    /// What holds at every instant: masters hold their addresses and nobody else does; a group is master whole or not.
    fn check_host(&self, host: usize) {
        let one = &self.hosts[host];
        let Some(router) = &one.router else { return };
        let view = router.view();
        for instance in &view {
            let held = one.holds.get(&instance.name).copied().unwrap_or(false);
            if held != (instance.state == StateView::Master) {
                self.fail("a master without addresses, or addresses without a master");
            }
        }
        let masters = view
            .iter()
            .filter(|one| one.state == StateView::Master)
            .count();
        if masters != 0 && masters != view.len() {
            self.fail("half a sync group is master");
        }
    }

    fn masters(&self, segment: usize) -> Vec<usize> {
        let is_master = |host: &Host| {
            host.router
                .as_ref()
                .is_some_and(|router| router.view()[segment].state == StateView::Master)
        };
        (0..self.hosts.len())
            .filter(|host| is_master(&self.hosts[*host]))
            .collect()
    }

    fn priority(&self, host: usize) -> Priority {
        // With what is tracked.
        let view = self.hosts[host].router.as_ref().map(Router::view);
        let priority = view.and_then(|view| Priority::new(view[0].effective_priority));
        priority.unwrap_or(self.hosts[host].config.instances[0].priority)
    }

    /// The best priority among the running hosts but this one.
    fn best(&self, but: Option<usize>) -> Option<Priority> {
        (0..self.hosts.len())
            .filter(|host| Some(*host) != but && self.hosts[*host].router.is_some())
            .map(|host| self.priority(host))
            .max()
    }

    /// What the takeover waits for when this master goes: the least priority of the next one's instances, since a group goes
    /// with its slowest member. (Of two owners by mistake one may have yielded with one member only: seed 19920.)
    fn next(&self, master: usize) -> Priority {
        let routers = self.hosts.iter().enumerate();
        let others = routers.filter_map(|(host, one)| Some((host, one.router.as_ref()?)));
        let next = others
            .filter(|(host, _)| *host != master)
            .max_by_key(|(host, _)| self.priority(*host));
        let view = next.map(|(_, router)| router.view()).unwrap_or_default();
        let least = view.iter().map(|one| one.effective_priority).min();
        least.and_then(Priority::new).unwrap()
    }

    fn only_master(&self) -> usize {
        let masters = self.masters(0);
        if masters.len() != 1 {
            self.fail(&format!(
                "masters of the first VRID on a settled segment: {masters:?}"
            ));
        }
        for segment in 1..usize::try_from(self.segments).unwrap() {
            if self.masters(segment) != masters {
                self.fail("the VRIDs of one sync group have different masters");
            }
        }
        masters[0]
    }

    fn settle(&mut self) -> usize {
        self.run_until(self.now + SETTLING);
        let master = self.only_master();
        let quiet = self.trace.len();
        self.run_until(self.now + 5 * SECOND);
        let later: Vec<&String> = self.trace[quiet..]
            .iter()
            .filter(|line| line.contains("Entering"))
            .collect();
        if !later.is_empty() {
            self.fail("a settled segment changed again");
        }
        let nopreempt = self.hosts[0].config.instances[0].nopreempt;
        if !nopreempt && Some(self.priority(master)) != self.best(None) {
            self.fail("a better router is not master");
        }
        master
    }

    /// The master goes; another must be there in time.
    fn replace(&mut self, mischief: Mischief, master: usize, wait: Micros) {
        // An advert still on its way would arrive after the goodbye and count as a sign of life.
        while !self.steps.is_empty() {
            self.run_until(self.now + 1_000);
        }
        self.say(format!("{mischief:?}, then at most {wait}"));
        self.play(mischief);
        self.run_until(self.now + wait.get() + self.max_delay);
        let masters = self.masters(0);
        if masters.is_empty() || masters.contains(&master) {
            self.fail("no takeover in time");
        }
    }

    fn story(mut self) -> Vec<String> {
        self.run_until(CHAOS_ENDS);
        self.say("all is well again".to_owned());
        self.loss = 0;
        self.max_delay = self.max_delay.min(50_000);
        self.side.fill(false);
        for host in 0..self.hosts.len() {
            self.hosts[host].frozen = self.now;
            for interface in 1..=self.segments {
                self.play(Mischief::LinkUp(host, interface));
            }
            self.play(Mischief::Start(host));
            self.play(Mischief::Script(host, Standing::Up));
            self.play(Mischief::Clock(host, 0));
        }
        let master = self.settle();
        let next = self.next(master);
        let instance = &self.hosts[0].config.instances[0];
        let (version, interval) = (instance.version, instance.advert_interval);
        self.replace(
            Mischief::Crash(master),
            master,
            master_down(version, next, interval, 3),
        );
        self.play(Mischief::Start(master));
        let master = self.settle();
        let next = self.next(master);
        self.replace(
            Mischief::Stop(master),
            master,
            skew(version, next, interval),
        );
        self.play(Mischief::Start(master));
        self.settle();
        self.trace
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

#[test]
fn whatever_happens_a_settled_segment_has_one_master() {
    if let Some(seed) = number("RKEEPALIVED_SEED") {
        for line in World::new(seed).story() {
            println!("{line}");
        }
        return;
    }
    let mut untold = vec![
        "CONFIGURATION ERROR",
        "already processed",
        "Syncing seq_num",
        "VRRP thread timer expired",
        "Delaying startup",
        "start preempt delay",
        "with same priority",
    ];
    let seeds = number("RKEEPALIVED_SEEDS").unwrap_or(2000);
    for seed in 0..seeds {
        let story = World::new(seed).story();
        untold.retain(|words| !story.iter().any(|line| line.contains(words)));
    }
    assert!(
        untold.is_empty() || seeds < 2000,
        "never happened: {untold:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_story() {
    for seed in [1, 22, 333] {
        let first = World::new(seed).story();
        assert!(
            first
                .iter()
                .any(|line| line.contains("Entering MASTER STATE"))
        );
        assert_eq!(first, World::new(seed).story());
    }
    assert_ne!(World::new(1).story(), World::new(22).story());
}
