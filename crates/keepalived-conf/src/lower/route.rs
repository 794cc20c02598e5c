//! `virtual_routes` and `static_routes`: one route a line, in words like those of `ip route`.
//!
//! keepalived behaviour: a wrong value drops the route, a missing one ends the reading of everything.

use std::net::IpAddr;
use std::time::Duration;

use super::Lower;
use super::entry::Entry;
use super::host_names::Named;
use super::network::{self, Common, Written};
use super::statics::Tracking;
use crate::ast::Word;
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Family, Insert, Network, NextHop, PROTOCOL_KEEPALIVED, Realms, Route, RouteKind, RouteMetrics,
};
use crate::span::Span;
use crate::value::{address, routing};

/// Every option, for hints.
const OPTIONS: [&str; 48] = [
    "to",
    "inet",
    "inet6",
    "src",
    "via",
    "from",
    "tos",
    "dsfield",
    "table",
    "protocol",
    "scope",
    "metric",
    "priority",
    "preference",
    "dev",
    "oif",
    "onlink",
    "encap",
    "expires",
    "mtu",
    "hoplimit",
    "advmss",
    "rtt",
    "rttvar",
    "reordering",
    "window",
    "cwnd",
    "ssthresh",
    "realms",
    "rto_min",
    "initcwnd",
    "initrwnd",
    "features",
    "quickack",
    "congctl",
    "pref",
    "ttl-propagate",
    "fastopen_no_cookie",
    "add",
    "prepend",
    "append",
    "nexthop",
    "as",
    "no_track",
    "track_group",
    "vrf",
    "blackhole",
    "unreachable",
];

/// A route while its line is read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub family: Common,
    kind: RouteKind,
    destination: Option<Written>,
    source: Option<IpAddr>,
    gateway: Option<IpAddr>,
    from: Option<Network>,
    tos: u8,
    table: Option<u32>,
    /// With where it stands.
    protocol: Option<(u8, Span)>,
    scope: Option<u8>,
    metric: Option<u32>,
    device: Option<String>,
    onlink: bool,
    encap: Option<crate::model::Encap>,
    expires: Option<Duration>,
    pub metrics: RouteMetrics,
    realms: Option<Realms>,
    preference: Option<u8>,
    ttl_propagate: Option<bool>,
    insert: Insert,
    /// `or`.
    second: Option<IpAddr>,
    pub next_hops: Vec<NextHop>,
    no_track: bool,
    vrf: Option<String>,
}

