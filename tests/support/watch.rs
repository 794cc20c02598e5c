//! Watches a host's IPv4 addresses as the kernel announces them, with the moment of each change.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use netlink_packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use crate::netns::Netns;

/// `RTNLGRP_IPV4_IFADDR` of linux/rtnetlink.h, as the bit that bind takes: `RTMGRP_IPV4_IFADDR`.
const IPV4_ADDRESSES: u32 = 0x10;

/// One change of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// When we learned of it.
    pub at: Instant,
    /// The address.
    pub address: Ipv4Addr,
    /// Whether it came or went.
    pub present: bool,
}

/// A watch that runs until it is dropped and the host is gone.
#[derive(Debug)]
pub struct AddressWatch {
    changes: Receiver<Change>,
    host: String,
}

impl AddressWatch {
    /// Starts watching; changes from now on are seen.
    ///
    /// # Errors
    /// When the kernel refuses the subscription.
    pub fn start(host: &Netns) -> Result<Self> {
        let socket = host.run(|| {
            let mut socket = Socket::new(NETLINK_ROUTE).context("open a netlink socket")?;
            socket
                .bind(&SocketAddr::new(0, IPV4_ADDRESSES))
                .context("watch the addresses")?;
            Ok(socket)
        })?;
        let (sender, changes) = channel();
        std::thread::spawn(move || {
            while let Ok((bytes, _)) = socket.recv_from_full() {
                let at = Instant::now();
                for (address, present) in parse(&bytes) {
                    if sender
                        .send(Change {
                            at,
                            address,
                            present,
                        })
                        .is_err()
                    {
                        return;
                    }
                }
            }
        });
        Ok(Self {
            changes,
            host: host.name().to_owned(),
        })
    }

    /// The moment at which `address` comes (or goes, with `present` false).
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn wait(&self, address: Ipv4Addr, present: bool, limit: Duration) -> Result<Instant> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.changes.recv_timeout(left) {
                Ok(change) if change.address == address && change.present == present => {
                    return Ok(change.at);
                }
                Ok(_) => {}
                Err(_) => {
                    let what = if present { "come to" } else { "leave" };
                    bail!(
                        "{address} did not {what} {} within {:.1} s",
                        self.host,
                        limit.as_secs_f64()
                    );
                }
            }
        }
    }

    /// Whether `address` has changed since the last look.
    #[must_use]
    pub fn moved(&self, address: Ipv4Addr) -> bool {
        self.changes
            .try_iter()
            .any(|change| change.address == address)
    }
}

fn parse(mut bytes: &[u8]) -> Vec<(Ipv4Addr, bool)> {
    let mut found = Vec::new();
    while let Ok(length) = length(bytes) {
        let (one, rest) = bytes.split_at(length);
        if let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(one) {
            match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(it)) => {
                    found.extend(v4(&it).map(|a| (a, true)))
                }
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(it)) => {
                    found.extend(v4(&it).map(|a| (a, false)))
                }
                _ => {}
            }
        }
        bytes = rest;
    }
    found
}

fn length(bytes: &[u8]) -> Result<usize> {
    let header = NetlinkBuffer::new_checked(bytes).map_err(|error| anyhow!("{error}"))?;
    Ok(usize::try_from(header.length())?
        .next_multiple_of(4)
        .min(bytes.len()))
}

fn v4(message: &AddressMessage) -> Option<Ipv4Addr> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
            _ => None,
        })
}
