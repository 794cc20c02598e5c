//! Performs the router's actions: packets, addresses, announcements, log lines. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use keepalived_conf::TrackKind;
use vrrp::{
    Action, Actions, Auth, Clocks, Config, Event, GroupConfig, HandoverRefusal, InstanceConfig,
    Interface, Micros, Name, Notice, Router, Standing, Time, TrackerId, Transport,
};

use super::announcer::Announcer;
use super::assignment::assignment;
use super::debounce::Debounce;
use super::devices::Devices;
use super::firewall::DropRules;
use super::numbers::Numbers;
use super::outlet::News;
use super::place;
use super::routing::Routing;
use crate::journal::network::OnNetwork;
use crate::journal::{Line, Part, write};
use crate::kernel::advert::{Hearing, Place};
use crate::kernel::{Assignment, Link, Network, Outgoing};
use crate::plan::{By, PlannedAddress, PlannedInstance, PlannedTrack, VrrpPlan};

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
    drop_rules: Option<(DropRules, String)>,
    /// Whether the kernel reported multicast groups of the link before it was told not to.
    reports: Option<bool>,
    /// Links of our own that cannot be made, for the same reason.
    troubles: BTreeSet<String>,
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
                (Transport::Unicast(_), _) => places.entry(place(0)).or_default(),
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
        self.network.firewall_settled();
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

    /// A packet came in.
    pub fn packet(&mut self, now: Time, event: Event<'_>) {
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
        self.network.firewall_settled();
        self.plan = VrrpPlan::default();
        self.strip();
    }

    /// Has packets to addresses with `no_accept` dropped: to those that are installed, and those that are about to be.
    fn bring_drop_rules(&mut self, coming: Option<&[Assignment]>) {
        let deaf = |name: &Name| {
            let planned = self.planned(name);
            planned.is_some_and(|planned| !planned.config.accept)
        };
        let wanted = self.plan.drop_rules.as_ref().map(|rules| {
            let installed = self.installed.iter().filter(|(name, _)| deaf(name));
            let installed = installed.flat_map(|(_, addresses)| addresses);
            let all = installed.chain(coming.into_iter().flatten());
            let script = rules.script(all.map(|one| (one.address, one.interface_name.as_str())));
            (rules.clone(), script)
        });
        if self.drop_rules == wanted {
            return;
        }
        if let Some((old, _)) = self.drop_rules.take()
            && wanted
                .as_ref()
                .is_none_or(|(rules, _)| old.table != rules.table)
        {
            // Of several scripts that wait only the last is performed.
            self.network.firewall(old.script([]));
            self.network.firewall_settled();
        }
        if let Some((_, script)) = &wanted {
            self.network.firewall(script.clone());
        }
        self.drop_rules = wanted;
    }

    /// The interfaces that matter, with whether each counts as up.
    fn up(&self) -> BTreeMap<String, bool> {
        let instances = self.plan.instances.iter();
        let seats = instances.clone().filter_map(|one| self.seat(one));
        let tracked = self
            .tracks()
            .filter(|track| track.kind == TrackKind::Interface)
            .map(|track| &track.name);
        instances
            .filter_map(|instance| instance.interface.as_ref())
            .chain(seats.map(|link| &link.name))
            .chain(tracked)
            .map(|name| {
                let up = self.link(name).is_some_and(|link| self.is_up(link));
                (name.clone(), up)
            })
            .collect()
    }

    /// Interfaces whose carrier came or went, once each, with whether they are up now.
    fn turned(&self, before: &BTreeMap<String, bool>) -> Vec<(String, bool)> {
        let now = self.up();
        let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
        let gone = gone.map(|(name, _)| (name.clone(), false));
        let gone: Vec<_> = gone
            .filter(|(name, _)| before.get(name) == Some(&true))
            .collect();
        let turned = now
            .into_iter()
            .filter(|(name, is)| before.get(name).copied().unwrap_or(false) != *is);
        gone.into_iter().chain(turned).collect()
    }

    /// Instances of which an address that they installed is gone, unless it is one with `no_track`. Forgets that address.
    fn robbed(&mut self) -> Vec<Name> {
        let links = &self.links;
        let instances = &self.plan.instances;
        let there = |assignment: &Assignment| {
            links.iter().any(|link| {
                link.index == assignment.interface
                    && link
                        .addresses
                        .contains(&(assignment.address, assignment.prefix_len))
            })
        };
        let untracked = |instance: &Name, assignment: &Assignment| {
            let planned = instances.iter().find(|one| one.config.name == *instance);
            planned.is_some_and(|planned| planned.untracked(assignment.address))
        };
        let mut robbed = Vec::new();
        for (name, installed) in &mut self.installed {
            let count = installed.len();
            installed.retain(|assignment| {
                let stays = there(assignment) || untracked(name, assignment);
                if !stays {
                    write(&Line::Network(OnNetwork::AddressTaken {
                        address: assignment.address,
                        interface: assignment.interface_name.clone(),
                    }));
                }
                stays
            });
            if installed.len() < count {
                robbed.push(name.clone());
            }
        }
        robbed
    }

    /// Whether an interface that an instance or one of its addresses is on came, went, or was made anew.
    fn renumbered(&self, before: &[Link]) -> bool {
        let index = |links: &[Link], name: &str| {
            let link = links.iter().find(|link| link.name == name);
            link.map(|link| link.index)
        };
        self.plan
            .instances
            .iter()
            .flat_map(|instance| {
                let addresses = instance.addresses.iter().map(|address| &*address.interface);
                let routes = instance.routes.iter().flat_map(place::names);
                let own = instance.interface.as_deref().into_iter();
                own.chain(addresses).chain(routes)
            })
            .any(|name| index(before, name) != index(&self.links, name))
    }

    /// The same as [`Driver::look`]; where the kernel does not tell, it is asked again.
    fn look_or_later(&mut self, now: Time) -> bool {
        let told = self.look();
        self.look_at = (!told).then(|| now + LOOK_AGAIN);
        told
    }

    /// Asks the kernel for all links; answers whether it told. If it did not, what is known stays.
    fn look(&mut self) -> bool {
        match self.network.links() {
            Ok(links) => {
                self.links = links;
                self.blind = false;
            }
            Err(error) => {
                if !self.blind {
                    write(&Line::Trouble {
                        part: Part::Vrrp,
                        reason: format!(
                            "cannot list the network interfaces: {error}; trying again, with what was known until then"
                        ),
                    });
                }
                self.blind = true;
            }
        }
        !self.blind
    }

    fn interface(&self, instance: &PlannedInstance) -> Option<&Link> {
        instance.interface.as_ref().and_then(|name| self.link(name))
    }

    /// The link that adverts of an instance go through.
    fn seat(&self, instance: &PlannedInstance) -> Option<&Link> {
        match instance.by {
            By::Interface | By::Base => self.interface(instance),
            By::Device => self.devices.link(instance.own_device()?, &self.links),
        }
    }

    /// The number of that of each instance.
    fn seats(&self) -> Vec<Option<u32>> {
        let instances = self.plan.instances.iter();
        let seats = instances.map(|instance| self.seat(instance));
        seats.map(|link| link.map(|link| link.index)).collect()
    }

    /// The link that an address is on.
    fn place(&self, instance: &PlannedInstance, address: &PlannedAddress) -> Option<&Link> {
        match address.device {
            None => self.link(&address.interface),
            Some(at) => self.devices.link(instance.devices.get(at)?, &self.links),
        }
    }

    fn is_up(&self, link: &Link) -> bool {
        self.debounce.is_up(&link.name, link.up)
    }

    fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
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

    /// What the router has to know of each interface that an instance is on.
    fn facts(&self) -> Vec<Interface> {
        let mut facts = BTreeMap::new();
        for instance in &self.plan.instances {
            let link = self.seat(instance);
            let index = link.map_or(0, |link| link.index);
            let below = self.interface(instance);
            facts.entry(index).or_insert_with(|| Interface {
                index,
                up: [link, below]
                    .iter()
                    .all(|link| link.is_some_and(|link| self.is_up(link))),
                source: below.and_then(|below| self.source(instance, below)),
                source6: below.and_then(|below| self.source6(instance, below)),
            });
        }
        facts.into_values().collect()
    }

    /// The first IPv4 address of an interface that is not one of ours.
    fn own_address(&self, link: &Link) -> Option<Ipv4Addr> {
        link.addresses
            .iter()
            .find_map(|(address, _)| match address {
                IpAddr::V4(v4) if !self.is_virtual(*address) => Some(*v4),
                _ => None,
            })
    }

    /// The first link-local IPv6 address of an interface that is not one of ours and can be sent from (RFC 9568 5.1.2.1).
    fn own_link_local(&self, link: &Link) -> Option<Ipv6Addr> {
        link.addresses
            .iter()
            .find_map(|(address, _)| match address {
                IpAddr::V6(v6)
                    if v6.is_unicast_link_local()
                        && !link.tentative.contains(address)
                        && !self.is_virtual(*address) =>
                {
                    Some(*v6)
                }
                _ => None,
            })
    }

    fn is_virtual(&self, address: IpAddr) -> bool {
        let planned = self
            .plan
            .instances
            .iter()
            .flat_map(|instance| &instance.addresses);
        planned
            .into_iter()
            .any(|planned| planned.address.address == address)
            || self
                .installed
                .values()
                .flatten()
                .any(|installed| installed.address == address)
    }

    fn clear_leftovers(&mut self, known: &BTreeSet<Name>) {
        let mut leftovers = Vec::new();
        for instance in &self.plan.instances {
            if known.contains(&instance.config.name) {
                continue;
            }
            for address in self.assignments(instance) {
                let elsewhere = self
                    .installed
                    .values()
                    .flatten()
                    .any(|other| *other == address);
                let there = self.links.iter().any(|link| {
                    link.index == address.interface
                        && link
                            .addresses
                            .contains(&(address.address, address.prefix_len))
                });
                if there && !elsewhere {
                    leftovers.push((instance.config.name.clone(), address));
                }
            }
        }
        for (instance, address) in &leftovers {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!("({instance}) removing VIP {address}, left by an earlier run"),
            });
        }
        let addresses: Vec<_> = leftovers.into_iter().map(|(_, address)| address).collect();
        if !addresses.is_empty() {
            self.remove("start", &addresses);
            self.look();
        }
    }

    fn perform(&mut self, now: Time, actions: Actions) {
        for action in actions {
            match action {
                Action::Send {
                    instance,
                    interface,
                    source,
                    destination,
                    ttl,
                    protocol,
                    identification,
                    payload,
                } => {
                    let advert = Outgoing {
                        interface,
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

    fn name_of(&self, interface: u32) -> Option<String> {
        let link = self.links.iter().find(|link| link.index == interface);
        link.map(|link| link.name.clone())
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

    fn set_addresses(&mut self, instance: &Name) {
        let Some(planned) = self.planned(instance) else {
            return;
        };
        for missing in self.missing_devices(planned) {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!(
                    "({instance}) {missing}; the VIP follows when the interface is there"
                ),
            });
        }
        let wanted = self.assignments(planned);
        let installed = self.installed.remove(instance).unwrap_or_default();
        let (keep, drop): (Vec<_>, Vec<_>) = installed
            .into_iter()
            .partition(|address| wanted.contains(address));
        let add: Vec<_> = wanted
            .iter()
            .filter(|address| !keep.contains(address))
            .cloned()
            .collect();
        for address in &drop {
            write(&Line::AddressDropped {
                instance: instance.to_string(),
                address: address.to_string(),
            });
        }
        self.give_up(instance, drop);
        if self
            .planned(instance)
            .is_some_and(|planned| !planned.config.accept)
        {
            // Before the addresses are there.
            self.bring_drop_rules(Some(&wanted));
        }
        let refused = self.network.add(&add);
        let failed: Vec<_> = refused
            .iter()
            .map(|refused| refused.address.clone())
            .collect();
        for refused in refused {
            write(&Line::AddressRefused {
                instance: instance.to_string(),
                act: "add",
                address: refused.address.to_string(),
                reason: refused.source.to_string(),
            });
        }
        let now_there = wanted
            .into_iter()
            .filter(|address| !failed.contains(address))
            .collect();
        self.installed.insert(instance.clone(), now_there);
        self.set_routing(instance);
    }

    fn clear_addresses(&mut self, instance: &Name) {
        self.clear_routing(instance);
        self.announcer.forget(instance);
        if let Some(installed) = self.installed.remove(instance) {
            self.give_up(instance, installed);
        }
    }

    /// Removes addresses, but for those that another master holds or is about to: a reload may hand an address from
    /// one instance to another, and it must not be missing for a moment.
    fn give_up(&mut self, instance: &str, addresses: Vec<Assignment>) {
        let mut held: Vec<Assignment> = Vec::new();
        for (other, installed) in &self.installed {
            held.extend(installed.iter().cloned());
            if let Some(planned) = self.planned(other) {
                held.extend(self.assignments(planned));
            }
        }
        let nobodys: Vec<_> = addresses
            .into_iter()
            .filter(|address| !held.contains(address))
            .collect();
        self.remove(instance, &nobodys);
    }

    fn remove(&mut self, instance: &str, addresses: &[Assignment]) {
        for refused in self.network.remove(addresses) {
            write(&Line::AddressRefused {
                instance: instance.to_owned(),
                act: "remove",
                address: refused.address.to_string(),
                reason: refused.source.to_string(),
            });
        }
    }

    fn planned(&self, name: &Name) -> Option<&PlannedInstance> {
        self.plan
            .instances
            .iter()
            .find(|instance| instance.config.name == *name)
    }

    fn missing_devices(&self, instance: &PlannedInstance) -> Vec<String> {
        instance
            .addresses
            .iter()
            .filter(|address| self.place(instance, address).is_none())
            .map(|address| {
                let (vip, device) = (address.address.address, &address.interface);
                format!("cannot add VIP {vip}: there is no interface {device}")
            })
            .collect()
    }

    /// An instance's addresses on the interfaces that are there.
    fn assignments(&self, instance: &PlannedInstance) -> Vec<Assignment> {
        instance
            .addresses
            .iter()
            .filter_map(|planned| {
                let link = self.place(instance, planned)?;
                Some(assignment(link, &planned.address))
            })
            .collect()
    }
}

mod announce;
mod equip;
mod routing;
#[cfg(test)]
mod routing_tests;
#[cfg(test)]
mod tests;
