//! Links and addresses over rtnetlink.
//!
//! Changes go out many to one `sendmsg`, with an acknowledgement asked for on the last only; the
//! kernel answers errors for the others by sequence number (linux/netlink.h, `NLMSG_ERROR`).

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use keepalived_conf::PROTOCOL_KEEPALIVED;
use keepalived_conf::ReceiveBuffer;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::rule::RuleMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::room::make_room;
use super::routing::listed::{Listed, ListedRoute, ListedRule};
use super::routing::{self, RefusedChange};
use super::{Assignment, Link, LinkKind, Refused, address, link};

/// Messages in one `sendmsg`.
const BATCH: usize = 200;
/// Large enough for a batch in which every message is answered with an error.
const RECEIVE_BUFFER: usize = 4 << 20;
/// How often a list is read that changes meanwhile: at least and at most, and for how long in between. A long list that never
/// stands still must not keep its reader from everything else.
const DUMP_ATTEMPTS: RangeInclusive<u32> = 2..=10;
const DUMP_SPAN: Duration = Duration::from_millis(50);
/// How long a missing answer is waited for.
const PATIENCE_SECONDS: i64 = 1;
/// One datagram from the kernel; a dump comes in pieces of at most 32 KiB.
const DATAGRAM: usize = 64 << 10;

/// A blocking rtnetlink socket.
pub struct RouteSocket {
    socket: Socket,
    sequence: u32,
    buffer: BytesMut,
}

#[derive(Clone, Copy)]
enum Change {
    Add,
    Remove,
}

impl RouteSocket {
    /// Gives it room for so much.
    ///
    /// # Errors
    /// When it may not be forced.
    pub fn make_room(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        make_room(&self.socket, buffer)
    }

