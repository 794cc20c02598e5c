//! `virtual_server`.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::check::{Level, Timing};
use super::real_server::Inherited;
use super::{Lower, nothing};
use crate::ast::Node;
use crate::diag::{Code, nearest};
use crate::header;
use crate::model::{
    Family, Forwarding, Granularity, Protocol, RealServer, SchedulerFlags, Script, VirtualServer,
    VirtualServerKey,
};
use crate::span::Span;
use crate::value::{address, number};

/// The kernel's schedulers.
const SCHEDULERS: [&str; 14] = [
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
];

/// A virtual server while its lines are read: what was said, without defaults.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub key: Option<VirtualServerKey>,
    pub span: Span,
    pub family: Option<Family>,
    pub scheduler: Option<String>,
    pub flags: SchedulerFlags,
    pub one_packet: Span,
    pub forwarding: Option<Forwarding>,
    pub protocol: Option<(Protocol, Span)>,
    pub persistence_timeout: Option<u32>,
    pub granularity: Option<Granularity>,
    pub engine: Option<String>,
    pub timing: Timing,
    pub weight: Option<u32>,
    pub omega: bool,
    pub quorum: Option<(u32, Span)>,
    pub hysteresis: Option<(u32, Span)>,
    pub quorum_up: Option<Box<Script>>,
    pub quorum_down: Option<Box<Script>>,
    pub sorry_server: Option<(SocketAddr, Span)>,
    pub sorry_forwarding: Option<Forwarding>,
    pub sorry_inhibit: bool,
    /// keepalived behaviour: a server takes the `lb_kind` said before it, and only without one the `lb_kind` after it.
    pub forwarding_before: Vec<Option<Forwarding>>,
    pub inhibit_on_failure: bool,
    pub virtualhost: Option<String>,
    pub ha_suspend: bool,
}

/// A service as keepalived names it: `[10.0.0.1]:tcp:80` or `FWM 5`.
pub(super) struct Label(pub Option<VirtualServerKey>, pub Option<Protocol>);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.1 {
            None => "none",
            Some(Protocol::Tcp) => "tcp",
            Some(Protocol::Udp) => "udp",
            Some(Protocol::Sctp) => "sctp",
        };
        match &self.0 {
            Some(VirtualServerKey::Address(address)) => {
                write!(f, "[{}]:{protocol}:{}", address.ip(), address.port())
            }
            Some(VirtualServerKey::Fwmark(mark)) => write!(f, "FWM {mark}"),
            None => f.write_str("group"),
        }
    }
}

