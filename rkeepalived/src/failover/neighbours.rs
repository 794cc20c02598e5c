//! Performs what BFD's sessions decide: packets, log lines, who is told that one turned. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bfd::{Action, Chance, Name, Packet, SessionView, Sessions};
use vrrp::Time;

use crate::journal::{Line, Part, write};
use crate::kernel::bfd::{Port, Speaker};
use crate::plan::PlannedSession;

/// Where packets leave.
pub trait Path {
    /// Sends a packet of this session to its neighbour.
    ///
    /// # Errors
    /// When the socket cannot be opened or the kernel refuses the packet.
    fn send(&mut self, session: &PlannedSession, packet: &[u8]) -> io::Result<()>;
    /// Keeps nothing but for these sessions.
    fn keep(&mut self, sessions: &[PlannedSession]);
}

/// The kernel's sockets, one a session, each opened when it is needed.
#[derive(Default)]
pub struct KernelPath(BTreeMap<Name, (PlannedSession, Speaker)>);

impl Path for KernelPath {
    fn send(&mut self, session: &PlannedSession, packet: &[u8]) -> io::Result<()> {
        if let Some((_, speaker)) = self.0.get(&session.config.name) {
            return speaker.send(packet);
        }
        let config = &session.config;
        let speaker = Speaker::open(
            config.source,
            config.neighbour,
            config.multihop,
            session.ttl,
            fastrand::u16,
        )?;
        let sent = speaker.send(packet);
        self.0
            .insert(config.name.clone(), (session.clone(), speaker));
        sent
    }

    fn keep(&mut self, sessions: &[PlannedSession]) {
        let socket = |session: &PlannedSession| {
            let config = &session.config;
            let ends = (config.neighbour, config.source, config.multihop);
            (config.name.clone(), ends, session.ttl)
        };
        self.0.retain(|_, (session, _)| {
            sessions
                .iter()
                .any(|other| socket(other) == socket(session))
        });
    }
}

/// A session came up or went down, or is told of again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// Which.
    pub session: Name,
    /// Whether it is up.
    pub up: bool,
}

/// All sessions with a path to their neighbours.
pub struct Neighbours<P> {
    path: P,
    sessions: Sessions,
    plan: BTreeMap<Name, PlannedSession>,
    /// Sessions whose packets cannot be sent, so that it is logged once until it works again.
    mute: BTreeSet<Name>,
}

impl<P: Path> Neighbours<P> {
    /// Without sessions.
    pub fn new(path: P) -> Neighbours<P> {
        Neighbours {
            path,
            sessions: Sessions::new(),
            plan: BTreeMap::new(),
            mute: BTreeSet::new(),
        }
    }

    /// The ports that packets come to.
    pub fn ports(&self) -> BTreeSet<Port> {
        let configs = self.plan.values().map(|session| &session.config);
        configs
            .map(|config| Port::of(config.neighbour, config.multihop))
            .collect()
    }

    /// Takes over a configuration, at start and at reload alike. Answers how each session stands.
    pub fn configure(&mut self, now: Time, plan: Vec<PlannedSession>) -> Vec<Turned> {
        self.path.keep(&plan);
        let configs = plan.iter().map(|session| session.config.clone()).collect();
        self.plan = plan
            .into_iter()
            .map(|session| (session.config.name.clone(), session))
            .collect();
        let first = fastrand::u32(..);
        let actions = self.sessions.configure(time(now), chance(), configs, first);
        self.perform(actions)
    }

    /// A packet came in.
    pub fn packet(&mut self, now: Time, packet: &Packet<'_>) -> Vec<Turned> {
        let actions = self.sessions.receive(time(now), chance(), packet);
        self.perform(actions)
    }

    /// When [`Neighbours::timer`] is to be called next.
    pub fn deadline(&self) -> Option<Time> {
        self.sessions.deadline().map(|at| Time::new(at.get()))
    }

    /// The deadline is here, or it is not.
    pub fn timer(&mut self, now: Time) -> Vec<Turned> {
        let actions = self.sessions.timer(time(now), chance());
        self.perform(actions)
    }

    /// The sessions as they stand.
    pub fn view(&self) -> Vec<SessionView> {
        self.sessions.view()
    }

