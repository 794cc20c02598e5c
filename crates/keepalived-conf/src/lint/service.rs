//! Virtual servers that get in each other's way, and real servers that lead back to where they came from.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::{Instance, line, named};
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic, Sink};
use crate::value::address;

/// What a service listens to: an address, a port (0 is all of them) and a protocol, or a mark.
#[derive(PartialEq, Eq, Hash, Clone)]
enum Listen {
    Address(IpAddr, u16, &'static str),
    Mark(u32, bool),
}

/// The kernel has room for one service of an address, port and protocol, or of a mark: of two the second changes the first,
/// and the one that stops takes the other's away.
pub(super) fn clashes(roots: &[Node<'_>], sink: &mut Sink) {
    let groups: HashMap<Cow<'_, str>, Node<'_>> = named(roots, "virtual_server_group")
        .filter_map(|group| Some((group.argument(0)?.text, group)))
        .collect();
    // Whether it is a group that listens there: two plain ones are told of where they are lowered.
    let mut seen: HashMap<Listen, (bool, Node<'_>)> = HashMap::new();
    // A group that many servers name is looked into once for each way to use it; who was first, if anything listens.
    let mut used: HashMap<Use<'_>, Option<Node<'_>>> = HashMap::new();
    for service in named(roots, "virtual_server") {
        let Some(heading) = service.argument(0) else {
            continue;
        };
        let group = heading.text == "group";
        let way = way(service);
        let mut first = None;
        match used.get(&way) {
            Some(before) => first = *before,
            None => {
                let listens = listens(service, &way, &groups);
                if way.group.is_some() {
                    used.insert(way, (!listens.is_empty()).then_some(service));
                }
                for listen in listens {
                    let (other, before) = *seen.entry(listen).or_insert((group, service));
                    if before.span() != service.span() && (group || other) {
                        first = first.or(Some(before));
                    }
                }
            }
        }
        if let Some(first) = first {
            let words = first.words().map(|word| word.text);
            let first = words.collect::<Vec<_>>().join(" ");
            let message = format!("`{first}` listens here already: the kernel has room for one");
            let help = "one of them would change, and at its end remove, what the other set up; merge them";
            sink.push(Diagnostic::note(Code::ServiceClash, heading.span, message).help(help));
        }
    }
}

/// A real server with the address of a virtual one: the director would send packets to itself, or round in a circle.
pub(super) fn loops(roots: &[Node<'_>], instances: &[Instance<'_>], sink: &mut Sink) {
    let mut addresses: HashSet<IpAddr> = instances
        .iter()
        .flat_map(|instance| instance.addresses.iter().map(|address| address.ip))
        .collect();
    let services = || named(roots, "virtual_server");
    addresses.extend(services().filter_map(|service| address::ip(&service.argument(0)?.text)));
    if addresses.is_empty() {
        return;
    }
    for service in services() {
        for real in service.body().filter(|node| node.name() == "real_server") {
            let Some(word) = real.argument(0) else {
                continue;
            };
            if address::ip(&word.text).is_some_and(|ip| addresses.contains(&ip)) {
                let message = format!("real server {} is a virtual address itself", word.text);
                let help = "while this host holds the address, its packets come back to it; name the server's own address";
                sink.push(Diagnostic::note(Code::RealIsVirtual, word.span, message).help(help));
            }
        }
    }
}

/// How a group is used, or nothing but protocol and family for a server of its own.
#[derive(PartialEq, Eq, Hash)]
struct Use<'t> {
    group: Option<Cow<'t, str>>,
    protocol: &'static str,
    inet6: bool,
}

fn way<'t>(service: Node<'t>) -> Use<'t> {
    let protocol = match line(service, "protocol").and_then(|node| node.argument(0)) {
        Some(word) if word.text.eq_ignore_ascii_case("tcp") => "tcp",
        Some(word) if word.text.eq_ignore_ascii_case("sctp") => "sctp",
        _ => "udp",
    };
    let inet6 = line(service, "ip_family")
        .and_then(|node| node.argument(0))
        .is_some_and(|word| word.text == "inet6");
    let mut words = service.arguments();
    let group = words.next().filter(|kind| kind.text == "group");
    Use {
        group: group.and_then(|_| words.next()).map(|name| name.text),
        protocol,
        inet6,
    }
}

fn listens<'t>(
    service: Node<'t>,
    way: &Use<'t>,
    groups: &HashMap<Cow<'t, str>, Node<'t>>,
) -> Vec<Listen> {
    match &way.group {
        Some(name) => {
            let entries = groups
                .get(name)
                .into_iter()
                .flat_map(|group| group.entries());
            entries
                .filter_map(|entry| listen(&entry, way.protocol, way.inet6))
                .collect()
        }
        None => {
            let words: Vec<Word<'t>> = service.arguments().collect();
            let listen = listen(&words, way.protocol, way.inet6);
            listen.into_iter().collect()
        }
    }
}

/// `IP [PORT]` or `fwmark N`; ranges are not looked into.
fn listen(words: &[Word<'_>], protocol: &'static str, inet6: bool) -> Option<Listen> {
    let first = words.first()?;
    if first.text == "fwmark" {
        return Some(Listen::Mark(words.get(1)?.text.parse().ok()?, inet6));
    }
    let port = words
        .get(1)
        .map_or(Some(0), |word| word.text.parse().ok())?;
    Some(Listen::Address(address::ip(&first.text)?, port, protocol))
}
