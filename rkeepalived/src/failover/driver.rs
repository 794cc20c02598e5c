//! Performs the router's actions: packets, addresses, announcements, log lines. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keepalived_conf::TrackKind;
use vrrp::{
    Action, Actions, Auth, Clocks, Config, Event, GroupConfig, HandoverRefusal, InstanceConfig,
    Interface, Micros, Name, Notice, Router, Standing, Time, TrackerId, Transport,
};

use super::announcer::Announcer;
use super::debounce::Debounce;
use super::devices::Devices;
use super::firewall::DropRules;
use super::numbers::Numbers;
use super::outlet::News;
use super::routing::Routing;
use crate::journal::{Line, Part, write};
use crate::kernel::advert::{Hearing, Place};
use crate::kernel::firewall::Script;
use crate::kernel::{Assignment, Link, Network, Outgoing};
use crate::plan::{PlannedInstance, PlannedTrack, VrrpPlan};

/// A list of links that could not be read is asked for again so much later.
const LOOK_AGAIN: Micros = Micros::new(200_000);
/// A timer may be served so late before anybody has to know; less where adverts come more often.
const PATIENCE: Duration = Duration::from_secs(1);
/// And this late in any case: a busy machine is no event.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// The router with a network behind it.
pub struct Driver<N> {
    network: N,
    router: Router,
    plan: VrrpPlan,
    links: Vec<Link>,
    /// When to ask for them again, since the kernel did not tell, and whether that was said.
    look_at: Option<Time>,
    blind: bool,
    /// The router's numbers of what is tracked.
    numbers: Numbers,
    /// BFD sessions that were told of, with whether they are up.
    sessions: BTreeMap<String, bool>,
    /// Links of our own.
    devices: Devices,
    /// Numbers of those of them that were set up.
    settled: BTreeSet<u32>,
    /// How long a change of a link must last.
    debounce: Debounce,
    /// The pace of announcements.
    announcer: Announcer,
    /// What each instance has put on interfaces.
    installed: BTreeMap<Name, Vec<Assignment>>,
    /// Static addresses that are on interfaces.
    statics: Vec<Assignment>,
    /// Interfaces that keep secondary addresses because of us.
    promoting: BTreeSet<String>,
    /// Routes and rules that are in the kernel by us.
    routing: Routing,
    /// What was said of static routes and rules that could not be added.
    static_refused: Vec<String>,
    /// Sends that fail, so that each kind is logged once until it works again.
    mute: BTreeSet<Name>,
    /// The rules that were asked for last, with what takes them away again.
    drop_rules: Option<(DropRules, Script)>,
    /// Whether the kernel reported multicast groups of the link before it was told not to.
    reports: Option<bool>,
    /// Links of our own that cannot be made, for the same reason.
    troubles: BTreeSet<String>,
    /// What was said of VRFs that instances wait for.
    adrift: BTreeMap<Name, String>,
    /// What the main loop has not been told yet.
    news: Vec<News>,
}

