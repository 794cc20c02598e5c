//! One instance: its state, and how it gets from one to another.
//!
//! It must not know the other instances: what concerns a sync group goes up as a [`Wish`], and `router.rs` decides.
//! Enter at [`Instance`]; `receive.rs` judges packets, `backup.rs` and `master.rs` say what a good advert and a timer mean
//! in that state, `transition.rs` changes states, `timing.rs` has the formulas. Tests: `tests/router.rs`, `tests/rejects.rs`.

mod backup;
mod master;
mod receive;
pub mod timing;
mod transition;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::action::{Action, Actions};
use crate::config::{Auth, InstanceConfig};
use crate::event::Interface;
use crate::id::{Name, Priority};
use crate::notice::Notice;
use crate::reject::RejectKind;
use crate::stats::Stats;
use crate::time::{Micros, Time};
use crate::wire::v2::Advert;

use backup::Backup;
use master::Master;

pub(crate) use transition::{Entry, Leave};

/// The shortest interval that is kept, so that a configured 0 does not become a busy loop.
const SHORTEST_INTERVAL: Micros = Micros::new(10_000);

/// Where an instance is, with what only matters there.
#[derive(Debug, Clone)]
pub(crate) enum State {
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
    /// The master believed last, and its priority.
    pub(crate) master: Option<(Ipv4Addr, u8)>,
    link: Option<Interface>,
    /// The source last used: what is left to say goodbye from when the address has gone.
    last_source: Option<Ipv4Addr>,
    /// Kinds of rejects already logged, and whose good advert makes them news again.
    logged: BTreeMap<RejectKind, Ipv4Addr>,
    address_fault: Option<Ipv4Addr>,
    two_owners: bool,
}

impl Instance {
    pub(crate) fn new(now: Time, config: InstanceConfig, link: Option<Interface>) -> Instance {
        let mut instance = Instance {
            config,
            state: State::Fault,
            since: now,
            stats: Stats::default(),
            master: None,
            link: None,
            last_source: None,
            logged: BTreeMap::new(),
            address_fault: None,
            two_owners: false,
        };
        instance.relink(link);
        instance
    }

    pub(crate) fn name(&self) -> Name {
        Name::clone(&self.config.name)
    }

    /// The priority it competes with.
    pub(crate) fn priority(&self) -> Priority {
        self.config.priority
    }

    /// Takes note of what its link is now.
    pub(crate) fn relink(&mut self, link: Option<Interface>) {
        self.link = link;
        if let Some(source) = self.source() {
            self.last_source = Some(source);
        }
    }

    /// Where its adverts come from.
    pub(crate) fn source(&self) -> Option<Ipv4Addr> {
        self.config
            .source
            .or_else(|| self.link.and_then(|link| link.source))
    }

    /// Whether something keeps it from taking part: the link is down, or there is no address to send from.
    pub(crate) fn faulty(&self) -> bool {
        !self.link.is_some_and(|link| link.up) || self.source().is_none()
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
            State::Fault => false,
        }
    }

    /// When it wants to be asked again.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match &self.state {
            State::Master(master) => Some(master.deadline()),
            State::Backup(backup) => backup.deadline(),
            State::Fault => None,
        }
    }

    /// Time has passed.
    pub(crate) fn timer(&mut self, now: Time, actions: &mut Actions) -> Wish {
        match &self.state {
            State::Backup(_) => self.backup_timer(now, actions),
            State::Master(_) => {
                self.master_timer(now, actions);
                Wish::Stay
            }
            State::Fault => Wish::Stay,
        }
    }

    fn interval(&self) -> Micros {
        Micros::from(self.config.advert_interval).max(SHORTEST_INTERVAL)
    }

    fn master_down(&self) -> Micros {
        timing::master_down(
            self.priority(),
            self.config.advert_interval,
            self.config.down_timer_adverts,
        )
    }

    /// Sends an advert with that priority, if there is an address to send from. Says whether it did.
    fn advertise(&mut self, priority: u8, actions: &mut Actions) -> bool {
        let Some(source) = self.source().or(self.last_source) else {
            return false;
        };
        let (auth_type, auth_data) = match self.config.auth {
            Auth::None => (0, [0; 8]),
            Auth::Simple(password) => (1, password),
        };
        let advert = Advert {
            vrid: self.config.vrid.get(),
            priority,
            auth_type,
            interval: self.config.advert_interval.whole_secs(),
            addresses: self.config.addresses.clone(),
            auth_data,
        };
        actions.push(Action::Send {
            instance: self.name(),
            interface: self.config.interface,
            source,
            destination: self.config.group,
            payload: advert.emit(),
        });
        self.stats.adverts_sent += 1;
        if priority == 0 {
            self.stats.priority_zero_sent += 1;
            actions.log(Notice::SentPriorityZero {
                instance: self.name(),
            });
        }
        true
    }
}
