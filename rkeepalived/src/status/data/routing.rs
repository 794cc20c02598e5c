//! Routes and rules, and what is there whoever is master.

use std::net::IpAddr;

use keepalived_conf::{Insert, Network, Route, RouteKind, Rule, RuleAction, Statics};

use super::Page;
use super::instance::address;

pub(super) fn statics(page: &mut Page, statics: &Statics) {
    if !statics.addresses.is_empty() {
        page.heading("Static Addresses");
    }
    for one in &statics.addresses {
        page.line(format_args!("     {}", address(&one.address, "none", true)));
    }
    let list: Vec<_> = statics.routes.iter().map(|one| one.route.clone()).collect();
    routes(page, "------< Static Routes >------", &list);
    let list: Vec<_> = statics.rules.iter().map(|one| one.rule.clone()).collect();
    rules(page, "------< Static Rules >------", &list);
}

pub(super) fn routes(page: &mut Page, heading: &str, routes: &[Route]) {
    if !routes.is_empty() {
        page.line(heading);
    }
    for one in routes {
        page.line(format_args!("     {}", route(one)));
    }
}

pub(super) fn rules(page: &mut Page, heading: &str, rules: &[Rule]) {
    if !rules.is_empty() {
        page.line(heading);
    }
    for one in rules {
        page.line(format_args!("     {}", rule(one)));
    }
}

fn network(network: &Network) -> String {
    format!("{}/{}", network.address, network.prefix_len)
}

fn via(gateway: IpAddr) -> String {
    let family = if gateway.is_ipv4() { "inet" } else { "inet6" };
    format!(" via {family} {gateway}")
}

/// `prepend 10.50.0.0/24 src 10.99.0.1 via inet 10.9.0.254 dev v0 table 300 proto 18 metric 7`.
fn route(one: &Route) -> String {
    let mut text = match one.insert {
        Insert::Prepend => "prepend",
        Insert::Append => "append",
        Insert::Add => "add",
    }
    .to_owned();
    let kind = match one.kind {
        RouteKind::Unicast => None,
        RouteKind::Other(number) => Some(number.to_string()),
        kind => Some(format!("{kind:?}").to_lowercase()),
    };
    let mut add = |word: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(" {word}{value}"));
        }
    };
    add("", kind);
    add("", Some(network(&one.destination)));
    add("src ", one.source.map(|source| source.to_string()));
    add("from ", one.from.as_ref().map(network));
    let through = one
        .gateway
        .map(|gateway| via(gateway).trim_start().to_owned());
    add("", through);
    add("dev ", one.device.clone());
    add("table ", one.table.map(|table| table.to_string()));
    add("proto ", Some(one.protocol.to_string()));
    add("scope ", one.scope.map(|scope| scope.to_string()));
    add("tos ", (one.tos != 0).then(|| format!("{:#x}", one.tos)));
    add("metric ", one.metric.map(|metric| metric.to_string()));
    for hop in &one.next_hops {
        let device = hop.device.as_ref();
        add(
            "nexthop",
            Some(format!(
                "{}{}{}",
                hop.gateway.map(via).unwrap_or_default(),
                device
                    .map(|device| format!(" dev {device}"))
                    .unwrap_or_default(),
                hop.weight
                    .map(|weight| format!(" weight {weight}"))
                    .unwrap_or_default(),
            )),
        );
    }
    add("", one.no_track.then(|| "no_track".to_owned()));
    text
}

/// `from 10.99.0.0/24 priority 200 tos 0x0 protocol 18 lookup 100`.
fn rule(one: &Rule) -> String {
    let not = if one.inverted { "not " } else { "" };
    let from = one.from.as_ref().map_or("all".to_owned(), network);
    let mut text = format!("{not}from {from}");
    let mut add = |word: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(" {word} {value}"));
        }
    };
    add("to", one.to.as_ref().map(network));
    add("priority", Some(one.preference.to_string()));
    add("tos", Some(format!("{:#x}", one.tos)));
    let mark = one.mark.map(|mark| match mark.mask {
        Some(mask) => format!("{:#x}/{mask:#x}", mark.value),
        None => format!("{:#x}", mark.value),
    });
    add("fwmark", mark);
    add("iif", one.input.clone());
    add("oif", one.output.clone());
    let range =
        |range: &std::ops::RangeInclusive<u16>| format!("{}-{}", range.start(), range.end());
    let users = one.users.as_ref();
    add(
        "uidrange",
        users.map(|users| format!("{}-{}", users.start(), users.end())),
    );
    add(
        "ipproto",
        one.ip_protocol.map(|protocol| protocol.to_string()),
    );
    add("sport", one.source_ports.as_ref().map(range));
    add("dport", one.destination_ports.as_ref().map(range));
    add("protocol", Some(one.protocol.to_string()));
    let action = |kind: &str| ("type", kind.to_owned());
    let (word, value) = match &one.action {
        RuleAction::Lookup(lookup) => ("lookup", lookup.table.to_string()),
        RuleAction::GoTo(preference) => ("goto", preference.to_string()),
        RuleAction::Nop => action("nop"),
        RuleAction::Blackhole => action("blackhole"),
        RuleAction::Unreachable => action("unreachable"),
        RuleAction::Prohibit => action("prohibit"),
        RuleAction::L3Mdev => ("lookup", "l3mdev".to_owned()),
    };
    add(word, Some(value));
    if one.no_track {
        text.push_str(" no_track");
    }
    text
}
