//! One instance: its state, and how it gets from one to another.
//!
//! It must not know the other instances: what concerns a sync group goes up as a [`Wish`], and `router.rs` decides.
//! Enter at [`Instance`]; `receive.rs` judges packets, `backup.rs` and `master.rs` say what a good advert and a timer mean
//! in that state, `transition.rs` changes states, `timing.rs` has the formulas. Tests: `tests/router.rs`, `tests/rejects.rs`.

mod ah;
mod authentic;
mod backup;
pub mod handover;
mod master;
mod owner;
mod receive;
mod send;
pub mod timing;
mod transition;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::action::{Actions, NotifyState};
use crate::config::{InstanceConfig, Transport};
use crate::event::Interface;
use crate::id::{Name, Priority};
use crate::notice::Notice;
use crate::reject::RejectKind;
use crate::restraint::Restraint;
use crate::stats::Stats;
use crate::time::{Centis, Micros, Time};
use crate::track::Pull;
use crate::wire::v3::Family;

use authentic::Seals;
use backup::Backup;
use master::Master;
use owner::Rivalry;

pub(crate) use handover::Stance;
pub(crate) use receive::Packet;
pub(crate) use transition::{Entry, Leave};

/// The shortest interval that is kept, so that a configured 0 does not become a busy loop.
const SHORTEST_INTERVAL: Micros = Micros::new(10_000);

/// Where an instance is, with what only matters there.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Before it takes part for the first time, while what it tracks is not known yet.
    Init,
    Backup(Backup),
    Master(Master),
    Fault,
}

/// What an instance would like after an event; in a sync group it is not alone in deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    Stay,
    /// To become master: no better one was heard for long enough.
    Master,
    /// To yield to a better master.
    Yield,
    /// To announce the addresses again: a worse master was heard.
    Reassert,
}

#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) config: InstanceConfig,
    pub(crate) state: State,
    pub(crate) since: Time,
    pub(crate) stats: Stats,
    /// What all that it tracks comes to.
    pull: Pull,
    seals: Seals,
    /// The number of the last advert with an authentication header that was sent or believed.
    sequence: u32,
    /// The master believed last, and its priority.
    pub(crate) master: Option<(IpAddr, u8)>,
    /// The interval that the master believed last sends with; version 3 waits by that (RFC 9568 6.1).
    master_interval: Option<Centis>,
    link: Option<Interface>,
    /// The source last used: what is left to say goodbye from when the address has gone.
    last_source: Option<IpAddr>,
    /// Kinds of rejects already logged, and whose good advert makes them news again.
    logged: BTreeMap<RejectKind, IpAddr>,
    /// How much it says of packets that change nothing.
    pub(crate) restraint: Restraint,
    address_fault: Option<IpAddr>,
    rivalry: Rivalry,
    /// Before then it does not become master (`vrrp_startup_delay`).
    pub(crate) hold: Time,
    /// What an operator asked of it.
    pub(crate) stance: Stance,
    /// The peers sum as keepalived up to 1.3.6 did ([`UnicastChecksum`](crate::UnicastChecksum)).
    old_checksum: bool,
}

impl Instance {
    pub(crate) fn new(now: Time, config: InstanceConfig, link: Option<Interface>) -> Instance {
        let mut instance = Instance {
            config,
            state: State::Init,
            pull: Pull::default(),
            seals: Seals::default(),
            sequence: 0,
            since: now,
            stats: Stats::default(),
            master: None,
            master_interval: None,
            link: None,
            last_source: None,
            logged: BTreeMap::new(),
            restraint: Restraint::default(),
            address_fault: None,
            rivalry: Rivalry::None,
            hold: Time::default(),
            stance: Stance::Usual,
            old_checksum: false,
        };
        instance.relink(link);
        instance
    }

    pub(crate) fn name(&self) -> Name {
        Name::clone(&self.config.name)
    }

    /// The priority it competes with: what is tracked moves it within 1..=254, but not that of an owner.
    pub(crate) fn priority(&self) -> Priority {
        let base = self.config.priority;
        if base.is_owner() {
            return match self.rivalry {
                Rivalry::Lost => Priority::BELOW_OWNER,
                Rivalry::None | Rivalry::Heard { .. } => base,
            };
        }
        let moved = i64::from(base.get()).saturating_add(self.pull.points);
        let priority = u8::try_from(moved.clamp(1, 254)).unwrap_or(1);
        Priority::new(priority).unwrap_or(base)
    }

