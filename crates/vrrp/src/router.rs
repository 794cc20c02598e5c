//! All instances of one program: hands events to them, keeps sync groups together, starts, reloads and stops.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{Actions, Moment, NotifyState};
use crate::config::Config;
use crate::event::{Event, Interface};
use crate::group::{Group, plan};
use crate::id::Name;
use crate::machine::{Entry, Instance, Leave, Packet, Stance, State, Wish};
use crate::notice::Notice;
use crate::reject::Reject;
use crate::stats::Stats;
use crate::sync::{notify_group, notify_state};
use crate::time::{Micros, Time};
use crate::track::{Standing, Standings, TrackerId};
use crate::view::{InstanceView, StateView};
use crate::wire::ah::{self, Authentic};
use crate::wire::ipv4::Header;
use crate::wire::{Opening, PROTOCOL};

/// All VRRP instances of a program. See the crate's introduction.
#[derive(Debug, Clone, Default)]
pub struct Router {
    pub(crate) instances: Vec<Instance>,
    pub(crate) groups: Vec<Group>,
    interfaces: BTreeMap<u32, Interface>,
    pub(crate) standings: Standings,
    /// Counts packets that belong to no instance.
    strays: Stats,
    started: bool,
    /// Before then no instance becomes master.
    hold: Time,
    log_unknown_vrids: bool,
    /// Those of which an advert was logged, by interface.
    foreign: BTreeSet<(u32, u8)>,
    clocks: Clocks,
}

/// What other clocks showed when the driver's clock was at zero. Only signed adverts (`auth_hmac`) need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clocks {
    /// Since 1970.
    pub wall: Micros,
    /// Since the machine was booted.
    pub boot: Micros,
}

impl Clocks {
    fn at(self, now: Time) -> Moment {
        let since = now - Time::new(0);
        Moment {
            wall: self.wall + since,
            boot: self.boot + since,
        }
    }
}

impl Router {
    /// A router that runs nothing yet.
    #[must_use]
    pub fn new() -> Router {
        Router::default()
    }

    /// Sets the other clocks: at the start, and whenever the wall clock may have been set.
    pub fn set_clocks(&mut self, clocks: Clocks) {
        self.clocks = clocks;
    }

    /// Runs `config` from now on: at the start and at each reload. `interfaces` are the facts of all links; one that is
    /// not among them counts as down.
    ///
    /// An instance with the name, interface and virtual router id of a running one keeps its state. One that is no
    /// longer named goes with an advert of priority 0, its addresses, and a notification. The actions for such a one
    /// name it still: the driver needs what it knew of it.
    pub fn configure(&mut self, now: Time, config: Config, interfaces: &[Interface]) -> Actions {
        let mut actions = Actions::new(self.clocks.at(now));
        self.log_unknown_vrids = config.log_unknown_vrids;
        if !self.started {
            self.delay(now, &config, &mut actions);
        }
        self.interfaces = interfaces
            .iter()
            .map(|interface| (interface.index, *interface))
            .collect();
        let mut before = std::mem::take(&mut self.instances);
        let old_groups: BTreeSet<Name> = self.groups.drain(..).map(|group| group.name).collect();
        let mut fresh = Vec::new();
        let mut kept = Vec::new();
        let mut names: Vec<Name> = Vec::new();
        for config in config.instances {
            if names.contains(&config.name) {
                continue;
            }
            names.push(Name::clone(&config.name));
            let link = self.interfaces.get(&config.interface).copied();
            let index = self.instances.len();
            let same = before.iter().position(|old| {
                old.config.name == config.name
                    // The interface of one in FAULT may have been made anew.
                    && (old.config.interface == config.interface || old.is_fault())
                    && old.config.version == config.version
                    && old.config.family == config.family
                    && old.config.vrid == config.vrid
            });
            if let Some(position) = same {
                let mut instance = before.remove(position);
                let changed = instance.reconfigure(now, config, link, &mut actions);
                kept.push((index, changed));
                self.instances.push(instance);
            } else {
                fresh.push(index);
                let mut instance = Instance::new(now, config, link);
                instance.hold = self.hold;
                self.instances.push(instance);
            }
        }
        for mut gone in before {
            gone.release(Leave::Saying, &mut actions);
            // One that only moved to another interface or id starts anew below and is not reported as deleted.
            if !names.contains(&gone.config.name) {
                gone.notify(NotifyState::Deleted, &mut actions);
            }
        }
        for (index, changed) in kept {
            if let Some(instance) = self.instances.get(index) {
                instance.renew_addresses(changed, &mut actions);
            }
        }
        self.groups = plan(config.groups, &names);
        self.forget_standings();
        for index in 0..self.instances.len() {
            self.retrack(now, index, &mut actions);
        }
        self.start(now, &fresh, &old_groups, &mut actions);
        self.reconcile(now, None, &mut actions);
        self.started = true;
        actions
    }

