//! `------< Interfaces >------`: the links of this host, and the instances that depend on each.

use std::net::IpAddr;

use keepalived_conf::{Model, TrackKind};

use super::{Page, Seen};
use crate::kernel::Link;

pub(super) fn put(page: &mut Page, model: &Model, seen: &Seen<'_>) {
    page.heading("Interfaces");
    for link in seen.links {
        one(page, link, model, seen);
    }
}

fn one(page: &mut Page, link: &Link, model: &Model, seen: &Seen<'_>) {
    page.item(" Name", &link.name);
    page.item("   index", link.index);
    let first = |wanted: fn(&IpAddr) -> bool| {
        let mut addresses = link.addresses.iter().map(|(address, _)| address);
        let found = addresses.find(|address| wanted(address));
        found.map_or("(none)".to_owned(), IpAddr::to_string)
    };
    page.item("   IPv4 address", first(IpAddr::is_ipv4));
    page.item("   IPv6 address", first(IpAddr::is_ipv6));
    if let Some(mac) = link.mac.filter(|mac| *mac != [0; 6]) {
        let bytes: Vec<_> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        page.item("   MAC", bytes.join(":"));
    }
    let state = if link.up {
        "UP, RUNNING"
    } else {
        "not UP, or not RUNNING"
    };
    page.item("   State", state);
    let delays = model.interface_delays.iter();
    let delay = delays.rev().find(|delay| delay.name == link.name);
    let (up, down) = delay.map_or((0, 0), |delay| {
        (delay.up.as_micros(), delay.down.as_micros())
    });
    page.line(format_args!("   Up debounce timer = {up}us"));
    page.line(format_args!("   Down debounce timer = {down}us"));
    let base = seen
        .links
        .iter()
        .find(|below| Some(below.index) == link.base);
    page.maybe("   Underlying interface", base.map(|base| &base.name));
    page.item("   MTU", link.mtu);
    // Those that speak through it as well as those that track it.
    let mut dependent = Vec::new();
    for instance in &model.instances {
        let entry = instance.tracked.iter();
        let mut entry = entry.filter(|entry| entry.kind == TrackKind::Interface);
        let entry = entry.find(|entry| entry.name == link.name);
        let own = instance.interface.as_deref() == Some(&*link.name);
        // keepalived behaviour: an interface whose state does not matter has a weight that no other can have.
        let usual = if instance.dont_track_primary { 255 } else { 0 };
        match entry {
            Some(entry) => dependent.push((&instance.name, entry.weight.points)),
            None if own => dependent.push((&instance.name, usual)),
            None => {}
        }
    }
    if !dependent.is_empty() {
        page.line("   Tracking VRRP instances :");
    }
    for (instance, weight) in dependent {
        page.line(format_args!("     {instance}, weight {weight}"));
    }
}
