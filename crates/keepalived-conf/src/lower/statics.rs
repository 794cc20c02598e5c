//! `static_ipaddress`, `static_routes`, `static_rules`: what is there as long as the daemon is, and the groups that track it.

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::model::{StaticAddress, StaticRoute, StaticRule, Statics, TrackGroup};
use crate::span::Span;

/// The `track_group` of a line, so far, and where it stands.
#[derive(Debug)]
pub(super) struct Tracking<'g> {
    /// The groups that were defined before.
    known: &'g [TrackGroup],
    group: Option<(String, Span)>,
}

impl Tracking<'_> {
    fn into_name(self) -> Option<String> {
        self.group.map(|(name, _)| name)
    }
}

impl Lower<'_> {
    /// A block of statics, added to those before.
    pub(super) fn statics(&mut self, block: Node<'_>, known: &[TrackGroup], statics: &mut Statics) {
        for entry in block.entries() {
            let mut tracking = Tracking { known, group: None };
            match block.name() {
                "static_ipaddress" => {
                    let Some(address) = self.address(&entry, Some(&mut tracking)) else {
                        continue;
                    };
                    if address.device.is_none() && !self.default_interface(&entry) {
                        continue;
                    }
                    let track_group = tracking.into_name();
                    statics.addresses.push(StaticAddress {
                        address,
                        track_group,
                    });
                }
                "static_routes" => {
                    let route = self.route(&entry, Some(&mut tracking));
                    let track_group = tracking.into_name();
                    statics
                        .routes
                        .extend(route.map(|route| StaticRoute { route, track_group }));
                }
                _ => {
                    let rule = self.rule(&entry, Some(&mut tracking));
                    let track_group = tracking.into_name();
                    statics
                        .rules
                        .extend(rule.map(|rule| StaticRule { rule, track_group }));
                }
            }
        }
    }

    /// Whether there is an interface for a static address that names none.
    fn default_interface(&mut self, entry: &[Word<'_>]) -> bool {
        let default = self.global.interfaces.default.as_deref();
        let name = default.unwrap_or(DEFAULT_INTERFACE);
        if self.may_have_interface(name) {
            return true;
        }
        if let Some(word) = entry.first() {
            let message = format!(
                "Static address {} requires either an interface or default interface must exist",
                word.text
            );
            let help = format!("add `dev NAME`: there is no interface {name}");
            self.error_help(Code::StaticInterface, word.span, message, help);
        }
        false
    }

    /// A line's `track_group`, which must have been defined before.
    pub(super) fn tracked_by(&mut self, name: &Word<'_>, tracking: &mut Tracking<'_>) {
        let text = &*name.text;
        if tracking.group.is_some() {
            let message = format!("track_group {text} is a duplicate");
            self.error(Code::Duplicate, name.span, message);
        } else if tracking.known.iter().any(|group| group.name == text) {
            tracking.group = Some((text.to_owned(), name.span));
        } else {
            let message = format!("track_group {text} not found");
            let mut diagnostic = Diagnostic::error(Code::InvalidValue, name.span, message);
            let known = tracking.known.iter().map(|group| group.name.as_str());
            diagnostic.help = Some(match self.tracked.guesses.nearest(text, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "a `track_group` block must stand before it".to_owned(),
            });
            self.sink.push(diagnostic);
        }
    }

    /// Nothing would show that it was removed: it goes without its group.
    pub(super) fn untrackable(&mut self, tracking: &mut Tracking<'_>, message: &str) {
        if let Some((_, span)) = tracking.group.take() {
            self.error(Code::Conflict, span, message);
        }
    }
}

/// `default_interface`, when none was given.
const DEFAULT_INTERFACE: &str = "eth0";
