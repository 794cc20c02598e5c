//! The real network behind the failover thread: rtnetlink, advert sockets, and a socket for announcements an interface.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use keepalived_conf::ReceiveBuffer;
use nix::libc;
use vrrp::Family;
use vrrp::wire::ah;

use super::advert::{AdvertSocket, Place};
use super::announce::AnnounceSocket;
use super::firewall::{Firewall, Script, Settled};
use super::route::RouteSocket;
use super::routing::{Change, Listed, RefusedChange};
use super::secondaries;
use crate::journal::{Line, Part, write};

use super::{Arp, Assignment, Device, Link, Network, Outgoing, Refused, SharedRpFilter, link};

/// The kernel's network, in the calling thread's network namespace.
pub struct KernelNetwork {
    route: RouteSocket,
    adverts: BTreeMap<Place, Rc<AdvertSocket>>,
    announcers: BTreeMap<u32, AnnounceSocket>,
    firewall: Option<Firewall>,
}

impl KernelNetwork {
    /// Opens what is needed at once; sockets of an interface follow when it is first used.
    ///
    /// # Errors
    /// When the kernel gives no rtnetlink socket.
    pub fn open() -> io::Result<KernelNetwork> {
        Ok(KernelNetwork {
            route: RouteSocket::open()?,
            adverts: BTreeMap::new(),
            announcers: BTreeMap::new(),
            firewall: None,
        })
    }

    /// The socket that hears and sends adverts in a place; the same one each time.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn adverts(&mut self, place: Place) -> io::Result<Rc<AdvertSocket>> {
        match self.adverts.entry(place) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => Ok(entry.insert(Rc::new(AdvertSocket::open(place)?)).clone()),
        }
    }

    /// Gives the socket that addresses are set by room for so much.
    ///
    /// # Errors
    /// When it may not be forced.
    pub fn make_room(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        self.route.make_room(buffer)
    }

    /// To be waited for until the scripts that were asked for so far were performed.
    #[must_use]
    pub fn firewall_settled(&self) -> Settled {
        let asked = self.firewall.as_ref().map(Firewall::settled);
        asked.unwrap_or_default()
    }

    /// Closes the advert sockets of places for which `keep` says no.
    pub fn forget(&mut self, keep: impl Fn(&Place) -> bool) {
        self.adverts.retain(|place, _| keep(place));
    }
}

impl Network for KernelNetwork {
    fn links(&mut self) -> io::Result<Vec<Link>> {
        // Asked after each change of a link, which may be that of its hardware address: the announcing sockets know the old one.
        self.announcers.clear();
        self.route.links()
    }

    fn add(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        self.route.add(addresses)
    }

    fn remove(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        self.route.remove(addresses)
    }

    fn reroute(&mut self, changes: &[Change]) -> Vec<RefusedChange> {
        self.route.reroute(changes)
    }

    fn routing(&mut self) -> io::Result<Listed> {
        self.route.routing()
    }

    fn promote_secondaries(&mut self, interface: &str, on: bool) -> io::Result<bool> {
        secondaries::promote(interface, on)
    }

    fn send(&mut self, advert: &Outgoing<'_>) -> io::Result<()> {
        let Outgoing {
            interface,
            vrf,
            destination,
            protocol,
            ..
        } = *advert;
        let interface = match destination.is_multicast() {
            true => interface,
            false => vrf,
        };
        let place = Place {
            authenticated: protocol == ah::PROTOCOL,
            ..Place::new(interface, Family::of(destination))
        };
        self.adverts(place)?.send(advert)
    }

    fn announce(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        let socket = match self.announcers.entry(interface) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(AnnounceSocket::open(interface)?),
        };
        let sent = socket.announce(address);
        if sent.is_err() {
            // The interface may have been made anew; the next time opens another socket.
            self.announcers.remove(&interface);
        }
        sent
    }

    fn firewall(&mut self, script: Script) {
        if self.firewall.is_none() {
            match Firewall::open() {
                Ok(firewall) => self.firewall = Some(firewall),
                Err(error) => write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("nftables: cannot start a thread: {error}"),
                }),
            }
        }
        if let Some(firewall) = &mut self.firewall {
            firewall.bring(script);
        }
    }

    fn make_device(&mut self, device: &Device) -> io::Result<()> {
        self.route.make(device)
    }

    fn settle_device(&mut self, device: &Device) -> io::Result<()> {
        self.route.settle(device)
    }

    fn remove_device(&mut self, index: u32) -> io::Result<()> {
        match self.route.unmake(index) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
            other => other,
        }
    }

    fn set_arp(&mut self, index: u32, arp: Arp) -> io::Result<()> {
        self.route.set_arp(index, arp)
    }

    fn shared_rp_filter(&mut self) -> io::Result<SharedRpFilter> {
        Ok(SharedRpFilter {
            all: link::shared_rp_filter("all")?,
            default: link::shared_rp_filter("default")?,
        })
    }

    fn set_shared_rp_filter(&mut self, shared: SharedRpFilter) -> io::Result<()> {
        link::set_shared_rp_filter("default", shared.default)?;
        link::set_shared_rp_filter("all", shared.all)
    }

    fn set_group_reports(&mut self, report: bool) -> io::Result<bool> {
        link::set_group_reports(report)
    }

    fn set_rp_filter(&mut self, index: u32, mode: u32) -> io::Result<()> {
        self.route.set_rp_filter(index, mode)
    }
}