    /// Opens the socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<RouteSocket> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
        // Kernels before 4.20 have it not: they list more than was asked for.
        let _ = socket.set_netlink_get_strict_chk(true);
        // The kernel answers before `send` returns. Should an answer be missing all the same, adverts must not wait for it.
        setsockopt(
            &socket,
            sockopt::ReceiveTimeout,
            &TimeVal::seconds(PATIENCE_SECONDS),
        )?;
        Ok(RouteSocket {
            socket,
            sequence: 0,
            buffer: BytesMut::with_capacity(DATAGRAM),
        })
    }

    /// All links with their addresses.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn links(&mut self) -> io::Result<Vec<Link>> {
        let mut links = BTreeMap::new();
        for answer in self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))? {
            if let RouteNetlinkMessage::NewLink(message) = answer
                && let Some(link) = described(&message)
            {
                links.insert(link.index, link);
            }
        }
        for answer in self.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))? {
            if let RouteNetlinkMessage::NewAddress(message) = answer
                && let (Some(link), Some(address)) =
                    (links.get_mut(&message.header.index), own_address(&message))
            {
                link.addresses.push((address, message.header.prefix_len));
                if tentative(&message) {
                    link.tentative.push(address);
                }
            }
        }
        Ok(links.into_values().collect())
    }

    /// Adds addresses; one that is there already is left as it is.
    pub fn add(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        self.change(Change::Add, addresses)
    }

    /// Removes addresses; one that is gone already is fine.
    pub fn remove(&mut self, addresses: &[Assignment]) -> Vec<Refused> {
        self.change(Change::Remove, addresses)
    }

    /// Changes routes and rules in their order; what is as wanted already is fine.
    pub fn reroute(&mut self, changes: &[routing::Change]) -> Vec<RefusedChange> {
        let mut refused = Vec::new();
        for batch in changes.chunks(BATCH) {
            let messages = batch.iter().map(routing::Change::request).collect();
            match self.transact(messages) {
                Ok(errors) => {
                    let errors = errors.into_iter().filter_map(|(at, source)| {
                        let change = batch.get(at)?.clone();
                        Some(RefusedChange { change, source })
                    });
                    refused.extend(errors.filter(|refused| !rerouted(refused)));
                }
                Err(error) => refused.extend(batch.iter().map(|change| RefusedChange {
                    change: change.clone(),
                    source: io::Error::new(error.kind(), error.to_string()),
                })),
            }
        }
        refused
    }

    /// The routes of protocol `keepalived`, and all rules.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn routing(&mut self) -> io::Result<Listed> {
        let mut listed = Listed::default();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut routes = RouteMessage::default();
            routes.header.address_family = family;
            // The kernel lists no others: there may be a million of them (linux/netlink.h, NETLINK_GET_STRICT_CHK).
            routes.header.protocol = PROTOCOL_KEEPALIVED.into();
            for answer in self.dump(RouteNetlinkMessage::GetRoute(routes))? {
                if let RouteNetlinkMessage::NewRoute(message) = answer {
                    listed.routes.extend(ListedRoute::parse(&message));
                }
            }
            let mut rules = RuleMessage::default();
            rules.header.family = family;
            for answer in self.dump(RouteNetlinkMessage::GetRule(rules))? {
                if let RouteNetlinkMessage::NewRule(message) = answer {
                    listed.rules.push(ListedRule(message));
                }
            }
        }
        Ok(listed)
    }

    fn change(&mut self, change: Change, addresses: &[Assignment]) -> Vec<Refused> {
        let mut refused = Vec::new();
        for batch in addresses.chunks(BATCH) {
            let messages = batch
                .iter()
                .map(|address| request(change, address))
                .collect();
            match self.transact(messages) {
                Ok(errors) => {
                    for (at, source) in errors {
                        let Some(address) = batch.get(at) else {
                            continue;
                        };
                        if !settled(change, &source) {
                            refused.push(Refused {
                                address: address.clone(),
                                source,
                            });
                        }
                    }
                }
                Err(error) => refused.extend(batch.iter().map(|address| Refused {
                    address: address.clone(),
                    source: io::Error::new(error.kind(), error.to_string()),
                })),
            }
        }
        refused
    }

    /// Sends the messages at once; answers the errors with the position of the message each belongs to.
    pub(super) fn transact(
        &mut self,
        messages: Vec<(RouteNetlinkMessage, u16)>,
    ) -> io::Result<Vec<(usize, io::Error)>> {
        let count = u32::try_from(messages.len()).map_err(io::Error::other)?;
        let first = self.sequence.wrapping_add(1);
        let last = self.sequence.wrapping_add(count);
        let mut bytes = Vec::new();
        for (message, flags) in messages {
            self.sequence = self.sequence.wrapping_add(1);
            let ack = if self.sequence == last { NLM_F_ACK } else { 0 };
            emit(
                &mut bytes,
                message,
                self.sequence,
                NLM_F_REQUEST | flags | ack,
            );
        }
        self.socket.send(&bytes, 0)?;
        let mut errors = Vec::new();
        loop {
            for answer in self.receive()? {
                let sequence = answer.header.sequence_number;
                let at = sequence.wrapping_sub(first);
                if at >= count {
                    continue; // an answer to something that was given up on
                }
                if let NetlinkPayload::Error(error) = answer.payload {
                    if error.code.is_some() {
                        errors.push((usize::try_from(at).unwrap_or(usize::MAX), error.to_io()));
                    }
                    if sequence == last {
                        return Ok(errors);
                    }
                }
            }
        }
    }

    /// Asks for a list. One that changed while it was being read may lack entries that were there all the time, and is
    /// read again (linux/netlink.h, `NLM_F_DUMP_INTR`).
    fn dump(&mut self, request: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        let begun = Instant::now();
        let mut attempts = 0;
        while attempts < *DUMP_ATTEMPTS.start()
            || (attempts < *DUMP_ATTEMPTS.end() && begun.elapsed() < DUMP_SPAN)
        {
            if let Some(found) = self.dump_once(request.clone())? {
                return Ok(found);
            }
            attempts += 1;
        }
        Err(io::Error::new(
            io::ErrorKind::Interrupted,
            format!("the list kept changing while it was read, {attempts} times"),
        ))
    }

    fn dump_once(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> io::Result<Option<Vec<RouteNetlinkMessage>>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        emit(
            &mut bytes,
            request,
            self.sequence,
            NLM_F_REQUEST | NLM_F_DUMP,
        );
        self.socket.send(&bytes, 0)?;
        let mut found = Vec::new();
        let mut whole = true;
        loop {
            for answer in self.receive()? {
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                whole &= answer.header.flags & NLM_F_DUMP_INTR == 0;
                match answer.payload {
                    NetlinkPayload::InnerMessage(message) => found.push(message),
                    NetlinkPayload::Done(_) => return Ok(whole.then_some(found)),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        self.buffer.clear();
        self.buffer.reserve(DATAGRAM);
        self.socket.recv(&mut self.buffer, 0)?;
        let mut answers = Vec::new();
        let mut rest: &[u8] = &self.buffer;
        while !rest.is_empty() {
            // A message that this version of the library cannot read is none of those that are waited for.
            if let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) {
                answers.push(message);
            }
            let length = rest
                .first_chunk::<4>()
                .map_or(0, |length| u32::from_ne_bytes(*length));
            let aligned = usize::try_from(length).unwrap_or(0).next_multiple_of(4);
            rest = match rest.get(aligned..) {
                Some(rest) if aligned >= 16 => rest,
                _ => &[],
            };
        }
        Ok(answers)
    }
}

fn emit(bytes: &mut Vec<u8>, message: RouteNetlinkMessage, sequence: u32, flags: u16) {
    let mut header = NetlinkHeader::default();
    header.sequence_number = sequence;
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let at = bytes.len();
    bytes.resize(at + message.buffer_len(), 0);
    if let Some(room) = bytes.get_mut(at..) {
        message.serialize(room);
    }
}

fn request(change: Change, wanted: &Assignment) -> (RouteNetlinkMessage, u16) {
    match change {
        Change::Add => address::add(wanted),
        Change::Remove => address::remove(wanted),
    }
}

/// Whether the kernel's refusal means that things already are as wanted.
fn settled(change: Change, error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    match change {
        Change::Add => errno == Some(Errno::EEXIST),
        // The address, or the whole interface, is gone.
        Change::Remove => matches!(
            errno,
            Some(Errno::EADDRNOTAVAIL | Errno::ENODEV | Errno::ENXIO)
        ),
    }
}

/// The same of a route or a rule.
fn rerouted(refused: &RefusedChange) -> bool {
    use routing::Change::{AddRoute, AddRule, RemoveRoute, RemoveRule, ReplaceRoute};
    let errno = refused.source.raw_os_error().map(Errno::from_raw);
    match refused.change {
        AddRoute(_) | ReplaceRoute(_) | AddRule(_) => errno == Some(Errno::EEXIST),
        // It is gone, or its interface, or its table.
        RemoveRoute(_) | RemoveRule(_) => matches!(
            errno,
            Some(Errno::ESRCH | Errno::ENOENT | Errno::ENODEV | Errno::ENXIO)
        ),
    }
}

fn described(message: &LinkMessage) -> Option<Link> {
    let name = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        })?;
    let mtu = |attribute: &LinkAttribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    };
    let kind = link::kind(message);
    let (arp, rp_filter) = link::inet_conf(message);
    let mut found = Link {
        index: message.header.index,
        mtu: message.attributes.iter().find_map(mtu).unwrap_or_default(),
        name,
        up: message
            .header
            .flags
            .contains(LinkFlags::Up | LinkFlags::Running),
        kind,
        vrf_table: link::vrf_table(message),
        arp,
        rp_filter,
        ..Link::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(address) => found.mac = address.as_slice().try_into().ok(),
            // Of a veth it is the number of the other end, in its own namespace.
            LinkAttribute::Link(base) if kind != LinkKind::Other => found.base = Some(*base),
            LinkAttribute::Controller(controller) => found.controller = Some(*controller),
            _ => {}
        }
    }
    Some(found)
}