    fn perform(&mut self, actions: Vec<Action>) -> Vec<Turned> {
        let mut turned = Vec::new();
        for action in actions {
            match action {
                Action::Send { session, packet } => self.send(&session, &packet),
                Action::Turned { session, up } => turned.push(Turned { session, up }),
                Action::Log(notice) => write(&Line::Bfd(notice)),
            }
        }
        turned
    }

    fn send(&mut self, session: &Name, packet: &[u8]) {
        let Some(planned) = self.plan.get(session) else {
            return;
        };
        match self.path.send(planned, packet) {
            Ok(()) => {
                self.mute.remove(session);
            }
            Err(error) => {
                if self.mute.insert(session.clone()) {
                    write(&Line::Trouble {
                        part: Part::Bfd,
                        reason: format!("({session}) Error sending packet ({error})"),
                    });
                }
            }
        }
    }
}

/// Both clocks have their zero where the thread has it.
fn time(now: Time) -> bfd::Time {
    bfd::Time::new(now.get())
}

fn chance() -> Chance {
    Chance(fastrand::u16(..))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};
    use std::num::{NonZeroU8, NonZeroU32};

    use bfd::wire::{self, Control};
    use bfd::{Config, Diagnostic, Micros, State};

    use super::*;

    #[derive(Default)]
    struct Heard(Vec<(Name, Control)>);

    impl Path for Heard {
        fn send(&mut self, session: &PlannedSession, packet: &[u8]) -> io::Result<()> {
            let control = wire::parse(packet).unwrap();
            self.0.push((session.config.name.clone(), control));
            Ok(())
        }

        fn keep(&mut self, _: &[PlannedSession]) {}
    }

    fn planned(name: &str, neighbour: &str) -> PlannedSession {
        PlannedSession {
            config: Config {
                name: name.into(),
                neighbour: neighbour.parse().unwrap(),
                source: None,
                multihop: false,
                min_rx: Micros(10_000),
                min_tx: Micros(10_000),
                idle_tx: Micros(1_000_000),
                multiplier: NonZeroU8::new(5).unwrap(),
                passive: false,
                least_ttl: Some(255),
            },
            ttl: 255,
            vrrp: true,
            checker: true,
        }
    }

    #[test]
    fn a_session_comes_up_over_the_path_and_a_reload_tells_of_it_again() {
        let mut neighbours = Neighbours::new(Heard::default());
        let plan = vec![planned("a", "192.0.2.2"), planned("b", "fd00::2")];
        let turned = |session: &str, up| Turned {
            session: session.into(),
            up,
        };
        let told = neighbours.configure(Time::new(0), plan.clone());
        assert_eq!(told, [turned("a", false), turned("b", false)]);
        let ports: Vec<_> = neighbours
            .ports()
            .into_iter()
            .map(|port| port.six)
            .collect();
        assert_eq!(ports, [false, true]);
        assert_eq!(neighbours.deadline(), Some(Time::new(0)));
        neighbours.timer(Time::new(0));
        let (name, first) = neighbours.path.0.remove(0);
        assert_eq!((&*name, first.state), ("a", State::Down));
        let mut hear = |state, yours| {
            let bytes = wire::emit(&Control {
                diagnostic: Diagnostic::None,
                state,
                poll: false,
                final_: false,
                independent: false,
                authenticated: false,
                demand: false,
                multiplier: NonZeroU8::new(3).unwrap(),
                mine: NonZeroU32::new(7).unwrap(),
                yours,
                desired_min_tx: Micros(10_000),
                required_min_rx: Micros(10_000),
                required_min_echo_rx: Micros(0),
            });
            let packet = Packet {
                from: SocketAddr::from(([192, 0, 2, 2], 50_000)),
                to: IpAddr::from([192, 0, 2, 1]),
                ttl: 255,
                multihop: false,
                bytes: &bytes,
            };
            neighbours.packet(Time::new(1), &packet)
        };
        assert_eq!(hear(State::Down, None), []);
        assert_eq!(hear(State::Up, Some(first.mine)), [turned("a", true)]);
        let told = neighbours.configure(Time::new(2), plan);
        assert_eq!(told, [turned("a", true), turned("b", false)]);
    }
}