impl Lower<'_> {
    /// The route of a line; `tracking` is there for a static one.
    pub(super) fn route(
        &mut self,
        words: &[Word<'_>],
        mut tracking: Option<&mut Tracking<'_>>,
    ) -> Option<Route> {
        let mut entry = Entry::new(words);
        let mut draft = Draft::default();
        while let Some(word) = entry.next() {
            match (&*word.text, tracking.as_deref_mut()) {
                ("nexthop", _) => {
                    self.next_hops(&mut entry, &mut draft);
                    break;
                }
                ("track_group", Some(tracking)) => {
                    let name = self.need(&mut entry)?;
                    self.tracked_by(name, tracking);
                }
                _ => self.route_option(word, &mut entry, &mut draft)?,
            }
        }
        if let Some(tracking) = tracking
            && draft.device.is_none()
        {
            let message = "Static route cannot have track group if no oif specified";
            self.untrackable(tracking, message);
        }
        self.finish_route(entry.span(), draft)
    }

    fn finish_route(&mut self, span: Span, draft: Draft) -> Option<Route> {
        let Some(destination) = draft.destination else {
            let message = "Route must have a destination";
            let help = "a network such as 10.1.0.0/16, or `default`";
            self.error_help(Code::InvalidAddress, span, message, help);
            return None;
        };
        let mut protocol = PROTOCOL_KEEPALIVED;
        match draft.protocol {
            Some((other, span)) if other != PROTOCOL_KEEPALIVED && !draft.no_track => {
                let message = "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), resetting protocol";
                let help = "leave `protocol` out, or add `no_track`";
                self.warning(Code::Conflict, span, message, help);
            }
            Some((other, _)) => protocol = other,
            None => {}
        }
        let family = draft.family.family();
        let (mut gateway, mut next_hops) = (draft.gateway, draft.next_hops);
        if let Some(second) = draft.second {
            let ways = [gateway.take(), Some(second)];
            let hops = ways.into_iter().flatten().map(|way| NextHop {
                gateway: Some(way),
                ..NextHop::default()
            });
            next_hops.splice(0..0, hops);
        }
        Some(Route {
            family,
            kind: draft.kind,
            destination: destination.network(family),
            source: draft.source,
            gateway,
            from: draft.from,
            tos: draft.tos,
            table: draft.table,
            protocol,
            scope: draft.scope,
            metric: draft.metric,
            device: draft.device,
            onlink: draft.onlink,
            encap: draft.encap,
            expires: draft.expires,
            metrics: draft.metrics,
            realms: draft.realms,
            preference: draft.preference,
            ttl_propagate: draft.ttl_propagate,
            insert: draft.insert,
            next_hops,
            no_track: draft.no_track,
            vrf: draft.vrf,
        })
    }

    /// Reads one option; `None` drops the route.
    fn route_option(
        &mut self,
        option: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        draft: &mut Draft,
    ) -> Option<()> {
        match &*option.text {
            "inet" => {
                self.declared_family(option, entry, &mut draft.family, Family::Inet, "route")?
            }
            "inet6" => {
                self.declared_family(option, entry, &mut draft.family, Family::Inet6, "route")?
            }
            "to" => {
                let word = self.need(entry)?;
                self.destination(word, draft)?;
            }
            "src" => {
                let word = self.need(entry)?;
                draft.source =
                    Some(self.route_address(word, draft, "invalid route src address")?);
            }
            "via" => {
                let word = self.gateway(entry)?;
                draft.gateway =
                    Some(self.route_address(word, draft, "invalid route via address")?);
            }
            "gw" => {
                let help = "write `via`: the meaning is the same";
                let message = "\"gw\" for routes is deprecated. Please use \"via\"";
                self.warning(Code::Deprecated, option.span, message, help);
                let word = self.need(entry)?;
                draft.gateway =
                    Some(self.route_address(word, draft, "invalid route via address")?);
            }
            "or" => {
                let help = "write `nexthop via A nexthop via B` at the end of the line";
                let message = "\"or\" for routes is deprecated. Please use \"nexthop\"";
                self.warning(Code::Deprecated, option.span, message, help);
                let word = self.need(entry)?;
                let found = address::ip(&word.text);
                if found.is_none() {
                    self.invalid_address(word, format!("Invalid \"or\" address {}", word.text));
                }
                draft.second = Some(found?);
            }
            "from" => {
                let word = self.need(entry)?;
                draft.from = Some(self.route_from(word, draft)?);
            }
            "tos" | "dsfield" => {
                let word = self.need(entry)?;
                draft.tos = self.dsfield(word)?;
            }
            "table" => {
                let word = self.need(entry)?;
                draft.table = Some(self.table(word, "route")?);
                draft.vrf = None;
            }
            "protocol" => {
                let word = self.need(entry)?;
                let found = routing::protocol(&self.host_number(Named::Protocol, &word.text));
                if found.is_none() {
                    let message = format!("Protocol {} not found or invalid for route", word.text);
                    let help = "a name such as `static`, or a number up to 255";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
                draft.protocol = Some((found?, word.span));
            }
            "scope" => {
                let word = self.need(entry)?;
                let found = routing::scope(&self.host_number(Named::Scope, &word.text));
                if found.is_none() {
                    let message = format!("Scope {} not found or invalid for route", word.text);
                    let help = "global, site, link, host, nowhere, or a number up to 255";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
                draft.scope = Some(found?);
            }
            "metric" | "priority" | "preference" => {
                let word = self.need(entry)?;
                let also = |text: &str| format!("Invalid metric {text} specified for route");
                draft.metric = Some(self.entry_u32(word, also)?);
            }
            "dev" | "oif" => {
                let word = self.need(entry)?;
                draft.device = Some(self.entry_interface(word, "VROUTE nexthop")?);
            }
            "onlink" => draft.onlink = true,
            "encap" => draft.encap = self.encap(option, entry)?,
            "expires" => {
                let word = self.need(entry)?;
                self.only_ipv6(option, draft)?;
                let also = |text: &str| format!("Invalid expires time {text} specified for route");
                let seconds = self.entry_u32(word, also)?;
                draft.expires = Some(Duration::from_secs(u64::from(seconds)));
            }
            "realms" => {
                let word = self.need(entry)?;
                let found = self.realms(&word.text);
                if found.is_none() {
                    let message = format!("Invalid realms {} for route", word.text);
                    let help = "`[SOURCE/]DESTINATION`, each a number up to 255";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
                draft.realms = Some(found?);
                if !draft.family.is(Family::Inet) {
                    let message = "realms are only valid for IPv4";
                    self.error(Code::Conflict, option.span, message);
                    return None;
                }
            }
            "pref" => {
                let word = self.need(entry)?;
                self.only_ipv6(option, draft)?;
                // RFC 4191 2.1.
                draft.preference = Some(match &*word.text {
                    "low" => 3,
                    "medium" => 0,
                    "high" => 1,
                    _ => self.entry_u8(word, |text| {
                        format!("Invalid pref value {text} specified for route")
                    })?,
                });
            }
            "ttl-propagate" => {
                let word = self.need(entry)?;
                match &*word.text {
                    "enabled" => draft.ttl_propagate = Some(true),
                    "disabled" => draft.ttl_propagate = Some(false),
                    other => {
                        let message = format!("ttl-propagate value {other} not recognised");
                        let help = "enabled or disabled";
                        self.error_help(Code::InvalidValue, word.span, message, help);
                    }
                }
            }
            "add" => draft.insert = Insert::Add,
            "append" => draft.insert = Insert::Append,
            "prepend" => draft.insert = Insert::Prepend,
            "as" => {
                let message = "\"as to\" for MPLS only - ignoring";
                self.error(Code::InvalidValue, option.span, message);
                if self.need(entry)?.text == "to" {
                    entry.next();
                }
            }
            "no_track" => draft.no_track = true,
            "vrf" => {
                let word = self.need(entry)?;
                if !self.may_have_interface(&word.text) {
                    let message = format!("VRF {} not found for route", word.text);
                    let help = "`ip link show type vrf` lists them";
                    self.error_help(Code::UnknownInterface, word.span, message, help);
                    return None;
                }
                // Either says which table; the last one counts.
                draft.vrf = Some(word.text.to_string());
                draft.table = None;
            }
            _ => {
                if let Some(read) = self.metric_option(option, entry, &mut draft.metrics) {
                    return read;
                }
                match routing::route_kind(&option.text) {
                    Some(kind) => {
                        draft.kind = kind;
                        let word = self.need(entry)?;
                        self.destination(word, draft)?;
                    }
                    None => self.destination(option, draft)?,
                }
            }
        }
        Some(())
    }

    fn destination(&mut self, word: &Word<'_>, draft: &mut Draft) -> Option<()> {
        let text = &*word.text;
        let Some(written) = self.written(word) else {
            let message = format!("VRRP parsed invalid IP {text}. skipping IP...");
            let mut diagnostic = Diagnostic::error(Code::InvalidAddress, word.span, message)
                .also(format!("unknown route keyword {text}"));
            diagnostic.help = match text {
                "track_group" => Some("only static routes have a track_group".to_owned()),
                "track" => Some("routes are tracked unless they have `no_track`".to_owned()),
                _ => self.did_you_mean(text, &OPTIONS),
            };
            self.sink.push(diagnostic);
            return None;
        };
        if !draft.family.fits(written) {
            let message = format!("Cannot mix IPv4 and IPv6 addresses for route ({text})");
            self.error(Code::Conflict, word.span, message);
            return None;
        }
        draft.destination = Some(written);
        Some(())
    }

    /// An address of the route's family.
    fn route_address(
        &mut self,
        word: &Word<'_>,
        draft: &mut Draft,
        invalid: &str,
    ) -> Option<IpAddr> {
        let Some(found) = address::ip(&word.text) else {
            self.invalid_address(word, format!("{invalid} {}", word.text));
            return None;
        };
        if !draft.family.is(network::of(found)) {
            let message = "Cannot mix IPv4 and IPv6 addresses for route";
            self.error(Code::Conflict, word.span, message);
            return None;
        }
        Some(found)
    }

    /// `[inet|inet6] ADDRESS` after `via`: the family shows in the address.
    fn gateway<'e, 's>(&mut self, entry: &mut Entry<'e, 's>) -> Option<&'e Word<'s>> {
        if !entry.next_if("inet") {
            entry.next_if("inet6");
        }
        self.need(entry)
    }

    fn route_from(&mut self, word: &Word<'_>, draft: &mut Draft) -> Option<Network> {
        let text = &word.text;
        let Some(written) = self.written(word) else {
            self.invalid_address(word, format!("invalid route from address {text}"));
            return None;
        };
        if written.family() == Family::Inet || !draft.family.is(Family::Inet6) {
            let message = format!("route from address only supported with IPv6 ({text})");
            let help = "for IPv4 a rule with `from` and a table of its own does it";
            self.error_help(Code::Conflict, word.span, message, help);
            return None;
        }
        Some(written.network(Family::Inet6))
    }

    fn only_ipv6(&mut self, option: &Word<'_>, draft: &mut Draft) -> Option<()> {
        if draft.family.is(Family::Inet6) {
            return Some(());
        }
        let message = format!("{} is only valid for IPv6", option.text);
        self.error(Code::Conflict, option.span, message);
        None
    }

    /// `inet` and `inet6`. keepalived behaviour: the word after them is not looked at.
    pub(super) fn declared_family(
        &mut self,
        option: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        common: &mut Common,
        family: Family,
        what: &str,
    ) -> Option<()> {
        if !common.is(family) {
            let (said, is) = match family {
                Family::Inet => ("inet", "IPv6"),
                Family::Inet6 => ("inet6", "IPv4"),
            };
            let message = format!("{said} specified for {is} {what}");
            self.error(Code::Conflict, option.span, message);
            return None;
        }
        if let Some(word) = entry.next() {
            let message = format!(
                "keepalived does not look at `{}`, as at any word after `{}`",
                word.text, option.text
            );
            let help = format!("leave `{}` out: the addresses show the family", option.text);
            self.sink
                .push(Diagnostic::note(Code::Ignored, word.span, message).help(help));
        }
        Some(())
    }

    pub(super) fn dsfield(&mut self, word: &Word<'_>) -> Option<u8> {
        let found = routing::dsfield(&self.host_number(Named::Field, &word.text));
        if found.is_none() {
            let message = format!("TOS value {} is invalid", word.text);
            let help = "a number up to 255 (0xff), or a name such as AF11, CS1 or EF";
            self.error_help(Code::InvalidValue, word.span, message, help);
        }
        found
    }

    pub(super) fn table(&mut self, word: &Word<'_>, what: &str) -> Option<u32> {
        let found = routing::table(&self.host_number(Named::Table, &word.text));
        if found.is_none() {
            let message = format!("Routing table {} not found for {what}", word.text);
            let help = "main, local, default, a name in rt_tables of the folder /etc/iproute2, or the number";
            self.error_help(Code::InvalidValue, word.span, message, help);
        }
        found
    }

    pub(super) fn entry_u32(
        &mut self,
        word: &Word<'_>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<u32> {
        let found = self.entry_number(word, 0..=u64::from(u32::MAX), also)?;
        u32::try_from(found).ok()
    }

    pub(super) fn entry_u8(
        &mut self,
        word: &Word<'_>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<u8> {
        let found = self.entry_number(word, 0..=255, also)?;
        u8::try_from(found).ok()
    }
}