impl<N: Network> Driver<N> {
    /// A driver without instances.
    pub fn new(network: N) -> Driver<N> {
        Driver {
            network,
            router: Router::new(),
            plan: VrrpPlan::default(),
            links: Vec::new(),
            look_at: None,
            blind: false,
            numbers: Numbers::default(),
            sessions: BTreeMap::new(),
            devices: Devices::default(),
            settled: BTreeSet::new(),
            debounce: Debounce::default(),
            announcer: Announcer::default(),
            installed: BTreeMap::new(),
            statics: Vec::new(),
            promoting: BTreeSet::new(),
            routing: Routing::default(),
            static_refused: Vec::new(),
            mute: BTreeSet::new(),
            drop_rules: None,
            reports: None,
            troubles: BTreeSet::new(),
            adrift: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    /// The router, to look at.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// How each tracked thing stands.
    pub fn standings(&self) -> Vec<(TrackKind, String, Standing)> {
        let names = self.numbers.names();
        let standings = self.router.standings();
        let named = standings.filter_map(|(id, standing)| {
            let (kind, name) = names.get(&id)?;
            Some((*kind, (*name).to_owned(), standing))
        });
        named.collect()
    }

    /// Zeroes the counters.
    pub fn clear_stats(&mut self) {
        self.router.clear_stats();
    }

    /// The network, to receive from.
    pub fn network_mut(&mut self) -> &mut N {
        &mut self.network
    }

    /// Where adverts come in, and what is heard there.
    pub fn places(&self) -> BTreeMap<Place, Hearing> {
        let mut places: BTreeMap<Place, Hearing> = BTreeMap::new();
        for instance in &self.plan.instances {
            let config = &instance.config;
            let place = |interface| Place {
                authenticated: matches!(config.auth, Auth::Ah(_)),
                ..Place::new(interface, config.family)
            };
            let link = self.seat(instance);
            let hearing = match (&config.transport, link) {
                (Transport::Multicast(group), Some(link)) => {
                    let hearing = places.entry(place(link.index)).or_default();
                    hearing.groups.insert(*group);
                    hearing
                }
                (Transport::Multicast(_), None) => continue,
                (Transport::Unicast(_), _) => {
                    let vrf = self.vrf(instance).map_or(0, |vrf| vrf.index);
                    if vrf == 0 && instance.vrf.is_some() {
                        continue;
                    }
                    places.entry(place(vrf)).or_default()
                }
            };
            if let Some(bytes) = instance.buffer.bytes(link.map_or(0, |link| link.mtu)) {
                hearing.buffer = Some(hearing.buffer.unwrap_or_default().saturating_add(bytes));
            }
        }
        places
    }

    /// Changes of state since the last time, in their order.
    pub fn news(&mut self) -> impl Iterator<Item = News> {
        self.news.drain(..)
    }

    /// Sets the clocks that signed adverts go by.
    pub fn set_clocks(&mut self, clocks: Clocks) {
        self.router.set_clocks(clocks);
    }

    /// When [`Driver::timer`] is to be called next.
    pub fn deadline(&self) -> Option<Time> {
        [
            self.router.deadline(),
            self.debounce.deadline(),
            self.announcer.deadline(),
            self.look_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// How late a timer may be before others may act on our silence: two adverts of the quickest instance.
    pub fn patience(&self) -> Duration {
        let instances = self.plan.instances.iter();
        let intervals = instances.map(|one| Micros::from(one.config.advert_interval));
        let shortest = intervals.min().map_or(PATIENCE, Duration::from);
        (shortest * 2).clamp(LEAST_PATIENCE, PATIENCE)
    }

    /// Looks at links and addresses no earlier than then.
    pub fn look_later(&mut self, at: Time) {
        self.look_at = Some(self.look_at.map_or(at, |known| known.min(at)));
    }

    /// Whether [`Driver::network_changed`] is due without a change.
    pub fn is_to_look(&self, now: Time) -> bool {
        let due = [self.debounce.deadline(), self.look_at];
        due.into_iter().flatten().any(|at| at <= now)
    }

    /// Takes over a configuration, at start and at reload alike. VIPs that a killed run left are removed
    /// before an instance starts as backup: another router may own them by now.
    pub fn configure(&mut self, now: Time, plan: VrrpPlan) {
        self.look_or_later(now);
        let known: BTreeSet<Name> = self
            .plan
            .instances
            .iter()
            .map(|instance| instance.config.name.clone())
            .collect();
        self.plan = plan;
        self.announcer.configure(&self.plan.garp_groups);
        self.debounce.configure(&self.plan.delays);
        self.equip();
        self.observe(now);
        self.clear_routing_leftovers(|name| !known.contains(name));
        self.bring_drop_rules(None);
        self.clear_leftovers(&known);
        self.set_statics();
        self.promote_secondaries();
        self.tell_links(now);
        self.tell_of_vrfs();
        let config = self.config();
        let interfaces = self.facts();
        let actions = self.router.configure(now, config, &interfaces);
        self.perform(now, actions);
        // What was said through them has been said.
        self.strip();
    }

    /// Removes what a killed run of that configuration left, and takes nothing over.
    pub fn sweep(&mut self, plan: VrrpPlan) {
        self.look();
        self.plan = plan;
        // Links of ours that are there are known by that, and then not wanted any more.
        let planned = self.plan.instances.iter().flat_map(|one| &one.devices);
        let _ = self.devices.steps(planned, &self.links);
        self.clear_routing_leftovers(|_| true);
        self.clear_leftovers(&BTreeSet::new());
        self.sweep_statics();
        // Nothing is installed, so that nothing is to be dropped.
        self.bring_drop_rules(None);
        self.plan = VrrpPlan::default();
        self.strip();
    }

    /// A tracked thing stands so now. What is told before a configuration tracks it is known when it does.
    pub fn tracked(&mut self, now: Time, kind: TrackKind, name: &str, standing: Standing) {
        let id = self.numbers.of(kind, name);
        self.tell(now, id, standing);
    }

    fn tell(&mut self, now: Time, id: TrackerId, standing: Standing) {
        let actions = self.router.handle(now, Event::Tracked { id, standing });
        self.perform(now, actions);
    }

    /// A BFD session came up or went down, or is told of again.
    pub fn session_turned(&mut self, now: Time, session: &str, up: bool) {
        let standing = if up { Standing::Up } else { Standing::Down };
        // keepalived behaviour: that it is down at first is not worth the line.
        let before = self.sessions.insert(session.to_owned(), up);
        if before.unwrap_or(false) != up {
            for instance in self.tracking_session(session) {
                write(&Line::SessionTurned {
                    instance,
                    session: session.to_owned(),
                    up,
                });
            }
        }
        self.tracked(now, TrackKind::Bfd, session, standing);
    }

    /// Instances that track it, themselves or by their groups.
    fn tracking_session(&self, session: &str) -> Vec<String> {
        let is = |track: &PlannedTrack| track.kind == TrackKind::Bfd && track.name == session;
        let of_group = |name: &Name| {
            let mut groups = self.plan.groups.iter();
            groups.any(|group| group.tracked.iter().any(is) && group.config.members.contains(name))
        };
        let instances = self.plan.instances.iter();
        instances
            .filter(|one| one.tracked.iter().any(is) || of_group(&one.config.name))
            .map(|one| one.config.name.to_string())
            .collect()
    }

    fn tracks(&self) -> impl Iterator<Item = &PlannedTrack> {
        let instances = self.plan.instances.iter().flat_map(|one| &one.tracked);
        instances.chain(self.plan.groups.iter().flat_map(|group| &group.tracked))
    }

    /// Tells the router of tracked interfaces, of links of our own that adverts do not go through, and of sources.
    fn tell_links(&mut self, now: Time) {
        let names: BTreeSet<String> = self
            .tracks()
            .filter(|track| track.kind == TrackKind::Interface)
            .map(|track| track.name.clone())
            .collect();
        for name in names {
            let up = self.link(&name).is_some_and(|link| self.is_up(link));
            let standing = if up { Standing::Up } else { Standing::Down };
            self.tracked(now, TrackKind::Interface, &name, standing);
        }
        for (instance, up) in self.prerequisites() {
            let id = self.numbers.of_prerequisites(&instance);
            let standing = if up { Standing::Up } else { Standing::Down };
            self.tell(now, id, standing);
        }
    }

    /// A packet came in, by the interface with that number where its socket hears all. That one hears what comes in by VRFs
    /// too (`net.ipv4.raw_l3mdev_accept`), which have sockets of their own.
    pub fn packet(&mut self, now: Time, arrived: Option<u32>, event: Event<'_>) {
        if arrived.is_some_and(|index| self.is_in_vrf(index)) {
            return;
        }
        let actions = self.router.handle(now, event);
        self.perform(now, actions);
    }

    /// An operator has an instance give mastership away, or take it back.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn hand_over(&mut self, now: Time, name: &str, back: bool) -> Result<(), HandoverRefusal> {
        self.router.may_hand_over(name, back)?;
        let instance = name;
        let actions = self.router.handle(now, Event::Handover { instance, back });
        self.perform(now, actions);
        Ok(())
    }

    /// The deadline is here.
    pub fn timer(&mut self, now: Time) {
        if self.is_to_look(now) {
            self.network_changed(now);
        }
        self.announce_due(now);
        let actions = self.router.handle(now, Event::Timer);
        self.perform(now, actions);
    }

    /// Something about links or addresses changed: looks what, and tells the router.
    pub fn network_changed(&mut self, now: Time) {
        let before = self.links.clone();
        let (seats, up) = (self.seats(), self.up());
        if !self.look_or_later(now) {
            // An old list would lack what was added since, and look like a theft.
            return;
        }
        self.equip();
        self.observe(now);
        if self.seats() != seats || self.renumbered(&before) {
            // Those on links that are gone have to give up before they are told where they are now.
            for index in seats.into_iter().flatten() {
                if !self.seats().contains(&Some(index)) {
                    let gone = Event::Link(Interface {
                        index,
                        up: false,
                        source: None,
                        source6: None,
                    });
                    let actions = self.router.handle(now, gone);
                    self.perform(now, actions);
                }
            }
            let config = self.config();
            let interfaces = self.facts();
            let actions = self.router.configure(now, config, &interfaces);
            self.perform(now, actions);
            self.strip();
            // With what was just added and removed.
            if !self.look_or_later(now) {
                return;
            }
        }
        for (interface, up) in self.turned(&up) {
            write(&Line::LinkState { interface, up });
        }
        self.tell_of_vrfs();
        // Before anything below adds addresses that this look has not seen.
        let robbed = self.robbed();
        for interface in self.facts() {
            let actions = self.router.handle(now, Event::Link(interface));
            self.perform(now, actions);
        }
        self.tell_links(now);
        self.restore_statics(now);
        for instance in robbed {
            let instance = &instance;
            let actions = self.router.handle(now, Event::AddressRemoved { instance });
            self.perform(now, actions);
        }
    }

    /// Gives everything back.
    pub fn shutdown(&mut self, now: Time) {
        let actions = self.router.shutdown(now);
        self.perform(now, actions);
        self.clear_statics();
        self.demote_secondaries();
        if let Some((rules, _)) = self.drop_rules.take() {
            self.network.firewall(rules.script([]));
        }
        self.plan = VrrpPlan::default();
        self.strip();
    }

    /// The router's configuration, with interface names looked up. An interface that is not there gets
    /// number 0, which is always down.
    fn config(&mut self) -> Config {
        let mut numbers = std::mem::take(&mut self.numbers);
        let instances = self
            .plan
            .instances
            .iter()
            .map(|instance| InstanceConfig {
                interface: self.seat(instance).map_or(0, |link| link.index),
                vrf: self.vrf(instance).map_or(0, |link| link.index),
                // Without its VRF it could only speak outside of it.
                dont_track_link: instance.config.dont_track_link
                    && (instance.vrf.is_none() || self.interface(instance).is_some()),
                tracked: numbers.tracked(instance),
                ..instance.config.clone()
            })
            .collect();
        let groups = self
            .plan
            .groups
            .iter()
            .map(|group| GroupConfig {
                tracked: numbers.tracked_of_group(&group.tracked),
                ..group.config.clone()
            })
            .collect();
        self.numbers = numbers;
        Config {
            instances,
            groups,
            startup_delay: self.plan.startup_delay,
            delay_after_boot: self.plan.delay_after_boot,
            log_unknown_vrids: self.plan.log_unknown_vrids,
        }
    }

    fn perform(&mut self, now: Time, actions: Actions) {
        for action in actions {
            match action {
                Action::Send {
                    instance,
                    interface,
                    vrf,
                    source,
                    destination,
                    ttl,
                    protocol,
                    identification,
                    payload,
                } => {
                    let advert = Outgoing {
                        interface,
                        vrf,
                        source,
                        destination,
                        ttl,
                        protocol,
                        identification,
                        payload: &payload,
                    };
                    self.send(&instance, &advert);
                }
                Action::SetAddresses { instance } => self.set_addresses(&instance),
                Action::ClearAddresses { instance } => self.clear_addresses(&instance),
                Action::Announce { instance, rounds } => self.announce(now, &instance, rounds),
                Action::Remind { instance } => self.remind(now, &instance),
                Action::Notify {
                    subject,
                    state,
                    priority,
                } => self.news.push(News {
                    subject,
                    state,
                    priority,
                }),
                Action::Log(Notice::UnknownVrid {
                    vrid,
                    interface,
                    peer,
                }) => write(&Line::UnknownVrid {
                    vrid,
                    interface: self.name_of(interface),
                    peer,
                }),
                Action::Log(notice) => write(&Line::Vrrp(notice)),
            }
        }
        self.bring_drop_rules(None);
    }

    fn send(&mut self, instance: &Name, advert: &Outgoing<'_>) {
        let anywhere = advert.interface == 0;
        let up = |link: &Link| link.index == advert.interface && link.up;
        if !anywhere && !self.links.iter().any(up) {
            return; // nobody would hear it
        }
        match self.network.send(advert) {
            Ok(()) => {
                self.mute.remove(instance);
            }
            Err(error) => {
                if self.mute.insert(instance.clone()) {
                    write(&Line::Trouble {
                        part: Part::Vrrp,
                        reason: format!("({instance}) cannot send an advert: {error}"),
                    });
                }
            }
        }
    }

    fn planned(&self, name: &Name) -> Option<&PlannedInstance> {
        self.plan
            .instances
            .iter()
            .find(|instance| instance.config.name == *name)
    }
}

mod addresses;
mod announce;
mod equip;
mod links;
mod routing;
#[cfg(test)]
mod routing_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vrf_tests;
