//! `virtual_server`: its lines, in the order in which they stand.

use std::sync::Arc;
use std::time::Duration;

use super::Lower;
use super::check::{Level, Timing};
use super::persistence::PersistenceDraft;
use super::server_label::Label;
use super::sorry_server::SorryDraft;
use crate::ast::{Node, Word};
use crate::diag::{Code, nearest};
use crate::model::{
    Family, Forwarding, Protocol, Scheduler, SchedulerFlags, Script, VirtualServerKey,
};
use crate::span::Span;
use crate::value::address;

/// A virtual server while its lines are read: what was said, without defaults.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub key: Option<VirtualServerKey>,
    /// So many virtual servers before this one use its group.
    pub nth: usize,
    pub span: Span,
    /// That of the address, or of whatever told it first.
    pub family: Option<Family>,
    pub scheduler: Option<Scheduler>,
    pub flags: SchedulerFlags,
    pub one_packet: Span,
    pub forwarding: Option<Forwarding>,
    pub protocol: Option<(Protocol, Span)>,
    pub persistence: PersistenceDraft,
    pub timing: Timing,
    pub weight: Option<u32>,
    pub omega: bool,
    pub quorum: Option<(u32, Span)>,
    pub hysteresis: Option<(u32, Span)>,
    pub quorum_up: Option<Box<Script>>,
    pub quorum_down: Option<Box<Script>>,
    pub sorry_server: Option<SorryDraft>,
    /// keepalived behaviour: a server takes the `lb_kind` said before it, and only without one the `lb_kind` after it.
    pub forwarding_before: Vec<Option<Forwarding>>,
    pub inhibit_on_failure: bool,
    pub virtualhost: Option<Arc<str>>,
    pub ha_suspend: Option<Span>,
    pub smtp_alert: Option<bool>,
    pub snmp_name: Option<Box<str>>,
}

impl Draft {
    /// As keepalived names it: the protocol stands in the name once it is known.
    pub(super) fn label(&self) -> Label<'_> {
        Label {
            key: self.key.as_ref(),
            protocol: self.protocol.map(|(protocol, _)| protocol),
            nth: self.nth,
        }
    }
}