    /// The start is put off.
    fn delay(&mut self, now: Time, config: &Config, actions: &mut Actions) {
        let up = self.clocks.at(now).boot;
        let rest = config.delay_after_boot.get().saturating_sub(up.get());
        let delay = config.startup_delay.max(Micros::new(rest));
        if !delay.is_zero() {
            self.hold = now + delay;
            actions.log(Notice::DelayingStartup { delay });
        }
    }

    /// Starts the instances at these positions. Of the notifications those of groups come first.
    fn start(
        &mut self,
        now: Time,
        fresh: &[usize],
        old_groups: &BTreeSet<Name>,
        actions: &mut Actions,
    ) {
        if !self.started {
            // A run that was killed may have left addresses, which another router may own by now.
            for instance in fresh.iter().filter_map(|index| self.instances.get(*index)) {
                instance.clear_addresses(actions);
            }
        }
        let mut owners = Vec::new();
        let mut waiting = Vec::new();
        for &index in fresh {
            let members = self.members(index);
            let faulty = self.any(&members, Instance::faulty);
            let held = self.any(&members, Instance::held);
            let owner = members.iter().all(|member| {
                fresh.contains(member)
                    && self
                        .instances
                        .get(*member)
                        .is_some_and(|one| one.priority().is_owner())
            });
            let Some(instance) = self.instances.get_mut(index) else {
                continue;
            };
            if faulty {
                instance.enter_fault(now, Entry::Initial, actions);
            } else if held {
                waiting.push(index);
            } else if owner && instance.hold > now {
                instance.await_hold();
                waiting.push(index);
            } else if owner {
                owners.push(index);
            } else {
                instance.enter_backup(now, Entry::Initial, Leave::Quietly, actions);
            }
        }
        for group in self
            .groups
            .iter()
            .filter(|group| !old_groups.contains(&group.name))
        {
            let first = group.members.iter().find(|member| !owners.contains(member));
            if let Some(state) = first
                .filter(|member| !waiting.contains(member))
                .and_then(|index| self.instances.get(*index))
                .map(notify_state)
            {
                notify_group(&group.name, state, actions);
            }
        }
        for instance in fresh
            .iter()
            .filter(|index| !owners.contains(index) && !waiting.contains(index))
            .filter_map(|i| self.instances.get(*i))
        {
            instance.notify(notify_state(instance), actions);
        }
        for &index in &owners {
            if let Some(instance) = self.instances.get_mut(index) {
                actions.log(Notice::AdvertTimeout {
                    instance: instance.name(),
                });
                instance.enter_master(now, actions);
            }
            if let Some(group) = self.group_of(index)
                && group.members.last() == Some(&index)
            {
                notify_group(&group.name, NotifyState::Master, actions);
            }
        }
    }

    /// Something happened at `now`, which is never earlier than in any call before.
    pub fn handle(&mut self, now: Time, event: Event<'_>) -> Actions {
        let mut actions = Actions::new(self.clocks.at(now));
        match event {
            Event::Datagram { interface, bytes } => {
                self.datagram(now, interface, bytes, &mut actions)
            }
            Event::Datagram6 {
                interface,
                source,
                destination,
                hop_limit,
                payload,
            } => {
                let packet = Packet {
                    source: source.into(),
                    destination: destination.into(),
                    ttl: hop_limit,
                    pdu: payload,
                    authentic: None,
                };
                self.packet(now, interface, &packet, &mut actions);
            }
            Event::Link(interface) => {
                self.interfaces.insert(interface.index, interface);
                for instance in self
                    .instances
                    .iter_mut()
                    .filter(|one| one.config.interface == interface.index)
                {
                    instance.relink(Some(interface));
                }
                self.reconcile(now, Some(interface.index), &mut actions);
            }
            Event::Tracked { id, standing } => self.tracked(now, id, standing, &mut actions),
            Event::Handover { instance, back } => self.hand_over(now, instance, back, &mut actions),
            Event::AddressRemoved { instance } => self.address_removed(now, instance, &mut actions),
            Event::Timer => {
                for index in 0..self.instances.len() {
                    let Some(instance) = self.instances.get_mut(index) else {
                        continue;
                    };
                    let wish = instance.timer(now, &mut actions);
                    self.grant(now, index, wish, &mut actions);
                }
            }
        }
        actions
    }