fn tentative(message: &AddressMessage) -> bool {
    let barred = AddressFlags::Tentative | AddressFlags::Dadfailed;
    let flags = |attribute: &AddressAttribute| match attribute {
        AddressAttribute::Flags(flags) => flags.intersects(barred),
        _ => false,
    };
    message.attributes.iter().any(flags)
}

fn own_address(message: &AddressMessage) -> Option<IpAddr> {
    // On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 has IFA_ADDRESS alone.
    let mut address = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(local) => return Some(*local),
            AddressAttribute::Address(other) => address = Some(*other),
            _ => {}
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_link_is_there_with_its_address() {
        let links = RouteSocket::open().unwrap().links().unwrap();
        let lo = links.iter().find(|link| link.name == "lo").unwrap();
        assert_eq!(lo.index, 1);
        assert!(
            lo.addresses.is_empty() || lo.addresses.contains(&("127.0.0.1".parse().unwrap(), 8))
        );
    }

    #[test]
    fn a_refused_batch_names_each_address_and_ends() {
        // Interface 0 does not exist, so the kernel refuses every message of the batch.
        let addresses: Vec<_> = (1..=250u8)
            .map(|last| Assignment {
                interface: 0,
                interface_name: "none".into(),
                address: IpAddr::from([192, 0, 2, last]),
                prefix_len: 32,
                peer: None,
                broadcast: None,
                scope: 0,
                label: None,
                flags: AddressFlags::empty(),
                preferred: None,
            })
            .collect();
        let refused = RouteSocket::open().unwrap().add(&addresses);
        let named: Vec<_> = refused.into_iter().map(|refused| refused.address).collect();
        assert_eq!(named, addresses);
    }
}