impl Lower<'_> {
    pub(super) fn service_line(&mut self, node: Node<'_>, draft: &mut Draft) {
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
                let help = "take it out: keepalived gives it no effect";
                self.error_help(Code::Refused, node.span(), message, help);
            }
            "flag-1" => draft.flags.flag_1 = true,
            "flag-2" => draft.flags.flag_2 = true,
            "flag-3" => draft.flags.flag_3 = true,
            "sh-port" | "sh-fallback" => self.hash_flag(node, draft, Scheduler::SourceHash),
            "mh-port" | "mh-fallback" => self.hash_flag(node, draft, Scheduler::Maglev),
            "lb_kind" | "lvs_method" => {
                let forwarding = self.forwarding(node, "virtual server");
                draft.forwarding = forwarding.or(draft.forwarding);
            }
            "persistence_engine" | "persistence_timeout" | "persistence_granularity" => {
                self.persistence_line(node, draft);
            }
            "protocol" => self.protocol(node, draft),
            "ha_suspend" => draft.ha_suspend = Some(node.span()),
            "smtp_alert" => {
                let invalid =
                    |text: &str| format!("Invalid virtual_server smtp_alert parameter {text}");
                draft.smtp_alert = self.boolean(node, invalid).or(draft.smtp_alert);
            }
            "virtualhost" => {
                let host = self.virtualhost(node, "virtual server");
                draft.virtualhost = host.or(draft.virtualhost.take());
            }
            "snmp_name" => {
                let name = self.snmp_name(node, "virtual server");
                draft.snmp_name = name.or(draft.snmp_name.take());
            }
            "omega" => draft.omega = true,
            "inhibit_on_failure" => draft.inhibit_on_failure = true,
            "quorum_up" | "quorum_down" => {
                let owner = Label {
                    key: draft.key.as_ref(),
                    protocol: draft.protocol.map(|(protocol, _)| protocol),
                    nth: draft.nth,
                };
                let slot = match name {
                    "quorum_up" => &mut draft.quorum_up,
                    _ => &mut draft.quorum_down,
                };
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
            "real_server" => {
                draft.forwarding_before.push(draft.forwarding);
                if draft.family.is_none() {
                    draft.family = family_told(node, draft.forwarding);
                }
            }
            "sorry_server" | "sorry_server_inhibit" | "sorry_server_lvs_method" => {
                self.sorry_server(node, draft);
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
            let help =
                "the address of the service, or what stands before this line, tells its family";
            self.error_help(Code::Conflict, word.span, message, help);
        } else {
            draft.family = Some(family);
        }
    }

    fn scheduler(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let known = Scheduler::ALL
            .iter()
            .find(|known| known.name() == word.text);
        if let Some(known) = known {
            draft.scheduler = Some(*known);
            return;
        }
        let message = format!("Invalid lvs_scheduler '{}' - ignoring", word.text);
        let names = || Scheduler::ALL.iter().map(|known| known.name());
        let help = match nearest(&word.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.error_help(Code::InvalidValue, word.span, message, help);
    }

    /// keepalived behaviour: the scheduler has to be known by then.
    fn hash_flag(&mut self, node: Node<'_>, draft: &mut Draft, wanted: Scheduler) {
        let name = node.name();
        if draft.scheduler != Some(wanted) {
            let wanted = wanted.name();
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

    fn protocol(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let protocol = if word.text.eq_ignore_ascii_case("TCP") {
            Protocol::Tcp
        } else if word.text.eq_ignore_ascii_case("UDP") {
            Protocol::Udp
        } else if word.text.eq_ignore_ascii_case("SCTP") {
            Protocol::Sctp
        } else {
            let message = format!("Unknown protocol {} - ignoring", word.text);
            self.error_help(Code::InvalidValue, word.span, message, "TCP, UDP or SCTP");
            return;
        };
        draft.protocol = Some((protocol, word.span));
    }

    /// A host name; `owner` begins the complaint.
    pub(super) fn virtualhost(&mut self, node: Node<'_>, owner: &str) -> Option<Arc<str>> {
        let word = node.argument(0);
        if word.is_none() {
            let message = format!("{owner} virtualhost missing");
            self.error(Code::InvalidValue, node.span(), message);
        }
        word.map(|word| Arc::from(&*word.text))
    }

    /// Exactly one word; `owner` begins the complaint.
    pub(super) fn snmp_name(&mut self, node: Node<'_>, owner: &str) -> Option<Box<str>> {
        let only = |words: (Option<Word<'_>>, Option<Word<'_>>)| match words {
            (Some(word), None) => Ok(Box::from(&*word.text)),
            (_, more) => Err(more.map_or(node.span(), |more| more.span)),
        };
        match only((node.argument(0), node.argument(1))) {
            Ok(name) => Some(name),
            Err(span) => {
                let message = format!("{owner} snmp_name missing or extra parameters");
                self.error_help(Code::InvalidValue, span, message, "one word");
                None
            }
        }
    }
}

/// The family of a service that has not told its own is that of its first real server that is not behind a tunnel.
fn family_told(real_server: Node<'_>, around: Option<Forwarding>) -> Option<Family> {
    let own = real_server
        .body()
        .filter(|node| node.name() == "lvs_method")
        .filter_map(|node| node.argument(0))
        .filter(|word| matches!(&*word.text, "NAT" | "DR" | "TUN"))
        .last();
    let tunnel = match own {
        Some(word) => word.text == "TUN",
        None => matches!(around, Some(Forwarding::Tunnel(_))),
    };
    let (ip, _) = address::leading(&real_server.argument(0)?.text)?;
    (!tunnel).then_some(Family::of(ip))
}

/// What holds where nothing was said.
pub(super) const DELAY_LOOP: Duration = Duration::from_secs(60);
