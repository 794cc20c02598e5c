//! The headings of blocks: a block whose heading is wrong is skipped whole, and nothing in it is looked at.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic, Sink};
use crate::keyword::Shape;
use crate::model::VirtualServerKey;
use crate::span::Span;
use crate::value::{address, number};

/// The headings met so far.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    instances: HashSet<String>,
    groups: HashSet<String>,
    track_groups: HashSet<String>,
    neighbours: HashSet<String>,
}

impl Headers {
    /// Whether the block is to be read; if not, the reason has been given.
    pub(crate) fn accept(&mut self, node: Node<'_>, sink: &mut Sink) -> bool {
        match (node.keyword.block, node.name()) {
            ("/", "vrrp_instance") => {
                let Some(name) = only_name(node) else {
                    sink.push(nameless(node, "vrrp_instance must have a name"));
                    return false;
                };
                self.instances.insert(name.to_string()) || {
                    sink.push(twice(node, format!("vrrp instance {name} already defined")));
                    false
                }
            }
            ("/", "vrrp_sync_group") => {
                let Some(name) = only_name(node) else {
                    sink.push(nameless(
                        node,
                        "vrrp_sync_group must have a name - skipping",
                    ));
                    return false;
                };
                self.groups.insert(name.to_string()) || {
                    sink.push(twice(
                        node,
                        format!("vrrp sync group {name} already defined"),
                    ));
                    false
                }
            }
            ("/", "vrrp_script" | "vrrp_track_process" | "track_file" | "vrrp_track_file") => {
                // keepalived stops at the missing name, and so comes to nothing inside.
                if node.argument(0).is_none() {
                    missing(node, 2, sink);
                }
                node.argument(0).is_some()
            }
            ("/", "bfd_instance") => self.bfd_instance(node, sink),
            ("/", "track_group") => {
                let Some(name) = only_name(node) else {
                    sink.push(nameless(node, "track_group must have a name - skipping"));
                    return false;
                };
                self.track_groups.insert(name.to_string()) || {
                    sink.push(twice(node, format!("track_group {name} already defined")));
                    false
                }
            }
            ("/", "virtual_server") => virtual_server(node, sink),
            ("/", "virtual_server_group") => server_group(node, sink),
            ("virtual_server", "real_server") => real_server(node, sink),
            _ => {
                extra_words(node, sink);
                true
            }
        }
    }

    fn bfd_instance(&mut self, node: Node<'_>, sink: &mut Sink) -> bool {
        let Some(name) = node.argument(0) else {
            missing(node, 2, sink);
            return false;
        };
        if name.text.len() > LONGEST_BFD_NAME {
            let message = format!("BFD name {} too long", name.text);
            let also = format!(
                "Configuration error: BFD instance {} name too long (maximum length is {LONGEST_BFD_NAME} characters) - ignoring",
                name.text
            );
            sink.push(Diagnostic::error(Code::InvalidName, name.span, message).also(also));
            return false;
        }
        self.neighbours.insert(name.text.to_string()) || {
            sink.push(twice(node, format!("BFD {} already specified", name.text)));
            false
        }
    }
}

/// In bytes.
const LONGEST_BFD_NAME: usize = 31;

/// A value block without a name takes no words before its `{`.
fn extra_words(node: Node<'_>, sink: &mut Sink) {
    let Some(first) = node.argument(0) else {
        return;
    };
    if node.keyword.shape == Shape::Values && node.keyword.arguments.starts_with("value block") {
        let words: Vec<_> = node.arguments().map(|word| word.text).collect();
        let message = format!(
            "Block {} has extra parameters {} ...",
            node.name(),
            words.join(" ")
        );
        let help = "entries stand between the braces, one a line";
        sink.push(Diagnostic::error(Code::InvalidValue, first.span, message).help(help));
    }
}