impl Lower<'_> {
    pub(super) fn virtual_server(&mut self, block: Node<'_>) -> Option<VirtualServer> {
        let span = block.argument(0)?.span;
        let key = header::key(block);
        let family = match &key {
            Some(VirtualServerKey::Address(address)) => Some(family_of(address.ip())),
            _ => None,
        };
        let mut draft = Draft {
            key,
            span,
            family,
            ..Draft::default()
        };
        for node in block.body() {
            self.service_line(node, &mut draft);
        }
        let mut nodes = block
            .body()
            .filter(|node| node.name() == "real_server")
            .peekable();
        let label = Label(
            draft.key.clone(),
            draft.protocol.map(|(protocol, _)| protocol),
        );
        if nodes.peek().is_none() {
            let message = format!("Virtual server {label} has no real servers - ignoring");
            self.error_help(
                Code::NoRealServers,
                span,
                message,
                "add a `real_server IP PORT { .. }`",
            );
            return None;
        }
        let protocol = self.protocol_of(&draft, &label);
        let label = Label(
            draft.key.clone(),
            if matches!(draft.key, Some(VirtualServerKey::Fwmark(_))) {
                None
            } else {
                Some(protocol)
            },
        );
        let scheduler = match draft.scheduler.clone() {
            Some(scheduler) => scheduler,
            None => {
                let message =
                    format!("Virtual server {label}: no scheduler set, setting default 'wlc'");
                self.warning(
                    Code::DefaultUsed,
                    span,
                    message,
                    "write `lb_algo wlc`, or another",
                );
                "wlc".to_owned()
            }
        };
        let forwarding = match draft.forwarding {
            Some(forwarding) => forwarding,
            None => {
                let message = format!(
                    "Virtual server {label}: no forwarding method set, setting default NAT"
                );
                self.warning(
                    Code::DefaultUsed,
                    span,
                    message,
                    "write `lb_kind NAT`, DR or TUN",
                );
                Forwarding::Nat
            }
        };
        let mut inherited = Inherited {
            key: draft.key.clone(),
            label: &label,
            protocol: label.1,
            family: draft.family,
            forwarding,
            weight: draft.weight.unwrap_or(1),
            inhibit_on_failure: draft.inhibit_on_failure,
            timing: draft.timing.clone(),
            virtualhost: draft.virtualhost.clone(),
        };
        let mut real_servers: Vec<RealServer> = Vec::with_capacity(draft.forwarding_before.len());
        let mut seen = HashSet::with_capacity(draft.forwarding_before.len());
        for (node, before) in nodes.zip(&draft.forwarding_before) {
            inherited.forwarding = before.unwrap_or(forwarding);
            let Some(real) = self.real_server(node, &inherited) else {
                continue;
            };
            if !seen.insert(real.address) {
                let name = Label(Some(VirtualServerKey::Address(real.address)), label.1);
                let message =
                    format!("VS {label}: real server {name} is duplicated - removing second rs");
                self.error(Code::Duplicate, node.span(), message);
                continue;
            }
            real_servers.push(real);
        }
        let sorry_forwarding = draft.sorry_forwarding.unwrap_or(forwarding);
        let sorry_server = self.sorry_port(&draft, &label, sorry_forwarding);
        let (quorum, hysteresis) = self.quorum(&draft, &label, &real_servers);
        let persistence = self.persistence(&draft, &label);
        let mut flags = draft.flags;
        if flags.one_packet && label.1.is_some_and(|protocol| protocol != Protocol::Udp) {
            let message =
                format!("Virtual server {label}: one packet scheduling requires UDP - resetting");
            self.error(Code::Conflict, draft.one_packet, message);
            flags.one_packet = false;
        }
        let family = draft.family.or_else(|| {
            real_servers
                .first()
                .map(|real| family_of(real.address.ip()))
        });
        Some(VirtualServer {
            key: draft.key?,
            protocol,
            family: family.unwrap_or(Family::Inet),
            scheduler,
            flags,
            forwarding,
            persistence,
            delay_loop: draft.timing.delay_loop(),
            alpha: draft.timing.alpha.unwrap_or(false),
            omega: draft.omega,
            quorum,
            hysteresis,
            quorum_up: draft.quorum_up,
            quorum_down: draft.quorum_down,
            sorry_server,
            sorry_server_forwarding: sorry_forwarding,
            sorry_server_inhibit: draft.sorry_inhibit,
            inhibit_on_failure: draft.inhibit_on_failure,
            virtualhost: draft.virtualhost,
            ha_suspend: draft.ha_suspend,
            real_servers,
        })
    }

    fn service_line(&mut self, node: Node<'_>, draft: &mut Draft) {
        let name = node.name();
        let span = node.argument(0).map_or(node.span(), |word| word.span);
        match name {
            "ip_family" => self.ip_family(node, draft),
            "delay_loop" | "retry" | "delay_before_retry" | "warmup" | "connect_timeout" => {
                self.timing(node, &mut draft.timing, Level::VirtualServer);
            }
            "alpha" => draft.timing.alpha = Some(true),
            "lb_algo" | "lvs_sched" => self.scheduler(node, draft),
            "ops" => {
                draft.flags.one_packet = true;
                draft.one_packet = node.span();
            }
            "hashed" => {
                let message = "hashed only applies to sh scheduler - ignoring";
                self.error_help(
                    Code::Refused,
                    node.span(),
                    message,
                    "take it out: keepalived gives it no effect",
                );
            }
            "flag-1" => draft.flags.flag_1 = true,
            "flag-2" => draft.flags.flag_2 = true,
            "flag-3" => draft.flags.flag_3 = true,
            "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" => {
                let wanted = name.split('-').next().unwrap_or_default();
                if draft.scheduler.as_deref() != Some(wanted) {
                    let message = format!("{name} only applies to {wanted} scheduler - ignoring");
                    let help = format!("it must come after `lb_algo {wanted}`");
                    self.error_help(Code::Conflict, node.span(), message, help);
                    return;
                }
                match name {
                    "sh-port" => draft.flags.sh_port = true,
                    "sh-fallback" => draft.flags.sh_fallback = true,
                    "mh-port" => draft.flags.mh_port = true,
                    _ => draft.flags.mh_fallback = true,
                }
            }
            "lb_kind" | "lvs_method" => {
                draft.forwarding = self.forwarding(node).or(draft.forwarding)
            }
            "persistence_engine" => {
                let long = |text: &str| format!("persistence_name too long, truncating - {text}");
                draft.engine = self.short_name(node, 15, long).or(draft.engine.take());
            }
            "persistence_timeout" => {
                let also = |_: &str| "persistence_timeout invalid".to_owned();
                let timeout = if node.argument(0).is_none() {
                    Some(360)
                } else {
                    self.u32(node, 1..=2_678_400, also)
                };
                draft.persistence_timeout = timeout.or(draft.persistence_timeout);
            }
            "persistence_granularity" => self.granularity(node, draft),
            "protocol" => {
                let Some(word) = self.require(node) else {
                    return;
                };
                let protocol = match word.text.to_ascii_uppercase().as_str() {
                    "TCP" => Protocol::Tcp,
                    "UDP" => Protocol::Udp,
                    "SCTP" => Protocol::Sctp,
                    _ => {
                        let message = format!("Unknown protocol {} - ignoring", word.text);
                        self.error_help(Code::InvalidValue, span, message, "TCP, UDP or SCTP");
                        return;
                    }
                };
                draft.protocol = Some((protocol, span));
            }
            "ha_suspend" => draft.ha_suspend = true,
            "virtualhost" => match node.argument(0) {
                Some(word) => draft.virtualhost = Some(word.text.into_owned()),
                None => self.error(
                    Code::InvalidValue,
                    node.span(),
                    "virtual server virtualhost missing",
                ),
            },
            "omega" => draft.omega = true,
            "inhibit_on_failure" => draft.inhibit_on_failure = true,
            "quorum_up" | "quorum_down" => {
                let slot = if name == "quorum_up" {
                    &mut draft.quorum_up
                } else {
                    &mut draft.quorum_down
                };
                let owner = Label(
                    draft.key.clone(),
                    draft.protocol.map(|(protocol, _)| protocol),
                );
                self.script_once(node, slot, owner);
            }
            "quorum" => {
                let also =
                    |text: &str| format!("Quorum {text} must be in [1, 4294967295]. Setting to 1.");
                let missing = node.argument(0).is_none();
                let quorum = self.u32(node, 1..=u32::MAX, also);
                if !missing {
                    draft.quorum = Some((quorum.unwrap_or(1), span));
                }
            }
            "hysteresis" => {
                let also =
                    |text: &str| format!("Hysteresis {text} must be in [0, 4294967295] - ignoring");
                let hysteresis = self.u32(node, 0..=u32::MAX, also);
                draft.hysteresis = hysteresis.map(|n| (n, span)).or(draft.hysteresis);
            }
            "weight" => {
                let also = |text: &str| {
                    format!("Virtual server weight {text} is outside range 1-2147483647")
                };
                draft.weight = self.u32(node, 1..=0x7fff_ffff, also).or(draft.weight);
            }
            "real_server" => draft.forwarding_before.push(draft.forwarding),
            "sorry_server" => {
                self.sorry_server(node, draft);
                draft.sorry_forwarding = draft.forwarding;
            }
            "sorry_server_inhibit" => {
                if draft.sorry_server.is_none() {
                    let message =
                        "Ignoring sorry_server inhibit used before or without sorry_server";
                    self.error(Code::Conflict, node.span(), message);
                }
                draft.sorry_inhibit = draft.sorry_server.is_some();
            }
            "sorry_server_lvs_method" => {
                if draft.sorry_server.is_none() {
                    let message =
                        "Ignoring sorry_server_lvs_method used before or without sorry_server";
                    self.error(Code::Conflict, node.span(), message);
                    return;
                }
                draft.sorry_forwarding = self.forwarding(node).or(draft.sorry_forwarding);
            }
            _ => {}
        }
    }

    fn ip_family(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let family = match &*word.text {
            "inet" => Family::Inet,
            "inet6" => Family::Inet6,
            other => {
                let message = format!("unknown address family {other}");
                self.error_help(Code::InvalidValue, word.span, message, "inet or inet6");
                return;
            }
        };
        if draft.family.is_some_and(|known| known != family) {
            let message = format!(
                "Virtual server specified family {} conflicts with server family",
                word.text
            );
            self.error(Code::Conflict, word.span, message);
        } else {
            draft.family = Some(family);
        }
    }

    fn scheduler(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        if SCHEDULERS.contains(&&*word.text) {
            draft.scheduler = Some(word.text.into_owned());
            return;
        }
        let message = format!("Invalid lvs_scheduler '{}' - ignoring", word.text);
        let help = match nearest(&word.text, SCHEDULERS.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", SCHEDULERS.join(", ")),
        };
        self.error_help(Code::InvalidValue, word.span, message, help);
    }

    fn granularity(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let ipv6 = draft.family == Some(Family::Inet6);
        match (address::ip(&word.text), ipv6) {
            (Some(IpAddr::V4(mask)), false) => draft.granularity = Some(Granularity::Netmask(mask)),
            (Some(_), _) => {
                let message = format!("Invalid IPv6 granularity specified - {}", word.text);
                self.error_help(Code::InvalidAddress, word.span, message, super::takes(node));
                return;
            }
            // keepalived behaviour: an IPv4 mask is read like an address, so a bare number is one too (24 is 0.0.0.24).
            (None, false) => match number::unsigned(&word.text, 0..=u64::from(u32::MAX)) {
                Ok(bits) => {
                    draft.granularity = Some(Granularity::Netmask(
                        u32::try_from(bits).unwrap_or(0).into(),
                    ))
                }
                Err(_) => {
                    let message = format!("Invalid IPv4 granularity specified - {}", word.text);
                    self.error_help(Code::InvalidAddress, word.span, message, super::takes(node));
                    return;
                }
            },
            (None, true) => {
                let Some(length) = self.u8(node, 1..=128, nothing) else {
                    return;
                };
                draft.granularity = Some(Granularity::Prefix(length));
            }
        }
        draft.persistence_timeout.get_or_insert(360);
    }

    fn sorry_server(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let also = format!("Invalid sorry server IP address {} - skipping", word.text);
        let Some(ip) = address::ip(&word.text) else {
            self.error_help(Code::InvalidAddress, word.span, also, super::takes(node));
            return;
        };
        let port = match node.argument(1) {
            None => 0,
            Some(word) => match self.number_of(node, &word, 1..=65535, Some(also)) {
                Some(port) => u16::try_from(port).unwrap_or(0),
                None => return,
            },
        };
        draft.sorry_server = Some((SocketAddr::new(ip, port), word.span));
    }
}

pub(super) fn family_of(ip: IpAddr) -> Family {
    if ip.is_ipv4() {
        Family::Inet
    } else {
        Family::Inet6
    }
}

/// What holds where nothing was said, in seconds.
pub(super) const DELAY_LOOP: Duration = Duration::from_secs(60);
