//! All sessions of a system: whose packet it is, and what each does with it.

use std::collections::{BTreeMap, HashMap};
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, Discriminator, Name};
use crate::notice::Notice;
use crate::reject::Reject;
use crate::session::Session;
use crate::time::Time;
use crate::timing::Chance;
use crate::view::SessionView;
use crate::wire::{self, Control};

/// Kinds of rejects, times addresses that they came from, that are told apart; of further ones nothing is logged.
const TOLD: usize = 1024;

/// What the driver is to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this to the neighbour.
    Send {
        /// The session.
        session: Name,
        /// The UDP payload.
        packet: [u8; wire::LENGTH],
    },
    /// A session came up or went down; also told of each when it is configured.
    Turned {
        /// The session.
        session: Name,
        /// Whether it is up.
        up: bool,
    },
    /// Write a line.
    Log(Notice),
}

/// A UDP datagram of one of BFD's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// The address of ours that it came to.
    pub to: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// It came to the port of RFC 5883.
    pub multihop: bool,
    /// The payload.
    pub bytes: &'a [u8],
}

/// The sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: BTreeMap<Name, Session>,
    by_discriminator: HashMap<Discriminator, Name>,
    rejects: HashMap<(IpAddr, Discriminant<Reject>), u64>,
}

impl Sessions {
    /// None yet.
    #[must_use]
    pub fn new() -> Sessions {
        Sessions::default()
    }

    /// Makes `configs` the sessions. One whose ends did not change goes on, with other intervals if they did; a new one gets the
    /// first free discriminator from `first` on. Answers how each stands.
    #[must_use]
    pub fn configure(
        &mut self,
        now: Time,
        chance: Chance,
        configs: Vec<Config>,
        first: u32,
    ) -> Vec<Action> {
        let mut out = Vec::new();
        let mut before = std::mem::take(&mut self.sessions);
        let mut new = Vec::new();
        for config in configs {
            match before.remove(&config.name) {
                Some(mut same) if config.continues(same.config()) => {
                    let up = same.is_up();
                    out.push(turned(&config, up));
                    same.reconfigure(now, chance, config, &mut out);
                    self.sessions.insert(same.config().name.clone(), same);
                }
                _ => {
                    out.push(turned(&config, false));
                    new.push(config);
                }
            }
        }
        self.by_discriminator = self
            .sessions
            .iter()
            .map(|(name, session)| (session.discriminator(), name.clone()))
            .collect();
        let mut next = first;
        for config in new {
            let discriminator = self.free(&mut next);
            let name = config.name.clone();
            self.by_discriminator.insert(discriminator, name.clone());
            self.sessions
                .insert(name, Session::new(now, config, discriminator));
        }
        out
    }

    fn free(&self, next: &mut u32) -> Discriminator {
        loop {
            let candidate = Discriminator::new(*next);
            *next = next.wrapping_add(1);
            if let Some(free) = candidate
                && !self.by_discriminator.contains_key(&free)
            {
                return free;
            }
        }
    }

    /// A packet came in.
    #[must_use]
    pub fn receive(&mut self, now: Time, chance: Chance, packet: &Packet<'_>) -> Vec<Action> {
        let (name, control) = match self.accept(packet) {
            Ok(accepted) => accepted,
            Err(why) => return self.reject(packet.from, why),
        };
        let mut out = Vec::new();
        if let Some(session) = self.sessions.get_mut(&name) {
            session.receive(now, chance, control, &mut out);
        }
        if !self.rejects.is_empty() {
            // What was wrong with it is right; the next time it is worth a line again.
            let from = packet.from.ip();
            self.rejects.retain(|(other, _), _| *other != from);
        }
        out
    }

    /// The checks of RFC 5880 6.8.6, in its order.
    fn accept(&self, packet: &Packet<'_>) -> Result<(Name, Control), Reject> {
        let control = wire::parse(packet.bytes)?;
        let session = match control.yours {
            Some(yours) => self
                .by_discriminator
                .get(&yours)
                .and_then(|name| self.sessions.get(name)),
            None => self
                .sessions
                .values()
                .find(|session| is_between(session.config(), packet)),
        };
        let session = session.ok_or(Reject::NoSession {
            discriminator: control.yours.map_or(0, Discriminator::get),
        })?;
        let config = session.config();
        if !is_between(config, packet) {
            return Err(Reject::OtherNeighbour);
        }
        if let Some(least) = config.least_ttl
            && packet.ttl < least
        {
            let ttl = packet.ttl;
            return Err(Reject::Hops { ttl, least });
        }
        if control.authenticated {
            return Err(Reject::Authenticated);
        }
        Ok((config.name.clone(), control))
    }

    fn reject(&mut self, from: SocketAddr, why: Reject) -> Vec<Action> {
        let key = (from.ip(), discriminant(&why));
        if let Some(count) = self.rejects.get_mut(&key) {
            *count = count.saturating_add(1);
            return Vec::new();
        }
        if self.rejects.len() >= TOLD {
            return Vec::new();
        }
        self.rejects.insert(key, 1);
        vec![Action::Log(Notice::Rejected { from, why })]
    }

    /// When [`Sessions::timer`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.sessions.values().filter_map(Session::deadline).min()
    }

    /// Does what is due. Harmless when nothing is.
    #[must_use]
    pub fn timer(&mut self, now: Time, chance: Chance) -> Vec<Action> {
        let mut out = Vec::new();
        for session in self.sessions.values_mut() {
            session.timer(now, chance, &mut out);
        }
        out
    }

    /// The sessions, by name.
    #[must_use]
    pub fn view(&self) -> Vec<SessionView> {
        self.sessions.values().map(Session::view).collect()
    }
}

fn turned(config: &Config, up: bool) -> Action {
    Action::Turned {
        session: config.name.clone(),
        up,
    }
}

fn is_between(config: &Config, packet: &Packet<'_>) -> bool {
    config.neighbour == packet.from.ip()
        && config.multihop == packet.multihop
        && config.source.is_none_or(|source| source == packet.to)
}

#[cfg(test)]
mod tests;
