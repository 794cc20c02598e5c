//! The real network behind the failover thread: rtnetlink, one advert socket and one ARP socket an interface.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;

use vrrp::wire::ipv4::Header;

use super::advert::AdvertSocket;
use super::arp::ArpSocket;
use super::route::RouteSocket;
use super::{Assignment, Link, Network, Refused};

/// RFC 3768 section 5.2.3.
const TTL: u8 = 255;
/// RFC 3768 section 5.2.4.
const VRRP: u8 = 112;

/// The kernel's network, in the calling thread's network namespace.
pub struct KernelNetwork {
    route: RouteSocket,
    adverts: BTreeMap<u32, Rc<AdvertSocket>>,
    arp: BTreeMap<u32, ArpSocket>,
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
            arp: BTreeMap::new(),
        })
    }

    /// The socket that hears and sends adverts on an interface; the same one each time.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn adverts(&mut self, interface: u32) -> io::Result<Rc<AdvertSocket>> {
        match self.adverts.entry(interface) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => Ok(entry
                .insert(Rc::new(AdvertSocket::open(interface)?))
                .clone()),
        }
    }

    /// Closes the sockets of interfaces for which `keep` says no.
    pub fn forget(&mut self, keep: impl Fn(u32) -> bool) {
        self.adverts.retain(|interface, _| keep(*interface));
        self.arp.retain(|interface, _| keep(*interface));
    }
}

impl Network for KernelNetwork {
    fn links(&mut self) -> io::Result<Vec<Link>> {
        // Asked after each change of a link, which may be that of its hardware address: the ARP sockets know the old one.
        self.arp.clear();
        self.route.links()
    }

    fn add(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        self.route.add(addresses)
    }

    fn remove(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        self.route.remove(addresses)
    }

    fn send(
        &mut self,
        interface: u32,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        payload: &[u8],
    ) -> io::Result<()> {
        // The kernel fills in identification and checksum (raw(7), IP_HDRINCL).
        let header = Header {
            ttl: TTL,
            protocol: VRRP,
            source,
            destination,
        };
        let packet = header.emit(payload).ok_or(io::ErrorKind::InvalidInput)?;
        self.adverts(interface)?.send(destination, &packet)
    }

    fn announce(&mut self, interface: u32, address: Ipv4Addr) -> io::Result<()> {
        let socket = match self.arp.entry(interface) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(ArpSocket::open(interface)?),
        };
        let sent = socket.announce(address);
        if sent.is_err() {
            // The interface may have been made anew; the next time opens another socket.
            self.arp.remove(&interface);
        }
        sent
    }
}