    /// Takes note of what all that it tracks comes to now.
    pub(crate) fn retrack(&mut self, now: Time, pull: Pull, actions: &mut Actions) {
        let (from, before) = (self.priority(), self.skew());
        self.pull = pull;
        let to = self.priority();
        if from == to {
            return;
        }
        let (instance, state) = (self.name(), self.state_of_priority());
        actions.log(Notice::PriorityChanged {
            instance,
            from: from.get(),
            to: to.get(),
        });
        let after = self.skew();
        if let State::Backup(backup) = &mut self.state {
            backup.reskew(now, before, after);
        }
        if let Some(state) = state {
            self.notify(state, actions);
        }
    }

    fn state_of_priority(&self) -> Option<NotifyState> {
        match self.state {
            State::Master(_) => Some(NotifyState::MasterPriority),
            State::Backup(_) => Some(NotifyState::BackupPriority),
            State::Init | State::Fault => None,
        }
    }

    /// Whether it has to wait for what it tracks before it can take part.
    pub(crate) fn held(&self) -> bool {
        self.pull.awaited
    }

    pub(crate) fn is_init(&self) -> bool {
        matches!(self.state, State::Init)
    }

    /// Takes note of what its link is now.
    pub(crate) fn relink(&mut self, link: Option<Interface>) {
        self.link = link;
        if let Some(source) = self.source() {
            self.last_source = Some(source);
        }
    }

    /// Whether a packet that came in by `interface` can be for it: of unicast adverts that is their VRF, or 0 for the
    /// sockets that hear them on every interface.
    pub(crate) fn listens(&self, interface: u32, packet: &Packet<'_>) -> bool {
        let there = match self.config.transport {
            Transport::Multicast(_) => self.config.interface == interface,
            // Two instances may share an id if they have not the same address.
            Transport::Unicast(_) => {
                self.config.vrf == interface && self.source() == Some(packet.destination)
            }
        };
        there && self.config.family == Family::of(packet.source)
    }

    /// Where its adverts come from.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.config.source.or_else(|| {
            let link = self.link?;
            match self.config.family {
                Family::Inet => link.source.map(IpAddr::V4),
                Family::Inet6 => link.source6.map(IpAddr::V6),
            }
        })
    }

    /// Whether something keeps it from taking part: the link is down, there is no address to send from, or nobody to send
    /// to (`unicast_fault_no_peer`).
    pub(crate) fn faulty(&self) -> bool {
        let lonely = match &self.config.transport {
            Transport::Multicast(_) => false,
            Transport::Unicast(unicast) => unicast.fault_no_peer && unicast.peers.is_empty(),
        };
        let linked = self.config.anywhere
            || self.config.dont_track_link
            || self.link.is_some_and(|link| link.up);
        lonely || !linked || self.pull.faulty || self.source().is_none()
    }

    pub(crate) fn is_master(&self) -> bool {
        matches!(self.state, State::Master(_))
    }

    pub(crate) fn is_fault(&self) -> bool {
        matches!(self.state, State::Fault)
    }

    pub(crate) fn is_backup(&self) -> bool {
        matches!(self.state, State::Backup(_))
    }

    /// Whether it could be master: it is, or waits only for its sync group.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.state {
            State::Master(_) => true,
            State::Backup(backup) => backup.ready(),
            State::Init | State::Fault => false,
        }
    }

    /// When it wants to be asked again.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match &self.state {
            State::Master(master) => Some(master.deadline()),
            State::Backup(backup) => backup.deadline().map(|at| at.max(self.hold)),
            State::Init | State::Fault => None,
        }
    }

    /// Time has passed.
    pub(crate) fn timer(&mut self, now: Time, actions: &mut Actions) -> Wish {
        match &self.state {
            State::Backup(_) => self.backup_timer(now, actions),
            State::Master(_) => self.master_timer(now, actions),
            State::Init | State::Fault => Wish::Stay,
        }
    }

    fn interval(&self) -> Micros {
        Micros::from(self.config.advert_interval).max(SHORTEST_INTERVAL)
    }

    /// By the master's interval in version 3, where one was heard.
    fn awaited_interval(&self) -> Centis {
        self.master_interval.unwrap_or(self.config.advert_interval)
    }

    fn skew(&self) -> Micros {
        timing::skew(
            self.config.version,
            self.priority(),
            self.awaited_interval(),
        )
    }

    pub(crate) fn master_down(&self) -> Micros {
        timing::master_down(
            self.config.version,
            self.priority(),
            self.awaited_interval(),
            self.config.down_timer_adverts,
        )
    }
}
