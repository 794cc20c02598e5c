//! The entries of `track_interface`, `track_script`, `track_file`, `track_process` and `track_bfd`.
//!
//! keepalived behaviour: what is tracked must be defined before the block that names it; an entry for anything else is
//! dropped.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Lower;
use super::vrrp::TrackingDraft;
use crate::ast::{Node, Tree, Word};
use crate::diag::{Code, Diagnostic, Guesses};
use crate::model::{DynamicInterfaces, TrackEntry, TrackKind, TrackWeight};
use crate::source::Sources;
use crate::span::Span;
use crate::value::number;

/// What can be tracked.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    /// Which statement of the outermost level is being read, from 0.
    pub(super) at: usize,
    /// Everything that the text defines, at any place; it may have been dropped for its own reasons.
    names: HashMap<TrackKind, HashMap<String, Defined>>,
    pub(super) guesses: Guesses,
    /// What was accepted so far: after which statement it is known, and its weight.
    known: HashMap<(TrackKind, String), (usize, TrackWeight)>,
    /// The first interface that is tracked or grouped and is not there: VRRP does not start.
    pub(super) missing_interface: Option<Span>,
    /// The interfaces of groups.
    pub(super) grouped: HashSet<String>,
    /// The neighbours of BFD with our own addresses towards them, and the names of their instances.
    pub(super) neighbours: HashMap<(IpAddr, Option<IpAddr>), String>,
}

#[derive(Debug)]
struct Defined {
    statement: usize,
    span: Span,
}

impl Tracked {
    /// Looks for names only.
    pub(super) fn gather(&mut self, trees: &[Tree], sources: &Sources) {
        for (statement, tree) in trees.iter().enumerate() {
            let kind = match tree.name() {
                "vrrp_script" => TrackKind::Script,
                "vrrp_track_process" => TrackKind::Process,
                "track_file" | "vrrp_track_file" => TrackKind::File,
                "bfd_instance" => TrackKind::Bfd,
                _ => continue,
            };
            let Some(word) = super::root(tree, sources).and_then(|node| node.argument(0)) else {
                continue;
            };
            let names = self.names.entry(kind).or_default();
            names.entry(word.text.into_owned()).or_insert(Defined {
                statement,
                span: word.span,
            });
        }
    }

    /// From here on it can be tracked. The first of two by one name is the one that counts.
    pub(super) fn define(&mut self, kind: TrackKind, name: &str, weight: TrackWeight) -> bool {
        let at = self.at;
        let mut new = false;
        self.known
            .entry((kind, name.to_owned()))
            .or_insert_with(|| {
                new = true;
                (at, weight)
            });
        new
    }

    pub(super) fn weight(&self, kind: TrackKind, name: &str) -> Option<TrackWeight> {
        let (since, weight) = self.known.get(&(kind, name.to_owned()))?;
        (*since < self.at).then_some(*weight)
    }

    /// Whether it was accepted before the statement that is being read.
    pub(super) fn is_known(&self, kind: TrackKind, name: &str) -> bool {
        self.weight(kind, name).is_some()
    }

    fn defined(&self, kind: TrackKind, name: &str) -> Option<&Defined> {
        self.names.get(&kind)?.get(name)
    }

    /// What may have been meant; a file with thousands of wrong names is not helped by as many guesses.
    fn guess(&self, kind: TrackKind, name: &str) -> Option<&str> {
        let names = self.names.get(&kind)?;
        self.guesses.nearest(name, names.keys().map(String::as_str))
    }
}

/// keepalived's words, which differ from kind to kind.
impl TrackKind {
    fn of(block: Node<'_>) -> Self {
        match block.name() {
            "track_script" => Self::Script,
            "track_file" => Self::File,
            "track_process" => Self::Process,
            "track_bfd" => Self::Bfd,
            _ => Self::Interface,
        }
    }

