//! Tree -> model: every value checked, every default filled in, every inheritance resolved.
//!
//! Must not know: tokens, files. Enter at [`lower`]. keepalived behaviour: a bad value is reported and dropped, the rest of
//! its block stays. Tests: `tests/model.rs` and the fixtures.

mod bfd;
mod check;
mod encap;
mod entry;
mod forwarding;
mod global;
mod host_names;
mod interface;
mod metric;
mod network;
mod next_hop;
mod not_yet;
mod persistence;
mod real_server;
mod route;
mod rule;
mod script;
mod server_group;
mod server_label;
mod service;
mod service_verdict;
mod sorry_server;
mod ssl;
mod statics;
mod track_file;
mod track_group;
mod track_process;
mod tracker;
mod vip;
mod virtual_server;
mod vrrp;
mod vrrp_script;

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::ast::{Node, Tree, Word};
use crate::diag::{Code, Diagnostic, Sink};
use crate::header::missing_parameter;
use crate::heading::Headings;
use crate::model::{Global, Model, VirtualServerKey};
use crate::source::{Loader, Sources};
use crate::span::Span;
use crate::value::{boolean, number};
use script::Scripts;
use tracker::Tracked;

/// Makes the model of a tree.
pub(crate) fn lower(
    trees: Vec<Tree>,
    sources: &Sources,
    loader: &dyn Loader,
    sink: &mut Sink,
) -> (Model, Headings) {
    let mut lower = Lower {
        sink,
        sources,
        loader,
        global: Global::default(),
        scripts: Scripts::default(),
        tracked: Tracked::default(),
        preferences: rule::Preferences::default(),
        device_names: HashMap::new(),
        host_names: HashMap::new(),
    };
    let mut model = Model::default();
    lower.tracked.gather(&trees, sources);
    let count = |name: &str| trees.iter().filter(|tree| tree.name() == name).count();
    let mut virtual_servers = Vec::with_capacity(count("virtual_server"));
    let mut services = HashSet::with_capacity(virtual_servers.capacity());
    let mut headings = Headings::default();
    let mut instances = Vec::with_capacity(count("vrrp_instance"));
    // First what holds for everything, wherever it stands.
    for tree in &trees {
        if let Some(node) = root(tree, sources) {
            lower.outermost_word(node);
        }
    }
    let mut ssl = None;
    // A virtual server may stand before its group.
    let mut server_groups = server_group::Groups::default();
    for tree in trees
        .iter()
        .filter(|tree| tree.name() == "virtual_server_group")
    {
        if let Some(node) = root(tree, sources) {
            lower.virtual_server_group(node, &mut server_groups);
        }
    }
    let mut groups = Vec::new();
    let mut scripts = Vec::new();
    // Each tree is given up once it is understood, so that the model can have its memory.
    for (at, tree) in trees.into_iter().enumerate() {
        let Some(node) = root(&tree, sources) else {
            continue;
        };
        lower.tracked.at = at;
        match node.name() {
            "vrrp_sync_group" => groups.extend(lower.sync_group(node)),
            "static_ipaddress" | "static_routes" | "static_rules" => {
                lower.statics(node, &model.track_groups, &mut model.statics);
            }
            "vrrp_instance" => instances.extend(lower.vrrp_instance(node)),
            "virtual_server" => {
                let scripts = lower.scripts.count();
                let Some(service) = lower.virtual_server(node, &mut server_groups) else {
                    lower.scripts.forget(scripts);
                    continue;
                };
                // The protocol makes two services of one address and port; a mark has none, but a family. What a group
                // stands for may be used twice.
                let (protocol, twice) = match service.key {
                    VirtualServerKey::Address(_) => (Some(service.protocol), false),
                    VirtualServerKey::Fwmark(_) => (None, false),
                    VirtualServerKey::Group(_) => (None, true),
                };
                if twice || services.insert((service.key.clone(), protocol, service.family)) {
                    virtual_servers.push(service);
                    let heading = node.argument(0).map_or(node.span(), |word| word.span);
                    headings.virtual_servers.push(heading);
                } else {
                    // keepalived takes both in silence, for one place in the kernel.
                    let message = "virtual server is already defined - skipping the second";
                    let span = service::endpoint_span(node);
                    let help = "the kernel has room for one: make one block of the two";
                    let note = Diagnostic::note(Code::Duplicate, span, message).help(help);
                    lower.sink.push(note);
                }
            }
            "SSL" => ssl = Some(lower.ssl(node, ssl.as_ref())),
            "vrrp_script" => scripts.extend(lower.vrrp_script(node)),
            "vrrp_track_process" => model.track_processes.extend(lower.track_process(node)),
            "track_file" | "vrrp_track_file" => model.track_files.extend(lower.track_file(node)),
            "bfd_instance" => {
                let found = lower.bfd_instance(node);
                model.bfd_instances.extend(found);
            }
            "garp_group" => {
                let found = lower.garp_group(node, model.garp_groups.len());
                model.garp_groups.extend(found);
            }
            "linkbeat_interfaces" => {
                lower.linkbeat_interfaces(node, &mut model.linkbeat_interfaces);
            }
            "interface_up_down_delays" => {
                lower.interface_delays(node, &mut model.interface_delays);
            }
            "track_group" => model.track_groups.extend(lower.track_group(node)),
            _ => {}
        }
    }
    // keepalived does not come to its scripts where an interface is missing, or there is no instance.
    let vrrp = lower.tracked.missing_interface.is_none() && !instances.is_empty();
    let (instances, sync_groups) = lower.complete_vrrp(instances, groups);
    model.scripts = lower.vrrp_scripts(scripts, vrrp);
    lower.script_security(vrrp);
    let instances = instances
        .into_iter()
        .map(|(instance, heading)| {
            headings.instances.push(heading);
            instance
        })
        .collect();
    let model = Model {
        global: lower.global,
        ssl,
        sync_groups,
        instances,
        virtual_server_groups: server_groups.list,
        virtual_servers,
        ..model
    };
    (model, headings)
}

