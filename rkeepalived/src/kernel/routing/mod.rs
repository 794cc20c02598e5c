//! Routes and rules over rtnetlink: what the configuration wants as messages, and what the kernel lists.
//!
//! What it must not know: whose they are, and when they are wanted.
//!
//! Enter at [`Change`] and [`Listed`]; `route`, `metric` and `encap` make the messages of routes, `rule` those of rules,
//! [`listed`] reads them back. Tests: beside each part, against what keepalived was recorded to send.

mod encap;
pub mod listed;
mod metric;
mod route;
mod rule;

use std::fmt;
use std::io;

use keepalived_conf::{Insert, NextHop, Route, RouteKind, Rule, RuleAction};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;

pub use self::listed::Listed;

/// `RT_TABLE_MAIN`.
pub const MAIN: u32 = 254;

/// A route with the names of its interfaces looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedRoute {
    /// As configured; `no_track` says nothing here.
    pub route: Route,
    /// Number of its table.
    pub table: u32,
    /// Number of its interface.
    pub device: Option<u32>,
    /// The same of each of its next hops.
    pub hops: Vec<Option<u32>>,
}

impl PlacedRoute {
    /// Whether the kernel would have only one of the two, so that the one can be put in the place of the other.
    #[must_use]
    pub fn same_place(&self, other: &PlacedRoute) -> bool {
        let place = |placed: &PlacedRoute| {
            let route = &placed.route;
            (
                (route.family, placed.table, route.tos),
                (route.destination, route.from, route.metric),
            )
        };
        let only = |placed: &PlacedRoute| placed.route.insert == Insert::Prepend;
        only(self) && only(other) && place(self) == place(other)
    }
}

/// Something that is done to the kernel's routes or rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a route; one that is there already counts as added.
    AddRoute(PlacedRoute),
    /// Adds it in the place of one with the same destination, table, metric and TOS.
    ReplaceRoute(PlacedRoute),
    /// Removes a route; one that is gone already counts as removed.
    RemoveRoute(PlacedRoute),
    /// Adds a rule; one that is there already counts as added.
    AddRule(Rule),
    /// Removes a rule; one that is gone already counts as removed.
    RemoveRule(Rule),
}

/// A change that the kernel would not make.
#[derive(Debug)]
pub struct RefusedChange {
    /// Which one.
    pub change: Change,
    /// Why.
    pub source: io::Error,
}

impl Change {
    /// The message, with its flags besides those that every request has.
    pub(super) fn request(&self) -> (RouteNetlinkMessage, u16) {
        match self {
            Change::AddRoute(route) => {
                let message = RouteNetlinkMessage::NewRoute(route::add(route));
                (message, NLM_F_CREATE | insert(&route.route))
            }
            Change::ReplaceRoute(route) => {
                let message = RouteNetlinkMessage::NewRoute(route::add(route));
                (message, NLM_F_CREATE | NLM_F_REPLACE)
            }
            Change::RemoveRoute(route) => (RouteNetlinkMessage::DelRoute(route::remove(route)), 0),
            Change::AddRule(rule) => {
                let message = RouteNetlinkMessage::NewRule(rule::message(rule));
                (message, NLM_F_CREATE | NLM_F_EXCL)
            }
            Change::RemoveRule(rule) => (RouteNetlinkMessage::DelRule(rule::message(rule)), 0),
        }
    }
}

/// Where among equal routes it goes. keepalived behaviour: a route that sends no packet on is the only one.
fn insert(route: &Route) -> u16 {
    match (route.kind, route.insert) {
        (RouteKind::Unicast, Insert::Prepend) => 0,
        (RouteKind::Unicast, Insert::Append) => NLM_F_APPEND,
        _ => NLM_F_EXCL,
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::AddRoute(route) | Change::ReplaceRoute(route) | Change::RemoveRoute(route) => {
                write!(f, "route {}", RouteText(&route.route))
            }
            Change::AddRule(rule) | Change::RemoveRule(rule) => {
                write!(f, "rule {}", RuleText(rule))
            }
        }
    }
}

/// What tells a route from others, in the words of `ip route`.
pub struct RouteText<'r>(pub &'r Route);

impl fmt::Display for RouteText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = self.0;
        match route.kind {
            RouteKind::Unicast => {}
            RouteKind::Other(number) => write!(f, "type {number} ")?,
            kind => write!(f, "{} ", format!("{kind:?}").to_lowercase())?,
        }
        match route.destination.prefix_len {
            0 => f.write_str("default")?,
            length => write!(f, "{}/{length}", route.destination.address)?,
        }
        if let Some(from) = route.from {
            write!(f, " from {}/{}", from.address, from.prefix_len)?;
        }
        way(f, route.gateway, route.device.as_deref())?;
        if let Some(table) = route.table {
            write!(f, " table {table}")?;
        }
        if let Some(metric) = route.metric {
            write!(f, " metric {metric}")?;
        }
        for NextHop {
            gateway, device, ..
        } in &route.next_hops
        {
            f.write_str(" nexthop")?;
            way(f, *gateway, device.as_deref())?;
        }
        Ok(())
    }
}

fn way(
    f: &mut fmt::Formatter<'_>,
    gateway: Option<std::net::IpAddr>,
    device: Option<&str>,
) -> fmt::Result {
    if let Some(gateway) = gateway {
        write!(f, " via {gateway}")?;
    }
    match device {
        Some(device) => write!(f, " dev {device}"),
        None => Ok(()),
    }
}

/// What tells a rule from others, in the words of `ip rule`.
pub struct RuleText<'r>(pub &'r Rule);

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        if rule.inverted {
            f.write_str("not ")?;
        }
        match rule.from {
            Some(from) => write!(f, "from {}/{}", from.address, from.prefix_len)?,
            None => f.write_str("from all")?,
        }
        if let Some(to) = rule.to {
            write!(f, " to {}/{}", to.address, to.prefix_len)?;
        }
        if let Some(input) = &rule.input {
            write!(f, " iif {input}")?;
        }
        if let Some(output) = &rule.output {
            write!(f, " oif {output}")?;
        }
        match &rule.action {
            RuleAction::Lookup(lookup) => write!(f, " lookup {}", lookup.table)?,
            RuleAction::GoTo(target) => write!(f, " goto {target}")?,
            other => write!(f, " {}", format!("{other:?}").to_lowercase())?,
        }
        write!(f, " preference {}", rule.preference)
    }
}