    /// When to call [`Router::handle`] with [`Event::Timer`]; `None` while nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.instances.iter().filter_map(Instance::deadline).min()
    }

    /// Stops: masters say so with priority 0 and give their addresses back; all instances, then all groups, are reported
    /// as stopped. Runs nothing afterwards.
    pub fn shutdown(&mut self, now: Time) -> Actions {
        let mut actions = Actions::new(self.clocks.at(now));
        for instance in &mut self.instances {
            instance.release(Leave::Saying, &mut actions);
        }
        for instance in &self.instances {
            instance.notify(NotifyState::Stop, &mut actions);
        }
        for group in &self.groups {
            notify_group(&group.name, NotifyState::Stop, &mut actions);
        }
        self.instances.clear();
        self.groups.clear();
        actions
    }

    /// What people and metrics see, in the order of the configuration.
    #[must_use]
    pub fn view(&self) -> Vec<InstanceView> {
        let view = |(index, instance): (usize, &Instance)| InstanceView {
            name: instance.name(),
            interface: instance.config.interface,
            vrid: instance.config.vrid,
            group: self.group_of(index).map(|group| Name::clone(&group.name)),
            state: match instance.state {
                State::Backup(_) => StateView::Backup,
                State::Master(_) => StateView::Master,
                State::Init => StateView::Init,
                State::Fault => StateView::Fault,
            },
            priority: instance.config.priority.get(),
            effective_priority: instance.priority().get(),
            standing_back: instance.stance == Stance::Back,
            last_transition: instance.since,
            deadline: instance.deadline(),
            master_down: instance.master_down(),
            master: instance.master.map(|(address, _)| address),
            master_priority: instance.master.map_or(0, |(_, priority)| priority),
            stats: instance.stats.clone(),
        };
        self.instances.iter().enumerate().map(view).collect()
    }

    /// How each tracked thing stands, as far as it was told.
    pub fn standings(&self) -> impl Iterator<Item = (TrackerId, Standing)> + '_ {
        self.standings.iter().map(|(id, standing)| (*id, *standing))
    }

    /// Zeroes all counters.
    pub fn clear_stats(&mut self) {
        self.strays = Stats::default();
        for instance in &mut self.instances {
            instance.stats = Stats::default();
        }
    }

    /// Counters of packets that belong to no instance: unknown virtual router ids, and what is no VRRP at all.
    #[must_use]
    pub fn strays(&self) -> &Stats {
        &self.strays
    }

    fn datagram(&mut self, now: Time, interface: u32, bytes: &[u8], actions: &mut Actions) {
        let (header, pdu) = match Header::parse(bytes) {
            Ok(split) => split,
            Err(error) => {
                return self.strays.reject(&Reject::Header(error), None);
            }
        };
        let peer = Some(header.source.into());
        let (authentic, pdu) = match header.protocol {
            PROTOCOL => (None, pdu),
            ah::PROTOCOL => match Authentic::parse(pdu) {
                Ok((authentic, pdu)) => (Some((header, authentic)), pdu),
                Err(ah::Malformed) => return self.strays.reject(&Reject::AhMalformed, peer),
            },
            other => return self.strays.reject(&Reject::Protocol(other), peer),
        };
        let packet = Packet {
            source: header.source.into(),
            destination: header.destination.into(),
            ttl: header.ttl,
            pdu,
            authentic,
        };
        self.packet(now, interface, &packet, actions);
    }

    fn packet(&mut self, now: Time, interface: u32, packet: &Packet<'_>, actions: &mut Actions) {
        let peer = Some(packet.source);
        let Some(opening) = Opening::parse(packet.pdu) else {
            return self.strays.reject(
                &Reject::Truncated {
                    seen: packet.pdu.len(),
                    needed: 8,
                },
                peer,
            );
        };
        let of_it = |one: &Instance| {
            one.config.vrid.get() == opening.vrid && one.listens(interface, packet)
        };
        let Some(index) = self.instances.iter().position(of_it) else {
            self.strays.reject(&Reject::UnknownVrid(opening.vrid), peer);
            let vrid = opening.vrid;
            if self.log_unknown_vrids && self.foreign.insert((interface, vrid)) {
                actions.log(Notice::UnknownVrid {
                    vrid,
                    interface,
                    peer: packet.source,
                });
            }
            return;
        };
        let Some(instance) = self.instances.get_mut(index) else {
            return;
        };
        let before = actions.len();
        let wish = instance.receive(now, packet, actions);
        if matches!(wish, Wish::Stay | Wish::Reassert) {
            // Why a state changes is always said.
            actions.restrain(before, now, &instance.name(), &mut instance.restraint);
        }
        self.grant(now, index, wish, actions);
    }
}