fn root<'t>(tree: &'t Tree, sources: &'t Sources) -> Option<Node<'t>> {
    tree.root(sources)
}

/// What lowering needs at hand.
struct Lower<'l> {
    sink: &'l mut Sink,
    sources: &'l Sources,
    loader: &'l dyn Loader,
    global: Global,
    scripts: Scripts,
    tracked: Tracked,
    /// For rules without one.
    preferences: rule::Preferences,
    /// Names of VMACs and ipvlans, and the instances they belong to.
    device_names: HashMap<String, String>,
    host_names: host_names::HostNames,
}

impl Lower<'_> {
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.sink.push(Diagnostic::error(code, span, message));
    }

    fn error_help(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.sink
            .push(Diagnostic::error(code, span, message).help(help));
    }

    fn warning(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.sink
            .push(Diagnostic::warning(code, span, message).help(help));
    }

    fn note(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.sink
            .push(Diagnostic::note(code, span, message).help(help));
    }

    /// The first word after the keyword, which must be there.
    fn require<'n>(&mut self, node: Node<'n>) -> Option<Word<'n>> {
        let word = node.argument(0);
        if word.is_none() {
            self.sink.push(missing_parameter(node, 2));
        }
        word
    }

    /// The number a word must be; `also` is what keepalived adds to its complaint.
    fn number_of(
        &mut self,
        node: Node<'_>,
        word: &Word<'_>,
        range: RangeInclusive<u64>,
        also: Option<String>,
    ) -> Option<u64> {
        let found = number::unsigned(&word.text, range);
        self.settle(node, word, found, |_| also.unwrap_or_default())
    }

    /// The number that must follow the keyword.
    fn number(
        &mut self,
        node: Node<'_>,
        range: RangeInclusive<u64>,
        also: impl Fn(&str) -> String,
    ) -> Option<u64> {
        let word = self.require(node)?;
        let found = number::unsigned(&word.text, range);
        self.settle(node, &word, found, also)
    }

    fn u32(
        &mut self,
        node: Node<'_>,
        range: RangeInclusive<u32>,
        also: impl Fn(&str) -> String,
    ) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.number(node, range, also)
            .and_then(|n| u32::try_from(n).ok())
    }

    fn u8(
        &mut self,
        node: Node<'_>,
        range: RangeInclusive<u8>,
        also: impl Fn(&str) -> String,
    ) -> Option<u8> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.number(node, range, also)
            .and_then(|n| u8::try_from(n).ok())
    }

    /// The time that must follow the keyword: seconds with decimals, the range in microseconds.
    fn seconds(
        &mut self,
        node: Node<'_>,
        range: RangeInclusive<u64>,
        also: impl Fn(&str) -> String,
    ) -> Option<Duration> {
        let word = self.require(node)?;
        let found = number::seconds(&word.text, range);
        if found != Err(number::NumberError::Invalid) && number::too_precise(&word.text, 6) {
            let message = format!("number '{}' has too many decimal places", word.text);
            let help = "six decimals are a microsecond; it is rounded to that";
            self.error_help(Code::InvalidNumber, word.span, message, help);
        }
        self.settle(node, &word, found, also)
    }

    /// The whole seconds that must follow the keyword.
    fn whole_seconds(
        &mut self,
        node: Node<'_>,
        most: u32,
        also: impl Fn(&str) -> String,
    ) -> Option<Duration> {
        self.u32(node, 0..=most, also)
            .map(|n| Duration::from_secs(u64::from(n)))
    }

    fn settle<T>(
        &mut self,
        node: Node<'_>,
        word: &Word<'_>,
        found: Result<T, number::NumberError>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<T> {
        match found {
            Ok(value) => Some(value),
            Err(error) => {
                let mut diagnostic =
                    Diagnostic::error(Code::InvalidNumber, word.span, error.say(&word.text));
                diagnostic.also = Some(also(&word.text)).filter(|also| !also.is_empty());
                self.sink.push(diagnostic.help(takes(node)));
                None
            }
        }
    }

    /// `[BOOL]`: true without a word. A wrong word is reported and changes nothing.
    fn boolean(&mut self, node: Node<'_>, complaint: impl Fn(&str) -> String) -> Option<bool> {
        let Some(word) = node.argument(0) else {
            return Some(true);
        };
        let value = boolean::boolean(&word.text);
        if value.is_none() {
            let help = "on, true, yes or off, false, no, in lower case";
            self.error_help(Code::InvalidValue, word.span, complaint(&word.text), help);
        }
        value
    }

    /// A one-word text with a limit of bytes; a longer one is cut.
    fn short_name(
        &mut self,
        node: Node<'_>,
        most: usize,
        complaint: impl Fn(&str) -> String,
    ) -> Option<String> {
        let word = self.require(node)?;
        if word.text.len() <= most {
            return Some(word.text.into_owned());
        }
        let help = format!("only its first {most} bytes are used");
        self.warning(Code::InvalidName, word.span, complaint(&word.text), help);
        Some(
            word.text
                .chars()
                .scan(0, |n, c| {
                    *n += c.len_utf8();
                    (*n <= most).then_some(c)
                })
                .collect(),
        )
    }
}

/// What a keyword takes, for a hint.
fn takes(node: Node<'_>) -> String {
    let (name, arguments, default) = (node.name(), node.keyword.arguments, node.keyword.default);
    if default == "-" || default == "none" || default.starts_with("required") {
        format!("`{name}` takes {arguments}")
    } else {
        format!(
            "`{name}` takes {arguments}; the default is {}",
            default.trim_start_matches("= ")
        )
    }
}

/// No words of keepalived's to add.
fn nothing(_: &str) -> String {
    String::new()
}