fn only_name(node: Node<'_>) -> Option<Cow<'_, str>> {
    let name = node.argument(0)?;
    node.argument(1).is_none().then_some(name.text)
}

fn nameless(node: Node<'_>, message: &str) -> Diagnostic {
    let help = format!(
        "write `{} NAME {{`, the name as one word; the block is skipped",
        node.name()
    );
    Diagnostic::error(Code::InvalidName, node.span(), message).help(help)
}

fn twice(node: Node<'_>, message: String) -> Diagnostic {
    let span = node.argument(0).map_or(node.span(), |name| name.span);
    Diagnostic::error(Code::Duplicate, span, message).help("the block is skipped")
}

fn virtual_server(node: Node<'_>, sink: &mut Sink) -> bool {
    let Some(first) = node.argument(0) else {
        missing(node, 2, sink);
        return false;
    };
    match &*first.text {
        "group" => {
            if node.argument(1).is_none() {
                missing(node, 3, sink);
                return false;
            }
            true
        }
        "fwmark" => {
            let Some(mark) = node.argument(1) else {
                missing(node, 3, sink);
                return false;
            };
            match number::unsigned(&mark.text, 0..=u64::from(u32::MAX)) {
                // keepalived takes it for a service without address and port, of which it complains later.
                Ok(0) => {
                    let message = "virtual server fwmark '0' is no mark - ignoring";
                    let help = "a packet without a mark has mark 0; give the packets one of 1 to 4294967295";
                    let mut diagnostic =
                        Diagnostic::error(Code::InvalidNumber, mark.span, message).help(help);
                    diagnostic.late = true;
                    sink.push(diagnostic);
                    true
                }
                Ok(_) => true,
                Err(error) => {
                    let text = &mark.text;
                    let also = format!(
                        "virtual server fwmark '{text}' must be in [0, 4294967295] - ignoring"
                    );
                    sink.push(
                        Diagnostic::error(Code::InvalidNumber, mark.span, error.say(text))
                            .also(also),
                    );
                    false
                }
            }
        }
        _ => endpoint(node, "virtual server IP", sink),
    }
}

/// keepalived behaviour (2.2.7): a second word ends the test with status 2, without a line that makes sense.
fn server_group(node: Node<'_>, sink: &mut Sink) -> bool {
    if node.argument(0).is_none() {
        missing(node, 2, sink);
        return false;
    }
    if let Some(second) = node.argument(1) {
        let words: Vec<_> = node.arguments().skip(1).map(|word| word.text).collect();
        let message = format!(
            "Block {} has extra parameters {} ...",
            node.name(),
            words.join(" ")
        );
        let help = "the name of a group is one word; entries stand between the braces, one a line";
        sink.push(Diagnostic::error(Code::InvalidName, second.span, message).help(help));
    }
    true
}

fn real_server(node: Node<'_>, sink: &mut Sink) -> bool {
    if node.argument(0).is_none() {
        missing(node, 2, sink);
        return false;
    }
    endpoint(node, "real server ip", sink)
}

/// `IP [PORT]`, complaining if it is not that.
fn endpoint(node: Node<'_>, what: &str, sink: &mut Sink) -> bool {
    let Some(first) = node.argument(0) else {
        return false;
    };
    let Some((ip, more)) = address::leading(&first.text) else {
        let message = skipping(node, what);
        let help = "an IPv4 or IPv6 address, then a port; the block is skipped";
        sink.push(Diagnostic::error(Code::InvalidAddress, first.span, message).help(help));
        return false;
    };
    if let Some(port) = node.argument(1)
        && let Err(error) = port_number(&port.text)
    {
        let also = skipping(node, what);
        let message = error.say(&port.text);
        sink.push(Diagnostic::error(Code::InvalidNumber, port.span, message).also(also));
        return false;
    }
    if more {
        sink.push(only_address(ip, &first));
    }
    true
}

/// What is said of an address with something after it that keepalived passes over.
pub(crate) fn only_address(ip: IpAddr, word: &Word<'_>) -> Diagnostic {
    let message = format!("of `{}` only {ip} is used", word.text);
    let help = "a server has one address, and its port is a word of its own; ranges belong in a virtual_server_group";
    Diagnostic::note(Code::InvalidAddress, word.span, message).help(help)
}

/// keepalived behaviour: a port 0 that is written out is no fault (2.4), though the range that is printed begins at 1.
pub(crate) fn port_number(text: &str) -> Result<u64, number::NumberError> {
    if text == "0" {
        Ok(0)
    } else {
        number::unsigned(text, 1..=65535)
    }
}

fn skipping(node: Node<'_>, what: &str) -> String {
    let text = |n: usize| node.argument(n).map(|word| word.text).unwrap_or_default();
    match node.argument(1) {
        Some(port) => format!(
            "Invalid {what} address/port {}/{} - skipping",
            text(0),
            port.text
        ),
        None => format!("Invalid {what} address {} - skipping", text(0)),
    }
}

fn missing(node: Node<'_>, position: usize, sink: &mut Sink) {
    sink.push(missing_parameter(node, position));
}

/// The complaint about a line that ends too early; `position` counts words from 1.
pub(crate) fn missing_parameter(node: Node<'_>, position: usize) -> Diagnostic {
    let name = node.name();
    let last = match node.words().next_back() {
        Some(word) if position > 2 => word.text,
        Some(_) => Cow::Borrowed(name),
        None => Cow::Borrowed(""),
    };
    let message = format!(
        "*** Configuration line starting `{name}` is missing a parameter after keyword `{last}` at word position {position}"
    );
    let help = format!("`{name}` takes {}", node.keyword.arguments);
    Diagnostic::error(Code::MissingParameter, node.span(), message).help(help)
}

/// The complaint about an entry of a list that ends with its first word.
pub(crate) fn missing_word(name: &str, span: Span, position: usize) -> Diagnostic {
    let message = format!(
        "*** Configuration line starting `{name}` is missing a parameter after keyword `{name}` at word position {position}"
    );
    Diagnostic::error(Code::MissingParameter, span, message)
}

/// What a virtual server listens to, from a heading that was accepted; `None` for mark 0.
pub(crate) fn key(node: Node<'_>) -> Option<VirtualServerKey> {
    let first = node.argument(0)?;
    match &*first.text {
        "group" => {
            let name = node.argument(1)?.text.into_owned();
            Some(VirtualServerKey::Group(name))
        }
        "fwmark" => {
            let mark = number::unsigned(&node.argument(1)?.text, 0..=u64::from(u32::MAX)).ok()?;
            NonZeroU32::new(u32::try_from(mark).ok()?).map(VirtualServerKey::Fwmark)
        }
        _ => socket_address(node).map(VirtualServerKey::Address),
    }
}

/// `IP [PORT]` from a heading that was accepted.
pub(crate) fn socket_address(node: Node<'_>) -> Option<SocketAddr> {
    let (ip, _) = address::leading(&node.argument(0)?.text)?;
    let port = match node.argument(1) {
        Some(word) => u16::try_from(port_number(&word.text).ok()?).ok()?,
        None => 0,
    };
    Some(SocketAddr::new(ip, port))
}