    fn block(self) -> &'static str {
        match self {
            Self::Interface => "track_interface",
            Self::Script => "track_script",
            Self::File => "track_file",
            Self::Process => "track_process",
            Self::Bfd => "track_bfd",
        }
    }

    fn definition(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
            Self::Bfd => "bfd_instance",
        }
    }

    /// The most that a weight may count.
    fn most(self) -> i32 {
        match self {
            Self::File | Self::Process => 254,
            Self::Interface | Self::Script | Self::Bfd => 253,
        }
    }

    fn not_found(self, name: &str) -> String {
        match self {
            Self::Interface => format!("tracked interface {name} doesn't exist"),
            Self::Script => format!("track script {name} not found, ignoring..."),
            Self::File => format!("track file {name} not found, ignoring..."),
            Self::Process => format!("track process {name} not found, ignoring..."),
            Self::Bfd => format!("track bfd {name} not found, ignoring..."),
        }
    }

    fn unknown_option(self, name: &str, option: &str) -> String {
        match self {
            Self::Interface => format!("unknown track_interface {name} option {option} - ignoring"),
            Self::Script => format!("unknown track script option {option} - ignoring"),
            Self::File => format!("unknown track file option {option} - ignoring"),
            Self::Process => format!("unknown track process option {option} - ignoring"),
            Self::Bfd => format!("unknown track bfd {name} option {option} - ignoring"),
        }
    }

    fn without_value(self, name: &str) -> String {
        let what = match self {
            Self::Interface => "track_interface",
            Self::Script => "track script",
            Self::File => "track file",
            Self::Process => "track process",
            Self::Bfd => "track bfd",
        };
        format!("weight without value specified for {what} {name} - ignoring")
    }

    fn out_of_range(self, name: &str, weight: &str) -> String {
        match self {
            Self::Interface => {
                format!(
                    "weight {weight} for {name} must be between [-253..253] inclusive. Ignoring..."
                )
            }
            Self::Script => {
                format!(
                    "track script {name}: weight must be between [-253..253] inclusive, ignoring..."
                )
            }
            Self::File => {
                format!(
                    "weight for track file {name} must be in [-254..254] inclusive. Ignoring..."
                )
            }
            Self::Process => {
                format!(
                    "weight for track process {name} must be in [-254..254] inclusive. Ignoring..."
                )
            }
            Self::Bfd => {
                format!("weight for track bfd {name} must be in [-253..253] inclusive. Ignoring...")
            }
        }
    }

    fn unknown_weight_option(self, name: &str, option: &str) -> String {
        match self {
            // keepalived's own spelling.
            Self::Interface => {
                format!("unknown track_interace {name} weight option {option} - ignoring")
            }
            Self::Script => {
                format!("unknown track_script {name} weight option {option} - ignoring")
            }
            Self::File => format!("unknown track file {name} weight option {option} - ignoring"),
            Self::Process => {
                format!("unknown track_process {name} weight option {option} - ignoring")
            }
            Self::Bfd => format!("unknown track bfd {name} weight option {option} - ignoring"),
        }
    }
}

