//! A virtual server as a whole: its real servers, then what its lines amount to.

use std::collections::HashSet;

use super::Lower;
use super::real_server::Inherited;
use super::server_group::{Group, Groups};
use super::server_label::Label;
use super::virtual_server::Draft;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::header;
use crate::model::{
    Family, Forwarding, Protocol, RealServer, Scheduler, VirtualServer, VirtualServerKey,
};
use crate::span::Span;

/// Those of a service that are kept.
struct RealServers {
    list: Vec<RealServer>,
    /// One of them has no method of its own, and none was said before it.
    need_method: bool,
}

impl Lower<'_> {
    pub(super) fn virtual_server(
        &mut self,
        block: Node<'_>,
        groups: &mut Groups,
    ) -> Option<VirtualServer> {
        let key = header::key(block);
        let mut draft = Draft {
            span: heading(block, key.as_ref()),
            family: match &key {
                Some(VirtualServerKey::Address(address)) => Some(Family::of(address.ip())),
                _ => None,
            },
            nth: match &key {
                Some(VirtualServerKey::Group(name)) => groups.users(name),
                _ => 0,
            },
            key,
            ..Draft::default()
        };
        for node in block.body() {
            self.service_line(node, &mut draft);
        }
        self.sorry_family(block, &mut draft);
        let group = self.group_of(&draft, groups);
        let Ok(group) = group else {
            // Nothing more is said of a service that is left out, but its lines are looked at.
            let real_servers = self.real_servers(block, &draft, None, false);
            if real_servers.list.is_empty() {
                self.no_real_servers(block, &draft);
            } else if let Err(Some(note)) = group {
                self.sink.push(*note);
            }
            return None;
        };
        let real_servers = self.real_servers(block, &draft, group, true);
        if real_servers.list.is_empty() {
            self.no_real_servers(block, &draft);
            return None;
        }
        let before = self.sink.set_late(true);
        let service = self.service(draft, group, real_servers);
        self.sink.set_late(before);
        if let Some(VirtualServerKey::Group(name)) = service.as_ref().map(|service| &service.key) {
            groups.used(name);
        }
        service
    }

    /// keepalived behaviour: a service is left out in silence if its group is not there, or if the group has entries of the
    /// other family and not every real server is behind a tunnel.
    fn group_of(
        &self,
        draft: &Draft,
        groups: &Groups,
    ) -> Result<Option<Group>, Option<Box<Diagnostic>>> {
        let name = match &draft.key {
            Some(VirtualServerKey::Group(name)) => name,
            Some(_) => return Ok(None),
            // Of mark 0 enough has been said.
            None => return Err(None),
        };
        let Some(group) = groups.find(name) else {
            let message = format!(
                "there is no virtual server group {name}: nothing is served here, and keepalived says nothing of it"
            );
            let note = Diagnostic::note(Code::InvalidName, draft.span, message);
            let help = match groups.nearest(name) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `virtual_server_group {name} {{`"),
            };
            return Err(Some(Box::new(note.help(help))));
        };
        if draft.family.is_some_and(|family| group.strays_from(family)) {
            let message = format!(
                "virtual server group {name} has entries of another address family than the real servers: nothing is \
                 served here, and keepalived says nothing of it"
            );
            let help = "make a group for each family; only lb_kind TUN joins IPv4 and IPv6";
            let note = Diagnostic::note(Code::Conflict, draft.span, message);
            return Err(Some(Box::new(note.help(help))));
        }
        Ok(Some(group))
    }

    fn no_real_servers(&mut self, block: Node<'_>, draft: &Draft) {
        let message = format!(
            "Virtual server {} has no real servers - ignoring",
            draft.label()
        );
        let help = "add a `real_server IP PORT { .. }`";
        // Without a `}` keepalived comes to it at the end of the file.
        let open = block.closing() == block.span();
        let before = self.sink.set_late(open);
        self.error_help(Code::NoRealServers, block.closing(), message, help);
        self.sink.set_late(before);
    }

    /// Those that are kept; `verdict`: whether more is said of them than of their lines.
    fn real_servers(
        &mut self,
        block: Node<'_>,
        draft: &Draft,
        group: Option<Group>,
        verdict: bool,
    ) -> RealServers {
        let protocol = protocol_of(draft.key.as_ref(), draft, group);
        let label = Label {
            protocol,
            ..draft.label()
        };
        let forwarding = draft.forwarding.unwrap_or(Forwarding::Nat);
        let mut inherited = Inherited {
            draft,
            group,
            label: &label,
            forwarding,
            forwarding_known: None,
            verdict,
        };
        let mut found = RealServers {
            list: Vec::with_capacity(draft.forwarding_before.len()),
            need_method: false,
        };
        let mut written = HashSet::with_capacity(draft.forwarding_before.len());
        let mut resolved = HashSet::with_capacity(draft.forwarding_before.len());
        let nodes = block
            .body()
            .filter(|node| node.name() == "real_server")
            .zip(&draft.forwarding_before);
        for (node, before) in nodes {
            inherited.forwarding = before.unwrap_or(forwarding);
            inherited.forwarding_known = *before;
            let Some(address) = header::socket_address(node) else {
                continue;
            };
            let Some((real, has_method)) = self.real_server(node, address, &inherited) else {
                continue;
            };
            if !written.insert(address) {
                if verdict {
                    let key = VirtualServerKey::Address(address);
                    let name = Label {
                        key: Some(&key),
                        protocol,
                        nth: 0,
                    };
                    let message = format!(
                        "VS {label}: real server {name} is duplicated - removing second rs"
                    );
                    let help =
                        "one `real_server` for an address and a port; a weight gives it more work";
                    self.late_error(Code::Duplicate, endpoint_span(node), message, help);
                }
                continue;
            }
            // keepalived behaviour: such a one is kept, and in the kernel it is the other one.
            if !resolved.insert(real.address) {
                let span = endpoint_span(node);
                let message =
                    "this real server is the same as one before it: only the first counts";
                let help =
                    "without a port, and always with DR and TUN, the port is the virtual server's";
                self.sink
                    .push(Diagnostic::note(Code::Duplicate, span, message).help(help));
                continue;
            }
            found.need_method |= !has_method;
            found.list.push(real);
        }
        found
    }

    /// The end: what was not said gets its default, what does not go together is sorted out.
    fn service(
        &mut self,
        mut draft: Draft,
        group: Option<Group>,
        RealServers {
            list: real_servers,
            need_method,
        }: RealServers,
    ) -> Option<VirtualServer> {
        let key = draft.key.take()?;
        let label = Label {
            key: Some(&key),
            protocol: protocol_of(Some(&key), &draft, group),
            nth: draft.nth,
        };
        self.protocol_verdict(&draft, &key, group, &label);
        let scheduler = self.scheduler_or_default(&draft, &label);
        let forwarding = self.forwarding_or_default(&draft, &label, need_method);
        let family = draft
            .family
            .or_else(|| group.and_then(Group::family))
            .unwrap_or_else(|| family_of_all(&draft, &real_servers));
        let zero_port = match (&key, group) {
            (VirtualServerKey::Address(address), _) => address.port() == 0,
            (_, Some(group)) => group.has_zero_port,
            _ => false,
        };
        let persistence = self.persistence(&draft, &label, family, zero_port);
        let flags = self.one_packet(&draft, &label);
        let (quorum, hysteresis) = self.quorum(&draft, &label, &real_servers);
        self.sorry_inhibit(&mut draft, &label, &real_servers);
        let sorry_forwarding = draft
            .sorry_server
            .and_then(|sorry| sorry.forwarding)
            .unwrap_or(forwarding);
        let sorry_server = self.sorry_port(&draft, &key, group, &label, sorry_forwarding);
        let ha_suspend = self.ha_suspend(&draft, &key, group, &label);
        Some(VirtualServer {
            protocol: label.protocol.unwrap_or(Protocol::Tcp),
            family,
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
            sorry_server_inhibit: draft.sorry_server.is_some_and(|sorry| sorry.inhibit),
            inhibit_on_failure: draft.inhibit_on_failure,
            virtualhost: draft.virtualhost,
            ha_suspend,
            smtp_alert: draft.smtp_alert,
            snmp_name: draft.snmp_name,
            real_servers,
            key,
        })
    }

    fn scheduler_or_default(&mut self, draft: &Draft, label: &Label<'_>) -> Scheduler {
        draft.scheduler.unwrap_or_else(|| {
            let message =
                format!("Virtual server {label}: no scheduler set, setting default 'wlc'");
            let help = "write `lb_algo wlc`, or another";
            self.warning(Code::DefaultUsed, draft.span, message, help);
            Scheduler::WeightedLeastConnection
        })
    }

    /// keepalived behaviour: nothing is said of it where every server has a method of its own.
    fn forwarding_or_default(
        &mut self,
        draft: &Draft,
        label: &Label<'_>,
        need_method: bool,
    ) -> Forwarding {
        let sorry = draft.sorry_server;
        let needed = need_method || sorry.is_some_and(|sorry| sorry.forwarding.is_none());
        if !needed {
            return draft.forwarding.unwrap_or(Forwarding::Nat);
        }
        draft.forwarding.unwrap_or_else(|| {
            let message =
                format!("Virtual server {label}: no forwarding method set, setting default NAT");
            let help = "write `lb_kind NAT`, DR or TUN";
            self.warning(Code::DefaultUsed, draft.span, message, help);
            Forwarding::Nat
        })
    }
}

/// Where complaints about the whole service stand: at what it listens to.
fn heading(block: Node<'_>, key: Option<&VirtualServerKey>) -> Span {
    let at = match key {
        Some(VirtualServerKey::Address(_)) => return endpoint_span(block),
        _ => block.argument(1),
    };
    at.map_or(block.span(), |word| word.span)
}

/// The address and the port of a heading.
pub(super) fn endpoint_span(block: Node<'_>) -> Span {
    let first = block.argument(0).map_or(block.span(), |word| word.span);
    block.argument(1).map_or(first, |port| first.to(port.span))
}

/// That of the service, `None` where it is marks only; keepalived's default is UDP.
fn protocol_of(
    key: Option<&VirtualServerKey>,
    draft: &Draft,
    group: Option<Group>,
) -> Option<Protocol> {
    let marks = match key {
        Some(VirtualServerKey::Fwmark(_)) => true,
        _ => group.is_some_and(Group::is_only_marks),
    };
    let said = draft.protocol.map(|(protocol, _)| protocol);
    (!marks).then_some(said.unwrap_or(Protocol::Udp))
}

/// Where only tunnels lead to the servers: the family they all are of, else IPv4.
fn family_of_all(draft: &Draft, real_servers: &[RealServer]) -> Family {
    let sorry = draft.sorry_server.map(|sorry| sorry.address);
    let servers = real_servers.iter().map(|real| real.address).chain(sorry);
    let mut families = servers.map(|address| Family::of(address.ip()));
    match families.all(|family| family == Family::Inet6) {
        true => Family::Inet6,
        false => Family::Inet,
    }
}