impl Lower<'_> {
    /// The lines of a `track_..` block, added to what its owner tracks already: a second block goes on where the first
    /// ended, and nothing is tracked twice.
    pub(super) fn track_entries(
        &mut self,
        block: Node<'_>,
        owner: &str,
        tracking: &mut TrackingDraft,
    ) {
        let kind = TrackKind::of(block);
        for words in block.entries() {
            let Some(first) = words.first() else { continue };
            if let Some(entry) = self.track_entry(kind, owner, &words, tracking) {
                tracking.push(entry, first.span);
            }
        }
    }

    fn track_entry(
        &mut self,
        kind: TrackKind,
        owner: &str,
        words: &[Word<'_>],
        tracking: &TrackingDraft,
    ) -> Option<TrackEntry> {
        let (first, options) = words.split_first()?;
        let name = first.text.as_ref();
        let mut weight = match kind {
            TrackKind::Interface => {
                self.tracked_interface(owner, first)?;
                TrackWeight::default()
            }
            _ => self
                .tracked
                .weight(kind, name)
                .or_else(|| self.not_tracked(kind, owner, first))?,
        };
        if tracking.has(kind, name) {
            let message = format!("({owner}) duplicate {} {name} - ignoring", kind.block());
            let help = "it is tracked already; the first entry counts";
            self.error_help(Code::Duplicate, first.span, message, help);
            return None;
        }
        let entry = |weight| TrackEntry {
            kind,
            name: name.to_owned(),
            weight,
        };
        let (keyword, rest) = match options.split_first() {
            None => return Some(entry(weight)),
            Some((word, rest)) => (word, rest),
        };
        if keyword.text != "weight" {
            let message = format!("({owner}) {}", kind.unknown_option(name, &keyword.text));
            let help = match &*keyword.text {
                "reverse" | "noreverse" => {
                    "it stands after a weight: `weight N reverse`".to_owned()
                }
                text if text.parse::<i64>().is_ok() => format!("write `weight {text}`"),
                _ => "one entry a line: NAME [weight N [reverse]]; this one is dropped".to_owned(),
            };
            self.error_help(Code::InvalidValue, keyword.span, message, help);
            return None;
        }
        let Some((points, rest)) = rest.split_first() else {
            let message = format!("({owner}) {}", kind.without_value(name));
            let help = format!("`weight N`, -{0} to {0}; the entry is dropped", kind.most());
            self.error_help(Code::InvalidNumber, keyword.span, message, help);
            return None;
        };
        weight.points = self
            .track_points(kind, owner, name, points)
            .unwrap_or(weight.points);
        match rest.first() {
            None => {}
            Some(word) if word.text == "reverse" => weight.reverse = true,
            Some(word) if word.text == "noreverse" && kind != TrackKind::Interface => {
                weight.reverse = false;
            }
            Some(word) => {
                let text = kind.unknown_weight_option(name, &word.text);
                let drops = matches!(kind, TrackKind::File | TrackKind::Process | TrackKind::Bfd);
                let help = match (kind, drops) {
                    (TrackKind::Interface, _) => "`reverse`, or nothing",
                    (_, true) => "`reverse` or `noreverse`; the entry is dropped",
                    (_, false) => "`reverse` or `noreverse`",
                };
                self.error_help(
                    Code::InvalidValue,
                    word.span,
                    format!("({owner}) {text}"),
                    help,
                );
                if drops {
                    return None;
                }
            }
        }
        Some(entry(weight))
    }

    fn track_points(
        &mut self,
        kind: TrackKind,
        owner: &str,
        name: &str,
        word: &Word<'_>,
    ) -> Option<i16> {
        // keepalived behaviour: 254 is one too many here, and mended.
        let mended = matches!(kind, TrackKind::Interface | TrackKind::Script);
        let limit = kind.most() + i32::from(mended);
        match number::signed(&word.text, -limit..=limit) {
            Ok(points) => {
                let most = kind.most();
                if points.abs() > most {
                    let message =
                        format!("({owner}) weight for {name} cannot be +/-254. Setting to +/-253");
                    let help = "-253 to 253";
                    self.error_help(Code::InvalidNumber, word.span, message, help);
                }
                i16::try_from(points.clamp(-most, most)).ok()
            }
            Err(error) => {
                let also = format!("({owner}) {}", kind.out_of_range(name, &word.text));
                let help = format!(
                    "-{0} to {0}; the entry has no weight of its own",
                    kind.most()
                );
                let message = error.say(&word.text);
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink.push(diagnostic.also(also).help(help));
                None
            }
        }
    }

    fn tracked_interface(&mut self, owner: &str, word: &Word<'_>) -> Option<()> {
        if self.may_have_interface(&word.text) {
            return Some(());
        }
        let message = format!("({owner}) {}", TrackKind::Interface.not_found(&word.text));
        let help = match &*word.text {
            "{" | "}" => "a brace is no interface; one name a line",
            _ => {
                "`ip link` lists the interfaces of this host; the daemon does not start without it, \
                  unless global_defs says `dynamic_interfaces`"
            }
        };
        self.missing_interface(word.span, message, help);
        None
    }

    /// Whether there is such an interface, or `dynamic_interfaces` says that it may come.
    pub(super) fn may_have_interface(&self, name: &str) -> bool {
        self.global.interfaces.dynamic != DynamicInterfaces::No || self.has_interface(name)
    }

    /// An interface that VRRP cannot do without.
    pub(super) fn missing_interface(&mut self, span: Span, message: String, help: &str) {
        self.tracked.missing_interface.get_or_insert(span);
        let diagnostic = Diagnostic::error(Code::InterfaceMissing, span, message);
        self.sink.push(
            diagnostic
                .also("Non-existent interface specified in configuration")
                .help(help),
        );
    }

    fn not_tracked(
        &mut self,
        kind: TrackKind,
        owner: &str,
        word: &Word<'_>,
    ) -> Option<TrackWeight> {
        let name = word.text.as_ref();
        let help = self.unknown(kind, name);
        let message = format!("({owner}) {}", kind.not_found(name));
        self.error_help(Code::UnknownTracker, word.span, message, help);
        None
    }

    /// What to do about a name that nothing accepted before has.
    pub(super) fn unknown(&mut self, kind: TrackKind, name: &str) -> String {
        let what = kind.definition();
        match self.tracked.defined(kind, name) {
            Some(defined) if defined.statement >= self.tracked.at => {
                let line = self.line(defined.span);
                format!(
                    "its {what} stands further down, in line {line}: it must come before what tracks it"
                )
            }
            Some(_) => format!("the {what} of that name was removed: see what is said of it"),
            None => {
                let other_kinds = [
                    TrackKind::Script,
                    TrackKind::File,
                    TrackKind::Process,
                    TrackKind::Bfd,
                ];
                let mut other_kinds = other_kinds.into_iter();
                let elsewhere =
                    other_kinds.find(|other| self.tracked.defined(*other, name).is_some());
                match (self.tracked.guess(kind, name), elsewhere) {
                    (_, Some(other)) => format!(
                        "`{name}` is a {}: write it into `{}`",
                        other.definition(),
                        other.block()
                    ),
                    (Some(near), None) => format!("did you mean `{near}`?"),
                    (None, None) => format!("no {what} has that name; nothing is tracked"),
                }
            }
        }
    }

    fn line(&self, span: Span) -> usize {
        let span = self.sources.origin(span);
        let source = self.sources.source(span.source);
        source.map_or(0, |source| source.position(span.start).0)
    }

    /// `weight N [reverse]` of the thing itself. `most` limits it; the complaints of a number and of an option.
    pub(super) fn own_weight(
        &mut self,
        node: Node<'_>,
        most: i16,
        wrong: impl FnOnce(&str) -> String,
        option: impl FnOnce(&str) -> String,
    ) -> Option<TrackWeight> {
        let word = self.require(node)?;
        let limit = i32::from(most);
        let found = number::signed(&word.text, -limit..=limit);
        let points = self.settle(node, &word, found, wrong)?;
        let mut reverse = false;
        if let Some(word) = node.argument(1) {
            reverse = word.text == "reverse";
            if !reverse {
                let help = "`reverse`, or nothing";
                self.error_help(Code::InvalidValue, word.span, option(&word.text), help);
            }
        }
        let points = i16::try_from(points).ok()?;
        Some(TrackWeight { points, reverse })
    }
}
